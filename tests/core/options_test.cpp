#include "core/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>

#include "tests/support/errors.h"

namespace larmor {
namespace {

using ::testing::ElementsAre;

struct SplitOptions {
  int64_t folds = 5;
};

struct Options {
  double lr = 1e-3;
  int64_t batch = 8;
  bool shuffle = true;
  std::string name = "adam";
  std::string root;
  std::vector<double> betas = {0.9, 0.999};
  std::vector<int64_t> seeds = {0};
  std::vector<std::string> exclude;
  std::optional<double> clip;
  std::optional<int64_t> stop = 3;
  std::map<std::string, double> published;
  std::array<double, 2> scale = {0.8, 1.2};
  SplitOptions split;
  ConfigNode extra;
};

OptionTable options_of(SplitOptions& o) {
  OptionTable table;
  table.add("folds", o.folds, "number of folds", at_least(2));
  return table;
}

OptionTable options_of(Options& o) {
  OptionTable table;
  table.add("lr", o.lr, "step size", greater_than(0))
      .add("batch", o.batch, "samples per step", at_least(1))
      .add("shuffle", o.shuffle, "another order in every epoch")
      .add("name", o.name, "rule", {"adam", "radam", "sgd"})
      .add("root", o.root, "folder")
      .add("betas", o.betas, "decays", from_up_to(0, 1))
      .add("seeds", o.seeds, "one run each", at_least(0))
      .add("exclude", o.exclude, "subjects to leave out")
      .add("clip", o.clip, "largest norm", greater_than(0))
      .add("stop", o.stop, "epochs without a better value", at_least(1))
      .add("published", o.published, "printed values")
      .add_range("scale", o.scale, "zoom", greater_than(0))
      .add_table("split", options_of(o.split), "who is held out")
      .add_node("extra", o.extra, "left to others");
  table.check("betas", [&o] { return o.betas.size() == 2 ? "" : "two decays are needed"; });
  return table;
}

std::vector<std::string> problems_of(const std::string& yaml, const std::string& prefix = "", Options* into = nullptr) {
  Options options;
  Problems problems;
  options_of(options).read(parse_yaml(yaml, "a.yaml"), problems, prefix);
  if (into != nullptr) *into = options;
  return problems.lines();
}

TEST(Options, ReadsEveryType) {
  Options o;
  const std::string yaml = R"(
lr: .5
batch: 010
shuffle: false
name: "sgd"
root: 5
betas: [0, 9e-1]
seeds: [1, +2]
exclude: [TCGA_1, 7]
clip: .inf
stop: null
published: {test_dice: 0.927, "iou": 1}
scale: [1, 1.5]
split: {folds: 3}
extra: {anything: [1]}
)";
  EXPECT_THAT(problems_of(yaml, "", &o), ElementsAre());
  EXPECT_EQ(o.lr, 0.5);
  EXPECT_EQ(o.batch, 10);
  EXPECT_FALSE(o.shuffle);
  EXPECT_EQ(o.name, "sgd");
  EXPECT_EQ(o.root, "5");
  EXPECT_EQ(o.betas, (std::vector<double>{0, 0.9}));
  EXPECT_EQ(o.seeds, (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(o.exclude, (std::vector<std::string>{"TCGA_1", "7"}));
  EXPECT_EQ(o.clip, std::numeric_limits<double>::infinity());
  EXPECT_EQ(o.stop, std::nullopt);
  EXPECT_EQ(o.published, (std::map<std::string, double>{{"test_dice", 0.927}, {"iou", 1}}));
  EXPECT_EQ(o.scale, (std::array<double, 2>{1, 1.5}));
  EXPECT_EQ(o.split.folds, 3);
  EXPECT_EQ(to_yaml(o.extra), "anything: [1]\n");
}

TEST(Options, NullAndEmptyMapsLeaveTheDefaults) {
  for (const char* yaml : {"", "{}", "split:", "extra:"}) {
    Options o;
    EXPECT_THAT(problems_of(yaml, "", &o), ElementsAre()) << yaml;
    EXPECT_EQ(o.batch, 8);
    EXPECT_EQ(o.split.folds, 5);
  }
}

TEST(Options, NumbersAreReadAsText) {
  struct Case {
    const char* text;
    double value;
  };
  for (const Case& c :
       std::vector<Case>{{"1", 1}, {"+1", 1}, {"1e-3", 1e-3}, {"1E3", 1000}, {".5", 0.5}, {"5.", 5}, {"0.1", 0.1}, {"1e300", 1e300}}) {
    Options o;
    EXPECT_THAT(problems_of(std::string("lr: ") + c.text, "", &o), ElementsAre()) << c.text;
    EXPECT_EQ(o.lr, c.value);
  }
}

TEST(OptionsError, WrongTypeNamesPlaceKeyAndValue) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"batch: eight", "a.yaml:1: batch: 'eight' is not an integer"},
      {"batch: '8'", "a.yaml:1: batch: '8' is not an integer; text in quotes stays text"},
      {"batch: 8.0", "a.yaml:1: batch: '8.0' is not an integer"},
      {"batch: 1e3", "a.yaml:1: batch: '1e3' is not an integer"},
      {"batch: 0x10", "a.yaml:1: batch: '0x10' is not an integer"},
      {"batch: 1_000", "a.yaml:1: batch: '1_000' is not an integer"},
      {"batch: +-1", "a.yaml:1: batch: '+-1' is not an integer"},
      {"batch: 9223372036854775808", "a.yaml:1: batch: '9223372036854775808' is out of range for an integer"},
      {"batch: [8]", "a.yaml:1: batch: a list is not an integer"},
      {"batch:", "a.yaml:1: batch: null is not an integer"},
      {"lr: fast", "a.yaml:1: lr: 'fast' is not a number"},
      {"lr: 1_000", "a.yaml:1: lr: '1_000' is not a number"},
      {"lr: 0x10", "a.yaml:1: lr: '0x10' is not a number"},
      {"lr: nan", "a.yaml:1: lr: 'nan' is not a number"},
      {"lr: .nan", "a.yaml:1: lr: '.nan' is not a number"},
      {"lr: inf", "a.yaml:1: lr: 'inf' is not a number"},
      {"lr: 1e999", "a.yaml:1: lr: '1e999' is out of range for a number"},
      {"lr: 1 2", "a.yaml:1: lr: '1 2' is not a number"},
      {"lr: '1'", "a.yaml:1: lr: '1' is not a number; text in quotes stays text"},
      {"lr: {a: 1}", "a.yaml:1: lr: a map is not a number"},
      {"shuffle: yes", "a.yaml:1: shuffle: 'yes' is not a boolean; must be true or false"},
      {"shuffle: True", "a.yaml:1: shuffle: 'True' is not a boolean; must be true or false"},
      {"shuffle: 'true'", "a.yaml:1: shuffle: 'true' is not a boolean; must be true or false"},
      {"shuffle: 1", "a.yaml:1: shuffle: '1' is not a boolean; must be true or false"},
      {"name: [adam]", "a.yaml:1: name: a list is not text"},
      {"name:", "a.yaml:1: name: null is not text"},
      {"betas: 0.9", "a.yaml:1: betas: '0.9' is not a list of numbers"},
      {"betas: [0.9, x]", "a.yaml:1: betas: entry 2: 'x' is not a number"},
      {"seeds: {a: 1}", "a.yaml:1: seeds: a map is not a list of integers"},
      {"exclude: TCGA_1", "a.yaml:1: exclude: 'TCGA_1' is not a list of texts"},
      {"exclude: [[a]]", "a.yaml:1: exclude: entry 1: a list is not text"},
      {"clip: off", "a.yaml:1: clip: 'off' is not a number"},
      {"published: 0.9", "a.yaml:1: published: '0.9' is not a map of numbers"},
      {"published: {dice: high}", "a.yaml:1: published: dice: 'high' is not a number"},
      {"scale: 0.2", "a.yaml:1: scale: '0.2' is not a range; write [min, max]"},
      {"scale: [1, 2, 3]", "a.yaml:1: scale: a list of 3 is not a range; write [min, max]"},
      {"scale: [1, x]", "a.yaml:1: scale: max: 'x' is not a number"},
      {"scale: [2, 1]", "a.yaml:1: scale: [2, 1] is not a range; min must be <= max"},
      {"split: 5", "a.yaml:1: split: '5' is not a map of options"},
      {"[1]", "a.yaml:1: a list is not a map of options"},
  };
  for (const auto& [yaml, message] : cases) EXPECT_THAT(problems_of(yaml), ElementsAre(message)) << yaml;
}

