// Made-up runs on disk.
#pragma once
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace larmor::report::testing {

/// What a finished and evaluated run is made of; each file can be left out or replaced.
struct FakeRun {
  std::string recipe =
      "data: {source: lgg, size: 64}\nmodel: {name: linknet}\noptim: {name: ranger, lr: 0.002}\ntrain: {epochs: 3, seed: 4}\n";
  std::vector<double> curve = {0.2, 0.6, 0.5};  ///< validation Dice of epochs 1, 2, …
  std::map<std::string, double> patients = {{"P_1", 0.9}, {"P_2", 0.5}, {"P_3", 0.7}};
  std::string tta = "none";
  bool is_phantom = false;
  bool is_finished = true;
  bool is_evaluated = true;
  int64_t missed = 0;
  int64_t skipped_steps = 0;  ///< in epoch 2
  std::string fingerprint = "0123abcd";
  std::string preprocess = "none";
};
void write_fake_run(const std::filesystem::path& folder, const FakeRun& run);

void write_text(const std::filesystem::path& file, const std::string& text);
bool contains(const std::string& text, const std::string& part);
/// The message of the Error that `function` throws, "" when none.
std::string error_of(const std::function<void()>& function);

}  // namespace larmor::report::testing
