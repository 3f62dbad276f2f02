#include "core/log.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>

#include "core/error.h"
#include "core/files.h"

namespace larmor {

namespace fs = std::filesystem;

namespace {

std::string utc_now() {
  const auto now = std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  const auto milliseconds = now.time_since_epoch().count() % 1000;
  return fmt::format("{:%FT%T}.{:03}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(now)), milliseconds);
}

/// JSON has no words for these numbers; without this they would become null and could not be told from "no value".
void spell_non_finite(nlohmann::json& value) {
  if (value.is_structured()) {
    for (auto& item : value) spell_non_finite(item);
  } else if (value.is_number_float() && !std::isfinite(value.get<double>())) {
    const double number = value.get<double>();
    value = std::isnan(number) ? "nan" : number > 0 ? "inf" : "-inf";
  }
}

void cut_unfinished_line(const fs::path& file) {
  if (!fs::exists(file)) return;
  const MappedFile map(file);
  const auto bytes = map.bytes();
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const size_t last_newline = text.rfind('\n');
  const size_t whole = last_newline == std::string_view::npos ? 0 : last_newline + 1;
  if (whole == text.size()) return;
  std::error_code failure;
  fs::resize_file(file, whole, failure);
  if (failure) throw_run_error(fmt::format("{}: cannot be written: {}", file.string(), failure.message()));
}

}  // namespace

JsonLog::JsonLog(fs::path file) : file_(std::move(file)) { cut_unfinished_line(file_); }

void JsonLog::write(const std::string& event, const nlohmann::json& fields) {
  LARMOR_ASSERT(fields.is_null() || (fields.is_object() && !fields.contains("event") && !fields.contains("time")));
  nlohmann::ordered_json line;
  line["event"] = event;
  line["time"] = utc_now();
  for (const auto& [key, value] : fields.items()) {
    nlohmann::json spelled = value;
    spell_non_finite(spelled);
    line[key] = spelled;
  }
  append_line(file_, line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace larmor