TEST(OptionsError, WrongValueNamesWhatIsAllowed) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"batch: 0", "a.yaml:1: batch: 0 is not allowed; must be >= 1"},
      {"lr: -1e-3", "a.yaml:1: lr: -1e-3 is not allowed; must be > 0"},
      {"betas: [0.9, 1]", "a.yaml:1: betas: entry 2: 1 is not allowed; must be in [0, 1)"},
      {"clip: 0", "a.yaml:1: clip: 0 is not allowed; must be > 0"},
      {"stop: 0", "a.yaml:1: stop: 0 is not allowed; must be >= 1"},
      {"scale: [0, 1]", "a.yaml:1: scale: min: 0 is not allowed; must be > 0"},
      {"name: radan", "a.yaml:1: name: unknown value 'radan'; nearest: 'radam'"},
      {"name: momentum", "a.yaml:1: name: unknown value 'momentum'; allowed: adam, radam, sgd"},
      {"split: {folds: 1}", "a.yaml:1: split.folds: 1 is not allowed; must be >= 2"},
      {"betas: [0.9]", "a.yaml:1: betas: two decays are needed"},
  };
  for (const auto& [yaml, message] : cases) EXPECT_THAT(problems_of(yaml), ElementsAre(message)) << yaml;
}

TEST(OptionsError, UnknownKeyNamesTheNearest) {
  EXPECT_THAT(problems_of("\n\nbacth: 3"), ElementsAre("a.yaml:3: bacth: unknown key; nearest: 'batch'"));
  EXPECT_THAT(problems_of("split: {fold: 3}"), ElementsAre("a.yaml:1: split.fold: unknown key; nearest: 'folds'"));
  EXPECT_THAT(problems_of("split: {larning_rate: 3}"), ElementsAre("a.yaml:1: split.larning_rate: unknown key; allowed: folds"));
  Problems problems;
  OptionTable().read(parse_yaml("x: 1", "a.yaml"), problems, "loss.");
  EXPECT_THAT(problems.lines(), ElementsAre("a.yaml:1: loss.x: unknown key; none is allowed here"));
}

