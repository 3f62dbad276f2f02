// How many slices a second the loader delivers: LGG pairs read, changed (flips, quarter turns, affine, brightness, gamma), normalised
// and put into batches.
//
//   bench_loader --root kaggle_3m [--threads 2] [--batch 8] [--size 256] [--epochs 3] [--cache-mib 2048]
//
// One JSON line per epoch and number of workers, 1 and then --threads. Epoch 0 reads the files; later ones find decoded slices in the
// cache unless --cache-mib is 0.
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.h"
#include "datasets/lgg.h"
#include "datasets/loader.h"

namespace {

using namespace larmor;

struct Settings {
  std::string root;
  int64_t threads = 2;
  int64_t batch = 8;
  int64_t size = 256;
  int64_t epochs = 3;
  int64_t cache_mib = 2048;
};

Settings read_settings(int argc, char** argv) {
  Settings settings;
  const std::map<std::string, int64_t*> numbers{{"--threads", &settings.threads},
                                                {"--batch", &settings.batch},
                                                {"--size", &settings.size},
                                                {"--epochs", &settings.epochs},
                                                {"--cache-mib", &settings.cache_mib}};
  for (int i = 1; i + 1 < argc; i += 2) {
    const auto number = numbers.find(argv[i]);
    if (number != numbers.end()) {
      *number->second = std::atoll(argv[i + 1]);
    } else if (std::string(argv[i]) == "--root") {
      settings.root = argv[i + 1];
    } else {
      throw_usage_error(fmt::format("unknown option {}", in_quotes(argv[i])));
    }
  }
  if (settings.root.empty() || settings.threads < 1 || settings.batch < 1 || settings.size < 1) {
    throw_usage_error("bench_loader --root kaggle_3m [--threads 2] [--batch 8] [--size 256] [--epochs 3] [--cache-mib 2048]");
  }
  return settings;
}

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

void measure(const datasets::Source& source, const Settings& settings, int64_t workers) {
  datasets::LoaderOptions options;
  options.batch = settings.batch;
  options.workers = workers;
  options.prefetch = 2 * workers;  // as many as the peer's loader keeps
  options.size = settings.size;
  options.shuffle = true;
  std::vector<int64_t> indices;
  for (size_t i = 0; i < source.cases().size(); ++i) indices.push_back(static_cast<int64_t>(i));
  const auto cache = std::make_shared<datasets::SampleCache>(source, static_cast<size_t>(settings.cache_mib) << 20);
  datasets::Loader loader(cache, source, indices, options, {}, augmentation());
  for (int64_t epoch = 0; epoch < settings.epochs; ++epoch) {
    const auto start = std::chrono::steady_clock::now();
    int64_t images = 0;
    loader.start_epoch(epoch);
    while (const auto batch = loader.next()) images += batch->count();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const double each_ms = 1e3 * seconds / static_cast<double>(images);
    std::cout << nlohmann::ordered_json{{"what", "loader"},
                                        {"median_ms", each_ms},
                                        {"min_ms", each_ms},
                                        {"max_ms", each_ms},
                                        {"n", 1},
                                        {"per", "image"},
                                        {"epoch", epoch},
                                        {"workers", workers},
                                        {"images", images},
                                        {"images_per_s", static_cast<double>(images) / seconds},
                                        {"cache_mib", settings.cache_mib}}
                     .dump()
              << std::endl;
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const Settings settings = read_settings(argc, argv);
    const auto source = datasets::make_lgg({.root = settings.root});
    for (const int64_t workers : std::set<int64_t>{1, settings.threads}) measure(*source, settings, workers);
  } catch (const Error& error) {
    std::cerr << error.what() << '\n';
    return error.exit_code();
  }
  return 0;
}
