// Classification head: one answer for the whole image, from the encoder's deepest map, beside the segmentation.
//
//   in   float  N x in_channels x h x w
//   out  float  N x classes              logits
//
// Mean (or maximum) over the map, dropout of single values, one linear layer with bias. Names and arithmetic follow the head that
// segmentation_models.pytorch makes from `aux_params`: classification_head.3.{weight,bias}. Its activation is left out: logits.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

#include "models/module.h"

namespace larmor::models {

class Linear;

struct ClassificationHeadOptions {
  int64_t in_channels = 1;
  int64_t classes = 1;
  std::string pooling = "avg";  ///< avg | max
  double dropout = 0.2;         ///< probability of a value, in training
};

class ClassificationHead : public Module {
 public:
  explicit ClassificationHead(const ClassificationHeadOptions& options);
  at::Tensor forward(const at::Tensor& map) const;

 private:
  Linear* linear_;
  bool takes_maximum_;
  double dropout_;
};

}  // namespace larmor::models
