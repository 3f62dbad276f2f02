// HD95 and NSD (tolerance 1 mm) of two masks: bench_metrics [--elements surfels|voxels] [--threads 2] [--n 5] [--warm 1]
//
// The masks are blobs of 155 x 240 x 240 voxels of 1 mm, made as those of the Python peers' script: smooth noise above its 97 %
// quantile, and the same one voxel larger with other blobs cut out or added. --truth and --prediction read masks from files instead.
// JSON lines on stdout: both numbers together, and HD95 alone; the values beside the times.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <random>

#include "bench/measure.h"
#include "core/error.h"
#include "eval/surface_distance.h"
#include "imaging/io.h"
#include "imaging/threads.h"

namespace larmor::bench {
namespace {

using imaging::Image;

struct Arguments {
  std::string elements = "surfels", truth, prediction;
  int64_t threads = 2, n = 5, warm = 1;
};

constexpr std::array<int64_t, 3> kSize{240, 240, 155};
constexpr double kPercent = 95, kTolerance_mm = 1;

/// Gaussian smoothing along one axis, whose elements are `step` apart; the ends are repeated.
void smooth_axis(std::vector<float>& values, int64_t axis_length, int64_t step, double sigma) {
  const auto radius = static_cast<int64_t>(std::lround(4 * sigma));
  std::vector<float> weights, line(static_cast<size_t>(axis_length));
  float total = 0;
  for (int64_t i = -radius; i <= radius; ++i) {
    weights.push_back(static_cast<float>(std::exp(-0.5 * static_cast<double>(i * i) / (sigma * sigma))));
    total += weights.back();
  }
  for (size_t start = 0; start < values.size(); ++start) {
    if (static_cast<int64_t>(start) / step % axis_length != 0) continue;
    for (int64_t i = 0; i < axis_length; ++i) line[static_cast<size_t>(i)] = values[start + static_cast<size_t>(i * step)];
    for (int64_t i = 0; i < axis_length; ++i) {
      float sum = 0;
      for (int64_t k = -radius; k <= radius; ++k) {
        sum += weights[static_cast<size_t>(k + radius)] * line[static_cast<size_t>(std::clamp<int64_t>(i + k, 0, axis_length - 1))];
      }
      values[start + static_cast<size_t>(i * step)] = sum / total;
    }
  }
}

std::vector<float> smooth_noise(std::mt19937_64& generator, double sigma) {
  std::vector<float> values(static_cast<size_t>(kSize[0] * kSize[1] * kSize[2]));
  std::normal_distribution<float> normal;
  for (float& value : values) value = normal(generator);
  smooth_axis(values, kSize[0], 1, sigma);
  smooth_axis(values, kSize[1], kSize[0], sigma);
  smooth_axis(values, kSize[2], kSize[0] * kSize[1], sigma);
  return values;
}

Image above(const std::vector<float>& values, float limit) {
  Image mask = Image::make(kSize, 1, imaging::PixelType::u8);
  mask.geometry.has_spacing = true;
  std::transform(values.begin(), values.end(), mask.data<uint8_t>(), [limit](float value) { return value > limit ? 1 : 0; });
  return mask;
}

/// Its face neighbours belong to it, too.
Image dilated(const Image& mask) {
  Image result = mask;
  const uint8_t* in = mask.data<uint8_t>();
  const auto [width, height, depth] = mask.size;
  for (int64_t i = 0; i < mask.voxels(); ++i) {
    const int64_t x = i % width, y = i / width % height, z = i / width / height;
    const bool has = (x > 0 && in[i - 1]) || (x + 1 < width && in[i + 1]) || (y > 0 && in[i - width]) ||
                     (y + 1 < height && in[i + width]) || (z > 0 && in[i - width * height]) || (z + 1 < depth && in[i + width * height]);
    if (has) result.data<uint8_t>()[i] = 1;
  }
  return result;
}

std::pair<Image, Image> make_masks() {
  std::mt19937_64 generator(0);
  const std::vector<float> noise = smooth_noise(generator, 8);
  std::vector<float> sorted = noise;
  const auto quantile = sorted.begin() + static_cast<std::ptrdiff_t>(0.97 * static_cast<double>(sorted.size()));
  std::nth_element(sorted.begin(), quantile, sorted.end());
  Image truth = above(noise, *quantile), prediction = dilated(truth);
  const Image others = above(smooth_noise(generator, 6), 0.02F);
  for (int64_t i = 0; i < truth.voxels(); ++i) prediction.data<uint8_t>()[i] ^= others.data<uint8_t>()[i];
  return {std::move(truth), std::move(prediction)};
}

std::pair<Image, Image> read_masks(const Arguments& arguments) {
  if (arguments.truth.empty() != arguments.prediction.empty()) throw_usage_error("--truth and --prediction go together");
  if (arguments.truth.empty()) return make_masks();
  std::pair<Image, Image> masks{imaging::convert(imaging::read_image(arguments.truth), imaging::PixelType::u8),
                                imaging::convert(imaging::read_image(arguments.prediction), imaging::PixelType::u8)};
  const bool fit = masks.first.size == masks.second.size && masks.first.channels == 1 && masks.second.channels == 1;
  if (!fit) throw_data_error(arguments.prediction + ": is not of the size of " + arguments.truth);
  return masks;
}

void time_metrics(const Arguments& arguments) {
  const std::pair<Image, Image> masks = read_masks(arguments);
  const Image &truth = masks.first, &prediction = masks.second;
  const eval::SurfaceElements elements = eval::surface_elements_of(arguments.elements);
  const auto threads = static_cast<int>(arguments.threads);
  const std::string size = fmt::format("{}x{}x{}", truth.depth(), truth.height(), truth.width());
  double hd95 = 0, nsd = 0;
  const auto surfaces = [&] { return eval::measure_surfaces(truth, prediction, elements, threads); };
  const auto both = [&] {
    const eval::SurfaceDistances distances = surfaces();
    hd95 = eval::hausdorff(distances, kPercent, threads);
    nsd = eval::surface_dice(distances, kTolerance_mm);
  };
  const auto times = measure(both, arguments.n, arguments.warm);
  const nlohmann::ordered_json fields = {
      {"per", "case"}, {"threads", arguments.threads}, {"hd95_mm", hd95}, {"nsd", nsd}, {"side", "larmor"}};
  print_times(arguments.elements + " hd95+nsd " + size, times, fields);
  const auto alone = measure([&] { hd95 = eval::hausdorff(surfaces(), kPercent, threads); }, arguments.n, arguments.warm);
  print_times(arguments.elements + " hd95 " + size, alone, fields);
}

void add_options(CLI::App& app, Arguments& a) {
  app.add_option("--elements", a.elements, "what a surface consists of")->check(CLI::IsMember({"surfels", "voxels"}));
  app.add_option("--truth", a.truth, "mask in a NIfTI or NRRD file");
  app.add_option("--prediction", a.prediction, "mask of the same size");
  app.add_option("--threads", a.threads, "threads")->check(CLI::PositiveNumber);
  app.add_option("--n", a.n, "measured calls")->check(CLI::PositiveNumber);
  app.add_option("--warm", a.warm, "calls before")->check(CLI::NonNegativeNumber);
}

}  // namespace
}  // namespace larmor::bench

int main(int argc, char** argv) {
  larmor::bench::Arguments arguments;
  CLI::App app("Surface distances of two masks");
  larmor::bench::add_options(app, arguments);
  return larmor::bench::run_program(app, argc, argv, [&] { larmor::bench::time_metrics(arguments); });
}
