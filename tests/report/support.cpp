#include "tests/report/support.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/csv.h"
#include "core/error.h"
#include "core/files.h"
#include "imaging/draw.h"

namespace larmor::report::testing {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

std::string log_of(const FakeRun& run) {
  const Json start = {{"event", "start"},
                      {"time", "2024-05-06T07:08:09Z"},
                      {"command", "larmor train configs/made_up.yaml --seed 4"},
                      {"versions", {{"larmor", "0.1.0"}, {"libtorch", "2.11.0"}}},
                      {"device", "cpu"},
                      {"threads", 2},
                      {"seed", 4},
                      {"data",
                       {{"source", "lgg"},
                        {"phantom", run.is_phantom},
                        {"leaks", false},
                        {"fingerprint", run.fingerprint},
                        {"patients", 5},
                        {"slices", 50},
                        {"train", {{"patients", 2}, {"slices", 20}, {"positive_slices", 9}}},
                        {"validation", {{"patients", 3}, {"slices", 30}, {"positive_slices", 12}}}}},
                      {"model", {{"name", "linknet"}, {"parameters", 1000}, {"used_parameters", 900}}}};
  const Json end = {{"event", "end"},       {"best_epoch", 2},    {"best_value", 0.6},
                    {"wall_seconds", 61.0}, {"wait_share", 0.02}, {"stopped_early", false}};
  return start.dump() + "\n" + (run.is_finished ? end.dump() + "\n" : "");
}

std::string metrics_of(const FakeRun& run) {
  std::string text = "epoch,loss,validation_loss,dice_patients,dice_pooled,lr,seconds,wait_share,images_per_second,steps,skipped_steps\n";
  for (size_t i = 0; i < run.curve.size(); ++i) {
    text += fmt::format("{},{},{},{},{},0.002,20,0.02,3.5,15,{}\n", i + 1, 0.9 - 0.1 * static_cast<double>(i), 0.8, run.curve[i],
                        run.curve[i], i == 1 ? run.skipped_steps : 0);
  }
  return text;
}

std::string evaluation_of(const FakeRun& run) {
  double sum = 0;
  for (const auto& [patient, dice] : run.patients) sum += dice;
  const auto count = run.patients.size();
  const auto metric = [&](const char* name, double value) {
    return Json{{"name", name}, {"value", value}, {"low", value - 0.1}, {"high", value + 0.1}, {"count", count}, {"missed", run.missed}};
  };
  const double mean = sum / static_cast<double>(count);
  return Json{{"format", "larmor-evaluation/1"},
              {"split", "validation"},
              {"threshold", 0.5},
              {"largest_component", false},
              {"data",
               {{"source", "lgg"},
                {"fingerprint", run.fingerprint},
                {"preprocess", run.preprocess},
                {"phantom", run.is_phantom},
                {"leaks", false},
                {"patients", count},
                {"slices", 30},
                {"slices_positive", 12}}},
              {"evaluations",
               {{{"tta", run.tta},
                 {"merge", "mean"},
                 {"merge_of", "probabilities"},
                 {"seconds", 1.5},
                 {"metrics", {metric("dice_patients", mean), metric("dice_pooled", 0.75), metric("dice_all_slices", 0.8)}}}}},
              {"overlays",
               {{{"rank", "best"}, {"patient", run.patients.begin()->first}, {"slice", 7}, {"dice", 0.9}, {"file", "overlays/best_7.png"}},
                {{"rank", "worst"}, {"patient", run.patients.begin()->first}, {"slice", 8}, {"dice", 0.5}, {"file", "overlays/gone.png"}}}}}
      .dump();
}

std::string cases_of(const FakeRun& run) {
  CsvTable table{{"tta", "patient", "slices", "slices_positive", "tp", "fp", "fn", "dice", "iou", "sensitivity", "precision", "missed"},
                 {}};
  for (const auto& [patient, dice] : run.patients) {
    table.rows.push_back({run.tta, patient, "10", "4", "90", "20", "10", csv_number(dice), csv_number(dice / (2 - dice)), "0.9", "", "0"});
  }
  return to_csv(table);
}

}  // namespace

void write_text(const fs::path& file, const std::string& text) {
  make_folder(file.parent_path());
  write_file_atomically(file, text);
}

void write_fake_run(const fs::path& folder, const FakeRun& run) {
  write_text(folder / "recipe.yaml", run.recipe);
  write_text(folder / "log.jsonl", log_of(run));
  write_text(folder / "metrics.csv", metrics_of(run));
  if (!run.is_evaluated) return;
  write_text(folder / "evaluation.json", evaluation_of(run));
  write_text(folder / "cases.csv", cases_of(run));
  write_text(folder / "overlays/best_7.png", imaging::encode_png(imaging::Image::make({4, 4, 1}, 3, imaging::PixelType::u8)));
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::string error_of(const std::function<void()>& function) {
  try {
    function();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace larmor::report::testing
