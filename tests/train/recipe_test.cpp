#include "train/recipe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "core/error.h"
#include "tests/support/golden.h"

namespace larmor::train {
namespace {

namespace fs = std::filesystem;

class RecipeTest : public ::testing::Test {
 protected:
  fs::path write(const std::string& name, const std::string& text) {
    const fs::path file = folder_ / name;
    std::ofstream(file) << text;
    return file;
  }
  fs::path folder_ = testing::make_temporary_folder("recipe");
};

/// Each line with the file in front, joined as an Error joins them.
std::string in_file(const std::vector<std::string>& lines, const fs::path& file) {
  std::string text;
  for (const std::string& line : lines) text += (text.empty() ? "" : "\n") + file.string() + line;
  return text;
}

std::string message_of(const fs::path& file, const std::vector<std::string>& overrides = {}) {
  try {
    read_recipe(file, overrides);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    return error.what();
  }
  return "no error";
}

TEST_F(RecipeTest, EmptyRecipeIsAllDefaults) {
  const Recipe recipe = read_recipe(write("a.yaml", "{}\n"), {});
  EXPECT_EQ(recipe.name, "a");
  EXPECT_EQ(recipe.data.source, "lgg");
  EXPECT_EQ(recipe.model.name, "linknet");
  EXPECT_EQ(recipe.optim.name, "adam");
  EXPECT_EQ(recipe.model.options.find("encoder")->scalar, "se_resnext50_32x4d");
}

TEST_F(RecipeTest, LabelMapsNameClassesOfTheNetwork) {
  const fs::path file = write("a.yaml", "data: {source: siberian, labels: {edema: 1, necrotic: 4}}\nmodel: {classes: 5}\n");
  EXPECT_EQ(message_of(file), "no error");
  const std::string place = file.string() + ":1: data.labels: ";
  EXPECT_EQ(message_of(file, {"model.classes=4"}), place + "necrotic is class 4, but the network has 0 to 3 (model.classes: 4)");
  EXPECT_EQ(message_of(file, {"model.classes=1", "data.labels={edema: 2}"}),
            "command line: data.labels: edema is class 2, but the network has 0 to 1 (model.classes: 1)");
  EXPECT_EQ(message_of(file, {"model.classes=1", "data.labels={edema: 1, necrotic: 1}"}), "no error");
  EXPECT_EQ(message_of(file, {"data.labels={edema: 0}"}),
            "command line: data.labels: every label is background; give one of them a class above 0");
}

TEST_F(RecipeTest, ComponentOptionsStandBesideTheSectionsOwnKeys) {
  const fs::path file = write("a.yaml", "optim:\n  name: ralamb\n  lr: 0.01\n  schedule: cosine\n  clip_norm: 1\nmodel: {classes: 2}\n");
  const Recipe recipe = read_recipe(file, {"optim.lr=3e-4", "data.augment.flip_horizontal=0.5"});
  EXPECT_EQ(recipe.optim.name, "ralamb");
  EXPECT_EQ(std::stod(recipe.optim.options.find("lr")->scalar), 3e-4);
  EXPECT_EQ(recipe.optim.schedule, "cosine");
  EXPECT_EQ(recipe.optim.clip_norm, 1);
  EXPECT_EQ(recipe.model.options.find("classes")->scalar, "2");
  EXPECT_EQ(recipe.data.augment.flip_horizontal, 0.5);
}

TEST_F(RecipeTest, ResolvedRecipeReadsBackTheSame) {
  const fs::path file = write("a.yaml", "optim: {name: ranger, schedule: {name: flat_cosine}}\nloss: bce\ntrain: {seed: 3}\n");
  const Recipe recipe = read_recipe(file, {});
  const std::string text = larmor::to_yaml(to_config(recipe));
  const Recipe again = recipe_from(parse_yaml(text, "resolved"), recipe.name);
  EXPECT_EQ(larmor::to_yaml(to_config(again)), text);
}

TEST_F(RecipeTest, IncludesAreMergedAndOverridden) {
  write("base.yaml", "train: {epochs: 5, seed: 1}\n");
  const Recipe recipe = read_recipe(write("a.yaml", "include: base.yaml\ntrain: {epochs: 7}\n"), {});
  EXPECT_EQ(recipe.train.epochs, 7);
  EXPECT_EQ(recipe.train.seed, 1);
}

TEST_F(RecipeTest, NameIsThePathBelowConfigs) {
  EXPECT_EQ(recipe_name("configs/lgg/linknet.yaml"), "lgg/linknet");
  EXPECT_EQ(recipe_name("/somewhere/configs/quickstart.yaml"), "quickstart");
  EXPECT_EQ(recipe_name("mine/try.yaml"), "try");
}

TEST_F(RecipeTest, PortableRecipeLeavesOutWhatChangesNoResult) {
  const fs::path file = write("a.yaml", "{}\n");
  const auto portable = [&](const std::vector<std::string>& overrides) {
    return larmor::to_yaml(portable_config(read_recipe(file, overrides)));
  };
  EXPECT_EQ(portable({"data.root=here", "data.workers=1"}), portable({"data.root=there", "data.workers=2", "data.prefetch=5"}));
  EXPECT_NE(portable({}), portable({"data.batch=3"}));
}

TEST_F(RecipeTest, TextsDecideNothing) {
  const fs::path file = write("a.yaml", "{}\n");
  const auto deciding = [&](const std::vector<std::string>& overrides) {
    return larmor::to_yaml(deciding_config(read_recipe(file, overrides)));
  };
  EXPECT_EQ(deciding({"description=one"}), deciding({"description=another"}));
  EXPECT_NE(deciding({}), deciding({"optim.lr=0.5"}));
}

/// Checkpoints store resolved recipes; keys that came after them are read with their defaults.
TEST_F(RecipeTest, KeysThatAStoredRecipeDoesNotKnowChangeNothing) {
  const Recipe recipe = read_recipe(write("a.yaml", "{}\n"), {});
  ConfigNode stored = to_config(recipe);
  for (auto& [section, node] : stored.entries) {
    if (section == "task") std::erase_if(node.entries, [](const auto& entry) { return entry.first.starts_with("label"); });
  }
  EXPECT_FALSE(differences(to_config(recipe), stored).empty());
  EXPECT_TRUE(differences(deciding_config(recipe), deciding_config(recipe_from(stored, "a"))).empty());
}

TEST_F(RecipeTest, TheTypeIsMonitoredWhereItIsLearnt) {
  const fs::path file = write("a.yaml", "train: {monitor: type_accuracy}\n");
  EXPECT_THAT(message_of(file), ::testing::HasSubstr("train.monitor: unknown metric 'type_accuracy'"));
  EXPECT_EQ(message_of(file, {"task={name: segmentation, label: grade, label_classes: [II, III]}"}), "no error");
}

TEST_F(RecipeTest, DifferencesNameKeysAndValues) {
  const fs::path file = write("a.yaml", "{}\n");
  const auto before = portable_config(read_recipe(file, {"data.batch=4"})), after = portable_config(read_recipe(file, {"data.batch=6"}));
  EXPECT_THAT(differences(before, after), ::testing::ElementsAre("data.batch: 4 → 6"));
  EXPECT_TRUE(differences(before, before).empty());
}

TEST_F(RecipeTest, UnknownKeysOfTheTopNameTheNearestOfAllLevels) {
  struct Case {
    const char* yaml;
    const char* message;
  };
  for (const Case& c : std::vector<Case>{
           {"dataroot: ph\n", "dataroot: unknown key; nearest: 'data.root'"},
           {"optm: {name: adam}\n", "optm: unknown key; nearest: 'optim'"},
           {"trian: {epochs: 1}\n", "trian: unknown key; nearest: 'train'"},
           {"batch: 4\n", "batch: unknown key; nearest: 'data.batch'"},
           {"encoder: senet154\n", "encoder: unknown key; nearest: 'model.encoder'"},
           {"xyzzy: 1\n",
            "xyzzy: unknown key; allowed: data, model, task, optim, name, description, loss, loss_options, train, eval, published"}}) {
    const fs::path file = write("a.yaml", c.yaml);
    EXPECT_EQ(message_of(file), in_file({std::string(":1: ") + c.message}, file));
  }
}

TEST_F(RecipeTest, EveryMistakeIsToldAtOnce) {
  const fs::path file =
      write("a.yaml", "data:\n  batch: none\n  bach: 3\noptim:\n  name: ranglars\nmodel:\n  name: linknet\n  classes: 0\n");
  EXPECT_EQ(message_of(file), in_file(
                                  {
                                      ":2: data.batch: 'none' is not an integer",
                                      ":3: data.bach: unknown key for source 'lgg'; nearest: 'batch'",
                                      ":8: model.classes: 0 is not allowed; must be in [1, 255]",
                                      ":5: optim.name: unknown optimizer 'ranglars'; nearest: 'rangerlars' (larmor list optimizers)",
                                  },
                                  file));
}

// What is multiplied or allocated has an upper end; a product that overflows would be silent.
TEST_F(RecipeTest, PreparedVolumesAreNotScaledAgain) {
  const std::string prepared = "data:\n  preprocess: {kind: buda}\n";
  EXPECT_EQ(message_of(write("a.yaml", prepared + "  normalise: {kind: unit}\n")), "no error");
  const fs::path imagenet = write("b.yaml", prepared);
  EXPECT_EQ(message_of(imagenet),
            imagenet.string() + ":1: data.normalise.kind: must be unit with data.preprocess, which has standardised the values");
  const fs::path bright = write("c.yaml", prepared + "  normalise: {kind: unit}\n  augment: {gamma: 0.5}\n");
  EXPECT_EQ(message_of(bright), bright.string() +
                                    ":4: data.augment: brightness, contrast, gamma and noise clip to [0, 1]; they do not fit "
                                    "data.preprocess, which standardises values");
}

TEST_F(RecipeTest, TheRecipeOfTheLggStudyIsWhole) {
  const Recipe recipe = read_recipe(testing::source_dir() / "configs/lgg/buda.yaml", {});
  EXPECT_EQ(recipe.data.preprocess.kind, "buda");
  EXPECT_EQ(recipe.data.sampling, "weighted");
  EXPECT_TRUE(recipe.data.drop_last);
  EXPECT_EQ(recipe.model.name, "buda_unet");
  EXPECT_EQ(recipe.loss_options.find_path("dice.empty_target")->scalar, "formula");
  EXPECT_EQ(recipe.task_options.find("largest_component")->scalar, "true");
}

TEST_F(RecipeTest, CountsHaveAnUpperEnd) {
  const fs::path file = write("a.yaml", "{}\n");
  const std::string largest = "9223372036854775807";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"train.epochs", "[1, 1000000]"},   {"train.accumulate", "[1, 1000000]"},    {"data.size", "[16, 16384]"},
      {"data.batch", "[1, 65536]"},       {"data.evaluation_batch", "[1, 65536]"}, {"data.prefetch", "[1, 1024]"},
      {"task.bootstrap", "[1, 1000000]"}, {"data.cache_mib", "[0, 16777216]"}};
  for (const auto& [key, allowed] : cases) {
    EXPECT_EQ(message_of(file, {key + "=" + largest}), "command line: " + key + ": " + largest + " is not allowed; must be in " + allowed);
  }
  EXPECT_EQ(message_of(file, {"optim.schedule={name: cosine, restart: 1, restart_mult: " + largest + "}"}),
            "command line: optim.schedule.restart_mult: " + largest + " is not allowed; must be in [1, 1000]");
}

}  // namespace
}  // namespace larmor::train
