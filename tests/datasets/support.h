// Sources made in memory, for tests.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/random.h"
#include "datasets/source.h"

namespace larmor::datasets::testing {

/// Subjects "S0", "S1", …; slices numbered from 1; slice k of subject s has the size, channels and type asked for. Every third slice
/// shows a square of foreground whose side grows with the slice.
struct MemorySourceOptions {
  int64_t subjects = 4;
  int64_t slices = 6;
  int64_t width = 16;
  int64_t height = 16;
  int64_t channels = 3;
  imaging::PixelType type = imaging::PixelType::u8;
  bool has_labels = true;
};

class MemorySource final : public Source {
 public:
  explicit MemorySource(MemorySourceOptions options = {}) : options_(options) {
    for (int64_t s = 0; s < options.subjects; ++s) {
      Study study{"S" + std::to_string(s), {}, {}};
      for (int64_t k = 1; k <= options.slices; ++k) {
        study.cases.push_back(static_cast<int64_t>(cases_.size()));
        const int64_t side = foreground_side(k);
        cases_.push_back({{study.subject, "", k}, options.has_labels, options.has_labels ? side * side : 0});
      }
      studies_.push_back(study);
    }
  }

  std::string name() const override { return "memory"; }
  const std::vector<CaseInfo>& cases() const override { return cases_; }
  const std::vector<Study>& studies() const override { return studies_; }
  int64_t channels() const override { return options_.channels; }
  std::vector<std::string> channel_names() const override {
    std::vector<std::string> names;
    for (int64_t c = 0; c < options_.channels; ++c) names.push_back("C" + std::to_string(c));
    return names;
  }
  RawSample load(int64_t index) const override {
    if (before_load) before_load(index);
    RawSample sample;
    sample.key = cases_.at(static_cast<size_t>(index)).key;
    sample.image = imaging::Image::make({options_.width, options_.height, 1}, options_.channels, options_.type);
    Random random(RandomKey(1).with(static_cast<uint64_t>(index)));
    for (int64_t i = 0; i < sample.image.elements(); ++i) {
      if (options_.type == imaging::PixelType::u8) {
        sample.image.data<uint8_t>()[i] = static_cast<uint8_t>(random.integer(256));
      } else {
        sample.image.data<float>()[i] = static_cast<float>(random.uniform());
      }
    }
    if (options_.has_labels) sample.label = make_label(sample.key.slice);
    return sample;
  }
  const std::vector<Finding>& findings() const override { return findings_; }
  bool is_phantom() const override { return true; }
  std::string fingerprint() const override { return "memory"; }

  std::function<void(int64_t index)> before_load;  ///< may throw; called from workers

 private:
  static int64_t foreground_side(int64_t slice) { return slice % 3 == 0 ? slice / 3 : 0; }
  imaging::Image make_label(int64_t slice) const {
    imaging::Image label = imaging::Image::make({options_.width, options_.height, 1}, 1, imaging::PixelType::u8);
    for (int64_t y = 0; y < foreground_side(slice); ++y) {
      for (int64_t x = 0; x < foreground_side(slice); ++x) label.data<uint8_t>()[(y + 2) * options_.width + x + 1] = 1;
    }
    return label;
  }

  MemorySourceOptions options_;
  std::vector<CaseInfo> cases_;
  std::vector<Study> studies_;
  std::vector<Finding> findings_;
};

/// 0 … count-1.
inline std::vector<int64_t> all_indices(const Source& source) {
  std::vector<int64_t> indices(source.cases().size());
  for (size_t i = 0; i < indices.size(); ++i) indices[i] = static_cast<int64_t>(i);
  return indices;
}

/// The message of the larmor::Error that `action` throws; "" when it throws none. `kind` is told too.
template <class Action>
std::string message_of(Action action, ErrorKind* kind = nullptr) {
  try {
    action();
  } catch (const Error& error) {
    if (kind) *kind = error.kind();
    return error.what();
  }
  return "";
}

}  // namespace larmor::datasets::testing
