#include "datasets/fresh_folder.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>

#include "core/error.h"
#include "core/files.h"

namespace larmor::datasets {

namespace {

namespace fs = std::filesystem;

/// Absolute and without a slash at its end.
fs::path cleaned(const fs::path& folder) {
  const fs::path target = fs::absolute(folder).lexically_normal();
  return target.has_filename() ? target : target.parent_path();
}

void require_free(const fs::path& folder, const std::string& what) {
  std::error_code error;
  if (!fs::exists(folder, error)) return;
  if (!fs::is_directory(folder, error)) throw_usage_error(fmt::format("{}: {} is a file; name a new folder", what, folder.string()));
  if (!fs::is_empty(folder, error)) throw_usage_error(fmt::format("{}: {} is not empty; name a new folder", what, folder.string()));
}

}  // namespace

void require_apart(const fs::path& first, const fs::path& second, const std::string& what) {
  const auto is_in = [](const fs::path& inner, const fs::path& outer) {
    return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
  };
  const fs::path a = fs::weakly_canonical(cleaned(first)), b = fs::weakly_canonical(cleaned(second));
  if (!is_in(b, a) && !is_in(a, b)) return;
  throw_usage_error(fmt::format("{}: {} {} {}; name another folder", what, second.string(),
                                a == b        ? "is"
                                : is_in(b, a) ? "lies in"
                                              : "holds",
                                first.string()));
}

FreshFolder::FreshFolder(const fs::path& target, const std::string& what)
    : target_(cleaned(target)), path_(target_.string() + fmt::format(".part-{}", ::getpid())) {
  require_free(target_, what);
  make_folder(path_);
}

FreshFolder::~FreshFolder() {
  std::error_code ignored;
  if (!is_kept_) fs::remove_all(path_, ignored);
}

void FreshFolder::keep() {
  std::error_code error;
  fs::rename(path_, target_, error);  // replaces an empty folder
  if (error) throw_run_error(fmt::format("{}: cannot be written: {}", target_.string(), error.message()));
  is_kept_ = true;
}

}  // namespace larmor::datasets
