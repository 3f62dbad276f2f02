// Every wrong use that a person is likely to make: one clear line, the right exit code, nothing left half-written.
#include <dlfcn.h>
#include <fmt/format.h>
#include <unistd.h>

#include "core/file_lock.h"
#include "core/files.h"
#include "tests/error/fixture.h"

namespace larmor::testing {
namespace {

namespace fs = std::filesystem;

class ProgramError : public ErrorFixture {
 protected:
  void TearDown() override { EXPECT_FALSE(fs::exists(folder_ / "run")) << "something was left behind"; }
};

TEST_F(ProgramError, UnknownCommand) { expect(larmor({"trian"}), 2, "unknown command 'trian'; nearest: 'train' (larmor help)"); }

TEST_F(ProgramError, UnknownHelpTopic) {
  expect(larmor({"help", "foo"}), 2,
         "unknown help topic 'foo'; allowed: recipe, inspect, prepare, phantom, train, eval, predict, agree, reproduce, report, convert, "
         "list, "
         "doctor, help");
}

TEST_F(ProgramError, WordsThatNoCommandTakes) {
  expect(larmor({"train", "--rundir", "a"}), 2, "larmor train: unknown option '--rundir'; nearest: '--run-dir' (larmor help train)");
  expect(larmor({"train", "a.yaml", "--rundir=a"}), 2, "larmor train: unknown option '--rundir'; nearest: '--run-dir' (larmor help train)");
  expect(larmor({"inspect", "phantom", "extra"}), 2,
         "larmor inspect: 'extra' is a word too many; words without an option: data (larmor help inspect)");
  expect(train({"--seed", "abc"}), 2, "larmor train: --seed: 'abc' is not an integer (larmor help train)");
  expect(larmor({"predict", "a", "--threshold", "half"}), 2, "larmor predict: --threshold: 'half' is not a number (larmor help predict)");
  expect(larmor({"train", "a.yaml", "--run-dir"}), 2, "larmor train: --run-dir: a value is missing (larmor help train)");
  expect(larmor({"train"}), 2, "larmor train: recipe is required (larmor help train)");
}

TEST_F(ProgramError, PredictionOfNothing) {
  expect(larmor({"predict", "a", "three", "--output", "mm"}), 2, "--input: say what to predict");
  expect(larmor({"predict", "a", "--input", "phantom"}), 2, "--output: say where the results go");
}

TEST_F(ProgramError, FilesInThePlaceOfFolders) {
  write_file_atomically(folder_ / "a.log", "");
  expect(larmor({"predict", "a", "--input", "phantom", "--output", "a.log"}), 2, "--output: a.log is a file; give a folder");
  expect(larmor({"predict", "a", "--input", "phantom", "--output", "a.log/masks"}), 2, "--output: a.log is a file; give a folder");
  expect(train({}, "a.log"), 2, "--run-dir: a.log is a file; give a folder");
}

TEST_F(ProgramError, OptionGivenTwice) {
  expect(train({"--seed", "1", "--seed", "2"}), 2, "larmor train: --seed: stands more than once (larmor help train)");
}

TEST_F(ProgramError, UnknownMerge) {
  const std::string message = "--merge: unknown merge 'median'; nearest: 'mean'";
  expect(larmor({"eval", "a", "--merge", "median"}), 2, message);
  expect(larmor({"predict", "a", "--input", "phantom", "--output", "masks", "--merge", "median"}), 2, message);
}

TEST_F(ProgramError, KeyOutsideOfItsSection) {
  expect(train({"dataroot=phantom"}), 2, "command line: dataroot: unknown key; nearest: 'data.root'");
}

TEST_F(ProgramError, ExchangedLetters) {
  expect(train({"loss=dcie"}), 2, "command line: loss: 'dcie', column 1: unknown loss 'dcie'; nearest: 'dice' (larmor list losses)");
}

TEST_F(ProgramError, MissingRecipe) { expect(larmor({"train", "b.yaml"}), 2, "b.yaml: cannot be read: No such file or directory"); }

TEST_F(ProgramError, UnknownKey) {
  expect(train({"data.bach=3"}), 2, "command line: data.bach: unknown key for source 'lgg'; nearest: 'batch'");
}

TEST_F(ProgramError, WrongType) { expect(train({"data.batch=eight"}), 2, "command line: data.batch: 'eight' is not an integer"); }

TEST_F(ProgramError, WrongValue) {
  expect(train({"data.batch=0"}), 2, "command line: data.batch: 0 is not allowed; must be in [1, 65536]");
}

TEST_F(ProgramError, NumberThatNoIntegerHolds) {
  const std::string large = "99999999999999999999", what = "' is out of range for an integer";
  for (const std::string option : {"--seed", "--threads"}) {
    for (const std::string& number : {large, "-" + large}) {
      expect(larmor({"train", "a.yaml", option, number}), 2, "larmor train: " + option + ": '" + number + what + " (larmor help train)");
    }
  }
  expect(larmor({"train", "a.yaml", "--threads", "9223372036854775807"}), 2,
         "--threads: 9223372036854775807 is not allowed; must be in [0, 4096]");
  expect(train({"train.seed=" + large}), 2, "command line: train.seed: '" + large + what);
  expect(larmor({"phantom", "lgg", "run", "--patients", large}), 2,
         "larmor phantom: --patients: '" + large + what + " (larmor help phantom)");
}

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
         "command line: data.batch: 0 is not allowed; must be in [1, 65536]\n"
         "command line: optim.name: unknown optimizer 'adan2'; nearest: 'adan' (larmor list optimizers)");
}

