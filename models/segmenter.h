// The interface of every segmentation network.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "models/module.h"

namespace larmor::models {

/// What a network was built from; enough to build it again (stored in checkpoints and exports).
struct SegmenterInfo {
  std::string architecture;  ///< registry name, "linknet"
  int64_t in_channels = 3;
  int64_t classes = 1;
  int64_t stride = 32;        ///< height and width must be multiples of it
  int64_t label_classes = 0;  ///< of the classification head; 0: none
};

/// What a network says of images.
struct SegmenterOutput {
  at::Tensor logits;        ///< N x classes x H x W
  at::Tensor label_logits;  ///< N x label_classes, of whole images; undefined without a classification head
};

class Segmenter : public Module {
 public:
  /// N x in_channels x H x W float → logits N x classes x H x W. Error (usage) for another channel count or a size that is no
  /// multiple of the stride: "input 250 x 250: linknet needs multiples of 32; pad to 256 x 256 (data.size: 256)".
  at::Tensor forward(const at::Tensor& image);
  /// The same with the answer of the classification head, for one pass through the encoder.
  SegmenterOutput forward_with_labels(const at::Tensor& image);
  virtual const SegmenterInfo& info() const = 0;
  /// Names of parameters that forward() never uses (stored for compatibility); "used / stored" in reports.
  virtual std::vector<std::string> unused_parameters() const { return {}; }
  NamedTensors used_parameters() const;  ///< all others: what an optimizer takes
  int64_t used_parameter_count() const;
  /// Those of the classification head: what an optimizer takes besides where label_logits have a loss.
  virtual NamedTensors label_parameters() const { return {}; }

 protected:
  virtual at::Tensor forward_checked(const at::Tensor& image) = 0;
  virtual SegmenterOutput forward_with_labels_checked(const at::Tensor& image) { return {forward_checked(image), {}}; }
};

/// Error (usage) for a height or width that is no multiple of the stride, in the words of Segmenter::forward.
void require_size(int64_t height, int64_t width, const SegmenterInfo& info);

}  // namespace larmor::models
