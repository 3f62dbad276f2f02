#include <gtest/gtest.h>

#include "optim/optimizer.h"
#include "tests/optim/support.h"

namespace larmor::optim {
namespace {

NamedTensors net() {
  NamedTensors all;
  const auto add = [&](const std::string& name, const std::vector<int64_t>& shape) {
    all.emplace_back(name, make_parameter(at::zeros(shape)));
  };
  add("encoder.conv.weight", {4, 3, 3, 3});
  add("encoder.bn.weight", {4});
  add("encoder.bn.bias", {4});
  add("decoder.conv.weight", {4, 3, 3, 3});
  add("decoder.conv.bias", {4});
  add("scale", {1});
  return all;
}

std::vector<std::vector<std::string>> names_of(const std::vector<ParameterGroup>& groups) {
  std::vector<std::vector<std::string>> all;
  for (const ParameterGroup& group : groups) {
    all.emplace_back();
    for (const auto& [name, tensor] : group.parameters) all.back().push_back(name);
  }
  return all;
}

using Names = std::vector<std::vector<std::string>>;

TEST(MakeGroups, WithoutRulesThereIsOneGroup) {
  const auto groups = make_groups(net(), {});
  ASSERT_EQ(groups.size(), 1U);
  EXPECT_EQ(groups[0].parameters.size(), 6U);
  EXPECT_EQ(groups[0].lr_factor, 1);
  EXPECT_FALSE(groups[0].weight_decay.has_value());
}

TEST(MakeGroups, BiasAndNormAreKinds) {
  const auto groups = make_groups(net(), {{{"norm"}, 1, 0.5}, {{"bias"}, 2, 0}});
  EXPECT_EQ(
      names_of(groups),
      (Names{{"encoder.bn.weight", "encoder.bn.bias"}, {"decoder.conv.bias"}, {"encoder.conv.weight", "decoder.conv.weight", "scale"}}));
  EXPECT_EQ(groups[0].weight_decay, 0.5);
  EXPECT_EQ(groups[1].lr_factor, 2);
}

TEST(MakeGroups, TheFirstRuleThatFitsWins) {
  const auto groups = make_groups(net(), {{{"encoder.*"}, 0.1, {}}, {{"*.weight", "scale"}, 1, 0}});
  EXPECT_EQ(
      names_of(groups),
      (Names{{"encoder.conv.weight", "encoder.bn.weight", "encoder.bn.bias"}, {"decoder.conv.weight", "scale"}, {"decoder.conv.bias"}}));
}

TEST(MakeGroups, StarsStandForAnyText) {
  const auto taken = [](const std::string& pattern) { return names_of(make_groups(net(), {{{pattern}, 2, {}}}))[0].size(); };
  EXPECT_EQ(taken("*"), 6U);
  EXPECT_EQ(taken("*conv*"), 3U);
  EXPECT_EQ(taken("*coder.conv.we*ght"), 2U);
  EXPECT_EQ(taken("scale"), 1U);
  EXPECT_EQ(taken("scale*"), 1U);
}

TEST(MakeGroups, FrozenParametersAndEmptyGroupsAreLeftOut) {
  NamedTensors parameters = net();
  parameters[5].second.set_requires_grad(false);
  EXPECT_EQ(make_groups(parameters, {{{"scale"}, 1, {}}}).size(), 1U);
  EXPECT_EQ(make_groups(parameters, {{{"*"}, 1, {}}})[0].parameters.size(), 5U);
  EXPECT_TRUE(make_groups({}, {}).empty());
}

TEST(MakeGroupsError, APatternFitsSomething) {
  EXPECT_EQ(message_of([] {
              make_groups(net(), {{{"norm", "encodr.*"}, 1, {}}});
            }),
            "parameter group 'encodr.*' fits no parameter; write names with * (encoder.*), or bias, or norm");
}

}  // namespace
}  // namespace larmor::optim
