#include "eval/surface_distance.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <utility>

#include "core/error.h"
#include "imaging/distance.h"
#include "imaging/threads.h"

namespace larmor::eval {

namespace {

using imaging::GridPoints;
using imaging::Image;
using Word = uint64_t;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr int64_t kBits = 64;

/// A mask with one bit per voxel. A row has room for at least one bit beyond its voxels, which is 0.
struct BitMask {
  std::array<int64_t, 3> size{0, 0, 0};
  int64_t words = 0;  ///< per row
  std::vector<Word> bits;
  const Word* row(int64_t y, int64_t z) const { return bits.data() + (z * size[1] + y) * words; }
};

/// Bit i is set where byte i of eight is not 0.
Word bits_of_bytes(const uint8_t* bytes) {
  constexpr Word kLow = 0x7f7f7f7f7f7f7f7f, kGather = 0x0102040810204080;
  Word eight;
  std::memcpy(&eight, bytes, 8);
  if (eight == 0) return 0;
  const Word ones = ((((eight & kLow) + kLow) | eight) & ~kLow) >> 7;
  return (ones * kGather) >> 56;
}

void pack_row(const uint8_t* voxels, int64_t count, Word* words) {
  int64_t x = 0;
  for (; x + 8 <= count; x += 8) words[x / kBits] |= bits_of_bytes(voxels + x) << (x % kBits);
  for (; x < count; ++x) words[x / kBits] |= static_cast<Word>(voxels[x] != 0) << (x % kBits);
}

BitMask pack(const Image& mask, int threads) {
  static_assert(std::endian::native == std::endian::little);
  BitMask packed{mask.size, mask.width() / kBits + 1, {}};
  packed.bits.resize(static_cast<size_t>(packed.words * mask.height() * mask.depth()));
  imaging::for_each_index(mask.depth(), threads, [&](int64_t z) {
    for (int64_t y = 0; y < mask.height(); ++y) {
      const int64_t row = z * mask.height() + y;
      pack_row(mask.data<uint8_t>() + row * mask.width(), mask.width(), packed.bits.data() + row * packed.words);
    }
  });
  return packed;
}

/// The part of the grid that holds both masks: from `low` up to, not including, `high`.
struct Box {
  std::array<int64_t, 3> low{0, 0, 0}, high{0, 0, 0};
  bool is_empty() const { return high[0] == 0; }
};

Box joint_box(const BitMask& a, const BitMask& b) {
  Box box{a.size, {0, 0, 0}};
  std::vector<Word> columns(static_cast<size_t>(a.words));
  for (int64_t z = 0; z < a.size[2]; ++z) {
    for (int64_t y = 0; y < a.size[1]; ++y) {
      Word any = 0;
      for (int64_t w = 0; w < a.words; ++w) {
        const Word either = a.row(y, z)[w] | b.row(y, z)[w];
        columns[static_cast<size_t>(w)] |= either;
        any |= either;
      }
      if (any == 0) continue;
      box.low = {box.low[0], std::min(box.low[1], y), std::min(box.low[2], z)};
      box.high = {box.high[0], std::max(box.high[1], y + 1), z + 1};
    }
  }
  for (int64_t w = 0; w < a.words; ++w) {
    const Word column = columns[static_cast<size_t>(w)];
    if (column == 0) continue;
    box.low[0] = std::min(box.low[0], w * kBits + std::countr_zero(column));
    box.high[0] = w * kBits + kBits - std::countl_zero(column);
  }
  return box;
}

/// A row of bits that is 0 outside of the mask.
class Row {
 public:
  Row(const BitMask& mask, int64_t y, int64_t z) : words_(mask.words) {
    if (0 <= y && y < mask.size[1] && 0 <= z && z < mask.size[2]) row_ = mask.row(y, z);
  }
  Word word(int64_t w) const { return row_ != nullptr && w >= 0 && w < words_ ? row_[w] : 0; }
  /// Bit x of the result is the voxel before x, or after it.
  Word before(int64_t w) const { return word(w) << 1 | word(w - 1) >> (kBits - 1); }
  Word after(int64_t w) const { return word(w) >> 1 | word(w + 1) << (kBits - 1); }
  int at(int64_t x) const { return x < 0 ? 0 : static_cast<int>(word(x / kBits) >> (x % kBits) & 1); }