TEST_F(ProgramError, SizeThatTheNetworkCannotTake) {
  expect(train({"data.size=36"}), 2, "input 36 x 36: linknet needs multiples of 8; pad to 40 x 40 (data.size: 40)");
}

TEST_F(ProgramError, MoreFoldsThanSubjects) {
  expect(train({"data.split.folds=4"}), 2, "data.split.folds: 4 folds of 3 subjects; at most one fold per subject");
  expect(train({"data.split.folds=3", "data.split.fold=3"}), 2, "command line: data.split.fold: 3 is not below folds (3)");
  EXPECT_FALSE(fs::exists(folder_ / "run"));
}

TEST_F(ProgramError, InspectionOfNothing) { expect(larmor({"inspect", "nowhere"}), 3, "nowhere: no such folder"); }

TEST_F(ProgramError, MissingDataFolder) {
  expect(train({"data.root=nowhere"}), 3, "data.root: nowhere: no such folder; it should be the folder kaggle_3m of the LGG set");
}

TEST_F(ProgramError, ImageWithoutMask) {
  const fs::path data = damaged_copy("without_mask");
  const fs::path mask = first_file(data, "_mask.tif");
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
  const fs::path mask = first_file(data, "_mask.tif");
  fs::resize_file(mask, 200);
  expect(train({"data.root=truncated"}), 3,
         fs::relative(mask, data).string() +
             ": 200 bytes, but its header promises at least 4106: the file is cut off; fetch it again or exclude the case with "
             "data.exclude=[" +
             mask.parent_path().filename().string() + "]");
}

TEST_F(ProgramError, TruncatedImage) {
  const fs::path data = damaged_copy("truncated_image");
  const fs::path image = first_file(data, "_1.tif");
  fs::resize_file(image, fs::file_size(image) / 2);
  expect(train({"data.root=truncated_image"}), 3,
         fs::relative(image, data).string() +
             ": 6227 bytes, but its header promises at least 12298: the file is cut off; fetch it again or exclude the case with "
             "data.exclude=[" +
             image.parent_path().filename().string() + "]");
}

TEST_F(ProgramError, MaskOfAnotherSize) {
  const fs::path data = damaged_copy("other_size");
  const fs::path mask = first_file(data, "_mask.tif");
  ASSERT_EQ(run_larmor({"phantom", "lgg", "smaller", "--patients", "1", "--slices", "5", "--size", "32"}, folder_).exit_code, 0);
  fs::copy_file(first_file(folder_ / "smaller", "_mask.tif"), mask, fs::copy_options::overwrite_existing);
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

TEST_F(ProgramError, CudaWhereThereIsNone) {
  if (::dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL) != nullptr) GTEST_SKIP() << "this machine has an NVIDIA driver";
  const std::string message =
      "--device cuda: no NVIDIA driver on this machine (libcuda.so.1 is missing); run on a machine with a GPU or use --device cpu";
  expect(train({"--device", "cuda"}), 1, message);
  expect(larmor({"eval", "run", "--device", "cuda"}), 1, message);
  expect(larmor({"predict", "run", "--input", "phantom", "--output", "masks", "--device", "cuda"}), 1, message);
}

TEST_F(ProgramError, UnknownDevice) {
  expect(train({"--device", "gpu"}), 2, "--device: unknown device 'gpu'; allowed: cpu, cuda, cuda:<index>");
}

TEST_F(ProgramError, ResumeOfNothing) {
  expect(train({"--resume"}), 2, "run: nothing to resume: no checkpoints/last.safetensors; leave out --resume to start");
}

