#include "eval/uncertainty_evaluator.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "core/error.h"
#include "eval/decode.h"
#include "eval/overlap.h"
#include "eval/statistics.h"

namespace larmor::eval {

namespace {

using imaging::Image;
using Name = std::pair<std::string, std::string>;

constexpr double kBothEmpty = 1;

/// Dice of each volume, averaged over its classes.
std::map<Name, double> dice_of_volumes(const CsvTable& slices) {
  const bool has_classes = std::find(slices.header.begin(), slices.header.end(), "class") != slices.header.end();
  const size_t patient = slices.column("patient"), session = slices.column("session"), tp = slices.column("tp"), fp = slices.column("fp"),
               fn = slices.column("fn");
  std::map<Name, std::map<std::string, Overlap>> overlaps;
  for (const std::vector<std::string>& row : slices.rows) {
    Overlap& overlap = overlaps[{row[patient], row[session]}][has_classes ? row[slices.column("class")] : ""];
    overlap += {std::stoll(row[tp]), std::stoll(row[fp]), std::stoll(row[fn]), 0};
  }
  std::map<Name, double> dice;
  for (const auto& [name, classes] : overlaps) {
    double sum = 0;
    for (const auto& [label, overlap] : classes) sum += overlap.dice(kBothEmpty);
    dice[name] = sum / static_cast<double>(classes.size());
  }
  return dice;
}

std::vector<size_t> ascending(const std::vector<int64_t>& numbers) {
  std::vector<size_t> order(numbers.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return numbers[a] < numbers[b]; });
  return order;
}

}  // namespace

UncertaintyEvaluator::UncertaintyEvaluator(double threshold, bool largest_component, const datasets::Source& source)
    : threshold_(threshold), largest_component_(largest_component) {
  for (const datasets::CaseInfo& info : source.cases()) slices_of_[{info.key.subject, info.key.session}] += 1;
}

OnMember UncertaintyEvaluator::members_of(const datasets::Batch& batch) {
  LARMOR_ASSERT(static_cast<int64_t>(batch.source_labels.size()) == batch.count());
  batch_.clear();
  for (const datasets::CaseKey& key : batch.keys) {
    Volume& volume = open_.try_emplace({key.subject, key.session}, VolumeMembers(threshold_, largest_component_)).first->second;
    batch_.emplace_back(&volume, volume.numbers.size());
    volume.numbers.push_back(key.slice);
  }
  return [this, &batch](const at::Tensor& probabilities) {
    const at::Tensor member = probabilities.to(at::kCPU);
    for (size_t i = 0; i < batch_.size(); ++i) {
      const Image& truth = batch.source_labels[i];
      const auto& [volume, place] = batch_[i];
      volume->members.add(place, resize_to_source(member[static_cast<int64_t>(i)], truth.width(), truth.height()));
    }
  };
}

void UncertaintyEvaluator::add(const datasets::Batch& batch, const at::Tensor& probabilities) {
  LARMOR_ASSERT(static_cast<int64_t>(batch_.size()) == batch.count());
  for (size_t i = 0; i < batch_.size(); ++i) {
    const Image& truth = batch.source_labels[i];
    const at::Tensor own = resize_to_source(probabilities[static_cast<int64_t>(i)], truth.width(), truth.height());
    const auto& [volume, place] = batch_[i];
    calibration_.add(own, truth);
    volume->masks.push_back(decode_mask(own, threshold_));
    volume->maps.push_back(volume->members.take(place));
    volume->geometry = truth.geometry;
  }
  for (const datasets::CaseKey& key : batch.keys) {
    const Name name{key.subject, key.session};
    const auto found = open_.find(name);
    if (found != open_.end() && static_cast<int64_t>(found->second.masks.size()) == slices_of_[name]) close(name);
  }
}

void UncertaintyEvaluator::close(const Name& name) {
  Volume volume = std::move(open_.at(name));
  open_.erase(name);
  const std::vector<size_t> order = ascending(volume.numbers);
  if (largest_component_) {
    std::vector<Image*> masks;
    std::vector<int64_t> numbers;
    for (const size_t i : order) {
      masks.push_back(&volume.masks[i]);
      numbers.push_back(volume.numbers[i]);
    }
    keep_largest_component(masks, numbers);
  }
  ReviewSums sums;
  for (const size_t i : order) sums.add(volume.masks[i], volume.maps[i], volume.numbers[i]);
  const auto& [subject, session] = name;
  rows_[name] = review_row(session.empty() ? subject : subject + "_" + session, sums, volume.members.foreground(volume.numbers),
                           voxel_mm3_of(volume.geometry));
}

UncertaintyResults UncertaintyEvaluator::finish(const Evaluation& evaluation) {
  while (!open_.empty()) close(Name(open_.begin()->first));
  const std::map<Name, double> dice = dice_of_volumes(evaluation.slices);
  UncertaintyResults results;
  std::vector<double> doubts, scores;
  for (auto& [name, row] : rows_) {
    row.dice = dice.at(name);
    results.members = row.members;
    doubts.push_back(row.uncertainty);
    scores.push_back(*row.dice);
    results.review.push_back(std::move(row));
  }
  sort_for_review(results.review);
  results.calibration_error = calibration_.expected_error();
  results.pixels = calibration_.pixels();
  results.bins = calibration_.bins();
  results.correlation = spearman(doubts, scores);
  return results;
}

CsvTable reliability_table(const UncertaintyResults& results) {
  CsvTable table{{"low", "high", "pixels", "probability", "share"}, {}};
  for (const ReliabilityBin& bin : results.bins) {
    table.rows.push_back(
        {csv_number(bin.low), csv_number(bin.high), std::to_string(bin.pixels), csv_number(bin.probability), csv_number(bin.share)});
  }
  return table;
}

std::string to_text(const UncertaintyResults& results) {
  const auto number = [](double value) { return std::isnan(value) ? "–" : fmt::format("{:.4f}", value); };
  const auto cases = static_cast<int64_t>(results.review.size());
  std::string text =
      fmt::format("  {:<38}{:>7}   {:<16}{:>6} pixels\n", fmt::format("calibration error, {} bins (ECE)", results.bins.size()),
                  number(results.calibration_error), "–", results.pixels);
  text += fmt::format("  {:<38}{:>7}   {:<16}{:>6} {}\n", "Spearman, uncertainty and Dice", number(results.correlation), "–", cases,
                      cases == 1 ? "case" : "cases");
  if (results.members > 1) return text;
  return text + "  one network and one view: entropy alone, for there is nobody to disagree (--tta, or several weights)\n";
}

nlohmann::json to_json(const UncertaintyResults& results) {
  const auto number = [](double value) { return std::isnan(value) ? nlohmann::json(nullptr) : nlohmann::json(value); };
  nlohmann::json bins = nlohmann::json::array();
  for (const ReliabilityBin& bin : results.bins) {
    bins.push_back({{"low", bin.low},
                    {"high", bin.high},
                    {"pixels", bin.pixels},
                    {"probability", number(bin.probability)},
                    {"share", number(bin.share)}});
  }
  return {{"members", results.members},
          {"ece", number(results.calibration_error)},
          {"pixels", results.pixels},
          {"bins", bins},
          {"spearman", number(results.correlation)},
          {"cases", results.review.size()}};
}

}  // namespace larmor::eval
