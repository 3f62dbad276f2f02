// An encoder turns an image into a pyramid of feature maps.
//
// Contract: features()[0] is the input itself, [i] has stride 2^i, at most `output_stride`; channels() gives the width of each. Depth
// 3-5: deeper stages are stored (checkpoints stay complete) but not run.
#pragma once
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "models/module.h"

namespace larmor::models {

class Encoder : public Module {
 public:
  virtual std::vector<at::Tensor> features(const at::Tensor& image) = 0;
  virtual std::vector<int64_t> channels() const = 0;
  /// Dotted names, below this encoder, of parameters that features() never uses.
  virtual std::vector<std::string> unused_parameters() const = 0;
};

struct EncoderArguments {
  int64_t in_channels = 3;
  int64_t depth = 5;
  /// 8, 16 or 32: a stage that would go beyond it keeps the size and dilates its convolutions instead.
  int64_t output_stride = 32;
  /// Of the deepest map.
  int64_t stride() const { return std::min(output_stride, int64_t{1} << depth); }
};

}  // namespace larmor::models
