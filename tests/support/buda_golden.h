// buda.json and buda.safetensors: what SciPy and scikit-image make of the LGG study's preparation and augmentation.
#pragma once
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/safetensors.h"
#include "imaging/image.h"
#include "tests/support/golden.h"

namespace larmor::testing {

class BudaGolden {
 public:
  BudaGolden() : tensors_(SafetensorsFile::open(golden_file("buda.safetensors"))) { std::ifstream(golden_file("buda.json")) >> json_; }
  static std::filesystem::path file() { return golden_file("buda.json"); }
  const nlohmann::json& cases(const std::string& kind) const { return json_.at("cases").at(kind); }
  double tolerance(const std::string& kind) const { return json_.at("tolerance").at(kind); }

  /// [H, W], or [H, W, C] when it has channels, as one image; of a stack [Z, …] the slices.
  std::vector<imaging::Image> slices(const std::string& name, bool has_channels) const {
    const TensorView* view = tensors_.find(name);
    if (view == nullptr) throw std::runtime_error(name + " is not in buda.safetensors");
    std::vector<int64_t> shape = view->shape;
    const int64_t channels = has_channels ? shape.back() : 1;
    if (has_channels) shape.pop_back();
    const int64_t depth = shape.size() == 3 ? shape.front() : 1;
    const imaging::PixelType type = view->type == DType::u8 ? imaging::PixelType::u8 : imaging::PixelType::f32;
    std::vector<imaging::Image> all;
    for (int64_t z = 0; z < depth; ++z) {
      all.push_back(imaging::Image::make({shape[shape.size() - 1], shape[shape.size() - 2], 1}, channels, type));
      std::memcpy(all.back().bytes.data(), view->bytes.data() + static_cast<size_t>(z) * all.back().bytes.size(), all.back().bytes.size());
    }
    return all;
  }
  imaging::Image image(const std::string& name) const { return slices(name, true).at(0); }
  imaging::Image mask(const std::string& name) const { return slices(name, false).at(0); }

 private:
  SafetensorsFile tensors_;
  nlohmann::json json_;
};

/// The largest absolute difference of two f32 images; infinite when they differ in shape.
inline double largest_difference(const imaging::Image& a, const imaging::Image& b) {
  if (a.size != b.size || a.channels != b.channels || a.type != b.type) return std::numeric_limits<double>::infinity();
  double largest = 0;
  for (int64_t i = 0; i < a.elements(); ++i) {
    const double difference = std::abs(static_cast<double>(a.data<float>()[i]) - static_cast<double>(b.data<float>()[i]));
    largest = difference > largest || std::isnan(difference) ? difference : largest;
  }
  return largest;
}

/// Pixels in which two u8 masks of one size differ; -1 when their sizes do.
inline int64_t different_pixels(const imaging::Image& a, const imaging::Image& b) {
  if (a.size != b.size || a.bytes.size() != b.bytes.size()) return -1;
  int64_t count = 0;
  for (size_t i = 0; i < a.bytes.size(); ++i) count += a.bytes[i] != b.bytes[i];
  return count;
}

}  // namespace larmor::testing
