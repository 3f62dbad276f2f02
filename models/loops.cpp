#include "models/loops.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>

#include "core/error.h"
#include "core/parallel.h"

// One binary for every x86-64 machine: the loops are compiled for each vector unit and chosen at start.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define LARMOR_VECTORISED __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define LARMOR_VECTORISED
#endif

namespace larmor::models::loops {

namespace {

constexpr int64_t kPixelsPerPart = 256;  // 256 KiB at 256 channels: a part and its shortcut fit the second-level cache

struct Shape {
  int64_t images, channels, pixels;
  int64_t parts() const { return (pixels + kPixelsPerPart - 1) / kPixelsPerPart; }
};

Shape shape_of(const at::Tensor& x) {
  LARMOR_ASSERT(x.is_contiguous(at::MemoryFormat::ChannelsLast) && x.scalar_type() == at::kFloat);
  return {x.size(0), x.size(1), x.size(2) * x.size(3)};
}

LARMOR_VECTORISED void add_rows(const float* x, int64_t rows, int64_t channels, float* __restrict sums) {
  for (int64_t row = 0; row < rows; ++row) {
    const float* values = x + row * channels;
    for (int64_t c = 0; c < channels; ++c) sums[c] += values[c];
  }
}

LARMOR_VECTORISED void gate_rows(float* __restrict x, const float* __restrict shortcut, const float* __restrict gate, int64_t rows,
                                 int64_t channels) {
  for (int64_t row = 0; row < rows; ++row) {
    float* values = x + row * channels;
    const float* added = shortcut + row * channels;
    for (int64_t c = 0; c < channels; ++c) values[c] = std::max(values[c] * gate[c] + added[c], 0.0f);
  }
}

LARMOR_VECTORISED void max_rows(float* __restrict result, const float* const* taps, int64_t count, int64_t channels) {
  for (int64_t c = 0; c < channels; ++c) result[c] = taps[0][c];
  for (int64_t tap = 1; tap < count; ++tap) {
    const float* values = taps[tap];
    for (int64_t c = 0; c < channels; ++c)
      result[c] = result[c] >= values[c] || result[c] != result[c] ? result[c] : values[c];  // NaN stays
  }
}

/// One row of the pooled map.
void pool_row(const float* x, float* result, int64_t row, int64_t height, int64_t width, int64_t channels) {
  const float* taps[9];
  for (int64_t column = 0; column < width / 2; ++column) {
    int64_t count = 0;
    for (int64_t i = 2 * row; i < std::min(2 * row + 3, height); ++i) {
      for (int64_t j = 2 * column; j < std::min(2 * column + 3, width); ++j) taps[count++] = x + (i * width + j) * channels;
    }
    max_rows(result + column * channels, taps, count, channels);
  }
}

}  // namespace

at::Tensor channel_means(const at::Tensor& x) {
  const Shape shape = shape_of(x);
  at::Tensor partial = at::zeros({shape.images, shape.parts(), shape.channels});
  const float* values = x.const_data_ptr<float>();
  float* sums = partial.mutable_data_ptr<float>();
  parallel_for(shape.images * shape.parts(), at::get_num_threads(), [&](int64_t task) {
    const int64_t image = task / shape.parts(), first = task % shape.parts() * kPixelsPerPart;
    const int64_t rows = std::min(kPixelsPerPart, shape.pixels - first);
    add_rows(values + (image * shape.pixels + first) * shape.channels, rows, shape.channels, sums + task * shape.channels);
  });
  float* const total = sums;
  at::Tensor means = at::zeros({shape.images, shape.channels});
  float* mean = means.mutable_data_ptr<float>();
  for (int64_t image = 0; image < shape.images; ++image) {
    add_rows(total + image * shape.parts() * shape.channels, shape.parts(), shape.channels, mean + image * shape.channels);
  }
  return means.div_(static_cast<double>(shape.pixels));
}

void gate_add_relu_in_place(at::Tensor& x, const at::Tensor& gate, const at::Tensor& shortcut) {
  const Shape shape = shape_of(x);
  LARMOR_ASSERT(shortcut.sizes() == x.sizes() && shortcut.is_contiguous(at::MemoryFormat::ChannelsLast));
  LARMOR_ASSERT(gate.is_contiguous() && gate.numel() == shape.images * shape.channels);
  float* values = x.mutable_data_ptr<float>();
  const float* added = shortcut.const_data_ptr<float>();
  const float* factors = gate.const_data_ptr<float>();
  parallel_for(shape.images * shape.parts(), at::get_num_threads(), [&](int64_t task) {
    const int64_t image = task / shape.parts(), first = task % shape.parts() * kPixelsPerPart;
    const int64_t rows = std::min(kPixelsPerPart, shape.pixels - first), begin = (image * shape.pixels + first) * shape.channels;
    gate_rows(values + begin, added + begin, factors + image * shape.channels, rows, shape.channels);
  });
}

at::Tensor max_pool_3x3_stride_2(const at::Tensor& x) {
  const Shape shape = shape_of(x);
  const int64_t height = x.size(2), width = x.size(3), rows = height / 2;
  LARMOR_ASSERT(height % 2 == 0 && width % 2 == 0);
  at::Tensor result = at::empty({shape.images, shape.channels, rows, width / 2}, x.options().memory_format(at::MemoryFormat::ChannelsLast));
  const float* values = x.const_data_ptr<float>();
  float* pooled = result.mutable_data_ptr<float>();
  parallel_for(shape.images * rows, at::get_num_threads(), [&](int64_t task) {
    const int64_t image = task / rows, row = task % rows;
    pool_row(values + image * shape.pixels * shape.channels, pooled + task * (width / 2) * shape.channels, row, height, width,
             shape.channels);
  });
  return result;
}

}  // namespace larmor::models::loops