 private:
  const Word* row_ = nullptr;
  int64_t words_;
};

/// Triangles of one arrangement of inside voxels among 2 x 2 x 2 (bit x + 2 y + 4 z): the sizes of their normals' components per unit of
/// the faces' areas. Every other arrangement is one of these turned, mirrored or complemented.
struct Arrangement {
  uint8_t inside;
  std::vector<std::array<double, 3>> normals;
};

std::vector<Arrangement> arrangements() {
  using Normal = std::array<double, 3>;
  constexpr Normal corner{0.125, 0.125, 0.125}, middle{0.25, 0.25, 0.25}, large{0.375, 0.375, 0.375};
  constexpr Normal edge_x{0, 0.25, 0.25}, edge_z{0.25, 0.25, 0}, half_z{0, 0, 0.5};
  return {{0b00000001, {corner}},
          {0b00000011, {edge_x, edge_x}},
          {0b00001001, {corner, corner}},                   // across a face
          {0b10000001, {corner, corner}},                   // across the cube
          {0b00000111, {half_z, middle, corner}},           // an L in a face
          {0b01000011, {edge_x, edge_x, corner}},           // an edge and the corner opposite
          {0b00010110, {corner, corner, corner}},           // no two of them neighbours
          {0b00001111, {half_z, half_z}},                   // a face
          {0b00010111, {middle, middle, corner, corner}},   // a corner with its neighbours
          {0b10001011, {large, edge_x, corner, edge_z}},    // a path along x, y and z
          {0b10000111, {half_z, middle, corner, corner}},   // an L and the corner opposite
          {0b11000011, {edge_x, edge_x, edge_x, edge_x}},   // two edges opposite
          {0b10010110, {corner, corner, corner, corner}}};  // every other corner
}

using Axes = std::array<size_t, 3>;
constexpr std::array<Axes, 6> kAxisOrders{{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}};

/// The arrangement with axis i taken from axis order[i], mirrored along the axes whose bit is set in `mirrored`.
unsigned turned(unsigned inside, const Axes& order, unsigned mirrored) {
  unsigned result = 0;
  for (unsigned corner = 0; corner < 8; ++corner) {
    unsigned from = 0;
    for (size_t axis = 0; axis < 3; ++axis) from |= ((corner ^ mirrored) >> axis & 1U) << order[axis];
    result |= (inside >> from & 1U) << corner;
  }
  return result;
}

/// The area of the surface inside each of the 256 arrangements.
std::array<double, 256> surfel_areas(const std::array<double, 3>& spacing) {
  const std::array<double, 3> faces{spacing[1] * spacing[2], spacing[0] * spacing[2], spacing[0] * spacing[1]};
  std::array<double, 256> areas{};
  for (const Arrangement& arrangement : arrangements()) {
    for (const Axes& order : kAxisOrders) {
      double area = 0;
      for (const auto& normal : arrangement.normals) {
        double squares = 0;
        for (const size_t axis : {2, 1, 0}) {  // the slowest first and with one rounding each, as NumPy's dot product
          const double size = normal[order[axis]] * faces[axis];
          squares = std::fma(size, size, squares);
        }
        area += std::sqrt(squares);
      }
      for (unsigned mirrored = 0; mirrored < 8; ++mirrored) {
        const unsigned code = turned(arrangement.inside, order, mirrored);
        areas[code] = areas[code ^ 0xffU] = area;
      }
    }
  }
  return areas;
}

/// The elements of one mask's surface.
struct Surface {
  GridPoints points;
  std::vector<double> weights;
};

/// What one slice of the grid adds.
struct SurfaceSlice {
  std::vector<int32_t> columns;
  std::vector<int64_t> row_counts;
  std::vector<double> weights;
};

/// Appends a row's points: the bits of `border` from column `low` on.
template <class Border, class Weight>
void append_row(SurfaceSlice& slice, int64_t low, int64_t high, Border border, Weight weight) {
  const size_t before = slice.columns.size();
  for (int64_t w = low / kBits; w * kBits < high; ++w) {
    for (Word bits = border(w); bits != 0; bits &= bits - 1) {
      const int64_t x = w * kBits + std::countr_zero(bits);
      slice.columns.push_back(static_cast<int32_t>(x - low));
      slice.weights.push_back(weight(x));
    }
  }
  slice.row_counts.push_back(static_cast<int64_t>(slice.columns.size() - before));
}

/// Corner x stands between voxels x - 1 and x, in each direction; a 2-D mask is taken as a prism of height 1.
SurfaceSlice corners_of_slice(const BitMask& mask, const Box& box, int64_t z, const std::array<double, 256>& areas) {
  const bool is_flat = mask.size[2] == 1;
  SurfaceSlice slice;
  for (int64_t y = box.low[1]; y <= box.high[1]; ++y) {
    const std::array<Row, 4> rows{Row(mask, y - 1, is_flat ? z : z - 1), Row(mask, y, is_flat ? z : z - 1), Row(mask, y - 1, z),
                                  Row(mask, y, z)};
    const auto border = [&](int64_t w) {
      Word any = 0, all = ~Word{0};
      for (const Row& row : rows) {
        any |= row.word(w) | row.before(w);
        all &= row.word(w) & row.before(w);
      }
      return any & ~all;
    };
    const auto area = [&](int64_t x) {
      unsigned code = 0;
      for (size_t i = 0; i < 4; ++i) code |= static_cast<unsigned>(rows[i].at(x - 1) | rows[i].at(x) << 1) << (2 * i);
      return areas[code];
    };
    append_row(slice, box.low[0], box.high[0] + 1, border, area);
  }
  return slice;
}

/// Voxels that a face neighbour leaves open.
SurfaceSlice borders_of_slice(const BitMask& mask, const Box& box, int64_t z) {
  const bool is_flat = mask.size[2] == 1;
  SurfaceSlice slice;
  for (int64_t y = box.low[1]; y < box.high[1]; ++y) {
    const Row row(mask, y, z), up(mask, y - 1, z), down(mask, y + 1, z);
    const Row front = is_flat ? row : Row(mask, y, z - 1), back = is_flat ? row : Row(mask, y, z + 1);
    const auto border = [&](int64_t w) {
      return row.word(w) & ~(row.before(w) & row.after(w) & up.word(w) & down.word(w) & front.word(w) & back.word(w));
    };
    append_row(slice, box.low[0], box.high[0], border, [](int64_t) { return 1.0; });
  }
  return slice;
}

Surface joined(const std::vector<SurfaceSlice>& slices, const std::array<int64_t, 3>& size) {
  Surface surface;
  surface.points.size = size;
  surface.points.rows.push_back(0);
  for (const SurfaceSlice& slice : slices) {
    surface.points.columns.insert(surface.points.columns.end(), slice.columns.begin(), slice.columns.end());
    surface.weights.insert(surface.weights.end(), slice.weights.begin(), slice.weights.end());
    for (const int64_t count : slice.row_counts) surface.points.rows.push_back(surface.points.rows.back() + count);
  }
  return surface;
}

Surface surface_of(const BitMask& mask, const Box& box, SurfaceElements elements, const std::array<double, 3>& spacing, int threads) {
  const bool is_corners = elements == SurfaceElements::surfels, is_flat = mask.size[2] == 1;
  std::array<int64_t, 3> size{};
  for (size_t i = 0; i < 3; ++i) size[i] = box.high[i] - box.low[i] + (is_corners && !(i == 2 && is_flat));
  const std::array<double, 256> areas = surfel_areas({spacing[0], spacing[1], is_flat ? 1 : spacing[2]});
  std::vector<SurfaceSlice> slices(static_cast<size_t>(size[2]));
  imaging::for_each_index(size[2], threads, [&](int64_t i) {
    const int64_t z = box.low[2] + i;
    slices[static_cast<size_t>(i)] = is_corners ? corners_of_slice(mask, box, z, areas) : borders_of_slice(mask, box, z);
  });
  return joined(slices, size);
}

SurfaceSide distances_between(Surface from, const Surface& to, const std::array<double, 3>& spacing, int threads) {
  SurfaceSide side{imaging::squared_distances(from.points, to.points, spacing, threads), std::move(from.weights)};
  for (double& distance : side.distances) distance = std::sqrt(distance);
  return side;
}

/// MONAI measures the surface that is there in both directions where the other is not.
void mirror_lonely_side(SurfaceSide& side, const SurfaceSide& other) {
  if (side.distances.empty()) side = other;
}

/// The sum in NumPy's order of additions: where an element ends exactly at the percentile, rounding decides whether it is within, and so
/// decides alike.
double pairwise_sum(const std::pair<double, double>* values, size_t count) {
  constexpr size_t kLanes = 8, kBlock = 128;
  if (count > kBlock) {
    const size_t half = count / 2 / kLanes * kLanes;
    return pairwise_sum(values, half) + pairwise_sum(values + half, count - half);
  }
  double sum = 0;
  size_t i = 0;
  if (count >= kLanes) {
    std::array<double, kLanes> lanes{};
    for (; i + kLanes <= count; i += kLanes) {
      for (size_t lane = 0; lane < kLanes; ++lane) lanes[lane] += values[i + lane].second;
    }
    sum = ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
  }
  for (; i < count; ++i) sum += values[i].second;
  return sum;
}

/// The distance within which this share of the weight lies.
double weighted_percentile(const SurfaceSide& side, double share) {
  std::vector<std::pair<double, double>> sorted;
  sorted.reserve(side.distances.size());
  for (size_t i = 0; i < side.distances.size(); ++i) sorted.emplace_back(side.distances[i], side.weights[i]);
  std::sort(sorted.begin(), sorted.end());
  const double total = pairwise_sum(sorted.data(), sorted.size());
  double sum = 0;
  for (const auto& [distance, weight] : sorted) {
    sum += weight;
    if (sum / total >= share) return distance;
  }
  return sorted.back().first;
}

/// Linear between the nearest ranks.
double interpolated_percentile(std::vector<double> distances, double share) {
  const double rank = share * static_cast<double>(distances.size() - 1);
  const auto lower = distances.begin() + static_cast<std::ptrdiff_t>(rank);
  std::nth_element(distances.begin(), lower, distances.end());
  const double part = rank - std::floor(rank);
  if (part == 0) return *lower;
  const double upper = *std::min_element(lower + 1, distances.end());
  return *lower + part * (upper - *lower);
}

struct WeightedSum {
  double weighted = 0, weight = 0;
};

WeightedSum sum_distances(const SurfaceSide& side) {
  WeightedSum sum;
  for (size_t i = 0; i < side.distances.size(); ++i) {
    sum.weighted += side.weights[i] * side.distances[i];
    sum.weight += side.weights[i];
  }
  return sum;
}

WeightedSum sum_within(const SurfaceSide& side, double tolerance) {
  WeightedSum sum;
  for (size_t i = 0; i < side.distances.size(); ++i) {
    if (side.distances[i] <= tolerance) sum.weighted += side.weights[i];
    sum.weight += side.weights[i];
  }
  return sum;
}

double ratio(const WeightedSum& a, const WeightedSum& b) { return (a.weighted + b.weighted) / (a.weight + b.weight); }

std::array<double, 3> spacing_of(const imaging::Geometry& geometry) {
  if (!geometry.has_spacing) return {1, 1, 1};
  return geometry.spacing_mm;
}

SurfacesPresent present_in(const SurfaceDistances& surfaces) {
  if (surfaces.truth.distances.empty() && surfaces.prediction.distances.empty()) return SurfacesPresent::none;
  const auto is_alone = [](const SurfaceSide& side) { return side.distances.empty() || std::isinf(side.distances[0]); };
  return is_alone(surfaces.truth) || is_alone(surfaces.prediction) ? SurfacesPresent::one : SurfacesPresent::both;
}

}  // namespace

SurfaceElements surface_elements_of(const std::string& name) {
  LARMOR_ASSERT(name == "surfels" || name == "voxels");
  return name == "voxels" ? SurfaceElements::voxels : SurfaceElements::surfels;
}

SurfaceDistances measure_surfaces(const Image& truth, const Image& prediction, SurfaceElements elements, int threads) {
  for (const Image* mask : {&truth, &prediction}) LARMOR_ASSERT(mask->type == imaging::PixelType::u8 && mask->channels == 1);
  LARMOR_ASSERT(truth.size == prediction.size);
  const BitMask true_bits = pack(truth, threads), predicted_bits = pack(prediction, threads);
  const Box box = joint_box(true_bits, predicted_bits);
  SurfaceDistances result;
  result.elements = elements;
  if (box.is_empty()) return result;
  const std::array<double, 3> spacing = spacing_of(truth.geometry);
  Surface true_surface = surface_of(true_bits, box, elements, spacing, threads);
  const Surface predicted_surface = surface_of(predicted_bits, box, elements, spacing, threads);
  result.prediction = distances_between(predicted_surface, true_surface, spacing, threads);
  result.truth = distances_between(std::move(true_surface), predicted_surface, spacing, threads);
  if (elements == SurfaceElements::voxels) {
    mirror_lonely_side(result.truth, result.prediction);
    mirror_lonely_side(result.prediction, result.truth);
  }
  return result;
}

double directed_hausdorff(const SurfaceSide& side, SurfaceElements elements, double percent) {
  if (side.distances.empty()) return elements == SurfaceElements::surfels ? kInfinity : kNaN;
  if (percent == 100) return *std::max_element(side.distances.begin(), side.distances.end());
  return elements == SurfaceElements::surfels ? weighted_percentile(side, percent / 100)
                                              : interpolated_percentile(side.distances, percent / 100);
}

double hausdorff(const SurfaceDistances& surfaces, double percent, int threads) {
  const std::array<const SurfaceSide*, 2> sides{&surfaces.truth, &surfaces.prediction};
  std::array<double, 2> directed{};
  imaging::for_each_index(2, threads, [&](int64_t i) {
    const auto at = static_cast<size_t>(i);
    directed[at] = directed_hausdorff(*sides[at], surfaces.elements, percent);
  });
  return std::max(directed[0], directed[1]);
}

double average_distance(const SurfaceSide& side) { return ratio(sum_distances(side), {}); }

double average_symmetric_distance(const SurfaceDistances& surfaces) {
  return ratio(sum_distances(surfaces.truth), sum_distances(surfaces.prediction));
}

double surface_overlap(const SurfaceSide& side, double tolerance) { return ratio(sum_within(side, tolerance), {}); }

double surface_dice(const SurfaceDistances& surfaces, double tolerance) {
  return ratio(sum_within(surfaces.truth, tolerance), sum_within(surfaces.prediction, tolerance));
}

SurfaceScore score_surfaces(const SurfaceDistances& surfaces, const std::vector<double>& tolerances, double diagonal, int threads) {
  SurfaceScore score;
  score.present = present_in(surfaces);
  if (score.present != SurfacesPresent::both) {
    const bool agree = score.present == SurfacesPresent::none;
    score.hd95 = score.assd = agree ? 0 : diagonal;
    score.nsd.assign(tolerances.size(), agree ? 1 : 0);
    return score;
  }
  score.hd95 = hausdorff(surfaces, 95, threads);
  score.assd = average_symmetric_distance(surfaces);
  for (const double tolerance : tolerances) score.nsd.push_back(surface_dice(surfaces, tolerance));
  return score;
}

double diagonal_of(const std::array<int64_t, 3>& size, const imaging::Geometry& geometry) {
  const std::array<double, 3> spacing = spacing_of(geometry);
  const auto length = [&](size_t axis) { return spacing[axis] * static_cast<double>(size[axis]); };
  return std::hypot(length(0), length(1), size[2] == 1 ? 0 : length(2));
}

}  // namespace larmor::eval
