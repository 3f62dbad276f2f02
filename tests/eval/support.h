// What several tests of eval/ share: golden numbers, a tiny network, a source that lives in memory.
#pragma once
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/error.h"
#include "datasets/source.h"
#include "models/segmenter.h"

namespace larmor::eval::testing {

/// Golden files write non-finite numbers as text.
inline double number(const nlohmann::json& value) {
  if (value.is_number()) return value.get<double>();
  const std::string text = value.get<std::string>();
  if (text == "nan") return std::numeric_limits<double>::quiet_NaN();
  if (text == "inf") return std::numeric_limits<double>::infinity();
  if (text == "-inf") return -std::numeric_limits<double>::infinity();
  throw std::runtime_error("no number: " + text);
}

inline nlohmann::json read_json(const std::filesystem::path& file) { return nlohmann::json::parse(std::ifstream(file)); }

/// Equal within a relative tolerance; NaN equals NaN.
inline void expect_close(double value, double expected, double relative, const std::string& what) {
  if (std::isnan(expected)) {
    EXPECT_TRUE(std::isnan(value)) << what << ": " << value << ", expected nan";
    return;
  }
  EXPECT_NEAR(value, expected, relative * std::abs(expected) + 1e-15) << what;
}

/// Counts golden cases that ran and those we do not offer; a run of none fails.
struct GoldenCount {
  int run = 0;
  std::vector<std::string> skipped;
  void skip(const std::string& name) {
    skipped.push_back(name);
    std::cout << "skipped (not offered): " << name << "\n";
  }
  ~GoldenCount() {
    std::cout << run << " golden cases run, " << skipped.size() << " skipped\n";
    EXPECT_GT(run, 0);
  }
};

template <class Function>
std::string message_of(Function function) {
  try {
    function();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

/// conv1 - ReLU - conv2, kernels 3 x 3: sees which way the picture is turned.
class TinySegmenter final : public models::Segmenter {
 public:
  TinySegmenter(at::Tensor conv1, at::Tensor bias1, at::Tensor conv2, at::Tensor bias2)
      : conv1_(register_parameter("conv1.weight", std::move(conv1))),
        bias1_(register_parameter("conv1.bias", std::move(bias1))),
        conv2_(register_parameter("conv2.weight", std::move(conv2))),
        bias2_(register_parameter("conv2.bias", std::move(bias2))) {
    info_ = {"tiny", conv1_.size(1), conv2_.size(0), 1};
  }
  static std::shared_ptr<TinySegmenter> random(int64_t in_channels, int64_t classes, uint64_t seed) {
    at::manual_seed(seed);
    return std::make_shared<TinySegmenter>(at::randn({4, in_channels, 3, 3}), at::randn({4}), at::randn({classes, 4, 3, 3}),
                                           at::randn({classes}));
  }
  const models::SegmenterInfo& info() const override { return info_; }
  std::vector<int64_t> batches;  ///< N of each forward pass

 protected:
  at::Tensor forward_checked(const at::Tensor& image) override {
    batches.push_back(image.size(0));
    return at::conv2d(at::conv2d(image, conv1_, bias1_, 1, 1).relu(), conv2_, bias2_, 1, 1);
  }

 private:
  at::Tensor &conv1_, &bias1_, &conv2_, &bias2_;
  models::SegmenterInfo info_;
};

/// A u8 label map from rows of digits: {"0110", "0000"}.
inline imaging::Image mask_of(const std::vector<std::string>& rows) {
  imaging::Image mask =
      imaging::Image::make({static_cast<int64_t>(rows[0].size()), static_cast<int64_t>(rows.size()), 1}, 1, imaging::PixelType::u8);
  uint8_t* pixel = mask.data<uint8_t>();
  for (const std::string& row : rows) {
    for (const char digit : row) *pixel++ = static_cast<uint8_t>(digit - '0');
  }
  return mask;
}

class MemorySource final : public datasets::Source {
 public:
  explicit MemorySource(std::vector<datasets::RawSample> samples) : samples_(std::move(samples)) {
    for (const datasets::RawSample& sample : samples_) {
      int64_t foreground = 0;
      for (int64_t i = 0; i < sample.label.voxels(); ++i) foreground += sample.label.data<uint8_t>()[i] != 0;
      if (studies_.empty() || studies_.back().subject != sample.key.subject) studies_.push_back({sample.key.subject, {}, {}});
      studies_.back().cases.push_back(static_cast<int64_t>(cases_.size()));
      cases_.push_back({sample.key, sample.label.voxels() > 0, foreground});
    }
  }
  std::string name() const override { return "memory"; }
  const std::vector<datasets::CaseInfo>& cases() const override { return cases_; }
  const std::vector<datasets::Study>& studies() const override { return studies_; }
  int64_t channels() const override { return samples_.empty() ? 1 : samples_[0].image.channels; }
  std::vector<std::string> channel_names() const override { return std::vector<std::string>(static_cast<size_t>(channels()), "T1"); }
  datasets::RawSample load(int64_t index) const override { return samples_[static_cast<size_t>(index)]; }
  const std::vector<datasets::Finding>& findings() const override { return findings_; }
  bool is_phantom() const override { return true; }
  std::string fingerprint() const override { return ""; }

 private:
  std::vector<datasets::RawSample> samples_;
  std::vector<datasets::CaseInfo> cases_;
  std::vector<datasets::Study> studies_;
  std::vector<datasets::Finding> findings_;
};

/// Patients with their tumour type; "-" is not known.
class TypedSource final : public datasets::Source {
 public:
  explicit TypedSource(const std::map<std::string, std::string>& types) {
    for (const auto& [subject, type] : types) {
      studies_.push_back({subject, {}, {}});
      if (type != "-") studies_.back().metadata["tumour_type"] = type;
    }
  }
  std::string name() const override { return "typed"; }
  const std::vector<datasets::CaseInfo>& cases() const override { return cases_; }
  const std::vector<datasets::Study>& studies() const override { return studies_; }
  int64_t channels() const override { return 1; }
  std::vector<std::string> channel_names() const override { return {"T1"}; }
  datasets::RawSample load(int64_t) const override { return {}; }
  const std::vector<datasets::Finding>& findings() const override { return findings_; }
  bool is_phantom() const override { return true; }
  std::string fingerprint() const override { return ""; }

 private:
  std::vector<datasets::CaseInfo> cases_;
  std::vector<datasets::Study> studies_;
  std::vector<datasets::Finding> findings_;
};

}  // namespace larmor::eval::testing
