#include "imaging/registration.h"

#include <gtest/gtest.h>

#include <cmath>
#include <iostream>

#include "core/random.h"
#include "imaging/io.h"
#include "tests/imaging/head_phantom.h"
#include "tests/support/errors.h"
#include "tests/support/golden.h"

namespace larmor::imaging {
namespace {

/// Largest distance over the head between where two transforms map its points.
double largest_error_mm(const AffineTransform& a, const AffineTransform& b) {
  double most = 0;
  for (const double x : {-45.0, 0.0, 45.0}) {
    for (const double y : {-55.0, 0.0, 55.0}) {
      for (const double z : {-48.0, 0.0, 48.0}) {
        const Point p = map_point(a, {x, y, z}), q = map_point(b, {x, y, z});
        most = std::max(most, std::hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]));
      }
    }
  }
  return most;
}

void expect_recovered(const Image& fixed, const Image& moving, const AffineTransform& truth) {
  const RegistrationResult result = register_rigid(fixed, moving);
  const AffineTransform rest = compose(inverse_of(truth), result.fixed_to_moving);
  const double error_mm = largest_error_mm(result.fixed_to_moving, truth), error_deg = rotation_angle_deg(rest);
  std::cout << "shift " << result.shift_mm << " mm, angle " << result.angle_deg << " degrees; off by " << error_mm << " mm at most, "
            << error_deg << " degrees; information " << result.information_start << " -> " << result.information << ", nearby "
            << result.information_nearby << ", overlap " << result.overlap << "\n";
  EXPECT_EQ(result.failure, "");
  EXPECT_LT(error_mm, 0.5);
  EXPECT_LT(error_deg, 0.3);
  EXPECT_GT(result.information, result.information_start);
}

const Grid kFine = centred_grid({112, 136, 116}, {1, 1, 1});

TEST(RegistrationSlowTest, RecoversASmallTurnOfTheSameContrast) {
  const AffineTransform truth = rigid_transform({4, -3, 6}, {5, -7, 3}, {0, 0, 0});
  const Grid grid = centred_grid({120, 140, 120}, {1, 1, 1}, {3, -2, 4});
  expect_recovered(head_on(kFine, {}, false), head_on(grid, inverse_of(truth), false), truth);
}

/// The protocol's FLAIR against T1-CE.
TEST(RegistrationSlowTest, RecoversThickSlicesOfAnotherContrast) {
  const AffineTransform truth = rigid_transform({-3, 2, -5}, {-4, 6, 5}, {10, 0, 0});
  const Grid grid = centred_grid({128, 160, 26}, {0.9, 0.9, 5}, {2, 3, -1});
  expect_recovered(head_on(kFine, {}, false), head_on(grid, inverse_of(truth), true), truth);
}

TEST(RegistrationSlowTest, RecoversAFarStartAndObliqueSlices) {
  const AffineTransform truth = rigid_transform({10, 8, -12}, {35, -40, 50}, {0, 0, 0});
  Grid grid = centred_grid({120, 140, 40}, {1, 1, 3.3}, {35, -40, 50});
  const AffineTransform tilt = rigid_transform({12, 0, 5}, {}, {35, -40, 50});
  grid.geometry.direction = tilt.matrix;
  grid.geometry.origin_mm = map_point(tilt, grid.geometry.origin_mm);
  expect_recovered(head_on(kFine, {}, false), head_on(grid, inverse_of(truth), true), truth);
}

TEST(RegistrationTest, TheSameBytesEveryTimeAndWithAnyThreads) {
  const Grid grid = centred_grid({38, 44, 36}, {3, 3, 3.5});
  const Image fixed = head_on(grid, {}, false);
  const Image moving = head_on(grid, rigid_transform({2, 3, 4}, {3, 2, 1}, {}), true);
  RegistrationOptions options{.smoothing_mm = {4, 2}, .points = 8000, .iterations = 30};
  const RegistrationResult first = register_rigid(fixed, moving, options);
  options.threads = 3;
  const RegistrationResult second = register_rigid(fixed, moving, options);
  EXPECT_EQ(first.fixed_to_moving, second.fixed_to_moving);
  EXPECT_EQ(first.information, second.information);
  options.seed = 2;
  EXPECT_NE(register_rigid(fixed, moving, options).information, first.information);
}

Image noise_on(const Grid& grid) {
  Image image = Image::make(grid.size, 1, PixelType::f32);
  image.geometry = grid.geometry;
  Random random(RandomKey(7));
  for (int64_t i = 0; i < image.voxels(); ++i) image.data<float>()[i] = static_cast<float>(random.normal());
  return image;
}

