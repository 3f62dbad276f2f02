#include "datasets/siberian_raw.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "core/csv.h"
#include "core/error.h"
#include "core/files.h"
#include "core/progress.h"
#include "core/utf8.h"
#include "datasets/sequence_names.h"
#include "datasets/subjects.h"

namespace larmor::datasets {

namespace {

namespace fs = std::filesystem;
using imaging::Image;
using nlohmann::json;

constexpr const char* kDescription = "dataset.json";
constexpr const char* kPhantomMarker = "PHANTOM.txt";
const std::map<std::string, int64_t> kSetLabels{{"edema", 1}, {"non_enhancing", 2}, {"enhancing", 3}, {"necrotic", 4}};
constexpr int64_t kLargestLabel = 255;
constexpr size_t kLongestName = 100;  ///< of a subject, in bytes

/// Why a subject cannot be used.
struct Fault {
  std::string subject;
  std::string message;
};

/// Extensions of volumes in one file; a header with its voxels elsewhere (.nhdr) would escape the checksum of inputs.
const std::vector<std::string>& volume_extensions() {
  static const std::vector<std::string> extensions{".nii.gz", ".nii", ".seg.nrrd", ".nrrd"};
  return extensions;
}

/// "T1" of "T1.nii.gz"; nothing for what is no volume.
std::optional<std::string> stem_of(const std::string& file_name) {
  for (const std::string& extension : volume_extensions()) {
    if (file_name.size() > extension.size() && file_name.ends_with(extension))
      return file_name.substr(0, file_name.size() - extension.size());
  }
  return std::nullopt;
}

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

bool are_digits(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// Finds and checks; faults are gathered, so that the first can be told with the number of others.
class Finder {
 public:
  explicit Finder(const RawOptions& options) : options_(options) {
    set_.root = options.root;
    set_.labels = kSetLabels;
  }

  RawSet find() {
    if (options_.root.empty() || !is_folder(set_.root)) throw_data_error(fmt::format("{}: no such folder", options_.root));
    if (options_.use != RawUse::training) find_own_folder();
    set_.is_phantom = is_there(set_.root / kPhantomMarker);
    if (is_there(set_.root / kDescription)) {
      find_cases();
    } else {
      find_folders();
    }
    if (!options_.labels.empty()) set_.labels = options_.labels;
    leave_out();
    if (set_.subjects.empty() && faults_.empty()) {
      if (left_out_ > 0) throw_data_error(fmt::format("{}: --exclude leaves none of its {}", options_.root, counted(left_out_, "subject")));
      throw_data_error(
          fmt::format("{}: holds no subject; each is a folder with volumes named by sequence (T1, T1CE, FLAIR{}){}, or a "
                      "case of an nnU-Net folder with dataset.json",
                      options_.root, needs_label() ? ", label" : "", needs_label() ? "" : " or with DICOM series"));
    }
    check_names();
    check_subjects();
    settle();
    add_metadata();
    return std::move(set_);
  }

 private:
  bool needs_label() const { return options_.use == RawUse::training; }

  bool is_needed(const std::string& sequence) const {
    return std::find(options_.sequences.begin(), options_.sequences.end(), sequence) != options_.sequences.end();
  }

  bool is_looked_at(const std::string& sequence) const { return options_.use == RawUse::inspection || is_needed(sequence); }

  /// Where the root is one subject's own folder, its set is the folder above.
  void find_own_folder() {
    const fs::path folder = (fs::absolute(set_.root) / "x").lexically_normal().parent_path();
    if (is_there(set_.root / kDescription) || !folder.has_filename() || !is_one_subject()) return;
    only_ = folder.filename().string();
    set_.root = folder.parent_path();
  }

  /// False where a folder in the root has all that is needed, or several have much of it: then they are the subjects. Else what lies there
  /// belongs together.
  bool is_one_subject() const {
    size_t folders = 0, folders_with_much = 0;
    bool has_whole = false;
    std::map<std::string, size_t> folders_of_study;
    for (const std::string& name : list_folder(set_.root)) {
      const Content content = content_of(set_.root / name);
      if (content.sequences.empty()) continue;
      if (!is_folder(set_.root / name)) return true;
      const auto count = static_cast<size_t>(
          std::count_if(content.sequences.begin(), content.sequences.end(), [&](const auto& sequence) { return is_needed(sequence); }));
      ++folders;
      folders_with_much += count >= 2;
      has_whole = has_whole || count == options_.sequences.size();
      if (has_whole && count >= 2) return false;
      for (const std::string& study : content.studies) ++folders_of_study[study];
    }
    // A series' folder may have all that a network of one sequence needs.
    const bool is_spread =
        std::any_of(folders_of_study.begin(), folders_of_study.end(), [](const auto& entry) { return entry.second > 1; });
    return folders > 1 && folders_with_much < 2 && (!has_whole || is_spread);
  }

  /// What a file, or a folder and all below it, shows.
  struct Content {
    std::set<std::string> sequences;
    std::set<std::string> studies;  ///< StudyInstanceUID
  };

  static Content content_of(const fs::path& path) {
    Content content;
    for (const fs::path& file : is_folder(path) ? files_below(path) : std::vector<fs::path>{path}) {
      const std::optional<std::string> stem = stem_of(file.filename().string());
      const std::optional<SequenceName> found = stem ? sequence_of_name(*stem) : std::nullopt;
      if (found) content.sequences.insert(found->sequence);
    }
    const imaging::DicomFolder folder = imaging::list_dicom(path);
    for (const auto& [sequence, index] : match_protocol(folder.series).sequences) content.sequences.insert(sequence);
    for (const imaging::DicomSeries& series : folder.series) content.studies.insert(series.study_uid);
    return content;
  }

  void find_folders() {
    for (const std::string& name : list_folder(set_.root)) {
      if (is_folder(set_.root / name) && (only_.empty() || name == only_)) set_.subjects.push_back(subject_in(name));
    }
    // A folder without any volume is something else (a report, transforms), and told.
    std::erase_if(set_.subjects, [&](const RawSubject& subject) {
      const bool is_empty = subject.sequences.empty() && subject.label.paths.empty() && !has_fault(subject.name());
      if (is_empty) set_.findings.push_back({subject.subject, "holds no volume; it is not used"});
      return is_empty;
    });
  }

  bool has_fault(const std::string& subject) const {
    return std::any_of(faults_.begin(), faults_.end(), [&](const Fault& fault) { return fault.subject == subject; });
  }

  RawSubject subject_in(const std::string& name) {
    RawSubject subject;
    subject.subject = name;
    std::vector<std::pair<std::string, std::string>> prefixes;  // file, what stands before its sequence
    bool may_hold_dicom = false;
    for (const fs::path& path : files_below(set_.root / name)) {
      const std::string file = fs::relative(path, set_.root).generic_string();
      const std::optional<std::string> stem = stem_of(path.filename().string());
      if (!stem) {
        const std::string extension = path.extension().string();
        may_hold_dicom = may_hold_dicom || (extension != ".tfm" && extension != ".json" && extension != ".csv" && extension != ".png");
        continue;
      }
      const std::optional<SequenceName> found = sequence_of_name(*stem);
      if (!found) {
        set_.findings.push_back({file, "is named after no sequence; it is not used"});
        continue;
      }
      add_volume(subject, found->sequence, {file, {path}, std::nullopt});
      if (!found->prefix.empty()) prefixes.emplace_back(file, found->prefix);
    }
    check_prefixes(subject, prefixes);
    if (may_hold_dicom) add_series(subject);
    return subject;
  }

  static std::vector<fs::path> files_below(const fs::path& folder) {
    std::vector<fs::path> files;
    std::error_code error;
    auto entry = fs::recursive_directory_iterator(folder, error);
    for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
      std::error_code ignored;
      if (entry->is_regular_file(ignored) && !entry->path().filename().string().starts_with(".")) files.push_back(entry->path());
    }
    if (error) throw_data_error(fmt::format("{}: cannot be listed: {}", folder.string(), error.message()));
    std::sort(files.begin(), files.end());
    return files;
  }

  void add_volume(RawSubject& subject, const std::string& sequence, RawVolume volume) {
    RawVolume& place = sequence == "label" ? subject.label : subject.sequences[sequence];
    if (place.paths.empty()) {
      place = std::move(volume);
    } else if (sequence == "label" ? options_.use != RawUse::prediction : is_looked_at(sequence)) {
      faults_.push_back({subject.name(), fmt::format("two volumes are {}: {} and {}", sequence, place.file, volume.file)});
    }
  }

  /// Files that carry a subject's name must carry one and the same, and no other subject's.
  void check_prefixes(const RawSubject& subject, const std::vector<std::pair<std::string, std::string>>& prefixes) {
    for (const auto& [file, prefix] : prefixes) {
      const auto& [first_file, first] = prefixes.front();
      if (!prefix.starts_with(first) && !first.starts_with(prefix)) {
        faults_.push_back(
            {subject.name(), fmt::format("{} and {} are named after different subjects; put each into its own folder", first_file, file)});
        return;
      }
      if (prefix != subject.subject && is_folder(set_.root / prefix)) {
        faults_.push_back({subject.name(), fmt::format("{} is named after subject {}, which has a folder of its own", file, prefix)});
        return;
      }
    }
  }

  /// All series of a subject are of one patient, those that no sequence is made of too.
  void check_patients(const RawSubject& subject, const std::vector<imaging::DicomSeries>& all) {
    const auto file_of = [&](const imaging::DicomSeries& series) { return fs::relative(series.files.front(), set_.root).generic_string(); };
    for (const imaging::DicomSeries& series : all) {
      const imaging::DicomSeries& first = all.front();
      if (series.patient_id == first.patient_id) continue;
      faults_.push_back(
          {subject.name(), fmt::format("{} is of patient {} and {} of patient {}; put each into its own folder", file_of(first),
                                       in_quotes(first.patient_id), file_of(series), in_quotes(series.patient_id))});
      return;
    }
  }

  void add_series(RawSubject& subject) {
    const imaging::DicomFolder folder = imaging::list_dicom(set_.root / subject.subject);
    for (const fs::path& file : folder.without_pixels) {
      set_.findings.push_back({fs::relative(file, set_.root).generic_string(), "has no pixels; it is not used"});
    }
    // A damaged slice at the end of a series would only make it shorter.
    if (!folder.unreadable.empty()) faults_.push_back({subject.name(), folder.unreadable.front()});
    check_patients(subject, folder.series);
    const ProtocolMatch match = match_protocol(folder.series);
    for (const auto& [sequence, problem] : match.problems) {
      // T1 that cannot be told apart may hide T1CE.
      const bool hides_t1ce = sequence == "T1" && is_needed("T1CE") && !match.sequences.contains("T1CE");
      if (is_looked_at(sequence) || hides_t1ce) faults_.push_back({subject.name(), problem});
    }
    std::set<size_t> used;
    for (const auto& [sequence, index] : match.sequences) {
      const imaging::DicomSeries& series = folder.series[index];
      const std::string file = fs::relative(series.files.front().parent_path(), set_.root).generic_string();
      add_volume(subject, sequence, {file, series.files, series});
      if (is_looked_at(sequence)) used.insert(index);
    }
    for (size_t i = 0; i < folder.series.size(); ++i) {
      if (!used.contains(i)) subject.unused_series.push_back(series_name(folder.series[i]));
    }
    warn_of_identity(subject, folder.series);
  }

  void warn_of_identity(RawSubject& subject, const std::vector<imaging::DicomSeries>& all) {
    for (const imaging::DicomSeries& series : all) {
      for (const std::string& tag : series.identity_tags) {
        if (std::find(subject.identity_tags.begin(), subject.identity_tags.end(), tag) == subject.identity_tags.end())
          subject.identity_tags.push_back(tag);
      }
    }
    if (subject.identity_tags.empty()) return;
    set_.findings.push_back({subject.name(), fmt::format("{} may identify a person; take it out of the files before they are passed on",
                                                         fmt::join(subject.identity_tags, ", "))});
  }

  void find_cases() {
    const json description = read_description();
    const std::map<int64_t, std::string> channels = channels_of(description);
    read_labels(description);
    std::map<std::string, RawSubject> subjects;
    find_cases_in("imagesTr", channels, subjects);
    if (options_.use == RawUse::prediction && is_folder(set_.root / "imagesTs")) find_cases_in("imagesTs", channels, subjects);
    for (auto& [name, subject] : subjects) {
      find_label(name, subject);
      set_.subjects.push_back(std::move(subject));
    }
  }

  void find_cases_in(const std::string& images, const std::map<int64_t, std::string>& channels,
                     std::map<std::string, RawSubject>& subjects) {
    const fs::path folder = set_.root / images;
    if (!is_folder(folder)) throw_data_error(fmt::format("{}: no such folder; an nnU-Net folder has its images there", folder.string()));
    for (const std::string& file_name : list_folder(folder)) {
      const std::optional<std::string> stem = stem_of(file_name);
      const size_t bar = stem ? stem->rfind('_') : std::string::npos;
      const std::string digits = bar == std::string::npos ? "" : stem->substr(bar + 1);
      const bool is_numbered = digits.size() == 4 && are_digits(digits);
      const std::string file = fmt::format("{}/{}", images, file_name);
      if (!is_numbered) {
        set_.findings.push_back({file, "is not named <case>_<4 digits>; it is not used"});
        continue;
      }
      const auto channel = channels.find(std::stoll(digits));
      if (channel == channels.end() || channel->second.empty()) continue;
      const std::string name = stem->substr(0, bar);
      RawSubject& subject = subjects.emplace(name, case_named(name)).first->second;
      add_volume(subject, channel->second, {file, {folder / file_name}, std::nullopt});
    }
  }

  json read_description() const {
    const fs::path file = set_.root / kDescription;
    json description = json::parse(read_file(file), nullptr, false);
    if (!description.is_object()) throw_data_error(file.string() + ": is no JSON object");
    return description;
  }

  /// Number → sequence, "" for what is none of ours. "channel_names" (nnU-Net 2) or "modality" (1).
  std::map<int64_t, std::string> channels_of(const json& description) {
    const fs::path file = set_.root / kDescription;
    const json names = description.value("channel_names", description.value("modality", json()));
    if (!names.is_object()) throw_data_error(file.string() + ": names no channels; it needs channel_names, e.g. {\"0\": \"T1\"}");
    std::map<int64_t, std::string> channels;
    for (const auto& [number, name] : names.items()) {
      const bool is_number = number.size() <= 4 && are_digits(number);
      if (!is_number || !name.is_string()) throw_data_error(file.string() + ": channel_names must map numbers to names");
      const auto found = sequence_of_name(name.get<std::string>());
      if (!found) {
        set_.findings.push_back(
            {kDescription, fmt::format("channel {} {} is no known sequence", number, in_quotes(name.get<std::string>()))});
      }
      channels[std::stoll(number)] = found ? found->sequence : "";
    }
    return channels;
  }

  /// {"edema": 2} (nnU-Net 2) or {"2": "edema"} (1). Classes that are several values at once have none of their own.
  void read_labels(const json& description) {
    if (options_.use == RawUse::prediction) return;
    const fs::path file = set_.root / kDescription;
    const json labels = description.value("labels", json());
    if (!labels.is_object()) throw_data_error(file.string() + ": names no labels");
    set_.labels.clear();
    for (const auto& [key, value] : labels.items()) {
      const bool is_reversed = value.is_string();
      const std::string name = is_reversed ? value.get<std::string>() : key;
      const bool is_number = is_reversed ? key.size() <= 3 && are_digits(key) : value.is_number_integer();
      if (!is_number) {
        if (value.is_array()) continue;
        throw_data_error(fmt::format("{}: label {} has no number", file.string(), in_quotes(key)));
      }
      const int64_t number = is_reversed ? std::stoll(key) : value.get<int64_t>();
      if (number < 0 || number > kLargestLabel)
        throw_data_error(fmt::format("{}: label {} is {}; must be in [0, 255]", file.string(), in_quotes(name), number));
      if (number > 0 && !set_.labels.emplace(name, number).second)
        throw_data_error(fmt::format("{}: label {} stands twice", file.string(), in_quotes(name)));
    }
    if (set_.labels.empty() && options_.labels.empty()) {
      throw_data_error(file.string() + ": no label has a value of its own; name them with --labels NAME=VALUE,…");
    }
  }

  /// "SBT-MET-B000730-20180517" is a session of SBT-MET-B000730, a metastasis by its code.
  static RawSubject case_named(const std::string& name) {
    RawSubject subject;
    subject.subject = name;
    const size_t dash = name.rfind('-');
    const std::string date = dash == std::string::npos ? "" : name.substr(dash + 1);
    const bool is_date = date.size() == 8 && are_digits(date);
    if (!is_date || dash == 0) return subject;
    subject.subject = name.substr(0, dash);
    subject.session = date;
    return subject;
  }

  void find_label(const std::string& name, RawSubject& subject) {
    for (const std::string& extension : volume_extensions()) {
      const std::string file = fmt::format("labelsTr/{}{}", name, extension);
      if (is_there(set_.root / file)) add_volume(subject, "label", {file, {set_.root / file}, std::nullopt});
    }
  }

  void leave_out() {
    std::vector<std::string> names;
    for (const RawSubject& subject : set_.subjects) {
      if (names.empty() || names.back() != subject.subject) names.push_back(subject.subject);
    }
    for (const std::string& name : options_.exclude) {
      const std::string found = require_subject(names, name, "--exclude");
      left_out_ += static_cast<int64_t>(std::erase_if(set_.subjects, [&](const RawSubject& subject) { return subject.subject == found; }));
      std::erase_if(faults_, [&](const Fault& fault) { return fault.subject == found || fault.subject.starts_with(found + "_"); });
    }
  }

  /// Names become names of files and words of tables.
  void check_names() {
    for (const RawSubject& subject : set_.subjects) {
      const std::string name = subject.name();
      if (name.size() > kLongestName) {
        faults_.insert(faults_.begin(), {name, fmt::format("its name has {} bytes; at most {}", name.size(), kLongestName)});
      } else if (printable(name) != name || !is_utf8(name)) {
        faults_.insert(faults_.begin(), {name, "its name has a control character or is no UTF-8"});
      }
    }
  }

  void check_subjects() {
    for (RawSubject& subject : set_.subjects) {
      std::vector<std::string> missing;
      for (const std::string& sequence : options_.sequences) {
        if (!subject.sequences.contains(sequence)) missing.push_back(sequence);
      }
      if (needs_label() && subject.label.paths.empty()) missing.emplace_back("label");
      if (!missing.empty()) {
        std::vector<std::string> found;
        for (const auto& [sequence, volume] : subject.sequences) found.push_back(sequence);
        if (needs_label() && !subject.label.paths.empty()) found.emplace_back("label");
        faults_.push_back({subject.name(), fmt::format("has no {}; found: {}", fmt::join(missing, ", "),
                                                       found.empty() ? "nothing" : fmt::format("{}", fmt::join(found, ", ")))});
      }
      std::erase_if(subject.sequences, [&](const auto& entry) { return !is_looked_at(entry.first); });
    }
  }

  void settle() {
    if (faults_.empty()) return;
    if (options_.use == RawUse::inspection) {
      for (const Fault& fault : faults_) set_.findings.push_back({fault.subject, fault.message});
      return;
    }
    // What lies in a folder tells more than what is missing from it, so faults stay in the order in which they were met.
    const Fault& first = faults_.front();
    std::string message = fmt::format("{}: {}", printable(first.subject), first.message);
    if (only_.empty()) message += fmt::format("; mend it or leave the subject out with --exclude {}", printable(first.subject));
    std::set<std::string> others;
    for (const Fault& fault : faults_) others.insert(printable(fault.subject));
    others.erase(printable(first.subject));
    if (!others.empty())
      message += fmt::format(" (and {} more subject{}: {})", others.size(), others.size() == 1 ? "" : "s", fmt::join(others, ", "));
    throw_data_error(message);
  }

  void add_metadata() {
    const fs::path csv = set_.root / "subjects.csv", tsv = set_.root / "participants.tsv";
    std::optional<CsvTable> table;
    if (is_there(csv)) table = read_csv(csv);
    if (!table && is_there(tsv)) table = read_tsv(tsv);
    const bool is_told = options_.use != RawUse::prediction;
    if (!table || table->header.empty()) {
      if (is_told) set_.findings.push_back({"subjects.csv", "is not there: nothing is known of tumour types"});
      return;
    }
    check_table(*table, is_there(csv) ? csv : tsv);
    for (RawSubject& subject : set_.subjects) {
      const auto row = std::find_if(table->rows.begin(), table->rows.end(),
                                    [&](const auto& cells) { return cells[0] == subject.subject || cells[0] == subject.name(); });
      if (row == table->rows.end()) {
        if (is_told) set_.findings.push_back({subject.name(), "has no row in the table of subjects"});
        continue;
      }
      for (size_t column = 1; column < table->header.size(); ++column) {
        const std::string& name = table->header[column];
        subject.metadata[name == "tumor_type" ? "tumour_type" : name] = (*row)[column];
      }
    }
  }

  /// Which of two rows or columns is right cannot be known.
  static void check_table(const CsvTable& table, const fs::path& file) {
    const auto refuse_second = [&](const char* what, const std::string& name, std::set<std::string>& seen) {
      if (!seen.insert(name).second) throw_data_error(fmt::format("{}: two {}s are {}", file.string(), what, in_quotes(name)));
    };
    std::set<std::string> columns, rows;
    for (const std::string& name : table.header) refuse_second("column", name == "tumor_type" ? "tumour_type" : name, columns);
    for (const auto& row : table.rows) refuse_second("row", row[0], rows);
  }

  /// Tabs instead of commas, no quotes (BIDS).
  static CsvTable read_tsv(const fs::path& file) {
    CsvTable table;
    std::string text = read_file(file), line;
    std::erase(text, '\r');
    for (size_t start = 0; start < text.size();) {
      const size_t end = std::min(text.find('\n', start), text.size());
      std::vector<std::string> cells(1);
      for (const char c : text.substr(start, end - start)) {
        if (c == '\t') {
          cells.emplace_back();
        } else {
          cells.back() += c;
        }
      }
      start = end + 1;
      if (cells.size() == 1 && cells[0].empty()) continue;
      if (table.header.empty()) {
        table.header = cells;
      } else if (cells.size() == table.header.size()) {
        table.rows.push_back(cells);
      } else {
        throw_data_error(
            fmt::format("{}: row {} has {} cells, the header {}", file.string(), table.rows.size() + 1, cells.size(), table.header.size()));
      }
    }
    return table;
  }

  const RawOptions& options_;
  std::string only_;  ///< the one subject, where the root is its folder
  RawSet set_;
  std::vector<Fault> faults_;
  int64_t left_out_ = 0;  ///< by --exclude
};

std::string in_words(const std::map<std::string, int64_t>& labels) {
  std::vector<std::pair<int64_t, std::string>> sorted;
  sorted.reserve(labels.size());
  for (const auto& [name, value] : labels) sorted.emplace_back(value, name);
  std::sort(sorted.begin(), sorted.end());
  std::vector<std::string> words;
  words.reserve(sorted.size());
  for (const auto& [value, name] : sorted) words.push_back(fmt::format("{} {}", value, name));
  return fmt::format("{}", fmt::join(words, ", "));
}

}  // namespace

bool is_sequence_file(const fs::path& file) {
  const std::optional<std::string> stem = stem_of(file.filename().string());
  return stem && sequence_of_name(*stem).has_value();
}

RawSet find_siberian(const RawOptions& options) { return Finder(options).find(); }

Image read_raw(const RawVolume& volume) {
  Image image = volume.series ? imaging::read_dicom_series(*volume.series) : imaging::read_image(volume.paths.front());
  const std::string file = volume.paths.front().string();
  if (image.channels != 1) throw_data_error(fmt::format("{}: has {} channels; a sequence has 1", file, image.channels));
  if (!image.geometry.has_spacing) throw_data_error(file + ": stores no voxel size; without it volumes cannot be laid over each other");
  return image;
}

void require_known_labels(const Image& label, const std::map<std::string, int64_t>& labels, const std::string& file) {
  const Image values = convert(label, imaging::PixelType::f32);
  std::set<float> known{0};
  for (const auto& [name, value] : labels) known.insert(static_cast<float>(value));
  for (int64_t i = 0; i < values.voxels(); ++i) {
    const float value = values.data<float>()[i];
    if (value == 0 || known.contains(value)) continue;
    throw_data_error(fmt::format("{}: value {} at voxel {}, {}, {} is unknown to the label map ({}); name it with --labels NAME=VALUE,…",
                                 file, value, i % values.size[0], i / values.size[0] % values.size[1],
                                 i / (values.size[0] * values.size[1]), in_words(labels)));
  }
}

}  // namespace larmor::datasets
