#include "report/table_output.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "core/files.h"
#include "report/plot.h"
#include "report/run_files.h"
#include "report/table_distances.h"
#include "report/table_numbers.h"
#include "report/table_patients.h"

namespace larmor::report {

namespace {

std::string signed_number(double value) { return value > 0 ? "+" + short_number(value) : short_number(value); }

std::string mean_and_sd(const std::vector<double>& seeds, double mean, double sd) {
  if (seeds.empty()) return kNothing;
  return seeds.size() < 2 ? short_number(mean) : short_number(mean) + " ± " + short_number(sd);
}

std::string interval_of(const RowResult& row) {
  if (!std::isfinite(row.interval.low)) return kNothing;
  return "[" + short_number(row.interval.low) + ", " + short_number(row.interval.high) + "]";
}

std::string comparison_of(const RowResult& row) {
  if (!row.comparison) return kNothing;
  return fmt::format("{}  p {}", signed_number(row.comparison->difference), short_number(row.comparison->p_holm, 2));
}

std::string epochs_of(const RowResult& row) {
  if (row.reached == 0) return row.never == 0 ? kNothing : "never";
  const std::string mean = fmt::format("{:.1f}", row.epochs_to_reach);
  return row.never == 0 ? mean : fmt::format("{} ({} of {} never)", mean, row.never, row.never + row.reached);
}

std::string missed_of(const RowResult& row) { return row.seeds.empty() ? kNothing : fmt::format("{} of {}", row.missed, row.missed_of); }

std::string metric_label(const std::string& metric) {
  return metric == "dice_patients" ? "Dice" : metric == "iou_patients" ? "IoU" : metric.substr(0, metric.find('_'));
}

std::string rounded(double value, int digits) { return std::isfinite(value) ? fmt::format("{:.{}f}", value, digits) : kNothing; }

/// The columns of the table for people.
std::vector<Column> columns_of(const TableResult& table) {
  std::vector<Column> columns{{"row"}};
  for (const std::string& name : table.spec.published_columns) columns.push_back({name, true});
  const std::string label = metric_label(table.spec.metric) + " mean ± SD";
  if (table.spec.sides.size() == 1) {
    columns.push_back({label});
  } else {
    for (const std::string& side : table.spec.sides) columns.push_back({fmt::format("{} {}", side, label)});
  }
  columns.push_back({"95 % CI"});
  columns.push_back({"vs " + table.spec.reference + " (Holm)"});
  columns.push_back({"epochs to " + exact_number(table.spec.reach), true});
  columns.push_back({"missed", true});
  if (table.spec.costs) {
    for (const char* name : {"s per epoch", "s per patient", "MiB"}) columns.push_back({name, true});
  }
  return columns;
}

std::vector<std::string> cells_of(const TableResult& table, size_t index) {
  const TableRow& spec = table.spec.rows[index];
  const RowResult& row = table.rows[index];
  std::vector<std::string> cells{spec.name};
  for (const std::string& column : table.spec.published_columns) {
    const auto found = spec.published.find(column);
    cells.push_back(found == spec.published.end() ? kNothing : short_number(found->second));
  }
  cells.push_back(mean_and_sd(row.seeds, row.mean, row.sd));
  for (const SideResult& other : row.others) cells.push_back(mean_and_sd(other.seeds, other.mean, other.sd));
  for (const std::string& text : {interval_of(row), comparison_of(row), epochs_of(row), missed_of(row)}) cells.push_back(text);
  if (table.spec.costs) {
    for (const std::string& text : {rounded(row.epoch_seconds, 1), rounded(row.patient_seconds, 2), rounded(row.memory_mib, 0)})
      cells.push_back(text);
  }
  return cells;
}

/// How our data stand to the paper's; "" where nothing was published or they are the same.
std::string relation_to_published(const TableResult& table) {
  const TableSpec& spec = table.spec;
  if (spec.published_columns.empty()) return "";
  if (!spec.published_same_data) return ", NOT the data of the published values";
  const bool has_list = has_published_patients(spec);
  const int64_t common = has_list ? published_patients_here(table) : table.patients;
  const int64_t all = has_list ? static_cast<int64_t>(spec.published_patients.size()) : spec.published_subjects;
  return all == 0 || common == all ? "" : fmt::format(", NOT all data of the published values: {} of its {} patients", common, all);
}

std::string data_line(const TableResult& table) {
  if (table.runs_counted == 0) return "data: none yet";
  return fmt::format("data: {}, {} side, {} patient{}{}{}{}", table.source, table.split, table.patients, table.patients == 1 ? "" : "s",
                     relation_to_published(table), table.is_phantom ? ", PHANTOM: synthetic, no patients" : "",
                     table.leaks ? ", LEAKING SPLIT: slices of one patient on both sides" : "");
}

std::string convention_line(const TableResult& table) {
  const TableSpec& spec = table.spec;
  const std::string threshold = std::isfinite(table.threshold) ? ", threshold " + short_number(table.threshold, 1) : "";
  const bool has_own_tta = std::any_of(spec.rows.begin(), spec.rows.end(), [](const TableRow& row) { return !row.tta.empty(); });
  return fmt::format(
      "{}: per patient, pooled over its slices{}, tta {}{}. SD over seeds, CI over patients (bootstrap), p from the paired Wilcoxon test.",
      metric_label(spec.metric), threshold, spec.tta, has_own_tta ? " where the row names none" : "");
}

/// Where not the source's own slices were scored.
std::string preparation_line(const TableResult& table) {
  return table.preprocess.empty() ? "" : fmt::format("Scored: {}.", prepared_slices(table.preprocess));
}

/// Where the numbers are better than they would be on patients that decided nothing.
std::string selection_line(const TableResult& table) {
  if (table.split != "validation") return "";
  return "Model-selected: the best epoch was chosen by these patients' own values.";
}

std::string published_line(const TableSpec& spec) {
  if (spec.published_columns.empty()) return "";
  std::string line = "Published: " + spec.published_source;
  if (!spec.published_data.empty()) line += fmt::format("; data: {}", spec.published_data);
  if (!spec.published_convention.empty()) line += fmt::format("; convention: {}", spec.published_convention);
  if (!spec.published_same_data) line += ". Different data: compare the order, not the level";
  return line + ".";
}

/// What the command line changed in every row; the file's own remarks may say otherwise.
std::string overrides_line(const TableSpec& spec) {
  if (spec.overrides.empty()) return "";
  return fmt::format("Overridden in every row, whatever is said below: {}.", fmt::join(spec.overrides, " "));
}

/// True where a run may be evaluated more than once.
bool is_shared(const TableSpec& spec) {
  return spec.sides.size() > 1 || std::any_of(spec.rows.begin(), spec.rows.end(), [](const TableRow& row) { return !row.runs.empty(); });
}

/// Everything below the table, one line each.
std::vector<std::string> footnotes(const TableResult& table) {
  std::vector<std::string> lines{convention_line(table)};
  for (const std::string& line :
       {preparation_line(table), selection_line(table), published_line(table.spec), describe_band(table), overrides_line(table.spec)}) {
    if (!line.empty()) lines.push_back(line);
  }
  for (const std::string& choice : table.spec.not_published) lines.push_back("Not published, our choice: " + choice + ".");
  lines.insert(lines.end(), table.notes.begin(), table.notes.end());
  for (size_t i = 0; i < table.rows.size(); ++i) {
    for (const std::string& problem : table.rows[i].problems)
      lines.push_back(fmt::format("not counted: {}, {}", table.spec.rows[i].name, problem));
  }
  lines.push_back(
      fmt::format("{} of {} runs counted{}.", table.runs_counted, table.runs, is_shared(table.spec) ? ", once for each evaluation" : ""));
  return lines;
}

// ---- text ----

/// Letters on the screen; every character of these tables is one column wide.
size_t width_of(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string padded(const std::string& text, size_t width, bool is_number) {
  const std::string space(width - std::min(width, width_of(text)), ' ');
  return is_number ? space + text : text + space;
}

std::vector<size_t> widths_of(const std::vector<std::vector<std::string>>& lines) {
  std::vector<size_t> widths(lines[0].size(), 0);
  for (const auto& line : lines) {
    for (size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], width_of(line[i]));
  }
  return widths;
}

/// Lines of cells, the columns below each other.
std::string aligned(const std::vector<std::vector<std::string>>& lines, const std::vector<Column>& columns) {
  const std::vector<size_t> widths = widths_of(lines);
  std::string text;
  for (const auto& line : lines) {
    std::string row;
    for (size_t i = 0; i < line.size(); ++i) row += (i == 0 ? "" : "  ") + padded(line[i], widths[i], columns[i].is_number);
    while (row.ends_with(' ')) row.pop_back();
    text += row + "\n";
  }
  return text;
}

/// A table below the table, with an empty line around it.
std::string lines_of(const Table& shown) {
  std::vector<std::vector<std::string>> lines{{}};
  for (const Column& column : shown.columns) lines[0].push_back(clean_text(column.name));
  for (const auto& row : shown.rows) {
    lines.emplace_back();
    for (const Cell& cell : row) lines.back().push_back(clean_text(cell.text));
  }
  return aligned(lines, shown.columns) + "\n";
}

/// Printed and own values of single patients; surface distances.
std::string further_lines(const TableResult& table) {
  std::string text;
  if (has_published_patients(table.spec)) text += "\n" + lines_of(describe_patients(table));
  if (!has_distances(table)) return text;
  const Table distances = describe_distances(table);
  return text + (text.empty() ? "\n" : "") + distances.caption + "\n" + lines_of(distances);
}

/// "published" and "ours" above their columns.
std::string group_line(const TableResult& table, const std::vector<size_t>& widths) {
  size_t published = 0;
  for (size_t i = 1; i <= table.spec.published_columns.size(); ++i) published += widths[i] + 2;
  size_t seeds = 0;
  for (const RowResult& row : table.rows) seeds = std::max(seeds, row.seeds.size());
  const std::string ours =
      fmt::format("ours, {} seed{}, {} patient{}", seeds, seeds == 1 ? "" : "s", table.patients, table.patients == 1 ? "" : "s");
  return std::string(widths[0] + 2, ' ') + padded(published == 0 ? "" : "published", published, false) + ours + "\n";
}

// ---- page ----

/// Published values of other data are faint.
Table table_block(const TableResult& table) {
  Table shown{table.is_phantom ? "Phantom data." : "", columns_of(table), {}, ""};
  const size_t published = table.spec.published_columns.size();
  const bool is_other_data = !table.spec.published_same_data;
  for (size_t i = 1; i <= published; ++i) {
    shown.columns[i].name = "published " + shown.columns[i].name + (is_other_data ? " (different data)" : "");
  }
  for (size_t i = 0; i < table.rows.size(); ++i) {
    std::vector<Cell> row;
    for (const std::string& text : cells_of(table, i)) {
      const bool is_published = !row.empty() && row.size() <= published;
      row.push_back({text, is_other_data && is_published ? Emphasis::faint : Emphasis::none});
    }
    shown.rows.push_back(std::move(row));
  }
  return shown;
}

std::vector<Strip> patient_strips(const TableResult& table) {
  std::vector<Strip> strips;
  for (size_t i = 0; i < table.rows.size(); ++i) {
    Strip strip{table.spec.rows[i].name, {}};
    for (const auto& [patient, value] : table.rows[i].patients) strip.values.push_back({patient, value});
    strips.push_back(std::move(strip));
  }
  return strips;
}

std::vector<BandSeries> bands(const TableResult& table) {
  std::vector<BandSeries> all;
  for (size_t i = 0; i < table.rows.size(); ++i) all.push_back(band_over_seeds(table.spec.rows[i].name, table.rows[i].curves));
  return all;
}

/// "8.3 epochs, 105 s (2 of 3)": means over the seeds that got there, told where not all did.
std::string reached_text(const Reached& reached) {
  if (reached.runs == 0) return reached.never == 0 ? kNothing : "never";
  const std::string seconds = std::isfinite(reached.seconds) ? fmt::format(", {:.0f} s", reached.seconds) : "";
  const std::string some = reached.never == 0 ? "" : fmt::format(" ({} of {})", reached.runs, reached.runs + reached.never);
  return fmt::format("{:.1f} epochs{}{}", reached.epochs, seconds, some);
}

/// Epochs and seconds to each level that any row reaches; none where no row has a curve.
std::optional<Table> convergence_block(const TableResult& table, const std::string& label) {
  Table shown{
      fmt::format("Epochs, and seconds of training (validation not counted), until the validation {} first was at least …; mean over the "
                  "seeds that got there, whose number is told where others did not.{}",
                  label, table.is_phantom ? " Phantom data." : ""),
      {{"row"}},
      {},
      ""};
  std::vector<double> levels;
  for (const double level : table.spec.levels) {
    const bool is_reached = std::any_of(table.rows.begin(), table.rows.end(),
                                        [level](const RowResult& row) { return when_reached(row.curves, level).runs > 0; });
    if (is_reached) levels.push_back(level);
  }
  if (levels.empty()) return {};
  for (const double level : levels) shown.columns.push_back({exact_number(level), true});
  for (size_t i = 0; i < table.rows.size(); ++i) {
    std::vector<Cell> row{{table.spec.rows[i].name}};
    for (const double level : levels) row.push_back({reached_text(when_reached(table.rows[i].curves, level))});
    shown.rows.push_back(std::move(row));
  }
  return shown;
}

// ---- LaTeX ----

std::string escape_latex(std::string_view text) {
  std::string escaped;
  for (const char c : clean_text(text)) {
    switch (c) {
      case '\\':
        escaped += "\\textbackslash{}";
        break;
      case '~':
        escaped += "\\textasciitilde{}";
        break;
      case '^':
        escaped += "\\textasciicircum{}";
        break;
      case '\n':
        escaped += ' ';
        break;
      case '#':
      case '$':
      case '%':
      case '&':
      case '_':
      case '{':
      case '}':
        escaped += '\\';
        [[fallthrough]];
      default:
        escaped += c;
    }
  }
  return escaped;
}

// ---- CSV ----

std::string cell_or_empty(const std::optional<double>& value) { return value ? number_or_empty(*value) : ""; }

}  // namespace

std::string to_text(const TableResult& table) {
  const std::vector<Column> columns = columns_of(table);
  std::vector<std::vector<std::string>> lines{{}};
  for (const Column& column : columns) lines[0].push_back(clean_text(column.name));
  for (size_t i = 0; i < table.rows.size(); ++i) {
    lines.push_back(cells_of(table, i));
    for (std::string& cell : lines.back()) cell = clean_text(cell);
  }
  std::string text = clean_text(table.spec.title) + "\n" + data_line(table) + "\n" + group_line(table, widths_of(lines));
  text += aligned(lines, columns) + further_lines(table);
  for (const std::string& line : footnotes(table)) text += clean_text(line) + "\n";
  return text;
}

CsvTable to_csv_table(const TableResult& table) {
  CsvTable csv;
  csv.header = {"row"};
  for (const std::string& column : table.spec.published_columns) csv.header.push_back("published_" + column);
  for (const char* name : {"metric", "seeds", "mean", "sd", "ci95_low", "ci95_high", "difference", "p", "p_holm", "epochs_to_reach",
                           "reach", "seeds_never", "missed", "missed_of", "patients", "data", "problems"}) {
    csv.header.emplace_back(name);
  }
  if (table.spec.costs) csv.header.insert(csv.header.end(), {"seconds_per_epoch", "seconds_per_patient", "memory_mib"});
  for (size_t k = 1; k < table.spec.sides.size(); ++k) {
    for (const char* name : {"_seeds", "_mean", "_sd"}) csv.header.push_back(table.spec.sides[k] + name);
  }
  for (size_t i = 0; i < table.rows.size(); ++i) {
    const TableRow& spec = table.spec.rows[i];
    const RowResult& row = table.rows[i];
    std::vector<std::string> cells{spec.name};
    for (const std::string& column : table.spec.published_columns) {
      const auto found = spec.published.find(column);
      cells.push_back(found == spec.published.end() ? "" : csv_number(found->second));
    }
    const auto comparison = [&](double Comparison::*field) {
      return cell_or_empty(row.comparison ? std::optional((*row.comparison).*field) : std::nullopt);
    };
    for (const std::string& cell :
         {table.spec.metric, std::to_string(row.seeds.size()), cell_or_empty(row.mean), cell_or_empty(row.sd),
          cell_or_empty(row.interval.low), cell_or_empty(row.interval.high), comparison(&Comparison::difference),
          comparison(&Comparison::p), comparison(&Comparison::p_holm), cell_or_empty(row.epochs_to_reach), csv_number(table.spec.reach),
          std::to_string(row.never), std::to_string(row.missed), std::to_string(row.missed_of), std::to_string(row.patients.size()),
          table.source + (table.is_phantom ? " (phantom)" : "") + (table.leaks ? " (leaking split)" : ""),
          fmt::format("{}", fmt::join(row.problems, "; "))}) {
      cells.push_back(cell);
    }
    if (table.spec.costs) {
      for (const double cost : {row.epoch_seconds, row.patient_seconds, row.memory_mib}) cells.push_back(number_or_empty(cost));
    }
    for (const SideResult& other : row.others) {
      for (const std::string& cell : {std::to_string(other.seeds.size()), number_or_empty(other.mean), number_or_empty(other.sd)}) {
        cells.push_back(cell);
      }
    }
    csv.rows.push_back(std::move(cells));
  }
  return csv;
}

Document describe_table(const TableResult& table) {
  Document document{table.spec.title, {}};
  if (table.is_phantom) document.blocks.emplace_back(Banner{kPhantomBanner});
  if (table.leaks) document.blocks.emplace_back(Banner{kLeakBanner});
  document.blocks.emplace_back(Paragraph{data_line(table)});
  document.blocks.emplace_back(table_block(table));
  if (has_published_patients(table.spec)) document.blocks.emplace_back(describe_patients(table));
  if (has_distances(table)) document.blocks.emplace_back(describe_distances(table));
  for (const std::string& line : footnotes(table)) document.blocks.emplace_back(Paragraph{line});
  const std::string label = metric_label(table.spec.metric), mark = table.is_phantom ? " Phantom data." : "";
  document.blocks.emplace_back(
      Chart{strip_chart(patient_strips(table), {.title = label + " of each patient", .y_label = label, .y_low = 0, .y_high = 1}),
            label + " of each patient, mean over seeds; the bar is the median." + mark});
  document.blocks.emplace_back(Heading{"Convergence"});
  if (std::optional<Table> convergence = convergence_block(table, label)) document.blocks.emplace_back(std::move(*convergence));
  document.blocks.emplace_back(
      Chart{band_chart(bands(table),
                       {.title = "Validation " + label + " per epoch", .x_label = "epoch", .y_label = label, .y_low = 0, .y_high = 1}),
            "Validation " + label + " per epoch: mean over seeds, the band from the lowest to the highest." + mark});
  return document;
}

std::string to_latex(const TableResult& table) {
  const std::vector<Column> columns = columns_of(table);
  std::string kinds;
  std::string header;
  for (const Column& column : columns) {
    kinds += column.is_number ? 'r' : 'l';
    header += (header.empty() ? "" : " & ") + escape_latex(column.name);
  }
  std::string text = "% " + escape_latex(table.spec.title) + "\n% " + escape_latex(data_line(table)) + "\n\\begin{tabular}{" + kinds +
                     "}\n\\hline\n" + header + " \\\\\n\\hline\n";
  for (size_t i = 0; i < table.rows.size(); ++i) {
    std::string row;
    for (const std::string& cell : cells_of(table, i)) row += (row.empty() ? "" : " & ") + escape_latex(cell);
    text += row + " \\\\\n";
  }
  text += "\\hline\n";
  if (table.is_phantom) text += fmt::format("\\multicolumn{{{}}}{{l}}{{Phantom data: synthetic, no patients.}} \\\\\n", columns.size());
  return text + "\\end{tabular}\n";
}

void write_table(const std::filesystem::path& folder, const TableResult& table) {
  make_folder(folder);
  const Document document = describe_table(table);
  write_file_atomically(folder / "table.txt", to_text(table));
  write_file_atomically(folder / "table.csv", to_csv(to_csv_table(table)));
  write_file_atomically(folder / "patients.csv", to_csv(to_patients_csv(table)));
  write_file_atomically(folder / "distances.csv", to_csv(to_distances_csv(table)));
  write_file_atomically(folder / "table.md", to_markdown(document));
  write_file_atomically(folder / "table.tex", to_latex(table));
  write_file_atomically(folder / "report.html", to_html(document));
}

}  // namespace larmor::report
