#include "datasets/lgg.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <thread>

#include "core/csv.h"
#include "core/error.h"
#include "core/files.h"
#include "core/thread_pool.h"
#include "datasets/composition.h"
#include "datasets/subjects.h"
#include "imaging/io.h"

namespace larmor::datasets {

namespace {

namespace fs = std::filesystem;
using imaging::Image;
using imaging::ImageHeader;
using imaging::PixelType;

constexpr int64_t kStoredChannels = 3;
const std::array<std::string, kStoredChannels> kSequences{"T1", "FLAIR", "T1CE"};  // in the order stored
const std::string kMaskEnd = "_mask";
const std::string kExtension = ".tif";
const std::string kTable = "data.csv";
const std::string kPhantomMarker = "PHANTOM.txt";
const std::string kKaggleFolder = "kaggle_3m";
constexpr size_t kMostThreads = 16;

/// The files of one slice; paths relative to the root, "" where there is none.
struct SliceFiles {
  std::string image;
  std::string mask;
  uint64_t image_bytes = 0;
  uint64_t mask_bytes = 0;
};

/// What a folder holds, before any file is opened.
struct Patient {
  std::string name;
  std::map<int64_t, SliceFiles> slices;  ///< in the order of numbers, not of text
};

/// A slice that cannot be used.
struct Refusal {
  Finding finding;
  std::string patient;
  bool is_missing_mask = false;
};

struct MaskFacts {
  int64_t foreground = 0;
  bool has_odd_values = false;  ///< others than 0 and 255
};

struct SliceName {
  int64_t number = 0;
  bool is_mask = false;
};

/// "TCGA_X_7_mask.tif" of TCGA_X → 7, mask. Nothing for any other name.
std::optional<SliceName> parse_name(const std::string& patient, const std::string& file_name) {
  std::string_view rest = file_name;
  if (!rest.starts_with(patient + "_") || !rest.ends_with(kExtension)) return std::nullopt;
  rest.remove_prefix(patient.size() + 1);
  rest.remove_suffix(kExtension.size());
  SliceName name;
  name.is_mask = rest.ends_with(kMaskEnd);
  if (name.is_mask) rest.remove_suffix(kMaskEnd.size());
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), name.number);
  if (error != std::errc() || end != rest.data() + rest.size() || name.number < 0) return std::nullopt;
  return name;
}

uint64_t size_of_file(const fs::path& file) {
  std::error_code error;
  const uint64_t size = fs::file_size(file, error);
  return error ? 0 : size;
}

fs::path find_root(const std::string& given) {
  if (given.empty()) throw_usage_error("data.root: no folder is given; set data.root to the folder kaggle_3m");
  const fs::path root(given);
  if (!is_folder(root))
    throw_data_error(fmt::format("data.root: {}: no such folder; it should be the folder kaggle_3m of the LGG set", given));
  return is_folder(root / kKaggleFolder) ? root / kKaggleFolder : root;
}

/// Lists one patient's folder; odd names become findings, a number used twice a refusal.
Patient scan_patient(const fs::path& root, const std::string& name, std::vector<Finding>& findings, std::vector<Refusal>& refusals) {
  Patient patient{name, {}};
  for (const std::string& file_name : list_folder(root / name)) {
    const std::string file = fmt::format("{}/{}", name, file_name);
    const std::optional<SliceName> parsed = parse_name(name, file_name);
    if (!parsed) {
      findings.push_back({file, fmt::format("is not named {0}_<number>.tif or {0}_<number>_mask.tif; it is not used", name)});
      continue;
    }
    SliceFiles& slice = patient.slices[parsed->number];
    std::string& place = parsed->is_mask ? slice.mask : slice.image;
    if (!place.empty()) {
      refusals.push_back({{file, fmt::format("is slice {} a second time, after {}", parsed->number, place)}, name});
      continue;
    }
    place = file;
    (parsed->is_mask ? slice.mask_bytes : slice.image_bytes) = size_of_file(root / file);
  }
  return patient;
}

