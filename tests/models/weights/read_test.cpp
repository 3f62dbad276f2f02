#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "models/weights/smp_names.h"
#include "models/weights/weights.h"
#include "tests/models/support.h"
#include "tests/support/errors.h"
#include "tests/support/golden.h"
#include "tests/support/pytorch_writer.h"

namespace larmor::models {
namespace {

namespace fs = std::filesystem;
using larmor::testing::data_error;
using larmor::testing::StoredTensor;

const char* storage_of(at::ScalarType type) { return type == at::kLong ? "LongStorage" : "FloatStorage"; }

std::vector<StoredTensor> stored(const NamedTensors& tensors) {
  std::vector<StoredTensor> all;
  for (const auto& [name, tensor] : tensors) {
    const at::Tensor values = tensor.detach().contiguous();
    const std::string bytes(static_cast<const char*>(values.data_ptr()), values.nbytes());
    all.push_back({name, storage_of(values.scalar_type()), std::to_string(all.size()), bytes, values.numel(), 0, values.sizes().vec(),
                   values.strides().vec()});
  }
  return all;
}

NamedTensors some_weights() {
  return {{"module.conv.weight", testing::filled("w", {2, 3, 1, 1})},
          {"module.conv.bias", testing::filled("b", {2})},
          {"module.bn.num_batches_tracked", at::full({}, 7, at::kLong)}};
}

fs::path file_with(const std::string& content, const std::string& name = "w.pth") {
  const fs::path file = larmor::testing::make_temporary_folder("weights") / name;
  write_file_atomically(file, content);
  return file;
}

void expect_equal(const NamedTensors& found, const NamedTensors& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(found[i].first, expected[i].first);
    EXPECT_TRUE(at::equal(found[i].second, expected[i].second)) << found[i].first;
  }
}

TEST(ReadWeights, EveryLayoutOfPyTorch) {
  const NamedTensors weights = some_weights();
  const std::vector<StoredTensor> tensors = stored(weights);
  const std::vector<std::tuple<std::string, WeightsFormat, std::string>> table = {
      {larmor::testing::zip_file(tensors), WeightsFormat::pytorch, "PyTorch zip archive"},
      {larmor::testing::stream_file(tensors), WeightsFormat::pytorch, "PyTorch pickle stream"},
      {larmor::testing::tar_file(tensors), WeightsFormat::pytorch, "PyTorch tar archive"}};
  for (const auto& [content, format, layout] : table) {
    const StoredWeights found = read_stored_weights(file_with(content));
    expect_equal(found.tensors, weights);
    EXPECT_EQ(found.format, format);
    EXPECT_EQ(found.layout, layout);
  }
}

TEST(ReadWeights, TorchScriptAndCheckpoints) {
  NamedTensors weights = some_weights();
  for (auto& [name, tensor] : weights) name.erase(0, std::string("module.").size());
  const StoredWeights script = read_stored_weights(file_with(larmor::testing::torchscript_file(stored(weights)), "unet.pt"));
  expect_equal(script.tensors, weights);
  EXPECT_EQ(script.format, WeightsFormat::torchscript);
  std::vector<std::string> notes;
  expect_equal(read_weights(file_with(larmor::testing::stream_file(stored(weights), larmor::testing::Around::checkpoint)), &notes),
               weights);
  EXPECT_EQ(notes, (std::vector<std::string>{"took 'state_dict', left epoch"}));
}

TEST(ReadWeights, SafetensorsWhateverTheirName) {
  const fs::path file = larmor::testing::make_temporary_folder("weights") / "weights.bin";
  save_tensors(file, some_weights());
  const StoredWeights found = read_stored_weights(file);
  EXPECT_EQ(found.format, WeightsFormat::safetensors);
  EXPECT_EQ(found.tensors.size(), 3u);
}

TEST(ReadWeights, OldNamesLoadIntoTheNetworkOfToday) {
  const auto source = testing::make_model("linknet", {}, 1), target = testing::make_model("linknet", {}, 2);
  NamedTensors old;
  for (const auto& [name, tensor] : source->state_dict()) old.emplace_back(old_smp_name(name), tensor);
  const LoadReport report = load_state(*target, old, "old.pth");
  expect_equal(target->state_dict(), source->state_dict());
  EXPECT_EQ(report.notes, (std::vector<std::string>{"renamed 97 tensors of SMP 0.0.x: decoder.layer1.block.0.block.0.weight -> "
                                                    "decoder.blocks.0.block.0.0.weight, decoder.layer1.block.0.block.1.weight -> "
                                                    "decoder.blocks.0.block.0.1.weight, …"}));
}

TEST(ReadWeightsError, OneTensorByItsOldAndByTodaysName) {
  const auto model = testing::make_model("linknet", {}, 1);
  NamedTensors both = model->state_dict();
  both.emplace_back("decoder.final_conv.weight", at::zeros_like(both.back().second));
  EXPECT_EQ(data_error([&] { load_state(*model, both, "w.pth"); }),
            "w.pth: two tensors are called 'segmentation_head.0.weight', one of them by an older name");
  const NamedTensors metadata = {{"__metadata__", at::zeros({1})}};
  EXPECT_EQ(data_error([&] { require_storable_names(metadata, "w.pth"); }),
            "w.pth: a tensor is called '__metadata__', which safetensors files keep for something else");
}

TEST(ReadWeights, NamesOfOtherNetworksStay) {
  const auto expect_kept = [](const std::vector<std::string>& names) {
    NamedTensors tensors;
    for (const std::string& name : names) tensors.emplace_back(name, at::zeros({1}));
    std::vector<std::string> notes;
    expect_equal(with_our_names(tensors, "w.pth", notes), tensors);
    EXPECT_TRUE(notes.empty());
  };
  expect_kept({"backbone.w", "decoder.conv1.weight", "decoder.conv2.weight"});
  // A U-Net of SMP 0.0.x.
  expect_kept({"decoder.layer1.block.0.block.0.weight", "decoder.layer1.block.1.block.0.weight", "decoder.final_conv.weight"});
}

TEST(ReadWeightsError, NothingIsExecuted) {
  const fs::path folder = larmor::testing::make_temporary_folder("hostile"), proof = folder / "executed";
  const std::string call = larmor::testing::PickleWriter().name("os", "system").text("touch " + proof.string()).raw("\x85R").finish();
  const fs::path file = folder / "w.pth";
  write_file_atomically(file, larmor::testing::stream_file_of(call, {}));
  EXPECT_EQ(data_error([&] { read_weights(file); }),
            file.string() + ": pickle names 'os.system', which is no part of tensors; nothing was executed");
  EXPECT_FALSE(fs::exists(proof));
}

TEST(ReadWeightsError, NetworksThatOnlyLookAlike) {
  const auto names = [](const std::vector<std::string>& all) {
    NamedTensors tensors;
    for (const std::string& name : all) tensors.emplace_back(name, at::zeros({1}));
    return tensors;
  };
  const std::vector<std::pair<NamedTensors, std::string>> table = {
      {names({"conv1.0.weight", "layer1.0.conv1.weight", "layer1.0.se.fc1.weight"}),
       "timm's senet154.gluon (or another SENet with a deep stem); wanted: legacy_senet154"},
      {names({"conv1.weight", "layer1.0.conv1.weight", "layer1.0.se.fc1.weight"}),
       "timm's seresnext50_32x4d (or another SE-ResNet); wanted: legacy_seresnext50_32x4d"},
      {names({"conv1.weight", "layer1.0.conv1.weight", "fc.weight"}),
       "a ResNet or ResNeXt without squeeze and excitation; wanted: se_resnext50_32x4d or senet154"}};
  const auto model = testing::make_model("linknet");
  for (const auto& [tensors, message] : table) {
    EXPECT_TRUE(is_encoder(tensors));
    EXPECT_EQ(data_error([&, &weights = tensors] { load_encoder_state(*model, weights, "e.pth", "smp"); }),
              "e.pth: these weights are of another network: " + message);
  }
  NamedTensors ours = names({"layer0.conv1.weight", "last_linear.weight", "fc.bias"});
  std::vector<std::string> notes;
  drop_classifier(ours, "e.pth", notes);
  EXPECT_EQ(ours.size(), 1u);
  EXPECT_EQ(notes,
            (std::vector<std::string>{"dropped 1 tensors of the classifier 'last_linear.'", "dropped 1 tensors of the classifier 'fc.'"}));
}

}  // namespace
}  // namespace larmor::models
