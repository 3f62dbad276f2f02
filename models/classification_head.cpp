#include "models/classification_head.h"

#include <ATen/ATen.h>

#include "models/layers.h"

namespace larmor::models {

ClassificationHead::ClassificationHead(const ClassificationHeadOptions& options)
    : linear_(register_module("3", std::make_unique<Linear>(options.in_channels, options.classes))),
      takes_maximum_(options.pooling == "max"),
      dropout_(options.dropout) {}

at::Tensor ClassificationHead::forward(const at::Tensor& map) const {
  const at::Tensor pooled = takes_maximum_ ? map.amax({2, 3}) : map.mean({2, 3});
  return linear_->forward(at::dropout(pooled, dropout_, is_training()));
}

}  // namespace larmor::models
