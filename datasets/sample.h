// What flows from sources to tasks: cases, raw samples, batches.
#pragma once
#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "imaging/image.h"

namespace larmor::datasets {

/// Names one item for ever: in messages, CSV files and random keys.
struct CaseKey {
  std::string subject;
  std::string session;                               ///< "" where a subject has one
  int64_t slice = -1;                                ///< the source's own number; -1 for whole volumes
  auto operator<=>(const CaseKey&) const = default;  // NOLINT(modernize-use-nullptr): of clang-tidy 14
  /// "TCGA_CS_4944_20010208", "…:7", "sub-1/ses-2:7".
  std::string to_string() const;
};

/// What is known of an item without decoding it again.
struct CaseInfo {
  CaseKey key;
  bool has_label = true;
  int64_t foreground = 0;  ///< pixels of the mask above zero; counted once by the source
};

/// One decoded item: 2-D, u8 or f32, channels interleaved; the label map has one channel of u8 classes and the same size.
struct RawSample {
  CaseKey key;
  imaging::Image image;
  imaging::Image label;  ///< size 0 when the case has none
};

/// N items ready for a network. The memory belongs to the loader's ring and returns to it when the batch is destroyed.
struct Batch {
  int64_t index = 0;                          ///< position in the epoch
  std::vector<CaseKey> keys;                  ///< N
  std::vector<int64_t> shape;                 ///< of `image`: N x C x H x W
  float* image = nullptr;                     ///< normalised values, NCHW
  uint8_t* label = nullptr;                   ///< N x H x W classes at the network's size (augmented with the image)
  std::vector<imaging::Image> source_labels;  ///< evaluation only: the label maps at the source's own size
  std::shared_ptr<void> slot;                 ///< keeps the memory; released with the batch
  int64_t count() const { return shape.empty() ? 0 : shape[0]; }
};

}  // namespace larmor::datasets
