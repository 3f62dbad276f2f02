// Runs the tests of one source file with one label: larmor_models_tests --file linknet_test.cpp --label golden.
//
// Labels are read from suite names (…Golden, …Slow, …Gpu, …Data, …Error, …End; all others "fast"). Selecting nothing is a failure,
// so a renamed suite cannot drop out of the run unseen. Exit code 77: every selected test was skipped.
#include <gtest/gtest.h>

#include <cstring>
#include <iostream>
#include <string>

namespace {

std::string label_of(const std::string& suite) {
  for (const char* kind : {"Golden", "Slow", "Gpu", "Data", "Error", "End"}) {
    if (suite.find(kind) != std::string::npos) {
      std::string label = kind;
      label[0] = static_cast<char>(label[0] - 'A' + 'a');
      return label;
    }
  }
  return "fast";
}

std::string base_name(const std::string& path) { return path.substr(path.find_last_of('/') + 1); }

/// A gtest filter of all tests from `file` (any when empty) with `label` (any when empty).
std::string make_filter(const std::string& file, const std::string& label) {
  std::string filter;
  const auto& unit = *testing::UnitTest::GetInstance();
  for (int i = 0; i < unit.total_test_suite_count(); ++i) {
    const auto& suite = *unit.GetTestSuite(i);
    if (!label.empty() && label_of(suite.name()) != label) continue;
    for (int j = 0; j < suite.total_test_count(); ++j) {
      const auto& info = *suite.GetTestInfo(j);
      if (!file.empty() && base_name(info.file()) != base_name(file)) continue;
      filter += std::string(suite.name()) + "." + info.name() + ":";
    }
  }
  return filter;
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  std::string file, label;
  for (int i = 1; i + 1 < argc; ++i) {
    if (std::strcmp(argv[i], "--file") == 0) file = argv[i + 1];
    if (std::strcmp(argv[i], "--label") == 0) label = argv[i + 1];
  }
  // A death test that runs in a program of its own brings its own filter.
  if ((!file.empty() || !label.empty()) && GTEST_FLAG_GET(internal_run_death_test).empty()) {
    const std::string filter = make_filter(file, label);
    if (filter.empty()) {
      std::cerr << "no test in " << file << " with label '" << label << "'\n";
      return 1;
    }
    GTEST_FLAG_SET(filter, filter);
  }
  const int result = RUN_ALL_TESTS();
  const auto& unit = *testing::UnitTest::GetInstance();
  const bool all_skipped = unit.successful_test_count() == 0 && unit.skipped_test_count() > 0;
  return result == 0 && all_skipped ? 77 : result;
}
