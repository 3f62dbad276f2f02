// The examples of every command's help: what they name is there once `larmor phantom lgg phantom` and the quickstart recipe have run.
#include "cli/help.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "cli/commands.h"
#include "cli/list.h"
#include "core/error.h"
#include "datasets/phantom_lgg.h"
#include "report/table.h"
#include "tests/support/golden.h"
#include "train/recipe.h"
#include "train/run_folder.h"

namespace larmor::cli {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream text(line);
  std::vector<std::string> words;
  for (std::string word; text >> word;) words.push_back(word);
  return words;
}

/// Option names of a command: "-i,--input" gives both; true for those that take a value.
class OptionNames : public Arguments {
 public:
  void positional(const std::string&, std::string&, const std::string&, bool) override {}
  void positionals(const std::string&, std::vector<std::string>&, const std::string&, bool) override {}
  void option(const std::string& names, std::string&, const std::string&) override { add(names); }
  void option(const std::string& names, int64_t&, const std::string&) override { add(names); }
  void option(const std::string& names, double&, const std::string&) override { add(names); }
  void option(const std::string& names, std::vector<std::string>&, const std::string&) override { add(names); }
  void flag(const std::string& names, bool&, const std::string&) override { add(names); }

  std::set<std::string> known{"--device", "--threads", "--seed", "--quiet", "--json"};

 private:
  void add(const std::string& names) {
    std::istringstream text(names);
    for (std::string name; std::getline(text, name, ',');) known.insert(name);
  }
};

class HelpExamples : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = larmor::testing::make_temporary_folder("help");
    datasets::write_lgg_phantom(folder_ / "phantom", {.patients = 12, .slices = 20, .size = 32});
    fs::create_directory_symlink(larmor::testing::source_dir() / "configs", folder_ / "configs");
    before_ = fs::current_path();
    fs::current_path(folder_);
  }
  static void TearDownTestSuite() { fs::current_path(before_); }

  /// Every file and folder of finished runs of the recipes that examples use.
  static std::set<std::string> run_files() {
    std::set<std::string> files;
    for (const char* recipe : {"configs/quickstart.yaml", "configs/siberian/linknet_sx50.yaml"}) {
      const train::RunFolder run(train::default_run_folder(train::read_recipe(recipe, {})));
      files.insert({run.root().string(), run.best().string(), run.last().string()});
    }
    return files;
  }

  static void expect_exists(const std::string& word) {
    const bool is_of_run = word.starts_with("runs/");
    const bool is_named = is_of_run || word == "phantom" || word.starts_with("phantom/") || word.starts_with("configs/");
    EXPECT_TRUE(!is_named || (is_of_run ? run_files().contains(word) : fs::exists(word))) << word;
  }

  static inline fs::path folder_, before_;
};

TEST(Help, AnUnsetNumberHasNoDefault) {
  for (const Command& command : all_commands()) {
    std::ostringstream text;
    print_command_help(command, text);
    EXPECT_EQ(text.str().find("default nan"), std::string::npos) << command.name;
  }
}

/// An option that changes nothing is neither taken nor told.
TEST(Help, SeedAndJsonStandWhereTheyAreTaken) {
  for (const Command& command : all_commands()) {
    std::ostringstream text;
    print_command_help(command, text);
    EXPECT_EQ(text.str().find("--seed <integer>") != std::string::npos, command.takes_seed) << command.name;
    EXPECT_EQ(text.str().find("--json   ") != std::string::npos, command.takes_json) << command.name;
  }
}

TEST_F(HelpExamples, NameCommandsOptionsAndFilesThatAreThere) {
  std::set<std::string> names;
  for (const Command& command : all_commands()) names.insert(command.name);
  for (const Command& command : all_commands()) {
    EXPECT_FALSE(command.examples.empty()) << command.name;
    for (const Example& example : command.examples) {
      SCOPED_TRACE(example.line);
      const std::vector<std::string> words = words_of(example.line);
      ASSERT_GE(words.size(), 2u);
      EXPECT_EQ(words[0], "larmor");
      ASSERT_TRUE(names.contains(words[1]));
      OptionNames options;
      for (const Command& shown : all_commands()) {
        if (shown.name == words[1]) shown.declare(options);
      }
      for (size_t i = 2; i < words.size(); ++i) {
        EXPECT_TRUE(!words[i].starts_with('-') || options.known.contains(words[i])) << words[i];
        const bool is_new = words[1] == "phantom" && i == 3;
        if (!is_new) expect_exists(words[i].substr(words[i].find('=') + 1));
      }
    }
  }
}

/// key=value words of train and reproduce are keys of the recipes that they name.
TEST_F(HelpExamples, OverridesFitTheirRecipes) {
  size_t checked = 0;
  for (const Command& command : all_commands()) {
    for (const Example& example : command.examples) {
      SCOPED_TRACE(example.line);
      const std::vector<std::string> words = words_of(example.line);
      std::vector<std::string> overrides;
      std::copy_if(words.begin(), words.end(), std::back_inserter(overrides),
                   [](const std::string& word) { return word.find('=') != std::string::npos; });
      if (words[1] == "train") {
        EXPECT_NO_THROW(train::read_recipe(words[2], overrides));
        ++checked;
      }
      if (words[1] != "reproduce" || words[2].starts_with('-')) continue;
      const report::TableSpec spec = report::read_table_spec("configs/tables/" + words[2] + ".yaml");
      for (const report::TableRow& row : spec.rows) {
        std::vector<std::string> all = row.overrides;
        all.insert(all.end(), overrides.begin(), overrides.end());
        EXPECT_NO_THROW(train::read_recipe(row.recipe, all)) << row.name;
        ++checked;
      }
    }
  }
  EXPECT_GT(checked, 3u);
}

TEST_F(HelpExamples, ListNamesKinds) {
  const std::vector<std::string> kinds = listed_kinds();
  for (const Example& example : list_command().examples) {
    EXPECT_EQ(std::count(kinds.begin(), kinds.end(), words_of(example.line)[2]), 1) << example.line;
  }
}

TEST(Help, ShowsEachExampleWithItsPurpose) {
  for (const Command& command : all_commands()) {
    std::ostringstream out;
    print_command_help(command, out);
    for (const Example& example : command.examples) {
      EXPECT_NE(out.str().find("  " + example.line + "\n      " + example.what + "\n"), std::string::npos) << example.line;
    }
  }
}

}  // namespace
}  // namespace larmor::cli
