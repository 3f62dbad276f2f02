// `larmor agree`: how far two readers' masks of the same cases agree.
#pragma once
#include <string>

#include "cli/command.h"

namespace larmor::cli {

struct AgreeOptions {
  std::string first, second;  ///< folders of masks, or one mask each
  std::string output;         ///< folder for agreement.csv and agreement.json; "": nothing is written
  bool overwrite = false;     ///< results that are there are replaced
};

/// Compares the cases that both have, prints the table (or JSON) and tells which cases one of them lacks.
int run_agree(const AgreeOptions& options, const GlobalOptions& global);

}  // namespace larmor::cli
