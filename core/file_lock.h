// One writer at a time: a lock that the system gives back when its process ends, however it ends.
#pragma once
#include <filesystem>

namespace larmor {

/// Holds a file of its own (made when missing, never removed) as long as it lives. Advisory: it stops those who ask for it too.
class FileLock {
 public:
  /// Error (run): "FILE: in use by process 4711" when another holds it, or the system's reason when it cannot be made.
  explicit FileLock(const std::filesystem::path& file);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  int descriptor_ = -1;
};

}  // namespace larmor