TEST_F(ProgramError, TablesThatAreNotThere) {
  const std::string message =
      "configs/tables: tables cannot be listed: No such file or directory; run it in the folder that holds configs/, or name the file of a "
      "table: larmor reproduce FILE.yaml";
  expect(larmor({"reproduce", "--list"}), 2, message);
  expect(larmor({"reproduce"}), 2, message);
  expect(larmor({"reproduce", "lgg-optimizers"}), 2, message);
}

TEST_F(ProgramError, TableWithAnUnknownRecipe) {
  write_file_atomically(folder_ / "unknown.yaml", "title: T\nrows:\n  - {name: adam, recipe: nowhere.yaml}\n");
  expect(larmor({"reproduce", "unknown.yaml", "--seeds", "1", "--dry-run"}), 2,
         "table unknown, row 'adam': nowhere.yaml: cannot be read: No such file or directory");
}

TEST_F(ProgramError, TableOptionsThatAreNotAllowed) {
  write_file_atomically(folder_ / "rows.yaml", "title: T\nrecipe: a.yaml\nrows:\n  - {name: adam}\n");
  expect(larmor({"reproduce", "rows.yaml", "--jobs", "0"}), 2, "--jobs: 0 is not allowed; must be in [1, 1024]");
  expect(larmor({"reproduce", "rows.yaml", "--seeds", "1000000000"}), 2, "--seeds: 1000000000 is not allowed; must be in [0, 1000]");
  expect(larmor({"reproduce", "rows.yaml", "--seed", "1"}), 2,
         "larmor reproduce: unknown option '--seed'; nearest: '--seeds' (larmor help reproduce)");
  expect(larmor({"reproduce", "rows.yaml", "--json"}), 2,
         "larmor reproduce: unknown option '--json'; nearest: '--jobs' (larmor help reproduce)");
  expect(larmor({"reproduce", "rows.yaml", "train.seed=1"}), 2,
         "command line: train.seed: the table sets it in each run; say --seeds N for seeds 0 … N-1");
  expect(larmor({"reproduce", "rows.yaml", "--full"}), 2, "rows.yaml:1: factors: missing; --full crosses factors, and this table has rows");
  expect(larmor({"reproduce", "rows.yaml", "--seeds", "1", "--only", "adan"}), 2,
         "--only: unknown run 'adan'; allowed: adam/seed-0 (--dry-run lists them)");
  write_file_atomically(folder_ / "sides.yaml", "title: T\nrecipe: a.yaml\nsides: [test]\nrows:\n  - {name: adam}\n");
  expect(larmor({"reproduce", "sides.yaml", "--seeds", "1", "--dry-run"}), 2,
         "table sides, row 'adam': sides: this recipe's split has no test side (data.split)");
}

TEST_F(ProgramError, TableWhoseRowsCannotBeRun) {
  const auto refuse = [](const std::string& row, int exit_code, const std::string& message) {
    write_file_atomically(folder_ / "rows.yaml", "recipe: a.yaml\nrows:\n  - {name: adam}\n  - {name: b, " + row + "}\n");
    expect(larmor({"reproduce", "rows.yaml", "--seeds", "1"}), exit_code, "table rows, row 'b': " + message);
    EXPECT_FALSE(fs::exists(folder_ / "runs/tables/rows"));
  };
  refuse("overrides: [optm.lr=1]", 2, "command line: optm: unknown key; nearest: 'optim'");
  refuse("overrides: [optim.name=adm]", 2, "command line: optim.name: unknown optimizer 'adm'; nearest: 'adam' (larmor list optimizers)");
  refuse("overrides: [model.in_channels=9]", 2, "model.in_channels: 9 does not fit the data: source 'lgg' gives 3 channels");
  refuse("overrides: [data.input=wide]", 2, "model.in_channels: 3 does not fit the data: source 'lgg' gives 9 channels");
  refuse("overrides: [data.split.folds=4]", 2, "data.split.folds: 4 folds of 3 subjects; at most one fold per subject");
  refuse("overrides: [data.root=nowhere]", 3, "data.root: nowhere: no such folder; it should be the folder kaggle_3m of the LGG set");
}

