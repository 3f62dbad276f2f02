// Inference and training step of a network: bench_model infer --arch linknet --batch 8 --threads 2
//
// One JSON line on stdout, with the arguments and fields of the Python peers' script. Inference: --mode fast (prepared, the default)
// or plain; with --tta d4 as `larmor predict` does it, from images to merged probabilities. A training step is forward, Dice + BCE,
// backward, AdamW.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <nlohmann/json.hpp>

#include "bench/measure.h"
#include "eval/predictor.h"
#include "eval/segmentation.h"
#include "losses/registry.h"
#include "models/registry.h"
#include "optim/registry.h"

namespace larmor::bench {
namespace {

struct Arguments {
  std::string what;
  std::string arch = "linknet", encoder = "se_resnext50_32x4d", mode = "fast", tta = "none";
  int64_t batch = 8, size = 256, classes = 1, threads = 2, n = 5, warm = 2;
};

std::shared_ptr<models::Segmenter> make_network(const Arguments& arguments) {
  ConfigNode options = ConfigNode::make_map();
  options.set("encoder", ConfigNode::make_scalar(arguments.encoder));
  options.set("classes", ConfigNode::make_scalar(std::to_string(arguments.classes)));
  return models::registry().at(arguments.arch).make(options, /*seed=*/0);
}

at::Tensor make_images(const Arguments& arguments) { return at::randn({arguments.batch, 3, arguments.size, arguments.size}); }

nlohmann::ordered_json describe(const Arguments& a, const std::string& per) {
  return {{"per", per},     {"arch", a.arch}, {"encoder", a.encoder}, {"batch", a.batch}, {"size", a.size},
          {"mode", a.mode}, {"tta", a.tta},   {"threads", a.threads}, {"side", "larmor"}};
}

void infer(const Arguments& arguments) {
  const c10::InferenceMode inference;
  const auto network = make_network(arguments);
  network->eval();
  if (arguments.mode == "fast") network->prepare_inference();
  const at::Tensor images = make_images(arguments);
  print_times("infer", measure([&] { network->forward(images); }, arguments.n, arguments.warm), describe(arguments, "batch"));
}

void infer_views(const Arguments& arguments) {
  const auto task = eval::make_segmentation({}, arguments.classes);
  eval::PredictorOptions options;
  options.tta = arguments.tta;
  eval::Predictor predictor({make_network(arguments)}, *task, options, at::kCPU);
  const at::Tensor images = make_images(arguments);
  print_times("infer", measure([&] { predictor.probabilities(images); }, arguments.n, arguments.warm), describe(arguments, "batch"));
}

void train(const Arguments& arguments) {
  const auto network = make_network(arguments);
  const at::Tensor images = make_images(arguments);
  const at::Tensor target = (at::rand({arguments.batch, arguments.classes, arguments.size, arguments.size}) > 0.9).to(at::kFloat);
  const auto loss = losses::make_loss("dice + bce", ConfigNode());
  const auto optimizer = optim::registry().at("adamw").make(ConfigNode(), optim::make_groups(network->named_parameters(), {}));
  const auto step = [&] {
    const at::Tensor value = (*loss)(network->forward(images), target);
    optimizer->zero_grad();
    value.backward();
    optimizer->step(optimizer->default_lr());
    value.item<float>();
  };
  print_times("train", measure(step, arguments.n, arguments.warm), describe(arguments, "step"));
}

void add_options(CLI::App& app, Arguments& a) {
  app.add_option("what", a.what, "infer or train")->required()->check(CLI::IsMember({"infer", "train"}));
  app.add_option("--arch", a.arch, "network");
  app.add_option("--encoder", a.encoder, "encoder");
  app.add_option("--batch", a.batch, "images at once");
  app.add_option("--size", a.size, "side of the images");
  app.add_option("--classes", a.classes, "output channels");
  app.add_option("--mode", a.mode, "inference: fast or plain")->check(CLI::IsMember({"fast", "plain"}));
  app.add_option("--tta", a.tta, "inference: test-time augmentation")->check(CLI::IsMember(eval::tta_names()));
  app.add_option("--threads", a.threads, "compute threads");
  app.add_option("--n", a.n, "measured calls")->check(CLI::PositiveNumber);
  app.add_option("--warm", a.warm, "calls before");
}

}  // namespace
}  // namespace larmor::bench

int main(int argc, char** argv) {
  larmor::bench::Arguments arguments;
  CLI::App app("Inference and training step of a network");
  larmor::bench::add_options(app, arguments);
  return larmor::bench::run_program(app, argc, argv, [&] {
    at::set_num_threads(static_cast<int>(arguments.threads));
    at::manual_seed(0);
    if (arguments.what == "train") return larmor::bench::train(arguments);
    arguments.tta == "none" ? larmor::bench::infer(arguments) : larmor::bench::infer_views(arguments);
  });
}
