#include "datasets/sequence_names.h"

#include <gtest/gtest.h>

namespace larmor::datasets {
namespace {

using imaging::DicomSeries;

TEST(SequenceNames, OfFiles) {
  struct Case {
    const char *stem, *sequence, *prefix;
  };
  for (const Case& one : std::vector<Case>{{"T1", "T1", ""},
                                           {"t1ce", "T1CE", ""},
                                           {"S01_T1-CE", "T1CE", "S01"},
                                           {"S01_T1_Gd", "T1CE", "S01"},
                                           {"BraTS20_Training_001_flair", "FLAIR", "BraTS20_Training_001"},
                                           {"BraTS-GLI-00000-000-t2f", "FLAIR", "BraTS-GLI-00000-000"},
                                           {"BraTS-GLI-00000-000-t1n", "T1", "BraTS-GLI-00000-000"},
                                           {"sub-01_ce-gadolinium_T1w", "T1CE", "sub-01_ce-gadolinium"},
                                           {"sub-01_T1w", "T1", "sub-01"},
                                           {"dark-fluid", "FLAIR", ""},
                                           {"case7_T2", "T2", "case7"},
                                           {"case7 seg", "label", "case7"},
                                           {"mask", "label", ""}}) {
    const auto found = sequence_of_name(one.stem);
    ASSERT_TRUE(found) << one.stem;
    EXPECT_EQ(found->sequence, one.sequence) << one.stem;
    EXPECT_EQ(found->prefix, one.prefix) << one.stem;
  }
  for (const char* stem : {"", "___", "T1_registered", "adc", "brain_mask", "S01"}) EXPECT_FALSE(sequence_of_name(stem)) << stem;
}

DicomSeries series(int64_t number, const std::string& description, const std::string& time, const std::string& agent = "") {
  DicomSeries made;
  made.number = number;
  made.description = description;
  made.acquisition_time = time;
  made.contrast_agent = agent;
  return made;
}

/// The order of the Siberian protocol: T1 and T1CE have one name.
std::vector<DicomSeries> protocol(const std::string& agent) {
  return {series(1, "t2_tse_tra", "1000"),
          series(2, "diffusion", "1002"),
          series(3, "t2_tse_SAG", "1004"),
          series(4, "t2_swi3d_tra_p2_fast", "1006"),
          series(5, "t1_vibe_tra_iso_hires", "1010"),
          series(6, "t2_tirm_tra_dark-fluid", "1020", agent),
          series(7, "t1_vibe_tra_iso_hires", "1025", agent)};
}

TEST(MatchProtocol, SortsTheSiberianProtocol) {
  for (const std::string agent : {"", "gadodiamide"}) {  // told apart by time, or by the agent
    const ProtocolMatch match = match_protocol(protocol(agent));
    EXPECT_EQ(match.sequences, (std::map<std::string, size_t>{{"T2", 0}, {"T1", 4}, {"FLAIR", 5}, {"T1CE", 6}}));
    EXPECT_TRUE(match.problems.empty());
    EXPECT_EQ(match.unused, (std::vector<std::string>{"2 'diffusion'", "3 't2_tse_SAG'", "4 't2_swi3d_tra_p2_fast'"}));
  }
}

TEST(MatchProtocol, TheAgentCountsMoreThanTheTime) {
  const ProtocolMatch match = match_protocol({series(1, "T1 MPRAGE", "1000", "gadovist"), series(2, "T1 MPRAGE", "1100")});
  EXPECT_EQ(match.sequences, (std::map<std::string, size_t>{{"T1", 1}, {"T1CE", 0}}));
}

TEST(MatchProtocol, GoesByTimingWhereNothingIsNamed) {
  std::vector<DicomSeries> all(3);
  all[0].repetition_time_ms = 9000;
  all[0].echo_time_ms = 110;
  all[0].inversion_time_ms = 2500;
  all[1].repetition_time_ms = 5000;
  all[1].echo_time_ms = 91;
  all[2].repetition_time_ms = 6.2;
  all[2].echo_time_ms = 2.4;
  EXPECT_EQ(match_protocol(all).sequences, (std::map<std::string, size_t>{{"FLAIR", 0}, {"T2", 1}, {"T1", 2}}));
}

TEST(MatchProtocol, SeveralCandidatesAreTold) {
  const ProtocolMatch match = match_protocol({series(3, "FLAIR a", "1"), series(4, "FLAIR b", "2")});
  EXPECT_TRUE(match.sequences.empty());
  EXPECT_EQ(match.problems, (std::map<std::string, std::string>{{"FLAIR", "2 series could be FLAIR: 3 'FLAIR a', 4 'FLAIR b'"}}));
}

}  // namespace
}  // namespace larmor::datasets
