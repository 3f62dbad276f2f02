#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "core/error.h"
#include "core/random.h"
#include "datasets/loader.h"

namespace larmor::datasets {

namespace {

using Positions = std::vector<int64_t>;

const CaseInfo& info_of(const Source& source, const std::vector<int64_t>& indices, int64_t position) {
  return source.cases()[static_cast<size_t>(indices[static_cast<size_t>(position)])];
}

Positions all_positions(const std::vector<int64_t>& indices) {
  Positions positions(indices.size());
  std::iota(positions.begin(), positions.end(), 0);
  return positions;
}

/// `count` draws in which no case comes twice before every other has come once.
void draw_evenly(Positions cases, int64_t count, Random& random, Positions& order) {
  while (count > 0) {
    random.shuffle(cases);
    const auto part = std::min(count, static_cast<int64_t>(cases.size()));
    order.insert(order.end(), cases.begin(), cases.begin() + part);
    count -= part;
  }
}

Positions balanced_order(const Source& source, const std::vector<int64_t>& indices, double positive_share, Random& random) {
  Positions positive, empty;
  for (const int64_t position : all_positions(indices)) {
    (info_of(source, indices, position).foreground > 0 ? positive : empty).push_back(position);
  }
  const auto total = static_cast<int64_t>(indices.size());
  const auto wanted = static_cast<int64_t>(std::llround(positive_share * static_cast<double>(total)));
  if (wanted > 0 && positive.empty())
    throw_usage_error("data.sampling: balanced needs cases with foreground, and there is none; use uniform");
  if (wanted < total && empty.empty())
    throw_usage_error("data.sampling: balanced needs cases without foreground, and there is none; use uniform");
  Positions order;
  draw_evenly(positive, wanted, random, order);
  draw_evenly(empty, total - wanted, random, order);
  random.shuffle(order);
  return order;
}

/// One subject's slices with the running sum of their probabilities.
struct WeightedSubject {
  Positions positions;
  std::vector<double> cumulated;
};

std::vector<WeightedSubject> weigh(const Source& source, const std::vector<int64_t>& indices) {
  std::map<std::string, Positions> by_subject;
  for (const int64_t position : all_positions(indices)) by_subject[info_of(source, indices, position).key.subject].push_back(position);
  std::vector<WeightedSubject> subjects;
  for (const auto& [name, positions] : by_subject) {
    double sum = 0;
    for (const int64_t position : positions) sum += static_cast<double>(info_of(source, indices, position).foreground);
    const double mean = sum / static_cast<double>(positions.size());
    WeightedSubject subject{positions, {}};
    double reached = 0;
    for (const int64_t position : positions) {
      const auto area = static_cast<double>(info_of(source, indices, position).foreground);
      reached += sum > 0 ? (area + 0.1 * mean) / (1.1 * sum) : 1 / static_cast<double>(positions.size());
      subject.cumulated.push_back(reached);
    }
    subjects.push_back(std::move(subject));
  }
  return subjects;
}

/// Buda, Saha, Mazurowski 2019: a subject uniformly, then a slice by its area; empty slices keep a tenth of the mean's weight.
Positions weighted_order(const Source& source, const std::vector<int64_t>& indices, Random& random) {
  const std::vector<WeightedSubject> subjects = weigh(source, indices);
  Positions order(indices.size());
  for (int64_t& position : order) {
    const WeightedSubject& subject = subjects[static_cast<size_t>(random.integer(static_cast<int64_t>(subjects.size())))];
    const double target = random.uniform() * subject.cumulated.back();
    const auto chosen = std::upper_bound(subject.cumulated.begin(), subject.cumulated.end() - 1, target);
    position = subject.positions[static_cast<size_t>(chosen - subject.cumulated.begin())];
  }
  return order;
}

}  // namespace

std::vector<int64_t> epoch_order(const Source& source, const std::vector<int64_t>& indices, const LoaderOptions& options, int64_t epoch) {
  Random random(RandomKey(options.seed).with("order").with(static_cast<uint64_t>(epoch)));
  if (options.sampling == "balanced") return balanced_order(source, indices, options.positive_share, random);
  if (options.sampling == "weighted") return weighted_order(source, indices, random);
  Positions order = all_positions(indices);
  if (options.shuffle) random.shuffle(order);
  return order;
}

}  // namespace larmor::datasets
