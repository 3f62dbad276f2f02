#include "core/config.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "core/files.h"
#include "tests/support/errors.h"
#include "tests/support/golden.h"

namespace larmor {
namespace {

namespace fs = std::filesystem;
using testing::make_temporary_folder;
using testing::usage_error;

std::string text_at(const ConfigNode& root, const std::string& path) {
  const ConfigNode* node = root.find_path(path);
  return node == nullptr ? "<absent>" : node->is_null() ? "<null>" : node->is_scalar() ? node->scalar : "<not a scalar>";
}

std::string place_at(const ConfigNode& root, const std::string& path) { return root.find_path(path)->place.to_string(); }

std::string repeat(const std::string& piece, size_t times) {
  std::string text;
  for (size_t i = 0; i < times; ++i) text += piece;
  return text;
}

TEST(Yaml, KeepsScalarsAsWritten) {
  const ConfigNode root = parse_yaml(R"(
no: no
octal: 010
small: 1e-3
quoted: "8"
single: 'yes'
tagged: !!str 5
tilde: ~
empty:
word: null
folded: >-
  two
  lines
)",
                                     "a.yaml");
  struct Case {
    const char* path;
    const char* text;
    bool quoted;
  };
  for (const Case& c : std::vector<Case>{{"no", "no", false},
                                         {"octal", "010", false},
                                         {"small", "1e-3", false},
                                         {"quoted", "8", true},
                                         {"single", "yes", true},
                                         {"tagged", "5", true},
                                         {"tilde", "<null>", false},
                                         {"empty", "<null>", false},
                                         {"word", "<null>", false},
                                         {"folded", "two lines", true}}) {
    EXPECT_EQ(text_at(root, c.path), c.text);
    EXPECT_EQ(root.find(c.path)->quoted, c.quoted) << c.path;
  }
  EXPECT_EQ(text_at(root, "absent"), "<absent>");
  EXPECT_EQ(text_at(root, "no.deeper"), "<absent>");
}

TEST(Yaml, PlacesAreThoseOfTheKey) {
  const ConfigNode root = parse_yaml("a: 1\nb:\n\n  c:\n    - x\n    - y\n  d: {e: 2}\n", "configs/a.yaml");
  EXPECT_EQ(place_at(root, "a"), "configs/a.yaml:1");
  EXPECT_EQ(place_at(root, "b"), "configs/a.yaml:2");
  EXPECT_EQ(place_at(root, "b.c"), "configs/a.yaml:4");
  EXPECT_EQ(root.find_path("b.c")->items[1].place.to_string(), "configs/a.yaml:6");
  EXPECT_EQ(place_at(root, "b.d.e"), "configs/a.yaml:7");
  EXPECT_EQ((Place{"command line"}).to_string(), "command line");
}

TEST(Yaml, AliasesAreCopiesWithTheirOwnPlace) {
  const ConfigNode root = parse_yaml("base: &b\n  lr: 1\nother: *b\n", "a.yaml");
  EXPECT_EQ(text_at(root, "other.lr"), "1");
  EXPECT_EQ(place_at(root, "other"), "a.yaml:3");
}

TEST(Yaml, EmptyTextIsNull) {
  for (const char* text : {"", "\n", "# only a comment\n", "--- ~\n", "~", "\xEF\xBB\xBF"}) {
    const ConfigNode root = parse_yaml(text, "a.yaml");
    EXPECT_TRUE(root.is_null()) << text;
    EXPECT_EQ(root.place.to_string(), "a.yaml:1");
  }
}

TEST(YamlError, EachNamesFileAndLine) {
  const std::string deep_flow = repeat("[", 65) + repeat("]", 65);
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 6; ++i)
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + repeat("*a" + std::to_string(i - 1) + ", ", 10) + "]\n";
  const std::string text_bomb = "a: &a " + std::string(1 << 20, 'x') + "\nb: [" + repeat("*a, ", 20) + "]\n";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"a: [1, 2", "a.yaml:1: not valid YAML: end of sequence flow not found"},
      {"a: 1\nb: \"open", "a.yaml:2: not valid YAML: illegal EOF in scalar"},
      {"a: 1\n b: 2\n", "a.yaml:2: not valid YAML: illegal map value"},
      {"a: *nowhere", "a.yaml:1: not valid YAML: the referenced anchor is not defined"},
      {"a: 1\nb: 2\na: 3\n", "a.yaml:3: a: duplicate key, first on line 1"},
      {"x:\n  y:\n    a: 1\n    'a': 3\n", "a.yaml:4: x.y.a: duplicate key, first on line 3"},
      {"[1, 2]: 3", "a.yaml:1: a key is text, not a list"},
      {"~: 3", "a.yaml:1: a key is text, not null"},
      {repeat("k", 201) + ": 1", "a.yaml:1: key '" + repeat("k", 120) + "…' has 201 bytes; at most 200 are allowed"},
      {"a: 1\n---\nb: 2\n", "a.yaml:2: a second document begins; one is allowed"},
      {"a: !!binary aGk=", "a.yaml:1: tag 'tag:yaml.org,2002:binary' is not allowed"},
      {"a: !point [1, 2]", "a.yaml:1: tag '!point' is not allowed"},
      {"\na: " + deep_flow, "a.yaml:2: nested deeper than 64"},
      {repeat("[", 100'000), "a.yaml:1: nested deeper than 64"},
      {repeat("- ", 10'000) + "x", "a.yaml:1: nested deeper than 64"},
      {"a: &a [1, *a]", "a.yaml:1: an alias stands inside its own anchor"},
      {bomb, "a.yaml:5: more than 100000 nodes, aliases filled in"},
      {text_bomb, "a.yaml:2: more than 16777216 bytes, aliases filled in"},
      {std::string("a: 1\nb: \0", 9), "a.yaml:2: not valid YAML: control character '\\x00'"},
      {"a: \x04", "a.yaml:1: not valid YAML: control character '\\x04'"},
      {"a: 1\nb: \xff\xfe", "a.yaml:2: not valid YAML: not UTF-8 text"},
      {"a: \xed\xa0\x80", "a.yaml:1: not valid YAML: not UTF-8 text"},  // a surrogate
      {"a: \xc0\xaf", "a.yaml:1: not valid YAML: not UTF-8 text"},      // an overlong form
  };
  for (const auto& [text, message] : cases) {
    EXPECT_EQ(usage_error([&text = text] { parse_yaml(text, "a.yaml"); }), message) << text.substr(0, 200);
  }
  EXPECT_EQ(usage_error([] { parse_yaml(std::string((16 << 20) + 1, ' '), "a.yaml"); }),
            "a.yaml: 16777217 bytes; at most 16777216 are read");
}

TEST(Yaml, AnAliasMayNotDeepenTheTreeBeyondTheLimit) {
  std::string text = "a0: &a0 [x]\n";
  for (int i = 1; i < 70; ++i) text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [*a" + std::to_string(i - 1) + "]\n";
  EXPECT_EQ(usage_error([&] { parse_yaml(text, "a.yaml"); }), "a.yaml:62: nested deeper than 64");
}

TEST(Merge, MapsMergeAllElseReplaces) {
  ConfigNode base = parse_yaml("a: {x: 1, y: 2}\nb: [1, 2]\nc: 3\nd: {z: 1}\n", "base.yaml");
  merge(base, parse_yaml("a: {y: 5, w: 6}\nb: [9]\nd: 7\ne: 8\n", "over.yaml"));
  EXPECT_EQ(to_yaml(base), "a:\n  x: 1\n  y: 5\n  w: 6\nb: [9]\nc: 3\nd: 7\ne: 8\n");
  EXPECT_EQ(place_at(base, "a.x"), "base.yaml:1");
  EXPECT_EQ(place_at(base, "a.y"), "over.yaml:1");
}

class Includes : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) const {
    make_folder((folder_ / name).parent_path());
    write_file_atomically(folder_ / name, text);
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string error_of(const std::string& name) const {
    return usage_error([&] { read_yaml(folder_ / name); });
  }

  fs::path folder_ = make_temporary_folder("config");
};

class IncludesError : public Includes {};

TEST_F(Includes, LaterKeysWinAndPathsAreRelativeToTheIncludingFile) {
  write("common/base.yaml", "lr: 1\nepochs: 10\nmodel: {name: linknet, classes: 1}\n");
  write("common/extra.yaml", "include: base.yaml\nepochs: 20\n");
  write("other.yaml", "model: {classes: 3}\n");
  write("a.yaml", "lr: 2\ninclude: [common/extra.yaml, other.yaml]\n");
  const ConfigNode root = read_yaml(path("a.yaml"));
  EXPECT_EQ(to_yaml(root), "lr: 2\nepochs: 20\nmodel:\n  name: linknet\n  classes: 3\n");
  EXPECT_EQ(place_at(root, "lr"), path("a.yaml") + ":1");
  EXPECT_EQ(place_at(root, "epochs"), path("common/extra.yaml") + ":2");
}

TEST_F(Includes, AFileMayBeIncludedTwiceSideBySide) {
  write("base.yaml", "lr: 1\n");
  write("a.yaml", "include: [base.yaml, base.yaml]\n");
  EXPECT_EQ(to_yaml(read_yaml(path("a.yaml"))), "lr: 1\n");
}

TEST_F(Includes, AnEmptyFileIsAnEmptyMap) {
  write("a.yaml", "");
  EXPECT_EQ(to_yaml(read_yaml(path("a.yaml"))), "{}\n");
}

TEST_F(IncludesError, EachNamesThePlace) {
  write("a.yaml", "lr: 1\ninclude: none.yaml\n");
  EXPECT_EQ(error_of("a.yaml"), path("a.yaml") + ":2: include: " + path("none.yaml") + ": cannot be read: No such file or directory");
  EXPECT_EQ(error_of("none.yaml"), path("none.yaml") + ": cannot be read: No such file or directory");
  write("list.yaml", "\n- 1\n");
  EXPECT_EQ(error_of("list.yaml"), path("list.yaml") + ":2: a recipe is a map of keys, not a list");
  write("kind.yaml", "include: {a: 1}\n");
  EXPECT_EQ(error_of("kind.yaml"), path("kind.yaml") + ":1: include: a map is not a file name");
  write("null.yaml", "include: [null]\n");
  EXPECT_EQ(error_of("null.yaml"), path("null.yaml") + ":1: include: null is not a file name");
}

TEST_F(IncludesError, CycleNamesTheFiles) {
  write("self.yaml", "include: self.yaml\n");
  EXPECT_EQ(error_of("self.yaml"),
            path("self.yaml") + ":1: include: the files include each other: " + path("self.yaml") + " -> " + path("self.yaml"));
  write("a.yaml", "include: b.yaml\n");
  write("b.yaml", "x: 1\ninclude: c.yaml\n");
  write("c.yaml", "include: b.yaml\n");
  EXPECT_EQ(error_of("a.yaml"), path("c.yaml") + ":1: include: the files include each other: " + path("b.yaml") + " -> " + path("c.yaml") +
                                    " -> " + path("b.yaml"));
}

TEST_F(IncludesError, FilesThatDoubleAreStopped) {
  for (int i = 0; i < 10; ++i) {
    const std::string next = "n" + std::to_string(i + 1) + ".yaml";
    write("n" + std::to_string(i) + ".yaml", "include: [" + next + ", " + next + "]\n");
  }
  write("n10.yaml", "x: 1\n");
  const std::string message = error_of("n0.yaml");
  EXPECT_TRUE(message.ends_with(":1: include: more than 100 files")) << message;
}

TEST(Override, SetsValuesOfAnyKind) {
  ConfigNode root = parse_yaml("optim: {lr: 1, name: adam}\nmodel:\n", "a.yaml");
  for (const char* assignment :
       {"optim.lr=3e-4", "optim.betas=[0.9, 0.99]", "model.name=linknet", "data.root=~/kaggle=3m", "train.ema=", "note='x: y'"}) {
    apply_override(root, assignment);
  }
  EXPECT_EQ(to_yaml(root),
            "optim:\n  lr: 3e-4\n  name: adam\n  betas: [0.9, 0.99]\nmodel:\n  name: linknet\ndata:\n  root: ~/kaggle=3m\ntrain:\n"
            "  ema: null\nnote: \"x: y\"\n");
  EXPECT_EQ(place_at(root, "optim.lr"), "command line");
  EXPECT_EQ(root.find_path("optim.betas")->items[0].place.to_string(), "command line");
  apply_override(root, "optim={name: sgd}");
  EXPECT_EQ(text_at(root, "optim.lr"), "<absent>");
}

TEST(OverrideError, EachSaysWhatIsWrong) {
  ConfigNode root = parse_yaml("optim: {lr: 1, betas: [1, 2]}\n", "a.yaml");
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"optim.lr", "command line: 'optim.lr' is not an override; write key=value"},
      {"=3", "command line: '' is not a key; write words joined by dots"},
      {"optim..lr=3", "command line: 'optim..lr' is not a key; write words joined by dots"},
      {"optim.=3", "command line: 'optim.' is not a key; write words joined by dots"},
      {"optim.lr.x=3", "command line: optim.lr.x: optim.lr is a value, not a map"},
      {"optim.betas.0=3", "command line: optim.betas.0: optim.betas is a list, not a map"},
      {"optim.lr=[1", "command line: not valid YAML: end of sequence flow not found"},
      {"optim.lr={a: 1, a: 2}", "command line: a: duplicate key"},
  };
  for (const auto& [assignment, message] : cases) {
    EXPECT_EQ(usage_error([&root, &assignment = assignment] { apply_override(root, assignment); }), message);
  }
  EXPECT_EQ(to_yaml(root), "optim:\n  lr: 1\n  betas: [1, 2]\n");
}