TEST(OptionsError, AllAreToldAtOnceAndRefusedFieldsKeepTheirDefault) {
  Options o;
  const auto lines = problems_of("lr: 0\nbatch: x\nsplit:\n  folds: 1\n  x: 1\nbetas: []\n", "optim.", &o);
  EXPECT_THAT(lines, ElementsAre("a.yaml:1: optim.lr: 0 is not allowed; must be > 0", "a.yaml:2: optim.batch: 'x' is not an integer",
                                 "a.yaml:4: optim.split.folds: 1 is not allowed; must be >= 2",
                                 "a.yaml:5: optim.split.x: unknown key; allowed: folds"));
  EXPECT_EQ(o.lr, 1e-3);
  EXPECT_EQ(o.batch, 8);
  EXPECT_EQ(o.split.folds, 5);
}

TEST(OptionsError, ProblemsBecomeOneUsageError) {
  Problems problems;
  problems.throw_if_any();
  EXPECT_TRUE(problems.empty());
  problems.add({"a.yaml", 3}, "optim.lr", "wrong");
  problems.add({"command line", 0}, "seed", "also wrong");
  problems.add({}, "", "nowhere");
  EXPECT_EQ(testing::usage_error([&] { problems.throw_if_any(); }), "a.yaml:3: optim.lr: wrong\ncommand line: seed: also wrong\nnowhere");
}

TEST(OptionsError, ValuesFromTheCommandLineSaySo) {
  ConfigNode root = parse_yaml("batch: 4", "a.yaml");
  apply_override(root, "batch=0");
  Options options;
  Problems problems;
  options_of(options).read(root, problems);
  EXPECT_THAT(problems.lines(), ElementsAre("command line: batch: 0 is not allowed; must be >= 1"));
}

TEST(BoundsText, SaysTheInterval) {
  EXPECT_EQ(Bounds{}.to_string(), "");
  EXPECT_EQ(at_least(1).to_string(), ">= 1");
  EXPECT_EQ(greater_than(0).to_string(), "> 0");
  EXPECT_EQ(between(0, 0.5).to_string(), "in [0, 0.5]");
  EXPECT_EQ(from_up_to(0, 1).to_string(), "in [0, 1)");
  EXPECT_EQ((Bounds{.high = 3}.to_string()), "<= 3");
  EXPECT_EQ((Bounds{.high = 3, .high_open = true}.to_string()), "< 3");
  EXPECT_EQ((Bounds{.low = 0, .high = 1, .low_open = true, .high_open = true}.to_string()), "in (0, 1)");
}

