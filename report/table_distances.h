// Surface distances of a table's rows: HD95, ASSD and NSD with their unit, beside the metric that the rows are compared by.
//
// They come from the same evaluations. One with folds is the mean over the patients of all folds. Empty masks stand in the means with
// the values of eval/surface_distance.h, and how often that was is told.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "core/csv.h"
#include "report/document.h"
#include "report/run_files.h"

namespace larmor::report {

struct TableResult;

/// One distance of one row.
struct DistanceResult {
  std::string name;  ///< "hd95_patients", "nsd_2_patients"; a class follows
  std::string unit;  ///< mm or px
  std::vector<double> seeds;
  double mean = 0, sd = 0;  ///< over seeds; the deviation is NaN for one
  int64_t count = 0;        ///< patients x seeds
  int64_t one_empty = 0;    ///< of them with one of both masks empty
};

/// True for HD95, ASSD and NSD.
bool is_distance(const MetricRecord& metric);
/// "HD95 (mm)", "NSD at 2 mm", "HD95 (mm), class 2".
std::string distance_label(const std::string& name, const std::string& unit);

/// From the evaluations of each seed, one per fold; in the order of the first. A distance that an evaluation lacks is left out.
std::vector<DistanceResult> summarise_distances(const std::vector<std::vector<const EvaluationRecord*>>& seeds);

bool has_distances(const TableResult& table);
/// row | one column per distance | one mask empty.
Table describe_distances(const TableResult& table);
/// row, metric, unit, seeds, mean, sd, cases, one_empty.
CsvTable to_distances_csv(const TableResult& table);

}  // namespace larmor::report
