#include "datasets/split.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "tests/datasets/support.h"

namespace larmor::datasets {
namespace {

using testing::message_of;

/// Two slices per subject.
class NamedSource final : public Source {
 public:
  explicit NamedSource(std::vector<std::string> names) {
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) {
      Study study{name, {}, {}};
      for (int64_t k = 1; k <= 2; ++k) {
        study.cases.push_back(static_cast<int64_t>(cases_.size()));
        cases_.push_back({{name, "", k}, true, 0});
      }
      studies_.push_back(study);
    }
  }
  std::string name() const override { return "named"; }
  const std::vector<CaseInfo>& cases() const override { return cases_; }
  const std::vector<Study>& studies() const override { return studies_; }
  int64_t channels() const override { return 1; }
  std::vector<std::string> channel_names() const override { return {"T1"}; }
  RawSample load(int64_t) const override { return {}; }
  const std::vector<Finding>& findings() const override { return findings_; }
  bool is_phantom() const override { return false; }
  std::string fingerprint() const override { return ""; }

 private:
  std::vector<CaseInfo> cases_;
  std::vector<Study> studies_;
  std::vector<Finding> findings_;
};

using Names = std::vector<std::string>;

const Names kExcerpt{"TCGA_CS_4941_19960909", "TCGA_CS_4944_20010208", "TCGA_CS_6667_20011105", "TCGA_HT_7602_19951103",
                     "TCGA_HT_7692_19960724"};

TEST(Split, PublishedTakesThoseOfTheTenThatAreThere) {
  const NamedSource source(kExcerpt);
  const Split split = make_split(source, {});
  EXPECT_EQ(split.validation_subjects, (Names{"TCGA_CS_4944_20010208", "TCGA_CS_6667_20011105", "TCGA_HT_7692_19960724"}));
  EXPECT_EQ(split.train_subjects, (Names{"TCGA_CS_4941_19960909", "TCGA_HT_7602_19951103"}));
  EXPECT_EQ(split.validation, (std::vector<int64_t>{2, 3, 4, 5, 8, 9}));
  EXPECT_EQ(split.train, (std::vector<int64_t>{0, 1, 6, 7}));
  EXPECT_TRUE(split.test.empty());
  EXPECT_FALSE(split.leaks);
}

TEST(Split, PublishedListHoldsTenPatientsOfTheSet) {
  const Names published{"TCGA_DU_6404_19850629", "TCGA_CS_6667_20011105", "TCGA_DU_6408_19860521", "TCGA_CS_6668_20011025",
                        "TCGA_DU_5851_19950428", "TCGA_DU_7014_19860618", "TCGA_HT_7879_19981009", "TCGA_HT_7692_19960724",
                        "TCGA_CS_4944_20010208", "TCGA_HT_7616_19940813"};
  Names all = published;
  all.push_back("TCGA_CS_4941_19960909");
  const Split split = make_split(NamedSource(all), {});
  EXPECT_EQ(std::set<std::string>(split.validation_subjects.begin(), split.validation_subjects.end()),
            std::set<std::string>(published.begin(), published.end()));
}

TEST(Split, PublishedFindsPatientsWithoutTheDate) {
  const Split split = make_split(NamedSource({"TCGA_CS_4944", "TCGA_CS_4941"}), {});
  EXPECT_EQ(split.validation_subjects, Names{"TCGA_CS_4944"});
}

TEST(SplitError, PublishedNeedsOneOfTheTen) {
  ErrorKind kind{};
  const NamedSource source({"TCGA_PH_0001_20000101", "TCGA_PH_0002_20000101"});
  EXPECT_EQ(message_of([&] { make_split(source, {}); }, &kind),
            "data.split.kind: none of the 10 published validation patients is in this data set; use kfold or list");
  EXPECT_EQ(kind, ErrorKind::usage);
}

RC_GTEST_PROP(SplitProperty, FoldsAreDisjointAndCoverAllSubjects, ()) {
  const auto subjects = *rc::gen::inRange<int64_t>(2, 40);
  const auto folds = *rc::gen::inRange<int64_t>(2, subjects + 1);
  const auto seed = *rc::gen::inRange<int64_t>(0, 1000);
  const testing::MemorySource source({.subjects = subjects, .slices = 2});
  std::vector<int64_t> validated(source.cases().size());
  for (int64_t fold = 0; fold < folds; ++fold) {
    const Split split = make_split(source, {.kind = "kfold", .folds = folds, .fold = fold, .seed = seed});
    for (const int64_t index : split.validation) ++validated[static_cast<size_t>(index)];
    RC_ASSERT(split.train.size() + split.validation.size() == source.cases().size());
    std::vector<int64_t> both;
    std::set_intersection(split.train.begin(), split.train.end(), split.validation.begin(), split.validation.end(),
                          std::back_inserter(both));
    RC_ASSERT(both.empty());
    const auto size = static_cast<int64_t>(split.validation_subjects.size());
    RC_ASSERT(size == subjects / folds || size == subjects / folds + 1);
    require_no_leak(source, split);
  }
  RC_ASSERT(std::all_of(validated.begin(), validated.end(), [](int64_t n) { return n == 1; }));
}

TEST(Split, KfoldDependsOnTheSeedAlone) {
  const testing::MemorySource source({.subjects = 20});
  const auto subjects = [&](int64_t seed) { return make_split(source, {.kind = "kfold", .seed = seed}).validation_subjects; };
  EXPECT_EQ(subjects(1), subjects(1));
  EXPECT_NE(subjects(1), subjects(2));
}

/// Subjects "P0", "P1", … of the tumour types given; "-" has no row in the table.
class TypedSource final : public Source {
 public:
  explicit TypedSource(const std::vector<std::string>& types) {
    for (size_t i = 0; i < types.size(); ++i) {
      const auto index = static_cast<int64_t>(i);
      const std::string name = "P" + std::string(i < 10 ? "0" : "") + std::to_string(i);
      studies_.push_back({name, {index}, {}});
      if (types[i] != "-") studies_.back().metadata["tumour_type"] = types[i];
      cases_.push_back({{name, "", 1}, true, 0});
    }
  }
  std::string name() const override { return "typed"; }
  const std::vector<CaseInfo>& cases() const override { return cases_; }
  const std::vector<Study>& studies() const override { return studies_; }
  int64_t channels() const override { return 1; }
  std::vector<std::string> channel_names() const override { return {"T1"}; }
  RawSample load(int64_t) const override { return {}; }
  const std::vector<Finding>& findings() const override { return findings_; }
  bool is_phantom() const override { return false; }
  std::string fingerprint() const override { return ""; }

