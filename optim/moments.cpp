#include "optim/moments.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cmath>

namespace larmor::optim {

void add_betas(OptionTable& table, std::vector<double>& betas, size_t count, const std::string& help) {
  table.add("betas", betas, help, from_up_to(0, 1));
  table.check("betas", [&betas, count] {
    return betas.size() == count ? std::string() : fmt::format("has {} numbers; must have {}", betas.size(), count);
  });
}

void add_moment_options(OptionTable& table, MomentOptions& options, size_t betas) {
  table.add("lr", options.lr, "learning rate", at_least(0));
  add_betas(table, options.betas, betas,
            betas == 2 ? "decay rates of the running means of the gradient and of its square" : "decay rates of the running means");
  table.add("eps", options.eps, "added to the denominator", at_least(0));
  table.add("weight_decay", options.weight_decay, "weight decay", at_least(0));
}

double bias_correction(double beta, int64_t step) { return 1 - std::pow(beta, static_cast<double>(step)); }

Rectification rectify(int64_t step, double beta1, double beta2) {
  const double decayed = std::pow(beta2, static_cast<double>(step));
  const double longest = 2 / (1 - beta2) - 1;
  const double length = longest - 2 * static_cast<double>(step) * decayed / (1 - decayed);
  const double correction = bias_correction(beta1, step);
  if (length < 5) return {false, 1 / correction};
  const double variance = (length - 4) / (longest - 4) * (length - 2) / length * longest / (longest - 2);
  return {true, std::sqrt((1 - decayed) * variance) / correction};
}

void update_moments(const at::Tensor& first, const at::Tensor& second, const at::Tensor& gradient, double beta1, double beta2) {
  first.mul_(beta1).add_(gradient, 1 - beta1);
  second.mul_(beta2).addcmul_(gradient, gradient, 1 - beta2);
}

}  // namespace larmor::optim
