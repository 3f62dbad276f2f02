// Muon: momentum whose matrices are made orthogonal; AdamW for all that is no matrix.
//
//   m <- m + (1 - momentum) (g - m)
//   u <- g + momentum (m - g)                 nesterov: true; else u <- m
//   O <- orthogonal(u)                        u as a matrix: first dimension x all others
//   w <- w (1 - lr weight_decay) - lr sqrt(max(1, rows / columns)) O
//
// orthogonal(): X = u / ||u||, then five times X <- a X + (b A + c A^2) X with A = X X', (a, b, c) = (3.4445, -4.7750, 2.0315): singular
// values come near 1 (0.7 … 1.2), in bfloat16 as published.
//
// Vectors, numbers and the tensors that `adamw_names` fits (by default the heads of our networks) are AdamW's, with its own rate: the
// schedule moves both. Groups' factors and weight decay apply to both; `adamw_weight_decay` is for groups without.
// State: momentum_buffer, or adamw's. Source: Jordan et al. 2024 (kellerjordan.github.io/posts/muon); PyTorch's and pytorch_optimizer's
// form.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "core/options.h"
#include "optim/registry.h"

namespace larmor::optim {

struct MuonOptions {
  double lr = 0.02;
  double momentum = 0.95;
  bool nesterov = true;
  int64_t newton_schulz_steps = 5;
  double weight_decay = 0;
  std::vector<std::string> adamw_names = {"*segmentation_head.*", "*classification_head.*", "conv.*"};  ///< * stands for any text
  double adamw_lr = 3e-4;
  std::vector<double> adamw_betas = {0.9, 0.95};
  double adamw_eps = 1e-10;
  double adamw_weight_decay = 0;
};

OptionTable options_of(MuonOptions& options);
std::unique_ptr<Optimizer> make_muon(const MuonOptions& options, const std::vector<ParameterGroup>& groups);
void register_muon(Registry& optimizers);

}  // namespace larmor::optim
