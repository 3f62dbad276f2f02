#include "cli/list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "core/files.h"
#include "models/registry.h"
#include "tests/support/errors.h"
#include "tests/support/golden.h"

namespace larmor::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const ListedComponent* find(const std::vector<ListedComponent>& all, const std::string& name) {
  const auto found = std::find_if(all.begin(), all.end(), [&](const ListedComponent& one) { return one.name == name; });
  return found == all.end() ? nullptr : &*found;
}

TEST(List, EveryKindOfComponentHasSomething) {
  for (const std::string& kind : listed_kinds()) {
    if (kind == "recipes" || kind == "tables") continue;
    const auto all = list_components(kind, "", false);
    EXPECT_FALSE(all.empty()) << kind;
    for (const ListedComponent& one : all) {
      EXPECT_FALSE(one.summary.empty()) << kind << " " << one.name;
      for (const OptionDoc& option : one.options) EXPECT_FALSE(option.help.empty()) << kind << " " << one.name << " " << option.name;
    }
  }
}

TEST(List, ModelsHaveOptionsWithDefaults) {
  const auto models = list_components("models", "", false);
  EXPECT_EQ(models.size(), models::registry().names().size());
  const ListedComponent* linknet = find(models, "linknet");
  ASSERT_NE(linknet, nullptr);
  EXPECT_FALSE(linknet->parameters.has_value());
  const auto option =
      std::find_if(linknet->options.begin(), linknet->options.end(), [](const OptionDoc& doc) { return doc.name == "encoder"; });
  ASSERT_NE(option, linknet->options.end());
  EXPECT_EQ(option->default_value, "se_resnext50_32x4d");
}

TEST(ListSlow, ParametersAreThoseOfTheNetwork) {
  const auto models = list_components("models", "", true);
  for (const ListedComponent& one : models) {
    ASSERT_TRUE(one.parameters.has_value()) << one.name;
    const auto model = models::registry().at(one.name).make(ConfigNode{}, 1);
    EXPECT_EQ(one.parameters->stored, model->parameter_count()) << one.name;
    EXPECT_EQ(one.parameters->used, model->used_parameter_count()) << one.name;
  }
}

TEST(List, RecipesAndTablesAreToldApart) {
  const auto folder = testing::make_temporary_folder("list");
  make_folder(folder / "lgg");
  make_folder(folder / "tables");
  write_file_atomically(folder / "lgg" / "b.yaml", "description: |\n  the second\n  and more\n");
  write_file_atomically(folder / "a.yaml", "description: the first\n");
  write_file_atomically(folder / "torn.yaml", "description: [\n");
  write_file_atomically(folder / "notes.txt", "no recipe");
  write_file_atomically(folder / "tables" / "t.yaml", "title: a table\ndescription: longer\n");
  const auto recipes = list_components("recipes", folder, false);
  std::vector<std::string> names, summaries;
  for (const ListedComponent& one : recipes) {
    names.push_back(one.name);
    summaries.push_back(one.summary);
  }
  EXPECT_THAT(names, ElementsAre("a", "lgg/b", "torn"));
  EXPECT_THAT(summaries, ElementsAre("the first", "the second", HasSubstr("cannot be read: ")));
  const auto tables = list_components("tables", folder, false);
  ASSERT_EQ(tables.size(), 1u);
  EXPECT_EQ(tables[0].name, "t");
  EXPECT_EQ(tables[0].summary, "a table");
}

TEST(List, TextHasOneLinePerComponentAndOption) {
  std::ostringstream out;
  print_components({{"net",
                     "a network",
                     "Somebody 2020",
                     {{"width", "integer", "32", ">= 1", "channels"}, {"mode", "text", "a", "", "how"}},
                     ListedComponent::Parameters{1234, 1234}},
                    {"longer", "another", "", {}, ListedComponent::Parameters{1234, 56}},
                    {"shortest", "a third", "", {}, std::nullopt}},
                   out);
  EXPECT_EQ(out.str(),
            "net       a network  [1234 parameters]  (Somebody 2020)\n"
            "    width  integer  32  channels; >= 1\n"
            "    mode   text     a   how\n"
            "longer    another  [56 parameters used / 1234 stored]\n"
            "shortest  a third\n");
}

TEST(ListError, UnknownKindAndMissingFolder) {
  EXPECT_EQ(testing::usage_error([] { list_components("optimisers", "", false); }), "unknown kind 'optimisers'; nearest: 'optimizers'");
  EXPECT_EQ(testing::usage_error([] { list_components("recipes", "no/such", false); }),
            "no/such: no such folder; run it in the folder that holds configs/, or name one with --configs");
}

}  // namespace
}  // namespace larmor::cli
