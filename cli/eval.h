// `larmor eval`: scores runs or checkpoints on a side of their split.
#pragma once
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "cli/command.h"

namespace larmor::cli {

struct EvalOptions {
  std::vector<std::string> weights;  ///< run folders, checkpoints, SMP folders; several form an ensemble. A word in .json is `json`
  std::string recipe;                ///< for weights that hold none
  std::string data;                  ///< data folder; "": the recipe's
  std::string split = "val";         ///< val | test | hold_out | train
  std::vector<std::string> tta;      ///< empty: the recipe's
  std::string merge, merge_of;       ///< "": the recipe's
  double threshold = std::numeric_limits<double>::quiet_NaN();  ///< NaN: the recipe's
  bool largest_component = false;
  bool no_surface_distances = false;
  std::vector<std::string> surface_tolerances;  ///< empty: the recipe's
  bool no_detection = false;
  bool no_label = false;
  double lesion_overlap = std::numeric_limits<double>::quiet_NaN();       ///< NaN: the recipe's
  int64_t smallest_lesion = 0;                                            ///< voxels; 0: the recipe's
  double smallest_lesion_mm3 = std::numeric_limits<double>::quiet_NaN();  ///< NaN: the recipe's
  std::string group_by;                                                   ///< column of the metadata; "": patients are not grouped
  bool uncertainty = false;                                               ///< calibration, and which cases to review
  std::string readers;                                                    ///< agreement.json of larmor agree; "": none
  int64_t batch = 0;                                                      ///< 0: the recipe's
  std::string json;                                                       ///< file for evaluation.json's content
  std::string csv;                                                        ///< file for the per-case table
  std::string output;    ///< folder for evaluation.json, cases.csv, slices.csv, overlays/; "": the run's, when one run is given
  bool no_save = false;  ///< leave the run folder as it is
};

/// Prints the table (or JSON) and writes the files asked for. A single run gets its evaluation into its own folder.
int run_eval(const EvalOptions& options, const GlobalOptions& global);

}  // namespace larmor::cli
