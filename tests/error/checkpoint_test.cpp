// Checkpoints when the disk is full and when they were torn: what was there stays, and the message says what to do.
#include <sys/resource.h>

#include <regex>

#include "core/files.h"
#include "core/safetensors.h"
#include "tests/error/fixture.h"

namespace larmor::testing {
namespace {

namespace fs = std::filesystem;

class CheckpointFileError : public ErrorFixture {
 protected:
  static std::vector<std::string> names_in(const fs::path& folder) {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
  }
};

/// Once the first checkpoint is there, no file of the process can grow over 1 MiB: what a full disk looks like to it.
TEST_F(CheckpointFileError, AFullDiskKeepsTheLastCheckpoint) {
  const fs::path checkpoints = folder_ / "full/checkpoints";
  std::string kept;
  const std::vector<std::string> words{
      "train", "a.yaml", "--quiet", "--threads", "1", "--run-dir", "full", "train.epochs=5", "train.validate_every=5"};
  const ProcessResult stopped = run_larmor(words, folder_, [&](pid_t process) {
    if (!kept.empty() || !fs::exists(checkpoints / "last.safetensors")) return;
    const rlimit limit{1 << 20, 1 << 20};
    ASSERT_EQ(::prlimit(process, RLIMIT_FSIZE, &limit, nullptr), 0);
    kept = read_file(checkpoints / "last.safetensors");
  });
  expect(stopped, 1, "full/checkpoints/last.safetensors: cannot be written: File too large");
  EXPECT_TRUE(read_file(checkpoints / "last.safetensors") == kept);
  EXPECT_EQ(names_in(checkpoints), std::vector<std::string>{"last.safetensors"});

  std::vector<std::string> again = words;
  again.emplace_back("--resume");
  const ProcessResult resumed = larmor(again);
  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_EQ(names_in(checkpoints), (std::vector<std::string>{"best.safetensors", "last.safetensors"}));
}

TEST_F(CheckpointFileError, AFullDiskLeavesNoHalfOfAPrediction) {
  ASSERT_EQ(train({}, "trained").exit_code, 0);
  ProcessResult result = run_process({"/bin/sh", "-c", "ulimit -f 2; exec \"$0\" predict trained --quiet --input phantom --output masks",
                                      fs::absolute(larmor_program()).string()},
                                     folder_);
  result.err = std::regex_replace(result.err, std::regex("partial-[0-9]+"), "partial-N");  // the process id
  expect(result, 1,
         "TCGA_PH_0001_20000101 (0 of 3 cases done): masks/.partial-N/TCGA_PH_0001_20000101/TCGA_PH_0001_20000101_1_mask.tif: cannot be "
         "written: File too large");
  EXPECT_FALSE(fs::exists(folder_ / "masks"));
}

TEST_F(CheckpointFileError, ATornCheckpointIsRefusedAndLeftAlone) {
  ASSERT_EQ(train({}, "torn").exit_code, 0);
  const fs::path last = folder_ / "torn/checkpoints/last.safetensors";
  const std::string whole = read_file(last);
  const std::string advice =
      "; nothing to resume from: start again with --overwrite, or in another --run-dir with "
      "model.weights=torn/checkpoints/best.safetensors";

  std::string cut;
  {
    const SafetensorsFile content = SafetensorsFile::open(last);
    size_t data = 0;
    for (const TensorView& tensor : content.tensors()) data += tensor.bytes.size();
    cut = "tensor '" + content.tensors().back().name + "': ends at byte " + std::to_string(data) + " of the data, which has " +
          std::to_string(data - 1) + ": the file is cut off";
  }
  write_file_atomically(last, std::string_view(whole).substr(0, whole.size() - 1));
  expect(train({"--resume"}, "torn"), 3, "torn/checkpoints/last.safetensors: " + cut + advice);
  EXPECT_EQ(fs::file_size(last), whole.size() - 1);

  std::string flipped = whole;
  flipped.back() = static_cast<char>(flipped.back() ^ 1);
  write_file_atomically(last, flipped);
  const ProcessResult damaged = train({"--resume"}, "torn");
  EXPECT_EQ(damaged.exit_code, 3);
  EXPECT_TRUE(damaged.err.starts_with("torn/checkpoints/last.safetensors: damaged: checksum ")) << damaged.err;
  EXPECT_TRUE(damaged.err.ends_with(" is stored; use another checkpoint" + advice + "\n")) << damaged.err;

  fs::remove(folder_ / "torn/checkpoints/best.safetensors");
  write_file_atomically(last, "");
  expect(train({"--resume"}, "torn"), 3,
         "torn/checkpoints/last.safetensors: 0 bytes are too few for a safetensors file; nothing to resume from: start again with "
         "--overwrite");
  EXPECT_EQ(train({"--overwrite"}, "torn").exit_code, 0);
  EXPECT_EQ(fs::file_size(last), whole.size());
}

}  // namespace
}  // namespace larmor::testing
