#include "train/start_report.h"

#include <fmt/format.h>
#include <torch/headeronly/version.h>

#include "core/progress.h"
#include "core/version.h"

namespace larmor::train {

namespace {

struct SideCount {
  int64_t patients = 0, slices = 0, positive = 0;
};

SideCount count_side(const datasets::Source& source, const std::vector<int64_t>& cases, const std::vector<std::string>& subjects) {
  SideCount count{static_cast<int64_t>(subjects.size()), static_cast<int64_t>(cases.size()), 0};
  for (const int64_t index : cases) count.positive += source.cases()[static_cast<size_t>(index)].foreground > 0;
  return count;
}

nlohmann::json to_json(const SideCount& count, const std::vector<std::string>& subjects) {
  return {{"patients", count.patients}, {"slices", count.slices}, {"positive_slices", count.positive}, {"subjects", subjects}};
}

std::string scalar_option(const ConfigNode& options, const std::string& key) {
  const ConfigNode* node = options.find(key);
  return node && node->is_scalar() ? node->scalar : "";
}

std::string data_line(const Dataset& dataset, const SideCount& train, const SideCount& validation, const std::string& split) {
  const datasets::Source& source = *dataset.source;
  int64_t positive = 0;
  for (const auto& info : source.cases()) positive += info.foreground > 0;
  const auto findings = static_cast<int64_t>(source.findings().size());  // excluded subjects, slices left out, …
  return fmt::format("data     {}, {} ({} with label)   train {} / {}   val {} / {} ({}){}{}{}",
                     counted(static_cast<int64_t>(source.studies().size()), "patient"),
                     counted(static_cast<int64_t>(source.cases().size()), "slice"), positive, train.patients, train.slices,
                     validation.patients, validation.slices, split,
                     findings == 0 ? "" : fmt::format("   {}: see larmor inspect", counted(findings, "finding")),
                     source.is_phantom() ? "   PHANTOM DATA" : "", dataset.split.leaks ? "   LEAKING SPLIT" : "");
}

}  // namespace

nlohmann::json versions() {
  return {{"larmor", kVersion},
          {"libtorch", fmt::format("{}.{}.{}", TORCH_VERSION_MAJOR, TORCH_VERSION_MINOR, TORCH_VERSION_PATCH)},
          {"compiler", __VERSION__}};
}

StartReport describe_start(const Recipe& recipe, const Dataset& dataset, const models::Segmenter& network, at::Device device,
                           int64_t threads, const std::string& command, const std::filesystem::path& run,
                           const std::string& start_weights) {
  const datasets::Source& source = *dataset.source;
  const SideCount training = count_side(source, dataset.split.train, dataset.split.train_subjects);
  const SideCount validation = count_side(source, dataset.split.validation, dataset.split.validation_subjects);
  const int64_t stored = network.parameter_count();
  int64_t used = network.used_parameter_count();
  for (const auto& [name, parameter] : network.label_parameters()) used += parameter.numel();  // a head that is trained
  const std::string encoder = scalar_option(recipe.model.options, "encoder");
  const std::string weights = start_weights.empty() ? "from scratch" : recipe.model.weights + recipe.model.encoder_weights;

  StartReport report;
  report.lines = {fmt::format("recipe   {}          run   {}", recipe.name, run.string()),
                  data_line(dataset, training, validation, recipe.data.split.kind),
                  fmt::format("model    {}{} · {} parameters, {} · {}", recipe.model.name, encoder.empty() ? "" : " · " + encoder,
                              format_count(static_cast<double>(stored)),
                              used == stored ? "all used" : format_count(static_cast<double>(used)) + " used", weights),
                  fmt::format("optim    {} lr {} · {}      loss  {}", recipe.optim.name, scalar_option(recipe.optim.options, "lr"),
                              recipe.optim.schedule, recipe.loss),
                  fmt::format("device   {}, {} · {} · loader {} · cache {} MiB", device.str(), counted(threads, "thread"),
                              recipe.train.precision, counted(recipe.data.workers, "worker"), recipe.data.cache_mib)};
  report.json = {{"recipe", recipe.name},
                 {"command", command},
                 {"versions", versions()},
                 {"device", device.str()},
                 {"threads", threads},
                 {"seed", recipe.train.seed},
                 {"data",
                  {{"source", source.name()},
                   {"phantom", source.is_phantom()},
                   {"leaks", dataset.split.leaks},
                   {"fingerprint", source.fingerprint()},
                   {"patients", source.studies().size()},
                   {"slices", source.cases().size()},
                   {"train", to_json(training, dataset.split.train_subjects)},
                   {"validation", to_json(validation, dataset.split.validation_subjects)}}},
                 {"model", {{"name", recipe.model.name}, {"parameters", stored}, {"used_parameters", used}, {"start", weights}}}};
  return report;
}

}  // namespace larmor::train
