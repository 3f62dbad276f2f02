#include "tests/models/model_contract.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "core/error.h"
#include "models/weights/weights.h"
#include "tests/models/support.h"
#include "tests/support/golden.h"

namespace larmor::models::testing {

namespace {

constexpr int64_t kBatch = 2;

/// Two strides high and three wide: no square, no power of two.
at::Tensor make_image(const Segmenter& model, const std::string& name = "contract") {
  const SegmenterInfo& info = model.info();
  return filled(name, {kBatch, info.in_channels, 2 * info.stride, 3 * info.stride});
}

/// Ready for evaluation, with running statistics that differ from their start values.
std::shared_ptr<Segmenter> make_filled(const std::string& name, const ModelOptions& options) {
  std::shared_ptr<Segmenter> model = make_model(name, options);
  fill_weights(*model);
  model->eval();
  return model;
}

at::Tensor logits_of(Segmenter& model, const at::Tensor& image) {
  const at::NoGradGuard no_grad;
  return model.forward(image);
}

NamedTensors copy(const NamedTensors& tensors) {
  NamedTensors copies;
  for (const auto& [name, tensor] : tensors) copies.emplace_back(name, tensor.detach().clone());
  return copies;
}

void expect_equal(const NamedTensors& left, const NamedTensors& right) {
  ASSERT_EQ(left.size(), right.size());
  for (size_t i = 0; i < left.size(); ++i) {
    EXPECT_EQ(left[i].first, right[i].first);
    EXPECT_TRUE(at::equal(left[i].second, right[i].second)) << left[i].first;
  }
}

std::string message_of(Segmenter& model, const at::Tensor& image) {
  try {
    model.forward(image);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    return error.what();
  }
  return "no error";
}

}  // namespace

void expect_shapes(const std::string& name, ModelOptions options) {
  for (const auto& [in_channels, classes] : {std::pair<int64_t, int64_t>{1, 1}, {2, 3}, {5, 7}}) {
    options["in_channels"] = std::to_string(in_channels);
    options["classes"] = std::to_string(classes);
    const auto model = make_model(name, options);
    EXPECT_EQ(model->info().in_channels, in_channels);
    EXPECT_EQ(model->info().classes, classes);
    const at::Tensor image = make_image(*model);
    EXPECT_EQ(logits_of(*model, image).sizes().vec(), (std::vector<int64_t>{kBatch, classes, image.size(2), image.size(3)}));
  }
}

void expect_gradients_reach_used_parameters(const std::string& name, const ModelOptions& options) {
  const auto model = make_model(name, options);
  const at::Tensor logits = model->forward(make_image(*model));
  (logits * filled("target", logits.sizes().vec())).sum().backward();
  const std::vector<std::string> unused = model->unused_parameters();
  const NamedTensors parameters = model->named_parameters();
  for (const std::string& parameter : unused) EXPECT_TRUE(find_tensor(parameters, parameter).defined()) << parameter;
  for (const auto& [parameter, value] : parameters) {
    const bool is_unused = std::find(unused.begin(), unused.end(), parameter) != unused.end();
    ASSERT_EQ(value.grad().defined(), !is_unused) << parameter;
    EXPECT_TRUE(is_unused || value.grad().isfinite().all().item<bool>()) << parameter;
  }
  model->zero_grad();
  for (const auto& [parameter, value] : model->named_parameters()) EXPECT_FALSE(value.grad().defined()) << parameter;
}

void expect_round_trip(const std::string& name, const ModelOptions& options) {
  const auto model = make_filled(name, options);
  const std::filesystem::path file = larmor::testing::make_temporary_folder("models") / "weights.safetensors";
  save_tensors(file, model->state_dict());
  const auto other = make_model(name, options, /*seed=*/1);
  other->eval();
  const LoadReport report = load_state(*other, read_weights(file), file.string());
  EXPECT_TRUE(report.is_complete());
  EXPECT_EQ(report.loaded.size(), model->state_dict().size());
  expect_equal(model->state_dict(), other->state_dict());
  const at::Tensor image = make_image(*model);
  EXPECT_TRUE(at::equal(logits_of(*model, image), logits_of(*other, image)));
}

void expect_deterministic_eval(const std::string& name, const ModelOptions& options) {
  const auto model = make_filled(name, options);
  const NamedTensors before = copy(model->state_dict());
  const at::Tensor image = make_image(*model), kept = image.clone();
  EXPECT_TRUE(at::equal(logits_of(*model, image), logits_of(*model, image)));
  model->prepare_inference();
  EXPECT_TRUE(at::equal(logits_of(*model, image), logits_of(*model, image)));
  EXPECT_TRUE(at::equal(image, kept)) << "the input was written to";
  expect_equal(before, model->state_dict());
}

void expect_prepared_equals_plain(const std::string& name, const ModelOptions& options) {
  const auto model = make_filled(name, options);
  const at::Tensor image = make_image(*model);
  const at::Tensor plain = logits_of(*model, image);
  model->prepare_inference();
  const at::Tensor prepared = logits_of(*model, image);
  EXPECT_TRUE(prepared.is_contiguous());
  EXPECT_LE(max_abs(prepared - plain), 1e-5 * max_abs(plain));

  NamedTensors halved = copy(model->state_dict());
  for (auto& [key, tensor] : halved) {
    if (key == model->named_parameters().back().first) tensor.mul_(0.5).add_(1);
  }
  load_state(*model, halved, "halved");
  const at::Tensor changed = logits_of(*model, image);
  model->prepare_inference();
  EXPECT_LE(max_abs(logits_of(*model, image) - changed), 1e-5 * max_abs(changed)) << "prepared anew";
  EXPECT_GT(max_abs(changed - plain), 0.1) << "loading must drop what was prepared";
  model->train();
  model->eval();
  EXPECT_TRUE(at::equal(logits_of(*model, image), changed)) << "train() must drop what was prepared";
}

void expect_keyed_start_values(const std::string& name, const ModelOptions& options) {
  const auto one = make_model(name, options, 1), again = make_model(name, options, 1), other = make_model(name, options, 2);
  expect_equal(one->state_dict(), again->state_dict());
  EXPECT_FALSE(at::equal(one->named_parameters().front().second, other->named_parameters().front().second));
}

void expect_shape_errors(const std::string& name, const ModelOptions& options) {
  const auto model = make_model(name, options);
  const SegmenterInfo& info = model->info();
  const std::string& architecture = info.architecture;
  const int64_t channels = info.in_channels, stride = info.stride;
  EXPECT_EQ(message_of(*model, at::zeros({1, channels + 1, stride, stride})),
            fmt::format("input of shape 1 x {} x {} x {} has {} channels: this {} was built for {} (model.in_channels)", channels + 1,
                        stride, stride, channels + 1, architecture, channels));
  EXPECT_EQ(message_of(*model, at::zeros({1, channels, 2 * stride - 1, stride})),
            fmt::format("input {} x {}: {} needs multiples of {}; pad to {} x {} (data.size: {})", 2 * stride - 1, stride, architecture,
                        stride, 2 * stride, stride, 2 * stride));
  EXPECT_EQ(message_of(*model, at::zeros({1, channels, 0, stride})),
            fmt::format("input 0 x {}: {} needs multiples of {}; pad to {} x {} (data.size: {})", stride, architecture, stride, stride,
                        stride, stride));
  EXPECT_EQ(
      message_of(*model, at::zeros({channels, stride, stride})),
      fmt::format("input of shape {} x {} x {}: {} takes images x channels x height x width", channels, stride, stride, architecture));
}

}  // namespace larmor::models::testing
