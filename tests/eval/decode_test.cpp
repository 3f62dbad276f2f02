#include "eval/decode.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "datasets/prepare_sample.h"
#include "tests/eval/support.h"

namespace larmor::eval {
namespace {

using testing::mask_of;

std::vector<std::string> rows_of(const imaging::Image& mask) {
  std::vector<std::string> rows;
  for (int64_t y = 0; y < mask.height(); ++y) {
    rows.emplace_back();
    for (int64_t x = 0; x < mask.width(); ++x) rows.back() += static_cast<char>('0' + mask.data<uint8_t>()[y * mask.width() + x]);
  }
  return rows;
}

TEST(Decode, ThresholdIsInside) {
  const at::Tensor probabilities = at::tensor({0.49f, 0.5f, 0.51f, 0.0f}).reshape({1, 2, 2});
  EXPECT_EQ(rows_of(decode_mask(probabilities, 0.5)), (std::vector<std::string>{"01", "10"}));
  EXPECT_EQ(rows_of(decode_mask(probabilities, 0)), (std::vector<std::string>{"11", "11"}));
}

TEST(Decode, MostProbableClass) {
  const at::Tensor probabilities = at::tensor({0.2f, 0.6f, 0.5f, 0.3f, 0.3f, 0.1f}).reshape({3, 1, 2});
  EXPECT_EQ(rows_of(decode_mask(probabilities, 0.5)), (std::vector<std::string>{"10"}));
}

/// A blob that went to the network's size comes back to where it was, for every parity of the padding.
TEST(Decode, ResizeUndoesThePadding) {
  for (const auto& [width, height] : std::vector<std::pair<int64_t, int64_t>>{{32, 32}, {32, 20}, {21, 32}, {32, 19}, {64, 48}, {15, 64}}) {
    imaging::Image label = imaging::Image::make({width, height, 1}, 1, imaging::PixelType::u8);
    for (int64_t y = height / 4; y < height / 2; ++y) {
      for (int64_t x = width / 3; x < 2 * width / 3; ++x) label.data<uint8_t>()[y * width + x] = 1;
    }
    for (const int64_t size : {32, 64}) {
      const imaging::Image small = datasets::label_to_network_size(label, size);
      const at::Tensor probabilities =
          at::from_blob(const_cast<uint8_t*>(small.data<uint8_t>()), {1, size, size}, at::kByte).to(at::kFloat);
      const imaging::Image back = decode_mask(resize_to_source(probabilities, width, height), 0.5);
      ASSERT_EQ(back.size, label.size);
      int64_t wrong = 0;
      for (int64_t i = 0; i < label.voxels(); ++i) wrong += back.data<uint8_t>()[i] != label.data<uint8_t>()[i];
      const bool is_exact = std::max(width, height) == size;
      EXPECT_LE(wrong, is_exact ? 0 : 2 * (width + height)) << width << " x " << height << " by way of " << size;
      int64_t inside = 0;
      for (int64_t i = 0; i < label.voxels(); ++i) inside += back.data<uint8_t>()[i];
      EXPECT_GT(inside, 0);
    }
  }
}

TEST(Decode, EqualSizesPassUntouched) {
  const at::Tensor oblong = at::rand({2, 5, 7});
  EXPECT_TRUE(at::equal(resize_to_source(oblong, 7, 5), oblong));
}

std::vector<std::vector<std::string>> kept(std::vector<imaging::Image> maps, const std::vector<int64_t>& numbers) {
  std::vector<imaging::Image*> pointers;
  for (imaging::Image& map : maps) pointers.push_back(&map);
  keep_largest_component(pointers, numbers);
  std::vector<std::vector<std::string>> rows;
  for (const imaging::Image& map : maps) rows.push_back(rows_of(map));
  return rows;
}

TEST(LargestComponent, ConnectsThroughSlices) {
  // left column: 1 + 1 voxels through two slices; right: 1 voxel; corner contact does not connect
  EXPECT_EQ(kept({mask_of({"1001", "0000"}), mask_of({"1000", "0100"})}, {1, 2}),
            (std::vector<std::vector<std::string>>{{"1000", "0000"}, {"1000", "0000"}}));
}

TEST(LargestComponent, SlicesApartDoNotTouch) {
  const auto map = [] { return mask_of({"100", "000"}); };
  const auto rival = mask_of({"000", "011"});
  EXPECT_EQ(kept({map(), map(), rival}, {1, 2, 3})[2], (std::vector<std::string>{"000", "000"}));  // a tie: the first in C order stays
  EXPECT_EQ(kept({map(), map(), rival}, {1, 3, 4})[2], (std::vector<std::string>{"000", "011"}));  // the gap cuts the column
  EXPECT_EQ(kept({map(), map(), rival}, {1, 3, 4})[0], (std::vector<std::string>{"000", "000"}));
}

TEST(LargestComponent, EachClassForItself) {
  EXPECT_EQ(kept({mask_of({"11020", "00022", "20001"})}, {5})[0], (std::vector<std::string>{"11020", "00022", "00000"}));
}

TEST(LargestComponent, EmptyStaysEmpty) {
  EXPECT_EQ(kept({mask_of({"00"})}, {1})[0], (std::vector<std::string>{"00"}));
  EXPECT_TRUE(kept({}, {}).empty());
}

TEST(LargestComponentErrors, WholeMessages) {
  EXPECT_EQ(testing::message_of([] {
              kept({mask_of({"10"}), mask_of({"1", "0"})}, {1, 2});
            }),
            "slices of 2 x 1 and 1 x 2 cannot be stacked to one volume (largest_component)");
}

}  // namespace
}  // namespace larmor::eval
