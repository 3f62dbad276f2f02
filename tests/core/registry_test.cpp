#include "core/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/errors.h"

namespace larmor {
namespace {

using ::testing::ElementsAre;

struct BoxOptions {
  int64_t side = 2;
};

OptionTable options_of(BoxOptions& o) {
  OptionTable table;
  table.add("side", o.side, "length", at_least(1));
  return table;
}

using Registry = ComponentRegistry<int64_t, int64_t>;  // makes numbers from one argument

Registry boxes(const std::string& kind = "models") {
  Registry registry(kind);
  registry.add<BoxOptions>("square", "side x side", "Euclid", [](const BoxOptions& o, int64_t scale) { return scale * o.side * o.side; });
  registry.add<BoxOptions>("cube", "side^3", "Euclid", [](const BoxOptions& o, int64_t scale) { return scale * o.side * o.side * o.side; },
                           {.side = 3});
  return registry;
}

TEST(ComponentRegistry, MakesFromOptionsAndDefaults) {
  const Registry registry = boxes();
  EXPECT_EQ(registry.at("square").make(parse_yaml("side: 5", "a.yaml"), 10), 250);
  EXPECT_EQ(registry.at("square").make({}, 1), 4);
  EXPECT_EQ(registry.at("cube").make({}, 1), 27);
  EXPECT_EQ(registry.at("cube").docs()[0].default_value, "3");
  EXPECT_THAT(registry.names(), ElementsAre("square", "cube"));
  EXPECT_EQ(registry.find("none"), nullptr);
}

TEST(ComponentRegistry, ResolvesOptionsAndGathersProblems) {
  const Registry registry = boxes();
  Problems problems;
  EXPECT_EQ(to_yaml(registry.at("cube").resolve({}, problems, "model.")), "side: 3\n");
  EXPECT_TRUE(problems.empty());
  registry.at("cube").resolve(parse_yaml("size: 1\nside: 0", "a.yaml"), problems, "model.");
  EXPECT_THAT(problems.lines(),
              ElementsAre("a.yaml:1: model.size: unknown key; nearest: 'side'", "a.yaml:2: model.side: 0 is not allowed; must be >= 1"));
}

TEST(ComponentRegistryError, UnknownNamesAndWrongOptions) {
  EXPECT_EQ(testing::usage_error([] { boxes().at("sqare"); }), "unknown model 'sqare'; nearest: 'square' (larmor list models)");
  EXPECT_EQ(testing::usage_error([] { boxes("optim").at("sqare"); }),
            "unknown optimizer 'sqare'; nearest: 'square' (larmor list optimizers)");
  EXPECT_EQ(testing::usage_error([] { boxes("losses").at("zzz"); }), "unknown loss 'zzz'; allowed: square, cube (larmor list losses)");
  EXPECT_EQ(testing::usage_error([] { boxes().at("square").make(parse_yaml("side: x", "a.yaml"), 1); }),
            "a.yaml:1: side: 'x' is not an integer");
}

TEST(ComponentRegistry, TheSameNameTwiceIsABug) {
  Registry registry = boxes();
  EXPECT_DEATH(registry.add<BoxOptions>("cube", "", "", [](const BoxOptions&, int64_t) { return int64_t{0}; }), "assertion failed");
}

}  // namespace
}  // namespace larmor
