// Networks made of an encoder, a decoder and a head, with the children `encoder`, `decoder`, `segmentation_head`
// and, where wanted, `classification_head`.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/options.h"
#include "models/classification_head.h"
#include "models/encoders/encoder.h"
#include "models/layers.h"
#include "models/segmenter.h"

namespace larmor::models {

/// What all of them have in common.
struct EncoderDecoderOptions {
  std::string encoder = "se_resnext50_32x4d";  ///< see `larmor list encoders`
  int64_t encoder_depth = 5;                   ///< encoder stages that are run, 3-5
  int64_t in_channels = 3;
  int64_t classes = 1;
  int64_t aux_classes = 0;          ///< > 0: a classification head for the whole image, see models/classification_head.h
  std::string aux_pooling = "avg";  ///< of that head: avg | max
  double aux_dropout = 0.2;         ///< of that head: probability of a value
};
/// The table of these options, to which an architecture adds its own.
OptionTable common_options_of(EncoderDecoderOptions& options);
std::unique_ptr<Encoder> make_encoder(const EncoderDecoderOptions& options, int64_t output_stride = 32);
/// For the encoder's deepest map; nullptr without aux_classes.
std::unique_ptr<ClassificationHead> make_classification_head(const EncoderDecoderOptions& options, const Encoder& encoder);

/// Turns an encoder's maps (Encoder::features, the image first) into one map for the head.
class Decoder : public Module {
 public:
  virtual at::Tensor forward(const std::vector<at::Tensor>& features) = 0;
};

/// Head `segmentation_head`: `0` is a convolution with bias that keeps the size, then a bilinear enlargement by `upsampling`
/// (align_corners = true). Nothing follows: logits.
class SegmentationHead : public Module {
 public:
  SegmentationHead(int64_t in_channels, int64_t classes, int64_t kernel, int64_t upsampling = 1);
  at::Tensor forward(const at::Tensor& x) const;
  bool is_fast(const at::Tensor& x) const { return conv_->is_fast(x); }

 private:
  FusedConv* conv_;
  int64_t upsampling_;
};

class EncoderDecoder : public Segmenter {
 public:
  /// Start values, keyed by `seed` and name: the encoder and transposed convolutions keep torch.nn's default; decoder convolutions
  /// He uniform with zero bias; heads Glorot uniform with zero bias.
  EncoderDecoder(SegmenterInfo info, std::unique_ptr<Encoder> encoder, std::unique_ptr<Decoder> decoder,
                 std::unique_ptr<SegmentationHead> head, std::unique_ptr<ClassificationHead> labels, uint64_t seed);

  const SegmenterInfo& info() const override { return info_; }
  std::vector<std::string> unused_parameters() const override;
  NamedTensors label_parameters() const override;

 protected:
  at::Tensor forward_checked(const at::Tensor& image) override;
  SegmenterOutput forward_with_labels_checked(const at::Tensor& image) override;

 private:
  at::Tensor forward_plain(const at::Tensor& image);
  void initialise(uint64_t seed);

  SegmenterInfo info_;
  Encoder* encoder_;
  Decoder* decoder_;
  SegmentationHead* head_;
  ClassificationHead* labels_;  ///< nullptr: none
};

}  // namespace larmor::models