std::vector<std::string> list_patients(const fs::path& root) {
  std::vector<std::string> names = list_folder(root);
  std::erase_if(names, [&](const std::string& name) { return !is_folder(root / name); });
  if (names.empty()) {
    throw_data_error(
        fmt::format("data.root: {}: holds no patient's folder; it should be the folder kaggle_3m of the LGG set", root.string()));
  }
  return names;
}

std::string shape_of(const ImageHeader& header) {
  return fmt::format("{} channel{} of {}", header.channels, header.channels == 1 ? "" : "s", imaging::to_string(header.type));
}

/// Asks for a flat 8-bit image; returns what is wrong or "".
std::string wrong_kind(const ImageHeader& header, int64_t channels) {
  if (header.size[2] != 1) return fmt::format("has {} pages; a slice has 1", header.size[2]);
  if (header.channels == channels && header.type == PixelType::u8) return "";
  return fmt::format("holds {}; must be {} of u8", shape_of(header), channels == 1 ? "1 channel" : fmt::format("{} channels", channels));
}

ImageHeader header_of(const Image& image) { return {image.size, image.channels, image.type, image.geometry}; }

class LggSource final : public Source {
 public:
  explicit LggSource(const LggOptions& options);

  std::string name() const override { return "lgg"; }
  const std::vector<CaseInfo>& cases() const override { return cases_; }
  const std::vector<Study>& studies() const override { return studies_; }
  int64_t channels() const override { return static_cast<int64_t>(composition_.names().size()); }
  std::vector<std::string> channel_names() const override { return composition_.names(); }
  RawSample load(int64_t index) const override;
  const std::vector<Finding>& findings() const override { return findings_; }
  bool is_phantom() const override { return is_phantom_; }
  std::string fingerprint() const override;

 private:
  std::vector<Patient> scan(std::vector<Refusal>& refusals);
  void add_cases(const std::vector<Patient>& patients, std::vector<Refusal>& refusals);
  void note_gaps(const Patient& patient);
  void check_cases(std::vector<Refusal>& refusals);
  MaskFacts check_slice(const SliceFiles& files) const;
  void settle(const std::vector<Refusal>& refusals) const;
  std::string why_none(const std::vector<Refusal>& refusals) const;
  void add_studies();
  void add_metadata();
  void attach(const CsvTable& table);
  Image read(const std::string& file, int64_t channels) const;
  Image sequences_at(int64_t index, int64_t offset) const;
  Error at_file(const Error& error, const std::string& file) const;

  const LggOptions options_;
  const fs::path root_;
  const Composition composition_;
  std::vector<int64_t> picked_;  ///< stored channel of each of the composition's sequences
  std::vector<CaseInfo> cases_;
  std::vector<SliceFiles> files_;  ///< of each case
  std::vector<Study> studies_;
  std::vector<Finding> findings_;
  bool is_phantom_ = false;
};

LggSource::LggSource(const LggOptions& options)
    : options_(options),
      root_(find_root(options.root)),
      composition_({options.input, options.channels, options.weights}),
      picked_(lgg_channels(options.channels)) {
  std::error_code ignored;
  is_phantom_ = fs::exists(root_ / kPhantomMarker, ignored);
  std::vector<Refusal> refusals;
  const std::vector<Patient> patients = scan(refusals);
  add_cases(patients, refusals);
  check_cases(refusals);
  settle(refusals);
  if (cases_.empty()) throw_data_error(fmt::format("data.root: {}: holds no slice that can be used{}", root_.string(), why_none(refusals)));
  for (const Refusal& refusal : refusals) findings_.push_back(refusal.finding);
  add_studies();
  add_metadata();
}

