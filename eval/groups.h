// Means over groups of patients that share a value of their metadata: which tumour type gains from which test-time augmentation.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "datasets/source.h"
#include "eval/task.h"

namespace larmor::eval {

struct GroupScore {
  std::string group;            ///< value of the column; "" for patients without one
  std::vector<Metric> metrics;  ///< dice_patients, and hd95_patients where distances were taken; intervals over the group's patients
};

/// The groups of an evaluation's patients in the order of their values: numbers by size, before text. A patient's value is the mean over
/// its classes; it is missed, or has one mask empty, when that is so for one of them. Intervals from `resamples` bootstrap draws. Errors of
/// require_column().
std::vector<GroupScore> score_groups(const Evaluation& evaluation, const datasets::Source& source, const std::string& column,
                                     int64_t resamples);

/// Error (usage) for a column that no study has (nearest name told).
void require_column(const datasets::Source& source, const std::string& column);

}  // namespace larmor::eval
