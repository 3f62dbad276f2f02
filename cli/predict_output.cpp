#include "cli/predict_output.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "core/error.h"
#include "core/files.h"

namespace larmor::cli {

namespace {

namespace fs = std::filesystem;

bool is_below(const fs::path& folder, const fs::path& root) {
  return std::mismatch(root.begin(), root.end(), folder.begin(), folder.end()).first == root.end();
}

fs::path folder_of(const fs::path& file) { return fs::weakly_canonical(fs::absolute(file)).parent_path(); }

}  // namespace

void require_results_apart(const std::string& output, std::span<const fs::path> results, const std::string& input,
                           std::span<const fs::path> sources) {
  std::vector<fs::path> targets{folder_of(fs::path(output) / "x")};
  for (const fs::path& name : results) {
    fs::path folder = folder_of(fs::path(output) / name);
    if (std::find(targets.begin(), targets.end(), folder) == targets.end()) targets.push_back(std::move(folder));
  }
  const bool is_folder_input = is_folder(input);
  const fs::path root = is_folder_input ? fs::canonical(input) : fs::path();
  bool is_source =
      is_folder_input && std::any_of(targets.begin(), targets.end(), [&](const fs::path& target) { return is_below(target, root); });
  for (const fs::path& file : sources)
    is_source = is_source || std::find(targets.begin(), targets.end(), fs::canonical(file).parent_path()) != targets.end();
  if (!is_source) return;
  throw_usage_error(fmt::format("--output: {} is in the input's folder; choose another, source data is never written to", output));
}

void require_free(const std::string& output, std::span<const fs::path> results) {
  std::vector<fs::path> taken;
  for (const fs::path& name : results) {
    if (fs::is_regular_file(fs::path(output) / name)) taken.push_back(fs::path(output) / name);
  }
  if (taken.empty()) return;
  throw_usage_error(fmt::format("--output: {} is there already{}; --overwrite replaces it", taken[0].string(),
                                taken.size() == 1 ? "" : fmt::format(", and {} more", taken.size() - 1)));
}

void remove_others(const fs::path& output, std::span<const fs::path> results, std::span<const fs::path> written) {
  for (const fs::path& name : results) {
    std::error_code ignored;
    const bool is_written = std::find(written.begin(), written.end(), output / name) != written.end();
    if (!is_written && fs::is_regular_file(output / name, ignored)) fs::remove(output / name, ignored);
  }
}

Staging::Staging(const fs::path& output) : output_(output), folder_(output / fmt::format(".partial-{}", ::getpid())) {
  for (fs::path folder = fs::absolute(output / "x").lexically_normal().parent_path(); !fs::exists(folder); folder = folder.parent_path()) {
    made_.push_back(folder);
  }
  make_folder(folder_);
}

Staging::~Staging() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
  for (const fs::path& folder : made_) {
    if (!fs::is_empty(folder, ignored) || !fs::remove(folder, ignored)) break;
  }
}

fs::path Staging::place(const fs::path& name) {
  names_.push_back(name);
  make_folder((folder_ / name).parent_path());
  return folder_ / name;
}

std::vector<fs::path> Staging::publish() {
  std::vector<fs::path> files;
  for (const fs::path& name : names_) {
    make_folder((output_ / name).parent_path());
    std::error_code failed, ignored;
    fs::rename(folder_ / name, output_ / name, failed);
    if (failed) {
      for (const fs::path& file : files) fs::remove(file, ignored);
      throw_run_error((output_ / name).string() + ": " + failed.message());
    }
    files.push_back(output_ / name);
  }
  return files;
}

}  // namespace larmor::cli
