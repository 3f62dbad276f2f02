// A data set in the LGG layout and an untrained run on it, both as small as can be: for tests of what follows training.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace larmor::testing {

/// Writes patients TCGA_T1_0001_19000101 … into `root`: RGB slices of size x size with a bright spot, and its mask (empty in the first
/// slice).
void write_tiny_lgg(const std::filesystem::path& root, int64_t patients, int64_t slices, int64_t size);
std::string tiny_patient(int64_t index);

/// A recipe for it (LinkNet at 32 x 32): the first patients train, the third and fourth validate, the fifth tests.
std::string tiny_recipe(const std::filesystem::path& root);

/// Writes a run folder with recipe.yaml and checkpoints/best.safetensors, start values keyed by `seed`.
void write_tiny_run(const std::filesystem::path& folder, const std::string& recipe, uint64_t seed);

}  // namespace larmor::testing
