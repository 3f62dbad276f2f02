// How long an optimizer's step takes on the parameters of LinkNet with SE-ResNeXt50.
//
//   bench_optimizer [--names adam,ranger,ralamb] [--threads 2] [--n 10] [--warm 3] [--encoder se_resnext50_32x4d]
//
// One JSON line per optimizer. Gradients are normal numbers of size 1e-3 that stay the same, options are the defaults.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/error.h"
#include "models/linknet.h"
#include "optim/registry.h"

namespace {

using namespace larmor;

struct Settings {
  std::string names = "sgd,adam,adamw,radam,ranger,ranger_lessw,ralamb,rangerlars,lamb";
  std::string encoder = "se_resnext50_32x4d";
  int64_t threads = 2;
  int64_t n = 10;
  int64_t warm = 3;
};

Settings read_settings(int argc, char** argv) {
  Settings settings;
  const std::map<std::string, int64_t*> numbers{{"--threads", &settings.threads}, {"--n", &settings.n}, {"--warm", &settings.warm}};
  const std::map<std::string, std::string*> texts{{"--names", &settings.names}, {"--encoder", &settings.encoder}};
  for (int i = 1; i < argc; i += 2) {
    const auto number = numbers.find(argv[i]);
    const auto text = texts.find(argv[i]);
    if ((number == numbers.end() && text == texts.end()) || i + 1 == argc) {
      throw_usage_error(fmt::format("unknown or unfinished option {}", in_quotes(argv[i])));
    }
    if (number != numbers.end()) *number->second = std::atoll(argv[i + 1]);
    if (text != texts.end()) *text->second = argv[i + 1];
  }
  if (settings.threads < 1 || settings.n < 1 || settings.warm < 0) throw_usage_error("--threads and --n must be >= 1, --warm >= 0");
  return settings;
}

std::vector<double> time_steps(optim::Optimizer& optimizer, const Settings& settings) {
  std::vector<double> times_ms;
  for (int64_t i = -settings.warm; i < settings.n; ++i) {
    const auto start = std::chrono::steady_clock::now();
    optimizer.step(optimizer.default_lr());
    const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
    if (i >= 0) times_ms.push_back(time.count());
  }
  std::sort(times_ms.begin(), times_ms.end());
  return times_ms;
}

double median(const std::vector<double>& sorted) { return (sorted[(sorted.size() - 1) / 2] + sorted[sorted.size() / 2]) / 2; }

void measure(const std::string& name, const Settings& settings) {
  models::LinkNetOptions options;
  options.encoder = settings.encoder;
  const auto network = models::make_linknet(options, 0);
  const NamedTensors parameters = network->named_parameters();
  for (const auto& [key, parameter] : parameters) parameter.mutable_grad() = at::randn(parameter.sizes()) * 1e-3;
  const auto optimizer = optim::registry().at(name).make({}, optim::make_groups(parameters, {}));
  const std::vector<double> times = time_steps(*optimizer, settings);
  const nlohmann::ordered_json line{{"what", "optimizer"},
                                    {"median_ms", median(times)},
                                    {"min_ms", times.front()},
                                    {"max_ms", times.back()},
                                    {"n", times.size()},
                                    {"per", "step"},
                                    {"name", name},
                                    {"params", network->parameter_count()},
                                    {"tensors", parameters.size()},
                                    {"threads", settings.threads}};
  std::cout << line.dump() << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const Settings settings = read_settings(argc, argv);
    at::set_num_threads(static_cast<int>(settings.threads));
    std::istringstream names(settings.names);
    for (std::string name; std::getline(names, name, ',');) measure(name, settings);
  } catch (const Error& error) {
    std::cerr << error.what() << '\n';
    return error.exit_code();
  }
  return 0;
}