/// Real brains of two sequences that lie on each other; the second is moved by its header.
TEST(RegistrationDataTest, FindsARealFlairOnItsT1) {
  const auto data = testing::test_data();
  LARMOR_NEEDS(data, "lesion4");
  std::filesystem::path subject;
  for (const auto& entry : std::filesystem::directory_iterator(data / "lesion4")) {
    if (entry.is_directory() && (subject.empty() || entry.path() < subject)) subject = entry.path();
  }
  const Image fixed = read_image(subject / "t1.nii.gz");
  Image moving = read_image(subject / "flair.nii.gz");
  const AffineTransform truth = rigid_transform({5, -4, 8}, {10, -15, 8}, map_point(index_to_point(moving.geometry), {128, 128, 23}));
  moving.geometry.origin_mm = map_point(truth, moving.geometry.origin_mm);
  moving.geometry.direction = AffineTransform(compose(truth, AffineTransform{moving.geometry.direction})).matrix;
  const RegistrationResult result = register_rigid(fixed, moving);
  const AffineTransform rest = compose(inverse_of(truth), result.fixed_to_moving);
  const Point centre = map_point(index_to_point(fixed.geometry), {128, 128, 23}), back = map_point(rest, centre);
  const double error_mm = std::hypot(back[0] - centre[0], back[1] - centre[1], back[2] - centre[2]);
  std::cout << "off by " << error_mm << " mm, " << rotation_angle_deg(rest) << " degrees; information " << result.information_start
            << " -> " << result.information << ", nearby " << result.information_nearby << "\n";
  EXPECT_EQ(result.failure, "");
  EXPECT_LT(error_mm, 1);  // as well as the set's own registration is known
  EXPECT_LT(rotation_angle_deg(rest), 1);
}

TEST(RegistrationTest, FailuresAreReported) {
  const Grid grid = centred_grid({38, 44, 36}, {3, 3, 3.5});
  const Image head = head_on(grid, {}, false);
  const RegistrationOptions options{.smoothing_mm = {4, 2}, .points = 8000, .iterations = 30};
  Image flat = Image::make(grid.size, 1, PixelType::u8);
  flat.geometry = grid.geometry;
  EXPECT_EQ(register_rigid(head, flat, options, "t1ce.nii", "flair.nii").failure, "flair.nii has no contrast");
  EXPECT_EQ(register_rigid(flat, head, options, "t1ce.nii", "flair.nii").failure, "t1ce.nii has no contrast");

  const RegistrationResult noise = register_rigid(head, noise_on(grid), options);
  EXPECT_NE(noise.failure.find("stands out too little"), std::string::npos)
      << noise.failure << " " << noise.information_nearby << " " << noise.information;

  RegistrationOptions strict = options;
  strict.most_shift_mm = 5;
  const Image far = head_on(grid, rigid_transform({}, {-20, 0, 0}, {}), true);
  const std::string shift = register_rigid(head, far, strict).failure;
  EXPECT_TRUE(shift.starts_with("shift of ") && shift.ends_with(" mm, more than 5.0 mm")) << shift;
  strict = options;
  strict.most_angle_deg = 3;
  const std::string angle = register_rigid(head, head_on(grid, rigid_transform({0, 0, 12}, {}, {}), true), strict).failure;
  EXPECT_TRUE(angle.starts_with("rotation of ") && angle.ends_with(" degrees, more than 3.0")) << angle;
}

TEST(RegistrationError, VolumesThatCannotBeRegistered) {
  const Grid grid = centred_grid({8, 8, 8}, {1, 1, 1});
  Image good = Image::make(grid.size, 1, PixelType::u8);
  good.geometry = grid.geometry;
  Image coloured = Image::make(grid.size, 3, PixelType::u8);
  coloured.geometry = grid.geometry;
  Image thin = Image::make({8, 8, 3}, 1, PixelType::u8);
  thin.geometry = grid.geometry;
  Image placeless = good;
  placeless.geometry.has_spacing = false;
  const auto error = [&](const Image& moving) {
    return testing::data_error([&] { register_rigid(good, moving, {}, "t1.nii", "flair.nii"); });
  };
  EXPECT_EQ(error(coloured), "flair.nii: registration needs one channel, not 3");
  EXPECT_EQ(error(thin), "flair.nii: 8 x 8 x 3 voxels; registration needs at least 4 along each axis");
  EXPECT_EQ(error(placeless), "flair.nii: registration needs a voxel size, and the file stores none");
}

}  // namespace
}  // namespace larmor::imaging
