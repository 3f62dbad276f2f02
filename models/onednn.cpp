#include "models/onednn.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include <array>
#include <optional>
#include <string_view>

namespace larmor::models::onednn {

namespace {

using Scalars = c10::List<std::optional<at::Scalar>>;
using Pack = at::Tensor(const at::Tensor&, at::IntArrayRef padding, at::IntArrayRef stride, at::IntArrayRef dilation, int64_t groups,
                        at::OptionalIntArrayRef input_size);
using PackTransposed = at::Tensor(const at::Tensor&, at::IntArrayRef padding, at::IntArrayRef output_padding, at::IntArrayRef stride,
                                  at::IntArrayRef dilation, int64_t groups, at::OptionalIntArrayRef input_size);
using Convolve = at::Tensor(const at::Tensor&, const at::Tensor& weight, const std::optional<at::Tensor>& bias, at::IntArrayRef padding,
                            at::IntArrayRef stride, at::IntArrayRef dilation, int64_t groups, std::string_view activation, Scalars,
                            std::optional<std::string_view> algorithm);
using ConvolveTransposed = at::Tensor(const at::Tensor&, const at::Tensor& weight, const std::optional<at::Tensor>& bias,
                                      at::IntArrayRef padding, at::IntArrayRef output_padding, at::IntArrayRef stride,
                                      at::IntArrayRef dilation, int64_t groups, std::string_view activation, Scalars,
                                      std::optional<std::string_view> algorithm);

using Layout = at::Tensor(const at::Tensor& packed);

template <class Function>
c10::TypedOperatorHandle<Function> find(const char* name) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<Function>();
}

struct Operators {
  c10::TypedOperatorHandle<Pack> pack = find<Pack>("mkldnn::_reorder_convolution_weight");
  c10::TypedOperatorHandle<PackTransposed> pack_transposed = find<PackTransposed>("mkldnn::_reorder_convolution_transpose_weight");
  c10::TypedOperatorHandle<Layout> layout = find<Layout>("mkldnn::_get_mkldnn_serialized_md");
  c10::TypedOperatorHandle<Convolve> convolve = find<Convolve>("mkldnn::_convolution_pointwise");
  c10::TypedOperatorHandle<ConvolveTransposed> convolve_transposed = find<ConvolveTransposed>("mkldnn::_convolution_transpose_pointwise");
};

const std::optional<Operators>& operators() {
  static const std::optional<Operators> found = []() -> std::optional<Operators> {
    try {
      return Operators();
    } catch (const c10::Error&) {  // no such name, or other arguments
      return std::nullopt;
    }
  }();
  return found;
}

/// Height and width get the same number.
struct Pair {
  explicit Pair(int64_t value) : values{value, value} {}
  operator at::IntArrayRef() const { return values; }  // NOLINT(google-explicit-constructor): stands for one
  std::array<int64_t, 2> values;
};

const char* activation(bool has_relu) { return has_relu ? "relu" : "none"; }

}  // namespace

bool is_available() { return operators().has_value(); }

at::Tensor pack(const at::Tensor& weight, const Conv2dOptions& conv, at::IntArrayRef input_size) {
  return operators()->pack.call(weight, Pair(conv.padding), Pair(conv.stride), Pair(conv.dilation), conv.groups, input_size);
}

at::Tensor pack_transposed(const at::Tensor& weight, const Conv2dOptions& conv, at::IntArrayRef input_size) {
  return operators()->pack_transposed.call(weight, Pair(conv.padding), Pair(0), Pair(conv.stride), Pair(conv.dilation), conv.groups,
                                           input_size);
}

bool have_same_layout(const at::Tensor& packed, const at::Tensor& other) {
  return at::equal(operators()->layout.call(packed), operators()->layout.call(other));
}

at::Tensor convolve(const at::Tensor& x, const at::Tensor& packed, const at::Tensor& bias, const Conv2dOptions& conv, bool has_relu) {
  return operators()->convolve.call(x, packed, bias, Pair(conv.padding), Pair(conv.stride), Pair(conv.dilation), conv.groups,
                                    activation(has_relu), Scalars(), std::nullopt);
}

at::Tensor convolve_transposed(const at::Tensor& x, const at::Tensor& packed, const at::Tensor& bias, const Conv2dOptions& conv,
                               bool has_relu) {
  return operators()->convolve_transposed.call(x, packed, bias, Pair(conv.padding), Pair(0), Pair(conv.stride), Pair(conv.dilation),
                                               conv.groups, activation(has_relu), Scalars(), std::nullopt);
}

}  // namespace larmor::models::onednn
