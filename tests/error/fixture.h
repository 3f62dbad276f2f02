// Programs run on a small phantom, with whole messages compared.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/support/golden.h"
#include "tests/support/process.h"

namespace larmor::testing {

/// A folder that holds `phantom` (three patients of five slices, 64 x 64) and `a.yaml`, a recipe for it.
class ErrorFixture : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = make_temporary_folder("error");
    std::ofstream(folder_ / "a.yaml") << "data:\n"
                                         "  root: phantom\n"
                                         "  split: {kind: kfold, folds: 3}\n"
                                         "  size: 32\n"
                                         "  batch: 2\n"
                                         "model: {name: linknet, encoder_depth: 3}\n"
                                         "train: {epochs: 1}\n";
    const ProcessResult made = run_larmor({"phantom", "lgg", "phantom", "--patients", "3", "--slices", "5", "--size", "64"}, folder_);
    ASSERT_EQ(made.exit_code, 0) << made.err;
  }

  static ProcessResult larmor(const std::vector<std::string>& words) { return run_larmor(words, folder_); }

  static ProcessResult train(std::vector<std::string> more, const std::string& run = "run") {
    more.insert(more.begin(), {"train", "a.yaml", "--quiet", "--threads", "1", "--run-dir", run});
    return larmor(more);
  }

  static void expect(const ProcessResult& result, int exit_code, const std::string& message) {
    EXPECT_EQ(result.exit_code, exit_code);
    EXPECT_EQ(result.err, message + "\n");
    EXPECT_EQ(result.out, "");
  }

  /// A copy of the phantom that a test may damage.
  static std::filesystem::path damaged_copy(const std::string& name) {
    std::filesystem::copy(folder_ / "phantom", folder_ / name, std::filesystem::copy_options::recursive);
    return folder_ / name;
  }

  /// The first file of a data folder, by name, that ends with `ending`.
  static std::filesystem::path first_file(const std::filesystem::path& data, const std::string& ending) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(data)) {
      if (entry.path().filename().string().ends_with(ending)) files.push_back(entry.path());
    }
    return *std::min_element(files.begin(), files.end());
  }

  static inline std::filesystem::path folder_;
};

}  // namespace larmor::testing
