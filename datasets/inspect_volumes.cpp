#include "datasets/inspect_volumes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "core/error.h"
#include "core/files.h"
#include "core/progress.h"
#include "core/thread_pool.h"
#include "datasets/sequence_names.h"
#include "datasets/siberian_raw.h"

namespace larmor::datasets {

namespace {

namespace fs = std::filesystem;
using imaging::Image;
using nlohmann::json;

constexpr size_t kMostThreads = 16;

void count_values(const Image& label, VolumeSummary& summary) {
  const Image values = convert(label, imaging::PixelType::i32);
  for (int64_t i = 0; i < values.voxels(); ++i) {
    const int32_t value = values.data<int32_t>()[i];
    if (value != 0) ++summary.voxels[value];
  }
}

/// Reads one subject; what cannot be read becomes a finding.
class Reader {
 public:
  Reader(const RawSubject& subject, const RawSet& set) : subject_(subject), set_(set) {
    summary_.subject = subject.name();
    summary_.unused_series = subject.unused_series;
    for (const auto& [sequence, volume] : subject.sequences) add(sequence, volume);
    if (!subject.label.paths.empty()) add("label", subject.label);
  }
  SubjectVolumes summary() const { return summary_; }
  const std::vector<Finding>& findings() const { return findings_; }

 private:
  void add(const std::string& name, const RawVolume& volume) {
    VolumeSummary one;
    one.name = name;
    one.origin = volume.series ? series_name(*volume.series) : volume.file;
    try {
      const Image image = read_raw(volume);
      one.size = image.size;
      one.spacing_mm = image.geometry.spacing_mm;
      if (name == "label") {
        count_values(image, one);
        require_known_labels(image, set_.labels, volume.file);
      }
    } catch (const Error& error) {
      findings_.push_back({subject_.name(), error.what()});
    }
    summary_.volumes.push_back(std::move(one));
  }

  const RawSubject& subject_;
  const RawSet& set_;
  SubjectVolumes summary_;
  std::vector<Finding> findings_;
};

std::string values_in_words(const std::map<int64_t, int64_t>& voxels) {
  std::vector<std::string> words;
  words.reserve(voxels.size());
  for (const auto& [value, count] : voxels) words.push_back(fmt::format("{}: {}", value, count));
  return fmt::format("{}", fmt::join(words, ", "));
}

bool is_dicom_file(const fs::path& file) { return !imaging::list_dicom(file).series.empty(); }

}  // namespace

bool holds_volumes(const fs::path& folder) {
  if (fs::is_regular_file(folder / "dataset.json")) return true;
  bool has_volume = false;
  fs::path looked_in;  // one file tells whether a folder holds DICOM
  std::error_code failed;
  for (fs::recursive_directory_iterator entry(folder, failed), end; !failed && entry != end; entry.increment(failed)) {
    std::error_code ignored;
    const fs::path& file = entry->path();
    const std::string extension = file.extension().string();
    if (!entry->is_regular_file(ignored) || file.filename().string().starts_with(".")) continue;
    if (extension == ".tif" || extension == ".tiff") return false;
    if (has_volume) continue;
    has_volume = is_sequence_file(file) || (file.parent_path() != looked_in && is_dicom_file(file));
    looked_in = file.parent_path();
  }
  return has_volume;
}

VolumeInspection inspect_volumes(const fs::path& folder, int64_t threads) {
  const RawSet set = find_siberian({.use = RawUse::inspection, .root = folder.string()});
  VolumeInspection inspection{set.is_phantom, set.labels, {}, set.findings};
  inspection.subjects.resize(set.subjects.size());
  std::vector<std::vector<Finding>> findings(set.subjects.size());
  const size_t wanted =
      threads > 0 ? static_cast<size_t>(threads) : std::clamp<size_t>(std::thread::hardware_concurrency(), 1, kMostThreads);
  ThreadPool pool(wanted);
  pool.for_each(set.subjects.size(), [&](size_t i) {
    const Reader reader(set.subjects[i], set);
    inspection.subjects[i] = reader.summary();
    findings[i] = reader.findings();
  });
  for (const std::vector<Finding>& some : findings) inspection.findings.insert(inspection.findings.end(), some.begin(), some.end());
  std::stable_sort(inspection.findings.begin(), inspection.findings.end(),
                   [](const Finding& a, const Finding& b) { return a.file < b.file; });
  return inspection;
}

json to_json(const VolumeInspection& inspection) {
  json subjects = json::array(), findings = json::array();
  for (const SubjectVolumes& subject : inspection.subjects) {
    json volumes = json::array();
    for (const VolumeSummary& volume : subject.volumes) {
      volumes.push_back({{"name", volume.name}, {"origin", volume.origin}, {"size", volume.size}, {"spacing_mm", volume.spacing_mm}});
      if (volume.name != "label") continue;
      for (const auto& [value, count] : volume.voxels) volumes.back()["voxels"][std::to_string(value)] = count;
    }
    subjects.push_back({{"subject", subject.subject}, {"volumes", volumes}, {"unused_series", subject.unused_series}});
  }
  for (const Finding& finding : inspection.findings) findings.push_back({{"file", finding.file}, {"message", finding.message}});
  return {{"source", "volumes"},
          {"phantom", inspection.is_phantom},
          {"labels", inspection.labels},
          {"subjects", subjects},
          {"findings", findings}};
}

std::string to_text(const VolumeInspection& inspection, int64_t findings) {
  std::string text = fmt::format("volumes · {}{}\n", counted(static_cast<int64_t>(inspection.subjects.size()), "subject"),
                                 inspection.is_phantom ? " · phantom" : "");
  std::vector<std::string> labels;
  for (const auto& [name, value] : inspection.labels) labels.push_back(fmt::format("{} {}", name, value));
  text += fmt::format("labels       {}\n\n", fmt::join(labels, ", "));
  text += fmt::format("{:<28} {:<8} {:<18} {:<18} {}\n", "subject", "sequence", "voxels", "mm", "from");
  for (const SubjectVolumes& subject : inspection.subjects) {
    std::string name = subject.subject;
    for (const VolumeSummary& volume : subject.volumes) {
      const auto& spacing = volume.spacing_mm;
      text += fmt::format("{:<28} {:<8} {:<18} {:<18} {}{}\n", name, volume.name, fmt::format("{}", fmt::join(volume.size, " x ")),
                          fmt::format("{:.3g} x {:.3g} x {:.3g}", spacing[0], spacing[1], spacing[2]), volume.origin,
                          volume.voxels.empty() ? "" : "   " + values_in_words(volume.voxels));
      name.clear();
    }
    if (!subject.unused_series.empty()) text += fmt::format("{:<28} {:<8} {}\n", name, "unused", fmt::join(subject.unused_series, ", "));
  }
  text += inspection.findings.empty() ? "\nnothing suspicious\n" : fmt::format("\nsuspicious: {}\n", inspection.findings.size());
  const size_t shown = findings > 0 ? std::min(inspection.findings.size(), static_cast<size_t>(findings)) : inspection.findings.size();
  for (size_t i = 0; i < shown; ++i) text += fmt::format("  {}: {}\n", inspection.findings[i].file, inspection.findings[i].message);
  if (shown < inspection.findings.size()) text += fmt::format("  … and {} more\n", inspection.findings.size() - shown);
  return text;
}

}  // namespace larmor::datasets
