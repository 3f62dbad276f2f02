// Networks made of an encoder, a decoder and a head, with the children `encoder`, `decoder`, `segmentation_head`.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "models/encoders/encoder.h"
#include "models/layers.h"
#include "models/segmenter.h"

namespace larmor::models {

/// Turns an encoder's maps (Encoder::features, the image first) into one map for the head.
class Decoder : public Module {
 public:
  virtual at::Tensor forward(const std::vector<at::Tensor>& features) = 0;
};

/// Head `segmentation_head`: `0` is a convolution with bias that keeps the size. Nothing follows: logits.
class SegmentationHead : public FusedConv {
 public:
  SegmentationHead(int64_t in_channels, int64_t classes, int64_t kernel);
};

class EncoderDecoder : public Segmenter {
 public:
  /// Start values, keyed by `seed` and name: the encoder and transposed convolutions keep torch.nn's default; decoder convolutions
  /// He uniform with zero bias; head Glorot uniform with zero bias.
  EncoderDecoder(SegmenterInfo info, std::unique_ptr<Encoder> encoder, std::unique_ptr<Decoder> decoder,
                 std::unique_ptr<SegmentationHead> head, uint64_t seed);

  const SegmenterInfo& info() const override { return info_; }
  std::vector<std::string> unused_parameters() const override;

 protected:
  at::Tensor forward_checked(const at::Tensor& image) override;

 private:
  at::Tensor forward_plain(const at::Tensor& image);
  /// Prepared inference, channels last. As many images as there are threads go side by side, each on one thread: no waiting at the
  /// end of every layer, and a map of one image fits the cache. Images left over share the threads.
  at::Tensor forward_fast(const at::Tensor& image);
  void initialise(uint64_t seed);

  SegmenterInfo info_;
  Encoder* encoder_;
  Decoder* decoder_;
  SegmentationHead* head_;
};

}  // namespace larmor::models
