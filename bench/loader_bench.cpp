// How many slices a second the loader delivers: LGG pairs read, changed (flips, quarter turns, affine, brightness, gamma), normalised
// and put into batches.
//
//   bench_loader --root kaggle_3m [--threads 2] [--batch 8] [--size 256] [--epochs 3] [--cache-mib 2048]
//
// One JSON line per epoch and number of workers, 1 and then --threads. Epoch 0 reads the files; later ones find decoded slices in the
// cache unless --cache-mib is 0.
#include <chrono>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include "bench/measure.h"
#include "datasets/lgg.h"
#include "datasets/loader.h"

namespace larmor::bench {
namespace {

struct Arguments {
  std::string root;
  int64_t threads = 2, batch = 8, size = 256, epochs = 3, cache_mib = 2048;
};

datasets::AugmentOptions augmentation() {
  datasets::AugmentOptions options;
  options.flip_horizontal = 0.5;
  options.quarter_turns = 0.5;
  options.affine = 0.5;
  options.rotate_deg = {-15, 15};
  options.scale = {0.9, 1.1};
  options.shift = {-0.0625, 0.0625};
  options.brightness = 0.4;
  options.brightness_range = {-0.17, 0.17};
  options.gamma = 0.3;
  options.gamma_range = {0.7, 1.2};
  return options;
}

/// Seconds and images of one epoch.
std::pair<double, int64_t> run_epoch(datasets::Loader& loader, int64_t epoch) {
  const auto start = std::chrono::steady_clock::now();
  int64_t images = 0;
  loader.start_epoch(epoch);
  while (const auto batch = loader.next()) images += batch->count();
  return {std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), images};
}

void time_epochs(const datasets::Source& source, const Arguments& arguments, int64_t workers) {
  datasets::LoaderOptions options;
  options.batch = arguments.batch;
  options.workers = workers;
  options.prefetch = 2 * workers;  // as many as the peer's loader keeps
  options.size = arguments.size;
  options.shuffle = true;
  std::vector<int64_t> indices(source.cases().size());
  std::iota(indices.begin(), indices.end(), 0);
  const auto cache = std::make_shared<datasets::SampleCache>(source, static_cast<size_t>(arguments.cache_mib) << 20);
  datasets::Loader loader(cache, source, indices, options, {}, augmentation());
  for (int64_t epoch = 0; epoch < arguments.epochs; ++epoch) {
    const auto [seconds, images] = run_epoch(loader, epoch);
    print_times("loader", {seconds / static_cast<double>(images)},
                {{"per", "image"},
                 {"epoch", epoch},
                 {"workers", workers},
                 {"images", images},
                 {"images_per_s", static_cast<double>(images) / seconds},
                 {"cache_mib", arguments.cache_mib}});
  }
}

void add_options(CLI::App& app, Arguments& a) {
  app.add_option("--root", a.root, "folder of LGG patients")->required();
  app.add_option("--threads", a.threads, "workers")->check(CLI::PositiveNumber);
  app.add_option("--batch", a.batch, "images at once")->check(CLI::PositiveNumber);
  app.add_option("--size", a.size, "side of the images")->check(CLI::PositiveNumber);
  app.add_option("--epochs", a.epochs, "measured epochs")->check(CLI::PositiveNumber);
  app.add_option("--cache-mib", a.cache_mib, "memory for decoded slices; 0: none")->check(CLI::NonNegativeNumber);
}

}  // namespace
}  // namespace larmor::bench

int main(int argc, char** argv) {
  larmor::bench::Arguments arguments;
  CLI::App app("Slices a second that the loader delivers");
  larmor::bench::add_options(app, arguments);
  return larmor::bench::run_program(app, argc, argv, [&] {
    const auto source = larmor::datasets::make_lgg({.root = arguments.root});
    for (const int64_t workers : std::set<int64_t>{1, arguments.threads}) larmor::bench::time_epochs(*source, arguments, workers);
  });
}
