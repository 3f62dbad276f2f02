#include "train/run_folder.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "core/csv.h"
#include "core/files.h"

namespace larmor::train {

namespace {

std::string metric_of(const EpochRow& row, const std::string& name) {
  for (const auto& [key, value] : row.metrics) {
    if (key == name) return csv_number(value);
  }
  return "";
}

}  // namespace

bool RunFolder::is_used() const {
  const auto files = {last(), best(), log(), metrics()};
  return std::any_of(files.begin(), files.end(), [](const auto& file) { return std::filesystem::exists(file); });
}

void RunFolder::clear() const {
  for (const auto& file : {recipe(), log(), metrics(), last(), best(), evaluation()}) std::filesystem::remove(file);
  for (const char* name : {"cases.csv", "slices.csv", "groups.csv", "detections.csv", "types.csv", "report.html", "report.md"})
    std::filesystem::remove(root_ / name);
  std::filesystem::remove_all(root_ / "overlays");
  for (const auto& entry : std::filesystem::directory_iterator(root_)) {
    if (entry.path().filename().string().starts_with("events.out.tfevents.")) std::filesystem::remove(entry.path());
  }
}

std::unique_ptr<FileLock> RunFolder::take() const {
  make_folder(last().parent_path());
  auto lock = std::make_unique<FileLock>(root_ / ".lock");
  for (const auto& folder : {root_, last().parent_path()}) remove_unfinished_files(folder);
  return lock;
}

std::filesystem::path default_run_folder(const Recipe& recipe, const std::filesystem::path& base) {
  std::string folder = recipe.name;
  std::replace(folder.begin(), folder.end(), '/', '-');
  return base / folder / ("seed-" + std::to_string(recipe.train.seed));
}

void write_epoch_row(const std::filesystem::path& file, const EpochRow& row, const std::vector<std::string>& metric_names) {
  CsvTable table;
  if (std::filesystem::exists(file)) table = read_csv(file);
  table.header = {"epoch", "loss", "validation_loss"};
  table.header.insert(table.header.end(), metric_names.begin(), metric_names.end());
  for (const char* name : {"lr", "seconds", "wait_share", "images_per_second", "steps", "skipped_steps"}) table.header.emplace_back(name);
  std::erase_if(table.rows, [&row](const auto& cells) { return std::atoll(cells.at(0).c_str()) >= row.epoch; });

  std::vector<std::string> cells{std::to_string(row.epoch), csv_number(row.loss), csv_number(row.validation_loss)};
  for (const std::string& name : metric_names) cells.push_back(metric_of(row, name));
  for (const double value : {row.lr, row.seconds, row.wait_share, row.images_per_second}) cells.push_back(csv_number(value));
  for (const int64_t value : {row.steps, row.skipped_steps}) cells.push_back(std::to_string(value));
  table.rows.push_back(std::move(cells));
  write_file_atomically(file, to_csv(table));
}

}  // namespace larmor::train
