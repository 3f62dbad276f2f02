#include "datasets/siberian.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <thread>
#include <tuple>

#include "core/error.h"
#include "core/files.h"
#include "core/thread_pool.h"
#include "datasets/siberian_cache.h"
#include "datasets/subjects.h"

namespace larmor::datasets {

namespace {

namespace fs = std::filesystem;
using imaging::Image;
using nlohmann::json;

constexpr size_t kMostThreads = 16;

using ClassTable = std::array<uint8_t, 256>;  ///< stored value → class

std::vector<std::string> names_of(const std::map<std::string, int64_t>& labels) {
  std::vector<std::string> names;
  names.reserve(labels.size());
  for (const auto& [name, value] : labels) names.push_back(name);
  return names;
}

ClassTable class_table(const std::map<std::string, double>& wanted, const std::map<std::string, int64_t>& stored) {
  ClassTable table{};
  if (wanted.empty()) std::fill(table.begin() + 1, table.end(), uint8_t{1});
  for (const auto& [name, value] : wanted) {
    const auto found = stored.find(name);
    if (found == stored.end()) throw_usage_error("data.labels: " + unknown_name_message("label", name, names_of(stored), ""));
    table[static_cast<size_t>(found->second)] = static_cast<uint8_t>(value);
  }
  return table;
}

class SiberianSource final : public Source {
 public:
  explicit SiberianSource(const SiberianOptions& options);

  std::string name() const override { return "siberian"; }
  const std::vector<CaseInfo>& cases() const override { return cases_; }
  const std::vector<Study>& studies() const override { return studies_; }
  int64_t channels() const override { return static_cast<int64_t>(composition_.names().size()); }
  std::vector<std::string> channel_names() const override { return composition_.names(); }
  RawSample load(int64_t index) const override;
  const std::vector<Finding>& findings() const override { return findings_; }
  bool is_phantom() const override { return index_.is_phantom; }
  std::string fingerprint() const override;
  std::string preparation() const override;

 private:
  struct Opened {
    std::unique_ptr<SiberianVolume> volume;
    std::vector<int64_t> foreground;  ///< of each slice
  };
  Opened open(const SiberianIndex::Entry& entry) const;
  void open_all();
  [[noreturn]] void throw_nothing_left() const;
  void take(std::vector<Opened> opened);
  void add_cases(size_t volume, const std::vector<int64_t>& foreground);

