#include "cli/predict_cases.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>

#include "core/error.h"
#include "core/files.h"
#include "imaging/io.h"
#include "tests/support/errors.h"
#include "tests/support/golden.h"

namespace larmor::cli {
namespace {

namespace fs = std::filesystem;
using imaging::Image;
using imaging::PixelType;

/// Another picture for each seed.
Image picture(std::array<int64_t, 3> size, int64_t channels, PixelType type, int seed) {
  Image image = Image::make(size, channels, PixelType::i32);
  for (int64_t i = 0; i < image.elements(); ++i) image.data<int32_t>()[i] = static_cast<int32_t>((i * 37 + seed * 101) % 251);
  Image converted = imaging::convert(image, type);
  return converted;
}

/// A sagittal volume of 2 x 0.7 x 1.1 mm voxels: x runs to posterior, y to inferior, z to the left.
Image sagittal_volume(int seed, PixelType type = PixelType::i16) {
  Image volume = picture({6, 4, 3}, 1, type, seed);
  volume.geometry.has_spacing = true;
  volume.geometry.spacing_mm = {2, 0.7, 1.1};
  volume.geometry.origin_mm = {-10, 20, 30.5};
  volume.geometry.direction = {0, 0, 1, 1, 0, 0, 0, -1, 0};
  return volume;
}

void touch(const fs::path& file) {
  make_folder(file.parent_path());
  write_file_atomically(file, "x");
}

template <class Function>
std::string message_of(Function function) {
  try {
    function();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

std::vector<std::string> names_of(const std::vector<fs::path>& files) {
  std::vector<std::string> names;
  for (const fs::path& file : files) names.push_back(file.filename().string());
  return names;
}

TEST(PredictCases, FolderOfSlicesInNumericOrderWithoutMasks) {
  const fs::path root = larmor::testing::make_temporary_folder("cases");
  for (const int n : {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}) {
    touch(root / ("P_1/P_1_" + std::to_string(n) + ".tif"));
    touch(root / ("P_1/P_1_" + std::to_string(n) + "_mask.tif"));
  }
  touch(root / "Q_2/Q_2_7.tif");
  touch(root / "data.csv");
  const std::vector<PredictCase> cases = find_cases(root.string());
  ASSERT_EQ(cases.size(), 2u);
  EXPECT_EQ(cases[0].name, "P_1");
  EXPECT_EQ(cases[0].folder, "P_1");
  EXPECT_EQ(cases[0].numbers, (std::vector<int64_t>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}));
  EXPECT_EQ(cases[0].files[9].filename(), "P_1_10.tif");
  EXPECT_FALSE(cases[0].is_volume);
  EXPECT_EQ(cases[1].name, "Q_2");
  EXPECT_EQ(find_cases((root / "P_1").string() + "/")[0].folder, "");
}

TEST(PredictCases, FlatFolderIsGroupedByName) {
  const fs::path root = larmor::testing::make_temporary_folder("cases");
  for (const char* name : {"a_2.png", "a_1.png", "b.png", "c.nii.gz", "d.nii", "7.png", "8.png"}) touch(root / name);
  std::vector<std::string> found;
  for (const PredictCase& one : find_cases(root.string()))
    found.push_back(one.name + " " + std::to_string(one.files.size()) + (one.is_volume ? " volume" : ""));
  EXPECT_THAT(found, ::testing::UnorderedElementsAre("a 2", "b 1", "c 1 volume", "d 1 volume", root.filename().string() + " 2"));
}

TEST(PredictCases, SequencesAreOneVolume) {
  const fs::path root = larmor::testing::make_temporary_folder("cases");
  const fs::path t1 = root / "t1.nii.gz", flair = root / "flair.nii.gz";
  imaging::write_image(t1, sagittal_volume(1));
  imaging::write_image(flair, sagittal_volume(2));
  const std::vector<PredictCase> cases = find_cases(t1.string() + "," + flair.string());
  ASSERT_EQ(cases.size(), 1u);
  EXPECT_EQ(cases[0].name, "t1");
  EXPECT_TRUE(cases[0].is_volume);
  EXPECT_EQ(size_of(cases[0]).channels, 2);
  EXPECT_EQ(size_of(cases[0]).slices, 4);  // y runs from superior to inferior: axial slices are taken along it
}

TEST(PredictCases, VolumesAreSlicedAxially) {
  const fs::path root = larmor::testing::make_temporary_folder("cases");
  imaging::write_image(root / "v.nii.gz", sagittal_volume(3, PixelType::u8));
  const SliceStack stack = load_case(find_cases((root / "v.nii.gz").string())[0]);
  const Image stored = sagittal_volume(3, PixelType::u8);
  ASSERT_EQ(stack.slices.size(), 4u);
  EXPECT_EQ(stack.slices[0].size, (std::array<int64_t, 3>{3, 6, 1}));  // left-right x anterior-posterior
  for (int64_t z = 0; z < 4; ++z) {
    for (int64_t y = 0; y < 6; ++y) {
      for (int64_t x = 0; x < 3; ++x) {
        EXPECT_EQ(stack.slices[static_cast<size_t>(z)].data<uint8_t>()[y * 3 + x], stored.data<uint8_t>()[(x * 4 + (3 - z)) * 6 + y]);
      }
    }
  }
}

TEST(PredictCases, ValuesOfOtherTypesAreScaledPerChannel) {
  const fs::path root = larmor::testing::make_temporary_folder("cases");
  Image dim = Image::make({20, 20, 20}, 1, PixelType::i16), bright = dim;
  for (int64_t i = 0; i < dim.voxels(); ++i) {
    dim.data<int16_t>()[i] = static_cast<int16_t>(i % 20 == 0 ? 0 : i % 100);
    bright.data<int16_t>()[i] = static_cast<int16_t>(30 * dim.data<int16_t>()[i]);
  }
  bright.data<int16_t>()[5] = 32000;  // one hot voxel must not rule the scale
  imaging::write_image(root / "a.nii.gz", dim);
  imaging::write_image(root / "b.nii.gz", bright);
  const SliceStack stack = load_case(find_cases((root / "a.nii.gz").string() + "," + (root / "b.nii.gz").string())[0]);
  float highest = 0;
  int different = 0;
  for (const Image& slice : stack.slices) {
    ASSERT_EQ(slice.type, PixelType::f32);
    ASSERT_EQ(slice.channels, 2);
    for (int64_t i = 0; i < slice.voxels(); ++i) {
      const float a = slice.data<float>()[2 * i], b = slice.data<float>()[2 * i + 1];
      EXPECT_TRUE(a >= 0 && a <= 1 && b >= 0 && b <= 1);
      different += std::abs(std::min(a, 0.98f) - std::min(b, 0.98f)) > 0.02f;
      highest = std::max(highest, a);
    }
  }
  EXPECT_EQ(highest, 1);
  EXPECT_EQ(different, 1);
}

CaseResults results_for(const SliceStack& stack, int64_t classes) {
  CaseResults results;
  for (const Image& slice : stack.slices) {
    const int64_t width = slice.width(), height = slice.height();
    results.probabilities.push_back(at::arange(classes * height * width, at::kFloat).reshape({classes, height, width}) / 1000);
    results.masks.push_back(Image::make({width, height, 1}, 1, PixelType::u8));
    results.masks.back().data<uint8_t>()[1] = 1;
  }
  return results;
}

TEST(PredictCases, SlicesLeaveMasksProbabilitiesAndOverlays) {
  const fs::path root = larmor::testing::make_temporary_folder("cases"), output = root / "out/deeper";
  for (const char* name : {"in/p/a_1.tif", "in/p/a_2.png"}) {
    make_folder((root / name).parent_path());
    imaging::write_image(root / name, picture({24, 17, 1}, 3, PixelType::u8, 1));
  }
  const PredictCase one = find_cases((root / "in").string())[0];
  const SliceStack stack = load_case(one);
  const std::vector<fs::path> files = write_case(output, one, stack, results_for(stack, 1));
  EXPECT_EQ(names_of(files), (std::vector<std::string>{"a_1_mask.tif", "a_1_prob.tif", "a_1_overlay.png", "a_2_mask.png", "a_2_prob.tif",
                                                       "a_2_overlay.png"}));
  const Image mask = imaging::read_image(output / "p/a_1_mask.tif"), probability = imaging::read_image(output / "p/a_2_prob.tif");
  EXPECT_EQ(mask.size, (std::array<int64_t, 3>{24, 17, 1}));
  EXPECT_EQ(mask.type, PixelType::u8);
  EXPECT_EQ(mask.data<uint8_t>()[1], 255);
  EXPECT_EQ(mask.data<uint8_t>()[2], 0);
  EXPECT_EQ(probability.type, PixelType::f32);
  EXPECT_FLOAT_EQ(probability.data<float>()[24 * 17 - 1], (24 * 17 - 1) / 1000.0f);
  const Image overlay = imaging::read_image(output / "p/a_1_overlay.png");
  EXPECT_EQ(overlay.width(), mask.width());
  EXPECT_GT(overlay.height(), mask.height());  // the legend is below
}

TEST(PredictCases, VolumesKeepGeometryAndPlaces) {
  const fs::path root = larmor::testing::make_temporary_folder("cases"), output = root / "out";
  imaging::write_image(root / "v.nii.gz", sagittal_volume(3));
  const PredictCase one = find_cases((root / "v.nii.gz").string())[0];
  const SliceStack stack = load_case(one);
  CaseResults results = results_for(stack, 1);
  // give back the input itself: every value must return to its voxel
  for (size_t z = 0; z < stack.slices.size(); ++z) {
    std::memcpy(results.probabilities[z].data_ptr<float>(), stack.slices[z].bytes.data(), stack.slices[z].bytes.size());
    for (int64_t i = 0; i < 18; ++i) results.masks[z].data<uint8_t>()[i] = stack.slices[z].data<float>()[i] > 0.5f;
  }
  EXPECT_EQ(names_of(write_case(output, one, stack, results)),
            (std::vector<std::string>{"v_mask.nii.gz", "v_prob.nii.gz", "v_overlay.png"}));
  const Image source = imaging::read_image(root / "v.nii.gz"), mask = imaging::read_image(output / "v_mask.nii.gz"),
              probability = imaging::read_image(output / "v_prob.nii.gz");
  for (const Image* written : {&mask, &probability}) {
    EXPECT_EQ(written->size, source.size);
    for (size_t i = 0; i < 3; ++i) {
      EXPECT_NEAR(written->geometry.spacing_mm[i], source.geometry.spacing_mm[i], 1e-5);
      EXPECT_NEAR(written->geometry.origin_mm[i], source.geometry.origin_mm[i], 1e-4);
    }
    for (size_t i = 0; i < 9; ++i) EXPECT_NEAR(written->geometry.direction[i], source.geometry.direction[i], 1e-6);
  }
  EXPECT_EQ(mask.type, PixelType::u8);
  EXPECT_EQ(probability.type, PixelType::f32);
  // scaling is monotonic, so the order of voxels shows whether each came back to its place
  const int16_t* values = source.data<int16_t>();
  for (int64_t i = 0; i < source.voxels(); ++i) {
    for (int64_t j = 0; j < source.voxels(); ++j) {
      if (values[i] >= values[j]) continue;
      ASSERT_LE(probability.data<float>()[i], probability.data<float>()[j]);
    }
    EXPECT_EQ(mask.data<uint8_t>()[i], probability.data<float>()[i] > 0.5f);
  }
}

TEST(PredictCases, SeveralClassesKeepTheirLabels) {
  const fs::path root = larmor::testing::make_temporary_folder("cases");
  imaging::write_image(root / "v.nii.gz", sagittal_volume(3));
  const PredictCase one = find_cases((root / "v.nii.gz").string())[0];
  const SliceStack stack = load_case(one);
  CaseResults results = results_for(stack, 3);
  results.masks[2].data<uint8_t>()[4] = 2;
  write_case(root / "out", one, stack, results);
  const Image mask = imaging::read_image(root / "out/v_mask.nii.gz");
  EXPECT_EQ(*std::max_element(mask.data<uint8_t>(), mask.data<uint8_t>() + mask.voxels()), 2);
  EXPECT_EQ(imaging::read_image(root / "out/v_prob.nii.gz").channels, 3);
}

/// Maps that tell their slice and pixel.
std::vector<eval::Uncertainty> maps_for(const SliceStack& stack, bool has_members) {
  std::vector<eval::Uncertainty> maps;
  for (const Image& slice : stack.slices) {
    const at::Tensor entropy = at::arange(slice.voxels(), at::kFloat).reshape({slice.height(), slice.width()}) + 100.0 * maps.size();
    maps.push_back({entropy, has_members ? entropy / 2 : at::Tensor()});
  }
  return maps;
}

TEST(PredictCases, MapsOfUncertaintyStandBesideProbabilities) {
  const fs::path root = larmor::testing::make_temporary_folder("cases");
  imaging::write_image(root / "v.nii.gz", sagittal_volume(3));
  imaging::write_image(root / "a_1.png", picture({24, 17, 1}, 3, PixelType::u8, 1));
  for (const PredictCase& one : find_cases(root.string())) {
    const SliceStack stack = load_case(one);
    CaseResults results = results_for(stack, 1);
    for (size_t i = 0; i < stack.slices.size(); ++i) results.probabilities[i] = maps_for(stack, true)[i].entropy.unsqueeze(0);
    results.uncertainty = maps_for(stack, true);
    const std::vector<fs::path> files = write_case(root / "out", one, stack, results);
    ASSERT_EQ(files.size(), 5u);
    const Image probabilities = imaging::read_image(files[1]), entropy = imaging::read_image(files[3]),
                information = imaging::read_image(files[4]);
    EXPECT_EQ(entropy.type, PixelType::f32);
    EXPECT_EQ(entropy.size, probabilities.size);
    EXPECT_EQ(entropy.geometry, probabilities.geometry);
    EXPECT_EQ(entropy.bytes, probabilities.bytes);  // the same values at the same places
    for (int64_t i = 0; i < entropy.voxels(); ++i) ASSERT_EQ(information.data<float>()[i], entropy.data<float>()[i] / 2);
  }
  EXPECT_TRUE(fs::exists(root / "out/v_uncertainty.nii.gz"));
  EXPECT_TRUE(fs::exists(root / "out/a_1_mutual_information.tif"));
}

TEST(PredictCases, MapsOfAnEarlierPredictionDoNotOutliveIt) {
  const fs::path root = larmor::testing::make_temporary_folder("cases");
  imaging::write_image(root / "v.nii.gz", sagittal_volume(3));
  const PredictCase one = find_cases((root / "v.nii.gz").string())[0];
  const SliceStack stack = load_case(one);
  CaseResults results = results_for(stack, 1);
  results.uncertainty = maps_for(stack, true);
  write_case(root / "out", one, stack, results);
  results.uncertainty = maps_for(stack, false);
  EXPECT_EQ(write_case(root / "out", one, stack, results).size(), 4u);
  EXPECT_FALSE(fs::exists(root / "out/v_mutual_information.nii.gz"));
  EXPECT_TRUE(fs::exists(root / "out/v_uncertainty.nii.gz"));
  results.uncertainty.clear();
  EXPECT_EQ(write_case(root / "out", one, stack, results).size(), 3u);
  EXPECT_FALSE(fs::exists(root / "out/v_uncertainty.nii.gz"));
}

TEST(PredictCases, AFailedCaseLeavesNothing) {
  const fs::path root = larmor::testing::make_temporary_folder("cases");
  imaging::write_image(root / "v.nii.gz", sagittal_volume(3));
  const PredictCase one = find_cases((root / "v.nii.gz").string())[0];
  const SliceStack stack = load_case(one);
  touch(root / "out/v_overlay.png/occupied");  // a folder stands where the last file should go
  EXPECT_NE(message_of([&] { write_case(root / "out", one, stack, results_for(stack, 1)); }), "no error");
  touch(root / "plain");
  EXPECT_NE(message_of([&] { write_case(root / "plain", one, stack, results_for(stack, 1)); }), "no error");
  std::vector<std::string> left;
  for (const auto& entry : fs::directory_iterator(root / "out")) left.push_back(entry.path().filename().string());
  EXPECT_THAT(left, ::testing::UnorderedElementsAre("v_overlay.png"));
}

TEST(PredictCasesErrors, WholeMessages) {
  const fs::path root = larmor::testing::make_temporary_folder("cases");
  const std::string folder = root.string();
  EXPECT_EQ(message_of([&] { find_cases(folder + "/none.png"); }), "--input: " + folder + "/none.png: no such file or folder");
  EXPECT_EQ(message_of([&] { find_cases(folder); }), folder + ": no images in this folder (" + imaging::known_extensions() + ")");
  touch(root / "x.jpg");
  EXPECT_EQ(message_of([&] { find_cases(folder + "/x.jpg"); }), "--input: " + folder + "/x.jpg: cannot read this kind of file; allowed: " +
                                                                    imaging::known_extensions() + ", .safetensors, a folder");
  touch(root / "a.png");
  EXPECT_EQ(message_of([&] { find_cases(folder + "/a.png," + folder + "/b.png"); }),
            "--input: " + folder + "/a.png: several sequences must be NIfTI files (.nii, .nii.gz)");
  EXPECT_EQ(message_of([&] { find_cases(folder + "/t1.nii.gz," + folder + "/b.png"); }), "--input: " + folder + "/t1.nii.gz: no such file");
  touch(root / "a.tif");
  EXPECT_EQ(message_of([&] { find_cases(folder); }),
            folder + "/a.png and " + folder + "/a.tif: their results would have the same name; rename one");
}

/// As nobody, for whom closed folders are closed.
TEST(PredictCasesErrors, AClosedFolderIsNamed) {
  const fs::path root = larmor::testing::make_temporary_folder("closed");
  make_folder(root / "a");
  fs::permissions(root, fs::perms::all);
  fs::permissions(root / "a", fs::perms::none);
  const bool is_root = ::geteuid() == 0;
  ASSERT_EQ(is_root ? ::seteuid(65534) : 0, 0);
  const std::string message = larmor::testing::data_error([&] { find_cases(root.string()); });
  ASSERT_EQ(is_root ? ::seteuid(0) : 0, 0);
  fs::permissions(root / "a", fs::perms::all);
  EXPECT_EQ(message, (root / "a").string() + ": cannot be read: Permission denied");
}

TEST(PredictCasesErrors, CasesMustFitTogether) {
  const fs::path root = larmor::testing::make_temporary_folder("cases");
  const std::string folder = root.string();
  imaging::write_image(root / "a_1.png", picture({4, 4, 1}, 3, PixelType::u8, 1));
  imaging::write_image(root / "a_2.png", picture({4, 4, 1}, 1, PixelType::u8, 1));
  EXPECT_EQ(message_of([&] { size_of(find_cases(folder)[0]); }), folder + "/a_2.png: channels: 1, but " + folder + "/a_1.png has 3");
  imaging::write_image(root / "t1.nii.gz", sagittal_volume(1));
  Image moved = sagittal_volume(2);
  moved.geometry.spacing_mm[0] = 1;
  imaging::write_image(root / "t2.nii.gz", moved);
  EXPECT_EQ(message_of([&] { size_of(find_cases(folder + "/t1.nii.gz," + folder + "/t2.nii.gz")[0]); }),
            folder + "/t2.nii.gz: 6 x 4 x 3 voxels of 1 x 0.7 x 1.1 mm, but " + folder +
                "/t1.nii.gz has 6 x 4 x 3 voxels of 2 x 0.7 x 1.1 mm or lies elsewhere; register the sequences to one grid first");
  Image holes = picture({4, 4, 2}, 1, PixelType::f32, 1);
  holes.data<float>()[3] = std::nanf("");
  imaging::write_image(root / "holes.nii.gz", holes);
  EXPECT_EQ(message_of([&] { load_case(find_cases(folder + "/holes.nii.gz")[0]); }),
            folder + "/holes.nii.gz: voxels that are not finite: 1; replace them (0 is background)");
}

}  // namespace
}  // namespace larmor::cli
