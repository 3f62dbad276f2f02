#include "report/convergence.h"

#include <algorithm>
#include <limits>
#include <map>

namespace larmor::report {

Reached when_reached(const std::vector<RunCurve>& runs, double level) {
  Reached reached{level, 0, 0, 0, 0};
  for (const RunCurve& run : runs) {
    const auto first = std::find_if(run.begin(), run.end(), [&](const CurvePoint& point) { return point.value >= level; });
    if (first == run.end()) {
      reached.never += 1;
      continue;
    }
    reached.runs += 1;
    reached.epochs += static_cast<double>(first->epoch);
    reached.seconds += first->seconds;
  }
  const double count = reached.runs == 0 ? std::numeric_limits<double>::quiet_NaN() : static_cast<double>(reached.runs);
  reached.epochs /= count;
  reached.seconds /= count;
  return reached;
}

BandSeries band_over_seeds(const std::string& name, const std::vector<RunCurve>& runs) {
  std::map<int64_t, std::vector<double>> values;
  for (const RunCurve& run : runs) {
    for (const CurvePoint& point : run) values[point.epoch].push_back(point.value);
  }
  BandSeries band{{name, {}, {}}, {}, {}};
  for (const auto& [epoch, at_epoch] : values) {
    double sum = 0;
    for (const double value : at_epoch) sum += value;
    band.mean.x.push_back(static_cast<double>(epoch));
    band.mean.y.push_back(sum / static_cast<double>(at_epoch.size()));
    band.low.push_back(*std::min_element(at_epoch.begin(), at_epoch.end()));
    band.high.push_back(*std::max_element(at_epoch.begin(), at_epoch.end()));
  }
  return band;
}

}  // namespace larmor::report
