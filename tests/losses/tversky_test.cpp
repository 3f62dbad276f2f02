#include "losses/tversky.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "losses/dice.h"
#include "losses/jaccard.h"
#include "tests/losses/support.h"
#include "tests/support/hash_fill.h"

namespace larmor::losses {
namespace {

using testing::logits_of;
using testing::row;
using testing::Target;

testing::MakeLoss maker(TverskyOptions options) {
  return [options](std::optional<int64_t> ignore_index) mutable {
    options.overlap.ignore_index = ignore_index;
    return make_tversky(options);
  };
}

TEST(Tversky, KeepsTheContract) {
  const std::vector<Target> all = {Target::binary, Target::multi_label, Target::multi_class};
  testing::check_contract(maker({}), all);
  for (const double gamma : {0.01, 0.75, 1.33}) {
    TverskyOptions focal{.alpha = 0.3, .beta = 0.7, .gamma = gamma};
    testing::check_contract(maker(focal), all);
  }
}

TEST(Tversky, IsTheFormula) {
  const TverskyOptions options{.alpha = 0.3, .beta = 0.7, .gamma = 0.75};
  const at::Tensor loss = (*make_tversky(options))(logits_of({0.9, 0.8, 0.3, 0.1}), row({1, 0, 1, 0}));
  EXPECT_NEAR(loss.item<double>(), std::pow(1 - 1.2 / (1.2 + 0.3 * 0.9 + 0.7 * 0.8), 0.75), 1e-12);
}

TEST(Tversky, EmptyTargetWithASmallGammaHasAFlatGradient) {
  const auto [value, gradient] = testing::differentiate(*make_tversky({.gamma = 0.75}), logits_of({0.9, 0.2}), row({0, 0}));
  EXPECT_EQ(value.item<double>(), 0);
  EXPECT_EQ(gradient.abs().max().item<double>(), 0);
}

RC_GTEST_PROP(TverskyLaw, HoldsDiceAndJaccard, (uint32_t seed)) {
  const at::Tensor logits = at::tensor(larmor::testing::hash_fill("x", 12, seed, 4), at::kDouble).reshape({1, 1, 3, 4});
  const at::Tensor target = at::tensor(larmor::testing::hash_labels("t", 12, seed, 2), at::kDouble).reshape({1, 1, 3, 4});
  const auto value = [&](const std::unique_ptr<Loss>& loss) { return (*loss)(logits, target).item<double>(); };
  RC_ASSERT(std::abs(value(make_tversky({.alpha = 0.5, .beta = 0.5})) - value(make_dice({}))) < 1e-12);
  RC_ASSERT(std::abs(value(make_tversky({.alpha = 1, .beta = 1})) - value(make_jaccard({}))) < 1e-12);
}

}  // namespace
}  // namespace larmor::losses
