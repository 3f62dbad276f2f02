#include "optim/flat_parameters.h"

#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include "tests/optim/support.h"

namespace larmor::optim {
namespace {

TEST(FlatParameters, ParametersBecomeViewsOfOneBuffer) {
  const at::Tensor a = make_parameter(random_tensor("a", {3, 5}));
  const at::Tensor b = make_parameter(random_tensor("b", {7}));
  const at::Tensor values_of_b = b.detach().clone();
  const FlatParameters flat({{"a", a}, {"b", b}});
  ASSERT_EQ(flat.segments().size(), 2U);
  const Segment& second = flat.segments()[1];
  EXPECT_EQ(second.name, "b");
  EXPECT_EQ(second.offset, 16) << "64 bytes";
  EXPECT_EQ(second.count, 7);
  EXPECT_EQ(a.data_ptr<float>(), flat.weights().data_ptr<float>());
  EXPECT_EQ(b.data_ptr<float>(), flat.weights().data_ptr<float>() + 16);
  EXPECT_TRUE(at::equal(b, values_of_b));
  EXPECT_TRUE(b.requires_grad());
  EXPECT_TRUE(b.is_leaf());
}

TEST(FlatParameters, WeightsCanBeLoadedIntoTheParameters) {
  const at::Tensor a = make_parameter(random_tensor("a", {3, 5}));
  const FlatParameters flat({{"a", a}});
  const at::Tensor loaded = random_tensor("other", {3, 5});
  {
    const c10::NoGradGuard no_gradients;
    a.copy_(loaded);
  }
  EXPECT_TRUE(at::equal(flat.view(flat.weights(), flat.segments()[0]), loaded));
}

TEST(FlatParameters, KeepsTheLayout) {
  const at::Tensor nhwc = random_tensor("a", {4, 3, 2, 2}).contiguous(at::MemoryFormat::ChannelsLast);
  const at::Tensor a = make_parameter(nhwc);
  const FlatParameters flat({{"a", a}});
  EXPECT_TRUE(a.is_contiguous(at::MemoryFormat::ChannelsLast));
  EXPECT_TRUE(at::equal(a, nhwc));
  EXPECT_EQ(flat.segments()[0].filter, 12);
}

TEST(FlatParameters, LayoutsThatTearFiltersApartBecomeContiguous) {
  const at::Tensor values = random_tensor("a", {4, 3});
  const at::Tensor transposed = values.t().clone(at::MemoryFormat::Preserve);
  ASSERT_FALSE(transposed.is_contiguous());
  at::Tensor a = transposed.detach().set_requires_grad(true);
  const FlatParameters flat({{"a", a}});
  EXPECT_TRUE(a.is_contiguous());
  EXPECT_TRUE(at::equal(a, values.t()));
}

TEST(FlatParameters, GradientsAreFoundAndBroughtToTheLayout) {
  const at::Tensor a = make_parameter(random_tensor("a", {4, 3, 2, 2}));
  const at::Tensor b = make_parameter(random_tensor("b", {7}));
  const FlatParameters flat({{"a", a}, {"b", b}});
  EXPECT_TRUE(flat.segments_with_gradient().empty());
  const at::Tensor gradient = random_tensor("gradient", {4, 3, 2, 2});
  a.mutable_grad() = gradient.contiguous(at::MemoryFormat::ChannelsLast);
  EXPECT_EQ(flat.segments_with_gradient(), std::vector<size_t>{0});
  EXPECT_TRUE(a.grad().is_contiguous());
  EXPECT_TRUE(at::equal(a.grad(), gradient));
  flat.drop_gradients();
  EXPECT_FALSE(a.grad().defined());
}

TEST(FlatParameters, LargeBuffersBeginAtZero) {
  const at::Tensor buffer = make_flat_buffer(3 << 20, at::kFloat);
  EXPECT_EQ(buffer.abs().max().item<float>(), 0);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data_ptr()) % 64, 0U);
}

TEST(FlatParametersError, AllAreOfOneType) {
  const at::Tensor a = make_parameter(random_tensor("a", {3}));
  const at::Tensor b = make_parameter(random_tensor("b", {3}, at::kDouble));
  EXPECT_EQ(message_of([&] { FlatParameters({{"a", a}, {"b", b}}); }), "parameter 'b' is Double on cpu, but its group is Float on cpu");
}

}  // namespace
}  // namespace larmor::optim
