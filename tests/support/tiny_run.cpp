#include "tests/support/tiny_run.h"

#include <fmt/format.h>

#include "core/config.h"
#include "core/files.h"
#include "imaging/io.h"
#include "models/registry.h"
#include "train/checkpoint.h"
#include "train/recipe.h"

namespace larmor::testing {

namespace fs = std::filesystem;
using imaging::Image;
using imaging::PixelType;

std::string tiny_patient(int64_t index) { return fmt::format("TCGA_T1_{:04}_19000101", index + 1); }

void write_tiny_lgg(const fs::path& root, int64_t patients, int64_t slices, int64_t size) {
  std::string table = "Patient,age_at_initial_pathologic\n";
  for (int64_t p = 0; p < patients; ++p) {
    const std::string patient = tiny_patient(p);
    make_folder(root / patient);
    table += patient.substr(0, 12) + ",50\n";
    for (int64_t n = 1; n <= slices; ++n) {
      Image image = Image::make({size, size, 1}, 3, PixelType::u8), mask = Image::make({size, size, 1}, 1, PixelType::u8);
      for (int64_t i = 0; i < image.voxels(); ++i) {
        const int64_t x = i % size, y = i / size;
        const bool inside = n > 1 && x >= size / 4 + p && x < size / 2 + p && y >= size / 3 && y < size / 3 + 2 * n + 2;
        for (int64_t c = 0; c < 3; ++c)
          image.data<uint8_t>()[3 * i + c] = static_cast<uint8_t>(inside ? 200 + c : (7 * x + 13 * y + 29 * c) % 100 + 20);
        mask.data<uint8_t>()[i] = inside ? 255 : 0;
      }
      imaging::write_image(root / patient / fmt::format("{}_{}.tif", patient, n), image);
      imaging::write_image(root / patient / fmt::format("{}_{}_mask.tif", patient, n), mask);
    }
  }
  write_file_atomically(root / "data.csv", table);
}

std::string tiny_recipe(const fs::path& root) {
  return fmt::format(
      "data:\n  source: lgg\n  root: {}\n  size: 32\n  batch: 4\n  evaluation_batch: 4\n"
      "  split: {{kind: list, train: [{}, {}], validation: [{}, {}], test: [{}]}}\n"
      "model: {{name: linknet, encoder: se_resnext50_32x4d, encoder_depth: 3}}\n",
      root.string(), tiny_patient(0), tiny_patient(1), tiny_patient(2), tiny_patient(3), tiny_patient(4));
}

void write_tiny_run(const fs::path& folder, const std::string& recipe_text, uint64_t seed) {
  const train::Recipe recipe = train::recipe_from(parse_yaml(recipe_text, "tiny.yaml"), "tiny");
  const auto network = models::registry().at(recipe.model.name).make(recipe.model.options, seed);
  make_folder(folder / "checkpoints");
  write_file_atomically(folder / "recipe.yaml", to_yaml(train::to_config(recipe)));
  train::save_weights(folder / "checkpoints/best.safetensors",
                      {network->state_dict(), to_yaml(train::portable_config(recipe)), 0, "dice_patients", 0});
}

}  // namespace larmor::testing
