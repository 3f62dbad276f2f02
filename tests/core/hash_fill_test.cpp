#include "tests/support/hash_fill.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/files.h"
#include "tests/support/golden.h"

namespace larmor::testing {
namespace {

using nlohmann::json;

class HashFillGolden : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto file = golden_file("fill_examples.json");
    LARMOR_NEEDS(file, "fill_examples.json");
    golden_ = json::parse(read_file(file));
  }
  json golden_;
};

TEST_F(HashFillGolden, Checksums) {
  ASSERT_FALSE(golden_["crc32"].empty());
  for (const auto& [name, value] : golden_["crc32"].items()) EXPECT_EQ(crc32(name), value.get<uint32_t>()) << name;
}

TEST_F(HashFillGolden, UniformNumbersAreEqualToTheLastBit) {
  ASSERT_FALSE(golden_["r"].empty());
  for (const json& example : golden_["r"]) {
    for (size_t i = 0; i < example["index"].size(); ++i) {
      EXPECT_EQ(hash_uniform(example["name"], example["index"][i], example["seed"]), example["value"][i].get<double>()) << example["name"];
    }
  }
}

TEST_F(HashFillGolden, FillAndLabels) {
  const json& fill = golden_["fill"];
  const auto values =
      hash_fill(fill["name"], static_cast<int64_t>(fill["first_float32"].size()), fill["seed"], fill["scale"], fill["shift"]);
  for (size_t i = 0; i < values.size(); ++i) EXPECT_EQ(values[i], fill["first_float32"][i].get<float>());
  const json& labels = golden_["labels"];
  EXPECT_EQ(hash_labels(labels["name"], static_cast<int64_t>(labels["first"].size()), labels["seed"], labels["k"]),
            labels["first"].get<std::vector<int64_t>>());
}

TEST_F(HashFillGolden, Weights) {
  ASSERT_FALSE(golden_["weights"].empty());
  for (const json& example : golden_["weights"]) {
    const auto values = hash_weight(example["name"], example["shape"].get<std::vector<int64_t>>(), example["seed"]);
    for (size_t i = 0; i < example["first_float32"].size(); ++i) {
      EXPECT_EQ(values[i], example["first_float32"][i].get<float>()) << example["name"];
    }
    EXPECT_EQ(values.back(), example["last_float32"].get<float>()) << example["name"];
    double sum = 0, magnitude = 0;
    for (const float value : values) sum += value, magnitude += std::abs(value);
    // The stored sum has 12 digits and another order of additions.
    EXPECT_NEAR(sum, example["sum_float64"].get<double>(), 1e-11 * magnitude) << example["name"];
  }
}

}  // namespace
}  // namespace larmor::testing
