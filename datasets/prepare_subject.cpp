#include "datasets/prepare_subject.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/error.h"
#include "imaging/bias_field.h"
#include "imaging/orient.h"
#include "imaging/transform.h"

namespace larmor::datasets {

namespace {

using imaging::AffineTransform;
using imaging::Grid;
using imaging::Image;
using imaging::PixelType;
using imaging::RegistrationResult;
using nlohmann::json;

constexpr double kFullScale = 65535;

/// A subject that cannot be used, which is no fault of its files.
struct Excluded {
  std::string reason;
};

void require(bool is_allowed, const std::string& what) {
  if (!is_allowed) throw_usage_error("prepare: " + what);
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
Grid common_grid(const Image& reference, const PreparationOptions& options, const RawVolume& file) {
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

/// Percentiles over the head; voxels outside of the scan (0 after resampling) do not count.
IntensityRange range_of(const Image& image, const std::vector<bool>& head, const PreparationOptions& options) {
  std::vector<float> values;
  for (int64_t i = 0; i < image.voxels(); ++i) {
    const float value = image.data<float>()[i];
    if (head[static_cast<size_t>(i)] && value != 0 && std::isfinite(value)) values.push_back(value);
  }
  if (values.empty()) return {};
  const double low = percentile(values, options.low_percentile);
  return {low, percentile(values, options.high_percentile)};
}

void append_scaled(const Image& image, const IntensityRange& range, std::vector<uint16_t>& out) {
  const double width = range.high - range.low;
  for (int64_t i = 0; i < image.voxels(); ++i) {
    const double part = std::clamp((static_cast<double>(image.data<float>()[i]) - range.low) / width, 0.0, 1.0);
    out.push_back(std::isfinite(part) ? static_cast<uint16_t>(std::lround(part * kFullScale)) : uint16_t{0});
  }
}

/// One subject from its files to its volume.
class Preparation {
 public:
  Preparation(const RawSubject& subject, const std::vector<std::string>& sequences, const PreparationOptions& options)
      : subject_(subject), sequences_(sequences), options_(options) {}

  /// Throws Excluded where a registration fails.
  PreparedVolume run(const std::map<std::string, int64_t>& labels) {
    prepared_.sequences = static_cast<int64_t>(sequences_.size());
    read_volumes();
    for (const std::string& sequence : sequences_) {
      if (sequence != kReferenceSequence && options_.registration == "rigid") register_one(sequence);
    }
    prepared_.grid = common_grid(volumes_.at(kReferenceSequence), options_, subject_.sequences.at(kReferenceSequence));
    if (!labels.empty()) prepared_.label = label_on_grid(labels);
    scale_all();
    return std::move(prepared_);
  }

 private:
  void read_volumes() {
    for (const std::string& sequence : sequences_) {
      const RawVolume& volume = subject_.sequences.at(sequence);
      const Image stored = read_raw(volume);
      if (sequence == kReferenceSequence) prepared_.scan = grid_of(stored);
      Image image = convert(upright(stored), PixelType::f32);
      if (options_.bias_field) image = imaging::correct_bias_field(image, {}, volume.file);
      volumes_[sequence] = std::move(image);
      transforms_[sequence] = {};
    }
  }

  static Image upright(const Image& image) { return reorder_axes(image, imaging::order_to_lps(image.geometry)); }

  void register_one(const std::string& sequence) {
    imaging::RegistrationOptions options;
    options.points = options_.registration_points;
    const RawVolume &fixed = subject_.sequences.at(kReferenceSequence), &moving = subject_.sequences.at(sequence);
    RegistrationResult result = register_rigid(volumes_.at(kReferenceSequence), volumes_.at(sequence), options, fixed.file, moving.file);
    if (!result.failure.empty()) throw Excluded{fmt::format("registration of {} failed: {}", sequence, result.failure)};
    transforms_[sequence] = result.fixed_to_moving;
    prepared_.registration[sequence] = std::move(result);
  }

  Image label_on_grid(const std::map<std::string, int64_t>& labels) const {
    const Image drawn = upright(read_raw(subject_.label));
    require_known_labels(drawn, labels, subject_.label.file);
    return resample(convert(drawn, PixelType::u8), prepared_.grid, transforms_.at(options_.label_on), {.is_label = true});
  }

  void scale_all() {
    const Grid& grid = prepared_.grid;
    prepared_.images.reserve(static_cast<size_t>(grid.size[0] * grid.size[1] * grid.size[2]) * sequences_.size());
    const Image reference = resample(volumes_.at(kReferenceSequence), grid, {});
    const float threshold = head_threshold(reference);
    std::vector<bool> head(static_cast<size_t>(reference.voxels()));
    for (size_t i = 0; i < head.size(); ++i) head[i] = reference.data<float>()[i] > threshold;
    for (const std::string& sequence : sequences_) {
      const Image image = sequence == kReferenceSequence ? reference : resample(volumes_.at(sequence), grid, transforms_.at(sequence));
      volumes_.at(sequence) = {};  // frees memory: each is used once
      const IntensityRange range = range_of(image, head, options_);
      if (!(range.high > range.low)) throw Excluded{fmt::format("{}: shows nothing in the head", subject_.sequences.at(sequence).file)};
      append_scaled(image, range, prepared_.images);
      prepared_.intensity[sequence] = range;
    }
  }

  const RawSubject& subject_;
  const std::vector<std::string>& sequences_;
  const PreparationOptions& options_;
  std::map<std::string, Image> volumes_;
  std::map<std::string, AffineTransform> transforms_;
  PreparedVolume prepared_;
};

PreparationOptions read_options(const json& stored) {
  PreparationOptions options;
  stored.at("size").get_to(options.size);
  stored.at("spacing_mm").get_to(options.spacing_mm);
  stored.at("crop").get_to(options.crop);
  stored.at("bias_field").get_to(options.bias_field);
  stored.at("registration").get_to(options.registration);
  stored.at("label_on").get_to(options.label_on);
  stored.at("registration_points").get_to(options.registration_points);
  stored.at("low_percentile").get_to(options.low_percentile);
  stored.at("high_percentile").get_to(options.high_percentile);
  return options;
}

}  // namespace

void check(const PreparationOptions& options, const std::vector<std::string>& sequences) {
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
  const std::vector<std::string> known{"T1", "T1CE", "T2", "FLAIR"};
  for (const std::string& sequence : sequences) {
    require(std::find(known.begin(), known.end(), sequence) != known.end(), unknown_name_message("sequence", sequence, known, ""));
    require(std::count(sequences.begin(), sequences.end(), sequence) == 1, fmt::format("sequence {} is named twice", sequence));
  }
  require(std::find(sequences.begin(), sequences.end(), kReferenceSequence) != sequences.end(),
          "T1CE must be among the sequences: the others are registered to it");
}

json to_json(const PreparationOptions& options) {
  return {{"size", options.size},
          {"spacing_mm", options.spacing_mm},
          {"crop", options.crop},
          {"bias_field", options.bias_field},
          {"registration", options.registration},
          {"registration_points", options.registration_points},
          {"label_on", options.label_on},
          {"low_percentile", options.low_percentile},
          {"high_percentile", options.high_percentile}};
}

PreparationOptions preparation_from(const json& stored, const std::string& file) {
  try {
    PreparationOptions options = read_options(stored);
    check(options, {kReferenceSequence});
    return options;
  } catch (const json::exception&) {
    throw_data_error(file + ": how its volumes were prepared is damaged: a fact is missing or of another kind");
  } catch (const Error& error) {
    throw_data_error(fmt::format("{}: how its volumes were prepared is damaged: {}", file, error.what()));
  }
}

Image PreparedVolume::image(size_t sequence, int64_t z) const {
  LARMOR_ASSERT(static_cast<int64_t>(sequence) < sequences && z >= 0 && z < grid.size[2]);
  Image slice = Image::make({grid.size[0], grid.size[1], 1}, 1, PixelType::u16);
  slice.geometry = grid.geometry;
  slice.geometry.origin_mm = map_point(imaging::index_to_point(grid.geometry), {0, 0, static_cast<double>(z)});
  const auto first = (static_cast<int64_t>(sequence) * grid.size[2] + z) * slice.voxels();
  std::copy_n(images.begin() + first, slice.voxels(), slice.data<uint16_t>());
  return slice;
}

PreparedVolume prepare_subject(const RawSubject& subject, const std::vector<std::string>& sequences, const PreparationOptions& options,
                               const std::map<std::string, int64_t>& labels) {
  try {
    return Preparation(subject, sequences, options).run(labels);
  } catch (const Excluded& excluded) {
    PreparedVolume nothing;
    nothing.failure = excluded.reason;
    return nothing;
  }
}

Image to_scan(const Image& prepared, const Grid& scan, double outside) {
  return resample(prepared, scan, {}, {.is_label = prepared.type != PixelType::f32, .outside = outside});
}

json to_json(const RegistrationResult& result) {
  const AffineTransform& transform = result.fixed_to_moving;
  return {{"matrix", transform.matrix},        {"translation_mm", transform.translation_mm},
          {"centre_mm", transform.centre_mm},  {"shift_mm", result.shift_mm},
          {"angle_deg", result.angle_deg},     {"information_start", result.information_start},
          {"information", result.information}, {"information_nearby", result.information_nearby},
          {"overlap", result.overlap}};
}

json to_json(const imaging::Geometry& geometry) {
  return {{"spacing_mm", geometry.spacing_mm}, {"origin_mm", geometry.origin_mm}, {"direction", geometry.direction}};
}

}  // namespace larmor::datasets