std::vector<Patient> LggSource::scan(std::vector<Refusal>& refusals) {
  const std::vector<std::string> names = list_patients(root_);
  std::set<std::string> excluded;
  for (const std::string& name : options_.exclude) excluded.insert(require_subject(names, name, "data.exclude"));
  std::vector<Patient> patients;
  for (const std::string& name : names) {
    if (excluded.contains(name)) continue;
    patients.push_back(scan_patient(root_, name, findings_, refusals));
    if (patients.back().slices.empty()) findings_.push_back({name, "holds no slice"});
  }
  return patients;
}

/// A slice becomes a case when it has both files.
void LggSource::add_cases(const std::vector<Patient>& patients, std::vector<Refusal>& refusals) {
  for (const Patient& patient : patients) {
    note_gaps(patient);
    for (const auto& [number, files] : patient.slices) {
      if (files.image.empty()) {
        findings_.push_back({files.mask, "is a mask without an image; it is not used"});
      } else if (files.mask.empty()) {
        const std::string mask = fmt::format("{}_{}{}{}", patient.name, number, kMaskEnd, kExtension);
        refusals.push_back({{files.image, fmt::format("has no mask {}", mask)}, patient.name, true});
      } else {
        cases_.push_back({{patient.name, "", number}, true, 0});
        files_.push_back(files);
      }
    }
  }
}

void LggSource::note_gaps(const Patient& patient) {
  std::vector<int64_t> missing;
  int64_t expected = patient.slices.empty() ? 0 : patient.slices.begin()->first;
  for (const auto& [number, files] : patient.slices) {
    // A few are told one by one; a far jump is an odd name rather than a thousand lost slices.
    for (; expected < number && missing.size() < 20; ++expected) missing.push_back(expected);
    expected = number + 1;
  }
  if (!missing.empty()) findings_.push_back({patient.name, fmt::format("has no slice {}", fmt::join(missing, ", "))});
}

/// Reads every mask and every image's header, several at once; bad slices are taken out of the cases.
void LggSource::check_cases(std::vector<Refusal>& refusals) {
  std::vector<std::optional<Error>> errors(cases_.size());
  std::vector<MaskFacts> masks(cases_.size());
  ThreadPool pool(std::clamp<size_t>(std::thread::hardware_concurrency(), 1, kMostThreads));
  pool.for_each(cases_.size(), [&](size_t i) {
    try {
      masks[i] = check_slice(files_[i]);
    } catch (const Error& error) {
      errors[i] = error;
    }
  });
  std::vector<CaseInfo> good_cases;
  std::vector<SliceFiles> good_files;
  for (size_t i = 0; i < cases_.size(); ++i) {
    if (errors[i]) {
      const std::string text = errors[i]->what();
      const size_t colon = text.find(": ");
      refusals.push_back({{text.substr(0, colon), text.substr(colon + 2)}, cases_[i].key.subject});
    } else {
      if (masks[i].has_odd_values)
        findings_.push_back({files_[i].mask, "has values other than 0 and 255; all above 0 count as foreground"});
      cases_[i].foreground = masks[i].foreground;
      good_cases.push_back(std::move(cases_[i]));
      good_files.push_back(std::move(files_[i]));
    }
  }
  cases_ = std::move(good_cases);
  files_ = std::move(good_files);
}

/// Errors begin with the file, relative to the root.
MaskFacts LggSource::check_slice(const SliceFiles& files) const {
  ImageHeader header;
  try {
    header = imaging::read_header(root_ / files.image);
  } catch (const Error& error) {
    throw at_file(error, files.image);
  }
  const std::string wrong = wrong_kind(header, kStoredChannels);
  if (!wrong.empty()) throw_data_error(files.image + ": " + wrong);
  const Image mask = read(files.mask, 1);
  if (mask.size != header.size) {
    throw_data_error(
        fmt::format("{}: is {} x {}, but its image is {} x {}", files.mask, mask.width(), mask.height(), header.size[0], header.size[1]));
  }
  const uint8_t* values = mask.data<uint8_t>();
  const int64_t background = std::count(values, values + mask.voxels(), uint8_t{0});
  const int64_t full = std::count(values, values + mask.voxels(), uint8_t{255});
  return {mask.voxels() - background, background + full < mask.voxels()};
}

