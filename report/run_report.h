// The report of one run, made from the files in its folder alone: report.html (one self-contained page) and report.md.
//
// It shows the headline number with interval and counts, learning curves, all aggregates of Dice with their rules, patients by name,
// the best, median and worst case, Dice against lesion size, the recipe with what differs from the defaults, and all that is needed
// to repeat the run. A section whose file is missing says so and how to get it. Phantom data and leaking splits are told on top and
// at every table.
#pragma once
#include <filesystem>

#include "report/document.h"
#include "report/run_files.h"

namespace larmor::report {

Document describe_run(const RunFiles& run);

/// Writes report.html and report.md into the folder. Errors as read_run; Error (run) when the disk refuses.
void write_run_report(const std::filesystem::path& folder);

}  // namespace larmor::report
