// Ranger of lessw2020: Lookahead with eager start around RAdam with gradient centralisation.
//
//   centralise x: subtract from each filter (slice of the first dimension) its mean; tensors of two and more dimensions (gc: all) or
//   of four and more (gc: conv). A transposed convolution's first dimension is its input channels; it is taken as it is.
//
//   g  <- centralised g                                         centralise: gradient
//   d  = rho_t >= 5 ? m / (sqrt(v) + eps) : m                   as in radam.h
//   decay: weights   w <- w (1 - lr weight_decay);  w <- w - lr r d            ranger.py
//          update    d <- d + weight_decay w;       w <- w - lr r d            ranger2020.py
//   d  <- centralised d, after the decay                        centralise: update (only with decay: update)
//
// In its warm-up of plain steps (d = m) ranger2020.py works in the memory of m: what it adds and centralises there stays in the
// running mean. decay: update does the same.
//
// ranger.py of 2020 (use_gc is never read there: always centralised) is the default; before 2020-04-11 it had no centralisation
// (gc: off); ranger2020.py is decay: update. State: exp_avg, exp_avg_sq, slow. Source: github lessw2020/Ranger-Deep-Learning-Optimizer;
// Yong et al. 2020 for the centralisation.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "optim/moments.h"
#include "optim/registry.h"
#include "optim/slow_weights.h"

namespace larmor::optim {

struct RangerLesswOptions {
  RangerLesswOptions() {
    moments.betas = {0.95, 0.999};
    moments.eps = 1e-5;
    slow.start = "eager";
  }
  MomentOptions moments;
  SlowWeightOptions slow;
  std::string gc = "all";               ///< all | conv | off
  std::string centralise = "gradient";  ///< gradient | update
  std::string decay = "weights";        ///< weights | update
};

OptionTable options_of(RangerLesswOptions& options);
std::unique_ptr<Optimizer> make_ranger_lessw(const RangerLesswOptions& options, const std::vector<ParameterGroup>& groups);
void register_ranger_lessw(Registry& optimizers);

}  // namespace larmor::optim
