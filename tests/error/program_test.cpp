// Every wrong use that a person is likely to make: one clear line, the right exit code, nothing left half-written.
#include <gtest/gtest.h>

#include <fstream>

#include "core/files.h"
#include "tests/support/golden.h"
#include "tests/support/process.h"

namespace larmor::testing {
namespace {

namespace fs = std::filesystem;

const char* const kRecipe =
    "data:\n"
    "  root: phantom\n"
    "  split: {kind: kfold, folds: 3}\n"
    "  size: 32\n"
    "  batch: 2\n"
    "model: {name: linknet}\n"
    "train: {epochs: 1}\n";

class ProgramError : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = make_temporary_folder("error");
    std::ofstream(folder_ / "a.yaml") << kRecipe;
    const ProcessResult made = run_larmor({"phantom", "lgg", "phantom", "--patients", "3", "--slices", "5", "--size", "64"}, folder_);
    ASSERT_EQ(made.exit_code, 0) << made.err;
  }

  void TearDown() override { EXPECT_FALSE(fs::exists(folder_ / "run")) << "something was left behind"; }

  static ProcessResult train(std::vector<std::string> more) {
    more.insert(more.begin(), {"train", "a.yaml", "--run-dir", "run"});
    return run_larmor(more, folder_);
  }

  static void expect(const ProcessResult& result, int exit_code, const std::string& message) {
    EXPECT_EQ(result.exit_code, exit_code);
    EXPECT_EQ(result.err, message + "\n");
  }

  /// A copy of the phantom that a test may damage.
  static fs::path damaged_copy(const std::string& name) {
    fs::copy(folder_ / "phantom", folder_ / name, fs::copy_options::recursive);
    return folder_ / name;
  }

  /// The first mask of a data folder, by name.
  static fs::path first_mask(const fs::path& data) {
    std::vector<fs::path> masks;
    for (const auto& entry : fs::recursive_directory_iterator(data)) {
      if (entry.path().filename().string().ends_with("_mask.tif")) masks.push_back(entry.path());
    }
    return *std::min_element(masks.begin(), masks.end());
  }

  static inline fs::path folder_;
};

TEST_F(ProgramError, UnknownCommand) {
  expect(run_larmor({"trian"}, folder_), 2, "unknown command 'trian'; nearest: 'train' (larmor help)");
}

TEST_F(ProgramError, MissingRecipe) {
  expect(run_larmor({"train", "b.yaml"}, folder_), 2, "b.yaml: cannot be read: No such file or directory");
}

TEST_F(ProgramError, UnknownKey) {
  expect(train({"data.bach=3"}), 2, "command line: data.bach: unknown key for source 'lgg'; nearest: 'batch'");
}

TEST_F(ProgramError, WrongType) { expect(train({"data.batch=eight"}), 2, "command line: data.batch: 'eight' is not an integer"); }

TEST_F(ProgramError, WrongValue) { expect(train({"data.batch=0"}), 2, "command line: data.batch: 0 is not allowed; must be >= 1"); }

TEST_F(ProgramError, BareNumberIsNoRange) {
  expect(train({"data.augment.rotate_deg=15"}), 2, "command line: data.augment.rotate_deg: '15' is not a range; write [min, max]");
}

TEST_F(ProgramError, UnknownEncoder) {
  expect(train({"model.encoder=se_resnext50"}), 2,
         "command line: model.encoder: unknown encoder 'se_resnext50'; nearest: 'se_resnext50_32x4d' (larmor list encoders)");
}

TEST_F(ProgramError, UnknownOptimizer) {
  expect(train({"optim.name=ranglars"}), 2,
         "command line: optim.name: unknown optimizer 'ranglars'; nearest: 'rangerlars' (larmor list optimizers)");
}

TEST_F(ProgramError, UnknownLoss) {
  expect(train({"loss=bce + dise"}), 2,
         "command line: loss: 'bce + dise', column 7: unknown loss 'dise'; nearest: 'dice' (larmor list losses)");
}

