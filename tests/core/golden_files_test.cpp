#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>
#include <regex>
#include <set>

#include "core/files.h"
#include "tests/support/golden.h"

namespace larmor::testing {
namespace {

namespace fs = std::filesystem;

/// An environment variable for the life of the object; null: not set.
class Environment {
 public:
  Environment(const char* name, const char* value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    set(value);
  }
  ~Environment() { set(before_ ? before_->c_str() : nullptr); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  void set(const char* value) {
    if (value != nullptr) {
      ::setenv(name_, value, 1);
    } else {
      ::unsetenv(name_);
    }
  }
  const char* name_;
  std::optional<std::string> before_;
};

void touch(const fs::path& file) {
  make_folder(file.parent_path());
  write_file_atomically(file, "");
}

class ReferenceFiles : public ::testing::Test {
 protected:
  ReferenceFiles() : home_(make_temporary_folder("reference")), source_("LARMOR_SOURCE_DIR", (home_ / "repository").c_str()) {
    make_folder(inside_);
    make_folder(beside_);
  }
  fs::path home_, inside_ = home_ / "repository/tests/golden", beside_ = home_ / "shared/reference/golden";
  Environment source_, set_{"LARMOR_GOLDEN", nullptr};
};

TEST_F(ReferenceFiles, OneFamilyComesFromOneFolder) {
  touch(inside_ / "optim.json");
  for (const char* name : {"optim.json", "optim.safetensors", "tta.json"}) touch(beside_ / name);
  EXPECT_EQ(golden_file("optim.json"), inside_ / "optim.json");
  EXPECT_EQ(golden_file("optim.safetensors"), "");  // of another set
  EXPECT_EQ(fs::weakly_canonical(golden_file("tta.json")), fs::weakly_canonical(beside_ / "tta.json"));
  touch(inside_ / "optim.safetensors");
  EXPECT_EQ(golden_file("optim.safetensors"), inside_ / "optim.safetensors");
}

TEST_F(ReferenceFiles, AnotherSetStandsAlone) {
  touch(inside_ / "optim.json");
  touch(home_ / "other/tta.json");
  const Environment other("LARMOR_GOLDEN", (home_ / "other").c_str());
  EXPECT_EQ(golden_file("tta.json"), home_ / "other/tta.json");
  EXPECT_EQ(golden_file("optim.json"), "");
}

TEST_F(ReferenceFiles, AFolderIsAFamilyToo) {
  touch(beside_ / "../smp_keys/linknet.txt");
  EXPECT_EQ(golden_file("smp_keys"), "");
  EXPECT_TRUE(fs::is_directory(golden_file("../smp_keys")));
}

// What a golden test reads is in the repository, so that it runs in a clean clone.
TEST(ReferenceFilesOfTheTests, AreInTheRepository) {
  static const std::regex call(R"-(golden_file\("([^".][^"]*)"\))-");
  std::set<std::string> named;
  for (const auto& entry : fs::recursive_directory_iterator(source_dir() / "tests")) {
    if (entry.path().extension() != ".cpp" || entry.path().filename() == "golden_files_test.cpp") continue;
    const std::string text = read_file(entry.path());
    for (auto match = std::sregex_iterator(text.begin(), text.end(), call); match != std::sregex_iterator(); ++match)
      named.insert((*match)[1]);
  }
  EXPECT_FALSE(named.empty());
  for (const std::string& name : named) EXPECT_TRUE(fs::exists(source_dir() / "tests/golden" / name)) << name;
}

}  // namespace
}  // namespace larmor::testing
