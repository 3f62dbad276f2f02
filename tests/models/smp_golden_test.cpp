// Our networks against segmentation_models.pytorch: names, shapes, logits, features, gradients, running statistics.
//
// Cases, shapes, seeds, counts and per-case errors come from smp_models.json; the formulas and fixed tolerances are those of the
// golden README. A case whose network is not registered is told and skipped.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <iostream>
#include <sstream>

#include "models/encoder_decoder.h"
#include "models/encoders/registry.h"
#include "models/weights/weights.h"
#include "tests/models/support.h"
#include "tests/support/golden.h"

namespace larmor::models {
namespace {

using nlohmann::json;
using testing::filled;
using testing::find_tensor;
using testing::l2_of;
using testing::max_abs;
using testing::sum_of;

constexpr double kFp32 = 1e-5;       // relative, float32 sums and norms
constexpr double kStored = 1e-6;     // relative to the l2, double results that were stored as float32 or with 12 digits
constexpr double kLogitFactor = 10;  // times the library's own float32 error
constexpr double kZeroGradient = 1e-12;
const double kInputScale = std::sqrt(3.0);

struct Golden {
  json cases;
  NamedTensors tensors;
};

Golden read_golden(const std::string& name) {
  return {testing::read_json(larmor::testing::golden_file(name + ".json")).at("cases"),
          load_tensors(larmor::testing::golden_file(name + ".safetensors"))};
}

std::vector<int64_t> shape_of(const json& stats) { return stats.at("shape").get<std::vector<int64_t>>(); }

/// Sum within `tolerance` x l2 x sqrt(numel), l2 within `tolerance`, and the shape.
void expect_stats(const at::Tensor& tensor, const json& stats, double tolerance) {
  EXPECT_EQ(tensor.sizes().vec(), shape_of(stats));
  const double l2 = stats.at("l2").get<double>();
  EXPECT_NEAR(l2_of(tensor), l2, tolerance * l2);
  EXPECT_NEAR(sum_of(tensor), stats.at("sum").get<double>(), tolerance * l2 * std::sqrt(static_cast<double>(tensor.numel())));
  if (!stats.contains("first")) return;
  const at::Tensor flat = tensor.detach().to(at::kDouble).flatten();
  for (size_t i = 0; i < stats.at("first").size(); ++i) {
    EXPECT_NEAR(flat[static_cast<int64_t>(i)].item<double>(), stats.at("first")[i].get<double>(), tolerance * l2);
  }
}

void expect_close_to_stored(const at::Tensor& tensor, const NamedTensors& stored, const std::string& name) {
  SCOPED_TRACE(name);
  const at::Tensor expected = find_tensor(stored, name);
  ASSERT_TRUE(expected.defined());
  ASSERT_EQ(tensor.sizes(), expected.sizes());
  EXPECT_LE(l2_of(tensor.detach().to(at::kDouble) - expected.to(at::kDouble)), kStored * l2_of(expected));
}

at::Tensor input(const json& golden_case, const char* key, const std::string& name, double scale) {
  at::Tensor tensor = filled(name, shape_of(golden_case.at(key)), golden_case.at("seed").get<uint64_t>(), scale);
  SCOPED_TRACE(name);
  expect_stats(tensor, golden_case.at(key), 1e-9);
  return tensor;
}

bool is_offered(const json& golden_case) {
  return registry().find(golden_case.at("arch")) != nullptr && encoders::registry().find(golden_case.at("encoder")) != nullptr;
}

/// `options` are further ones, by our names; YAML reads what JSON writes.
std::shared_ptr<Segmenter> build(const json& golden_case) {
  ConfigNode options = parse_yaml(golden_case.value("options", json::object()).dump(), "options");
  for (const char* key : {"encoder", "in_channels", "classes"}) {
    const json& value = golden_case.at(key);
    options.set(key, ConfigNode::make_scalar(value.is_string() ? value.get<std::string>() : value.dump()));
  }
  return registry().at(golden_case.at("arch")).make(options, /*seed=*/0);
}

/// The golden gradients are those of networks without dropout.
void switch_dropout_off(Module& model) {
  model.visit([](const std::string&, Module& module) {
    if (dynamic_cast<Dropout2d*>(&module) != nullptr) module.eval();
  });
}

int64_t count_below(const NamedTensors& tensors, const std::string& prefix) {
  int64_t count = 0;
  for (const auto& [name, tensor] : tensors) count += name.starts_with(prefix) ? tensor.numel() : 0;
  return count;
}

void check_counts(const Segmenter& model, const json& golden_case) {
  const NamedTensors parameters = model.named_parameters();
  EXPECT_EQ(model.parameter_count(), golden_case.at("params").get<int64_t>());
  EXPECT_EQ(count_below(parameters, "encoder."), golden_case.at("params_encoder").get<int64_t>());
  EXPECT_EQ(count_below(parameters, "decoder."), golden_case.at("params_decoder").get<int64_t>());
  EXPECT_EQ(count_below(parameters, "segmentation_head."), golden_case.at("params_head").get<int64_t>());
  EXPECT_EQ(count_below(model.named_buffers(), ""), golden_case.at("buffers").get<int64_t>());
  EXPECT_EQ(model.state_dict().size(), golden_case.at("state_dict_entries").get<size_t>());
}

void check_weights(const Segmenter& model, const json& golden_case) {
  for (const auto& [name, stats] : golden_case.at("weights_check").items()) {
    SCOPED_TRACE(name);
    expect_stats(find_tensor(model.state_dict(), name), stats, 1e-9);
  }
}

template <class T>
T* find_part(Module& model, const std::string& wanted) {
  T* found = nullptr;
  model.visit([&](const std::string& name, Module& module) {
    if (name == wanted) found = dynamic_cast<T*>(&module);
  });
  return found;
}

void check_features(Segmenter& model, const json& eval, const at::Tensor& image) {
  auto* encoder = find_part<Encoder>(model, "encoder");
  auto* decoder = find_part<Decoder>(model, "decoder");
  ASSERT_TRUE(encoder && decoder);
  const at::NoGradGuard no_grad;
  const std::vector<at::Tensor> features = encoder->features(image);
  ASSERT_EQ(features.size(), eval.at("features").size());
  for (size_t i = 0; i < features.size(); ++i) {
    SCOPED_TRACE("feature " + std::to_string(i));
    expect_stats(features[i], eval.at("features")[i], kFp32);
  }
  SCOPED_TRACE("decoder");
  expect_stats(decoder->forward(features), eval.at("decoder"), kFp32);
}

void check_eval(Segmenter& model, const json& golden_case, const NamedTensors& tensors) {
  SCOPED_TRACE("eval");
  const at::Tensor image = input(golden_case, "input_eval", "input.eval", kInputScale);
  const json& eval = golden_case.at("eval");
  model.eval();
  check_features(model, eval, image);
  const at::Tensor expected = find_tensor(tensors, golden_case.at("id").get<std::string>() + "/eval.logits");
  const double tolerance = kLogitFactor * eval.at("fp32_vs_fp64_max_abs").get<double>();
  const at::NoGradGuard no_grad;
  EXPECT_LE(max_abs(model.forward(image) - expected), tolerance);
  model.prepare_inference();
  EXPECT_LE(max_abs(model.forward(image) - expected), tolerance) << "prepared for inference";
  model.drop_inference();
}

void check_gradients(const Segmenter& model, const json& train) {
  const json &sums = train.at("grad_sum_l2"), &zeros = train.at("grad_analytically_zero"), &nones = train.at("grad_none");
  size_t seen = 0;
  for (const auto& [name, parameter] : model.named_parameters()) {
    SCOPED_TRACE("gradient of " + name);
    const bool is_none = std::find(nones.begin(), nones.end(), name) != nones.end();
    ASSERT_EQ(parameter.grad().defined(), !is_none);
    if (is_none) continue;
    ++seen;
    if (std::find(zeros.begin(), zeros.end(), name) != zeros.end()) {
      EXPECT_LT(max_abs(parameter.grad()), kZeroGradient);
      continue;
    }
    const double l2 = sums.at(name)[1].get<double>();
    EXPECT_NEAR(l2_of(parameter.grad()), l2, kStored * l2);
    EXPECT_NEAR(sum_of(parameter.grad()), sums.at(name)[0].get<double>(), kStored * l2);
  }
  EXPECT_EQ(seen, sums.size() + zeros.size());
}

void check_statistics(const Segmenter& model, const json& train) {
  const NamedTensors state = model.state_dict();
  for (const auto& [name, bn] : train.at("bn").items()) {
    SCOPED_TRACE(name);
    expect_stats(find_tensor(state, name + ".running_mean"), bn.at("running_mean"), kStored);
    expect_stats(find_tensor(state, name + ".running_var"), bn.at("running_var"), kStored);
  }
  std::vector<std::string> unused;
  size_t used = 0;
  for (const auto& [name, tensor] : state) {
    if (!name.ends_with(".num_batches_tracked")) continue;
    if (tensor.item<int64_t>() == 0) {
      unused.push_back(name.substr(0, name.rfind('.')));
    } else {
      EXPECT_EQ(tensor.item<int64_t>(), 1) << name;
      ++used;
    }
  }
  EXPECT_EQ(used, train.at("bn_used").get<size_t>());
  EXPECT_EQ(unused, train.at("bn_unused").get<std::vector<std::string>>());
}

/// All stored tensors of the case below "train.grad." and "train.bn.".
void check_stored(const Segmenter& model, const std::string& id, const NamedTensors& tensors) {
  const std::string gradients = id + "/train.grad.", statistics = id + "/train.bn.";
  for (const auto& [name, tensor] : tensors) {
    if (name.starts_with(gradients)) {
      expect_close_to_stored(find_tensor(model.named_parameters(), name.substr(gradients.size())).grad(), tensors, name);
    } else if (name.starts_with(statistics)) {
      expect_close_to_stored(find_tensor(model.named_buffers(), name.substr(statistics.size())), tensors, name);
    }
  }
}

void check_train(Segmenter& model, const json& golden_case, const NamedTensors& tensors) {
  SCOPED_TRACE("train");
  const std::string id = golden_case.at("id");
  const json& train = golden_case.at("train");
  const at::Tensor image = input(golden_case, "input_train", "input.train", kInputScale).to(at::kDouble);
  const at::Tensor target = input(golden_case, "target_train", "target.train", 1).to(at::kDouble);
  model.to(at::kDouble);
  model.train();
  switch_dropout_off(model);
  const at::Tensor logits = model.forward(image);
  const at::Tensor loss = (logits * target).mean();
  loss.backward();
  const double expected_loss = train.at("loss").get<double>();
  EXPECT_NEAR(loss.item<double>(), expected_loss, kStored * std::abs(expected_loss));
  expect_stats(logits, train.at("logits"), kStored);
  expect_close_to_stored(logits, tensors, id + "/train.logits");
  check_gradients(model, train);
  check_statistics(model, train);
  check_stored(model, id, tensors);
}

void check_every_offered_case(const Golden& golden) {
  int run = 0, skipped = 0;
  for (const json& golden_case : golden.cases) {
    const std::string id = golden_case.at("id");
    if (!is_offered(golden_case)) {
      std::cout << "skipped " << id << ": network not registered\n";
      ++skipped;
      continue;
    }
    SCOPED_TRACE(id);
    const std::shared_ptr<Segmenter> model = build(golden_case);
    testing::fill_weights(*model, golden_case.at("seed").get<uint64_t>());
    check_counts(*model, golden_case);
    check_weights(*model, golden_case);
    check_eval(*model, golden_case, golden.tensors);
    if (golden_case.contains("train")) check_train(*model, golden_case, golden.tensors);
    ++run;
  }
  std::cout << run << " cases run, " << skipped << " skipped\n";
  EXPECT_GT(run, 0);
}

TEST(SmpModelsGolden, EveryOfferedCase) {
  LARMOR_NEEDS(larmor::testing::golden_file("smp_models.json"), "smp_models.json");
  check_every_offered_case(read_golden("smp_models"));
}

/// Other depths and options, and the U-Net.
TEST(SmpVariantsGolden, EveryOfferedCase) {
  LARMOR_NEEDS(larmor::testing::golden_file("smp_variants.json"), "smp_variants.json");
  check_every_offered_case(read_golden("smp_variants"));
}

/// The folder of key lists: beside the golden folder, or in it.
std::filesystem::path key_lists() {
  const std::filesystem::path inside = larmor::testing::golden_file("smp_keys");
  return inside.empty() ? larmor::testing::golden_file("../smp_keys") : inside;
}

/// The last number of the line that begins with `name`: "a.weight\t64x3x7x7", dimension 1 → 3.
std::string dimension(const std::string& manifest, const std::string& name, size_t index) {
  const size_t begin = manifest.find("\t", manifest.find(name + "\t")) + 1;
  std::stringstream shape(manifest.substr(begin, manifest.find('\n', begin) - begin));
  std::string part;
  for (size_t i = 0; i <= index; ++i) std::getline(shape, part, 'x');
  return part;
}

TEST(SmpKeysGolden, StateDictHasTheSameNamesShapesAndOrder) {
  LARMOR_NEEDS(key_lists(), "smp_keys");
  int run = 0, skipped = 0;
  for (const auto& entry : std::filesystem::directory_iterator(key_lists())) {
    const std::string stem = entry.path().stem(), arch = stem.substr(0, stem.find('.')), encoder = stem.substr(stem.find('.') + 1);
    if (!registry().find(arch) || !encoders::registry().find(encoder)) {
      std::cout << "skipped " << stem << ": network not registered\n";
      ++skipped;
      continue;
    }
    const std::string expected = read_file(entry.path());
    const auto model = testing::make_model(arch, {{"encoder", encoder},
                                                  {"in_channels", dimension(expected, "encoder.layer0.conv1.weight", 1)},
                                                  {"classes", dimension(expected, "segmentation_head.0.weight", 0)}});
    EXPECT_EQ(state_manifest(*model), expected) << stem;
    ++run;
  }
  std::cout << run << " lists compared, " << skipped << " skipped\n";
  EXPECT_GT(run, 0);
}

/// Bounds and spread of one fresh tensor against its law.
void check_law(const at::Tensor& tensor, const json& row) {
  EXPECT_EQ(tensor.sizes().vec(), shape_of(row));
  const double bound = row.at("bound").get<double>();
  EXPECT_LE(max_abs(tensor), bound * (1 + 1e-6));
  if (bound == 0) return;
  const auto count = static_cast<double>(tensor.numel());
  const double deviation = tensor.detach().to(at::kDouble).std(/*unbiased=*/false).item<double>();
  EXPECT_NEAR(deviation / row.at("law_std").get<double>(), 1, 5 * std::sqrt(0.2 / count));
}

TEST(SmpInitGolden, FreshWeightsFollowTheLaws) {
  const std::filesystem::path file = larmor::testing::golden_file("smp_init.json");
  LARMOR_NEEDS(file, "smp_init.json");
  const json rows = testing::read_json(file).at("tensors");
  std::map<std::string, std::shared_ptr<Segmenter>> models;
  const auto find_row = [&](const json& arch, const char* name) {
    return *std::find_if(rows.begin(), rows.end(), [&](const json& row) { return row.at("arch") == arch && row.at("name") == name; });
  };
  int run = 0, skipped = 0;
  for (const json& row : rows) {
    const std::string arch = row.at("arch");
    if (!registry().find(arch)) {
      ++skipped;
      continue;
    }
    if (!models[arch]) {
      models[arch] = testing::make_model(arch, {{"in_channels", std::to_string(shape_of(find_row(arch, "encoder.layer0.conv1.weight"))[1])},
                                                {"classes", std::to_string(shape_of(find_row(arch, "segmentation_head.0.weight"))[0])}});
    }
    SCOPED_TRACE(arch + " " + row.at("name").get<std::string>());
    check_law(find_tensor(models[arch]->state_dict(), row.at("name")), row);
    ++run;
  }
  std::cout << run << " tensors compared, " << skipped << " of unregistered networks skipped\n";
  EXPECT_GT(run, 0);
}

}  // namespace
}  // namespace larmor::models
