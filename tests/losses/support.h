// The contract of every loss, checked for each variant of its options.
#pragma once
#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/error.h"
#include "losses/loss.h"

namespace larmor::losses::testing {

/// What a loss can be trained on.
enum class Target { binary, multi_label, multi_class };

/// Makes the loss under test with the given ignore_index.
using MakeLoss = std::function<std::unique_ptr<Loss>(std::optional<int64_t> ignore_index)>;

/// For each kind of target:
///   - value and gradient are finite on degenerate targets (empty, full, all ignored) and extreme logits, and 0 when all is ignored;
///   - the gradient equals finite differences (property over random logits and targets, in double);
///   - ignored pixels act as if they were not there, whatever their logits, NaN included;
///   - half-precision logits give a float32 loss, double logits a double one;
///   - 3-D maps equal the same pixels laid out in 2-D.
void check_contract(const MakeLoss& make, const std::vector<Target>& kinds);

/// Loss and gradient with respect to the logits.
struct ValueAndGradient {
  at::Tensor value;
  at::Tensor gradient;
};
ValueAndGradient differentiate(const Loss& loss, const at::Tensor& logits, const at::Tensor& target);

/// A 1 x 1 x 1 x S row of numbers in double.
at::Tensor row(const std::vector<double>& values);
/// Logits whose sigmoid is `probabilities`.
at::Tensor logits_of(const std::vector<double>& probabilities);

/// The message of the Error that `function` throws, "" when none.
std::string error_of(const std::function<void()>& function);

}  // namespace larmor::losses::testing
