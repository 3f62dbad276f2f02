#include "core/random.h"

#include <cmath>
#include <numbers>

#include "core/error.h"

namespace larmor {

namespace {

constexpr uint32_t kMultiplier0 = 0xD2511F53u;
constexpr uint32_t kMultiplier1 = 0xCD9E8D57u;
constexpr uint32_t kWeyl0 = 0x9E3779B9u;  // golden ratio
constexpr uint32_t kWeyl1 = 0xBB67AE85u;  // sqrt(3) - 1
constexpr int kRounds = 10;

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): a bijection on 64 bits.
uint64_t mix(uint64_t z) {
  z += 0x9E3779B97F4A7C15ull;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

/// FNV-1a, 64 bits.
uint64_t hash_text(std::string_view text) {
  uint64_t hash = 0xCBF29CE484222325ull;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ull;
  return hash;
}

// Words and texts are mixed with different constants, so that with(7) and a text that hashes to 7 stay apart.
constexpr uint64_t kWordDomain = 0x776F7264776F7264ull;
constexpr uint64_t kTextDomain = 0x7465787474657874ull;

uint64_t combine(uint64_t value, uint64_t word, uint64_t domain) { return mix(mix(value ^ domain) + mix(word)); }

}  // namespace

std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  for (int round = 0; round < kRounds; ++round) {
    const uint64_t product0 = static_cast<uint64_t>(kMultiplier0) * counter[0];
    const uint64_t product1 = static_cast<uint64_t>(kMultiplier1) * counter[2];
    const auto high0 = static_cast<uint32_t>(product0 >> 32);
    const auto high1 = static_cast<uint32_t>(product1 >> 32);
    counter = {high1 ^ counter[1] ^ key[0], static_cast<uint32_t>(product1), high0 ^ counter[3] ^ key[1], static_cast<uint32_t>(product0)};
    key[0] += kWeyl0;
    key[1] += kWeyl1;
  }
  return counter;
}

RandomKey::RandomKey(uint64_t seed) : value_(mix(seed)) {}

RandomKey RandomKey::with(uint64_t word) const {
  RandomKey next = *this;
  next.value_ = combine(value_, word, kWordDomain);
  return next;
}

RandomKey RandomKey::with(std::string_view word) const {
  RandomKey next = *this;
  next.value_ = combine(value_, hash_text(word), kTextDomain);
  return next;
}

uint32_t Random::next_u32() {
  if (used_ == 4) {
    buffer_ = philox4x32({static_cast<uint32_t>(block_), static_cast<uint32_t>(block_ >> 32), 0, 0},
                         {static_cast<uint32_t>(key_), static_cast<uint32_t>(key_ >> 32)});
    ++block_;
    used_ = 0;
  }
  return buffer_[static_cast<size_t>(used_++)];
}

uint64_t Random::next_u64() {
  const uint64_t low = next_u32();
  return low | static_cast<uint64_t>(next_u32()) << 32;
}

double Random::uniform() { return static_cast<double>(next_u64() >> 11) * 0x1p-53; }

double Random::uniform(double low, double high) {
  LARMOR_ASSERT(low <= high);
  const double value = low + (high - low) * uniform();
  // Rounding can reach `high`, which is promised to be left out.
  return value < high || low == high ? value : std::nextafter(high, low);
}

int64_t Random::integer(int64_t count) {
  LARMOR_ASSERT(count >= 1);
  const auto range = static_cast<uint64_t>(count);
  const uint64_t surplus = (0 - range) % range;  // 2^64 mod range: this many values would make some results likelier
  uint64_t value = next_u64();
  while (value < surplus) value = next_u64();
  return static_cast<int64_t>(value % range);
}

double Random::normal() {
  const double radius = std::sqrt(-2 * std::log(1 - uniform()));
  return radius * std::cos(2 * std::numbers::pi * uniform());
}

bool Random::chance(double probability) { return uniform() < probability; }

}  // namespace larmor