  const SiberianOptions options_;
  const fs::path root_;
  const SiberianIndex index_;
  const Composition composition_;
  const ClassTable classes_;
  std::vector<size_t> picked_;  ///< stored sequence of each of the composition's
  std::vector<std::unique_ptr<SiberianVolume>> volumes_;
  std::vector<size_t> volume_of_;  ///< of each case
  std::vector<CaseInfo> cases_;
  std::vector<Study> studies_;
  std::vector<Finding> findings_;
};

SiberianIndex index_at(const std::string& root) {
  if (root.empty()) throw_usage_error("data.root: no folder is given; set data.root to what larmor prepare siberian wrote");
  if (!is_siberian_cache(root)) {
    throw_data_error(
        fmt::format("data.root: {}: holds no prepared volumes; it should be the OUT of larmor prepare siberian DATA OUT", root));
  }
  return read_siberian_index(root);
}

SiberianSource::SiberianSource(const SiberianOptions& options)
    : options_(options),
      root_(options.root),
      index_(index_at(options.root)),
      composition_(options.composition),
      classes_(class_table(options.labels, index_.labels)) {
  for (const std::string& sequence : composition_.sequences()) {
    const auto place = std::find(index_.sequences.begin(), index_.sequences.end(), sequence);
    if (place == index_.sequences.end())
      throw_usage_error("data.channels: " + unknown_name_message("sequence", sequence, index_.sequences, ""));
    picked_.push_back(static_cast<size_t>(place - index_.sequences.begin()));
  }
  open_all();
  if (cases_.empty()) throw_nothing_left();
}

void SiberianSource::throw_nothing_left() const {
  std::string reasons;
  if (!findings_.empty()) reasons = fmt::format(": {} {}", findings_[0].file, findings_[0].message);
  if (findings_.size() > 1) reasons += fmt::format(" (and {} more)", findings_.size() - 1);
  if (!options_.exclude.empty())
    reasons += fmt::format("{} data.exclude leaves out {}", reasons.empty() ? ":" : ";", options_.exclude.size());
  throw_data_error(fmt::format("data.root: {}: no volume is left{}", options_.root, reasons));
}

SiberianSource::Opened SiberianSource::open(const SiberianIndex::Entry& entry) const {
  Opened opened;
  const fs::path file = siberian_volume_file(root_, entry.name);
  opened.volume = std::make_unique<SiberianVolume>(file);
  const SiberianFacts& facts = opened.volume->facts();
  if (facts.name() != entry.name || facts.key != entry.key || facts.sequences != index_.sequences || facts.labels != index_.labels) {
    throw_data_error(
        fmt::format("{}: is of another preparation than {}; run larmor prepare siberian to its end", file.string(), kSiberianIndex));
  }
  for (int64_t z = 0; z < opened.volume->size()[2]; ++z) {
    const Image label = opened.volume->label(z);
    const uint8_t* values = label.data<uint8_t>();
    opened.foreground.push_back(std::count_if(values, values + label.voxels(), [&](uint8_t value) { return classes_[value] > 0; }));
  }
  return opened;
}

/// What the preparation has excluded is told; so are bad files, where the options allow to go on without them.
void SiberianSource::open_all() {
  std::vector<const SiberianIndex::Entry*> entries;
  for (const SiberianIndex::Entry& entry : index_.entries) {
    if (entry.reason.empty()) {
      entries.push_back(&entry);
    } else {
      findings_.push_back({entry.name, "was excluded: " + entry.reason});
    }
  }
  std::vector<Opened> opened(entries.size());
  std::vector<std::string> problems(entries.size());
  ThreadPool pool(std::clamp<size_t>(std::thread::hardware_concurrency(), 1, kMostThreads));
  pool.for_each(entries.size(), [&](size_t i) {
    try {
      opened[i] = open(*entries[i]);
    } catch (const Error& error) {
      if (options_.on_bad_file == "error") throw;
      problems[i] = error.what();
    }
  });
  for (size_t i = 0; i < entries.size(); ++i) {
    if (!problems[i].empty()) findings_.push_back({entries[i]->name, problems[i]});
  }
  std::erase_if(opened, [](const Opened& one) { return one.volume == nullptr; });
  take(std::move(opened));
}

/// Volumes become cases, sorted by subject and session.
void SiberianSource::take(std::vector<Opened> opened) {
  const auto facts_of = [](const Opened& one) -> const SiberianFacts& { return one.volume->facts(); };
  std::vector<std::string> subjects;
  for (const Opened& one : opened) {
    if (std::find(subjects.begin(), subjects.end(), facts_of(one).subject) == subjects.end()) subjects.push_back(facts_of(one).subject);
  }
  for (const std::string& name : options_.exclude) {
    const std::string excluded = require_subject(subjects, name, "data.exclude");
    std::erase_if(opened, [&](const Opened& one) { return facts_of(one).subject == excluded; });
  }
  std::sort(opened.begin(), opened.end(), [&](const Opened& a, const Opened& b) {
    return std::tie(facts_of(a).subject, facts_of(a).session) < std::tie(facts_of(b).subject, facts_of(b).session);
  });
  for (Opened& one : opened) {
    volumes_.push_back(std::move(one.volume));
    add_cases(volumes_.size() - 1, one.foreground);
  }
}

void SiberianSource::add_cases(size_t volume, const std::vector<int64_t>& foreground) {
  const SiberianFacts& facts = volumes_[volume]->facts();
  if (studies_.empty() || studies_.back().subject != facts.subject) studies_.push_back({facts.subject, {}, facts.metadata});
  for (size_t z = 0; z < foreground.size(); ++z) {
    studies_.back().cases.push_back(static_cast<int64_t>(cases_.size()));
    cases_.push_back({{facts.subject, facts.session, static_cast<int64_t>(z)}, true, foreground[z]});
    volume_of_.push_back(volume);
  }
}

RawSample SiberianSource::load(int64_t index) const {
  LARMOR_ASSERT(index >= 0 && index < static_cast<int64_t>(cases_.size()));
  const SiberianVolume& volume = *volumes_[volume_of_[static_cast<size_t>(index)]];
  const CaseKey& key = cases_[static_cast<size_t>(index)].key;
  const auto stored_at = [&](size_t sequence, int64_t z) { return volume.image(sequence, z); };
  const auto slice_at = [&](int64_t offset) { return sequences_at(stored_at, picked_, volume.size()[2], key.slice + offset); };
  RawSample sample{key, composition_.compose(slice_at), volume.label(key.slice)};
  uint8_t* label = sample.label.data<uint8_t>();
  std::transform(label, label + sample.label.voxels(), label, [&](uint8_t value) { return classes_[value]; });
  return sample;
}

std::string SiberianSource::fingerprint() const {
  std::string all;
  for (const auto& volume : volumes_) all += volume->facts().name() + "\t" + volume->facts().key + "\n";
  return sha256(std::as_bytes(std::span(all)));
}

/// One preparation makes all volumes of an index, so the first tells it.
std::string SiberianSource::preparation() const {
  const json provenance = json::parse(volumes_.front()->provenance());
  return json{{"parameters", provenance.value("parameters", json::object())}, {"labels", index_.labels}}.dump();
}

}  // namespace

OptionTable options_of(SiberianOptions& options) {
  OptionTable table;
  table.add("root", options.root, "the folder that larmor prepare siberian wrote");
  table.add("exclude", options.exclude, "subjects to leave out; names in full or as far as unique");
  add_composition(table, options.composition.input, options.composition.channels, options.composition.weights,
                  {"T1", "T1CE", "T2", "FLAIR"});
  table.add("labels", options.labels,
            "class of each label, e.g. {edema: 1, enhancing: 2}; those not named are background; empty: the whole region is 1");
  table.add("on_bad_file", options.on_bad_file, "a volume that cannot be used stops the work or is left out", {"error", "skip"});
  table.check("labels", [&options]() -> std::string {
    for (const auto& [name, value] : options.labels) {
      if (value != std::floor(value) || value < 0 || value > 255)
        return fmt::format("{}: {} is no class; must be an integer in [0, 255]", name, value);
    }
    const bool has_class = std::any_of(options.labels.begin(), options.labels.end(), [](const auto& entry) { return entry.second > 0; });
    return has_class || options.labels.empty() ? "" : "every label is background; give one of them a class above 0";
  });
  return table;
}

std::unique_ptr<Source> make_siberian(const SiberianOptions& options) { return std::make_unique<SiberianSource>(options); }

void register_siberian(Registry& registry) {
  registry.add<SiberianOptions>("siberian", "brain tumours in T1, T1CE, FLAIR (T2): volumes made ready by larmor prepare siberian",
                                "Golushko et al., Siberian multimodal brain tumor image segmentation dataset", make_siberian);
}

}  // namespace larmor::datasets
