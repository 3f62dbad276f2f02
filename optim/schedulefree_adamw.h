// Schedule-free AdamW: Adam without a schedule, whose gradients are taken at y, between a fast point z and the average x of all z.
//
//   lr_t <- lr min(t / warmup_steps, 1);  c <- p_t / sum of all p,  p_t = t^r (largest lr so far)^weight_lr_power
//   v <- beta2 v + (1 - beta2) g^2
//   u <- g / (sqrt(v / (1 - beta2^t)) + eps) + weight_decay y
//   x <- (1 - c) x + c z_next,  z_next = z - lr_t u,  y = (1 - beta1) z + beta1 x           worked out in y and z alone
//
// The weights that are trained are y. What is evaluated and kept is x = (y - (1 - beta1) z) / beta1 (Optimizer::evaluation_weights), for
// which batch norm needs statistics of its own; the trainer takes them. Use the constant schedule; the rate may be larger than Adam's,
// and a few steps of warm-up help. One-cycle momentum has no effect.
// State: z, exp_avg_sq, per tensor lr_max and weight_sum. Source: Defazio et al. 2024, arXiv 2405.15682; the authors' form of 2024-10,
// which pytorch_optimizer shares.
#pragma once
#include <memory>
#include <vector>

#include "optim/moments.h"
#include "optim/registry.h"

namespace larmor::optim {

struct SchedulefreeAdamwOptions : MomentOptions {
  SchedulefreeAdamwOptions() { lr = 2.5e-3; }
  int64_t warmup_steps = 0;
  double r = 0;                ///< > 0: later points weigh more
  double weight_lr_power = 2;  ///< how points weigh by the rate that led to them
};

OptionTable options_of(SchedulefreeAdamwOptions& options);
std::unique_ptr<Optimizer> make_schedulefree_adamw(const SchedulefreeAdamwOptions& options, const std::vector<ParameterGroup>& groups);
void register_schedulefree_adamw(Registry& optimizers);

}  // namespace larmor::optim
