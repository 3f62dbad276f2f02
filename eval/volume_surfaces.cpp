#include "eval/volume_surfaces.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "imaging/threads.h"

namespace larmor::eval {

namespace {

using imaging::Image;

constexpr int64_t kMostSlices = 100000;
constexpr const char* kHowToGoOn = "without them: task.surface_distances: never (--no-surface-distances)";

/// A range of columns or rows; empty while `low` is not below `high`.
struct Range {
  int64_t low, high;
  void include(int64_t value) {
    low = std::min(low, value);
    high = std::max(high, value + 1);
  }
};

std::pair<Range, Range> box_of(const Image& a, const Image& b) {
  Range columns{a.width(), 0}, rows{a.height(), 0};
  for (int64_t y = 0; y < a.height(); ++y) {
    const uint8_t* one = a.data<uint8_t>() + y * a.width();
    const uint8_t* other = b.data<uint8_t>() + y * a.width();
    for (int64_t x = 0; x < a.width(); ++x) {
      if ((one[x] | other[x]) == 0) continue;
      columns.include(x);
      rows.include(y);
    }
  }
  return {columns, rows};
}

std::vector<uint8_t> cut_out(const Image& mask, const Range& columns, const Range& rows) {
  std::vector<uint8_t> pixels;
  for (int64_t y = rows.low; y < rows.high; ++y) {
    const uint8_t* row = mask.data<uint8_t>() + y * mask.width();
    pixels.insert(pixels.end(), row + columns.low, row + columns.high);
  }
  return pixels;
}

/// Files round what they store.
bool is_same_spacing(const imaging::Geometry& a, const imaging::Geometry& b) {
  constexpr double kRounding = 1e-4;
  for (size_t i = 0; i < 3; ++i) {
    if (std::abs(a.spacing_mm[i] - b.spacing_mm[i]) > kRounding * b.spacing_mm[i]) return false;
  }
  return true;
}

SurfaceScore mean_of(const std::vector<SurfaceScore>& scores) {
  SurfaceScore mean = scores[0];
  const auto count = static_cast<double>(scores.size());
  for (size_t i = 1; i < scores.size(); ++i) {
    mean.hd95 += scores[i].hd95;
    mean.assd += scores[i].assd;
    for (size_t k = 0; k < mean.nsd.size(); ++k) mean.nsd[k] += scores[i].nsd[k];
    const bool is_alone = mean.present == SurfacesPresent::one || scores[i].present == SurfacesPresent::one;
    const bool is_nothing = mean.present == SurfacesPresent::none && scores[i].present == SurfacesPresent::none;
    mean.present = is_alone ? SurfacesPresent::one : is_nothing ? SurfacesPresent::none : SurfacesPresent::both;
  }
  mean.hd95 /= count;
  mean.assd /= count;
  for (double& value : mean.nsd) value /= count;
  return mean;
}

}  // namespace

void VolumeSurfaces::add(const MaskedSlice& slice) {
  const Image &truth = slice.truth, &prediction = slice.prediction;
  const bool is_first = volumes_.empty();
  const int64_t number = slice.key.slice;
  const auto [found, is_new] = volumes_.try_emplace({slice.key.subject, slice.key.session},
                                                    Volume{truth.width(), truth.height(), number, number, truth.geometry, {}});
  Volume& volume = found->second;
  if (is_first) has_spacing_ = truth.geometry.has_spacing;
  if (truth.geometry.has_spacing != has_spacing_) {
    throw_data_error(fmt::format("{}: has {}, unlike the slices before: surface distances need one unit; {}", slice.key.to_string(),
                                 has_spacing_ ? "no spacing" : "a spacing", kHowToGoOn));
  }
  if (truth.width() != volume.width || truth.height() != volume.height) {
    throw_data_error(fmt::format("{}: is {} x {}, the slices before of its volume are {} x {}: surface distances need one size; {}",
                                 slice.key.to_string(), truth.width(), truth.height(), volume.width, volume.height, kHowToGoOn));
  }
  if (has_spacing_ && !is_same_spacing(truth.geometry, volume.geometry)) {
    throw_data_error(fmt::format(
        "{}: its voxels are {} mm, those of the slices before of its volume {} mm: surface distances need one "
        "spacing; {}",
        slice.key.to_string(), fmt::join(truth.geometry.spacing_mm, " x "), fmt::join(volume.geometry.spacing_mm, " x "), kHowToGoOn));
  }
  volume.first = std::min(volume.first, number);
  volume.last = std::max(volume.last, number);
  if (volume.last - volume.first >= kMostSlices) {
    throw_data_error(
        fmt::format("{}: the slices of its volume are numbered from {} to {}, more than {}: no distances are taken over such gaps; {}",
                    slice.key.to_string(), volume.first, volume.last, kMostSlices, kHowToGoOn));
  }
  const auto [columns, rows] = box_of(truth, prediction);
  if (columns.low >= columns.high) return;
  volume.pieces.push_back({number, columns.low, rows.low, columns.high - columns.low, rows.high - rows.low, cut_out(truth, columns, rows),
                           cut_out(prediction, columns, rows)});
}

SurfaceScore VolumeSurfaces::score_volume(const Volume& volume, uint8_t label, const VolumeSurfacesOptions& options, int threads) {
  Range columns{volume.width, 0}, rows{volume.height, 0}, slices{volume.last, volume.first};
  for (const Piece& piece : volume.pieces) {
    columns.include(piece.x);
    columns.include(piece.x + piece.width - 1);
    rows.include(piece.y);
    rows.include(piece.y + piece.height - 1);
    slices.include(piece.number);
  }
  const int64_t depth = volume.last - volume.first + 1;
  std::array<int64_t, 3> size{0, 0, 1};
  if (!volume.pieces.empty()) {
    // A slice of a volume stays 3-D where it is the only one with something in it.
    size = {columns.high - columns.low, rows.high - rows.low, std::min(depth, std::max<int64_t>(2, slices.high - slices.low))};
  }
  Image truth = Image::make(size, 1, imaging::PixelType::u8), prediction = truth;
  truth.geometry = prediction.geometry = volume.geometry;
  for (const Piece& piece : volume.pieces) {
    for (int64_t i = 0; i < piece.width * piece.height; ++i) {
      const int64_t x = piece.x - columns.low + i % piece.width, y = piece.y - rows.low + i / piece.width, z = piece.number - slices.low;
      const auto at = static_cast<size_t>(i);
      const auto is_inside = [label](uint8_t value) { return label == 0 ? value != 0 : value == label; };
      const int64_t to = x + size[0] * (y + size[1] * z);
      truth.data<uint8_t>()[to] = is_inside(piece.truth[at]) ? 1 : 0;
      prediction.data<uint8_t>()[to] = is_inside(piece.prediction[at]) ? 1 : 0;
    }
  }
  return score_surfaces(measure_surfaces(truth, prediction, options.elements, threads), options.tolerances,
                        diagonal_of({volume.width, volume.height, depth}, volume.geometry), threads);
}

std::map<std::string, std::vector<SurfaceScore>> VolumeSurfaces::score(const std::vector<uint8_t>& labels, int threads) const {
  std::vector<std::pair<const Volume*, uint8_t>> tasks;
  for (const auto& [name, volume] : volumes_) {
    for (const uint8_t label : labels) tasks.emplace_back(&volume, label);
  }
  std::vector<SurfaceScore> scores(tasks.size());
  const int inside = tasks.size() == 1 ? threads : 1;
  imaging::for_each_index(static_cast<int64_t>(tasks.size()), threads, [&](int64_t i) {
    const auto& [volume, label] = tasks[static_cast<size_t>(i)];
    scores[static_cast<size_t>(i)] = score_volume(*volume, label, options_, inside);
  });
  std::map<std::string, std::vector<std::vector<SurfaceScore>>> sessions;  // subject, label, session
  size_t next = 0;
  for (const auto& [name, volume] : volumes_) {
    sessions[name.first].resize(labels.size());
    for (size_t k = 0; k < labels.size(); ++k) sessions[name.first][k].push_back(scores[next++]);
  }
  std::map<std::string, std::vector<SurfaceScore>> result;
  for (const auto& [subject, of_labels] : sessions) {
    for (const std::vector<SurfaceScore>& one : of_labels) result[subject].push_back(mean_of(one));
  }
  return result;
}

}  // namespace larmor::eval
