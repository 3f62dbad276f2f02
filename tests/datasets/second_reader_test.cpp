#include "datasets/second_reader.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

namespace larmor::datasets {
namespace {

using imaging::Image;

/// Nested boxes of labels 1, 2, 3 that grow and shrink along z.
Image boxes(int64_t side, int64_t depth) {
  Image labels = Image::make({side, side, depth}, 1, imaging::PixelType::u8);
  for (int64_t z = 0; z < depth; ++z) {
    for (int64_t y = 0; y < side; ++y) {
      for (int64_t x = 0; x < side; ++x) {
        const int64_t from_edge = std::min({x, y, side - 1 - x, side - 1 - y});
        labels.data<uint8_t>()[(z * side + y) * side + x] = static_cast<uint8_t>(std::clamp<int64_t>((from_edge - side / 4) / 3 + 1, 0, 3));
      }
    }
  }
  return labels;
}

int64_t differences(const Image& a, const Image& b) {
  int64_t count = 0;
  for (int64_t i = 0; i < a.voxels(); ++i) count += a.data<uint8_t>()[i] != b.data<uint8_t>()[i];
  return count;
}

TEST(SecondReader, MovesBordersAndKeepsTheRest) {
  Image labels = boxes(48, 4);
  labels.geometry.has_spacing = true;
  labels.geometry.spacing_mm = {1, 1, 4};
  const Image read = SecondReader(RandomKey(1), 1.5).read(labels);
  EXPECT_EQ(read.geometry, labels.geometry);
  const int64_t moved = differences(labels, read);
  EXPECT_GT(moved, labels.voxels() / 100);
  EXPECT_LT(moved, labels.voxels() / 5);
  for (int64_t z = 0; z < 4; ++z) {
    EXPECT_EQ(read.data<uint8_t>()[z * 48 * 48], 0);              // far outside
    EXPECT_EQ(read.data<uint8_t>()[(z * 48 + 24) * 48 + 24], 3);  // far inside
  }
  const auto values = [](const Image& image) { return std::set<uint8_t>(image.data<uint8_t>(), image.data<uint8_t>() + image.voxels()); };
  EXPECT_EQ(values(read), values(labels));
}

TEST(SecondReader, AnEmptyMaskStaysEmpty) {
  const Image nothing = Image::make({20, 20, 3}, 1, imaging::PixelType::u8);
  EXPECT_EQ(SecondReader(RandomKey(1), 2).read(nothing).bytes, nothing.bytes);
}

TEST(SecondReader, DependsOnTheKeyAlone) {
  const Image labels = boxes(32, 2);
  EXPECT_EQ(SecondReader(RandomKey(1), 1.5).read(labels).bytes, SecondReader(RandomKey(1), 1.5).read(labels).bytes);
  EXPECT_NE(SecondReader(RandomKey(1), 1.5).read(labels).bytes, SecondReader(RandomKey(2), 1.5).read(labels).bytes);
}

RC_GTEST_PROP(SecondReaderLaws, SlicesOneByOneAreThoseOfTheVolume, ()) {
  const Image labels = boxes(24, 5);
  const SecondReader reader(RandomKey(*rc::gen::inRange<uint64_t>(0, 1000)), 1 + 0.1 * *rc::gen::inRange(0, 20));
  const Image whole = reader.read(labels);
  for (int64_t z = 0; z < labels.depth(); ++z) RC_ASSERT(reader.read(slice_of(labels, z), z).bytes == slice_of(whole, z).bytes);
}

/// Also where the waves add up to the most: nothing is cut off around the lesion.
RC_GTEST_PROP(SecondReaderLaws, LesionsMayLieAnywhere, ()) {
  const auto at = *rc::gen::inRange<int64_t>(1, 24);
  Image labels = Image::make({40, 40, 1}, 1, imaging::PixelType::u8), everywhere = labels;
  for (int64_t y = 0; y < 16; ++y) {
    for (int64_t x = 0; x < 16; ++x) labels.data<uint8_t>()[(at + y) * 40 + at + x] = 1;
  }
  everywhere = labels;
  everywhere.data<uint8_t>()[0] = everywhere.data<uint8_t>()[40 * 40 - 1] = 9;  // the whole slice is read
  const SecondReader reader(RandomKey(*rc::gen::inRange<uint64_t>(0, 1000)), 2);
  const Image a = reader.read(labels), b = reader.read(everywhere);
  for (int64_t i = 0; i < a.voxels(); ++i) {
    const uint8_t read = b.data<uint8_t>()[i];
    RC_ASSERT((a.data<uint8_t>()[i] == 1) == (read == 1));
  }
}

}  // namespace
}  // namespace larmor::datasets
