// `larmor predict`: masks, probabilities and overlays of images and volumes; or logits of a tensor file.
#pragma once
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "cli/command.h"
#include "eval/review.h"

namespace larmor::cli {

struct PredictOptions {
  std::vector<std::string> weights;  ///< run, checkpoint or SMP folder; several form an ensemble
  std::string recipe;                ///< for weights that hold none
  std::string input, output;
  std::vector<std::string> exclude;                             ///< subjects
  std::string tta, merge, merge_of;                             ///< "": the recipe's
  double threshold = std::numeric_limits<double>::quiet_NaN();  ///< NaN: the recipe's
  bool largest_component = false;
  int64_t size = 0;  ///< 0: the recipe's
  int64_t batch = 8;
  bool uncertainty = false;  ///< maps of predictive entropy and mutual information, and review.csv
  bool overwrite = false;    ///< results that are there are replaced
};

struct PredictedCase {
  std::string name;
  int64_t slices = 0;
  int64_t slices_positive = 0;  ///< with a predicted pixel
  double seconds = 0;
  std::vector<std::filesystem::path> files;
  std::optional<eval::ReviewRow> review;  ///< where uncertainty was asked for
  std::string failure;                    ///< why a subject cannot be used, which is no fault of its files; "" where it can
};

/// Predicts every case of the input. Cases are checked before the first is predicted; each leaves all its files or none. With uncertainty
/// review.csv lists those that are done.
/// Error (usage, data) names file and reason; Error (run) when interrupted or the disk refuses.
std::vector<PredictedCase> predict_cases(const PredictOptions& options, const GlobalOptions& global);

/// The tensor `input` (N x C x H x W, float32) of a safetensors file through the network untouched; writes `logits`.
/// Error (data): no such tensor, another type or rank.
void predict_tensor(const PredictOptions& options, const GlobalOptions& global);

int run_predict(const PredictOptions& options, const GlobalOptions& global);

}  // namespace larmor::cli
