#include "train/trained_network.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/files.h"
#include "core/tensors.h"
#include "models/weights/weights.h"
#include "tests/support/golden.h"
#include "tests/support/tiny_run.h"

namespace larmor::train {
namespace {

namespace fs = std::filesystem;

template <class Function>
std::string message_of(Function function) {
  try {
    function();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

class TrainedNetworkSlow : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = larmor::testing::make_temporary_folder("trained");
    larmor::testing::write_tiny_run(folder_ / "run", larmor::testing::tiny_recipe(folder_ / "data"), 1);
    run_ = load_trained(folder_ / "run");
    models::write_smp_folder(folder_ / "smp", *run_.network, run_.recipe.model.options);
    save_tensors(folder_ / "bare.safetensors", run_.network->state_dict());
  }
  static void TearDownTestSuite() { run_ = {}; }

  static void expect_same_network(const TrainedNetwork& other) {
    const NamedTensors expected = run_.network->state_dict(), found = other.network->state_dict();
    ASSERT_EQ(found.size(), expected.size());
    for (size_t i = 0; i < found.size(); ++i) {
      EXPECT_EQ(found[i].first, expected[i].first);
      EXPECT_TRUE(at::equal(found[i].second, expected[i].second)) << found[i].first;
    }
    EXPECT_FALSE(other.network->is_training());
  }

  static inline fs::path folder_;
  static inline TrainedNetwork run_;
};

TEST_F(TrainedNetworkSlow, FromARun) {
  EXPECT_EQ(run_.file, folder_ / "run/checkpoints/best.safetensors");
  EXPECT_EQ(run_.recipe.data.size, 32);
  ASSERT_NE(run_.recipe.data.options.find("root"), nullptr);
  EXPECT_EQ(run_.recipe.data.options.find("root")->scalar, (folder_ / "data").string());
}

TEST_F(TrainedNetworkSlow, FromACheckpointWithItsRecipe) {
  const TrainedNetwork trained = load_trained(folder_ / "run/checkpoints/best.safetensors");
  expect_same_network(trained);
  EXPECT_EQ(trained.recipe.data.size, 32);
}

TEST_F(TrainedNetworkSlow, FromAnSmpFolder) {
  const TrainedNetwork plain = load_trained(folder_ / "smp"),
                       with_recipe = load_trained(folder_ / "smp", (folder_ / "run/recipe.yaml").string());
  expect_same_network(plain);
  expect_same_network(with_recipe);
  EXPECT_EQ(plain.recipe.data.size, 256);
  EXPECT_EQ(with_recipe.recipe.data.size, 32);
}

TEST_F(TrainedNetworkSlow, FromBareWeightsWithARecipe) {
  expect_same_network(load_trained(folder_ / "bare.safetensors", (folder_ / "run/recipe.yaml").string()));
}

TEST_F(TrainedNetworkSlow, MessagesOfErrors) {
  const std::string folder = folder_.string();
  EXPECT_EQ(message_of([&] { load_trained(folder_ / "none"); }), folder + "/none: no such run, checkpoint or folder");
  EXPECT_EQ(message_of([&] { load_trained(folder_ / "bare.safetensors"); }),
            folder + "/bare.safetensors: holds no recipe; say which network it is with --recipe FILE, or give a folder with config.json");
  make_folder(folder_ / "empty");
  EXPECT_EQ(message_of([&] { load_trained(folder_ / "empty"); }),
            folder + "/empty: neither a run (checkpoints/best.safetensors) nor an SMP folder (config.json, model.safetensors)");
  make_folder(folder_ / "young/checkpoints");
  EXPECT_EQ(message_of([&] { load_trained(folder_ / "young"); }),
            folder + "/young: this run has no best checkpoint yet; let it finish an epoch, or give " + folder +
                "/young/checkpoints/last.safetensors");
}

}  // namespace
}  // namespace larmor::train
