// CSV as RFC 4180 writes it: UTF-8, comma, dot decimals, one header row, quotes where needed.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace larmor {

struct CsvTable {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;
  /// Column index, or Error (data) naming the file's columns and the nearest.
  size_t column(const std::string& name) const;
};

/// Parses text. A BOM and CRLF are accepted, empty lines are skipped. Error (data) with file and line: no header, a row of another length
/// than the header, a quote that is not closed, text beside a quoted field.
CsvTable parse_csv(std::string_view text, const std::string& file_name);
CsvTable read_csv(const std::filesystem::path& file);
std::string to_csv(const CsvTable& table);
/// Shortest text that reads back to the same double; "inf" and "-inf"; "" for NaN.
std::string csv_number(double value);

}  // namespace larmor
