#include "eval/readers.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/eval/support.h"

namespace larmor::eval {
namespace {

using testing::message_of;

Agreement agreement_of(const std::vector<std::pair<std::string, double>>& dice) {
  Agreement agreement;
  for (const auto& [name, value] : dice) {
    CaseAgreement one;
    one.name = name;
    one.dice = one.kappa = value;
    one.kappa_labels = std::nan("");
    one.unit = "px";
    agreement.cases.push_back(one);
  }
  return agreement;
}

TEST(Readers, AreTakenOfTheScoredVolumesAlone) {
  const Agreement agreement = agreement_of({{"a", 0.8}, {"b_2020", 0.6}, {"c", 0.1}, {"b_2021", 0.2}});
  const Readers readers = readers_of(agreement, {{"a", ""}, {"b", "2020"}, {"d", ""}}, "agreement.json");
  EXPECT_EQ(readers.cases, 2);
  EXPECT_EQ(readers.volumes, 3);
  ASSERT_EQ(readers.metrics.size(), 3u);
  EXPECT_NEAR(readers.metrics[0].value, 0.7, 1e-12);
  EXPECT_EQ(readers.metrics[0].count, 2);
}

TEST(Readers, TextAndJsonTellHowMany) {
  Agreement agreement = agreement_of({{"a", 0.8}});
  agreement.is_phantom = true;
  const Readers readers = readers_of(agreement, {{"a", ""}, {"d", ""}}, "agreement.json");
  EXPECT_EQ(to_text(readers),
            "\ntwo readers, 1 of the 2 cases scored here   (phantom)\n"
            "                                          value   95 % interval   \n"
            "  Dice, foreground                       0.8000   –                    1 case\n"
            "  HD95 in px, foreground                 0.0000   –                    1 case\n"
            "  Cohen's kappa, foreground              0.8000   –                    1 case\n");
  const nlohmann::json json = to_json(readers);
  EXPECT_EQ(json["cases"], 1);
  EXPECT_EQ(json["volumes"], 2);
  EXPECT_EQ(json["phantom"], true);
  EXPECT_EQ(json["metrics"][0]["value"], 0.8);
  EXPECT_TRUE(json["metrics"][0]["low"].is_null());
}

TEST(ReadersErrors, WholeMessages) {
  EXPECT_EQ(message_of([] {
              readers_of(agreement_of({{"x", 1}, {"y", 1}}), {{"a", ""}, {"b", ""}}, "r/agreement.json");
            }),
            "r/agreement.json: none of its cases ('x', …) is a patient that is scored ('a', …); cases are matched by name");
  EXPECT_EQ(message_of([] {
              readers_of({}, {{"a", ""}}, "r/agreement.json");
            }),
            "r/agreement.json: none of its cases (none) is a patient that is scored ('a', …); cases are matched by name");
}

}  // namespace
}  // namespace larmor::eval
