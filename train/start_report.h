// What a run is made of, told once at its start: lines for the screen and an object for the log.
#pragma once
#include <ATen/core/Tensor.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "models/segmenter.h"
#include "train/experiment.h"
#include "train/recipe.h"

namespace larmor::train {

struct StartReport {
  std::vector<std::string> lines;
  nlohmann::json json;
};

StartReport describe_start(const Recipe& recipe, const Dataset& dataset, const models::Segmenter& network, at::Device device,
                           int64_t threads, const std::string& command, const std::filesystem::path& run, const std::string& start_weights);

/// Program, LibTorch and compiler versions, for logs and reports.
nlohmann::json versions();

}  // namespace larmor::train
