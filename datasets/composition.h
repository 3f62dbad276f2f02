// How a slice's sequences become the channels of the network's input (data.input, data.channels, data.weights).
//
//   mix_rgb      each of data.channels is a channel: T1, T1CE, FLAIR as red, green, blue
//   weighted     one channel: the weighted mean of data.channels
//   single       one channel: the one sequence of data.channels (for a repeated one: mix_rgb with channels [T1CE, T1CE, T1CE])
//   neighbours   three channels: slices z-1, z, z+1 of the one sequence of data.channels
//   wide         all of data.channels at z-1, then at z, then at z+1: nine channels of three sequences
//
// At the ends of a volume the border slice stands for the one that is missing. The order of `wide` keeps every third channel the same
// sequence, which is what first-convolution weights repeated cyclically (model.first_conv: smp) assume.
// Source: "Data Preprocessing via Multi-sequences MRI Mixture", IWBBIO 2020, doi:10.1007/978-3-030-45385-5_62 (weights are not published).
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/options.h"
#include "imaging/image.h"

namespace larmor::datasets {

struct CompositionOptions {
  std::string input = "mix_rgb";  ///< mix_rgb | weighted | single | neighbours | wide
  std::vector<std::string> channels{"T1", "T1CE", "FLAIR"};
  std::vector<double> weights;  ///< of data.channels, in their order; empty: equal
};

/// Adds `input`, `channels`, `weights` with the rules between them; `known`: the sequences that a source may have. The fields must outlive
/// the table.
void add_composition(OptionTable& table, std::string& input, std::vector<std::string>& channels, std::vector<double>& weights,
                     const std::vector<std::string>& known);

class Composition {
 public:
  /// Error (usage) for what add_composition() refuses too.
  explicit Composition(CompositionOptions options);
  const std::vector<std::string>& sequences() const { return options_.channels; }
  /// Names of the input's channels: "T1", "T1+T1CE+FLAIR", "T1CE z-1".
  std::vector<std::string> names() const;
  /// 1 where neighbouring slices are needed, else 0.
  int64_t reach() const;
  /// `slice_at(offset)` gives the slice at z + offset, its channels being sequences(); called for -reach() … reach() in this order.
  imaging::Image compose(const std::function<imaging::Image(int64_t offset)>& slice_at) const;

 private:
  CompositionOptions options_;
};

}  // namespace larmor::datasets
