#include "losses/jaccard.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "losses/dice.h"
#include "tests/losses/support.h"
#include "tests/support/hash_fill.h"

namespace larmor::losses {
namespace {

using testing::logits_of;
using testing::row;
using testing::Target;

testing::MakeLoss maker(JaccardOptions options) {
  return [options](std::optional<int64_t> ignore_index) mutable {
    options.overlap.ignore_index = ignore_index;
    return make_jaccard(options);
  };
}

TEST(Jaccard, KeepsTheContract) {
  const std::vector<Target> all = {Target::binary, Target::multi_label, Target::multi_class};
  testing::check_contract(maker({}), all);
  JaccardOptions other;
  other.overlap.log = true;
  other.overlap.smooth = 0.5;
  other.overlap.empty_target = "formula";
  other.squared = true;
  testing::check_contract(maker(other), all);
}

TEST(Jaccard, IsTheFormula) {
  const at::Tensor loss = (*make_jaccard({}))(logits_of({0.9, 0.8, 0.3, 0.1}), row({1, 0, 1, 0}));
  EXPECT_NEAR(loss.item<double>(), 1 - 1.2 / (2.1 + 2 - 1.2), 1e-12);
}

// Dice = 2 IoU / (1 + IoU), so the two are never taken for each other.
RC_GTEST_PROP(JaccardLaw, DiceFollowsFromIt, (uint32_t seed)) {
  const at::Tensor logits = at::tensor(larmor::testing::hash_fill("x", 12, seed, 4), at::kDouble).reshape({1, 1, 3, 4});
  at::Tensor target = at::tensor(larmor::testing::hash_labels("t", 12, seed, 2), at::kDouble).reshape({1, 1, 3, 4});
  target.view(-1)[0] = 1;
  const double iou = 1 - (*make_jaccard({}))(logits, target).item<double>();
  const double dice = 1 - (*make_dice({}))(logits, target).item<double>();
  RC_ASSERT(std::abs(dice - 2 * iou / (1 + iou)) < 1e-12);
}

}  // namespace
}  // namespace larmor::losses