TEST_F(ProgramError, EveryMistakeAtOnce) {
  expect(train({"data.batch=0", "optim.name=adan2"}), 2,
         "command line: data.batch: 0 is not allowed; must be >= 1\n"
         "command line: optim.name: unknown optimizer 'adan2'; nearest: 'adam' (larmor list optimizers)");
}

TEST_F(ProgramError, MissingDataFolder) {
  expect(train({"data.root=nowhere"}), 3, "data.root: nowhere: no such folder; it should be the folder kaggle_3m of the LGG set");
}

TEST_F(ProgramError, ImageWithoutMask) {
  const fs::path data = damaged_copy("without_mask");
  const fs::path mask = first_mask(data);
  fs::remove(mask);
  const std::string patient = mask.parent_path().filename().string(), name = mask.filename().string();
  const std::string image =
      fs::relative(mask, data).string().erase(fs::relative(mask, data).string().size() - std::string("_mask.tif").size());
  expect(train({"data.root=without_mask"}), 3,
         image + ".tif: has no mask " + name + "; add it, set data.on_missing_mask=skip or exclude the case with data.exclude=[" + patient +
             "]");
}

TEST_F(ProgramError, TruncatedMask) {
  const fs::path data = damaged_copy("truncated");
  const fs::path mask = first_mask(data);
  fs::resize_file(mask, 200);
  expect(train({"data.root=truncated"}), 3,
         fs::relative(mask, data).string() +
             ": 200 bytes, but its header promises at least 4106: the file is cut off; fetch it again or exclude the case with "
             "data.exclude=[" +
             mask.parent_path().filename().string() + "]");
}

TEST_F(ProgramError, MaskOfAnotherSize) {
  const fs::path data = damaged_copy("other_size");
  const fs::path mask = first_mask(data);
  ASSERT_EQ(run_larmor({"phantom", "lgg", "smaller", "--patients", "1", "--slices", "5", "--size", "32"}, folder_).exit_code, 0);
  fs::copy_file(first_mask(folder_ / "smaller"), mask, fs::copy_options::overwrite_existing);
  expect(train({"data.root=other_size"}), 3,
         fs::relative(mask, data).string() +
             ": is 32 x 32, but its image is 64 x 64; fetch it again or exclude the case with data.exclude=[" +
             mask.parent_path().filename().string() + "]");
}

TEST_F(ProgramError, LeakingSplit) {
  std::vector<std::string> patients;
  for (const auto& entry : fs::directory_iterator(folder_ / "phantom")) {
    if (entry.is_directory()) patients.push_back(entry.path().filename().string());
  }
  std::sort(patients.begin(), patients.end());
  const std::string list = "[" + patients[0] + "," + patients[1] + "]";
  expect(train({"data.split.kind=list", "data.split.train=" + list, "data.split.validation=[" + patients[1] + "]"}), 3,
         "subject " + patients[1] + " is in train and validation (data.split); subjects must be on one side");
}

TEST_F(ProgramError, WeightsThatAreNotThere) {
  expect(train({"model.weights=nowhere.safetensors"}), 3, "nowhere.safetensors: cannot be read: No such file or directory");
}

TEST_F(ProgramError, HostileWeights) {
  std::ofstream(folder_ / "hostile.safetensors", std::ios::binary) << std::string(8, '\xFF') << "{}";
  expect(train({"model.weights=hostile.safetensors"}), 3,
         "hostile.safetensors: header of 18446744073709551615 bytes; at most 100000000 are allowed");
}

TEST_F(ProgramError, CudaWhereThereIsNone) {
  if (fs::exists("/dev/nvidia0")) GTEST_SKIP() << "this machine has a GPU";
  const ProcessResult result = train({"--device", "cuda"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_TRUE(result.err.starts_with("--device cuda: ")) << result.err;
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
}

TEST_F(ProgramError, UnknownDevice) {
  expect(train({"--device", "gpu"}), 2, "--device: unknown device 'gpu'; allowed: cpu, cuda, cuda:<index>");
}

TEST_F(ProgramError, ResumeOfNothing) {
  expect(train({"--resume"}), 2, "run: nothing to resume: no checkpoints/last.safetensors; leave out --resume to start");
}

}  // namespace
}  // namespace larmor::testing