TEST_F(ProgramError, TableWhoseRunWasMadeFromAnotherRecipe) {
  write_file_atomically(folder_ / "t.yaml",
                        "title: T\nrecipe: a.yaml\nreference: adam\nrows:\n  - {name: adam, overrides: [optim.lr=1e-3]}\n");
  const fs::path run = folder_ / "other/tables/t/adam/seed-0";
  make_folder(run / "checkpoints");
  write_file_atomically(run / "checkpoints/last.safetensors", "");
  fs::copy_file(folder_ / "a.yaml", run / "recipe.yaml");
  const std::vector<std::string> words{"reproduce", "t.yaml", "--runs", "other", "--seeds", "1", "--dry-run"};
  EXPECT_EQ(larmor(words).exit_code, 0);
  std::vector<std::string> changed = words;
  changed.insert(changed.end(), {"optim.lr=2e-3", "data.batch=3", "train.epochs=7", "train.accumulate=4"});
  expect(larmor(changed), 2,
         "other/tables/t/adam/seed-0: made from another recipe than row 'adam' is now (data.batch: 2 → 3; optim.lr: 0.001 → 0.002; "
         "train.epochs: 1 → 7; 1 more); give another folder with --runs, or remove this run");
  write_file_atomically(run / "recipe.yaml", "model: [1");
  expect(larmor(words), 2,
         "other/tables/t/adam/seed-0/recipe.yaml:1: not valid YAML: end of sequence flow not found; give another folder with --runs, or "
         "remove this run");
  fs::remove(run / "recipe.yaml");
  expect(larmor(words), 2,
         "other/tables/t/adam/seed-0/recipe.yaml: cannot be read: No such file or directory; give another folder with --runs, or remove "
         "this run");
}

/// The activations need more than the address space that is allowed; everything else fits well.
TEST_F(ProgramError, OutOfMemoryInTraining) {
  const ProcessResult result = run_process({"/bin/sh", "-c",
                                            "ulimit -v 6000000; exec \"$0\" train a.yaml --quiet --threads 1 --run-dir memory "
                                            "data.size=1024 data.batch=4 data.workers=1",
                                            fs::absolute(larmor_program()).string()},
                                           folder_);
  expect(result, 1, "out of memory at batch 4 of 1024x1024: lower data.batch (train.accumulate keeps the batch per step) or data.size");
}

TEST_F(ProgramError, NamesThatTheSystemRefuses) {
  const std::string name(300, 'x');
  expect(larmor({"eval", name}), 1, name + ": File name too long");
  expect(larmor({"predict", name, "--input", "phantom", "--output", "masks"}), 1, name + ": File name too long");
  expect(larmor({"report", name}), 1, name + ": File name too long");
}

TEST_F(ProgramError, RunsBesideTheirSource) {
  const std::string rest = " is in the folder of the data; choose another, source data is never written to";
  for (const std::string run : {"phantom", "phantom/run", "./phantom/../phantom/"}) expect(train({}, run), 2, "--run-dir: " + run + rest);
  write_file_atomically(folder_ / "rows.yaml", "recipe: a.yaml\nrows:\n  - {name: adam}\n");
  expect(larmor({"reproduce", "rows.yaml", "--seeds", "1", "--runs", "phantom"}), 2,
         "table rows, row 'adam': --runs: phantom/tables/rows" + rest);
}

TEST_F(ProgramError, RunsThatCannotBeWritten) {
  write_file_atomically(folder_ / "rows.yaml", "recipe: a.yaml\nrows:\n  - {name: adam}\n  - {name: b, overrides: [train.epochs=2]}\n");
  write_file_atomically(folder_ / "a.log", "");
  expect(larmor({"reproduce", "rows.yaml", "--seeds", "1", "--runs", "a.log/x"}), 2, "--runs: a.log is a file; give a folder");
  expect(larmor({"reproduce", "rows.yaml", "--seeds", "1", "--runs", "/proc/larmor"}), 1,
         "/proc/larmor/tables/rows: cannot make this folder: No such file or directory");
}

/// The run is another process's: told, not counted, left as it is.
TEST_F(ProgramError, TableWhoseRunIsInUse) {
  write_file_atomically(folder_ / "rows.yaml", "recipe: a.yaml\nrows:\n  - {name: adam}\n");
  const fs::path run = folder_ / "locked/tables/rows/adam/seed-0";
  make_folder(run);
  const FileLock lock(run / ".lock");
  const ProcessResult result = larmor({"reproduce", "rows.yaml", "--seeds", "1", "--runs", "locked", "--quiet", "--threads", "1"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.err, fmt::format("adam, seed 0: locked/tables/rows/adam/seed-0/.lock: in use by process {}\n", ::getpid()));
  EXPECT_NE(result.out.find("\n0 of 1 runs counted.\n"), std::string::npos) << result.out;
}

TEST_F(ProgramError, ResultsBesideTheirSource) {
  for (const std::string output : {"phantom", "phantom/masks", "./phantom/../phantom"}) {
    expect(larmor({"predict", "run", "--input", "phantom", "--output", output}), 2,
           "--output: " + output + " is in the input's folder; choose another, source data is never written to");
  }
}

}  // namespace
}  // namespace larmor::testing
