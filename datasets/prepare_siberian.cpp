#include "datasets/prepare_siberian.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "core/csv.h"
#include "core/error.h"
#include "core/file_lock.h"
#include "core/files.h"
#include "core/interrupt.h"
#include "core/memory.h"
#include "core/thread_pool.h"
#include "datasets/prepare_sample.h"
#include "datasets/siberian_cache.h"
#include "imaging/bias_field.h"
#include "imaging/draw.h"
#include "imaging/orient.h"
#include "imaging/registration.h"
#include "imaging/resample.h"
#include "imaging/transform.h"

namespace larmor::datasets {

namespace {

namespace fs = std::filesystem;
using imaging::AffineTransform;
using imaging::Grid;
using imaging::Image;
using imaging::PixelType;
using imaging::RegistrationResult;
using nlohmann::json;

constexpr const char* kReference = "T1CE";
constexpr double kFullScale = 65535;
constexpr int64_t kTileSide = 192;
constexpr size_t kMostTiles = 36;

/// A subject that cannot be used, which is no fault of its files.
struct Excluded {
  std::string reason;
};

void require(bool is_allowed, const std::string& what) {
  if (!is_allowed) throw_usage_error("prepare: " + what);
}

void check(const PrepareSiberianOptions& options) {
  require(options.size >= 16 && options.size <= 4096, fmt::format("size {} is out of range; must be in [16, 4096]", options.size));
  require(options.spacing_mm >= 0 && options.spacing_mm <= 100,
          fmt::format("spacing_mm {} is out of range; must be in [0, 100]", options.spacing_mm));
  require(options.registration_points >= 1000 && options.registration_points <= 10'000'000,
          fmt::format("registration points {} are out of range; must be in [1000, 10000000]", options.registration_points));
  require(options.low_percentile >= 0 && options.low_percentile < options.high_percentile && options.high_percentile <= 100,
          fmt::format("percentiles {} and {} are out of order; must be 0 <= low < high <= 100", options.low_percentile,
                      options.high_percentile));
  require(options.registration == "rigid" || options.registration == "none",
          unknown_name_message("registration", options.registration, {"rigid", "none"}, ""));
  require(options.threads >= 0 && options.threads <= 1024,
          fmt::format("threads {} is out of range; must be in [0, 1024]", options.threads));
  require(options.memory_gib >= 0, fmt::format("memory {} GiB is out of range; must be >= 0", options.memory_gib));
  const std::vector<std::string>& sequences = options.raw.sequences;
  const std::vector<std::string> known{"T1", "T1CE", "T2", "FLAIR"};
  for (const std::string& sequence : sequences) {
    require(std::find(known.begin(), known.end(), sequence) != known.end(), unknown_name_message("sequence", sequence, known, ""));
    require(std::count(sequences.begin(), sequences.end(), sequence) == 1, fmt::format("sequence {} is named twice", sequence));
  }
  require(std::find(sequences.begin(), sequences.end(), kReference) != sequences.end(),
          "T1CE must be among the sequences: the others are registered to it");
  require(std::find(sequences.begin(), sequences.end(), options.label_on) != sequences.end(),
          unknown_name_message("sequence of the label", options.label_on, sequences, ""));
  for (const auto& [name, value] : options.raw.labels) {
    require(!name.empty() && value >= 1 && value <= 255, fmt::format("label {} is {}; must be in [1, 255]", in_quotes(name), value));
  }
}

/// What decides a volume besides its inputs.
json parameters_of(const PrepareSiberianOptions& options) {
  return {{"sequences", options.raw.sequences},
          {"size", options.size},
          {"spacing_mm", options.spacing_mm},
          {"crop", options.crop},
          {"bias_field", options.bias_field},
          {"registration", options.registration},
          {"registration_points", options.registration_points},
          {"label_on", options.label_on},
          {"low_percentile", options.low_percentile},
          {"high_percentile", options.high_percentile}};
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

/// Air, its noise included, is below this part of the way from the darkest to the 99th percentile of T1CE; fluid is above it.
float head_threshold(const Image& volume) {
  std::vector<float> values(volume.data<float>(), volume.data<float>() + volume.voxels());
  std::erase_if(values, [](float value) { return !std::isfinite(value); });
  if (values.empty()) return 0;
  const auto bright = values.begin() + static_cast<int64_t>(0.99 * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), bright, values.end());
  const float high = *bright, low = *std::min_element(values.begin(), values.end());
  return low + 0.15F * (high - low);
}

/// First and last place along each axis whose plane shows head in more than a fiftieth of its voxels; noise shows in less.
struct Box {
  std::array<int64_t, 3> first{}, last{};
};

std::optional<Box> head_box(const Image& volume, float threshold) {
  std::array<std::vector<int64_t>, 3> counts;
  for (size_t axis = 0; axis < 3; ++axis) counts[axis].resize(static_cast<size_t>(volume.size[axis]));
  const float* value = volume.data<float>();
  for (int64_t z = 0; z < volume.size[2]; ++z) {
    for (int64_t y = 0; y < volume.size[1]; ++y) {
      for (int64_t x = 0; x < volume.size[0]; ++x, ++value) {
        if (!(*value > threshold)) continue;
        ++counts[0][static_cast<size_t>(x)];
        ++counts[1][static_cast<size_t>(y)];
        ++counts[2][static_cast<size_t>(z)];
      }
    }
  }
  Box box;
  for (size_t axis = 0; axis < 3; ++axis) {
    const int64_t least = volume.voxels() / volume.size[axis] / 50;
    const auto shows = [&](int64_t count) { return count > least; };
    const auto first = std::find_if(counts[axis].begin(), counts[axis].end(), shows);
    if (first == counts[axis].end()) return std::nullopt;
    box.first[axis] = first - counts[axis].begin();
    box.last[axis] = counts[axis].rend() - std::find_if(counts[axis].rbegin(), counts[axis].rend(), shows) - 1;
  }
  return box;
}

/// The common grid: axes of T1CE, `size` x `size` voxels around the head. With T1CE's own spacing its voxels are kept as they are.
Grid common_grid(const Image& reference, const PrepareSiberianOptions& options, const RawVolume& file) {
  Box box{{0, 0, 0}, {reference.size[0] - 1, reference.size[1] - 1, reference.size[2] - 1}};
  if (options.crop) {
    const std::optional<Box> head = head_box(reference, head_threshold(reference));
    if (!head) throw Excluded{fmt::format("{}: shows no head", file.file)};
    box = *head;
  }
  const AffineTransform place = imaging::index_to_point(reference.geometry);
  Grid grid{{options.size, options.size, 0}, reference.geometry};
  imaging::Point first{};
  for (size_t axis = 0; axis < 3; ++axis) {
    const double own_mm = reference.geometry.spacing_mm[axis];
    const double step_mm = options.spacing_mm > 0 ? options.spacing_mm : own_mm;
    const auto span = static_cast<double>(box.last[axis] - box.first[axis]);
    grid.geometry.spacing_mm[axis] = step_mm;
    if (axis == 2) {
      grid.size[2] = static_cast<int64_t>(std::floor(span * own_mm / step_mm + 1e-6)) + 1;
      first[2] = static_cast<double>(box.first[2]);
      continue;
    }
    const double side_mm = step_mm * static_cast<double>(options.size - 1);
    if (options.crop && span * own_mm > side_mm + step_mm) {
      throw_data_error(fmt::format("{}: the head spans {:.0f} mm, the grid {:.0f} mm ({} voxels of {:.3g} mm); set --size or --spacing-mm",
                                   file.file, (span + 1) * own_mm, side_mm + step_mm, options.size, step_mm));
    }
    first[axis] = 0.5 * static_cast<double>(box.first[axis] + box.last[axis]) - 0.5 * side_mm / own_mm;
    if (options.spacing_mm == 0) first[axis] = std::floor(first[axis] + 0.5);
  }
  grid.geometry.origin_mm = map_point(place, first);
  return grid;
}

/// The value at a percentile, linear between neighbours; reorders the values.
double percentile(std::vector<float>& values, double percent) {
  const double rank = percent / 100 * static_cast<double>(values.size() - 1);
  const auto below = static_cast<int64_t>(rank);
  std::nth_element(values.begin(), values.begin() + below, values.end());
  const double low = values[static_cast<size_t>(below)];
  if (static_cast<size_t>(below) + 1 == values.size()) return low;
  const double high = *std::min_element(values.begin() + below + 1, values.end());
  return low + (high - low) * (rank - static_cast<double>(below));
}

struct Scale {
  double low = 0, high = 0;
};

/// Percentiles over the head; voxels outside of the scan (0 after resampling) do not count.
Scale scale_of(const Image& image, const std::vector<bool>& head, const PrepareSiberianOptions& options) {
  std::vector<float> values;
  for (int64_t i = 0; i < image.voxels(); ++i) {
    const float value = image.data<float>()[i];
    if (head[static_cast<size_t>(i)] && value != 0 && std::isfinite(value)) values.push_back(value);
  }
  if (values.empty()) return {};
  const double low = percentile(values, options.low_percentile);
  return {low, percentile(values, options.high_percentile)};
}

void append_scaled(const Image& image, const Scale& scale, std::vector<uint16_t>& out) {
  const double range = scale.high - scale.low;
  for (int64_t i = 0; i < image.voxels(); ++i) {
    const double part = std::clamp((static_cast<double>(image.data<float>()[i]) - scale.low) / range, 0.0, 1.0);
    out.push_back(std::isfinite(part) ? static_cast<uint16_t>(std::lround(part * kFullScale)) : uint16_t{0});
  }
}

/// Letters of a table that are no UTF-8 become replacement marks.
std::string text_of(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

json to_json(const AffineTransform& transform) {
  return {{"matrix", transform.matrix}, {"translation_mm", transform.translation_mm}, {"centre_mm", transform.centre_mm}};
}

json to_json(const RegistrationResult& result) {
  json stored = to_json(result.fixed_to_moving);
  stored["shift_mm"] = result.shift_mm;
  stored["angle_deg"] = result.angle_deg;
  stored["information_start"] = result.information_start;
  stored["information"] = result.information;
  stored["information_nearby"] = result.information_nearby;
  stored["overlap"] = result.overlap;
  return stored;
}

/// One subject from its files to its volume's file.
class Preparation {
 public:
  Preparation(const RawSubject& subject, const RawSet& set, const PrepareSiberianOptions& options)
      : subject_(subject), set_(set), options_(options) {}

  /// Throws Excluded where a registration fails.
  void run(const fs::path& file, json provenance) {
    read_volumes();
    json registration = json::object();
    for (const std::string& sequence : options_.raw.sequences) {
      if (sequence == kReference) continue;
      if (options_.registration == "rigid") registration[sequence] = register_one(sequence);
    }
    const Grid grid = common_grid(volumes_.at(kReference), options_, subject_.sequences.at(kReference));
    const Image label = label_on(grid);
    std::vector<uint16_t> images;
    images.reserve(static_cast<size_t>(grid.size[0] * grid.size[1] * grid.size[2]) * options_.raw.sequences.size());
    provenance["intensity"] = scale_all(grid, images);
    provenance["registration"] = registration;
    provenance["geometry"] = {
        {"spacing_mm", grid.geometry.spacing_mm}, {"origin_mm", grid.geometry.origin_mm}, {"direction", grid.geometry.direction}};
    const std::string text = text_of(provenance);
    imaging::write_hdf5(file, {{"images",
                                {PixelType::u16,
                                 {static_cast<int64_t>(options_.raw.sequences.size()), grid.size[2], grid.size[1], grid.size[0]},
                                 std::as_bytes(std::span(images))}},
                               {"label", {PixelType::u8, {grid.size[2], grid.size[1], grid.size[0]}, label.bytes}},
                               {"provenance", {PixelType::u8, {static_cast<int64_t>(text.size())}, std::as_bytes(std::span(text))}}});
  }

 private:
  Image read_upright(const RawVolume& volume) const {
    const Image image = read_raw(volume);
    return reorder_axes(image, imaging::order_to_lps(image.geometry));
  }

  void read_volumes() {
    for (const std::string& sequence : options_.raw.sequences) {
      const RawVolume& volume = subject_.sequences.at(sequence);
      Image image = convert(read_upright(volume), PixelType::f32);
      if (options_.bias_field) image = imaging::correct_bias_field(image, {}, volume.file);
      volumes_[sequence] = std::move(image);
      transforms_[sequence] = {};
    }
  }

  json register_one(const std::string& sequence) {
    imaging::RegistrationOptions options;
    options.points = options_.registration_points;
    const RawVolume &fixed = subject_.sequences.at(kReference), &moving = subject_.sequences.at(sequence);
    const RegistrationResult result = register_rigid(volumes_.at(kReference), volumes_.at(sequence), options, fixed.file, moving.file);
    if (!result.failure.empty()) throw Excluded{fmt::format("registration of {} failed: {}", sequence, result.failure)};
    transforms_[sequence] = result.fixed_to_moving;
    return to_json(result);
  }

  Image label_on(const Grid& grid) const {
    const Image drawn = read_upright(subject_.label);
    require_known_labels(drawn, set_.labels, subject_.label.file);
    return resample(convert(drawn, PixelType::u8), grid, transforms_.at(options_.label_on), {.is_label = true});
  }

  json scale_all(const Grid& grid, std::vector<uint16_t>& images) {
    json intensity;
    const Image reference = resample(volumes_.at(kReference), grid, {});
    const float threshold = head_threshold(reference);
    std::vector<bool> head(static_cast<size_t>(reference.voxels()));
    for (size_t i = 0; i < head.size(); ++i) head[i] = reference.data<float>()[i] > threshold;
    for (const std::string& sequence : options_.raw.sequences) {
      const Image image = sequence == kReference ? reference : resample(volumes_.at(sequence), grid, transforms_.at(sequence));
      volumes_.at(sequence) = {};  // frees memory: each is used once
      const Scale scale = scale_of(image, head, options_);
      if (!(scale.high > scale.low)) throw Excluded{fmt::format("{}: shows nothing in the head", subject_.sequences.at(sequence).file)};
      append_scaled(image, scale, images);
      intensity[sequence] = {{"low", scale.low}, {"high", scale.high}};
    }
    return intensity;
  }

  const RawSubject& subject_;
  const RawSet& set_;
  const PrepareSiberianOptions& options_;
  std::map<std::string, Image> volumes_;
  std::map<std::string, AffineTransform> transforms_;
};

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

/// All that is needed of the whole set while its subjects are prepared.
class Work {
 public:
  Work(const PrepareSiberianOptions& options, const fs::path& out, const PrepareProgress& progress)
      : options_(options), out_(out), progress_(progress), set_(find_siberian(options.raw)) {}

  PrepareReport run() {
    require_apart();
    make_folder(out_ / kSiberianVolumes);
    const FileLock lock(out_ / ".lock");
    remove_unfinished_files(out_ / kSiberianVolumes);
    check_labels();
    prepared_.resize(set_.subjects.size());
    keys_.resize(set_.subjects.size());
    ThreadPool pool(workers_for(set_, options_));
    pool.for_each(set_.subjects.size(), [&](size_t i) { prepare(i); });
    if (interrupted()) throw_run_error("interrupted; the same command goes on with what is missing");
    write_results();
    const bool has_any = std::any_of(prepared_.begin(), prepared_.end(), [](const PreparedSubject& one) { return one.failure.empty(); });
    if (!has_any) throw_data_error(fmt::format("every subject is excluded; the first is {}: {}", prepared_[0].name, prepared_[0].failure));
    return {prepared_, set_.findings, set_.is_phantom};
  }

 private:
  void require_apart() const {
    const fs::path data = fs::weakly_canonical(set_.root), target = fs::weakly_canonical(out_);
    const auto [end, ignored] = std::mismatch(data.begin(), data.end(), target.begin(), target.end());
    if (end == data.end()) throw_usage_error(fmt::format("prepare: {} is inside of the data, which is never written to", out_.string()));
  }

  /// Before hours of work.
  void check_labels() const {
    ThreadPool pool(workers_for(set_, options_));
    pool.for_each(set_.subjects.size(), [&](size_t i) {
      const RawVolume& label = set_.subjects[i].label;
      require_known_labels(read_raw(label), set_.labels, label.file);
    });
  }

  void prepare(size_t i) {
    if (interrupted()) return;
    const RawSubject& subject = set_.subjects[i];
    PreparedSubject& prepared = prepared_[i];
    prepared.name = subject.name();
    const fs::path file = siberian_volume_file(out_, prepared.name);
    try {
      const json provenance = provenance_of(subject);
      keys_[i] = provenance.at("key").get<std::string>();
      prepared.was_kept = holds(file, keys_[i]);
      if (!prepared.was_kept) Preparation(subject, set_, options_).run(file, provenance);
      count_slices(file, prepared);
    } catch (const Excluded& excluded) {
      prepared.failure = excluded.reason;
      std::error_code ignored;
      fs::remove(file, ignored);  // of earlier parameters
    } catch (const Error& error) {
      throw error.with_context("subject " + prepared.name);
    }
    const std::lock_guard lock(mutex_);
    ++done_;
    if (progress_) progress_(done_, static_cast<int64_t>(set_.subjects.size()), prepared);
  }

  json provenance_of(const RawSubject& subject) const {
    json provenance{{"format", "larmor siberian cache"}, {"version", kSiberianVersion},           {"subject", subject.subject},
                    {"session", subject.session},        {"sequences", options_.raw.sequences},   {"labels", set_.labels},
                    {"metadata", subject.metadata},      {"parameters", parameters_of(options_)}, {"inputs", inputs_of(subject)}};
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
  const auto reference = static_cast<size_t>(std::find(sequences.begin(), sequences.end(), kReference) - sequences.begin());
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
  check(options);
  return Work(options, out, progress).run();
}

}  // namespace larmor::datasets