TEST(ToYaml, QuotesOnlyWhereNeeded) {
  struct Case {
    std::string text;
    bool quoted;
    std::string yaml;
  };
  const std::vector<Case> cases = {{"plain words", false, "plain words"},
                                   {"1e-3", false, "1e-3"},
                                   {"-0.5", false, "-0.5"},
                                   {"~/kaggle_3m", false, "~/kaggle_3m"},
                                   {"a:b", false, "a:b"},
                                   {"8", true, "\"8\""},
                                   {"", false, "\"\""},
                                   {"null", false, "\"null\""},
                                   {"~", false, "\"~\""},
                                   {"- a", false, "\"- a\""},
                                   {"a: b", false, "\"a: b\""},
                                   {"a #b", false, "\"a #b\""},
                                   {"a, b", false, "\"a, b\""},
                                   {" a", false, "\" a\""},
                                   {"a\\\"\n\t\x7f", false, "\"a\\\\\\\"\\n\\x09\\x7f\""}};
  for (const Case& c : cases) EXPECT_EQ(to_yaml(ConfigNode::make_scalar(c.text, {}, c.quoted)), c.yaml + "\n");
}

TEST(ToYaml, NestsListsAndMaps) {
  const std::string text =
      "empty_map: {}\nempty_list: []\nshort: [1, two, null]\nrows:\n  - name: a\n    seeds: [1, 2]\n  - - x: 1\n    - []\n  - plain\n";
  EXPECT_EQ(to_yaml(parse_yaml(text, "a.yaml")), text);
}

