#include "imaging/components.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"

namespace larmor::imaging {

namespace {

/// A row's stretch of neighbouring non-zero voxels: x in [begin, end).
struct Run {
  int64_t begin;
  int64_t end;
};

/// All runs of a volume in C order; row r (counted over y, then z) holds runs [row_start[r], row_start[r+1]).
struct Runs {
  std::vector<Run> runs;
  std::vector<size_t> row_start{0};
};

Runs find_runs(const Image& mask) {
  Runs found;
  const int64_t rows = mask.height() * mask.depth();
  for (int64_t row = 0; row < rows; ++row) {
    const uint8_t* line = mask.data<uint8_t>() + row * mask.width();
    for (int64_t x = 0; x < mask.width();) {
      while (x < mask.width() && line[x] == 0) ++x;
      const int64_t begin = x;
      while (x < mask.width() && line[x] != 0) ++x;
      if (x > begin) found.runs.push_back({begin, x});
    }
    found.row_start.push_back(found.runs.size());
  }
  return found;
}

/// Disjoint sets whose root is the earliest run.
class Sets {
 public:
  explicit Sets(size_t count) : parent_(count) { std::iota(parent_.begin(), parent_.end(), size_t{0}); }
  size_t root(size_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  void join(size_t a, size_t b) {
    a = root(a);
    b = root(b);
    parent_[std::max(a, b)] = std::min(a, b);
  }

 private:
  std::vector<size_t> parent_;
};

/// Joins the runs of two rows that touch; `reach` is 1 where diagonal steps in x count, else 0.
void join_rows(const Runs& all, size_t row, size_t other, int64_t reach, Sets& sets) {
  size_t j = all.row_start[other];
  for (size_t i = all.row_start[row]; i < all.row_start[row + 1]; ++i) {
    const Run& run = all.runs[i];
    while (j < all.row_start[other + 1] && all.runs[j].end + reach <= run.begin) ++j;
    for (size_t k = j; k < all.row_start[other + 1] && all.runs[k].begin < run.end + reach; ++k) sets.join(i, k);
  }
}

/// Joins each row with its earlier neighbours: (y-1, z) and (y-1 … y+1, z-1), as far as the connectivity allows.
Sets join_all(const Image& mask, const Runs& all, int connectivity) {
  Sets sets(all.runs.size());
  const int64_t height = mask.height();
  for (int64_t z = 0; z < mask.depth(); ++z) {
    for (int64_t y = 0; y < height; ++y) {
      const auto row = static_cast<size_t>(z * height + y);
      for (const auto& [dy, dz] : {std::pair{-1, 0}, {-1, -1}, {0, -1}, {1, -1}}) {
        const int steps = std::abs(dy) + std::abs(dz);
        if (steps > connectivity || y + dy < 0 || y + dy >= height || z + dz < 0) continue;
        join_rows(all, row, static_cast<size_t>((z + dz) * height + y + dy), steps < connectivity ? 1 : 0, sets);
      }
    }
  }
  return sets;
}

}  // namespace

Components label_components(const Image& mask, int connectivity) {
  LARMOR_ASSERT(mask.type == PixelType::u8 && mask.channels == 1);
  LARMOR_ASSERT(1 <= connectivity && connectivity <= 3);
  const Runs all = find_runs(mask);
  Sets sets = join_all(mask, all, connectivity);

  Components components;
  components.labels.assign(static_cast<size_t>(mask.voxels()), 0);
  std::vector<int32_t> label_of(all.runs.size(), 0);
  for (size_t row = 0; row + 1 < all.row_start.size(); ++row) {
    int32_t* line = components.labels.data() + static_cast<int64_t>(row) * mask.width();
    for (size_t i = all.row_start[row]; i < all.row_start[row + 1]; ++i) {
      int32_t& label = label_of[sets.root(i)];
      if (label == 0) {
        components.sizes.push_back(0);
        label = static_cast<int32_t>(components.sizes.size());
      }
      const Run& run = all.runs[i];
      std::fill(line + run.begin, line + run.end, label);
      components.sizes[static_cast<size_t>(label) - 1] += run.end - run.begin;
    }
  }
  return components;
}

Image largest_component(const Image& mask, int connectivity) {
  const Components components = label_components(mask, connectivity);
  Image largest = Image::make(mask.size, 1, PixelType::u8);
  largest.geometry = mask.geometry;
  if (components.sizes.empty()) return largest;
  const auto biggest = std::max_element(components.sizes.begin(), components.sizes.end());
  const auto label = static_cast<int32_t>(biggest - components.sizes.begin()) + 1;
  std::transform(components.labels.begin(), components.labels.end(), largest.data<uint8_t>(),
                 [label](int32_t value) { return static_cast<uint8_t>(value == label); });
  return largest;
}

}  // namespace larmor::imaging
