#include "train/run_folder.h"

#include <gtest/gtest.h>

#include "core/files.h"
#include "tests/support/golden.h"

namespace larmor::train {
namespace {

TEST(RunFolder, DefaultPlaceComesFromRecipeAndSeed) {
  Recipe recipe;
  recipe.name = "lgg/linknet_sx50_128";
  recipe.train.seed = 2;
  EXPECT_EQ(default_run_folder(recipe), std::filesystem::path("runs/lgg-linknet_sx50_128/seed-2"));
}

TEST(RunFolder, EpochRowsReplaceThoseOfAnInterruptedTry) {
  const auto file = testing::make_temporary_folder("run") / "metrics.csv";
  const std::vector<std::string> names{"dice_patients"};
  write_epoch_row(file, {1, 0.5, 0.6, {{"dice_patients", 0.25}}, 0.001, 2, 0.125, 10, 4, 1}, names);
  write_epoch_row(file, {2, 0.4, std::numeric_limits<double>::quiet_NaN(), {}, 0.001, 2, 0, 10, 4, 0}, names);
  write_epoch_row(file, {2, 0.375, 0.5, {{"dice_patients", 0.5}}, 0.001, 2, 0, 10, 4, 0}, names);
  EXPECT_EQ(read_file(file),
            "epoch,loss,validation_loss,dice_patients,lr,seconds,wait_share,images_per_second,steps,skipped_steps\n"
            "1,0.5,0.6,0.25,0.001,2,0.125,10,4,1\n"
            "2,0.375,0.5,0.5,0.001,2,0,10,4,0\n");
}

}  // namespace
}  // namespace larmor::train
