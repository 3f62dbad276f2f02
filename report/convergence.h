// How fast runs learn: epochs and seconds until the validation metric first reaches given levels, and mean curves with a band over
// seeds.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "report/plot.h"

namespace larmor::report {

/// One validation of a run.
struct CurvePoint {
  int64_t epoch = 0;
  double seconds = 0;  ///< of training up to here, without validation; NaN where an epoch before has none
  double value = 0;
};
using RunCurve = std::vector<CurvePoint>;  ///< by epoch

/// When runs first had at least `level`: means over those that got there, NaN where none did.
struct Reached {
  double level = 0;
  int64_t runs = 0, never = 0;  ///< that got there, that did not
  double epochs = 0, seconds = 0;
};
Reached when_reached(const std::vector<RunCurve>& runs, double level);

/// For each epoch that any run has, the mean over the runs that have it, between their lowest and highest value.
BandSeries band_over_seeds(const std::string& name, const std::vector<RunCurve>& runs);

}  // namespace larmor::report
