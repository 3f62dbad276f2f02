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

struct Exported {
  std::string model;
  std::string options;  ///< YAML
  std::string config;   ///< what is written, but for encoder_name, encoder_weights, activation and aux_params
};

TEST(SmpFolder, EveryClassWithItsOwnOptions) {
  const std::vector<Exported> table = {
      {"fpn", "{encoder_depth: 4, upsampling: 2, merge_policy: cat, dropout: 0.5, segmentation_channels: 32}",
       R"({"_model_class": "FPN", "encoder_depth": 4, "in_channels": 3, "classes": 1, "decoder_pyramid_channels": 256,
           "decoder_segmentation_channels": 32, "decoder_merge_policy": "cat", "decoder_dropout": 0.5, "upsampling": 2})"},
      {"fpn", "{interpolation: bilinear}",
       R"({"_model_class": "FPN", "encoder_depth": 5, "in_channels": 3, "classes": 1, "decoder_pyramid_channels": 256,
           "decoder_segmentation_channels": 128, "decoder_merge_policy": "add", "decoder_dropout": 0.2,
           "decoder_interpolation": "bilinear", "upsampling": 4})"},
      {"pspnet", "{}",
       R"({"_model_class": "PSPNet", "encoder_depth": 3, "in_channels": 3, "classes": 1, "psp_out_channels": 512, "psp_dropout": 0.2,
           "upsampling": 8, "decoder_use_norm": "batchnorm"})"},
      {"pspnet", "{encoder_depth: 5, output_stride: 8}",
       R"({"_model_class": "PSPNet", "encoder_depth": 5, "in_channels": 3, "classes": 1, "output_stride": 8, "psp_out_channels": 512,
           "psp_dropout": 0.2, "upsampling": 8, "decoder_use_norm": "batchnorm"})"},
      {"unet", "{encoder_depth: 3, decoder_channels: [24, 16, 8]}",
       R"({"_model_class": "Unet", "encoder_depth": 3, "in_channels": 3, "classes": 1, "decoder_channels": [24, 16, 8],
           "decoder_use_norm": "batchnorm", "decoder_attention_type": null})"},
  };
  for (const Exported& row : table) {
    SCOPED_TRACE(row.model + " " + row.options);
    const ConfigNode options = parse_yaml(row.options, "options");
    const auto model = registry().at(row.model).make(options, 0);
    const fs::path folder = larmor::testing::make_temporary_folder("smp");
    write_smp_folder(folder, *model, options);
    nlohmann::json expected = nlohmann::json::parse(row.config);
    expected["encoder_name"] = "se_resnext50_32x4d";
    for (const char* key : {"encoder_weights", "activation", "aux_params"}) expected[key] = nullptr;
    EXPECT_EQ(testing::read_json(folder / "config.json"), expected);

    ConfigNode section = model_config_from_smp(folder);
    EXPECT_EQ(section.entries.front().second.scalar, row.model);
    section.entries.erase(section.entries.begin());
    const auto again = registry().at(row.model).make(section, 1);
    EXPECT_EQ(state_manifest(*again), state_manifest(*model));
    EXPECT_EQ(again->info().stride, model->info().stride);
    EXPECT_TRUE(load_state(*again, read_weights(folder), folder.string()).is_complete());
    write_smp_folder(folder / "again", *again, section);
    EXPECT_EQ(read_file(folder / "again/config.json"), read_file(folder / "config.json"));
    EXPECT_TRUE(read_file(folder / "again/model.safetensors") == read_file(folder / "model.safetensors"));
  }
}

