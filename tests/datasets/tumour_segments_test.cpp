#include "datasets/tumour_segments.h"

#include <gtest/gtest.h>

#include <set>

namespace larmor::datasets {
namespace {

using imaging::Segment;
using Rgb = std::array<double, 3>;

const std::map<std::string, int64_t> kFour{{"edema", 1}, {"non_enhancing", 2}, {"enhancing", 3}, {"necrotic", 4}};

TEST(TumourSegments, FourClassesHaveTheColoursOfTheSlides) {
  const auto segments = tumour_segments({{"edema", 1}, {"non_enhancing", 2}, {"enhancing", 3}, {"necrotic", 4}}, kFour, 4);
  ASSERT_EQ(segments.size(), 4u);
  const std::array<std::string, 4> names{"edema", "non_enhancing", "enhancing", "necrotic"};
  const std::array<Rgb, 4> colours{{{1, 1, 0}, {0, 0, 1}, {1, 0, 0}, {0, 1, 0}}};
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(segments[i].name, names[i]);
    EXPECT_EQ(segments[i].colour, colours[i]) << names[i];
    EXPECT_EQ(segments[i].label_value, static_cast<int64_t>(i) + 1);
  }
  EXPECT_EQ(colour_of(segments[0]), (imaging::Colour{255, 255, 0}));
}

TEST(TumourSegments, TheWholeRegionIsTheTumour) {
  for (const std::map<std::string, double>& classes :
       {std::map<std::string, double>{}, {{"edema", 1}, {"non_enhancing", 1}, {"enhancing", 1}, {"necrotic", 1}}}) {
    const auto segments = tumour_segments(classes, kFour, 1);
    ASSERT_EQ(segments.size(), 1u);
    EXPECT_EQ(segments[0].name, "tumour");
    EXPECT_EQ(colour_of(segments[0]), imaging::kPredictionColour);
  }
  // A set with three labels has all of them in three.
  EXPECT_EQ(tumour_segments({{"ED", 1}, {"ET", 1}}, {{"ED", 2}, {"ET", 3}}, 1)[0].name, "tumour");
}

TEST(TumourSegments, JoinedAndUnknownLabelsAreToldApart) {
  const auto core = tumour_segments({{"non_enhancing", 1}, {"enhancing", 1}, {"necrotic", 1}}, kFour, 1);
  EXPECT_EQ(core[0].name, "enhancing + necrotic + non_enhancing");
  const auto mixed = tumour_segments({{"edema", 2}, {"enhancing", 1}, {"necrotic", 1}, {"cyst", 3}}, kFour, 4);
  std::vector<std::string> names;
  std::set<Rgb> colours;
  for (const Segment& segment : mixed) {
    names.push_back(segment.name);
    colours.insert(segment.colour);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"enhancing + necrotic", "edema", "cyst", "class 4"}));
  EXPECT_EQ(colours.size(), 4u);
  EXPECT_EQ(mixed[1].colour, (Rgb{1, 1, 0}));
  EXPECT_EQ(tumour_segments({{"Peritumoral oedema", 1}}, kFour, 1)[0].colour, (Rgb{1, 1, 0}));
  EXPECT_EQ(tumour_segments({{"necrotic/non-enhancing core", 1}}, kFour, 1)[0].colour, (Rgb{0, 1, 0}));
}

}  // namespace
}  // namespace larmor::datasets
