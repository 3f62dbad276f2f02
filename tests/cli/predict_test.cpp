#include "cli/predict.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/csv.h"
#include "core/error.h"
#include "core/files.h"
#include "core/tensors.h"
#include "imaging/io.h"
#include "imaging/orient.h"
#include "tests/support/golden.h"
#include "tests/support/tiny_run.h"
#include "train/trained_network.h"

namespace larmor::cli {
namespace {

namespace fs = std::filesystem;
using imaging::Image;
using imaging::PixelType;

class PredictSlow : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = larmor::testing::make_temporary_folder("predict");
    larmor::testing::write_tiny_lgg(folder_ / "data", 2, 3, 40);
    larmor::testing::write_tiny_run(folder_ / "run", larmor::testing::tiny_recipe(folder_ / "data"), 1);
  }
  static PredictOptions options_for(const std::string& input, const std::string& output) {
    PredictOptions options;
    options.weights = {(folder_ / "run").string()};
    options.input = input;
    options.output = (folder_ / output).string();
    return options;
  }
  static std::vector<PredictedCase> predict(const PredictOptions& options) { return predict_cases(options, quiet()); }
  static GlobalOptions quiet() {
    GlobalOptions global;
    global.quiet = true;
    return global;
  }
  static std::string message_of(const PredictOptions& options) {
    try {
      if (fs::path(options.input).extension() == ".safetensors") {
        predict_tensor(options, quiet());
      } else {
        predict(options);
      }
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }
  static inline fs::path folder_;
};

TEST_F(PredictSlow, TensorPassesUntouched) {
  const at::Tensor input = at::rand({3, 3, 64, 32}) * 4 - 2;
  save_tensors(folder_ / "t.safetensors", {{"input", input}});
  PredictOptions options = options_for((folder_ / "t.safetensors").string(), "o.safetensors");
  options.batch = 2;
  predict_tensor(options, quiet());
  const NamedTensors written = load_tensors(folder_ / "o.safetensors");
  ASSERT_EQ(written.size(), 1u);
  EXPECT_EQ(written[0].first, "logits");
  const train::TrainedNetwork trained = train::load_trained(folder_ / "run");
  const at::Tensor expected = trained.network->forward(input).detach();
  ASSERT_EQ(written[0].second.sizes(), expected.sizes());
  EXPECT_LE((written[0].second - expected).abs().max().item<double>(), 1e-4 * expected.abs().max().item<double>());
}

TEST_F(PredictSlow, AFolderOfPatients) {
  const std::vector<PredictedCase> cases = predict(options_for((folder_ / "data").string(), "masks"));
  ASSERT_EQ(cases.size(), 2u);
  EXPECT_EQ(cases[0].name, larmor::testing::tiny_patient(0));
  EXPECT_EQ(cases[0].slices, 3);
  EXPECT_EQ(cases[0].files.size(), 9u);
  for (const PredictedCase& one : cases) {
    for (const fs::path& file : one.files) EXPECT_TRUE(fs::exists(file)) << file;
  }
  const Image mask = imaging::read_image(cases[1].files[0]), probability = imaging::read_image(cases[1].files[1]);
  ASSERT_EQ(mask.size, (std::array<int64_t, 3>{40, 40, 1}));
  for (int64_t i = 0; i < mask.voxels(); ++i) {
    ASSERT_EQ(mask.data<uint8_t>()[i], probability.data<float>()[i] >= 0.5f ? 255 : 0);
  }
}

TEST_F(PredictSlow, ThresholdAndAugmentationAreUsed) {
  const std::string slice = (folder_ / "data" / larmor::testing::tiny_patient(0) / (larmor::testing::tiny_patient(0) + "_2.tif")).string();
  PredictOptions options = options_for(slice, "all");
  options.threshold = 0;
  const Image everything = imaging::read_image(predict(options)[0].files[0]);
  EXPECT_TRUE(std::all_of(everything.bytes.begin(), everything.bytes.end(), [](std::byte value) { return value == std::byte{255}; }));
  options = options_for(slice, "plain");
  const Image plain = imaging::read_image(predict(options)[0].files[1]);
  options = options_for(slice, "augmented");
  options.tta = "d4";
  const Image augmented = imaging::read_image(predict(options)[0].files[1]);
  EXPECT_NE(plain.bytes, augmented.bytes);
}

TEST_F(PredictSlow, UncertaintyLeavesMapsAndAReviewList) {
  PredictOptions options = options_for((folder_ / "data").string(), "doubts");
  options.uncertainty = true;
  options.tta = "d4";
  const std::vector<PredictedCase> cases = predict(options);
  ASSERT_EQ(cases.size(), 2u);
  EXPECT_EQ(cases[0].files.size(), 15u);
  const CsvTable review = read_csv(folder_ / "doubts/review.csv");
  ASSERT_EQ(review.rows.size(), 2u);
  EXPECT_GE(std::stod(review.rows[0][review.column("uncertainty")]), std::stod(review.rows[1][review.column("uncertainty")]));
  for (const std::vector<std::string>& row : review.rows) {
    EXPECT_EQ(row[review.column("members")], "8");
    EXPECT_EQ(row[review.column("unit")], "px");
    EXPECT_LE(std::stod(row[review.column("volume_low")]), std::stod(row[review.column("volume_high")]));
  }
  // the plain prediction is untouched by being asked for more
  options.uncertainty = false;
  options.output = (folder_ / "no-doubts").string();
  const std::vector<PredictedCase> plain = predict(options);
  const Image probability = imaging::read_image(plain[0].files[1]), entropy = imaging::read_image(cases[0].files[3]);
  EXPECT_EQ(imaging::read_image(cases[0].files[1]).bytes, probability.bytes);
  for (int64_t i = 0; i < entropy.voxels(); ++i) {
    const double p = probability.data<float>()[i];
    ASSERT_NEAR(entropy.data<float>()[i], -(p * std::log2(p) + (1 - p) * std::log2(1 - p)), 1e-5);
  }
}

TEST_F(PredictSlow, OneMemberHasEntropyAlone) {
  PredictOptions options = options_for((folder_ / "data" / larmor::testing::tiny_patient(0)).string(), "alone");
  options.uncertainty = true;
  const std::vector<PredictedCase> cases = predict(options);
  EXPECT_EQ(cases[0].files.size(), 12u);
  const CsvTable review = read_csv(folder_ / "alone/review.csv");
  EXPECT_EQ(review.rows[0][review.column("members")], "1");
  for (const char* column : {"mutual_information", "volume_low", "volume_high"})
    EXPECT_EQ(review.rows[0][review.column(column)], "") << column;
  options.overwrite = true;
  ::testing::internal::CaptureStdout();
  run_predict(options, {});
  EXPECT_THAT(::testing::internal::GetCapturedStdout(),
              ::testing::HasSubstr("note    one network and one view: entropy alone, for there is nobody to disagree; --tta or several "
                                   "weights give mutual information and an interval of the volume\n"));
}

/// The same head in two axis orders: results lie at the same places in space, in each file's own geometry.
TEST_F(PredictSlow, AnisotropicVolumesInAnyAxisOrder) {
  Image upright = Image::make({36, 30, 5}, 3, PixelType::u8);
  for (int64_t i = 0; i < upright.elements(); ++i) upright.data<uint8_t>()[i] = static_cast<uint8_t>(i * i % 241);
  upright.geometry.has_spacing = true;
  upright.geometry.spacing_mm = {0.8, 0.6, 5};
  upright.geometry.origin_mm = {-12, 30, 4};
  const imaging::AxisOrder order{{2, 0, 1}, {true, false, true}};
  const Image turned = imaging::reorder_axes(upright, order);
  std::vector<Image> probabilities;
  for (const auto& [name, volume] : std::vector<std::pair<std::string, const Image*>>{{"upright", &upright}, {"turned", &turned}}) {
    std::vector<std::string> sequences;
    for (int64_t c = 0; c < 3; ++c) {
      Image sequence = Image::make(volume->size, 1, PixelType::u8);
      sequence.geometry = volume->geometry;
      for (int64_t i = 0; i < sequence.voxels(); ++i) sequence.data<uint8_t>()[i] = volume->data<uint8_t>()[3 * i + c];
      sequences.push_back((folder_ / (name + std::to_string(c) + ".nii.gz")).string());
      imaging::write_image(sequences.back(), sequence);
    }
    const std::vector<PredictedCase> cases = predict(options_for(sequences[0] + "," + sequences[1] + "," + sequences[2], "volumes"));
    ASSERT_EQ(cases.size(), 1u);
    EXPECT_EQ(cases[0].slices, 5);
    probabilities.push_back(imaging::read_image(cases[0].files[1]));
    const Image source = imaging::read_image(sequences[0]);
    EXPECT_EQ(probabilities.back().size, source.size);
    EXPECT_EQ(probabilities.back().geometry, source.geometry);
  }
  const Image back = imaging::restore_axes(probabilities[1], order);
  for (int64_t i = 0; i < back.voxels(); ++i) ASSERT_NEAR(back.data<float>()[i], probabilities[0].data<float>()[i], 1e-5);
}

TEST_F(PredictSlow, OnlySubjectsAreExcluded) {
  PredictOptions options = options_for((folder_ / "data").string(), "excluded");
  options.exclude = {larmor::testing::tiny_patient(0)};
  EXPECT_EQ(message_of(options), "--exclude: leaves subjects out of a folder of subjects; this network takes images");
}

TEST_F(PredictSlow, NothingIsReplacedUnasked) {
  PredictOptions options = options_for((folder_ / "data" / larmor::testing::tiny_patient(0)).string(), "twice");
  const std::vector<fs::path> files = predict(options)[0].files;
  const auto before = fs::last_write_time(files[0]);
  EXPECT_EQ(message_of(options), "--output: " + files[0].string() + " is there already, and 8 more; --overwrite replaces it");
  EXPECT_EQ(fs::last_write_time(files[0]), before);
  options.overwrite = true;
  EXPECT_EQ(message_of(options), "no error");
}

/// A network of one sequence finds it in the slice's file.
TEST_F(PredictSlow, ChannelsAreThoseOfTraining) {
  const std::string recipe = larmor::testing::tiny_recipe(folder_ / "data");
  const size_t model = recipe.find("model: {");
  const std::string flair =
      recipe.substr(0, model) + "  channels: [FLAIR]\n" + recipe.substr(model, 8) + "in_channels: 1, " + recipe.substr(model + 8);
  larmor::testing::write_tiny_run(folder_ / "flair", flair, 1);
  const fs::path slice = folder_ / "data" / larmor::testing::tiny_patient(0) / (larmor::testing::tiny_patient(0) + "_2.tif");
  const std::vector<int64_t> second = {1};
  imaging::write_image(folder_ / "second.png", imaging::select_channels(imaging::read_image(slice), second));
  PredictOptions options = options_for(slice.string(), "flair-of-three");
  options.weights = {(folder_ / "flair").string()};
  const Image chosen = imaging::read_image(predict(options)[0].files[1]);
  options.input = (folder_ / "second.png").string();
  options.output = (folder_ / "flair-alone").string();
  EXPECT_EQ(imaging::read_image(predict(options)[0].files[1]).bytes, chosen.bytes);
}

TEST_F(PredictSlow, ADamagedSliceLeavesNothingOfItsCase) {
  fs::copy(folder_ / "data" / larmor::testing::tiny_patient(0), folder_ / "damaged", fs::copy_options::recursive);
  const fs::path victim = folder_ / "damaged" / (larmor::testing::tiny_patient(0) + "_3.tif");
  fs::resize_file(victim, fs::file_size(victim) / 2);
  const std::string message = message_of(options_for((folder_ / "damaged").string(), "none"));
  EXPECT_THAT(message, ::testing::HasSubstr(victim.filename().string()));
  EXPECT_FALSE(fs::exists(folder_ / "none"));
}

TEST_F(PredictSlow, MessagesOfErrors) {
  const std::string folder = folder_.string(),
                    slice = (folder_ / "data" / larmor::testing::tiny_patient(0) / (larmor::testing::tiny_patient(0) + "_2.tif")).string();
  EXPECT_EQ(message_of(options_for((folder_ / "data").string(), "data/masks")),
            "--output: " + folder + "/data/masks is in the input's folder; choose another, source data is never written to");
  EXPECT_EQ(message_of(options_for(slice, "data/" + larmor::testing::tiny_patient(0))),
            "--output: " + folder + "/data/" + larmor::testing::tiny_patient(0) +
                " is in the input's folder; choose another, source data is never written to");
  Image grey = Image::make({32, 32, 1}, 1, PixelType::u8);
  imaging::write_image(folder_ / "grey.png", grey);
  EXPECT_EQ(message_of(options_for(folder + "/grey.png", "out")), folder + "/grey.png: channels: 1, but the network takes 3");
  PredictOptions options = options_for(slice, "out");
  options.threshold = 1.5;
  EXPECT_EQ(message_of(options), "--threshold: 1.5 is not allowed; must be in [0, 1]");
  options = options_for(slice, "out");
  options.batch = 0;
  EXPECT_EQ(message_of(options), "--batch: 0 is not allowed; must be >= 1");
  options = options_for(slice, "out");
  options.tta = "d5";
  EXPECT_EQ(message_of(options), "--tta: unknown test-time augmentation 'd5'; nearest: 'd4'");
  options = options_for(slice, "out");
  options.merge = "median";  // also where one view leaves nothing to merge
  EXPECT_EQ(message_of(options), "--merge: unknown merge 'median'; nearest: 'mean'");
  options = options_for(slice, "out");
  options.merge_of = "masks";
  EXPECT_EQ(message_of(options), "--merge-of: unknown value 'masks'; allowed: probabilities, logits");
  options = options_for(slice, "out");
  options.input.clear();
  EXPECT_EQ(message_of(options), "--input: say what to predict");
  options = options_for(slice, "grey.png/out");
  EXPECT_EQ(message_of(options), "--output: " + folder + "/grey.png is a file; give a folder");
  options = options_for(slice, "out");
  options.size = 30;
  EXPECT_EQ(message_of(options), "--size: 30 is not allowed; linknet needs multiples of 8, e.g. 32");
  make_folder(folder_ / "reviewed");
  write_file_atomically(folder_ / "reviewed/review.csv", "mine");
  options = options_for(slice, "reviewed");
  options.uncertainty = true;
  EXPECT_EQ(message_of(options), "--output: " + folder + "/reviewed/review.csv is there already; --overwrite replaces it");
  save_tensors(folder_ / "wrong.safetensors", {{"inputs", at::zeros({1})}});
  EXPECT_EQ(message_of(options_for(folder + "/wrong.safetensors", "other.safetensors")),
            folder + "/wrong.safetensors: has no tensor 'input'");
  save_tensors(folder_ / "rank.safetensors", {{"input", at::zeros({3, 32, 32})}});
  EXPECT_EQ(message_of(options_for(folder + "/rank.safetensors", "other.safetensors")),
            folder + "/rank.safetensors: tensor 'input' is F32 of rank 3; needed F32 of N x C x H x W");
  options = options_for(folder + "/rank.safetensors", "other.safetensors");
  options.uncertainty = true;
  EXPECT_EQ(message_of(options), "--uncertainty: a tensor file gives logits alone; give images");
  EXPECT_EQ(message_of(options_for(folder + "/rank.safetensors", "o.nii")),
            "--output: " + folder + "/o.nii: logits are written to a .safetensors file");
}

}  // namespace
}  // namespace larmor::cli
