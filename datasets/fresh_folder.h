// A new folder that appears only when everything in it is written.
#pragma once
#include <filesystem>
#include <string>

namespace larmor::datasets {

/// Writes go to path(), beside the target; keep() gives it the target's name, and without keep() it is removed again.
class FreshFolder {
 public:
  /// Error (usage) when the target is a file or holds something: "phantom: FOLDER is not empty; name a new folder". `what` begins it.
  FreshFolder(const std::filesystem::path& target, const std::string& what);
  ~FreshFolder();
  FreshFolder(const FreshFolder&) = delete;
  FreshFolder& operator=(const FreshFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }
  /// Error (run) when the system refuses.
  void keep();

 private:
  std::filesystem::path target_;
  std::filesystem::path path_;
  bool is_kept_ = false;
};

/// Error (usage) when two targets are one, or one lies in the other: "phantom: SECOND lies in FIRST; name another folder".
void require_apart(const std::filesystem::path& first, const std::filesystem::path& second, const std::string& what);

}  // namespace larmor::datasets
