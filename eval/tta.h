// Test-time augmentation over the group D4 = {identity, horizontal flip} x {quarter turns}.
//
// Views in ttach's order: the first transform outermost; quarter turns counter-clockwise as torch.rot90(k, (2, 3)). Source: ttach 0.0.3.
#pragma once
#include <ATen/core/Tensor.h>

#include <functional>
#include <string>
#include <vector>

namespace larmor::eval {

/// One view: flips first, then the turn; undone in reverse order.
struct View {
  bool flip_horizontal = false;
  bool flip_vertical = false;
  int quarter_turns = 0;
};

/// "none" | "tta1" = "hflip" {id, h} | "vflip" {id, v} | "tta2" = "flip" {id, h, v, hv} | "tta3" = "d4" (8 views). Error (usage) with names
/// otherwise.
std::vector<View> tta_views(const std::string& name);
std::vector<std::string> tta_names();

at::Tensor apply_view(const at::Tensor& image, const View& view);  ///< N x C x H x W
at::Tensor undo_view(const at::Tensor& output, const View& view);

/// mean | gmean | max | min | sum | tsharpen (temperature 0.5 mean of p^0.5). gmean and tsharpen need non-negative values.
/// Error (usage) otherwise.
at::Tensor merge_views(const std::vector<at::Tensor>& outputs, const std::string& merge);
std::vector<std::string> merge_names();

}  // namespace larmor::eval
