// Checks of option values that several commands share.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "cli/command.h"
#include "core/error.h"

namespace larmor::cli {

void require_one_of(const std::string& option, const std::string& what, const std::string& value, const std::vector<std::string>& allowed) {
  if (value.empty() || std::find(allowed.begin(), allowed.end(), value) != allowed.end()) return;
  throw_usage_error(option + ": " + unknown_name_message(what, value, allowed, ""));
}

void require_between(const std::string& option, int64_t value, int64_t low, int64_t high) {
  if (value < low || value > high) throw_usage_error(fmt::format("{}: {} is not allowed; must be in [{}, {}]", option, value, low, high));
}

void require_folder(const std::string& option, const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  for (fs::path part = path; !part.empty() && part != part.root_path(); part = part.parent_path()) {
    const fs::file_status status = fs::status(part, ignored);
    if (fs::is_directory(status)) return;
    if (fs::exists(status)) throw_usage_error(option + ": " + part.string() + " is a file; give a folder");
  }
}

void require_apart(const std::string& option, const std::string& path, const std::string& data) {
  namespace fs = std::filesystem;
  if (data.empty()) return;
  const auto cleaned = [](const std::string& folder) { return fs::weakly_canonical(fs::absolute(folder) / "x").parent_path(); };
  const fs::path root = cleaned(data), target = cleaned(path);
  if (std::mismatch(root.begin(), root.end(), target.begin(), target.end()).first != root.end()) return;
  throw_usage_error(fmt::format("{}: {} is in the folder of the data; choose another, source data is never written to", option, path));
}

}  // namespace larmor::cli
