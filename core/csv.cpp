#include "core/csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/files.h"

namespace larmor {

namespace {

/// Walks over CSV text; knows the line it is in.
class CsvReader {
 public:
  CsvReader(std::string_view text, const std::string& file) : rest_(text), file_(file) {
    if (rest_.starts_with("\xEF\xBB\xBF")) rest_.remove_prefix(3);
  }

  /// The next row that is not an empty line; false at the end. `line` is the line it begins in.
  bool read_row(std::vector<std::string>& row, int& line) {
    while (take_line_end()) {
    }
    row.clear();
    if (rest_.empty()) return false;
    line = line_;
    while (true) {
      row.push_back(rest_.starts_with('"') ? read_quoted_field() : read_plain_field());
      if (!rest_.starts_with(',')) break;
      rest_.remove_prefix(1);
    }
    if (!rest_.empty() && !take_line_end()) fail(line_, "text after a closing quote");
    return true;
  }

  [[noreturn]] void fail(int line, const std::string& message) const { throw_data_error(fmt::format("{}:{}: {}", file_, line, message)); }

 private:
  /// Takes LF, CRLF, or a CR that ends the text.
  bool take_line_end() {
    const size_t length = rest_.starts_with('\n') ? 1 : rest_.starts_with("\r\n") ? 2 : rest_ == "\r" ? 1 : 0;
    rest_.remove_prefix(length);
    if (length > 0) ++line_;
    return length > 0;
  }

  std::string read_plain_field() {
    const size_t end = std::min(rest_.find_first_of(",\n\""), rest_.size());
    if (end < rest_.size() && rest_[end] == '"') fail(line_, "a quote inside a field that does not begin with one");
    std::string field(rest_.substr(0, end));
    const bool ends_line = end == rest_.size() || rest_[end] == '\n';
    rest_.remove_prefix(end);
    if (ends_line && field.ends_with('\r')) field.pop_back();
    return field;
  }

  std::string read_quoted_field() {
    const int first_line = line_;
    std::string field;
    rest_.remove_prefix(1);
    while (true) {
      const size_t quote = rest_.find('"');
      if (quote == std::string_view::npos) fail(first_line, "a quote that is not closed");
      const std::string_view piece = rest_.substr(0, quote);
      line_ += static_cast<int>(std::count(piece.begin(), piece.end(), '\n'));
      field += piece;
      rest_.remove_prefix(quote + 1);
      if (!rest_.starts_with('"')) return field;
      field += '"';
      rest_.remove_prefix(1);
    }
  }

  std::string_view rest_;
  const std::string& file_;
  int line_ = 1;
};

void write_row(const std::vector<std::string>& row, std::string& text) {
  for (size_t i = 0; i < row.size(); ++i) {
    const std::string& field = row[i];
    // A lone empty field would be an empty line; a leading BOM would be taken for the file's.
    const bool needs_quotes =
        field.find_first_of(",\"\n\r") != std::string::npos || (field.empty() && row.size() == 1) || field.starts_with("\xEF\xBB\xBF");
    if (i > 0) text += ',';
    if (needs_quotes) text += '"';
    for (const char c : field) text.append(needs_quotes && c == '"' ? 2 : 1, c);
    if (needs_quotes) text += '"';
  }
  text += '\n';
}

}  // namespace

size_t CsvTable::column(const std::string& name) const {
  const auto found = std::find(header.begin(), header.end(), name);
  if (found != header.end()) return static_cast<size_t>(found - header.begin());
  const std::string nearest = nearest_name(name, header);
  throw_data_error(fmt::format("no column {}{}; columns: {}", in_quotes(name), nearest.empty() ? "" : "; nearest: " + in_quotes(nearest),
                               fmt::join(header, ", ")));
}

CsvTable parse_csv(std::string_view text, const std::string& file_name) {
  CsvReader reader(text, file_name);
  CsvTable table;
  int line = 1;
  if (!reader.read_row(table.header, line)) throw_data_error(fmt::format("{}: no header row: the file is empty", file_name));
  std::vector<std::string> row;
  while (reader.read_row(row, line)) {
    if (row.size() != table.header.size()) {
      reader.fail(line, fmt::format("{} fields; the header has {}", row.size(), table.header.size()));
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

CsvTable read_csv(const std::filesystem::path& file) { return parse_csv(read_file(file), file.string()); }

std::string to_csv(const CsvTable& table) {
  std::string text;
  write_row(table.header, text);
  for (const auto& row : table.rows) {
    LARMOR_ASSERT(row.size() == table.header.size());
    write_row(row, text);
  }
  return text;
}

std::string csv_number(double value) { return std::isnan(value) ? "" : fmt::format("{}", value); }

}  // namespace larmor
