#include "optim/state.h"

#include <gtest/gtest.h>

#include "tests/optim/support.h"

namespace larmor::optim {
namespace {

const NamedTensors kExpected = {{"exp_avg/a", at::zeros({2, 3})}, {"exp_avg/b", at::zeros({4})}, {"step/a", at::zeros({}, at::kLong)}};

TEST(CheckState, TakesTheSameInAnyOrder) {
  EXPECT_EQ(message_of([] { check_state(kExpected, {kExpected[2], kExpected[0], kExpected[1]}, "last.safetensors"); }), "");
}

TEST(CheckStateError, SaysWhatIsWrong) {
  const auto message = [](const NamedTensors& given) { return message_of([&] { check_state(kExpected, given, "last.safetensors"); }); };
  EXPECT_EQ(message({kExpected[0], kExpected[1]}), "last.safetensors: lacks 'step/a'; it was saved by another optimizer or model");
  EXPECT_EQ(message({}), "last.safetensors: lacks 'exp_avg/a' and 2 more; it was saved by another optimizer or model");
  EXPECT_EQ(message({kExpected[0], kExpected[1], kExpected[2], {"slow/a", at::zeros({2, 3})}}),
            "last.safetensors: has unknown 'slow/a'; it was saved by another optimizer or model");
  EXPECT_EQ(message({{"exp_avg/a", at::zeros({3, 2})}, kExpected[1], kExpected[2]}),
            "last.safetensors: 'exp_avg/a' is Float [3, 2], must be Float [2, 3]");
  EXPECT_EQ(message({kExpected[0], kExpected[1], {"step/a", at::zeros({})}}), "last.safetensors: 'step/a' is Float [], must be Long []");
}

TEST(CopyState, GoesByName) {
  const NamedTensors target = {{"a", at::zeros({2})}, {"b", at::zeros({2})}};
  copy_state({{"b", at::full({2}, 2)}, {"a", at::full({2}, 1)}}, target);
  EXPECT_EQ(target[0].second[0].item<float>(), 1);
  EXPECT_EQ(target[1].second[0].item<float>(), 2);
}

}  // namespace
}  // namespace larmor::optim
