#include "eval/uncertainty.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace larmor::eval {
namespace {

constexpr int64_t kHeight = 5, kWidth = 7;

/// Members with probabilities from 0 to 1, both included; of several channels they sum to 1.
std::vector<at::Tensor> members_of(int64_t members, int64_t channels, uint64_t seed) {
  at::manual_seed(seed);
  std::vector<at::Tensor> all;
  for (int64_t i = 0; i < members; ++i) {
    at::Tensor logits = 8 * at::randn({channels, kHeight, kWidth});
    logits[0][0][0] = 200;
    logits[0][0][1] = -200;
    all.push_back(channels == 1 ? logits.sigmoid() : logits.softmax(0));
  }
  return all;
}

Uncertainty uncertainty_of(const std::vector<at::Tensor>& members) {
  MemberSums sums;
  for (const at::Tensor& member : members) sums.add(member);
  return sums.finish();
}

double entropy_of(const std::vector<double>& p) {
  double sum = 0;
  for (const double value : p) sum -= value > 0 ? value * std::log(value) : 0;
  return sum / std::log(static_cast<double>(p.size()));
}

/// All classes of a pixel, the background of a sigmoid included.
std::vector<double> classes_at(const at::Tensor& member, int64_t y, int64_t x) {
  const int64_t channels = member.size(0);
  if (channels == 1) return {1 - member[0][y][x].item<double>(), member[0][y][x].item<double>()};
  std::vector<double> p;
  for (int64_t k = 0; k < channels; ++k) p.push_back(member[k][y][x].item<double>());
  return p;
}

/// The definition as it is written, in double.
std::pair<double, double> plainly(const std::vector<at::Tensor>& members, int64_t y, int64_t x) {
  std::vector<double> mean;
  double mean_of_entropies = 0;
  const auto count = static_cast<double>(members.size());
  for (const at::Tensor& member : members) {
    const std::vector<double> p = classes_at(member, y, x);
    mean.resize(p.size(), 0);
    for (size_t k = 0; k < p.size(); ++k) mean[k] += p[k] / count;
    mean_of_entropies += entropy_of(p) / count;
  }
  return {entropy_of(mean), entropy_of(mean) - mean_of_entropies};
}

TEST(Uncertainty, AgreesWithPlainLoops) {
  for (const int64_t channels : {1, 2, 3, 5}) {
    for (const int64_t count : {1, 2, 8}) {
      const std::vector<at::Tensor> members = members_of(count, channels, 7);
      const Uncertainty found = uncertainty_of(members);
      EXPECT_EQ(found.mutual_information.defined(), count > 1);
      for (int64_t y = 0; y < kHeight; ++y) {
        for (int64_t x = 0; x < kWidth; ++x) {
          const auto [entropy, information] = plainly(members, y, x);
          EXPECT_NEAR(found.entropy[y][x].item<double>(), entropy, 1e-6) << channels << " " << count;
          if (count == 1) continue;
          EXPECT_NEAR(found.mutual_information[y][x].item<double>(), information, 1e-6);
        }
      }
    }
  }
}

struct Known {
  std::vector<double> members;  ///< of one sigmoid
  double entropy, information;
};

TEST(Uncertainty, KnownValues) {
  const std::vector<Known> cases = {{{0.5}, 1, 0},
                                    {{0}, 0, 0},
                                    {{1}, 0, 0},
                                    {{0.5, 0.5}, 1, 0},
                                    {{0, 1}, 1, 1},
                                    {{1, 1}, 0, 0},
                                    {{0, 0, 1, 1}, 1, 1},
                                    {{0, 0.5}, 0.8112781244591328, 0.3112781244591328},
                                    {{0.25, 0.25}, 0.8112781244591328, 0}};
  for (const Known& known : cases) {
    std::vector<at::Tensor> members;
    for (const double p : known.members) members.push_back(at::full({1, 1, 1}, p, at::kFloat));
    const Uncertainty found = uncertainty_of(members);
    EXPECT_NEAR(found.entropy.item<double>(), known.entropy, 1e-6);
    if (members.size() == 1) continue;
    EXPECT_NEAR(found.mutual_information.item<double>(), known.information, 1e-6);
  }
}

RC_GTEST_PROP(UncertaintyLaws, LiesBetweenZeroAndOneAndInformationBelowEntropy, ()) {
  const auto channels = *rc::gen::inRange<int64_t>(1, 5), count = *rc::gen::inRange<int64_t>(2, 6);
  const Uncertainty found = uncertainty_of(members_of(count, channels, *rc::gen::inRange<uint64_t>(0, 1000)));
  RC_ASSERT(found.entropy.min().item<double>() >= 0 && found.entropy.max().item<double>() <= 1);
  RC_ASSERT(found.mutual_information.min().item<double>() >= 0);
  RC_ASSERT((found.entropy - found.mutual_information).min().item<double>() >= -1e-6);
}

RC_GTEST_PROP(UncertaintyLaws, EqualMembersContradictNobody, ()) {
  const at::Tensor one = members_of(1, *rc::gen::inRange<int64_t>(1, 4), *rc::gen::inRange<uint64_t>(0, 1000))[0];
  const auto count = *rc::gen::inRange<size_t>(2, 9);
  const Uncertainty found = uncertainty_of(std::vector<at::Tensor>(count, one));
  RC_ASSERT(found.mutual_information.max().item<double>() <= 1e-12);
  RC_ASSERT(at::equal(found.entropy, normalised_entropy(one)));
}

RC_GTEST_PROP(UncertaintyLaws, OrderOfMembersDoesNotMatter, ()) {
  std::vector<at::Tensor> members = members_of(5, *rc::gen::inRange<int64_t>(1, 4), *rc::gen::inRange<uint64_t>(0, 1000));
  const Uncertainty before = uncertainty_of(members);
  std::rotate(members.begin(), members.begin() + *rc::gen::inRange<int64_t>(1, 5), members.end());
  std::reverse(members.begin(), members.begin() + 3);
  const Uncertainty after = uncertainty_of(members);
  RC_ASSERT((before.entropy - after.entropy).abs().max().item<double>() <= 1e-6);
  RC_ASSERT((before.mutual_information - after.mutual_information).abs().max().item<double>() <= 1e-6);
}

/// What is added may be overwritten afterwards, as a predictor's buffers are.
TEST(Uncertainty, KeepsNothingThatItWasGiven) {
  const std::vector<at::Tensor> members = members_of(3, 1, 5);
  const Uncertainty expected = uncertainty_of(members);
  MemberSums sums;
  for (const at::Tensor& member : members) {
    at::Tensor buffer = member.clone();
    sums.add(buffer);
    buffer.fill_(0.5);
  }
  EXPECT_TRUE(at::equal(sums.finish().entropy, expected.entropy));
  EXPECT_EQ(sums.members(), 3);
}

}  // namespace
}  // namespace larmor::eval
