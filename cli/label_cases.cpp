#include "cli/label_cases.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <optional>

#include "core/error.h"
#include "datasets/sequence_names.h"
#include "imaging/io.h"
#include "imaging/orient.h"
#include "imaging/seg_nrrd.h"

namespace larmor::cli {

namespace {

namespace fs = std::filesystem;
using imaging::Geometry;
using imaging::Image;
using imaging::PixelType;

constexpr double kSameGrid = 1e-3;  // mm, and parts of a voxel: files round what they store
constexpr int64_t kMostSlices = 100000;

bool is_seg_nrrd(const fs::path& file) { return file.filename().string().ends_with(".seg.nrrd"); }

/// Without the extension: "a.seg.nrrd" → "a.seg", "a.nii.gz" → "a".
std::string stem_of(const fs::path& file) {
  const fs::path stem = file.filename().stem();
  return stem.extension() == ".nii" ? stem.stem().string() : stem.string();
}

bool is_slice_file(const fs::path& file) {
  const std::string extension = file.extension().string();
  return extension == ".tif" || extension == ".tiff" || extension == ".png";
}

std::optional<datasets::SequenceName> named(const fs::path& file) { return datasets::sequence_of_name(stem_of(file)); }

bool is_named_label(const fs::path& file) {
  const auto name = named(file);
  return name && name->sequence == "label";
}

std::vector<fs::path> images_below(const fs::path& root) {
  std::vector<fs::path> files;
  std::error_code failed;
  fs::path here = root;
  for (fs::recursive_directory_iterator entry(root, failed), end; !failed && entry != end; entry.increment(failed)) {
    here = entry->path();
    std::error_code ignored;
    if (entry->is_regular_file(ignored) && imaging::has_known_extension(here)) files.push_back(here);
  }
  if (failed) throw_data_error(fmt::format("{}: cannot be read: {}", here.string(), failed.message()));
  std::sort(files.begin(), files.end());
  return files;
}

/// Those that are masks by their names; where no name says so, all but sequences.
std::vector<fs::path> masks_of(const std::vector<fs::path>& images) {
  std::vector<fs::path> masks;
  std::copy_if(images.begin(), images.end(), std::back_inserter(masks), is_named_label);
  if (!masks.empty()) return masks;
  std::copy_if(images.begin(), images.end(), std::back_inserter(masks), [](const fs::path& file) { return !named(file); });
  return masks;
}

/// The name in front of "label", "mask" …; where that is all, the folder's; a name of its own otherwise.
std::string case_name(const fs::path& file, const fs::path& root) {
  const auto name = named(file);
  if (!name || name->sequence != "label") return stem_of(file);
  if (!name->prefix.empty()) return name->prefix;
  return file.parent_path() == root ? stem_of(file) : file.parent_path().filename().string();
}

/// "scan_12" → {"scan", 12}, "12" → {the folder's name, 12}; without a number {"scan", 0}.
std::pair<std::string, int64_t> split_number(const std::string& name, const std::string& folder) {
  constexpr size_t kMostDigits = 15;
  size_t digits = 0;
  while (digits < name.size() && std::isdigit(static_cast<unsigned char>(name[name.size() - 1 - digits]))) ++digits;
  if (digits == 0 || digits > kMostDigits) return {name, 0};
  const std::string number = name.substr(name.size() - digits);
  std::string prefix = name.substr(0, name.size() - digits);
  while (prefix.size() > 1 && (prefix.back() == '_' || prefix.back() == '-')) prefix.pop_back();
  return {prefix.empty() ? folder : prefix, std::stoll(number)};
}

[[noreturn]] void refuse_twice(const fs::path& a, const fs::path& b, const std::string& name) {
  throw_data_error(fmt::format("{} and {} are both masks of {}; leave one", a.string(), b.string(), in_quotes(name)));
}

void add(std::map<std::string, LabelCase>& cases, const fs::path& file, const fs::path& root) {
  const std::string stem = case_name(file, root);
  if (!is_slice_file(file)) {
    const auto [found, is_new] = cases.try_emplace(stem, LabelCase{stem, {file}, {}, true});
    if (!is_new) refuse_twice(found->second.files[0], file, stem);
    return;
  }
  const auto [name, number] = split_number(stem, file.parent_path().filename().string());
  LabelCase& stack = cases.try_emplace(name, LabelCase{name, {}, {}, false}).first->second;
  if (stack.is_volume) refuse_twice(stack.files[0], file, name);
  const auto place = std::lower_bound(stack.numbers.begin(), stack.numbers.end(), number);
  const auto at = place - stack.numbers.begin();
  if (place != stack.numbers.end() && *place == number) {
    refuse_twice(stack.files[static_cast<size_t>(at)], file, fmt::format("{}, slice {}", name, number));
  }
  stack.numbers.insert(place, number);
  stack.files.insert(stack.files.begin() + at, file);
}

/// Labels as u8. Error (data) for what is none.
Image to_labels(const Image& image, const fs::path& file) {
  if (image.channels != 1) {
    throw_data_error(fmt::format("{}: {}; a mask has one", file.string(),
                                 is_seg_nrrd(file) ? fmt::format("{} layers of segments that overlap", image.channels)
                                                   : fmt::format("{} channels", image.channels)));
  }
  const Image values = convert(image, PixelType::f32);
  for (int64_t i = 0; i < values.voxels(); ++i) {
    const float value = values.data<float>()[i];
    if (value >= 0 && value <= 255 && value == std::floor(value)) continue;
    throw_data_error(fmt::format("{}: value {:g}; labels are whole numbers from 0 to 255", file.string(), value));
  }
  Image labels = convert(image, PixelType::u8);
  labels.geometry = image.geometry;
  return labels;
}

/// Pictures of masks are 0 and 255.
void lower_full_range(Image& labels) {
  uint8_t* pixels = labels.data<uint8_t>();
  const bool is_picture = std::all_of(pixels, pixels + labels.voxels(), [](uint8_t value) { return value == 0 || value == 255; });
  if (is_picture) std::replace(pixels, pixels + labels.voxels(), uint8_t{255}, uint8_t{1});
}

/// A reading in memory.
struct Reading {
  Image labels;
  std::vector<imaging::Segment> segments;  ///< of a .seg.nrrd
};

Reading load_volume(const fs::path& file) {
  Reading reading;
  if (is_seg_nrrd(file)) {
    imaging::Segmentation segmentation = imaging::read_seg_nrrd(file);
    reading.labels = to_labels(segmentation.labels, file);
    reading.segments = std::move(segmentation.segments);
  } else {
    reading.labels = to_labels(imaging::read_image(file), file);
  }
  reading.labels = imaging::reorder_axes(reading.labels, imaging::order_to_lps(reading.labels.geometry));
  return reading;
}

std::string size_text(const Image& image) { return fmt::format("{} x {}", image.width(), image.height()); }

Reading load_slices(const LabelCase& one) {
  const int64_t first = one.numbers.front(), last = one.numbers.back();
  if (last - first >= kMostSlices) {
    throw_data_error(fmt::format("{}: its number is {} above that of {}, more than {} slices apart", one.files.back().string(),
                                 last - first, one.files.front().string(), kMostSlices));
  }
  Reading reading;
  for (size_t i = 0; i < one.files.size(); ++i) {
    const Image slice = to_labels(imaging::read_image(one.files[i]), one.files[i]);
    if (i == 0) reading.labels = Image::make({slice.width(), slice.height(), last - first + 1}, 1, PixelType::u8);
    Image& stack = reading.labels;
    if (slice.width() != stack.width() || slice.height() != stack.height() || slice.depth() != 1) {
      throw_data_error(fmt::format("{}: {}{}, but {} is {}", one.files[i].string(), size_text(slice),
                                   slice.depth() == 1 ? "" : fmt::format(" x {}", slice.depth()), one.files[0].string(), size_text(stack)));
    }
    std::copy(slice.bytes.begin(), slice.bytes.end(), stack.bytes.begin() + (one.numbers[i] - first) * stack.width() * stack.height());
  }
  return reading;
}

Reading load(const LabelCase& one) {
  Reading reading = one.is_volume ? load_volume(one.files[0]) : load_slices(one);
  lower_full_range(reading.labels);
  return reading;
}

void require_same_slices(const LabelCase& first, const LabelCase& second) {
  const auto require_all = [](const LabelCase& has, const LabelCase& lacks) {
    std::vector<int64_t> missing;
    std::set_difference(has.numbers.begin(), has.numbers.end(), lacks.numbers.begin(), lacks.numbers.end(), std::back_inserter(missing));
    if (missing.empty()) return;
    throw_data_error(fmt::format("{}: has no mask of slice {}{}, unlike {}", lacks.files[0].parent_path().string(), missing[0],
                                 missing.size() == 1 ? "" : fmt::format(" and {} more", missing.size() - 1),
                                 has.files[0].parent_path().string()));
  };
  require_all(first, second);
  require_all(second, first);
}

std::string grid_text(const Image& image) {
  const std::string size = fmt::format("{} x {} x {} voxels", image.size[0], image.size[1], image.size[2]);
  const auto& mm = image.geometry.spacing_mm;
  return image.geometry.has_spacing ? fmt::format("{} of {:g} x {:g} x {:g} mm", size, mm[0], mm[1], mm[2]) : size;
}

[[noreturn]] void refuse_grids(const fs::path& first, const Image& a, const fs::path& second, const Image& b) {
  throw_data_error(fmt::format("{}: {}, but {} has {}{}; both readings must lie on one grid", second.string(), grid_text(b), first.string(),
                               grid_text(a), grid_text(a) == grid_text(b) ? " and lies elsewhere" : ""));
}

bool is_near(double a, double b) { return std::abs(a - b) <= kSameGrid; }

/// Where the second's first voxel lies in the first's grid; nothing when the grids differ in more than their extent.
std::optional<std::array<int64_t, 3>> offset_of(const Geometry& first, const Geometry& second) {
  for (size_t i = 0; i < 3; ++i) {
    if (!is_near(first.spacing_mm[i], second.spacing_mm[i])) return std::nullopt;
  }
  for (size_t i = 0; i < 9; ++i) {
    if (!is_near(first.direction[i], second.direction[i])) return std::nullopt;
  }
  std::array<int64_t, 3> offset{};
  for (size_t axis = 0; axis < 3; ++axis) {
    double along = 0;  // directions are orthonormal
    for (size_t row = 0; row < 3; ++row) along += first.direction[3 * row + axis] * (second.origin_mm[row] - first.origin_mm[row]);
    const double voxels = along / first.spacing_mm[axis];
    if (!(std::abs(voxels) < static_cast<double>(kMostSlices)) || std::abs(voxels - std::round(voxels)) > kSameGrid * 10)
      return std::nullopt;
    offset[axis] = static_cast<int64_t>(std::llround(voxels));
  }
  return offset;
}

/// The image at `at` in a background of this size.
Image placed(const Image& image, const std::array<int64_t, 3>& at, const std::array<int64_t, 3>& size, const Geometry& geometry) {
  Image whole = Image::make(size, 1, PixelType::u8);
  whole.geometry = geometry;
  for (int64_t z = 0; z < image.depth(); ++z) {
    for (int64_t y = 0; y < image.height(); ++y) {
      const uint8_t* row = image.data<uint8_t>() + (z * image.height() + y) * image.width();
      uint8_t* to = whole.data<uint8_t>() + ((z + at[2]) * size[1] + y + at[1]) * size[0] + at[0];
      std::copy(row, row + image.width(), to);
    }
  }
  return whole;
}

/// Both on the grid around both, where only a .seg.nrrd may cover less than that.
TwoReadings on_one_grid(const fs::path& first_file, Image first, const fs::path& second_file, Image second) {
  const std::optional<std::array<int64_t, 3>> offset = offset_of(first.geometry, second.geometry);
  if (!offset || first.geometry.has_spacing != second.geometry.has_spacing) refuse_grids(first_file, first, second_file, second);
  if (first.size == second.size && *offset == std::array<int64_t, 3>{0, 0, 0}) return {std::move(first), std::move(second)};
  std::array<int64_t, 3> low{}, size{}, first_at{}, second_at{};
  Geometry geometry = first.geometry;
  int64_t voxels = 1;
  for (size_t axis = 0; axis < 3; ++axis) {
    low[axis] = std::min<int64_t>(0, (*offset)[axis]);
    size[axis] = std::max(first.size[axis], (*offset)[axis] + second.size[axis]) - low[axis];
    first_at[axis] = -low[axis];
    second_at[axis] = (*offset)[axis] - low[axis];
    voxels *= size[axis];
    for (size_t row = 0; row < 3; ++row) {
      geometry.origin_mm[row] += static_cast<double>(low[axis]) * geometry.spacing_mm[axis] * geometry.direction[3 * row + axis];
    }
  }
  constexpr int64_t kMostVoxels = int64_t{1} << 31;
  const bool first_fits = first.size == size || is_seg_nrrd(first_file), second_fits = second.size == size || is_seg_nrrd(second_file);
  if (!first_fits || !second_fits || voxels > kMostVoxels) refuse_grids(first_file, first, second_file, second);
  return {placed(first, first_at, size, geometry), placed(second, second_at, size, geometry)};
}

void require_same_segments(const fs::path& first_file, const Reading& first, const fs::path& second_file, const Reading& second) {
  for (const imaging::Segment& a : first.segments) {
    for (const imaging::Segment& b : second.segments) {
      if (a.name != b.name || a.label_value == b.label_value) continue;
      throw_data_error(fmt::format("{}: its segment {} has label {}, in {} it has {}; give it one label in both", second_file.string(),
                                   in_quotes(b.name), b.label_value, first_file.string(), a.label_value));
    }
  }
}

}  // namespace

std::map<std::string, LabelCase> find_label_cases(const std::string& place) {
  std::error_code ignored;
  std::map<std::string, LabelCase> cases;
  if (fs::is_regular_file(place, ignored)) {
    if (!imaging::has_known_extension(place)) {
      throw_usage_error(fmt::format("{}: cannot read this kind of file; allowed: {}", place, imaging::known_extensions()));
    }
    add(cases, place, fs::path(place).parent_path());
    return cases;
  }
  if (!fs::is_directory(place, ignored)) throw_usage_error(place + ": no such file or folder");
  const std::vector<fs::path> images = images_below(place);
  for (const fs::path& file : masks_of(images))
    add(cases, file, fs::path(place).has_filename() ? fs::path(place) : fs::path(place).parent_path());
  if (cases.empty()) {
    throw_data_error(fmt::format("{}: holds no mask ({}){}", place, imaging::known_extensions(),
                                 images.empty() ? "" : "; its images are named like sequences, masks like <case>_mask or <case>/label"));
  }
  return cases;
}

TwoReadings load_readings(const LabelCase& first, const LabelCase& second) {
  if (!first.is_volume && !second.is_volume) require_same_slices(first, second);
  Reading a = load(first), b = load(second);
  require_same_segments(first.files[0], a, second.files[0], b);
  return on_one_grid(first.files[0], std::move(a.labels), second.files[0], std::move(b.labels));
}

}  // namespace larmor::cli
