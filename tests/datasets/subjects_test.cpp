#include "datasets/subjects.h"

#include <gtest/gtest.h>

#include "tests/datasets/support.h"

namespace larmor::datasets {
namespace {

using testing::message_of;

const std::vector<std::string> kSubjects{"TCGA_CS_4944_20010208", "TCGA_CS_6667_20011105", "TCGA_HT_7692_19960724",
                                         "TCGA_HT_7692_19980101"};

TEST(Subjects, AreFoundInFullOrAsFarAsUnique) {
  EXPECT_EQ(find_subject(kSubjects, "TCGA_CS_4944_20010208"), "TCGA_CS_4944_20010208");
  EXPECT_EQ(find_subject(kSubjects, "TCGA_CS_4944"), "TCGA_CS_4944_20010208");
  EXPECT_EQ(find_subject(kSubjects, "TCGA_CS_494"), "") << "half a number is another number";
  EXPECT_EQ(find_subject(kSubjects, "TCGA_HT_7692"), "") << "two scans";
  EXPECT_EQ(find_subject(kSubjects, ""), "");
}

TEST(SubjectsError, UnknownNameTellsTheNearest) {
  ErrorKind kind{};
  EXPECT_EQ(message_of([] { require_subject(kSubjects, "TCGA_CS_4945_20010208", "data.exclude"); }, &kind),
            "data.exclude: unknown subject 'TCGA_CS_4945_20010208'; nearest: 'TCGA_CS_4944_20010208'");
  EXPECT_EQ(kind, ErrorKind::usage);
}

TEST(SubjectsError, AmbiguousNameTellsAllThatFit) {
  EXPECT_EQ(message_of([] { require_subject(kSubjects, "TCGA_HT_7692", "data.split.test"); }),
            "data.split.test: 'TCGA_HT_7692' fits 2 subjects: TCGA_HT_7692_19960724, TCGA_HT_7692_19980101; write more of the name");
}

TEST(Subjects, OfASourceAreSorted) {
  EXPECT_EQ(subject_names(testing::MemorySource({.subjects = 3})), (std::vector<std::string>{"S0", "S1", "S2"}));
}

}  // namespace
}  // namespace larmor::datasets
