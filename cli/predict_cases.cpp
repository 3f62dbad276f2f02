#include "cli/predict_cases.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <set>

#include "cli/predict_output.h"
#include "core/error.h"
#include "core/files.h"
#include "imaging/draw.h"
#include "imaging/io.h"

namespace larmor::cli {

namespace {

namespace fs = std::filesystem;
using imaging::Image;
using imaging::PixelType;

constexpr double kLowPercentile = 0.5, kHighPercentile = 99.5;
constexpr double kSameGridMm = 1e-3;
constexpr int64_t kSheetTiles = 20, kSheetColumns = 5;

/// "brain.nii.gz" → {"brain", ".nii.gz"}.
std::pair<std::string, std::string> split_name(const fs::path& file) {
  const std::string name = file.filename().string();
  for (const char* extension : {".nii.gz", ".nii", ".nrrd", ".nhdr", ".tiff", ".tif", ".png"}) {
    const std::string suffix = extension;
    if (name.size() > suffix.size() && name.ends_with(suffix)) return {name.substr(0, name.size() - suffix.size()), suffix};
  }
  return {name, ""};
}

bool is_volume_file(const fs::path& file) { return split_name(file).second.starts_with(".nii"); }

/// "scan_12" → {"scan", 12}; no number: -1.
std::pair<std::string, int64_t> split_number(const std::string& stem) {
  constexpr size_t kMaxDigits = 15;
  size_t digits = 0;
  while (digits < std::min(stem.size(), kMaxDigits) && std::isdigit(static_cast<unsigned char>(stem[stem.size() - 1 - digits]))) ++digits;
  if (digits == 0) return {stem, -1};
  std::string prefix = stem.substr(0, stem.size() - digits);
  while (!prefix.empty() && (prefix.back() == '_' || prefix.back() == '-')) prefix.pop_back();
  return {prefix, std::stoll(stem.substr(stem.size() - digits))};
}

PredictCase single_case(const fs::path& file, const fs::path& folder) {
  const auto [stem, extension] = split_name(file);
  return {stem, folder, {file}, {std::max<int64_t>(0, split_number(stem).second)}, is_volume_file(file)};
}

std::vector<std::string> split_commas(const std::string& text) {
  std::vector<std::string> parts;
  size_t first = 0;
  while (true) {
    const size_t comma = text.find(',', first);
    parts.push_back(text.substr(first, comma - first));
    if (comma == std::string::npos) return parts;
    first = comma + 1;
  }
}

PredictCase sequences_case(const std::vector<std::string>& files) {
  PredictCase one{split_name(files[0]).first, "", {}, {}, true};
  for (const std::string& file : files) {
    if (!fs::exists(file)) throw_usage_error("--input: " + file + ": no such file");
    if (!is_volume_file(file)) throw_usage_error("--input: " + file + ": several sequences must be NIfTI files (.nii, .nii.gz)");
    one.files.emplace_back(file);
  }
  return one;
}

/// Every image below `root`, in a fixed order, without the masks that lie beside images.
std::vector<fs::path> images_below(const fs::path& root) {
  std::vector<fs::path> files;
  std::error_code failed;
  fs::path here = root;
  for (fs::recursive_directory_iterator entry(root, failed), end; !failed && entry != end; entry.increment(failed)) {
    here = entry->path();
    std::error_code ignored;
    if (!entry->is_regular_file(ignored) || !imaging::has_known_extension(here)) continue;
    if (!split_name(here).first.ends_with("_mask")) files.push_back(here);
  }
  if (failed) throw_data_error(fmt::format("{}: cannot be read: {}", here.string(), failed.message()));
  std::sort(files.begin(), files.end());
  return files;
}

void sort_by_number(PredictCase& one) {
  std::vector<std::pair<int64_t, fs::path>> order;
  for (size_t i = 0; i < one.files.size(); ++i) order.emplace_back(one.numbers[i], one.files[i]);
  std::sort(order.begin(), order.end());
  for (size_t i = 0; i < order.size(); ++i) std::tie(one.numbers[i], one.files[i]) = order[i];
}

void require_own_names(const std::vector<PredictCase>& cases) {
  std::map<fs::path, fs::path> seen;
  for (const PredictCase& one : cases) {
    for (const fs::path& file : one.files) {
      const auto [other, is_new] = seen.emplace(one.folder / split_name(file).first, file);
      if (is_new || one.is_volume != is_volume_file(other->second)) continue;
      throw_data_error(fmt::format("{} and {}: their results would have the same name; rename one", other->second.string(), file.string()));
    }
  }
}

std::vector<PredictCase> cases_of_folder(const fs::path& root) {
  std::map<std::pair<fs::path, std::string>, PredictCase> stacks;
  std::vector<PredictCase> cases;
  for (const fs::path& file : images_below(root)) {
    const fs::path folder = file.parent_path() == root ? fs::path() : fs::relative(file.parent_path(), root);
    if (is_volume_file(file)) {
      cases.push_back(single_case(file, folder));
      continue;
    }
    const auto [prefix, number] = split_number(split_name(file).first);
    PredictCase& stack = stacks[{folder, number < 0 ? split_name(file).first : prefix}];
    stack.name = prefix.empty() ? (folder.empty() ? root.filename() : folder).string() : prefix;
    stack.folder = folder;
    stack.files.push_back(file);
    stack.numbers.push_back(std::max<int64_t>(0, number));
  }
  for (auto& [key, stack] : stacks) {
    sort_by_number(stack);
    cases.push_back(std::move(stack));
  }
  if (cases.empty()) throw_data_error(fmt::format("{}: no images in this folder ({})", root.string(), imaging::known_extensions()));
  require_own_names(cases);
  return cases;
}

std::string grid_text(const imaging::ImageHeader& header) {
  return fmt::format("{} x {} x {} voxels of {:g} x {:g} x {:g} mm", header.size[0], header.size[1], header.size[2],
                     header.geometry.spacing_mm[0], header.geometry.spacing_mm[1], header.geometry.spacing_mm[2]);
}

bool same_grid(const imaging::ImageHeader& a, const imaging::ImageHeader& b) {
  const auto near = [](const auto& x, const auto& y) {
    return std::equal(x.begin(), x.end(), y.begin(), [](double p, double q) { return std::abs(p - q) <= kSameGridMm; });
  };
  return a.size == b.size && near(a.geometry.spacing_mm, b.geometry.spacing_mm) && near(a.geometry.origin_mm, b.geometry.origin_mm) &&
         near(a.geometry.direction, b.geometry.direction);
}

void require_slices_fit(const PredictCase& one, const std::vector<imaging::ImageHeader>& headers) {
  for (size_t i = 0; i < headers.size(); ++i) {
    if (headers[i].size[2] != 1)
      throw_data_error(fmt::format("{}: {} pages; give a volume as NIfTI", one.files[i].string(), headers[i].size[2]));
    if (headers[i].channels == headers[0].channels) continue;
    throw_data_error(fmt::format("{}: channels: {}, but {} has {}", one.files[i].string(), headers[i].channels, one.files[0].string(),
                                 headers[0].channels));
  }
}

void require_one_grid(const PredictCase& one, const std::vector<imaging::ImageHeader>& headers) {
  for (size_t i = 1; i < headers.size(); ++i) {
    if (same_grid(headers[0], headers[i])) continue;
    throw_data_error(fmt::format("{}: {}, but {} has {} or lies elsewhere; register the sequences to one grid first", one.files[i].string(),
                                 grid_text(headers[i]), one.files[0].string(), grid_text(headers[0])));
  }
}

bool is_empty(const Image& mask) {
  return std::all_of(mask.bytes.begin(), mask.bytes.end(), [](std::byte value) { return value == std::byte{0}; });
}

double percentile(std::vector<float>& values, double percent) {
  const auto at = static_cast<size_t>(std::llround(percent / 100 * static_cast<double>(values.size() - 1)));
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(at), values.end());
  return values[at];
}

void require_finite(const Image& image, const fs::path& file) {
  const float* values = image.data<float>();
  const auto bad = std::count_if(values, values + image.elements(), [](float value) { return !std::isfinite(value); });
  if (bad > 0) throw_data_error(fmt::format("{}: voxels that are not finite: {}; replace them (0 is background)", file.string(), bad));
}

/// One channel of all `images` to [0, 1].
void scale_channel(std::vector<Image>& images, int64_t channel) {
  std::vector<float> inside;
  for (const Image& image : images) {
    for (int64_t i = channel; i < image.elements(); i += image.channels) {
      if (image.data<float>()[i] != 0) inside.push_back(image.data<float>()[i]);
    }
  }
  if (inside.empty()) return;
  const double low = percentile(inside, kLowPercentile), high = percentile(inside, kHighPercentile);
  const double range = high > low ? high - low : 1;
  for (Image& image : images) {
    for (int64_t i = channel; i < image.elements(); i += image.channels) {
      float& value = image.data<float>()[i];
      if (value != 0) value = static_cast<float>(std::clamp((value - low) / range, 0.0, 1.0));
    }
  }
}

/// u8 stays; all else becomes f32 in [0, 1].
void scale_values(std::vector<Image>& images, const std::vector<fs::path>& files) {
  if (std::all_of(images.begin(), images.end(), [](const Image& image) { return image.type == PixelType::u8; })) return;
  for (size_t i = 0; i < images.size(); ++i) {
    images[i] = imaging::convert(images[i], PixelType::f32);
    require_finite(images[i], files[std::min(i, files.size() - 1)]);
  }
  for (int64_t channel = 0; channel < images[0].channels; ++channel) scale_channel(images, channel);
}

/// Volumes of one grid, channel beside channel.
Image interleave(const std::vector<Image>& volumes) {
  int64_t channels = 0;
  for (const Image& volume : volumes) channels += volume.channels;
  Image all = Image::make(volumes[0].size, channels, volumes[0].type);
  all.geometry = volumes[0].geometry;
  const size_t value = imaging::size_of(all.type);
  int64_t first = 0;
  for (const Image& volume : volumes) {
    for (int64_t i = 0; i < volume.voxels(); ++i) {
      std::memcpy(all.bytes.data() + static_cast<size_t>(i * channels + first) * value,
                  volume.bytes.data() + static_cast<size_t>(i * volume.channels) * value, value * static_cast<size_t>(volume.channels));
    }
    first += volume.channels;
  }
  return all;
}

SliceStack load_volume(const PredictCase& one) {
  std::vector<Image> sequences;
  for (const fs::path& file : one.files) sequences.push_back(imaging::read_image(file));
  const bool is_u8 = std::all_of(sequences.begin(), sequences.end(), [](const Image& image) { return image.type == PixelType::u8; });
  for (size_t i = 0; i < sequences.size() && !is_u8; ++i) {
    std::vector<Image> alone = {std::move(sequences[i])};
    if (alone[0].type == PixelType::u8) alone[0] = imaging::convert(alone[0], PixelType::f32);
    scale_values(alone, {one.files[i]});
    sequences[i] = std::move(alone[0]);
  }
  const Image volume = interleave(sequences);
  SliceStack stack;
  stack.geometry = volume.geometry;
  stack.order = imaging::order_to_lps(volume.geometry);
  const Image axial = imaging::reorder_axes(volume, stack.order);
  for (int64_t z = 0; z < axial.depth(); ++z) {
    stack.slices.push_back(imaging::slice_of(axial, z));
    stack.numbers.push_back(z);
  }
  return stack;
}

SliceStack load_slices(const PredictCase& one) {
  SliceStack stack;
  stack.numbers = one.numbers;
  for (const fs::path& file : one.files) stack.slices.push_back(imaging::read_image(file));
  scale_values(stack.slices, one.files);
  return stack;
}

/// What a screen can show: RGB and grey as they are, of other channel counts the first.
Image shown(const Image& slice) {
  if (slice.channels == 1 || slice.channels == 3) return imaging::to_rgb(slice);
  constexpr std::array<int64_t, 1> kFirst = {0};
  return imaging::to_rgb(imaging::select_channels(slice, kFirst));
}

/// The overlay with a line that names the colour.
std::string overlay_png(const Image& picture) {
  return imaging::encode_png(imaging::with_legend(picture, {{imaging::kPredictionColour, "prediction"}}));
}

std::string slice_png(const Image& slice, const Image& mask) {
  Image picture = shown(slice);
  imaging::draw_contour(picture, mask, imaging::kPredictionColour);
  return overlay_png(picture);
}

std::string sheet_png(const SliceStack& stack, const std::vector<Image>& masks) {
  std::vector<Image> tiles;
  std::vector<std::string> captions;
  for (const size_t i : slices_to_show(masks)) {
    tiles.push_back(shown(stack.slices[i]));
    imaging::draw_contour(tiles.back(), masks[i], imaging::kPredictionColour);
    captions.push_back(fmt::format("z {}", stack.numbers[i]));
  }
  return overlay_png(imaging::contact_sheet(tiles, captions, std::min(kSheetColumns, static_cast<int64_t>(tiles.size()))));
}

/// 0/255, as masks of one class are kept beside slices.
Image to_full_range(Image mask) {
  for (std::byte& value : mask.bytes) value = value == std::byte{0} ? value : std::byte{255};
  return mask;
}

/// Where the results of one file are, below the output.
struct ResultNames {
  fs::path mask, probabilities, overlay, uncertainty, information;
  std::vector<fs::path> all() const { return {mask, probabilities, overlay, uncertainty, information}; }
};

/// `maps`: the extension of probabilities and what is made from them.
ResultNames names_of(const fs::path& folder, const std::string& stem, const std::string& extension, const std::string& maps) {
  return {folder / (stem + "_mask" + extension), folder / (stem + "_prob" + maps), folder / (stem + "_overlay.png"),
          folder / (stem + "_uncertainty" + maps), folder / (stem + "_mutual_information" + maps)};
}

/// One per slice file, or one for the volume.
std::vector<ResultNames> all_names(const PredictCase& one) {
  if (one.is_volume) {
    const std::string extension = split_name(one.files[0]).second;
    return {names_of(one.folder, one.name, extension, extension)};
  }
  std::vector<ResultNames> names;
  for (const fs::path& file : one.files) {
    const auto [stem, extension] = split_name(file);
    names.push_back(names_of(one.folder, stem, extension, ".tif"));
  }
  return names;
}

void write_slices(Staging& staging, const PredictCase& one, const SliceStack& stack, const CaseResults& results) {
  const std::vector<ResultNames> all = all_names(one);
  for (size_t i = 0; i < one.files.size(); ++i) {
    const bool has_one_class = results.probabilities[i].size(0) == 1;
    imaging::write_image(staging.place(all[i].mask), has_one_class ? to_full_range(results.masks[i]) : results.masks[i]);
    imaging::write_image(staging.place(all[i].probabilities), image_of(results.probabilities[i]));
    write_file_atomically(staging.place(all[i].overlay), slice_png(stack.slices[i], results.masks[i]));
    if (results.uncertainty.empty()) continue;
    imaging::write_image(staging.place(all[i].uncertainty), image_of(results.uncertainty[i].entropy.unsqueeze(0)));
    const at::Tensor& information = results.uncertainty[i].mutual_information;
    if (information.defined()) imaging::write_image(staging.place(all[i].information), image_of(information.unsqueeze(0)));
  }
}

/// Maps of slices (H x W) as a volume.
Image volume_of_maps(const std::vector<eval::Uncertainty>& slices, at::Tensor eval::Uncertainty::*map, const SliceStack& stack) {
  std::vector<Image> images;
  images.reserve(slices.size());
  for (const eval::Uncertainty& slice : slices) images.push_back(image_of((slice.*map).unsqueeze(0)));
  return volume_of(images, stack);
}

void write_volume(Staging& staging, const PredictCase& one, const SliceStack& stack, const CaseResults& results) {
  std::vector<Image> probabilities;
  for (const at::Tensor& slice : results.probabilities) probabilities.push_back(image_of(slice));
  const ResultNames names = all_names(one)[0];
  imaging::write_image(staging.place(names.mask), volume_of(results.masks, stack));
  imaging::write_image(staging.place(names.probabilities), volume_of(probabilities, stack));
  write_file_atomically(staging.place(names.overlay), sheet_png(stack, results.masks));
  if (results.uncertainty.empty()) return;
  imaging::write_image(staging.place(names.uncertainty), volume_of_maps(results.uncertainty, &eval::Uncertainty::entropy, stack));
  if (!results.uncertainty[0].mutual_information.defined()) return;
  imaging::write_image(staging.place(names.information),
                       volume_of_maps(results.uncertainty, &eval::Uncertainty::mutual_information, stack));
}

}  // namespace

