#include "datasets/prepare_siberian.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "core/csv.h"
#include "core/error.h"
#include "core/file_lock.h"
#include "core/files.h"
#include "core/interrupt.h"
#include "core/memory.h"
#include "core/thread_pool.h"
#include "datasets/prepare_sample.h"
#include "datasets/prepare_subject.h"
#include "datasets/siberian_cache.h"
#include "imaging/draw.h"

namespace larmor::datasets {

namespace {

namespace fs = std::filesystem;
using imaging::Image;
using imaging::PixelType;
using nlohmann::json;

constexpr const char* kLock = ".lock";
constexpr int64_t kTileSide = 192;
constexpr size_t kMostTiles = 36;

void require(bool is_allowed, const std::string& what) {
  if (!is_allowed) throw_usage_error("prepare: " + what);
}

void check_all(const PrepareSiberianOptions& options) {
  const std::vector<std::string>& sequences = options.raw.sequences;
  check(options, sequences);
  require(options.threads >= 0 && options.threads <= 1024,
          fmt::format("threads {} is out of range; must be in [0, 1024]", options.threads));
  require(options.memory_gib >= 0, fmt::format("memory {} GiB is out of range; must be >= 0", options.memory_gib));
  require(std::find(sequences.begin(), sequences.end(), options.label_on) != sequences.end(),
          unknown_name_message("sequence of the label", options.label_on, sequences, ""));
  std::map<int64_t, std::string> names;
  for (const auto& [name, value] : options.raw.labels) {
    require(!name.empty() && value >= 1 && value <= 255, fmt::format("label {} is {}; must be in [1, 255]", in_quotes(name), value));
    const auto [other, is_new] = names.emplace(value, name);
    require(is_new, fmt::format("labels {} and {} are both {}", in_quotes(other->second), in_quotes(name), value));
  }
}

/// What decides a volume besides its inputs.
json parameters_of(const PrepareSiberianOptions& options) {
  json parameters = to_json(options);
  parameters["sequences"] = options.raw.sequences;
  return parameters;
}

/// SHA-256 over the checksums of all files of a volume.
std::string checksum_of(const RawVolume& volume) {
  std::string all;
  for (const fs::path& path : volume.paths) all += sha256(MappedFile(path).bytes()) + "\n";
  return volume.paths.size() == 1 ? all.substr(0, all.size() - 1) : sha256(std::as_bytes(std::span(all)));
}

json inputs_of(const RawSubject& subject) {
  json inputs;
  for (const auto& [sequence, volume] : subject.sequences) inputs[sequence] = {{"file", volume.file}, {"sha256", checksum_of(volume)}};
  inputs["label"] = {{"file", subject.label.file}, {"sha256", checksum_of(subject.label)}};
  return inputs;
}

/// Letters of a table that are no UTF-8 become replacement marks.
std::string text_of(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

/// A subject's volume with its provenance.
void write_volume(const fs::path& file, const PreparedVolume& prepared, json provenance) {
  json registration = json::object();
  for (const auto& [sequence, result] : prepared.registration) registration[sequence] = to_json(result);
  for (const auto& [sequence, range] : prepared.intensity) provenance["intensity"][sequence] = {{"low", range.low}, {"high", range.high}};
  provenance["registration"] = registration;
  provenance["geometry"] = to_json(prepared.grid.geometry);
  const std::array<int64_t, 3>& size = prepared.grid.size;
  const std::string text = text_of(provenance);
  imaging::write_hdf5(
      file, {{"images", {PixelType::u16, {prepared.sequences, size[2], size[1], size[0]}, std::as_bytes(std::span(prepared.images))}},
             {"label", {PixelType::u8, {size[2], size[1], size[0]}, prepared.label.bytes}},
             {"provenance", {PixelType::u8, {static_cast<int64_t>(text.size())}, std::as_bytes(std::span(text))}}});
}

/// What the volumes of a subject and the steps between them take, roughly: eight floats per voxel.
double bytes_needed(const RawSubject& subject, const PrepareSiberianOptions& options) {
  double voxels = static_cast<double>(options.size * options.size) * 256;
  for (const auto& [sequence, volume] : subject.sequences) {
    if (volume.series) {
      for (const fs::path& path : volume.paths) voxels += static_cast<double>(MappedFile(path).bytes().size()) / 2;
    } else {
      const imaging::ImageHeader header = imaging::read_header(volume.paths.front());
      voxels += static_cast<double>(header.size[0] * header.size[1] * header.size[2]);
    }
  }
  return 32 * voxels;
}

size_t workers_for(const RawSet& set, const PrepareSiberianOptions& options) {
  const int64_t threads = options.threads > 0 ? options.threads : std::max<int64_t>(1, std::thread::hardware_concurrency());
  const double memory = options.memory_gib > 0 ? options.memory_gib * (1 << 30) : static_cast<double>(physical_memory()) / 2;
  double most = 1;
  for (const RawSubject& subject : set.subjects) most = std::max(most, bytes_needed(subject, options));
  const auto fit = static_cast<int64_t>(memory / most);
  return static_cast<size_t>(std::clamp<int64_t>(fit, 1, std::min<int64_t>(threads, static_cast<int64_t>(set.subjects.size()))));
}

/// Takes back the folder of an output that never held anything.
class EmptyFolder {
 public:
  explicit EmptyFolder(fs::path out) : out_(std::move(out)), is_new_(!fs::exists(out_)) {}
  ~EmptyFolder() {
    std::error_code error;
    if (!is_new_ || is_siberian_cache(out_) || !fs::remove(out_ / kSiberianVolumes, error) || error)
      return;  // refused where it holds a volume
    fs::remove(out_ / kLock, error);
    fs::remove(out_, error);
  }
  EmptyFolder(const EmptyFolder&) = delete;
  EmptyFolder& operator=(const EmptyFolder&) = delete;

 private:
  const fs::path out_;
  const bool is_new_;
};

/// All that is needed of the whole set while its subjects are prepared.
class Work {
 public:
  Work(const PrepareSiberianOptions& options, const fs::path& out, const PrepareProgress& progress)
      : options_(options), out_(out), progress_(progress), set_(find_siberian(options.raw)) {}

  PrepareReport run() {
    require_apart(out_);
    require_apart(out_ / kSiberianVolumes);
    ThreadPool pool(workers_for(set_, options_));
    check_labels(pool);
    read_checksums(pool);
    refuse_copies();
    const EmptyFolder empty(out_);
    make_folder(out_ / kSiberianVolumes);
    const FileLock lock(out_ / kLock);
    remove_unfinished_files(out_ / kSiberianVolumes);
    prepared_.resize(set_.subjects.size());
    keys_.resize(set_.subjects.size());
    pool.for_each(set_.subjects.size(), [&](size_t i) { prepare(i); });
    if (interrupted()) throw_run_error("interrupted; the same command goes on with what is missing");
    write_results();
    const bool has_any = std::any_of(prepared_.begin(), prepared_.end(), [](const PreparedSubject& one) { return one.failure.empty(); });
    if (!has_any) throw_data_error(fmt::format("every subject is excluded; the first is {}: {}", prepared_[0].name, prepared_[0].failure));
    return {prepared_, set_.findings, set_.is_phantom};
  }

 private:
  void require_apart(const fs::path& folder) const {
    const fs::path data = fs::weakly_canonical(set_.root), target = fs::weakly_canonical(folder);
    const auto [end, ignored] = std::mismatch(data.begin(), data.end(), target.begin(), target.end());
    if (end == data.end()) throw_usage_error(fmt::format("prepare: {} is inside of the data, which is never written to", folder.string()));
  }

  /// Before hours of work.
  void check_labels(ThreadPool& pool) const {
    pool.for_each(set_.subjects.size(), [&](size_t i) {
      const RawVolume& label = set_.subjects[i].label;
      require_known_labels(read_raw(label), set_.labels, label.file);
    });
  }

  void read_checksums(ThreadPool& pool) {
    inputs_.resize(set_.subjects.size());
    pool.for_each(set_.subjects.size(), [&](size_t i) {
      if (!interrupted()) inputs_[i] = inputs_of(set_.subjects[i]);
    });
    if (interrupted()) throw_run_error("interrupted; the same command begins again");
  }

  /// The same volume under two subjects: one of them is another's, and a split would let it stand on two sides. Labels may be equal: empty.
  void refuse_copies() const {
    std::map<std::string, std::pair<std::string, std::string>> known;  // checksum → subject, file
    for (size_t i = 0; i < inputs_.size(); ++i) {
      for (const auto& [sequence, volume] : set_.subjects[i].sequences) {
        const std::string& subject = set_.subjects[i].subject;
        const auto [other, is_new] = known.try_emplace(inputs_[i].at(sequence).at("sha256").get<std::string>(), subject, volume.file);
        if (is_new || other->second.first == subject) continue;
        throw_data_error(
            fmt::format("{}: is the same, byte by byte, as {}; a volume is of one subject: mend it or leave one out with --exclude {}",
                        volume.file, other->second.second, subject));
      }
    }
  }

  void prepare(size_t i) {
    if (interrupted()) return;
    const RawSubject& subject = set_.subjects[i];
    PreparedSubject& prepared = prepared_[i];
    prepared.name = subject.name();
    const fs::path file = siberian_volume_file(out_, prepared.name);
    try {
      const json provenance = provenance_of(subject, inputs_[i]);
      keys_[i] = provenance.at("key").get<std::string>();
      prepared.was_kept = holds(file, keys_[i]);
      if (!prepared.was_kept) prepared.failure = make(subject, file, provenance);
      if (prepared.failure.empty()) count_slices(file, prepared);
    } catch (const Error& error) {
      throw error.with_context("subject " + prepared.name);
    }
    const std::lock_guard lock(mutex_);
    ++done_;
    if (progress_) progress_(done_, static_cast<int64_t>(set_.subjects.size()), prepared);
  }

  /// Why the subject is excluded; "" when its volume is there.
  std::string make(const RawSubject& subject, const fs::path& file, const json& provenance) const {
    const PreparedVolume volume = prepare_subject(subject, options_.raw.sequences, options_, set_.labels);
    std::error_code ignored;
    if (volume.failure.empty()) {
      write_volume(file, volume, provenance);
    } else {
      fs::remove(file, ignored);  // of earlier parameters
    }
    return volume.failure;
  }

  json provenance_of(const RawSubject& subject, const json& inputs) const {
    json provenance{{"format", "larmor siberian cache"}, {"version", kSiberianVersion},           {"subject", subject.subject},
                    {"session", subject.session},        {"sequences", options_.raw.sequences},   {"labels", set_.labels},
                    {"metadata", subject.metadata},      {"parameters", parameters_of(options_)}, {"inputs", inputs}};
    const std::string all = text_of(provenance);
    provenance["key"] = sha256(std::as_bytes(std::span(all)));
    return provenance;
  }

  /// A damaged file is made anew.
  static bool holds(const fs::path& file, const std::string& key) {
    try {
      return SiberianVolume(file).facts().key == key;
    } catch (const Error&) {
      return false;
    }
  }

  static void count_slices(const fs::path& file, PreparedSubject& prepared) {
    const SiberianVolume volume(file);
    prepared.slices = volume.size()[2];
    for (int64_t z = 0; z < prepared.slices; ++z) {
      const Image label = volume.label(z);
      prepared.slices_positive +=
          std::any_of(label.bytes.begin(), label.bytes.end(), [](std::byte value) { return value != std::byte{0}; });
    }
  }

  void write_results() const {
    SiberianIndex index{options_.raw.sequences, set_.labels, set_.is_phantom, {}};
    for (size_t i = 0; i < prepared_.size(); ++i) index.entries.push_back({prepared_[i].name, prepared_[i].failure, keys_[i]});
    write_file_atomically(out_ / "registration.csv", to_csv(registration_table()));
    write_quality_sheet();
    write_siberian_index(out_, index);
  }

  CsvTable registration_table() const {
    CsvTable table{{"subject", "sequence", "status", "shift_mm", "angle_deg", "information_start", "information", "overlap", "reason"}, {}};
    for (const PreparedSubject& prepared : prepared_) {
      if (!prepared.failure.empty()) {
        table.rows.push_back({prepared.name, "", "excluded", "", "", "", "", "", prepared.failure});
        continue;
      }
      const json provenance = json::parse(SiberianVolume(siberian_volume_file(out_, prepared.name)).provenance());
      for (const auto& entry : provenance.at("registration").items()) {
        const auto number = [&](const char* what) { return csv_number(entry.value().at(what).get<double>()); };
        table.rows.push_back({prepared.name, entry.key(), "ok", number("shift_mm"), number("angle_deg"), number("information_start"),
                              number("information"), number("overlap"), ""});
      }
    }
    return table;
  }

  void write_quality_sheet() const;

  const PrepareSiberianOptions& options_;
  const fs::path& out_;
  const PrepareProgress& progress_;
  RawSet set_;
  std::vector<PreparedSubject> prepared_;
  std::vector<std::string> keys_;
  std::vector<json> inputs_;  ///< files and checksums of each subject
  std::mutex mutex_;
  int64_t done_ = 0;
};

/// The slice with most of the label, else the one in the middle.
int64_t telling_slice(const SiberianVolume& volume) {
  int64_t best = volume.size()[2] / 2, most = 0;
  for (int64_t z = 0; z < volume.size()[2]; ++z) {
    const Image label = volume.label(z);
    const int64_t count = label.voxels() - std::count(label.bytes.begin(), label.bytes.end(), std::byte{0});
    if (count > most) {
      most = count;
      best = z;
    }
  }
  return best;
}

uint8_t grey_of(const Image& image, int64_t voxel) { return static_cast<uint8_t>(image.data<uint16_t>()[voxel] >> 8); }

/// The first three sequences as red, green and blue, with the label's outline: what is misplaced shows coloured rims.
Image mixed_tile(const SiberianVolume& volume, int64_t z) {
  const size_t sequences = volume.facts().sequences.size();
  Image tile = Image::make({volume.size()[0], volume.size()[1], 1}, 3, PixelType::u8);
  for (size_t c = 0; c < 3; ++c) {
    const Image slice = volume.image(std::min(c, sequences - 1), z);
    for (int64_t i = 0; i < slice.voxels(); ++i) tile.data<uint8_t>()[3 * i + static_cast<int64_t>(c)] = grey_of(slice, i);
  }
  tile = to_network_size(tile, kTileSide);
  imaging::draw_contour(tile, label_to_network_size(volume.label(z), kTileSide), imaging::kTruthColour);
  return tile;
}

/// T1CE and the last other sequence in turn, field by field: edges must go on from one to the next.
Image checkerboard(const SiberianVolume& volume, int64_t z) {
  const std::vector<std::string>& sequences = volume.facts().sequences;
  const auto reference = static_cast<size_t>(std::find(sequences.begin(), sequences.end(), kReferenceSequence) - sequences.begin());
  const size_t other = reference + 1 == sequences.size() && reference > 0 ? reference - 1 : sequences.size() - 1;
  const Image a = volume.image(reference, z), b = volume.image(other, z);
  const int64_t field = std::max<int64_t>(1, a.width() / 8);
  Image tile = Image::make(a.size, 3, PixelType::u8);
  for (int64_t i = 0; i < a.voxels(); ++i) {
    const bool is_first = (i % a.width() / field + i / a.width() / field) % 2 == 0;
    std::fill_n(tile.data<uint8_t>() + 3 * i, 3, grey_of(is_first ? a : b, i));
  }
  return to_network_size(tile, kTileSide);
}

void Work::write_quality_sheet() const {
  std::vector<std::string> names;
  for (const PreparedSubject& prepared : prepared_) {
    if (prepared.failure.empty()) names.push_back(prepared.name);
  }
  if (names.empty()) return;
  std::vector<Image> tiles;
  std::vector<std::string> captions;
  const size_t shown = std::min(names.size(), kMostTiles);
  for (size_t i = 0; i < shown; ++i) {
    const std::string& name = names[i * names.size() / shown];
    const SiberianVolume volume(siberian_volume_file(out_, name));
    const int64_t z = telling_slice(volume);
    tiles.push_back(mixed_tile(volume, z));
    captions.push_back(fmt::format("{}:{}", name, z));
    tiles.push_back(checkerboard(volume, z));
    captions.emplace_back("checkerboard");
  }
  write_file_atomically(out_ / "quality.png", imaging::encode_png(imaging::contact_sheet(tiles, captions, 6)));
}

}  // namespace

PrepareReport prepare_siberian(const PrepareSiberianOptions& options, const fs::path& out, const PrepareProgress& progress) {
  check_all(options);
  return Work(options, out, progress).run();
}

}  // namespace larmor::datasets
