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
  int64_t stride = 32;  ///< height and width must be multiples of it
};

class Segmenter : public Module {
 public:
  /// N x in_channels x H x W float → logits N x classes x H x W. Error (usage) for another channel count or a size that is no
  /// multiple of the stride: "input 250 x 250: linknet needs multiples of 32; pad to 256 x 256 (data.size: 256)".
  at::Tensor forward(const at::Tensor& image);
  virtual const SegmenterInfo& info() const = 0;
  /// Names of parameters that forward() never uses (stored for compatibility); "used / stored" in reports.
  virtual std::vector<std::string> unused_parameters() const { return {}; }
  NamedTensors used_parameters() const;  ///< all others: what an optimizer takes
  int64_t used_parameter_count() const;

 protected:
  virtual at::Tensor forward_checked(const at::Tensor& image) = 0;
};

/// Error (usage) for a height or width that is no multiple of the stride, in the words of Segmenter::forward.
void require_size(int64_t height, int64_t width, const SegmenterInfo& info);

}  // namespace larmor::models