/// Text that is hard on YAML writers.
rc::Gen<std::string> hostile_text() {
  const std::vector<std::string> pieces = {"a",
                                           "7",
                                           "-",
                                           " ",
                                           ":",
                                           "#",
                                           "\n",
                                           "\t",
                                           "\r",
                                           "\"",
                                           "'",
                                           "\\",
                                           "é",
                                           "😀",
                                           "\xC2\x85",
                                           "{",
                                           "}",
                                           "[",
                                           "]",
                                           ",",
                                           "&",
                                           "*",
                                           "!",
                                           "|",
                                           ">",
                                           "%",
                                           "@",
                                           "`",
                                           "\x01",
                                           "\x7f",
                                           "~",
                                           "=",
                                           "<<",
                                           "?",
                                           ".",
                                           "---",
                                           "...",
                                           "null",
                                           "true",
                                           "1e-3",
                                           "\xE2\x80\xA8",
                                           "\xEF\xBB\xBF"};
  return rc::gen::map(rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(pieces)), [](const std::vector<std::string>& chosen) {
    std::string text;
    for (const std::string& piece : chosen) text += text.size() < 150 ? piece : "";
    return text;
  });
}

ConfigNode any_node(int depth) {
  const int kind = *rc::gen::inRange(0, depth > 0 ? 5 : 3);
  if (kind == 0) return {};
  if (kind <= 2) return ConfigNode::make_scalar(*hostile_text(), {}, kind == 2);
  const int size = *rc::gen::inRange(0, 4);
  ConfigNode node = kind == 3 ? ConfigNode::make_sequence() : ConfigNode::make_map();
  for (int i = 0; i < size; ++i) {
    if (kind == 3) {
      node.items.push_back(any_node(depth - 1));
    } else {
      node.set(*hostile_text(), any_node(depth - 1));
    }
  }
  return node;
}

