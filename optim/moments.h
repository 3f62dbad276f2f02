// What the Adam family shares: options, bias corrections, the rectification of RAdam.
#pragma once
#include <cstdint>
#include <vector>

#include "core/options.h"
#include "optim/rule.h"

namespace larmor::optim {

struct MomentOptions {
  double lr = 1e-3;
  std::vector<double> betas = {0.9, 0.999};
  double eps = 1e-8;
  double weight_decay = 0;
};

/// Adds decay rates in [0, 1), exactly `count` of them.
void add_betas(OptionTable& table, std::vector<double>& betas, size_t count, const std::string& help);
/// Adds lr, betas, eps and weight_decay with their bounds.
void add_moment_options(OptionTable& table, MomentOptions& options, size_t betas = 2);

/// 1 - beta^step.
double bias_correction(double beta, int64_t step);

/// RAdam's estimate of how far the second moment can be trusted (Liu et al. 2020).
struct Rectification {
  bool is_adaptive = false;  ///< rho_t >= 5: divide by the root of the second moment
  double factor = 1;         ///< of the step: r with both bias corrections, or 1 / (1 - beta1^t)
};
Rectification rectify(int64_t step, double beta1, double beta2);

/// A rule with these options, except for its formula.
class MomentRule : public Rule {
 public:
  explicit MomentRule(const MomentOptions& options) : moments_(options) {}
  double lr() const override { return moments_.lr; }
  double weight_decay() const override { return moments_.weight_decay; }
  double momentum() const override { return moments_.betas[0]; }
  std::vector<std::string> state_names() const override { return {"exp_avg", "exp_avg_sq"}; }

 protected:
  /// The coefficients that all moment rules share; root, added, decay, rate and is_adaptive are the rule's.
  DeviceCoefficients shared_coefficients(const TensorStep& step) const {
    DeviceCoefficients coefficients;
    coefficients.beta1 = step.momentum;
    coefficients.beta2 = beta2();
    coefficients.eps = eps();
    return coefficients;
  }
  double beta2() const { return moments_.betas[1]; }
  double eps() const { return moments_.eps; }

 private:
  MomentOptions moments_;
};

/// m <- beta1 m + (1 - beta1) g; v <- beta2 v + (1 - beta2) g^2.
void update_moments(const at::Tensor& first, const at::Tensor& second, const at::Tensor& gradient, double beta1, double beta2);

}  // namespace larmor::optim