Image image_of(const at::Tensor& probabilities) {
  Image image = Image::make({probabilities.size(2), probabilities.size(1), 1}, probabilities.size(0), PixelType::f32);
  const at::Tensor interleaved = probabilities.permute({1, 2, 0}).contiguous();
  std::memcpy(image.bytes.data(), interleaved.const_data_ptr<float>(), image.bytes.size());
  return image;
}

Image volume_of(const std::vector<Image>& slices, const SliceStack& stack) {
  const Image& first = slices[0];
  Image axial = Image::make({first.width(), first.height(), static_cast<int64_t>(slices.size())}, first.channels, first.type);
  std::byte* out = axial.bytes.data();
  for (const Image& slice : slices) out = std::copy(slice.bytes.begin(), slice.bytes.end(), out);
  Image volume = imaging::restore_axes(axial, stack.order);
  volume.geometry = stack.geometry;
  return volume;
}

std::vector<size_t> slices_to_show(const std::vector<Image>& masks) {
  std::vector<size_t> worth, chosen;
  for (size_t i = 0; i < masks.size(); ++i) {
    if (!is_empty(masks[i])) worth.push_back(i);
  }
  for (size_t i = 0; worth.empty() && i < masks.size(); ++i) chosen.push_back(i);
  if (!worth.empty()) chosen = worth;
  const auto count = static_cast<size_t>(kSheetTiles);
  if (chosen.size() <= count) return chosen;
  std::vector<size_t> spread;
  for (size_t i = 0; i < count; ++i) spread.push_back(chosen[i * (chosen.size() - 1) / (count - 1)]);
  return spread;
}

