// Checks of option values that several commands share.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "cli/command.h"
#include "core/error.h"

namespace larmor::cli {

void require_one_of(const std::string& option, const std::string& what, const std::string& value, const std::vector<std::string>& allowed) {
  if (value.empty() || std::find(allowed.begin(), allowed.end(), value) != allowed.end()) return;
  throw_usage_error(fmt::format("{}: unknown {} {}; allowed: {}", option, what, in_quotes(value), fmt::join(allowed, ", ")));
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

}  // namespace larmor::cli
