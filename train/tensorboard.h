// TensorBoard event files: scalars as TensorBoard reads them. Format: TFRecord framing (masked CRC-32C) around Event protocol buffers
// (tensorflow/core/util/event.proto, fields wall_time 1, step 2, file_version 3, summary 5).
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larmor::train {

/// CRC-32C (Castagnoli).
uint32_t crc32c(std::string_view bytes);

class TensorBoardWriter {
 public:
  /// Makes `folder`/events.out.tfevents.<seconds>.larmor. Error (run) when it cannot be written.
  TensorBoardWriter(const std::filesystem::path& folder, double wall_time);
  /// Appends one event with these scalars.
  void write(int64_t step, double wall_time, const std::vector<std::pair<std::string, double>>& scalars);
  const std::filesystem::path& file() const { return file_; }

 private:
  void append_record(const std::string& event);
  std::filesystem::path file_;
};

}  // namespace larmor::train
