// A report as a list of blocks, written once and shown twice: one self-contained HTML page and one Markdown file.
//
// All text is shown as it stands, whatever it holds (patients, files and recipes are named by others): HTML and Markdown signs are
// escaped, control characters and broken UTF-8 replaced.
#pragma once
#include <string>
#include <variant>
#include <vector>

namespace larmor::report {

struct Heading {
  std::string text;
};

struct Paragraph {
  std::string text;
};

/// A warning that nobody may overlook: phantom data, a leaking split.
struct Banner {
  std::string text;
};

/// The one number of the report.
struct Headline {
  std::string value;    ///< "0.785 [0.719, 0.838]"
  std::string meaning;  ///< what it is the mean of
};

enum class Emphasis { none, strong, faint };

struct Cell {
  std::string text;
  Emphasis emphasis = Emphasis::none;
};

struct Column {
  std::string name;
  bool is_number = false;  ///< set flush right
};

struct Table {
  std::string caption;
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows;  ///< as many cells as columns (assertion)
  std::string folded_under;             ///< a line that opens the table; "": always open
};

/// SVG of report/plot.h; "" (no gnuplot) shows nothing. Markdown has the numbers alone.
struct Chart {
  std::string svg;
  std::string caption;
};

struct LegendEntry {
  std::string colour;  ///< "#e66100"
  std::string colour_name;
  std::string meaning;
};

struct Picture {
  std::string png;      ///< bytes, for the page
  std::string file;     ///< relative path, for Markdown
  std::string caption;  ///< also the text for screen readers
};

struct Pictures {
  std::vector<Picture> pictures;
  std::vector<LegendEntry> legend;
};

/// Text in a fixed-width face: a command, a recipe.
struct Code {
  std::string text;
};

using Block = std::variant<Heading, Paragraph, Banner, Headline, Table, Chart, Pictures, Code>;

struct Document {
  std::string title;
  std::vector<Block> blocks;
};

/// Readable on phone and paper, light and dark; holds no script and loads nothing.
std::string to_html(const Document& document);
std::string to_markdown(const Document& document);

/// Valid UTF-8 without control characters other than newline; what was wrong becomes U+FFFD.
std::string clean_text(std::string_view text);
std::string escape_html(std::string_view text);
/// For running text and table cells: one line.
std::string escape_markdown(std::string_view text);
std::string base64(std::string_view bytes);

}  // namespace larmor::report
