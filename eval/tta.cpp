#include "eval/tta.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "core/error.h"

namespace larmor::eval {

namespace {

constexpr double kSharpening = 0.5;

struct ViewSet {
  const char* name;
  std::vector<View> views;
};

/// Product order, the first transform outermost: the order in which ttach visits them.
const std::vector<ViewSet>& view_sets() {
  static const std::vector<View> none = {{}};
  static const std::vector<View> mirrored = {{}, {true, false, 0}};
  static const std::vector<View> upside_down = {{}, {false, true, 0}};
  static const std::vector<View> flips = {{}, {false, true, 0}, {true, false, 0}, {true, true, 0}};
  static const std::vector<View> d4 = {{false, false, 0}, {false, false, 1}, {false, false, 2}, {false, false, 3},
                                       {true, false, 0},  {true, false, 1},  {true, false, 2},  {true, false, 3}};
  static const std::vector<ViewSet> sets = {{"none", none},      {"tta1", mirrored},     {"tta2", flips}, {"tta3", d4},
                                            {"hflip", mirrored}, {"vflip", upside_down}, {"flip", flips}, {"d4", d4}};
  return sets;
}

void require_square(const at::Tensor& image, const View& view) {
  if (view.quarter_turns % 2 == 0 || image.size(-1) == image.size(-2)) return;
  throw_usage_error(fmt::format("input {} x {}: quarter turns (tta3, d4) need a square image; pad it to {} x {} or use tta2",
                                image.size(-2), image.size(-1), std::max(image.size(-1), image.size(-2)),
                                std::max(image.size(-1), image.size(-2))));
}

void require_non_negative(const at::Tensor& output, const std::string& merge) {
  if (output.numel() > 0 && output.min().item<double>() < 0) {
    throw_usage_error("merge '" + merge + "' takes roots and needs non-negative values; merge probabilities, or use mean");
  }
}

at::Tensor mean_of_powers(const std::vector<at::Tensor>& outputs, double power) {
  at::Tensor sum = outputs[0].pow(power);
  for (size_t i = 1; i < outputs.size(); ++i) sum += outputs[i].pow(power);
  return sum / static_cast<double>(outputs.size());
}

/// The product of the n-th roots: the product itself would underflow with eight small probabilities.
at::Tensor geometric_mean(const std::vector<at::Tensor>& outputs) {
  const double root = 1.0 / static_cast<double>(outputs.size());
  at::Tensor product = outputs[0].pow(root);
  for (size_t i = 1; i < outputs.size(); ++i) product *= outputs[i].pow(root);
  return product;
}

at::Tensor sum_of(const std::vector<at::Tensor>& outputs) {
  at::Tensor sum = outputs[0].clone();
  for (size_t i = 1; i < outputs.size(); ++i) sum += outputs[i];
  return sum;
}

at::Tensor extreme_of(const std::vector<at::Tensor>& outputs, bool largest) {
  at::Tensor extreme = outputs[0];
  for (size_t i = 1; i < outputs.size(); ++i) extreme = largest ? at::maximum(extreme, outputs[i]) : at::minimum(extreme, outputs[i]);
  return extreme;
}

}  // namespace

std::vector<View> tta_views(const std::string& name) {
  for (const ViewSet& set : view_sets()) {
    if (name == set.name) return set.views;
  }
  throw_usage_error(unknown_name_message("test-time augmentation", name, tta_names(), ""));
}

std::vector<std::string> tta_names() {
  std::vector<std::string> names;
  for (const ViewSet& set : view_sets()) names.emplace_back(set.name);
  return names;
}

at::Tensor apply_view(const at::Tensor& image, const View& view) {
  require_square(image, view);
  at::Tensor seen = image;
  if (view.flip_horizontal) seen = seen.flip({-1});
  if (view.flip_vertical) seen = seen.flip({-2});
  return view.quarter_turns == 0 ? seen : at::rot90(seen, view.quarter_turns, {-2, -1});
}

at::Tensor undo_view(const at::Tensor& output, const View& view) {
  require_square(output, view);
  at::Tensor back = view.quarter_turns == 0 ? output : at::rot90(output, -view.quarter_turns, {-2, -1});
  if (view.flip_vertical) back = back.flip({-2});
  if (view.flip_horizontal) back = back.flip({-1});
  return back;
}

at::Tensor merge_views(const std::vector<at::Tensor>& outputs, const std::string& merge) {
  LARMOR_ASSERT(!outputs.empty());
  if (merge == "gmean" || merge == "tsharpen") {
    for (const at::Tensor& output : outputs) require_non_negative(output, merge);
    return merge == "gmean" ? geometric_mean(outputs) : mean_of_powers(outputs, kSharpening);
  }
  if (merge == "mean") return sum_of(outputs) / static_cast<double>(outputs.size());
  if (merge == "sum") return sum_of(outputs);
  if (merge == "max" || merge == "min") return extreme_of(outputs, merge == "max");
  throw_usage_error(unknown_name_message("merge", merge, merge_names(), ""));
}

std::vector<std::string> merge_names() { return {"mean", "gmean", "max", "min", "sum", "tsharpen"}; }

}  // namespace larmor::eval
