// Where golden files and test data are.
#pragma once
#include <filesystem>
#include <string>

namespace larmor::testing {

/// In $LARMOR_GOLDEN; without it in the first of tests/golden and ../shared/reference/golden that holds a file of the same family
/// (name without ending), so that optim.json never comes from another set than optim.safetensors. "" when it is not there.
std::filesystem::path golden_file(const std::string& file);
/// $LARMOR_TEST_DATA, else ../shared/data; "" when absent.
std::filesystem::path test_data();
/// The lgg archive unpacked once into ${LARMOR_CACHE:-~/.cache/larmor}/test-data/lgg/kaggle_3m; "" when absent.
std::filesystem::path lgg_data();
/// The dicom archive unpacked the same way: …/test-data/dicom/dicom; "" when absent.
std::filesystem::path dicom_data();
/// The repository root.
std::filesystem::path source_dir();
/// A fresh empty folder below the system's temporary folder, removed at exit.
std::filesystem::path make_temporary_folder(const std::string& name);

}  // namespace larmor::testing

/// Skips a test visibly when a golden file or data folder is not there.
#define LARMOR_NEEDS(path, what) \
  if ((path).empty()) GTEST_SKIP() << (what) << " is not here; set LARMOR_GOLDEN or LARMOR_TEST_DATA"
