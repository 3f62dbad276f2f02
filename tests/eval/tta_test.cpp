#include "eval/tta.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "core/tensors.h"
#include "tests/eval/support.h"
#include "tests/support/golden.h"
#include "tests/support/hash_fill.h"

namespace larmor::eval {
namespace {

using Json = nlohmann::json;

/// The golden README's tolerance, for one value. A sum holds the rounding of each of its views (measured in float64: the file itself is
/// off by up to 1.4e-6 there), so it is allowed the tolerance once per view.
double tolerance_of(const std::string& merge, size_t views) {
  if (merge == "gmean") return 2e-6;
  return merge == "sum" ? 1e-6 * static_cast<double>(views) : 1e-6;
}

at::Tensor index_image(int64_t height, int64_t width) { return at::arange(height * width, at::kFloat).reshape({1, 1, height, width}); }

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

at::Tensor filled(const std::string& name, const std::vector<int64_t>& shape, uint64_t seed) {
  return at::tensor(larmor::testing::hash_weight(name, shape, seed)).reshape(shape);
}

/// The little network of the golden file.
struct GoldenNet {
  at::Tensor weight1, bias1, weight2, bias2;
  int64_t padding;
  explicit GoldenNet(const Json& golden) {
    const auto seed = golden["seed"].get<uint64_t>();
    const auto shape1 = golden["net"]["conv1"].get<std::vector<int64_t>>(), shape2 = golden["net"]["conv2"].get<std::vector<int64_t>>();
    padding = golden["net"]["padding"].get<int64_t>();
    weight1 = filled("conv1.weight", shape1, seed);
    bias1 = filled("conv1.bias", {shape1[0]}, seed);
    weight2 = filled("conv2.weight", shape2, seed);
    bias2 = filled("conv2.bias", {shape2[0]}, seed);
  }
  at::Tensor operator()(const at::Tensor& x, const std::string& output) const {
    const at::Tensor y = at::conv2d(at::conv2d(x, weight1, bias1, 1, padding).relu(), weight2, bias2, 1, padding);
    return output == "prob" ? y.sigmoid() : y;
  }
};

TEST(TtaGolden, Outputs) {
  const auto file = larmor::testing::golden_file("tta.json");
  LARMOR_NEEDS(file, "tta.json");
  const Json golden = testing::read_json(file);
  const GoldenNet net(golden);
  std::map<std::string, at::Tensor> expected;
  for (const auto& [name, tensor] : load_tensors(larmor::testing::golden_file("tta.safetensors"))) expected[name] = tensor;
  testing::GoldenCount count;
  for (const Json& row : golden["cases"]) {
    const std::string transform = row["transform"], merge = row["merge"], input = row["input"], output = row["output"];
    const std::string name = input + "/" + output + "/" + transform + "." + merge;
    if (!contains(tta_names(), transform) || !contains(merge_names(), merge) || row["tensor"].is_null()) {
      count.skip(name);
      continue;
    }
    const auto shape = golden["inputs"][input].get<std::vector<int64_t>>();
    const int64_t elements = shape[0] * shape[1] * shape[2] * shape[3];
    const at::Tensor image =
        at::tensor(larmor::testing::hash_fill("tta.input." + input, elements, golden["seed"].get<uint64_t>(), std::sqrt(3.0)))
            .reshape(shape);
    std::vector<at::Tensor> outputs;
    for (const View& view : tta_views(transform)) outputs.push_back(undo_view(net(apply_view(image, view), output), view));
    EXPECT_EQ(static_cast<int64_t>(outputs.size()), row["views"].get<int64_t>()) << name;
    const double difference = (merge_views(outputs, merge) - expected.at(row["tensor"])).abs().max().item<double>();
    EXPECT_LE(difference, tolerance_of(merge, outputs.size())) << name;
    ++count.run;
  }
}

TEST(TtaGolden, ViewGeometry) {
  const auto file = larmor::testing::golden_file("tta.json");
  LARMOR_NEEDS(file, "tta.json");
  const Json golden = testing::read_json(file);
  testing::GoldenCount count;
  for (const auto& [name, set] : golden["geometry_of_0..8_image"].items()) {
    if (!contains(tta_names(), name)) {
      count.skip(name);
      continue;
    }
    const std::vector<View> views = tta_views(name);
    ASSERT_EQ(views.size(), set["views"].size()) << name;
    for (size_t i = 0; i < views.size(); ++i) {
      const auto rows = set["views"][i]["image"].get<std::vector<std::vector<int64_t>>>();
      const auto side = static_cast<int64_t>(rows.size());
      const at::Tensor seen = apply_view(index_image(side, side), views[i]);
      for (int64_t y = 0; y < side; ++y) {
        for (int64_t x = 0; x < side; ++x) {
          EXPECT_EQ(seen[0][0][y][x].item<int64_t>(), rows[static_cast<size_t>(y)][static_cast<size_t>(x)]) << name << " view " << i;
        }
      }
      ++count.run;
    }
  }
}

TEST(Tta, NamesOfTheSource) {
  EXPECT_EQ(tta_views("none").size(), 1u);
  EXPECT_EQ(tta_views("tta1").size(), 2u);
  EXPECT_EQ(tta_views("tta2").size(), 4u);
  EXPECT_EQ(tta_views("tta3").size(), 8u);
  for (const auto& [ours, theirs] : std::map<std::string, std::string>{{"tta1", "hflip"}, {"tta2", "flip"}, {"tta3", "d4"}}) {
    for (size_t i = 0; i < tta_views(ours).size(); ++i) {
      EXPECT_TRUE(at::equal(apply_view(index_image(3, 3), tta_views(ours)[i]), apply_view(index_image(3, 3), tta_views(theirs)[i])));
    }
  }
}

TEST(Tta, ViewsAreDistinctAndTheirInversesExact) {
  for (const std::string& name : tta_names()) {
    const std::vector<View> views = tta_views(name);
    const at::Tensor image = at::rand({2, 3, 5, 5});
    EXPECT_TRUE(at::equal(apply_view(image, views[0]), image)) << name;  // the unchanged picture comes first
    for (size_t i = 0; i < views.size(); ++i) {
      EXPECT_TRUE(at::equal(undo_view(apply_view(image, views[i]), views[i]), image)) << name << " view " << i;
      for (size_t j = 0; j < i; ++j) EXPECT_FALSE(at::equal(apply_view(image, views[i]), apply_view(image, views[j]))) << name;
    }
  }
}

TEST(Tta, ViewsFormAGroup) {
  for (const std::string& name : tta_names()) {
    const at::Tensor image = index_image(4, 4);
    for (const View& first : tta_views(name)) {
      for (const View& second : tta_views(name)) {
        const at::Tensor both = apply_view(apply_view(image, first), second);
        int equal = 0;
        for (const View& view : tta_views(name)) equal += at::equal(both, apply_view(image, view));
        EXPECT_EQ(equal, 1) << name;
      }
    }
  }
}

TEST(Tta, FlipsNeedNoSquare) {
  const at::Tensor image = at::rand({1, 2, 3, 7});
  for (const View& view : tta_views("flip")) {
    EXPECT_EQ(apply_view(image, view).sizes(), image.sizes());
    EXPECT_TRUE(at::equal(undo_view(apply_view(image, view), view), image));
  }
}

/// Merges of values in [0, 1] do not depend on the order of the views.
RC_GTEST_PROP(TtaLaws, OrderDoesNotMatter, ()) {
  const auto views = *rc::gen::inRange<size_t>(1, 9);
  at::manual_seed(static_cast<uint64_t>(*rc::gen::inRange(0, 1000)));
  std::vector<at::Tensor> outputs;
  for (size_t i = 0; i < views; ++i) outputs.push_back(at::rand({1, 2, 3, 3}));
  std::vector<at::Tensor> shuffled = outputs;
  std::rotate(shuffled.begin(), shuffled.begin() + static_cast<long>(*rc::gen::inRange<size_t>(0, views)), shuffled.end());
  for (const std::string& merge : merge_names()) {
    RC_ASSERT((merge_views(outputs, merge) - merge_views(shuffled, merge)).abs().max().item<double>() < 1e-5);
  }
}

RC_GTEST_PROP(TtaLaws, MeansLieBetweenExtremes, ()) {
  at::manual_seed(static_cast<uint64_t>(*rc::gen::inRange(0, 1000)));
  std::vector<at::Tensor> outputs;
  for (int i = 0; i < 8; ++i) outputs.push_back(at::rand({1, 1, 4, 4}));
  const at::Tensor low = merge_views(outputs, "min") - 1e-6, high = merge_views(outputs, "max") + 1e-6;
  const at::Tensor mean = merge_views(outputs, "mean"), gmean = merge_views(outputs, "gmean");
  RC_ASSERT(at::all(mean.ge(low)).item<bool>() && at::all(mean.le(high)).item<bool>());
  RC_ASSERT(at::all(gmean.ge(low)).item<bool>() && at::all(gmean.le(mean + 1e-6)).item<bool>());
}

TEST(Tta, GeometricMeanOfSmallProbabilitiesDoesNotUnderflow) {
  const std::vector<at::Tensor> outputs(8, at::full({1, 1, 2, 2}, 1e-7));
  EXPECT_NEAR(merge_views(outputs, "gmean")[0][0][0][0].item<double>(), 1e-7, 1e-12);
}

TEST(TtaErrors, WholeMessages) {
  EXPECT_EQ(testing::message_of([] { tta_views("tta4"); }), "unknown test-time augmentation 'tta4'; nearest: 'tta1'");
  EXPECT_EQ(testing::message_of([] { merge_views({at::zeros({1})}, "median"); }), "unknown merge 'median'; nearest: 'mean'");
  EXPECT_EQ(testing::message_of([] {
              apply_view(at::zeros({1, 1, 12, 20}), {false, false, 1});
            }),
            "input 12 x 20: quarter turns (tta3, d4) need a square image; pad it to 20 x 20 or use tta2");
  EXPECT_EQ(testing::message_of([] { merge_views({at::full({1}, -0.5)}, "gmean"); }),
            "merge 'gmean' takes roots and needs non-negative values; merge probabilities, or use mean");
}

}  // namespace
}  // namespace larmor::eval
