#include "eval/surface_distance.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <numeric>
#include <optional>

#include "core/tensors.h"
#include "tests/eval/support.h"
#include "tests/support/golden.h"

namespace larmor::eval {
namespace {

using imaging::Image;
using testing::number;
using Json = nlohmann::json;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kOfDoubles = 1e-9;  // the files hold 12 digits
constexpr double kOfFloats = 1e-5;   // MONAI computes in float32

// Golden masks ---------------------------------------------------------------------------------------------------------------------

Image image_of(const at::Tensor& tensor, const std::vector<double>& spacing) {
  Image mask = Image::make({1, 1, 1}, 1, imaging::PixelType::u8);
  const auto axes = static_cast<size_t>(tensor.dim());
  for (size_t i = 0; i < axes; ++i) {
    mask.size[i] = tensor.size(static_cast<int64_t>(axes - 1 - i));  // our axes run fastest first
    mask.geometry.spacing_mm[i] = spacing[axes - 1 - i];
  }
  mask.geometry.has_spacing = true;
  mask.bytes.resize(static_cast<size_t>(mask.voxels()));
  const at::Tensor bytes = tensor.to(at::kByte).contiguous();
  std::memcpy(mask.bytes.data(), bytes.const_data_ptr<uint8_t>(), mask.bytes.size());
  return mask;
}

/// "hd95" → 95, "hd" → 100; none for other words.
std::optional<double> percent_of(const std::string& key) {
  if (key == "hd") return 100;
  if (!key.starts_with("hd") || key.find_first_not_of("0123456789", 2) != std::string::npos) return std::nullopt;
  return std::stod(key.substr(2));
}

/// The golden number of this name that does not depend on a tolerance; none where we offer no such thing.
std::optional<double> value_of(std::string key, const SurfaceDistances& s) {
  const auto sum = [](const std::vector<double>& values) { return std::accumulate(values.begin(), values.end(), 0.0); };
  const bool is_directed = key.ends_with("_directed_pred_to_gt");
  if (is_directed) key = key.substr(0, key.find('_'));
  if (const auto percent = percent_of(key)) {
    return is_directed ? directed_hausdorff(s.prediction, s.elements, *percent) : hausdorff(s, *percent);
  }
  if (key == "area_gt") return sum(s.truth.weights);
  if (key == "area_pred") return sum(s.prediction.weights);
  if (key == "surfels_gt") return static_cast<double>(s.truth.distances.size());
  if (key == "surfels_pred") return static_cast<double>(s.prediction.distances.size());
  if (key == "asd_gt_to_pred") return average_distance(s.truth);
  if (key == "asd_pred_to_gt") return average_distance(s.prediction);
  if (key == "assd_mean_of_both") return (average_distance(s.truth) + average_distance(s.prediction)) / 2;
  if (key == "assd_area_weighted" || key == "assd") return average_symmetric_distance(s);
  return std::nullopt;
}

std::optional<double> value_at(const std::string& key, const SurfaceDistances& s, double tolerance) {
  if (key == "nsd") return surface_dice(s, tolerance);
  if (key == "overlap_gt") return surface_overlap(s.truth, tolerance);
  if (key == "overlap_pred") return surface_overlap(s.prediction, tolerance);
  return std::nullopt;
}

void expect_equal(double actual, const Json& expected, double relative, const std::string& what) {
  const double wanted = number(expected);
  if (std::isinf(wanted)) {
    EXPECT_EQ(actual, wanted) << what;
    return;
  }
  testing::expect_close(actual, wanted, relative, what);
}

/// An element may end exactly at the percentile; then the last bit of a sum decides which distance is taken, and both are right.
bool is_other_side_of_a_tie(const std::string& key, const SurfaceDistances& surfaces, const Json& expected) {
  const auto percent = percent_of(key);
  if (!percent || *percent == 100 || surfaces.elements != SurfaceElements::surfels || !expected.is_number()) return false;
  constexpr double kLastBits = 1e-9;  // per cent
  for (const double side : {*percent - kLastBits, *percent + kLastBits}) {
    if (std::abs(hausdorff(surfaces, side) - number(expected)) <= kOfDoubles * number(expected)) return true;
  }
  return false;
}

struct GoldenPair {
  std::string name;
  Image truth, prediction;
  std::vector<double> tolerances;
};

/// Compares what one library gave for one pair.
void compare(const Json& library, const GoldenPair& pair, SurfaceElements elements, double relative, testing::GoldenCount& count) {
  const SurfaceDistances surfaces = measure_surfaces(pair.truth, pair.prediction, elements);
  for (const auto& [key, expected] : library.items()) {
    const std::string what = pair.name + "." + key;
    if (!expected.is_array()) {
      const auto value = value_of(key, surfaces);
      if (!value) {
        count.skip(what);
        continue;
      }
      if (!is_other_side_of_a_tie(key, surfaces, expected)) expect_equal(*value, expected, relative, what);
      ++count.run;
      continue;
    }
    for (size_t i = 0; i < expected.size(); ++i) {
      const auto value = key == "nsd_subvoxel"  // MONAI's copy of the other definition
                             ? surface_dice(measure_surfaces(pair.truth, pair.prediction), pair.tolerances[i])
                             : value_at(key, surfaces, pair.tolerances[i]);
      if (!value) {
        count.skip(what);
        break;
      }
      expect_equal(*value, expected[i], relative, what);
      ++count.run;
    }
  }
}

void compare_libraries(const Json& row, const GoldenPair& pair, testing::GoldenCount& count) {
  for (const auto& [library, values] : row.items()) {
    if (library == "surface_distance") {
      compare(values, {pair.name + ".surface_distance", pair.truth, pair.prediction, pair.tolerances}, SurfaceElements::surfels, kOfDoubles,
              count);
    } else if (library == "monai") {
      compare(values, {pair.name + ".monai", pair.truth, pair.prediction, pair.tolerances}, SurfaceElements::voxels, kOfFloats, count);
    } else if (library == "medpy") {
      count.skip(pair.name + ".medpy");
    }
  }
}

TEST(SurfaceDistanceGolden, DeepMindAndMonai) {
  const auto file = larmor::testing::golden_file("metrics.json");
  LARMOR_NEEDS(file, "metrics.json");
  std::map<std::string, at::Tensor> masks;
  for (const auto& [name, tensor] : load_tensors(larmor::testing::golden_file("metrics.safetensors"))) masks[name] = tensor;
  testing::GoldenCount count;
  const Json golden = testing::read_json(file);
  for (const Json& row : golden["cases"]) {
    const std::string name = row["case"];
    const auto pair_with = [&](const std::string& suffix, const std::vector<double>& spacing) {
      return GoldenPair{name + suffix, image_of(masks.at(name + ".gt"), spacing), image_of(masks.at(name + ".pred"), spacing),
                        row["tolerances"]};
    };
    const std::vector<double> spacing = row["spacing"];
    compare_libraries(row, pair_with("", spacing), count);
    if (row.contains("unit_spacing")) {
      compare_libraries(row["unit_spacing"], pair_with(".unit_spacing", std::vector<double>(spacing.size(), 1)), count);
    }
  }
}

// Laws -----------------------------------------------------------------------------------------------------------------------------

Image any_mask(const std::array<int64_t, 3>& size, int percent) {
  Image mask = Image::make(size, 1, imaging::PixelType::u8);
  for (int64_t i = 0; i < mask.voxels(); ++i) {
    const bool is_inside = *rc::gen::inRange(0, 100) < percent;
    mask.data<uint8_t>()[i] = is_inside ? static_cast<uint8_t>(*rc::gen::inRange(1, 256)) : uint8_t{0};
  }
  mask.geometry.has_spacing = true;
  mask.geometry.spacing_mm = {0.7, 1.3, 2.5};
  return mask;
}

std::array<int64_t, 3> any_size() { return {*rc::gen::inRange(1, 70), *rc::gen::inRange(1, 6), *rc::gen::inRange(1, 5)}; }

SurfaceElements any_elements() { return *rc::gen::element(SurfaceElements::surfels, SurfaceElements::voxels); }

bool close(double a, double b) { return a == b || std::abs(a - b) <= 1e-12 * std::abs(a) || (std::isnan(a) && std::isnan(b)); }

void expect_same(const SurfaceDistances& a, const SurfaceDistances& b) {
  RC_ASSERT(close(hausdorff(a), hausdorff(b)));
  RC_ASSERT(close(average_symmetric_distance(a), average_symmetric_distance(b)));
  RC_ASSERT(close(surface_dice(a, 1.5), surface_dice(b, 1.5)));
  const auto total = [](const SurfaceSide& side) { return std::accumulate(side.weights.begin(), side.weights.end(), 0.0); };
  RC_ASSERT(close(total(a.truth), total(b.truth)));
}

RC_GTEST_PROP(SurfaceDistanceTest, DirectionsSwapWithTheMasks, ()) {
  const auto size = any_size();
  const Image a = any_mask(size, 40), b = any_mask(size, 40);
  const SurfaceElements elements = any_elements();
  const SurfaceDistances there = measure_surfaces(a, b, elements), back = measure_surfaces(b, a, elements);
  RC_ASSERT(there.truth.distances == back.prediction.distances);
  RC_ASSERT(there.prediction.weights == back.truth.weights);
}

RC_GTEST_PROP(SurfaceDistanceTest, ThreadsChangeNothing, ()) {
  const auto size = any_size();
  const Image a = any_mask(size, 40), b = any_mask(size, 5);
  const SurfaceElements elements = any_elements();
  const SurfaceDistances one = measure_surfaces(a, b, elements, 1), three = measure_surfaces(a, b, elements, 3);
  RC_ASSERT(one.truth.distances == three.truth.distances && one.truth.weights == three.truth.weights);
  RC_ASSERT(one.prediction.distances == three.prediction.distances);
}

Image turned(const Image& mask) {
  Image turned = Image::make({mask.size[2], mask.size[0], mask.size[1]}, 1, imaging::PixelType::u8);
  const auto [width, height, depth] = mask.size;
  for (int64_t i = 0; i < mask.voxels(); ++i) {
    const int64_t x = i % width, y = i / width % height, z = i / width / height;
    turned.data<uint8_t>()[z + depth * (x + width * y)] = mask.data<uint8_t>()[i];
  }
  const auto& s = mask.geometry.spacing_mm;
  turned.geometry.spacing_mm = {s[2], s[0], s[1]};
  turned.geometry.has_spacing = true;
  return turned;
}

Image mirrored(Image mask) {
  std::reverse(mask.bytes.begin(), mask.bytes.end());
  return mask;
}

RC_GTEST_PROP(SurfaceDistanceTest, TurningAndMirroringChangeNothing, ()) {
  const std::array<int64_t, 3> size{*rc::gen::inRange(2, 7), *rc::gen::inRange(2, 7), *rc::gen::inRange(2, 7)};
  const Image a = any_mask(size, 50), b = any_mask(size, 50);
  const SurfaceElements elements = any_elements();
  const SurfaceDistances expected = measure_surfaces(a, b, elements);
  expect_same(expected, measure_surfaces(turned(a), turned(b), elements));
  expect_same(expected, measure_surfaces(mirrored(a), mirrored(b), elements));
}

/// The surface of a mask inside a margin is that of what lies around it.
RC_GTEST_PROP(SurfaceDistanceTest, ACutOutComplementHasTheSameSurfels, ()) {
  const std::array<int64_t, 3> size{5, 5, 5};
  Image a = any_mask(size, 50), around = a;
  for (int64_t i = 0; i < a.voxels(); ++i) {
    const bool is_margin = i % 5 % 4 == 0 || i / 5 % 5 % 4 == 0 || i / 25 % 4 == 0;
    if (is_margin) a.data<uint8_t>()[i] = 0;
    around.data<uint8_t>()[i] = a.data<uint8_t>()[i] == 0 ? 1 : 0;
  }
  Image everything = around;
  std::fill(everything.bytes.begin(), everything.bytes.end(), std::byte{1});
  const auto area = [](const Image& mask) {
    const SurfaceDistances s = measure_surfaces(mask, mask);
    return std::accumulate(s.truth.weights.begin(), s.truth.weights.end(), 0.0);
  };
  RC_ASSERT(std::abs(area(a) + area(everything) - area(around)) < 1e-9);
}

// By hand --------------------------------------------------------------------------------------------------------------------------

Image box(const std::array<int64_t, 3>& size, std::array<int64_t, 3> low, std::array<int64_t, 3> high) {
  Image mask = Image::make(size, 1, imaging::PixelType::u8);
  for (int64_t z = low[2]; z < high[2]; ++z) {
    for (int64_t y = low[1]; y < high[1]; ++y) {
      for (int64_t x = low[0]; x < high[0]; ++x) mask.data<uint8_t>()[x + size[0] * (y + size[1] * z)] = 1;
    }
  }
  return mask;
}

TEST(SurfaceDistanceTest, ABoxShiftedByTwo) {
  const Image truth = box({80, 10, 9}, {60, 2, 2}, {68, 6, 5}), prediction = box({80, 10, 9}, {62, 2, 2}, {70, 6, 5});
  for (const SurfaceElements elements : {SurfaceElements::surfels, SurfaceElements::voxels}) {
    const SurfaceDistances surfaces = measure_surfaces(truth, prediction, elements);
    EXPECT_EQ(hausdorff(surfaces), 2);
    EXPECT_EQ(surface_dice(surfaces, 2), 1);
    EXPECT_LT(surface_dice(surfaces, 1.9), 1);
  }
  EXPECT_EQ(measure_surfaces(truth, prediction, SurfaceElements::voxels).truth.distances.size(), 8U * 4 * 3 - 6 * 2 * 1);
  EXPECT_EQ(measure_surfaces(truth, prediction).truth.distances.size(), 9U * 5 * 4 - 7 * 3 * 2);
}

TEST(SurfaceDistanceTest, WithoutSpacingInPixels) {
  Image truth = box({9, 9, 1}, {1, 1, 0}, {2, 2, 1}), prediction = box({9, 9, 1}, {1, 5, 0}, {2, 6, 1});
  truth.geometry.spacing_mm = {3, 3, 3};
  EXPECT_EQ(hausdorff(measure_surfaces(truth, prediction)), 4);
  truth.geometry.has_spacing = true;
  EXPECT_EQ(hausdorff(measure_surfaces(truth, prediction)), 12);
}

SurfaceScore score(const Image& truth, const Image& prediction, const std::vector<double>& tolerances, SurfaceElements elements) {
  return score_surfaces(measure_surfaces(truth, prediction, elements), tolerances, diagonal_of(truth.size, truth.geometry));
}

TEST(SurfaceDistanceTest, TheRuleForEmptyMasks) {
  const Image some = box({30, 40, 12}, {1, 1, 1}, {3, 3, 3}), none = box({30, 40, 12}, {0, 0, 0}, {0, 0, 0});
  for (const SurfaceElements elements : {SurfaceElements::surfels, SurfaceElements::voxels}) {
    for (const auto& [truth, prediction] : {std::pair{&some, &none}, {&none, &some}}) {
      const SurfaceScore one = score(*truth, *prediction, {1, 1000}, elements);
      EXPECT_EQ(one.present, SurfacesPresent::one);
      EXPECT_DOUBLE_EQ(one.hd95, std::hypot(30, 40, 12));
      EXPECT_DOUBLE_EQ(one.assd, std::hypot(30, 40, 12));
      EXPECT_EQ(one.nsd, (std::vector<double>{0, 0}));
    }
    const SurfaceScore nothing = score(none, none, {1}, elements);
    EXPECT_EQ(nothing.present, SurfacesPresent::none);
    EXPECT_EQ(nothing.hd95, 0);
    EXPECT_EQ(nothing.assd, 0);
    EXPECT_EQ(nothing.nsd, std::vector<double>{1});
    EXPECT_EQ(score(some, some, {1}, elements).present, SurfacesPresent::both);
  }
}

TEST(SurfaceDistanceTest, TheDiagonalHasTheUnitOfTheDistances) {
  imaging::Geometry geometry;
  geometry.spacing_mm = {1, 2, 3};
  EXPECT_EQ(diagonal_of({3, 4, 12}, geometry), 13);  // pixels
  EXPECT_EQ(diagonal_of({3, 4, 1}, geometry), 5);    // a picture has no depth
  geometry.has_spacing = true;
  EXPECT_DOUBLE_EQ(diagonal_of({3, 4, 1}, geometry), std::hypot(3, 8));
}

/// Whatever the prediction, missing the lesion is never better.
RC_GTEST_PROP(SurfaceDistanceTest, NothingIsWorseThanAMiss, ()) {
  const std::array<int64_t, 3> size{*rc::gen::inRange(2, 9), *rc::gen::inRange(2, 9), *rc::gen::inRange(1, 5)};
  Image truth = any_mask(size, 30), prediction = any_mask(size, 30);
  const Image none = any_mask(size, 0);
  truth.data<uint8_t>()[0] = prediction.data<uint8_t>()[prediction.voxels() - 1] = 1;
  const SurfaceElements elements = any_elements();
  const SurfaceScore some = score(truth, prediction, {1.5}, elements), missed = score(truth, none, {1.5}, elements);
  RC_ASSERT(some.hd95 <= missed.hd95 && some.assd <= missed.assd && some.nsd[0] >= missed.nsd[0]);
}

}  // namespace
}  // namespace larmor::eval
