// Normal numbers by the million, keyed: noise of images and phantoms.
#pragma once
#include <cstdint>
#include <span>

#include "core/random.h"

namespace larmor::datasets {

/// Every 16 bits of Philox pick one of 65 536 equally likely quantiles of the normal distribution: mean 0, variance 1, |z| <= 4.33,
/// some ten times faster than Random::normal().
class NormalStream {
 public:
  explicit NormalStream(RandomKey key) : key_(key.value()) {}
  /// The next numbers. Blocks of eight: the rest of a block is thrown away, so a stream filled in pieces is the same when every
  /// piece but the last is a multiple of eight.
  void fill(std::span<float> values);

 private:
  uint64_t key_;
  uint64_t block_ = 0;
};

}  // namespace larmor::datasets
