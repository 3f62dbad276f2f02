// A training that is stopped by SIGTERM and resumed writes the same bytes as one that was left alone, seen from outside.
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>

#include "core/files.h"
#include "tests/support/golden.h"
#include "tests/support/process.h"

namespace larmor::testing {
namespace {

namespace fs = std::filesystem;

class ResumeEnd : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = make_temporary_folder("resume");
    const ProcessResult made = run_larmor({"phantom", "lgg", "phantom", "--patients", "3", "--slices", "6", "--size", "64"}, folder_);
    ASSERT_EQ(made.exit_code, 0) << made.err;
    std::ofstream(folder_ / "tiny.yaml") << "data:\n  root: phantom\n  split: {kind: kfold, folds: 3}\n  size: 32\n  batch: 2\n"
                                            "  augment: {flip_horizontal: 0.5, affine: 0.5, noise: 0.5}\n"
                                            "optim: {name: ranger, ema: 0.9, schedule: {name: plateau, patience: 0}}\n"
                                            "train: {epochs: 3}\n";
  }

  static ProcessResult train(const std::string& run, const std::vector<std::string>& more, const std::function<void(pid_t)>& watch = {}) {
    std::vector<std::string> words{"train", "tiny.yaml", "--threads", "2", "--run-dir", run};
    words.insert(words.end(), more.begin(), more.end());
    return run_larmor(words, folder_, watch);
  }

  /// Sends SIGTERM once, a little after the first epoch has been logged: in the middle of the second.
  static std::function<void(pid_t)> stop_in_second_epoch(const std::string& run) {
    auto sent = std::make_shared<bool>(false);
    const fs::path metrics = folder_ / run / "metrics.csv";
    return [sent, metrics](pid_t process) {
      if (*sent || !fs::exists(metrics)) return;
      *sent = true;
      ::kill(process, SIGTERM);
    };
  }

  static std::string last(const std::string& run) { return read_file(folder_ / run / "checkpoints/last.safetensors"); }

  static inline fs::path folder_;
};

TEST_F(ResumeEnd, StoppedAndResumedEqualsUninterrupted) {
  const ProcessResult whole = train("whole", {"data.workers=1"});
  ASSERT_EQ(whole.exit_code, 0) << whole.err;

  const ProcessResult stopped = train("parts", {"data.workers=2"}, stop_in_second_epoch("parts"));
  ASSERT_EQ(stopped.exit_code, 1) << stopped.err;
  EXPECT_NE(stopped.err.find("continue with: larmor train tiny.yaml"), std::string::npos) << stopped.err;
  ASSERT_NE(last("parts"), last("whole"));

  const ProcessResult resumed = train("parts", {"data.workers=1", "--resume"});
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_TRUE(last("parts") == last("whole"));
  EXPECT_TRUE(read_file(folder_ / "parts/checkpoints/best.safetensors") == read_file(folder_ / "whole/checkpoints/best.safetensors"));
}

TEST_F(ResumeEnd, AnotherRecipeIsRefused) {
  const ProcessResult first = train("other", {"train.epochs=1"});
  ASSERT_EQ(first.exit_code, 0) << first.err;
  const ProcessResult second = train("other", {"train.epochs=1", "data.batch=3", "--resume"});
  EXPECT_EQ(second.exit_code, 2);
  EXPECT_EQ(second.err, "other: cannot resume with another recipe (data.batch: 2 → 3); use another --run-dir or --overwrite\n");
  std::ofstream(folder_ / "classes.yaml") << "include: tiny.yaml\nmodel: {classes: 2}\n";
  const ProcessResult scored = run_larmor({"eval", "other", "--recipe", "classes.yaml", "--threads", "1"}, folder_);
  EXPECT_EQ(scored.exit_code, 3);
  EXPECT_EQ(scored.out, "");
  EXPECT_EQ(scored.err,
            "other/checkpoints/best.safetensors: not the weights of this linknet: 2 of another shape (segmentation_head.0.weight: 2x32x1x1 "
            "here, 1x32x1x1 in the file, …)\n");
  EXPECT_FALSE(fs::exists(folder_ / "other/evaluation.json"));
}

TEST_F(ResumeEnd, ARunIsNotOverwrittenBySurprise) {
  ASSERT_EQ(train("kept", {"train.epochs=1"}).exit_code, 0);
  const ProcessResult again = train("kept", {"train.epochs=1"});
  EXPECT_EQ(again.exit_code, 2);
  EXPECT_EQ(again.err, "kept: already holds a run; --resume continues it, --overwrite starts again\n");
}

}  // namespace
}  // namespace larmor::testing
