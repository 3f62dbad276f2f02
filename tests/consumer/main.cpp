// Takes training steps of a LinkNet with the installed libraries, and reads its weights back from a safetensors file.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <cmath>
#include <cstdio>

#include "core/config.h"
#include "core/safetensors.h"
#include "core/tensors.h"
#include "core/version.h"
#include "losses/registry.h"
#include "models/registry.h"
#include "optim/registry.h"

namespace {

int fail(const char* what) {
  std::fprintf(stderr, "consumer: %s\n", what);
  return 1;
}

double step(larmor::models::Segmenter& network, const larmor::losses::Loss& loss, larmor::optim::Optimizer& optimizer,
            const at::Tensor& image, const at::Tensor& target) {
  optimizer.zero_grad();
  const at::Tensor value = loss(network.forward(image), target);
  value.backward();
  optimizer.step(optimizer.default_lr());
  return value.item<double>();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return fail("usage: consumer FILE.safetensors");
  at::set_num_threads(1);
  const larmor::ConfigNode options = larmor::parse_yaml("{encoder: se_resnext50_32x4d, encoder_depth: 3}", "consumer");
  const auto network = larmor::models::registry().at("linknet").make(options, 1);
  const auto loss = larmor::losses::make_loss("0.5*bce + 0.5*dice", larmor::ConfigNode{});
  const auto optimizer =
      larmor::optim::registry().at("ralamb").make(larmor::ConfigNode{}, larmor::optim::make_groups(network->named_parameters(), {}));

  const at::Tensor image = at::linspace(-1, 1, 2 * 3 * 32 * 32).view({2, 3, 32, 32});
  const at::Tensor target = image.slice(1, 0, 1).gt(0).to(at::kFloat);
  const double first = step(*network, *loss, *optimizer, image, target);
  double last = first;
  for (int i = 0; i < 3; ++i) last = step(*network, *loss, *optimizer, image, target);
  if (!std::isfinite(first) || !(last < first)) return fail("the loss does not fall");

  larmor::save_tensors(argv[1], network->state_dict(), {{"made_by", "consumer"}});
  const auto file = larmor::SafetensorsFile::open(argv[1]);
  if (file.tensors().size() != network->state_dict().size() || file.metadata().at("made_by") != "consumer") return fail("the file differs");
  std::printf("larmor %s: loss %.4f -> %.4f, %zu tensors\n", larmor::kVersion, first, last, file.tensors().size());
  return 0;
}