std::string advice_for(const Refusal& refusal) {
  const std::string exclude = fmt::format("exclude the case with data.exclude=[{}]", refusal.patient);
  return refusal.is_missing_mask ? "add it, set data.on_missing_mask=skip or " + exclude : "fetch it again or " + exclude;
}

/// Throws for the first refusal that the options do not allow to skip.
void LggSource::settle(const std::vector<Refusal>& refusals) const {
  const auto stops = [&](const Refusal& refusal) {
    return (refusal.is_missing_mask ? options_.on_missing_mask : options_.on_bad_file) == "error";
  };
  const auto first = std::find_if(refusals.begin(), refusals.end(), stops);
  if (first == refusals.end()) return;
  std::string message = fmt::format("{}: {}; {}", first->finding.file, first->finding.message, advice_for(*first));
  const auto others = std::count_if(first + 1, refusals.end(), stops);
  if (others > 0) message += fmt::format(" (and {} more; larmor inspect {} lists all)", others, options_.root);
  throw_data_error(message);
}

/// ": " and the first reason why no slice is left: a refused slice, else a file of another name, else what is odd about a patient.
std::string LggSource::why_none(const std::vector<Refusal>& refusals) const {
  std::vector<Finding> reasons;
  reasons.reserve(refusals.size());
  for (const Refusal& refusal : refusals) reasons.push_back(refusal.finding);
  if (reasons.empty()) {
    std::copy_if(findings_.begin(), findings_.end(), std::back_inserter(reasons),
                 [](const Finding& finding) { return finding.file.find('/') != std::string::npos; });
  }
  if (reasons.empty()) reasons = findings_;
  if (reasons.empty()) return ": data.exclude names every patient";
  const std::string more = reasons.size() > 1 ? fmt::format(" (and {} more)", reasons.size() - 1) : "";
  return fmt::format(": {}: {}{}", reasons[0].file, reasons[0].message, more);
}

void LggSource::add_studies() {
  for (size_t i = 0; i < cases_.size(); ++i) {
    const std::string& subject = cases_[i].key.subject;
    if (studies_.empty() || studies_.back().subject != subject) studies_.push_back({subject, {}, {}});
    studies_.back().cases.push_back(static_cast<int64_t>(i));
  }
}

/// The table is a supplement: training goes on without it, but not with a broken one.
void LggSource::add_metadata() {
  std::error_code ignored;
  if (!fs::exists(root_ / kTable, ignored)) {
    findings_.push_back({kTable, "is not there: nothing is known of the patients"});
    return;
  }
  try {
    attach(read_csv(root_ / kTable));
  } catch (const Error& error) {
    if (options_.on_bad_file == "error") throw;
    findings_.push_back({kTable, error.what()});
  }
}

/// The table names patients, folders add the date of the scan: TCGA_CS_4941 is the patient of TCGA_CS_4941_19960909.
void LggSource::attach(const CsvTable& table) {
  const size_t key = table.column("Patient");
  for (Study& study : studies_) {
    const auto is_row = [&](const std::vector<std::string>& row) {
      return study.subject == row[key] || study.subject.starts_with(row[key] + "_");
    };
    const auto row = std::find_if(table.rows.begin(), table.rows.end(), is_row);
    if (row == table.rows.end()) {
      findings_.push_back({study.subject, fmt::format("has no row in {}", kTable)});
      continue;
    }
    for (size_t column = 0; column < table.header.size(); ++column) study.metadata[table.header[column]] = (*row)[column];
  }
}

/// The same error with the file's name relative to the root in front, whatever path it was opened by.
Error LggSource::at_file(const Error& error, const std::string& file) const {
  const std::string text = error.what();
  const std::string opened = (root_ / file).string() + ": ";
  return Error(error.kind(), file + ": " + (text.starts_with(opened) ? text.substr(opened.size()) : text));
}