TEST(BoundsText, ContainsItsClosedEdgesOnly) {
  EXPECT_TRUE(from_up_to(0, 1).contains(0));
  EXPECT_FALSE(from_up_to(0, 1).contains(1));
  EXPECT_FALSE(greater_than(0).contains(0));
  EXPECT_TRUE(between(0, 1).contains(1));
  EXPECT_FALSE(between(0, 1).contains(std::nan("")));
}

TEST(Options, DocsDescribeEveryField) {
  Options o;
  const std::vector<OptionDoc> docs = options_of(o).docs("optim.");
  std::vector<std::string> lines;
  for (const OptionDoc& doc : docs)
    lines.push_back(doc.name + " | " + doc.type + " | " + doc.default_value + " | " + doc.allowed + " | " + doc.help);
  EXPECT_THAT(lines,
              ElementsAre("optim.lr | number | 0.001 | > 0 | step size", "optim.batch | integer | 8 | >= 1 | samples per step",
                          "optim.shuffle | boolean | true | true, false | another order in every epoch",
                          "optim.name | text | adam | adam, radam, sgd | rule", "optim.root | text | \"\" |  | folder",
                          "optim.betas | list of numbers | [0.9, 0.999] | in [0, 1) | decays",
                          "optim.seeds | list of integers | [0] | >= 0 | one run each",
                          "optim.exclude | list of texts | [] |  | subjects to leave out",
                          "optim.clip | number or null | null | > 0 | largest norm",
                          "optim.stop | integer or null | 3 | >= 1 | epochs without a better value",
                          "optim.published | map of numbers | {} |  | printed values", "optim.scale | range | [0.8, 1.2] | > 0 | zoom",
                          "optim.split.folds | integer | 5 | >= 2 | number of folds", "optim.extra | map | {} |  | left to others"));
  EXPECT_EQ(options_of(o).names().size(), 14u);
}

TEST(Options, TextThatLooksTypedIsWrittenInQuotes) {
  Options o;
  for (const char* text : {"yes", "No", "true", "null", "5", "-1e3", "1_000", "0x10", "12:30", ".inf", "2024-01-02", ""}) {
    o.root = text;
    EXPECT_TRUE(options_of(o).write().find("root")->quoted) << text;
  }
  for (const char* text : {"linknet", "data", "runs/x", "-q", "5 apples"}) {
    o.root = text;
    EXPECT_FALSE(options_of(o).write().find("root")->quoted) << text;
  }
}

TEST(Options, TwoFieldsOfOneNameAreABug) {
  Options o;
  EXPECT_DEATH(OptionTable().add("lr", o.lr, "").add("lr", o.lr, ""), "assertion failed");
}

RC_GTEST_PROP(Options, WriteThenReadGivesTheSameValues, ()) {
  Options o;
  const auto number = rc::gen::suchThat(rc::gen::arbitrary<double>(), [](double x) { return std::isfinite(x); });
  o.lr = std::abs(*number) + 1e-300;
  o.batch = *rc::gen::inRange<int64_t>(1, std::numeric_limits<int64_t>::max());
  o.shuffle = *rc::gen::arbitrary<bool>();
  o.name = *rc::gen::elementOf(std::vector<std::string>{"adam", "radam", "sgd"});
  o.root = *rc::gen::container<std::string>(rc::gen::inRange<char>(1, 127));
  o.seeds = *rc::gen::container<std::vector<int64_t>>(rc::gen::inRange<int64_t>(0, 1 << 30));
  o.exclude = *rc::gen::container<std::vector<std::string>>(rc::gen::container<std::string>(rc::gen::inRange<char>(32, 127)));
  if (*rc::gen::arbitrary<bool>()) o.clip = std::abs(*number) + 1;
  o.published = {{"a", *number}, {"b", *number}};
  o.split.folds = *rc::gen::inRange(2, 50);

  const std::string yaml = to_yaml(options_of(o).write());
  Options read;
  Problems problems;
  options_of(read).read(parse_yaml(yaml, "a.yaml"), problems);
  RC_ASSERT(problems.lines() == std::vector<std::string>{});
  RC_ASSERT(to_yaml(options_of(read).write()) == yaml);
  RC_ASSERT(read.lr == o.lr);
  RC_ASSERT(read.batch == o.batch);
  RC_ASSERT(read.root == o.root);
  RC_ASSERT(read.exclude == o.exclude);
  RC_ASSERT(read.clip == o.clip);
  RC_ASSERT(read.published == o.published);
}

}  // namespace
}  // namespace larmor
