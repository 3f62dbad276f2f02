#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "models/weights/weights.h"
#include "tests/models/support.h"
#include "tests/support/golden.h"

namespace larmor::models {
namespace {

namespace fs = std::filesystem;

fs::path folder_with(const std::string& config) {
  const fs::path folder = larmor::testing::make_temporary_folder("smp");
  write_file_atomically(folder / "config.json", config);
  return folder;
}

TEST(SmpFolder, WritesWhatPythonReads) {
  const std::map<std::string, std::string> options = {{"encoder_depth", "4"}, {"in_channels", "9"}, {"classes", "4"}};
  const auto model = testing::make_model("linknet", options);
  const fs::path folder = larmor::testing::make_temporary_folder("smp") / "export";
  write_smp_folder(folder, *model, testing::options(options));
  EXPECT_EQ(testing::read_json(folder / "config.json"), nlohmann::json::parse(R"({
      "_model_class": "Linknet", "encoder_name": "se_resnext50_32x4d", "encoder_depth": 4, "encoder_weights": null,
      "decoder_use_norm": "batchnorm", "in_channels": 9, "classes": 4, "activation": null, "aux_params": null})"));
  std::map<std::string, std::string> metadata;
  const NamedTensors stored = load_tensors(folder / "model.safetensors", &metadata);
  EXPECT_EQ(metadata.at("format"), "pt");
  EXPECT_EQ(stored.size(), model->state_dict().size());
}

TEST(SmpFolder, ReadsBackToTheSameNetwork) {
  const std::map<std::string, std::string> options = {{"in_channels", "2"}, {"classes", "3"}};
  const auto model = testing::make_model("linknet", options);
  const fs::path folder = larmor::testing::make_temporary_folder("smp");
  write_smp_folder(folder, *model, testing::options(options));

  ConfigNode section = model_config_from_smp(folder);
  EXPECT_EQ(to_yaml(section), "name: linknet\nencoder: \"se_resnext50_32x4d\"\nencoder_depth: 5\nin_channels: 2\nclasses: 3\n");
  const std::string name = section.entries.front().second.scalar;
  section.entries.erase(section.entries.begin());
  const auto again = registry().at(name).make(section, 1);
  EXPECT_TRUE(load_state(*again, read_weights(folder), folder.string()).is_complete());
  EXPECT_EQ(state_manifest(*again), state_manifest(*model));
  for (size_t i = 0; i < model->state_dict().size(); ++i) {
    EXPECT_TRUE(at::equal(model->state_dict()[i].second, again->state_dict()[i].second)) << model->state_dict()[i].first;
  }
}

TEST(SmpFolder, TakesConfigsOfOlderVersions) {
  const fs::path folder = folder_with(R"({"_model_class": "Linknet", "_version": 1, "encoder_name": "senet154", "encoder_depth": 5,
      "encoder_weights": "imagenet", "decoder_use_batchnorm": true, "in_channels": 3, "classes": 1, "activation": "sigmoid"})");
  EXPECT_EQ(to_yaml(model_config_from_smp(folder)), "name: linknet\nencoder: \"senet154\"\nencoder_depth: 5\nin_channels: 3\nclasses: 1\n");
}

struct BadConfig {
  std::string config;
  std::string message;  ///< after the path
};

TEST(SmpFolderError, RefusesHostileConfigs) {
  const std::vector<BadConfig> table = {
      {"", "not JSON"},
      {"{\"_model_class\": \"Linknet\"", "not JSON"},
      {std::string(100000, '['), "not JSON"},
      {"[1, 2]", "not a JSON object"},
      {"{}", "_model_class is missing or not text"},
      {R"({"_model_class": 3})", "_model_class is missing or not text"},
      {R"({"_model_class": "LinkNet"})", "unknown _model_class 'LinkNet'; nearest: 'Linknet' (known: Linknet)"},
      {"{\"_model_class\": \"\\u001b[31m\"}", "unknown _model_class '\\x1b[31m' (known: Linknet)"},
      {R"({"_model_class": "Linknet", "encoder_nam": "x"})", "unknown key 'encoder_nam'; nearest: 'encoder_name'"},
      {R"({"_model_class": "Linknet"})", "encoder_name is missing"},
      {R"({"_model_class": "Linknet", "encoder_name": ["senet154"]})", "encoder_name must be text or an integer"},
      {R"({"_model_class": "Linknet", "encoder_name": "senet154", "encoder_depth": 5.5})", "encoder_depth must be text or an integer"},
      {R"({"_model_class": "Linknet", "decoder_use_norm": "layernorm"})",
       "decoder_use_norm must be \"batchnorm\"; other values are not offered"},
      {R"({"_model_class": "Linknet", "aux_params": {"classes": 4}})", "aux_params must be null; other values are not offered"},
  };
  for (const BadConfig& row : table) {
    const fs::path folder = folder_with(row.config);
    try {
      model_config_from_smp(folder);
      ADD_FAILURE() << row.message;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::data);
      EXPECT_EQ(error.what(), (folder / "config.json").string() + ": " + row.message);
    }
  }
}

TEST(SmpFolderError, FolderWithoutWeights) {
  const fs::path folder = folder_with("{}");
  try {
    read_weights(folder);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    EXPECT_EQ(error.what(), folder.string() + ": no model.safetensors in this folder");
  }
}

}  // namespace
}  // namespace larmor::models