Image LggSource::read(const std::string& file, int64_t channels) const {
  Image image;
  try {
    image = imaging::read_image(root_ / file);
  } catch (const Error& error) {
    throw at_file(error, file);
  }
  const std::string wrong = wrong_kind(header_of(image), channels);
  if (!wrong.empty()) throw_data_error(file + ": " + wrong);
  return image;
}

/// The picked sequences of the slice that stands `offset` places further in its patient; beyond the ends the border slice.
Image LggSource::sequences_at(int64_t index, int64_t offset) const {
  const int64_t wanted = index + offset;
  const bool is_there = wanted >= 0 && wanted < static_cast<int64_t>(cases_.size()) &&
                        cases_[static_cast<size_t>(wanted)].key.subject == cases_[static_cast<size_t>(index)].key.subject;
  const Image image = read(files_[static_cast<size_t>(is_there ? wanted : index)].image, kStoredChannels);
  return imaging::select_channels(image, picked_);
}

RawSample LggSource::load(int64_t index) const {
  LARMOR_ASSERT(index >= 0 && index < static_cast<int64_t>(cases_.size()));
  const SliceFiles& files = files_[static_cast<size_t>(index)];
  const CaseKey& key = cases_[static_cast<size_t>(index)].key;
  try {
    RawSample sample{key, composition_.compose([&](int64_t offset) { return sequences_at(index, offset); }), read(files.mask, 1)};
    // Both were compared when the folder was opened; they may have changed since.
    if (sample.image.size != sample.label.size) throw_data_error(files.mask + ": is not of its image's size any more");
    uint8_t* label = sample.label.data<uint8_t>();
    std::transform(label, label + sample.label.voxels(), label, [](uint8_t value) { return static_cast<uint8_t>(value > 0); });
    return sample;
  } catch (const Error& error) {
    throw Error(error.kind(), fmt::format("{}; fetch it again or exclude the case with data.exclude=[{}]", error.what(), key.subject));
  }
}

std::string LggSource::fingerprint() const {
  std::string all;
  for (const SliceFiles& files : files_)
    all += fmt::format("{}\t{}\n{}\t{}\n", files.image, files.image_bytes, files.mask, files.mask_bytes);
  return sha256(std::as_bytes(std::span(all)));
}

}  // namespace

std::vector<int64_t> lgg_channels(const std::vector<std::string>& sequences) {
  std::vector<int64_t> channels;
  for (const std::string& sequence : sequences) {
    const auto place = std::find(kSequences.begin(), kSequences.end(), sequence);
    if (place == kSequences.end())
      throw_usage_error(unknown_name_message("sequence", sequence, {kSequences.begin(), kSequences.end()}, ""));
    channels.push_back(place - kSequences.begin());
  }
  return channels;
}

OptionTable options_of(LggOptions& options) {
  OptionTable table;
  table.add("root", options.root, "the folder kaggle_3m, or the one that holds it");
  table.add("exclude", options.exclude, "patients to leave out; names in full or as far as unique");
  add_composition(table, options.input, options.channels, options.weights, {kSequences.begin(), kSequences.end()});
  table.add("on_missing_mask", options.on_missing_mask, "a slice without a mask stops the work or is left out", {"error", "skip"});
  table.add("on_bad_file", options.on_bad_file, "a slice that cannot be used stops the work or is left out", {"error", "skip"});
  return table;
}

std::unique_ptr<Source> make_lgg(const LggOptions& options) { return std::make_unique<LggSource>(options); }

void register_lgg(Registry& registry) {
  registry.add<LggOptions>("lgg", "low-grade gliomas: TIFF slices of T1, FLAIR, T1CE with masks (Kaggle lgg-mri-segmentation)",
                           "Buda, Saha, Mazurowski 2019, doi:10.1016/j.compbiomed.2019.05.002", make_lgg);
}

}  // namespace larmor::datasets
