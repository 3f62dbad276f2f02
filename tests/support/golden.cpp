#include "tests/support/golden.h"

#include <unistd.h>

#include <cstdlib>
#include <vector>

namespace larmor::testing {

namespace fs = std::filesystem;

namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

/// Whether `folder` holds any file of the family: same place, same name but for the ending.
bool holds_family(const fs::path& folder, const fs::path& file) {
  std::error_code absent;
  for (const auto& entry : fs::directory_iterator((folder / file).parent_path(), absent)) {
    if (entry.path().stem() == file.stem()) return true;
  }
  return false;
}

/// Folders made by tests of this process, removed when it ends.
struct TemporaryFolders {
  std::vector<fs::path> all;
  ~TemporaryFolders() {
    std::error_code ignored;
    for (const fs::path& folder : all) fs::remove_all(folder, ignored);
  }
};

/// `<name>.tar.xz` of the test data, unpacked once into the cache; "" when absent.
fs::path unpacked(const std::string& name) {
  const fs::path data = test_data();
  const fs::path archive = data / (name + ".tar.xz");
  if (data.empty() || !fs::exists(archive)) return {};
  std::string cache = environment("LARMOR_CACHE");
  if (cache.empty()) cache = environment("HOME") + "/.cache/larmor";
  const fs::path folder = fs::path(cache) / "test-data" / name;
  if (fs::exists(folder)) return folder;
  // Unpacked beside the target and renamed, because several test programs may come here at once.
  const fs::path fresh = folder.string() + "." + std::to_string(::getpid());
  fs::create_directories(fresh);
  const std::string command = "tar -C '" + fresh.string() + "' -xf '" + archive.string() + "'";
  if (std::system(command.c_str()) != 0) return {};
  std::error_code taken;
  fs::rename(fresh, folder, taken);
  if (taken) fs::remove_all(fresh);
  return folder;
}

}  // namespace

fs::path source_dir() {
  const std::string set = environment("LARMOR_SOURCE_DIR");
  if (!set.empty()) return set;
  return fs::path(__FILE__).parent_path().parent_path().parent_path();
}

fs::path golden_file(const std::string& file) {
  const std::string set = environment("LARMOR_GOLDEN");
  const std::vector<fs::path> folders =
      set.empty() ? std::vector<fs::path>{source_dir() / "tests/golden", source_dir() / "../shared/reference/golden"}
                  : std::vector<fs::path>{set};
  for (const fs::path& folder : folders) {
    if (holds_family(folder, file)) return fs::exists(folder / file) ? folder / file : fs::path();
  }
  return {};
}

fs::path test_data() {
  const std::string set = environment("LARMOR_TEST_DATA");
  const fs::path folder = set.empty() ? source_dir() / "../shared/data" : fs::path(set);
  return fs::exists(folder) ? folder : fs::path();
}

fs::path lgg_data() {
  const fs::path folder = unpacked("lgg");
  return folder.empty() ? folder : folder / "kaggle_3m";
}

fs::path dicom_data() {
  const fs::path folder = unpacked("dicom");
  return folder.empty() ? folder : folder / "dicom";
}

fs::path make_temporary_folder(const std::string& name) {
  static TemporaryFolders folders;
  std::string pattern = (fs::temp_directory_path() / ("larmor-" + name + "-XXXXXX")).string();
  if (::mkdtemp(pattern.data()) == nullptr) return {};
  folders.all.emplace_back(pattern);
  return pattern;
}

}  // namespace larmor::testing
