// Small folders in the LGG layout, for tests.
#pragma once
#include <filesystem>
#include <fstream>
#include <string>

#include "core/files.h"
#include "imaging/image.h"
#include "imaging/io.h"
#include "imaging/tiff.h"
#include "tests/support/golden.h"

namespace larmor::datasets::testing {

namespace fs = std::filesystem;

/// An RGB slice whose pixels tell the slice's number and the channel: 10 * number + channel.
inline imaging::Image make_slice(int64_t number, int64_t width = 8, int64_t height = 8) {
  imaging::Image image = imaging::Image::make({width, height, 1}, 3, imaging::PixelType::u8);
  for (int64_t i = 0; i < image.elements(); ++i) image.data<uint8_t>()[i] = static_cast<uint8_t>((10 * number + i % 3 + i / 3 % 7) % 256);
  return image;
}

/// A mask with `number` pixels of foreground.
inline imaging::Image make_mask(int64_t number, int64_t width = 8, int64_t height = 8) {
  imaging::Image mask = imaging::Image::make({width, height, 1}, 1, imaging::PixelType::u8);
  for (int64_t i = 0; i < number; ++i) mask.data<uint8_t>()[i] = 255;
  return mask;
}

inline fs::path image_file(const fs::path& root, const std::string& patient, int64_t number) {
  return root / patient / (patient + "_" + std::to_string(number) + ".tif");
}

inline fs::path mask_file(const fs::path& root, const std::string& patient, int64_t number) {
  return root / patient / (patient + "_" + std::to_string(number) + "_mask.tif");
}

/// Without the flush to disk of imaging::write_image, which takes most of a test's time.
inline void write_plainly(const fs::path& file, const imaging::Image& image) {
  const std::string content = imaging::encode_tiff(image);
  std::ofstream(file, std::ios::binary).write(content.data(), static_cast<std::streamsize>(content.size()));
}

inline void write_slice(const fs::path& root, const std::string& patient, int64_t number) {
  make_folder(root / patient);
  write_plainly(image_file(root, patient, number), make_slice(number));
  write_plainly(mask_file(root, patient, number), make_mask(number % 4));
}

/// Two patients with `slices` slices each, and their table.
inline fs::path make_lgg_folder(int64_t slices = 3) {
  const fs::path root = larmor::testing::make_temporary_folder("lgg");
  for (const std::string patient : {"TCGA_AA_0001_19990101", "TCGA_AA_0002_19990202"}) {
    for (int64_t number = 1; number <= slices; ++number) write_slice(root, patient, number);
  }
  write_file_atomically(root / "data.csv", "Patient,gender,age\nTCGA_AA_0001,1,44\nTCGA_AA_0002,2,\n");
  return root;
}

/// Keeps the first `bytes` bytes.
inline void cut_file(const fs::path& file, size_t bytes) { write_file_atomically(file, read_file(file).substr(0, bytes)); }

}  // namespace larmor::datasets::testing
