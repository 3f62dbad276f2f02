#include "datasets/sample.h"

#include <gtest/gtest.h>

namespace larmor::datasets {
namespace {

TEST(CaseKey, NamesSubjectSessionAndSlice) {
  EXPECT_EQ((CaseKey{"TCGA_CS_4944", "", -1}.to_string()), "TCGA_CS_4944");
  EXPECT_EQ((CaseKey{"TCGA_CS_4944", "", 7}.to_string()), "TCGA_CS_4944:7");
  EXPECT_EQ((CaseKey{"sub-1", "ses-2", 0}.to_string()), "sub-1/ses-2:0");
  EXPECT_EQ((CaseKey{"sub-1", "ses-2", -1}.to_string()), "sub-1/ses-2");
}

TEST(CaseKey, IsOrderedBySubjectThenSliceNumber) {
  EXPECT_LT((CaseKey{"a", "", 2}), (CaseKey{"a", "", 10}));
  EXPECT_LT((CaseKey{"a", "", 10}), (CaseKey{"b", "", 1}));
}

}  // namespace
}  // namespace larmor::datasets