TEST(SmpFolder, ClassificationHeadsComeAlong) {
  const ConfigNode options = parse_yaml("{aux_classes: 4, aux_pooling: max, aux_dropout: 0.5, encoder_depth: 3}", "options");
  const fs::path folder = larmor::testing::make_temporary_folder("smp");
  const auto model = registry().at("linknet").make(options, 0);
  write_smp_folder(folder, *model, options);
  EXPECT_EQ(testing::read_json(folder / "config.json").at("aux_params"),
            nlohmann::json::parse(R"({"classes": 4, "pooling": "max", "dropout": 0.5, "activation": null})"));
  ConfigNode section = model_config_from_smp(folder);
  EXPECT_EQ(to_yaml(section),
            "name: linknet\nencoder: \"se_resnext50_32x4d\"\nencoder_depth: 3\nin_channels: 3\nclasses: 1\naux_classes: 4\n"
            "aux_pooling: \"max\"\naux_dropout: 0.5\n");
  section.entries.erase(section.entries.begin());
  const auto again = registry().at("linknet").make(section, 1);
  EXPECT_TRUE(load_state(*again, read_weights(folder), folder.string()).is_complete());
  write_smp_folder(folder / "again", *again, section);
  for (const char* file : {"config.json", "model.safetensors"}) {
    EXPECT_TRUE(read_file(folder / file) == read_file(folder / "again" / file)) << file;
  }
}

TEST(SmpFolder, HeadsWithDefaultsAndActivations) {
  const fs::path folder = folder_with(R"({"_model_class": "Linknet", "encoder_name": "senet154", "encoder_depth": 5, "in_channels": 3,
      "classes": 1, "aux_params": {"classes": 2, "activation": "softmax"}})");
  EXPECT_EQ(to_yaml(model_config_from_smp(folder)),
            "name: linknet\nencoder: \"senet154\"\nencoder_depth: 5\nin_channels: 3\nclasses: 1\naux_classes: 2\n");
}

TEST(SmpFolder, RoundTripIsByteEqual) {
  const std::map<std::string, std::string> options = {{"in_channels", "9"}, {"classes", "2"}};
  const fs::path folder = larmor::testing::make_temporary_folder("smp"), again = larmor::testing::make_temporary_folder("smp");
  write_smp_folder(folder, *testing::make_model("linknet", options, 1), testing::options(options));
  const auto other = testing::make_model("linknet", options, 2);
  load_state(*other, read_weights(folder), folder.string());
  write_smp_folder(again, *other, testing::options(options));
  for (const char* file : {"config.json", "model.safetensors"}) EXPECT_TRUE(read_file(folder / file) == read_file(again / file)) << file;
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
      {R"({"_model_class": "LinkNet"})", "unknown _model_class 'LinkNet'; nearest: 'Linknet'"},
      {"{\"_model_class\": \"\\u001b[31m\"}", "unknown _model_class '\\x1b[31m'; allowed: Linknet, FPN, PSPNet, Unet"},
      {R"({"_model_class": "Linknet", "encoder_nam": "x"})", "unknown key 'encoder_nam'; nearest: 'encoder_name'"},
      {R"({"_model_class": "Linknet"})", "encoder_name is missing"},
      {R"({"_model_class": "Linknet", "encoder_name": ["senet154"]})", "encoder_name must be text"},
      {R"({"_model_class": "Linknet", "encoder_name": "senet154", "encoder_depth": 5.5})", "encoder_depth must be an integer"},
      {R"({"_model_class": "Linknet", "decoder_use_norm": "layernorm"})",
       "decoder_use_norm must be \"batchnorm\"; other values are not offered"},
      {R"({"_model_class": "Unet", "encoder_name": "senet154", "encoder_depth": 5, "in_channels": 3, "classes": 1, "decoder_channels": [8, 2.5]})",
       "decoder_channels must be a list of integers"},
      {R"({"_model_class": "Unet", "decoder_attention_type": "scse"})",
       "decoder_attention_type must be null; other values are not offered"},
      {R"({"_model_class": "Linknet", "encoder_name": "senet154", "encoder_depth": 5, "in_channels": 3, "classes": 1, "aux_params": 4})",
       "aux_params must be null or an object"},
      {R"({"_model_class": "Linknet", "encoder_name": "senet154", "encoder_depth": 5, "in_channels": 3, "classes": 1, "aux_params": {}})",
       "aux_params: classes is missing"},
      {R"({"_model_class": "Linknet", "encoder_name": "senet154", "encoder_depth": 5, "in_channels": 3, "classes": 1,
           "aux_params": {"classes": 2, "pool": "avg"}})",
       "aux_params: unknown key 'pool'; nearest: 'pooling'"},
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
