#include <ATen/ATen.h>

#include <algorithm>

#include "core/error.h"
#include "models/weights/weights.h"

namespace larmor::models {

namespace {

at::Tensor repeat_channels(const at::Tensor& weight3, int64_t in_channels) {
  std::vector<at::Tensor> channels;
  for (int64_t i = 0; i < in_channels; ++i) channels.push_back(weight3.select(1, i % 3));
  return at::stack(channels, 1) * (3.0 / static_cast<double>(in_channels));
}

}  // namespace

at::Tensor adapt_first_convolution(const at::Tensor& weight3, int64_t in_channels, const std::string& rule) {
  const std::vector<std::string> rules = {"smp", "smp01"};
  if (std::find(rules.begin(), rules.end(), rule) == rules.end()) {
    throw_usage_error(unknown_name_message("first_conv rule", rule, rules, "smp or smp01"));
  }
  LARMOR_ASSERT(weight3.dim() == 4 && weight3.size(1) == 3 && in_channels >= 1);
  if (in_channels == 3) return weight3;
  if (in_channels == 1) return weight3.sum(1, /*keepdim=*/true);
  if (rule == "smp01" && in_channels > 3) return {};
  return repeat_channels(weight3, in_channels);  // for two channels both rules agree: the first two x 1.5
}

}  // namespace larmor::models
