// What a table will cost before it is run.
#pragma once
#include <cstddef>
#include <iosfwd>
#include <vector>

#include "cli/command.h"
#include "cli/table_work.h"

namespace larmor::cli {

/// Every run with its state, then the evaluations that stand alone; `runs` and `scores` are what is missing.
void print_plan(const TableWork& work, const std::vector<size_t>& runs, const std::vector<size_t>& scores, std::ostream& out);

/// Time and disk of the missing runs: from runs of the same row, else of the table, else from one measured training step of each
/// network (validation counted as a third per slice); says which. Evaluations are not counted.
void print_estimate(const TableWork& work, const std::vector<size_t>& runs, int64_t jobs, const GlobalOptions& global, std::ostream& out);

}  // namespace larmor::cli
