// JSON lines: one object per event, appended and flushed, so that a killed run keeps all but the line in hand.
#pragma once
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace larmor {

class JsonLog {
 public:
  /// Appends to `file`; an unfinished last line (a killed run) is cut off first.
  explicit JsonLog(std::filesystem::path file);
  /// Writes {"event": event, "time": ISO-8601 UTC, …fields}; fields is an object without those two keys. Non-finite numbers are written as
  /// the strings "nan", "inf", "-inf".
  void write(const std::string& event, const nlohmann::json& fields);
  const std::filesystem::path& file() const { return file_; }

 private:
  std::filesystem::path file_;
};

}  // namespace larmor
