// Which subjects train, validate, test. A subject never stands on two sides.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "core/options.h"
#include "datasets/source.h"

namespace larmor::datasets {

struct SplitOptions {
  std::string kind = "published";  ///< published | kfold | list | slice (demonstrates the leak, marks tables as leaking)
  int64_t folds = 5;
  int64_t fold = 0;
  int64_t seed = 42;
  std::string stratify;            ///< kind kfold: metadata column whose values every fold shares evenly; "": none
  std::vector<std::string> train;  ///< kind list; empty = all others
  std::vector<std::string> validation;
  std::vector<std::string> test, hold_out;  ///< set aside before the other sides are made, for every kind but slice
};
OptionTable options_of(SplitOptions& options);

/// Case indices of each side, sorted.
struct Split {
  std::vector<int64_t> train;
  std::vector<int64_t> validation;
  std::vector<int64_t> test, hold_out;
  bool leaks = false;  ///< made by kind slice
  std::vector<std::string> train_subjects, validation_subjects, test_subjects, hold_out_subjects;
};

/// Names of subjects are full or as far as unique ("TCGA_CS_4944"). Kind published takes those of its 10 patients that are there.
/// Folds differ by at most one subject, stratified ones also in each value of the column; subjects without a value are one group more.
/// Error (usage) for unknown subjects or columns (nearest name told), more folds than subjects, nothing to train or to validate on, none
/// of the published patients; Error (data) for a leak:
/// "subject TCGA_CS_4944 is in train and validation (data.split); subjects must be on one side".
Split make_split(const Source& source, const SplitOptions& options);

/// Refuses (Error, data) a split in which a subject has cases on two sides, naming subject and sides, unless the split says itself
/// that it leaks. Called by the loader's owner always.
void require_no_leak(const Source& source, const Split& split);

}  // namespace larmor::datasets