 private:
  std::vector<CaseInfo> cases_;
  std::vector<Study> studies_;
  std::vector<Finding> findings_;
};

RC_GTEST_PROP(SplitProperty, StratifiedFoldsShareEachTypeEvenly, ()) {
  const auto types = *rc::gen::container<std::vector<std::string>>(*rc::gen::inRange<size_t>(4, 60),
                                                                   rc::gen::element<std::string>("meningioma", "neurinoma", "-"));
  RC_PRE(std::any_of(types.begin(), types.end(), [](const std::string& type) { return type != "-"; }));
  const auto folds = *rc::gen::inRange<int64_t>(2, 5);
  const TypedSource source(types);
  std::map<std::string, int64_t> sizes;
  for (const std::string& type : types) ++sizes[type];
  for (int64_t fold = 0; fold < folds; ++fold) {
    const Split split = make_split(source, {.kind = "kfold", .folds = folds, .fold = fold, .seed = 3, .stratify = "tumour_type"});
    std::map<std::string, int64_t> validated;
    for (const int64_t index : split.validation) ++validated[types[static_cast<size_t>(index)]];
    for (const auto& [type, size] : sizes) RC_ASSERT(validated[type] == size / folds || validated[type] == (size + folds - 1) / folds);
    const auto all = static_cast<int64_t>(types.size()), here = static_cast<int64_t>(split.validation.size());
    RC_ASSERT(here == all / folds || here == (all + folds - 1) / folds);
    RC_ASSERT(split.train.size() + split.validation.size() == types.size());
  }
}

TEST(SplitError, StratifiedByAnUnknownColumn) {
  const SplitOptions options{.kind = "kfold", .folds = 2, .stratify = "tumor_type"};
  EXPECT_EQ(message_of([&] {
              make_split(TypedSource({"a", "b"}), options);
            }),
            "data.split.stratify: unknown column 'tumor_type'; nearest: 'tumour_type'");
  EXPECT_EQ(message_of([&] {
              make_split(NamedSource({"a", "b"}), options);
            }),
            "data.split.stratify: 'tumor_type': this source knows no metadata of its subjects");
}

TEST(SplitError, OnlyFoldsAreStratified) {
  SplitOptions options;
  Problems problems;
  options_of(options).read(parse_yaml("{kind: list, validation: [a], stratify: type}", "a.yaml"), problems, "data.split.");
  EXPECT_EQ(problems.lines(), std::vector<std::string>{"a.yaml:1: data.split.stratify: only kind kfold is stratified, not list"});
}

TEST(Split, TestAndHoldOutAreSetAsideBeforeTheFolds) {
  const testing::MemorySource source({.subjects = 9, .slices = 2});
  for (int64_t fold = 0; fold < 3; ++fold) {
    const Split split = make_split(source, {.kind = "kfold", .folds = 3, .fold = fold, .test = {"S0", "S1"}, .hold_out = {"S8"}});
    EXPECT_EQ(split.test_subjects, (Names{"S0", "S1"}));
    EXPECT_EQ(split.test, (std::vector<int64_t>{0, 1, 2, 3}));
    EXPECT_EQ(split.hold_out_subjects, Names{"S8"});
    EXPECT_EQ(split.hold_out, (std::vector<int64_t>{16, 17}));
    EXPECT_EQ(split.validation_subjects.size(), 2U);
    EXPECT_EQ(split.train_subjects.size(), 4U);
  }
}

TEST(Split, PublishedSetsSubjectsAside) {
  const Split split = make_split(NamedSource(kExcerpt), {.hold_out = {"TCGA_CS_4941"}});
  EXPECT_EQ(split.hold_out_subjects, Names{"TCGA_CS_4941_19960909"});
  EXPECT_EQ(split.train_subjects, Names{"TCGA_HT_7602_19951103"});
}

TEST(SplitError, SetAsideTwice) {
  const NamedSource source(kExcerpt);
  EXPECT_EQ(message_of([&] { make_split(source, {.test = {"TCGA_CS_4944"}}); }),
            "subject TCGA_CS_4944_20010208 is in validation and test (data.split); subjects must be on one side");
  EXPECT_EQ(message_of([&] { make_split(source, {.kind = "kfold", .folds = 2, .test = {"TCGA_CS_4944"}, .hold_out = {"TCGA_CS_4944"}}); }),
            "subject TCGA_CS_4944_20010208 is in test and hold_out (data.split); subjects must be on one side");
  EXPECT_EQ(message_of([&] { require_no_leak(testing::MemorySource({.subjects = 2, .slices = 10}), {.train = {0}, .hold_out = {1}}); }),
            "subject S0 is in train and hold_out (data.split); subjects must be on one side");
  SplitOptions options;
  Problems problems;
  options_of(options).read(parse_yaml("{kind: slice, test: [a]}", "a.yaml"), problems, "data.split.");
  EXPECT_EQ(problems.lines(),
            std::vector<std::string>{"a.yaml:1: data.split.kind: slice sets no subjects aside; leave test and hold_out empty"});
}

TEST(SplitError, MoreFoldsThanSubjectsThatAreLeft) {
  const testing::MemorySource source({.subjects = 4});
  EXPECT_EQ(message_of([&] { make_split(source, {.kind = "kfold", .folds = 4, .test = {"S1"}}); }),
            "data.split.folds: 4 folds of 3 subjects; at most one fold per subject");
}

TEST(SplitError, MoreFoldsThanSubjects) {
  const testing::MemorySource source({.subjects = 3});
  EXPECT_EQ(message_of([&] { make_split(source, {.kind = "kfold", .folds = 5}); }),
            "data.split.folds: 5 folds of 3 subjects; at most one fold per subject");
}

TEST(Split, ListWithoutTrainTakesAllOthers) {
  const NamedSource source(kExcerpt);
  const Split split = make_split(source, {.kind = "list", .validation = {"TCGA_CS_4944"}, .test = {"TCGA_HT_7692_19960724"}});
  EXPECT_EQ(split.train_subjects, (Names{"TCGA_CS_4941_19960909", "TCGA_CS_6667_20011105", "TCGA_HT_7602_19951103"}));
  EXPECT_EQ(split.validation_subjects, Names{"TCGA_CS_4944_20010208"});
  EXPECT_EQ(split.test_subjects, Names{"TCGA_HT_7692_19960724"});
}

TEST(Split, ListWithTrainLeavesTheOthersOut) {
  const NamedSource source(kExcerpt);
  const Split split = make_split(source, {.kind = "list", .train = {"TCGA_CS_4941"}, .validation = {"TCGA_CS_4944"}});
  EXPECT_EQ(split.train, (std::vector<int64_t>{0, 1}));
  EXPECT_EQ(split.validation, (std::vector<int64_t>{2, 3}));
}

TEST(SplitError, ListWithASubjectOnTwoSides) {
  const NamedSource source(kExcerpt);
  ErrorKind kind{};
  EXPECT_EQ(
      message_of([&] { make_split(source, {.kind = "list", .train = {"TCGA_CS_4944"}, .validation = {"TCGA_CS_4944_20010208"}}); }, &kind),
      "subject TCGA_CS_4944_20010208 is in train and validation (data.split); subjects must be on one side");
  EXPECT_EQ(kind, ErrorKind::data);
}

TEST(SplitError, ListWithAnUnknownSubject) {
  const NamedSource source(kExcerpt);
  ErrorKind kind{};
  EXPECT_EQ(message_of([&] { make_split(source, {.kind = "list", .validation = {"TCGA_CS_6668"}}); }, &kind),
            "data.split.validation: unknown subject 'TCGA_CS_6668'; nearest: 'TCGA_CS_6667_20011105'");
  EXPECT_EQ(kind, ErrorKind::usage);
}

TEST(SplitError, EmptySides) {
  const NamedSource source(kExcerpt);
  EXPECT_EQ(message_of([&] { make_split(source, {.kind = "list", .train = {"TCGA_CS_4944"}}); }),
            "data.split: kind list leaves no case to validate on");
  EXPECT_EQ(message_of([&] { make_split(source, {.kind = "list", .validation = kExcerpt}); }),
            "data.split: kind list leaves no case to train on");
}

TEST(Split, BySliceIsMarkedAsLeaking) {
  const testing::MemorySource source({.subjects = 4, .slices = 10});
  const Split split = make_split(source, {.kind = "slice"});
  EXPECT_TRUE(split.leaks);
  EXPECT_EQ(split.validation.size(), 8u);
  EXPECT_EQ(split.train.size(), 32u);
  require_no_leak(source, split);  // it says so itself
}

TEST(SplitError, LeakIsRefusedWhereverItComesFrom) {
  const testing::MemorySource source({.subjects = 4, .slices = 10});
  ErrorKind kind{};
  EXPECT_EQ(message_of(
                [&] {
                  require_no_leak(source, {.train = {0, 11}, .validation = {1, 12}, .test = {}});
                },
                &kind),
            "subject S0 is in train and validation (data.split); subjects must be on one side");
  EXPECT_EQ(kind, ErrorKind::data);
  EXPECT_EQ(message_of([&] { require_no_leak(source, {.train = {0}, .validation = {10}, .test = {11}}); }),
            "subject S1 is in validation and test (data.split); subjects must be on one side");
}

TEST(SplitError, FoldMustBeBelowFolds) {
  SplitOptions options;
  Problems problems;
  options_of(options).read(parse_yaml("{kind: kfold, folds: 3, fold: 3}", "a.yaml"), problems, "data.split.");
  EXPECT_EQ(problems.lines(), std::vector<std::string>{"a.yaml:1: data.split.fold: 3 is not below folds (3)"});
}

}  // namespace
}  // namespace larmor::datasets
