// A table of runs for the screen, for machines, for pages and for papers. Every form says what the runs were made from: data set,
// number of patients, convention of the metric, which runs are missing, and whether the data are a phantom.
#pragma once
#include <filesystem>
#include <string>

#include "core/csv.h"
#include "report/document.h"
#include "report/table.h"

namespace larmor::report {

/// Columns aligned for a terminal, numbers as papers print them (".774 ± .012").
std::string to_text(const TableResult& table);
/// One row per row, numbers in full; empty cells have no value.
CsvTable to_csv_table(const TableResult& table);
/// Table, patients as a strip chart, mean validation curves, what is missing.
Document describe_table(const TableResult& table);
/// A tabular environment (packages: none).
std::string to_latex(const TableResult& table);

/// table.txt, table.csv, patients.csv (each patient's mean over seeds, one column per row), distances.csv, table.md, table.tex, report.html into `folder`.
/// Error (run) when the disk refuses.
void write_table(const std::filesystem::path& folder, const TableResult& table);

}  // namespace larmor::report