void assert_same(const ConfigNode& read, const ConfigNode& written) {
  RC_ASSERT(read.kind == written.kind);
  RC_ASSERT(read.scalar == written.scalar);
  RC_ASSERT(read.quoted || !written.quoted);
  RC_ASSERT(read.items.size() == written.items.size());
  RC_ASSERT(read.entries.size() == written.entries.size());
  for (size_t i = 0; i < read.items.size(); ++i) assert_same(read.items[i], written.items[i]);
  for (size_t i = 0; i < read.entries.size(); ++i) {
    RC_ASSERT(read.entries[i].first == written.entries[i].first);
    assert_same(read.entries[i].second, written.entries[i].second);
  }
}

RC_GTEST_PROP(ToYaml, ReadsBackTheSameTree, ()) {
  const ConfigNode tree = any_node(3);
  const std::string text = to_yaml(tree);
  const ConfigNode read = parse_yaml(text, "a.yaml");
  assert_same(read, tree);
  RC_ASSERT(to_yaml(read) == text);
}

RC_GTEST_PROP(Merge, WithItselfChangesNothing, ()) {
  const ConfigNode tree = any_node(3);
  ConfigNode merged = tree;
  merge(merged, tree);
  RC_ASSERT(to_yaml(merged) == to_yaml(tree));
}

}  // namespace
}  // namespace larmor
