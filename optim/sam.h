// SAM: an optimizer inside takes its step by gradients of the worst place near the weights.
//
//   e <- rho g / ||g||                        ||g||: of all gradients together
//   adaptive (ASAM): e <- rho w^2 g / || |w| g ||
//   g <- gradients of the same batches at w + e; then the inner optimizer's step from w
//
// Every step costs two passes through the network: Optimizer::perturb() moves to w + e, the trainer computes the gradients again (with
// the same dropout masks; batch norm keeps the statistics of the first pass), and step() goes back to w exactly and lets the inner
// optimizer act. Clipping applies to the second gradients. Without perturb(), step() is the inner optimizer's.
// State: that of the inner optimizer. Source: Foret et al. 2021, arXiv 2010.01412; Kwon et al. 2021, arXiv 2102.11600 (adaptive; its
// authors take rho 0.5).
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "core/config.h"
#include "core/options.h"
#include "optim/registry.h"

namespace larmor::optim {

struct SamOptions {
  std::string inner = "sgd";  ///< any other optimizer
  ConfigNode inner_options;   ///< that optimizer's options, lr among them
  double rho = 0.05;
  bool adaptive = false;
};

OptionTable options_of(SamOptions& options);
std::unique_ptr<Optimizer> make_sam(const SamOptions& options, const std::vector<ParameterGroup>& groups);
void register_sam(Registry& optimizers);

}  // namespace larmor::optim
