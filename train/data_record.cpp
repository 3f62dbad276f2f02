#include "train/data_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

#include "core/error.h"
#include "train/experiment.h"

namespace larmor::train {

namespace {

using Json = nlohmann::json;

constexpr size_t kShownDigits = 12;

/// Each subject with its side, or its sides.
std::map<std::string, std::string> sides_of(const DataRecord& record) {
  std::map<std::string, std::string> sides;
  const auto add = [&](const std::vector<std::string>& subjects, const char* side) {
    for (const std::string& subject : subjects) sides[subject] += (sides[subject].empty() ? "" : " and ") + std::string(side);
  };
  add(record.train, "train");
  add(record.validation, "validation");
  add(record.test, "test");
  add(record.hold_out, "hold_out");
  return sides;
}

std::string place(const std::map<std::string, std::string>& sides, const std::string& subject) {
  const auto found = sides.find(subject);
  return found == sides.end() ? "on no side" : "on the " + found->second + " side";
}

}  // namespace

DataRecord record_of(const Dataset& dataset) {
  const datasets::Split& split = dataset.split;
  DataRecord record{.source = dataset.source->name(), .fingerprint = dataset.source->fingerprint(), .leaks = split.leaks};
  record.train = split.train_subjects;
  record.validation = split.validation_subjects;
  record.test = split.test_subjects;
  record.hold_out = split.hold_out_subjects;
  record.preparation = dataset.source->preparation();
  return record;
}

bool DataRecord::operator==(const DataRecord& other) const {
  const auto all = [](const DataRecord& one) {
    return std::tie(one.source, one.fingerprint, one.leaks, one.train, one.validation, one.test, one.hold_out);
  };
  return all(*this) == all(other);
}

std::string to_json(const DataRecord& record) {
  Json json{{"source", record.source}, {"fingerprint", record.fingerprint}, {"leaks", record.leaks},
            {"train", record.train},   {"validation", record.validation},   {"test", record.test}};
  if (!record.hold_out.empty()) json["hold_out"] = record.hold_out;
  if (!record.preparation.empty()) json["preparation"] = Json::parse(record.preparation);
  return json.dump();
}

DataRecord data_record_from_json(const std::string& text, const std::string& file) {
  DataRecord record;
  if (text.empty()) return record;
  try {
    const Json json = Json::parse(text);
    json.at("source").get_to(record.source);
    json.at("fingerprint").get_to(record.fingerprint);
    json.at("leaks").get_to(record.leaks);
    json.at("train").get_to(record.train);
    json.at("validation").get_to(record.validation);
    json.at("test").get_to(record.test);
    if (json.contains("hold_out")) json.at("hold_out").get_to(record.hold_out);
    if (json.contains("preparation")) record.preparation = json.at("preparation").dump();
  } catch (const Json::exception&) {
    throw_data_error(file + ": the record of its training data is damaged; use another checkpoint");
  }
  return record;
}

std::string difference(const DataRecord& before, const DataRecord& now) {
  if (before == now) return "";
  if (before.source != now.source) return fmt::format("source '{}' then, '{}' now", before.source, now.source);
  const std::map<std::string, std::string> then = sides_of(before), today = sides_of(now);
  for (const auto* sides : {&then, &today}) {
    for (const auto& [subject, side] : *sides) {
      if (place(then, subject) == place(today, subject)) continue;
      return fmt::format("subject {} was {} and is {} now", subject, place(then, subject), place(today, subject));
    }
  }
  return fmt::format("their files differ: fingerprint {} then, {} now", short_fingerprint(before.fingerprint),
                     short_fingerprint(now.fingerprint));
}

std::string short_fingerprint(const std::string& fingerprint) { return fingerprint.substr(0, kShownDigits); }

}  // namespace larmor::train
