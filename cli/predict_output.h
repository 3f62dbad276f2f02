// Where `larmor predict` writes: never into source data, nothing replaced unasked, all files of a case or none.
#pragma once
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace larmor::cli {

/// Error (usage) when a result would lie in the input's folder or beside one of its files. `results`: names below the output.
void require_results_apart(const std::string& output, std::span<const std::filesystem::path> results, const std::string& input,
                           std::span<const std::filesystem::path> sources);

/// Error (usage) when one of the results is there already: it may be somebody's corrected mask.
void require_free(const std::string& output, std::span<const std::filesystem::path> results);

/// Removes results that are there and were not written now: maps of an earlier prediction would stand beside probabilities that they were
/// not made from.
void remove_others(const std::filesystem::path& output, std::span<const std::filesystem::path> results,
                   std::span<const std::filesystem::path> written);

/// A folder beside the results that is gone afterwards, whatever happens.
class Staging {
 public:
  explicit Staging(const std::filesystem::path& output);
  ~Staging();
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  /// Where to write the file that will be `name` below the output.
  std::filesystem::path place(const std::filesystem::path& name);
  /// Moves everything to its place; takes back what was moved when one file cannot be. Error (run): the disk refuses.
  std::vector<std::filesystem::path> publish();

 private:
  const std::filesystem::path output_, folder_;
  std::vector<std::filesystem::path> made_;  ///< folders that were not there before, the deepest first
  std::vector<std::filesystem::path> names_;
};

}  // namespace larmor::cli
