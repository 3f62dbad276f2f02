#include "eval/review.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/error.h"
#include "eval/decode.h"

namespace larmor::eval {

namespace {

using imaging::Image;

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

int64_t count_inside(const Image& mask) {
  const uint8_t* pixels = mask.data<uint8_t>();
  return mask.voxels() - std::count(pixels, pixels + mask.voxels(), uint8_t{0});
}

/// Has a face neighbour on the other side of the outline. Beyond the picture is no side.
bool is_border(const Image& mask, int64_t x, int64_t y) {
  const uint8_t* pixel = mask.data<uint8_t>() + y * mask.width() + x;
  const bool is_inside = *pixel != 0;
  const auto differs = [&](int64_t step) { return (pixel[step] != 0) != is_inside; };
  return (x > 0 && differs(-1)) || (x + 1 < mask.width() && differs(1)) || (y > 0 && differs(-mask.width())) ||
         (y + 1 < mask.height() && differs(mask.width()));
}

double ratio(double sum, int64_t count) { return count == 0 ? kNone : sum / static_cast<double>(count); }

}  // namespace

void VolumeMembers::add(size_t slice, const at::Tensor& probabilities) {
  if (slice >= slices_.size()) slices_.resize(slice + 1);
  Slice& one = slices_[slice];
  const auto member = static_cast<size_t>(one.sums.members());
  one.sums.add(probabilities);
  Image mask = decode_mask(probabilities, threshold_);
  if (member >= foreground_.size()) foreground_.resize(member + 1, 0);
  if (largest_component_) {
    one.masks.push_back(std::move(mask));
  } else {
    foreground_[member] += count_inside(mask);
  }
}

Uncertainty VolumeMembers::take(size_t slice) {
  Uncertainty maps = slices_[slice].sums.finish();
  slices_[slice].sums = {};
  return maps;
}

std::vector<int64_t> VolumeMembers::foreground(std::span<const int64_t> slice_numbers) {
  LARMOR_ASSERT(slice_numbers.size() == slices_.size());
  if (!largest_component_) return foreground_;
  std::vector<size_t> order(slices_.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return slice_numbers[a] < slice_numbers[b]; });
  std::vector<int64_t> ascending, found;
  for (const size_t slice : order) ascending.push_back(slice_numbers[slice]);
  for (size_t member = 0; member < foreground_.size(); ++member) {
    std::vector<Image*> masks;
    masks.reserve(order.size());
    for (const size_t slice : order) masks.push_back(&slices_[slice].masks.at(member));
    keep_largest_component(masks, ascending);
    found.push_back(
        std::accumulate(masks.begin(), masks.end(), int64_t{0}, [](int64_t sum, const Image* mask) { return sum + count_inside(*mask); }));
  }
  return found;
}

void ReviewSums::add(const Image& mask, const Uncertainty& uncertainty, int64_t slice_number) {
  const at::Tensor entropies = uncertainty.entropy.contiguous();
  LARMOR_ASSERT(entropies.size(0) == mask.height() && entropies.size(1) == mask.width());
  const bool has_information = uncertainty.mutual_information.defined();
  const at::Tensor informations = has_information ? uncertainty.mutual_information.contiguous() : entropies;
  double slice_entropy = 0;
  for (int64_t y = 0; y < mask.height(); ++y) {
    for (int64_t x = 0; x < mask.width(); ++x) {
      const int64_t i = y * mask.width() + x;
      const double entropy = entropies.const_data_ptr<float>()[i], information = informations.const_data_ptr<float>()[i];
      slice_entropy += entropy;
      entropy_highest = std::max(entropy_highest, entropy);
      const bool is_inside = mask.data<uint8_t>()[i] != 0, is_at_border = is_border(mask, x, y);
      for (const auto& [region, is_in] : {std::pair{&inside, is_inside}, {&border, is_at_border}, {&both, is_inside || is_at_border}}) {
        if (!is_in) continue;
        region->pixels += 1;
        region->entropy += entropy;
        region->information += has_information ? information : kNone;
      }
    }
  }
  slices += 1;
  const bool is_earlier = slice_entropy == slice_most_entropy && slice_number < slice_most;
  if (slice_entropy < slice_most_entropy || (slice_entropy == slice_most_entropy && !is_earlier)) return;
  slice_most = slice_number;
  slice_most_entropy = slice_entropy;
}

ReviewRow review_row(const std::string& name, const ReviewSums& sums, std::span<const int64_t> foreground, double voxel_mm3) {
  const bool has_spacing = !std::isnan(voxel_mm3);
  const double voxel = has_spacing ? voxel_mm3 : 1;
  ReviewRow row{name, sums.slices, static_cast<int64_t>(foreground.size())};
  row.uncertainty = sums.both.pixels == 0 ? sums.entropy_highest : ratio(sums.both.entropy, sums.both.pixels);
  row.entropy_inside = ratio(sums.inside.entropy, sums.inside.pixels);
  row.entropy_border = ratio(sums.border.entropy, sums.border.pixels);
  row.mutual_information = ratio(sums.both.information, sums.both.pixels);
  row.volume = voxel * static_cast<double>(sums.inside.pixels);
  row.volume_low = row.volume_high = kNone;
  if (foreground.size() > 1) {
    const auto [low, high] = std::minmax_element(foreground.begin(), foreground.end());
    row.volume_low = voxel * static_cast<double>(*low);
    row.volume_high = voxel * static_cast<double>(*high);
  }
  row.unit = has_spacing ? "mm3" : "px";
  row.most_uncertain_slice = sums.slice_most;
  return row;
}

double voxel_mm3_of(const imaging::Geometry& geometry) {
  return geometry.has_spacing ? geometry.spacing_mm[0] * geometry.spacing_mm[1] * geometry.spacing_mm[2] : kNone;
}

void sort_for_review(std::vector<ReviewRow>& rows) {
  std::stable_sort(rows.begin(), rows.end(), [](const ReviewRow& a, const ReviewRow& b) {
    return a.uncertainty != b.uncertainty ? a.uncertainty > b.uncertainty : a.name < b.name;
  });
}

CsvTable review_table(const std::vector<ReviewRow>& rows) {
  CsvTable table{{"case", "slices", "members", "uncertainty", "entropy_inside", "entropy_border", "mutual_information", "volume",
                  "volume_low", "volume_high", "unit", "most_uncertain_slice"},
                 {}};
  const bool has_dice = !rows.empty() && rows[0].dice.has_value();
  if (has_dice) table.header.emplace_back("dice");
  for (const ReviewRow& row : rows) {
    table.rows.push_back({row.name, std::to_string(row.slices), std::to_string(row.members), csv_number(row.uncertainty),
                          csv_number(row.entropy_inside), csv_number(row.entropy_border), csv_number(row.mutual_information),
                          csv_number(row.volume), csv_number(row.volume_low), csv_number(row.volume_high), row.unit,
                          std::to_string(row.most_uncertain_slice)});
    if (has_dice) table.rows.back().push_back(csv_number(row.dice.value()));
  }
  return table;
}

}  // namespace larmor::eval
