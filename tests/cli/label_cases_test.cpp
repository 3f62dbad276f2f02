#include "cli/label_cases.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "core/files.h"
#include "imaging/io.h"
#include "imaging/orient.h"
#include "imaging/seg_nrrd.h"
#include "tests/support/golden.h"

namespace larmor::cli {
namespace {

namespace fs = std::filesystem;
using imaging::Image;
using imaging::PixelType;

template <class Function>
std::string message_of(Function function) {
  try {
    function();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

/// 2 mm voxels with labels 0, 1 and 2 that tell their places.
Image labels_of(std::array<int64_t, 3> size) {
  Image labels = Image::make(size, 1, PixelType::u8);
  for (int64_t i = 0; i < labels.voxels(); ++i) labels.data<uint8_t>()[i] = static_cast<uint8_t>(i * 7 % 5 % 3);
  labels.geometry.has_spacing = true;
  labels.geometry.spacing_mm = {2, 2, 3};
  labels.geometry.origin_mm = {-20, 4, 10};
  return labels;
}

Image slice_mask(int64_t width, int64_t height, int64_t pixel) {
  Image mask = Image::make({width, height, 1}, 1, PixelType::u8);
  mask.data<uint8_t>()[pixel] = 255;
  return mask;
}

void write(const fs::path& file, const Image& image) {
  make_folder(file.parent_path());
  imaging::write_image(file, image);
}

void write_segments(const fs::path& file, const Image& labels, const std::string& first = "edema") {
  make_folder(file.parent_path());
  imaging::write_seg_nrrd(file, {labels, {{first, {1, 0, 0}, 1}, {"necrotic", {0, 1, 0}, 2}}});
}

std::vector<std::string> names_of(const std::map<std::string, LabelCase>& cases) {
  std::vector<std::string> names;
  for (const auto& [name, one] : cases) {
    EXPECT_EQ(name, one.name);
    names.push_back(name + " " + std::to_string(one.files.size()) + (one.is_volume ? " volume" : ""));
  }
  return names;
}

void touch(const fs::path& file) {
  make_folder(file.parent_path());
  write_file_atomically(file, "x");
}

struct Layout {
  std::vector<std::string> files;
  std::vector<std::string> cases;
};

TEST(LabelCases, NamesInEveryLayout) {
  const std::vector<Layout> layouts = {
      {{"a/a_1.tif", "a/a_1_mask.tif", "a/a_2_mask.tif", "a/a_10_mask.tif", "b/b_3_mask.tif", "data.csv"}, {"a 3", "b 1"}},
      {{"S1/T1.nii.gz", "S1/label.nii.gz", "S2/S2_flair.nrrd", "S2/S2_seg.nrrd"}, {"S1 1 volume", "S2 1 volume"}},
      {{"S1.seg.nrrd", "deep/er/S2.seg.nrrd"}, {"S1 1 volume", "S2 1 volume"}},
      {{"S1.nii.gz", "S2.nii", "S3.nrrd"}, {"S1 1 volume", "S2 1 volume", "S3 1 volume"}},
      {{"S1_mask.nii.gz", "S1_prob.nii.gz", "S1_uncertainty.nii.gz", "S1_overlay.png"}, {"S1 1 volume"}},
      {{"p/1.png", "p/2.png", "q/1.png"}, {"p 2", "q 1"}},
      {{"label.nii.gz"}, {"label 1 volume"}}};
  for (const Layout& layout : layouts) {
    const fs::path root = larmor::testing::make_temporary_folder("labels");
    for (const std::string& file : layout.files) touch(root / file);
    EXPECT_EQ(names_of(find_label_cases(root.string())), layout.cases) << layout.files[0];
    EXPECT_EQ(names_of(find_label_cases(root.string() + "/")), layout.cases) << layout.files[0];
  }
}

TEST(LabelCases, SlicesAreInTheOrderOfTheirNumbers) {
  const fs::path root = larmor::testing::make_temporary_folder("labels");
  for (const int64_t number : {2, 10, 9}) write(root / fmt::format("a_{}_mask.png", number), slice_mask(3, 2, number % 5));
  const LabelCase one = find_label_cases(root.string()).at("a");
  EXPECT_EQ(one.numbers, (std::vector<int64_t>{2, 9, 10}));
  const TwoReadings readings = load_readings(one, one);
  ASSERT_EQ(readings.first.size, (std::array<int64_t, 3>{3, 2, 9}));
  std::vector<int64_t> inside;
  for (int64_t i = 0; i < readings.first.voxels(); ++i) {
    if (readings.first.data<uint8_t>()[i] != 0) inside.push_back(i);
    EXPECT_LE(readings.first.data<uint8_t>()[i], 1);  // 255 is label 1
  }
  EXPECT_EQ(inside, (std::vector<int64_t>{2, 7 * 6 + 4, 8 * 6 + 0}));
}

/// One reading as it is, the other turned to another axis order and as 32-bit integers: the same labels at the same places.
TEST(LabelCases, AxisOrderAndTypeDoNotMatter) {
  const fs::path root = larmor::testing::make_temporary_folder("labels");
  const Image labels = labels_of({5, 6, 4});
  write(root / "1/a.nii.gz", labels);
  Image turned = imaging::reorder_axes(labels, {{2, 0, 1}, {true, false, true}});
  const imaging::Geometry geometry = turned.geometry;
  turned = imaging::convert(turned, PixelType::i32);
  turned.geometry = geometry;
  write(root / "2/a.nrrd", turned);
  const TwoReadings readings =
      load_readings(find_label_cases((root / "1").string()).at("a"), find_label_cases((root / "2").string()).at("a"));
  EXPECT_EQ(readings.first.bytes, labels.bytes);
  EXPECT_EQ(readings.second.bytes, labels.bytes);
  EXPECT_EQ(readings.second.type, PixelType::u8);
}

/// The box around its segments, as 3D Slicer stores it.
Image cut_out(const Image& whole, std::array<int64_t, 3> at, std::array<int64_t, 3> size) {
  Image part = Image::make(size, 1, PixelType::u8);
  part.geometry = whole.geometry;
  for (size_t axis = 0; axis < 3; ++axis) part.geometry.origin_mm[axis] += static_cast<double>(at[axis]) * whole.geometry.spacing_mm[axis];
  for (int64_t z = 0; z < size[2]; ++z) {
    for (int64_t y = 0; y < size[1]; ++y) {
      for (int64_t x = 0; x < size[0]; ++x) {
        part.data<uint8_t>()[(z * size[1] + y) * size[0] + x] =
            whole.data<uint8_t>()[((z + at[2]) * whole.size[1] + y + at[1]) * whole.size[0] + x + at[0]];
      }
    }
  }
  return part;
}

TEST(LabelCases, SegmentationsMayCoverAPartOfTheGrid) {
  const fs::path root = larmor::testing::make_temporary_folder("labels");
  const Image whole = labels_of({6, 7, 5});
  write(root / "1/a.nii.gz", whole);
  write_segments(root / "2/a.seg.nrrd", cut_out(whole, {1, 2, 0}, {3, 4, 4}));
  write_segments(root / "3/a.seg.nrrd", cut_out(whole, {2, 0, 1}, {4, 5, 4}));
  const auto one = [&](const char* folder) { return find_label_cases((root / folder).string()).at("a"); };
  const TwoReadings with_whole = load_readings(one("1"), one("2")), of_parts = load_readings(one("2"), one("3"));
  EXPECT_EQ(with_whole.first.bytes, whole.bytes);
  EXPECT_EQ(with_whole.second.size, whole.size);
  for (int64_t z = 0; z < 5; ++z) {
    for (int64_t y = 0; y < 7; ++y) {
      for (int64_t x = 0; x < 6; ++x) {
        const int64_t i = (z * 7 + y) * 6 + x;
        const bool is_covered = x >= 1 && x < 4 && y >= 2 && y < 6 && z < 4;
        EXPECT_EQ(with_whole.second.data<uint8_t>()[i], is_covered ? whole.data<uint8_t>()[i] : 0);
      }
    }
  }
  EXPECT_EQ(of_parts.first.size, (std::array<int64_t, 3>{5, 6, 5}));  // from 1, 0, 0 to 6, 6, 5
  EXPECT_EQ(of_parts.first.geometry.origin_mm, (std::array<double, 3>{-18, 4, 10}));
  const Image expected = cut_out(whole, {1, 0, 0}, {5, 6, 5});
  for (int64_t i = 0; i < expected.voxels(); ++i) {
    const uint8_t a = of_parts.first.data<uint8_t>()[i], b = of_parts.second.data<uint8_t>()[i], truth = expected.data<uint8_t>()[i];
    EXPECT_TRUE((a == 0 || a == truth) && (b == 0 || b == truth));
  }
}

TEST(LabelCasesErrors, Folders) {
  const fs::path root = larmor::testing::make_temporary_folder("labels");
  const std::string folder = root.string(), kinds = imaging::known_extensions();
  EXPECT_EQ(message_of([&] { find_label_cases(folder + "/none"); }), folder + "/none: no such file or folder");
  EXPECT_EQ(message_of([&] { find_label_cases(folder); }), folder + ": holds no mask (" + kinds + ")");
  touch(root / "S1/T1.nii.gz");
  EXPECT_EQ(message_of([&] { find_label_cases(folder); }),
            folder + ": holds no mask (" + kinds + "); its images are named like sequences, masks like <case>_mask or <case>/label");
  touch(root / "a.jpg");
  EXPECT_EQ(message_of([&] { find_label_cases(folder + "/a.jpg"); }), folder + "/a.jpg: cannot read this kind of file; allowed: " + kinds);
  touch(root / "S1/label.nii.gz");
  touch(root / "S1_seg.nrrd");
  EXPECT_EQ(message_of([&] { find_label_cases(folder); }),
            folder + "/S1/label.nii.gz and " + folder + "/S1_seg.nrrd are both masks of 'S1'; leave one");
  fs::remove(root / "S1_seg.nrrd");
  touch(root / "p_1_mask.png");
  touch(root / "p_01_mask.tif");
  EXPECT_EQ(message_of([&] { find_label_cases(folder); }),
            folder + "/p_01_mask.tif and " + folder + "/p_1_mask.png are both masks of 'p, slice 1'; leave one");
}

class LabelCasesErrorsOfPairs : public ::testing::Test {
 protected:
  /// Of the case `a` in the folders 1 and 2.
  std::string message() const {
    return message_of(
        [&] { load_readings(find_label_cases((root_ / "1").string()).at("a"), find_label_cases((root_ / "2").string()).at("a")); });
  }
  const fs::path root_ = larmor::testing::make_temporary_folder("labels");
  const std::string folder_ = root_.string();
};

TEST_F(LabelCasesErrorsOfPairs, Grids) {
  write(root_ / "1/a.nii.gz", labels_of({5, 6, 4}));
  write(root_ / "2/a.nii.gz", labels_of({5, 6, 3}));
  EXPECT_EQ(message(), folder_ + "/2/a.nii.gz: 5 x 6 x 3 voxels of 2 x 2 x 3 mm, but " + folder_ +
                           "/1/a.nii.gz has 5 x 6 x 4 voxels of 2 x 2 x 3 mm; both readings must lie on one grid");
  Image moved = labels_of({5, 6, 4});
  moved.geometry.origin_mm[1] += 1;
  write(root_ / "2/a.nii.gz", moved);
  EXPECT_EQ(message(), folder_ + "/2/a.nii.gz: 5 x 6 x 4 voxels of 2 x 2 x 3 mm, but " + folder_ +
                           "/1/a.nii.gz has 5 x 6 x 4 voxels of 2 x 2 x 3 mm and lies elsewhere; both readings must lie on one grid");
  fs::remove(root_ / "2/a.nii.gz");
  write_segments(root_ / "2/a.seg.nrrd", moved);  // half a voxel aside is no part of the grid
  EXPECT_EQ(message(), folder_ + "/2/a.seg.nrrd: 5 x 6 x 4 voxels of 2 x 2 x 3 mm, but " + folder_ +
                           "/1/a.nii.gz has 5 x 6 x 4 voxels of 2 x 2 x 3 mm and lies elsewhere; both readings must lie on one grid");
}

TEST_F(LabelCasesErrorsOfPairs, Slices) {
  for (const int64_t number : {1, 2, 3, 4}) write(root_ / fmt::format("1/a_{}_mask.png", number), slice_mask(3, 2, 1));
  write(root_ / "2/a_2_mask.png", slice_mask(3, 2, 1));
  EXPECT_EQ(message(), folder_ + "/2: has no mask of slice 1 and 2 more, unlike " + folder_ + "/1");
  for (const int64_t number : {1, 3, 4, 5}) write(root_ / fmt::format("2/a_{}_mask.png", number), slice_mask(3, 2, 1));
  EXPECT_EQ(message(), folder_ + "/1: has no mask of slice 5, unlike " + folder_ + "/2");
  fs::remove(root_ / "2/a_5_mask.png");
  write(root_ / "2/a_3_mask.png", slice_mask(2, 2, 1));
  EXPECT_EQ(message(), folder_ + "/2/a_3_mask.png: 2 x 2, but " + folder_ + "/2/a_1_mask.png is 3 x 2");
}

TEST_F(LabelCasesErrorsOfPairs, Values) {
  write(root_ / "1/a.nii.gz", labels_of({3, 3, 3}));
  Image values = imaging::convert(labels_of({3, 3, 3}), PixelType::f32);
  values.geometry = labels_of({3, 3, 3}).geometry;
  for (const auto& [value, text] : {std::pair{0.5f, "0.5"}, {-1.0f, "-1"}, {256.0f, "256"}, {std::nanf(""), "nan"}}) {
    values.data<float>()[4] = value;
    write(root_ / "2/a.nrrd", values);
    EXPECT_EQ(message(), folder_ + "/2/a.nrrd: value " + text + "; labels are whole numbers from 0 to 255");
  }
  fs::remove(root_ / "2/a.nrrd");
  write(root_ / "2/a.png", Image::make({3, 3, 1}, 3, PixelType::u8));
  EXPECT_EQ(message(), folder_ + "/2/a.png: 3 channels; a mask has one");
  fs::remove(root_ / "2/a.png");
  Image layers = Image::make({3, 3, 3}, 2, PixelType::u8);
  layers.geometry = values.geometry;
  make_folder(root_ / "2");
  imaging::write_seg_nrrd(root_ / "2/a.seg.nrrd", {layers, {{"edema", {1, 0, 0}, 1, 0}, {"necrotic", {0, 1, 0}, 1, 1}}});
  EXPECT_EQ(message(), folder_ + "/2/a.seg.nrrd: 2 layers of segments that overlap; a mask has one");
}

TEST_F(LabelCasesErrorsOfPairs, SegmentsOfOneNameHaveOneLabel) {
  write_segments(root_ / "1/a.seg.nrrd", labels_of({3, 3, 3}), "edema");
  write_segments(root_ / "2/a.seg.nrrd", labels_of({3, 3, 3}), "core");
  EXPECT_EQ(message(), "no error");
  imaging::write_seg_nrrd(root_ / "2/a.seg.nrrd", {labels_of({3, 3, 3}), {{"core", {1, 0, 0}, 1}, {"edema", {0, 1, 0}, 2}}});
  EXPECT_EQ(message(), folder_ + "/2/a.seg.nrrd: its segment 'edema' has label 2, in " + folder_ +
                           "/1/a.seg.nrrd it has 1; give it one label in both");
}

}  // namespace
}  // namespace larmor::cli
