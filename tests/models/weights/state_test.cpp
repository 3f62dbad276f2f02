#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "models/layers.h"
#include "models/weights/weights.h"
#include "tests/models/support.h"

namespace larmor::models {
namespace {

using testing::filled;
using testing::find_tensor;

/// conv.weight 2x1x3x3, conv.bias 2, bn.{weight, bias, running_mean, running_var, num_batches_tracked}
FusedConv make_small() {
  return FusedConv({.conv = {.in_channels = 1, .out_channels = 2, .kernel = 3}, .conv_name = "conv", .norm_name = "bn"});
}

NamedTensors small_weights() {
  const FusedConv like({.conv = {.in_channels = 1, .out_channels = 2, .kernel = 3}, .conv_name = "conv", .norm_name = "bn"});
  NamedTensors weights;
  for (const auto& [name, tensor] : like.state_dict()) {
    weights.emplace_back(name, name.ends_with("tracked") ? at::full({}, 7, at::kLong) : filled(name, tensor.sizes().vec(), 5));
  }
  return weights;
}

NamedTensors renamed(NamedTensors tensors, const std::string& prefix) {
  for (auto& [name, tensor] : tensors) name.insert(0, prefix);
  return tensors;
}

void remove_name(NamedTensors& tensors, const std::string& name) {
  std::erase_if(tensors, [&](const auto& entry) { return entry.first == name; });
}

void expect_loaded(const Module& module, const NamedTensors& weights) {
  for (const auto& [name, tensor] : module.state_dict()) EXPECT_TRUE(at::equal(tensor, find_tensor(weights, name))) << name;
}

std::string error_of(const std::function<void()>& body, ErrorKind kind = ErrorKind::data) {
  try {
    body();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind);
    return error.what();
  }
  return "no error";
}

TEST(LoadState, LoadsParametersAndBuffers) {
  FusedConv small = make_small();
  const LoadReport report = load_state(small, small_weights(), "here");
  expect_loaded(small, small_weights());
  EXPECT_TRUE(report.is_complete());
  EXPECT_EQ(report.to_string(), "7 tensors loaded");
}

TEST(LoadState, CopiesInsteadOfSharing) {
  FusedConv small = make_small();
  const NamedTensors weights = small_weights();
  load_state(small, weights, "here");
  for (const auto& [name, tensor] : weights) tensor.zero_();
  expect_loaded(small, small_weights());
}

TEST(LoadState, KeepsTheModulesTypeAndItsGradientFlag) {
  FusedConv small = make_small();
  small.to(at::kDouble);
  load_state(small, small_weights(), "here");
  const at::Tensor weight = find_tensor(small.state_dict(), "conv.weight");
  EXPECT_EQ(weight.scalar_type(), at::kDouble);
  EXPECT_TRUE(weight.requires_grad() && weight.is_leaf());
  EXPECT_TRUE(at::equal(weight, find_tensor(small_weights(), "conv.weight").to(at::kDouble)));
}

TEST(LoadState, StripsPrefixesThatAllNamesCarry) {
  FusedConv small = make_small();
  const LoadReport report = load_state(small, renamed(small_weights(), "model.module."), "here");
  expect_loaded(small, small_weights());
  EXPECT_EQ(report.to_string(), "7 tensors loaded\nstripped prefix 'model.'\nstripped prefix 'module.'");
}

TEST(LoadState, MissingCountersBecomeZero) {
  FusedConv small = make_small();
  load_state(small, small_weights(), "here");
  NamedTensors old = small_weights();
  remove_name(old, "bn.num_batches_tracked");
  const LoadReport report = load_state(small, old, "here");
  EXPECT_TRUE(report.is_complete());
  EXPECT_EQ(find_tensor(small.state_dict(), "bn.num_batches_tracked").item<int64_t>(), 0);
  EXPECT_EQ(report.to_string(), "6 tensors loaded\n1 x num_batches_tracked absent: 0");
}

TEST(LoadState, NotStrictLoadsWhatFits) {
  FusedConv small = make_small();
  NamedTensors weights = small_weights();
  remove_name(weights, "bn.running_mean");
  remove_name(weights, "conv.weight");
  weights.emplace_back("conv.weight", at::zeros({2, 3, 3, 3}));
  weights.emplace_back("head\n.weight", at::zeros({1}));
  const LoadReport report = load_state(small, weights, "here", /*strict=*/false);
  EXPECT_FALSE(report.is_complete());
  EXPECT_EQ(report.to_string(),
            "5 tensors loaded\n1 missing: bn.running_mean\n1 unexpected: head\\x0a.weight\n"
            "1 of another shape: conv.weight (2x1x3x3 here, 2x3x3x3 in the file)");
  EXPECT_TRUE(at::equal(find_tensor(small.state_dict(), "conv.bias"), find_tensor(weights, "conv.bias")));
  EXPECT_TRUE(at::equal(find_tensor(small.state_dict(), "conv.weight"), at::zeros({2, 1, 3, 3})));
}

TEST(LoadStateError, TellsWhatDoesNotFitAndChangesNothing) {
  FusedConv small = make_small();
  NamedTensors weights = small_weights();
  remove_name(weights, "bn.running_mean");
  remove_name(weights, "conv.weight");
  weights.emplace_back("conv.weight", at::zeros({2, 3, 3, 3}));
  for (const char* name : {"a", "b", "c", "d"}) weights.emplace_back(name, at::zeros({1}));
  EXPECT_EQ(error_of([&] { load_state(small, weights, "w.safetensors"); }),
            "w.safetensors: not the weights of this network: 1 missing (bn.running_mean), 4 unexpected (a, b, c, …), "
            "1 of another shape (conv.weight: 2x1x3x3 here, 2x3x3x3 in the file)");
  EXPECT_TRUE(at::equal(find_tensor(small.state_dict(), "conv.bias"), at::zeros({2})));
}

TEST(LoadStateError, WholeNumbersAreNoWeights) {
  for (const auto& [type, name] : {std::pair{at::kByte, "Byte"}, std::pair{at::kChar, "Char"}, std::pair{at::kBool, "Bool"}}) {
    FusedConv small = make_small();
    NamedTensors weights = small_weights();
    remove_name(weights, "conv.weight");
    weights.emplace_back("conv.weight", at::ones({2, 1, 3, 3}, type));
    EXPECT_EQ(error_of([&, &stored = weights] { load_state(small, stored, "w.pth"); }),
              std::string("w.pth: not the weights of this network: 1 that are no floats (conv.weight (") + name + "))");
    EXPECT_EQ(load_state(small, weights, "w.pth", /*strict=*/false).to_string(),
              std::string("6 tensors loaded\n1 that are no floats: conv.weight (") + name + ")");
    EXPECT_TRUE(at::equal(find_tensor(small.state_dict(), "conv.weight"), at::zeros({2, 1, 3, 3})));
  }
  FusedConv small = make_small();
  NamedTensors half = small_weights();
  for (auto& [name, tensor] : half) tensor = name.ends_with("tracked") ? tensor : tensor.to(at::kHalf);
  EXPECT_TRUE(load_state(small, half, "w.pth").is_complete()) << "every kind of float";
}

TEST(LoadStateError, WeightsOfAnotherModel) {
  const auto linknet = testing::make_model("linknet");
  const auto other = testing::make_model("linknet", {{"in_channels", "9"}, {"classes", "4"}});
  EXPECT_EQ(error_of([&] { load_state(*linknet, other->state_dict(), "w.safetensors"); }),
            "w.safetensors: not the weights of this linknet: 3 of another shape "
            "(encoder.layer0.conv1.weight: 64x3x7x7 here, 64x9x7x7 in the file, …)");
  EXPECT_EQ(error_of([&] { load_state(*linknet, {}, "empty.safetensors"); }),
            "empty.safetensors: not the weights of this linknet: 411 missing (encoder.layer0.conv1.weight, encoder.layer0.bn1.weight, "
            "encoder.layer0.bn1.bias, …)");
}

/// The encoder's weights under the names of an ImageNet file.
NamedTensors encoder_file(const Module& model) {
  NamedTensors file;
  for (const auto& [name, tensor] : model.state_dict()) {
    if (name.starts_with("encoder.") && !name.ends_with("tracked")) file.emplace_back(name.substr(8), tensor.detach().clone());
  }
  file.emplace_back("last_linear.weight", at::zeros({1000, 2048}));
  file.emplace_back("last_linear.bias", at::zeros({1000}));
  return file;
}

void expect_equal_encoders(const Module& left, const Module& right, size_t first) {
  const NamedTensors one = left.state_dict(), two = right.state_dict();
  for (size_t i = first; i < one.size() && one[i].first.starts_with("encoder."); ++i) {
    EXPECT_TRUE(at::equal(one[i].second, two[i].second)) << one[i].first;
  }
}

TEST(LoadEncoderState, TakesImageNetFiles) {
  const auto source = testing::make_model("linknet", {}, 1), target = testing::make_model("linknet", {}, 2);
  const at::Tensor head = find_tensor(target->state_dict(), "segmentation_head.0.weight").detach().clone();
  const LoadReport report = load_encoder_state(*target, encoder_file(*source), "imagenet", "smp");
  expect_equal_encoders(*source, *target, 0);
  EXPECT_TRUE(at::equal(find_tensor(target->state_dict(), "segmentation_head.0.weight"), head));
  EXPECT_EQ(report.to_string(),
            "329 tensors loaded\ndropped 2 tensors of the classifier 'last_linear.'\n53 x num_batches_tracked absent: 0");
}

TEST(LoadEncoderState, AdaptsTheFirstConvolution) {
  const auto source = testing::make_model("linknet", {}, 1), target = testing::make_model("linknet", {{"in_channels", "4"}}, 2);
  const at::Tensor start = find_tensor(target->state_dict(), "encoder.layer0.conv1.weight").detach().clone();
  LoadReport report = load_encoder_state(*target, encoder_file(*source), "imagenet", "smp01");
  EXPECT_TRUE(at::equal(find_tensor(target->state_dict(), "encoder.layer0.conv1.weight"), start));
  EXPECT_EQ(report.notes[1], "layer0.conv1.weight keeps its start values: rule smp01 has none for 4 channels");
  expect_equal_encoders(*source, *target, 1);

  report = load_encoder_state(*target, encoder_file(*source), "imagenet", "smp");
  EXPECT_EQ(report.notes[1], "adapted layer0.conv1.weight from 3 to 4 channels (smp)");
  const at::Tensor stored = find_tensor(source->state_dict(), "encoder.layer0.conv1.weight");
  EXPECT_TRUE(at::equal(find_tensor(target->state_dict(), "encoder.layer0.conv1.weight"), adapt_first_convolution(stored, 4, "smp")));
}

TEST(LoadEncoderState, TakesTheEncoderOfAWholeModel) {
  const auto source = testing::make_model("linknet", {{"classes", "5"}}, 1), target = testing::make_model("linknet", {}, 2);
  const LoadReport report = load_encoder_state(*target, renamed(source->state_dict(), "module."), "whole", "smp");
  expect_equal_encoders(*source, *target, 0);
  EXPECT_EQ(report.to_string(), "382 tensors loaded\nstripped prefix 'module.'\ntook 382 tensors below 'encoder.', left 97");
}

TEST(LoadEncoderStateError, RefusesFilesThatOnlyLookAlike) {
  const auto model = testing::make_model("linknet");
  NamedTensors file = encoder_file(*model);
  for (auto& [name, tensor] : file) {
    if (const size_t at = name.find("se_module"); at != std::string::npos) name.replace(at, 9, "se");
  }
  EXPECT_EQ(error_of([&] { load_encoder_state(*model, file, "timm.safetensors", "smp"); }),
            "timm.safetensors: not the weights of this encoder: 64 missing (layer1.0.se_module.fc1.weight, layer1.0.se_module.fc1.bias, "
            "layer1.0.se_module.fc2.weight, …), 64 unexpected (layer1.0.se.fc1.weight, layer1.0.se.fc1.bias, layer1.0.se.fc2.weight, …)");
  FusedConv small = make_small();
  EXPECT_EQ(error_of([&] { load_encoder_state(small, file, "f", "smp"); }, ErrorKind::usage), "f: this network has no encoder to load");
}

TEST(StateManifest, OneLineForEachTensor) {
  EXPECT_EQ(state_manifest(make_small()),
            "conv.weight\t2x1x3x3\nconv.bias\t2\nbn.weight\t2\nbn.bias\t2\nbn.running_mean\t2\nbn.running_var\t2\n"
            "bn.num_batches_tracked\tscalar\n");
}

}  // namespace
}  // namespace larmor::models
