#include "eval/uncertainty.h"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>

#include "core/error.h"

namespace larmor::eval {

namespace {

/// p ln p, and 0 for p = 0. Of vectorised operations only, which xlogy is not.
at::Tensor p_log_p(const at::Tensor& p) { return p.clamp_min(std::numeric_limits<float>::min()).log_().mul_(p); }

}  // namespace

at::Tensor normalised_entropy(const at::Tensor& probabilities) {
  LARMOR_ASSERT(probabilities.dim() == 3);
  const int64_t channels = probabilities.size(0);
  if (channels == 1) {
    const at::Tensor inside = probabilities[0];
    return p_log_p(inside).add_(p_log_p(at::rsub(inside, 1))).mul_(-1 / std::log(2.0)).clamp_(0, 1);
  }
  return p_log_p(probabilities).sum(0).mul_(-1 / std::log(static_cast<double>(channels))).clamp_(0, 1);
}

void MemberSums::add(const at::Tensor& probabilities) {
  const at::Tensor entropy = normalised_entropy(probabilities);
  if (members_ == 0) {
    sum_ = probabilities.to(at::kDouble);
    entropy_sum_ = entropy.to(at::kDouble);
  } else {
    LARMOR_ASSERT(probabilities.sizes() == sum_.sizes());
    sum_.add_(probabilities);
    entropy_sum_.add_(entropy);
  }
  members_ += 1;
}

Uncertainty MemberSums::finish() const {
  LARMOR_ASSERT(members_ > 0);
  if (members_ == 1) return {entropy_sum_.to(at::kFloat), {}};
  const auto count = static_cast<double>(members_);
  const at::Tensor entropy = normalised_entropy((sum_ / count).to(at::kFloat));
  return {entropy, (entropy - entropy_sum_ / count).clamp_min_(0).to(at::kFloat)};
}

}  // namespace larmor::eval