std::vector<PredictCase> find_cases(const std::string& input) {
  if (!fs::exists(input) && input.find(',') != std::string::npos) return {sequences_case(split_commas(input))};
  if (!fs::exists(input)) throw_usage_error("--input: " + input + ": no such file or folder");
  if (fs::is_directory(input)) return cases_of_folder(fs::path(input).has_filename() ? fs::path(input) : fs::path(input).parent_path());
  if (imaging::has_known_extension(input)) return {single_case(input, "")};
  throw_usage_error(
      fmt::format("--input: {}: cannot read this kind of file; allowed: {}, .safetensors, a folder", input, imaging::known_extensions()));
}

CaseSize size_of(const PredictCase& one) {
  std::vector<imaging::ImageHeader> headers;
  for (const fs::path& file : one.files) headers.push_back(imaging::read_header(file));
  if (!one.is_volume) {
    require_slices_fit(one, headers);
    return {headers[0].channels, static_cast<int64_t>(headers.size())};
  }
  require_one_grid(one, headers);
  CaseSize size{0, headers[0].size[static_cast<size_t>(imaging::order_to_lps(headers[0].geometry).source[2])]};
  for (const imaging::ImageHeader& header : headers) size.channels += header.channels;
  return size;
}

void select_channels(SliceStack& stack, const std::vector<int64_t>& channels) {
  for (Image& slice : stack.slices) slice = imaging::select_channels(std::move(slice), channels);
}

SliceStack load_case(const PredictCase& one) { return one.is_volume ? load_volume(one) : load_slices(one); }

std::vector<fs::path> result_files(const PredictCase& one) {
  std::vector<fs::path> files;
  for (const ResultNames& names : all_names(one)) {
    for (const fs::path& file : names.all()) files.push_back(file);
  }
  return files;
}

std::vector<fs::path> write_case(const fs::path& output, const PredictCase& one, const SliceStack& stack, const CaseResults& results) {
  LARMOR_ASSERT(results.masks.size() == stack.slices.size() && results.probabilities.size() == stack.slices.size());
  LARMOR_ASSERT(results.uncertainty.empty() || results.uncertainty.size() == stack.slices.size());
  Staging staging(output);
  if (one.is_volume) {
    write_volume(staging, one, stack, results);
  } else {
    write_slices(staging, one, stack, results);
  }
  std::vector<fs::path> files = staging.publish();
  remove_others(output, result_files(one), files);
  return files;
}

}  // namespace larmor::cli
