#include "datasets/split.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <numeric>
#include <set>

#include "core/error.h"
#include "core/progress.h"
#include "core/random.h"
#include "datasets/subjects.h"

namespace larmor::datasets {

namespace {

/// The validation patients of Buda, Saha, Mazurowski 2019 (brain-segmentation-pytorch, random.seed(42) over the sorted names).
const std::array<std::string, 10> kPublishedValidation{
    "TCGA_CS_4944_20010208", "TCGA_CS_6667_20011105", "TCGA_CS_6668_20011025", "TCGA_DU_5851_19950428", "TCGA_DU_6404_19850629",
    "TCGA_DU_6408_19860521", "TCGA_DU_7014_19860618", "TCGA_HT_7616_19940813", "TCGA_HT_7692_19960724", "TCGA_HT_7879_19981009"};
constexpr size_t kPatientLetters = 12;  // "TCGA_CS_4944": the patient without the date of the scan

const std::string kTrain = "train";
const std::string kValidation = "validation";
const std::string kTest = "test";
const std::string kHoldOut = "hold_out";

using Sides = std::map<std::string, std::string>;  // subject → side

[[noreturn]] void throw_leak(const std::string& subject, const std::string& side, const std::string& other) {
  throw_data_error(fmt::format("subject {} is in {} and {} (data.split); subjects must be on one side", subject, side, other));
}

void place(Sides& sides, const std::vector<std::string>& subjects, const std::vector<std::string>& names, const std::string& side) {
  for (const std::string& name : names) {
    const std::string subject = require_subject(subjects, name, "data.split." + side);
    const auto [entry, is_new] = sides.emplace(subject, side);
    if (!is_new && entry->second != side) throw_leak(subject, entry->second, side);
  }
}

Sides published_sides(const std::vector<std::string>& subjects, const Sides& set_aside) {
  Sides sides = set_aside;
  for (const std::string& subject : subjects) sides.emplace(subject, kTrain);
  size_t found = 0;
  for (const std::string& patient : kPublishedValidation) {
    std::string subject = find_subject(subjects, patient);
    if (subject.empty()) subject = find_subject(subjects, patient.substr(0, kPatientLetters));
    if (subject.empty()) continue;
    if (set_aside.contains(subject)) throw_leak(subject, kValidation, set_aside.at(subject));
    sides[subject] = kValidation;
    ++found;
  }
  if (found == 0) {
    throw_usage_error("data.split.kind: none of the 10 published validation patients is in this data set; use kfold or list");
  }
  return sides;
}

/// Each subject's value in a column of the metadata; "" where it has none.
std::map<std::string, std::string> column_values(const Source& source, const std::string& column) {
  std::map<std::string, std::string> values;
  std::set<std::string> columns;
  for (const Study& study : source.studies()) {
    for (const auto& [name, value] : study.metadata) columns.insert(name);
    const auto found = study.metadata.find(column);
    values[study.subject] = found == study.metadata.end() ? "" : found->second;
  }
  if (columns.contains(column)) return values;
  if (columns.empty()) throw_usage_error("data.split.stratify: '" + column + "': this source knows no metadata of its subjects");
  throw_usage_error("data.split.stratify: " + unknown_name_message("column", column, {columns.begin(), columns.end()}, ""));
}

/// Dealt one by one to the folds, group after group.
Sides kfold_sides(const Source& source, std::vector<std::string> subjects, const SplitOptions& options, const Sides& set_aside) {
  std::erase_if(subjects, [&](const std::string& subject) { return set_aside.contains(subject); });
  if (options.folds > static_cast<int64_t>(subjects.size())) {
    throw_usage_error(fmt::format("data.split.folds: {} folds of {}; at most one fold per subject", options.folds,
                                  counted(static_cast<int64_t>(subjects.size()), "subject")));
  }
  Random random(RandomKey(static_cast<uint64_t>(options.seed)).with("kfold"));
  random.shuffle(subjects);
  if (!options.stratify.empty()) {
    const std::map<std::string, std::string> group = column_values(source, options.stratify);
    std::stable_sort(subjects.begin(), subjects.end(),
                     [&](const std::string& a, const std::string& b) { return group.at(a) < group.at(b); });
  }
  Sides sides = set_aside;
  for (size_t i = 0; i < subjects.size(); ++i) {
    sides[subjects[i]] = static_cast<int64_t>(i) % options.folds == options.fold ? kValidation : kTrain;
  }
  return sides;
}

Sides listed_sides(const std::vector<std::string>& subjects, const SplitOptions& options) {
  Sides sides;
  place(sides, subjects, options.train, kTrain);
  place(sides, subjects, options.validation, kValidation);
  place(sides, subjects, options.test, kTest);
  place(sides, subjects, options.hold_out, kHoldOut);
  if (!options.train.empty()) return sides;
  for (const std::string& subject : subjects) sides.emplace(subject, kTrain);
  return sides;
}

Split split_by_subject(const Source& source, const Sides& sides) {
  Split split;
  const std::map<std::string, std::pair<std::vector<int64_t>*, std::vector<std::string>*>> targets{
      {kTrain, {&split.train, &split.train_subjects}},
      {kValidation, {&split.validation, &split.validation_subjects}},
      {kTest, {&split.test, &split.test_subjects}},
      {kHoldOut, {&split.hold_out, &split.hold_out_subjects}}};
  for (const Study& study : source.studies()) {
    const auto side = sides.find(study.subject);
    if (side == sides.end()) continue;
    const auto& [cases, subjects] = targets.at(side->second);
    cases->insert(cases->end(), study.cases.begin(), study.cases.end());
    subjects->push_back(study.subject);
  }
  return split;
}

std::vector<std::string> subjects_of(const Source& source, const std::vector<int64_t>& cases) {
  std::vector<std::string> subjects;
  subjects.reserve(cases.size());
  for (const int64_t index : cases) subjects.push_back(source.cases()[static_cast<size_t>(index)].key.subject);
  std::sort(subjects.begin(), subjects.end());
  subjects.erase(std::unique(subjects.begin(), subjects.end()), subjects.end());
  return subjects;
}

/// Slices drawn whatever their subject: the mistake of many published numbers, kept to show what it does.
Split split_by_slice(const Source& source, const SplitOptions& options) {
  std::vector<int64_t> cases(source.cases().size());
  std::iota(cases.begin(), cases.end(), 0);
  Random random(RandomKey(static_cast<uint64_t>(options.seed)).with("slice"));
  random.shuffle(cases);
  Split split;
  split.leaks = true;
  for (size_t i = 0; i < cases.size(); ++i) {
    (static_cast<int64_t>(i) % options.folds == options.fold ? split.validation : split.train).push_back(cases[i]);
  }
  split.train_subjects = subjects_of(source, split.train);
  split.validation_subjects = subjects_of(source, split.validation);
  return split;
}

Split split_of_kind(const Source& source, const SplitOptions& options) {
  if (options.kind == "slice") return split_by_slice(source, options);
  const std::vector<std::string> subjects = subject_names(source);
  if (options.kind == "list") return split_by_subject(source, listed_sides(subjects, options));
  Sides set_aside;
  place(set_aside, subjects, options.test, kTest);
  place(set_aside, subjects, options.hold_out, kHoldOut);
  if (options.kind == "kfold") return split_by_subject(source, kfold_sides(source, subjects, options, set_aside));
  return split_by_subject(source, published_sides(subjects, set_aside));
}

}  // namespace

OptionTable options_of(SplitOptions& options) {
  OptionTable table;
  table.add(
      "kind", options.kind,
      "published: the 10 validation patients of the LGG set; kfold: by subject; list: as given below; slice: by slice, which leaks and "
      "marks every table",
      {"published", "kfold", "list", "slice"});
  table.add("folds", options.folds, "kfold, slice: number of parts", at_least(2));
  table.add("fold", options.fold, "kfold, slice: the part that validates, from 0", at_least(0));
  table.add("seed", options.seed, "kfold, slice: of the random order");
  table.add("stratify", options.stratify, "kfold: metadata column whose values every fold shares evenly, e.g. tumour_type; empty: none");
  table.add("train", options.train, "list: subjects, in full or as far as unique; empty: all others");
  table.add("validation", options.validation, "list: subjects");
  table.add("test", options.test, "subjects set aside before the other sides are made; not for slice");
  table.add("hold_out", options.hold_out, "subjects of a second test set, as test");
  table.check("fold", [&options]() -> std::string {
    return options.fold < options.folds ? "" : fmt::format("{} is not below folds ({})", options.fold, options.folds);
  });
  table.check("stratify", [&options]() -> std::string {
    if (options.stratify.empty() || options.kind == "kfold") return "";
    return fmt::format("only kind kfold is stratified, not {}", options.kind);
  });
  table.check("kind", [&options]() -> std::string {
    if (options.kind != "slice" || (options.test.empty() && options.hold_out.empty())) return "";
    return "slice sets no subjects aside; leave test and hold_out empty";
  });
  return table;
}

Split make_split(const Source& source, const SplitOptions& options) {
  LARMOR_ASSERT(options.folds >= 2 && options.fold >= 0 && options.fold < options.folds);
  Split split = split_of_kind(source, options);
  for (std::vector<int64_t>* side : {&split.train, &split.validation, &split.test, &split.hold_out}) std::sort(side->begin(), side->end());
  if (split.train.empty()) throw_usage_error(fmt::format("data.split: kind {} leaves no case to train on", options.kind));
  if (split.validation.empty()) throw_usage_error(fmt::format("data.split: kind {} leaves no case to validate on", options.kind));
  require_no_leak(source, split);
  return split;
}

void require_no_leak(const Source& source, const Split& split) {
  if (split.leaks) return;
  Sides sides;
  const auto check = [&](const std::vector<int64_t>& cases, const std::string& side) {
    for (const std::string& subject : subjects_of(source, cases)) {
      const auto [entry, is_new] = sides.emplace(subject, side);
      if (!is_new) throw_leak(subject, entry->second, side);
    }
  };
  check(split.train, kTrain);
  check(split.validation, kValidation);
  check(split.test, kTest);
  check(split.hold_out, kHoldOut);
}

}  // namespace larmor::datasets
