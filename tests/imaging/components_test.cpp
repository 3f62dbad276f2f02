#include "imaging/components.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "core/safetensors.h"
#include "tests/imaging/support.h"
#include "tests/support/golden.h"

namespace larmor::imaging {
namespace {

TEST(ComponentsTest, LabelsInOrderOfFirstAppearance) {
  const Image mask = mask_of(
      "..#.#\n"
      "#...#\n"
      "#.#.#\n"
      "###..\n");
  const Components components = label_components(mask, 1);
  EXPECT_EQ(components.labels, (std::vector<int32_t>{0, 0, 1, 0, 2, 3, 0, 0, 0, 2, 3, 0, 3, 0, 2, 3, 3, 3, 0, 0}));
  EXPECT_EQ(components.sizes, (std::vector<int64_t>{1, 3, 6}));
}

TEST(ComponentsTest, ConnectivityDecidesAboutDiagonals) {
  const Image corners = image_of<uint8_t>({2, 2, 2}, {1, 0, 0, 0, 0, 0, 0, 1});
  const Image edges = image_of<uint8_t>({2, 2, 2}, {1, 0, 0, 0, 0, 1, 0, 0});
  const Image flat = image_of<uint8_t>({2, 2, 1}, {0, 1, 1, 0});
  const std::vector<std::tuple<const Image*, int, size_t>> cases = {{&corners, 1, 2}, {&corners, 2, 2}, {&corners, 3, 1},
                                                                    {&edges, 1, 2},   {&edges, 2, 1},   {&edges, 3, 1},
                                                                    {&flat, 1, 2},    {&flat, 2, 1},    {&flat, 3, 1}};
  for (const auto& [mask, connectivity, count] : cases) EXPECT_EQ(label_components(*mask, connectivity).sizes.size(), count);
}

TEST(ComponentsTest, LargestOfEqualSizesIsTheFirst) {
  EXPECT_EQ(largest_component(mask_of("##.##\n"), 1).bytes, mask_of("##...\n").bytes);
  EXPECT_EQ(largest_component(mask_of(".....\n"), 1).bytes, mask_of(".....\n").bytes);
}

TEST(ComponentsTest, LargestKeepsTheGeometry) {
  Image mask = mask_of("#.\n.#\n");
  mask.geometry = {{2, 3, 4}, {5, 6, 7}, {1, 0, 0, 0, 1, 0, 0, 0, 1}, true};
  EXPECT_EQ(largest_component(mask, 2).geometry, mask.geometry);
}

/// Flood fill, voxel by voxel: the plain way that the fast one is held against.
std::vector<int32_t> flood_labels(const Image& mask, int connectivity) {
  std::vector<int32_t> labels(static_cast<size_t>(mask.voxels()), 0);
  int32_t count = 0;
  const int64_t row = mask.width();
  const int64_t plane = mask.width() * mask.height();
  for (int64_t start = 0; start < mask.voxels(); ++start) {
    if (mask.data<uint8_t>()[start] == 0 || labels[static_cast<size_t>(start)] != 0) continue;
    std::vector<int64_t> open = {start};
    labels[static_cast<size_t>(start)] = ++count;
    while (!open.empty()) {
      const int64_t at = open.back();
      open.pop_back();
      for (int code = 0; code < 27; ++code) {
        const int64_t dx = code % 3 - 1, dy = code / 3 % 3 - 1, dz = code / 9 - 1;
        const int64_t x = at % row + dx, y = at / row % mask.height() + dy, z = at / plane + dz;
        if (std::abs(dx) + std::abs(dy) + std::abs(dz) > connectivity) continue;
        if (x < 0 || x >= mask.width() || y < 0 || y >= mask.height() || z < 0 || z >= mask.depth()) continue;
        const int64_t next = z * plane + y * row + x;
        if (mask.data<uint8_t>()[next] == 0 || labels[static_cast<size_t>(next)] != 0) continue;
        labels[static_cast<size_t>(next)] = count;
        open.push_back(next);
      }
    }
  }
  return labels;
}

RC_GTEST_PROP(ComponentsTest, EqualsFloodFill, ()) {
  const Image mask = *any_mask(*rc::gen::inRange(10, 80), 6);
  const int connectivity = *rc::gen::inRange(1, 4);
  const Components components = label_components(mask, connectivity);
  RC_ASSERT(components.labels == flood_labels(mask, connectivity));
  std::vector<int64_t> sizes(components.sizes.size(), 0);
  for (const int32_t label : components.labels) {
    if (label > 0) ++sizes[static_cast<size_t>(label) - 1];
  }
  RC_ASSERT(sizes == components.sizes);
}

RC_GTEST_PROP(ComponentsTest, LargestIsASubsetAndIdempotent, ()) {
  const Image mask = *any_mask(*rc::gen::inRange(10, 80), 4);
  const int connectivity = *rc::gen::inRange(1, 4);
  const Image largest = largest_component(mask, connectivity);
  for (int64_t i = 0; i < mask.voxels(); ++i) RC_ASSERT(largest.data<uint8_t>()[i] <= (mask.data<uint8_t>()[i] != 0 ? 1 : 0));
  RC_ASSERT(largest_component(largest, connectivity).bytes == largest.bytes);
  RC_ASSERT(label_components(largest, connectivity).sizes.size() <= 1U);
}

using nlohmann::json;

Image mask_from(const SafetensorsFile& file, const std::string& name) {
  const TensorView* view = file.find(name);
  if (view == nullptr) {
    ADD_FAILURE() << "no tensor " << name;
    return Image::make({1, 1, 1}, 1, PixelType::u8);
  }
  std::vector<int64_t> shape = view->shape;
  shape.insert(shape.begin(), 3 - shape.size(), 1);
  Image mask = Image::make({shape[2], shape[1], shape[0]}, 1, PixelType::u8);
  std::copy(view->bytes.begin(), view->bytes.end(), mask.bytes.begin());
  return mask;
}

void check_case(const SafetensorsFile& tensors, const std::string& name, int connectivity, const json& expected) {
  SCOPED_TRACE(name + ", connectivity " + std::to_string(connectivity));
  const Image mask = mask_from(tensors, name);
  std::vector<int64_t> sizes = label_components(mask, connectivity).sizes;
  std::sort(sizes.rbegin(), sizes.rend());
  EXPECT_EQ(static_cast<int64_t>(sizes.size()), expected.at("count").get<int64_t>());
  const auto listed = expected.at("sizes_sorted").get<std::vector<int64_t>>();
  sizes.resize(std::min(sizes.size(), listed.size()));
  EXPECT_EQ(sizes, listed);
  const Image largest = largest_component(mask, connectivity);
  const int64_t inside = std::count(largest.bytes.begin(), largest.bytes.end(), std::byte{1});
  EXPECT_EQ(inside, expected.at("largest_size").get<int64_t>());
  if (expected.at("largest").is_null()) return;
  EXPECT_EQ(largest.bytes, mask_from(tensors, expected.at("largest")).bytes);
}

TEST(ComponentsGolden, EqualScipyLabels) {
  const auto table = testing::golden_file("metrics.json");
  const auto data = testing::golden_file("metrics.safetensors");
  LARMOR_NEEDS(table, "metrics.json");
  LARMOR_NEEDS(data, "metrics.safetensors");
  const json cases = json::parse(std::ifstream(table)).at("components");
  const SafetensorsFile tensors = SafetensorsFile::open(data);
  int run = 0;
  for (const auto& [name, rows] : cases.items()) {
    for (const auto& [key, expected] : rows.items()) {
      const std::string prefix = "connectivity";
      if (!key.starts_with(prefix)) continue;
      check_case(tensors, name, std::stoi(key.substr(prefix.size())), expected);
      ++run;
    }
  }
  std::cout << run << " cases run, 0 skipped\n";
  EXPECT_GT(run, 0);
}

}  // namespace
}  // namespace larmor::imaging
