// How long an optimizer's step takes on the parameters of LinkNet with SE-ResNeXt50.
//
//   bench_optimizer [--names adam,ranger,ralamb] [--threads 2] [--n 10] [--warm 3] [--encoder se_resnext50_32x4d]
//
// One JSON line per optimizer. Gradients are normal numbers of size 1e-3 that stay the same, options are the defaults.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <nlohmann/json.hpp>

#include "bench/measure.h"
#include "models/linknet.h"
#include "optim/registry.h"

namespace larmor::bench {
namespace {

struct Arguments {
  std::vector<std::string> names{"sgd", "adam", "adamw", "radam", "ranger", "ranger_lessw", "ralamb", "rangerlars", "lamb"};
  std::string encoder = "se_resnext50_32x4d";
  int64_t threads = 2, n = 10, warm = 3;
};

void time_steps(const std::string& name, const Arguments& arguments) {
  models::LinkNetOptions options;
  options.encoder = arguments.encoder;
  const auto network = models::make_linknet(options, 0);
  const NamedTensors parameters = network->named_parameters();
  for (const auto& [key, parameter] : parameters) parameter.mutable_grad() = at::randn(parameter.sizes()) * 1e-3;
  const auto optimizer = optim::registry().at(name).make({}, optim::make_groups(parameters, {}));
  const auto step = [&] { optimizer->step(optimizer->default_lr()); };
  print_times("optimizer", measure(step, arguments.n, arguments.warm),
              {{"per", "step"},
               {"name", name},
               {"params", network->parameter_count()},
               {"tensors", parameters.size()},
               {"threads", arguments.threads}});
}

void add_options(CLI::App& app, Arguments& a) {
  app.add_option("--names", a.names, "optimizers, comma separated")->delimiter(',');
  app.add_option("--encoder", a.encoder, "encoder of the network");
  app.add_option("--threads", a.threads, "compute threads")->check(CLI::PositiveNumber);
  app.add_option("--n", a.n, "measured steps")->check(CLI::PositiveNumber);
  app.add_option("--warm", a.warm, "steps before")->check(CLI::NonNegativeNumber);
}

}  // namespace
}  // namespace larmor::bench

int main(int argc, char** argv) {
  larmor::bench::Arguments arguments;
  CLI::App app("Step of an optimizer");
  larmor::bench::add_options(app, arguments);
  return larmor::bench::run_program(app, argc, argv, [&] {
    at::set_num_threads(static_cast<int>(arguments.threads));
    at::manual_seed(0);
    for (const std::string& name : arguments.names) larmor::bench::time_steps(name, arguments);
  });
}
