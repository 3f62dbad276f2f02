// Random numbers that depend only on a key, never on order: Philox4x32-10 (Salmon et al., SC 2011).
//
//   Random random(RandomKey(seed).with("augment").with(epoch).with(sample_key));
//   double angle = random.uniform(-15, 15);
//
// The same key gives the same numbers in any thread, at any time, after any resume.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace larmor {

/// Philox4x32-10: ten rounds on a 128-bit counter with a 64-bit key.
std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

/// A 64-bit key made of words; order matters.
class RandomKey {
 public:
  explicit RandomKey(uint64_t seed);
  RandomKey with(uint64_t word) const;
  RandomKey with(std::string_view word) const;
  uint64_t value() const { return value_; }

 private:
  uint64_t value_;
};

/// A stream of numbers from one key.
class Random {
 public:
  explicit Random(RandomKey key) : key_(key.value()) {}
  uint32_t next_u32();
  uint64_t next_u64();
  double uniform();                         ///< [0, 1), 53 bits
  double uniform(double low, double high);  ///< [low, high); low when they are equal
  int64_t integer(int64_t count);           ///< 0 … count-1, unbiased; count ≥ 1
  double normal();                          ///< mean 0, variance 1 (Box-Muller)
  bool chance(double probability);

  /// Fisher-Yates.
  template <class T>
  void shuffle(std::vector<T>& items) {
    for (size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[static_cast<size_t>(integer(static_cast<int64_t>(i)))]);
  }

 private:
  uint64_t key_;
  uint64_t block_ = 0;
  std::array<uint32_t, 4> buffer_{};
  int used_ = 4;
};

}  // namespace larmor
