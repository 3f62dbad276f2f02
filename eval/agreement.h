// How far two readers of the same images agree: the human line beside a network's Dice.
//
//   dice           overlap of what both call foreground (any label but 0)
//   hd95           95th percentile of surface distances (surface_distance.h, surfels), in mm where the files store a spacing, else px
//   kappa          Cohen's kappa over all voxels of the image, foreground against background
//   kappa_labels   the same over all labels, background included; dice.<label> the Dice of each label. Both only where a case has more
//                  than one label
//
// Kappa is (observed - expected) / (1 - expected) agreement, expected from how often each reader gives each label; as background is
// most of a picture it depends on how much of it the image shows. Everything is the same with the readers exchanged.
//
// Empty masks. Both empty: Dice 1, distance 0, kappa 1 (nothing is left to disagree on: any two equal masks have kappa 1). Only one:
// Dice 0, the diagonal of the image, kappa 0; such cases are counted in `one_empty`. A label that neither reader gives in a case has no
// Dice there. Cohen 1960, Educational and Psychological Measurement 20:37.
#pragma once
#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "core/csv.h"
#include "eval/task.h"
#include "imaging/image.h"

namespace larmor::eval {

/// From counts of pairs, `labels` x `labels`, row by row: how often the first reader says i and the second j. Equal readings: 1.
double cohen_kappa(std::span<const int64_t> pairs, size_t labels);

struct CaseAgreement {
  std::string name;
  double dice = 0, hd95 = 0, kappa = 0;
  double kappa_labels = 0;                   ///< NaN with one label
  std::map<int64_t, double> dice_of_labels;  ///< of the labels that a reader gives; with more than one
  double volume_first = 0, volume_second = 0;
  std::string unit;        ///< of hd95: mm | px; volumes are its cube: mm3, or px
  bool one_empty = false;  ///< only one of the readers marks something
};

/// Label volumes of one size on one grid: u8, one channel (assertion). A depth of 1 is 2-D.
CaseAgreement agree(const std::string& name, const imaging::Image& first, const imaging::Image& second);

struct Agreement {
  std::vector<CaseAgreement> cases;                  ///< by name
  std::vector<std::string> only_first, only_second;  ///< cases that one reader alone has: left out, and told
  bool is_phantom = false;
};

/// Means over the cases with their counts and intervals (bootstrap, from five cases on): dice, hd95, kappa, kappa_labels, dice.<label>.
/// Error (data): distances of some cases in mm and of others in px.
std::vector<Metric> means_of(const std::vector<CaseAgreement>& cases);

/// The means as a table for people, and as JSON.
std::string means_text(const std::vector<Metric>& means);
nlohmann::json means_json(const std::vector<Metric>& means);
std::string to_text(const Agreement& agreement);
/// One row per case.
CsvTable agreement_table(const Agreement& agreement);
/// {"format": "larmor-agreement/1", "cases": […], "means": […], "only_first", "only_second", "phantom"}; numbers that do not exist are
/// null. Nothing in it names a reader or a folder.
nlohmann::json to_json(const Agreement& agreement);
/// The cases of such a file. Error (data) "FILE: …": no agreement, or damaged.
Agreement read_agreement(const std::string& file);

}  // namespace larmor::eval
