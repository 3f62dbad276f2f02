#include "eval/decode.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "core/error.h"
#include "imaging/components.h"

namespace larmor::eval {

namespace {

constexpr int kFaces = 1;

void require_one_size(std::span<imaging::Image* const> maps) {
  for (const imaging::Image* map : maps) {
    if (map->size == maps[0]->size) continue;
    throw_data_error(fmt::format("slices of {} x {} and {} x {} cannot be stacked to one volume (largest_component)", maps[0]->width(),
                                 maps[0]->height(), map->width(), map->height()));
  }
}

/// Where each map stands in the stack: one empty slice between maps whose numbers do not follow each other.
std::vector<int64_t> stack_positions(std::span<const int64_t> slice_numbers) {
  std::vector<int64_t> positions(slice_numbers.size(), 0);
  for (size_t i = 1; i < positions.size(); ++i) positions[i] = positions[i - 1] + (slice_numbers[i] == slice_numbers[i - 1] + 1 ? 1 : 2);
  return positions;
}

uint8_t highest_class(std::span<imaging::Image* const> maps) {
  uint8_t highest = 0;
  for (const imaging::Image* map : maps) {
    const uint8_t* pixels = map->data<uint8_t>();
    highest = std::max(highest, *std::max_element(pixels, pixels + map->voxels()));
  }
  return highest;
}

void keep_largest_of_class(std::span<imaging::Image* const> maps, const std::vector<int64_t>& positions, uint8_t label) {
  const int64_t plane = maps[0]->voxels();
  imaging::Image volume = imaging::Image::make({maps[0]->width(), maps[0]->height(), positions.back() + 1}, 1, imaging::PixelType::u8);
  for (size_t i = 0; i < maps.size(); ++i) {
    const uint8_t* pixels = maps[i]->data<uint8_t>();
    std::transform(pixels, pixels + plane, volume.data<uint8_t>() + positions[i] * plane,
                   [label](uint8_t value) { return static_cast<uint8_t>(value == label); });
  }
  const imaging::Image largest = imaging::largest_component(volume, kFaces);
  for (size_t i = 0; i < maps.size(); ++i) {
    uint8_t* pixels = maps[i]->data<uint8_t>();
    const uint8_t* kept = largest.data<uint8_t>() + positions[i] * plane;
    for (int64_t j = 0; j < plane; ++j) {
      if (pixels[j] == label && kept[j] == 0) pixels[j] = 0;
    }
  }
}

}  // namespace

at::Tensor resize_to_source(const at::Tensor& probabilities, int64_t width, int64_t height) {
  LARMOR_ASSERT(probabilities.dim() == 3);
  if (probabilities.size(1) == height && probabilities.size(2) == width) return probabilities;
  LARMOR_ASSERT(probabilities.size(1) == probabilities.size(2));
  const int64_t side = std::max(width, height);
  at::Tensor square = probabilities;
  if (probabilities.size(1) != side) square = at::upsample_bilinear2d(probabilities.unsqueeze(0), {side, side}, false).squeeze(0);
  return square.narrow(1, (side - height) / 2, height).narrow(2, (side - width) / 2, width).contiguous();
}

imaging::Image decode_mask(const at::Tensor& probabilities, double threshold) {
  const bool is_binary = probabilities.size(0) == 1;
  const at::Tensor decided = is_binary ? probabilities[0].ge(threshold) : probabilities.argmax(0);
  const at::Tensor labels = decided.to(at::kByte).contiguous();
  imaging::Image map = imaging::Image::make({labels.size(1), labels.size(0), 1}, 1, imaging::PixelType::u8);
  std::memcpy(map.bytes.data(), labels.const_data_ptr<uint8_t>(), map.bytes.size());
  return map;
}

void keep_largest_component(std::span<imaging::Image* const> maps, std::span<const int64_t> slice_numbers) {
  LARMOR_ASSERT(maps.size() == slice_numbers.size() && std::is_sorted(slice_numbers.begin(), slice_numbers.end()));
  if (maps.empty()) return;
  require_one_size(maps);
  const std::vector<int64_t> positions = stack_positions(slice_numbers);
  const int highest = highest_class(maps);
  for (int label = 1; label <= highest; ++label) keep_largest_of_class(maps, positions, static_cast<uint8_t>(label));
}

}  // namespace larmor::eval
