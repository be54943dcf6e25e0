#include "simulate/fixed.h"

#include <array>
#include <bit>

#include "base/check.h"

namespace tapeline::simulate {
namespace {

__extension__ using UInt128 = unsigned __int128;

constexpr int kFractionBits = 32;

/// log2(value / 2^63) in units of 2^-32, for value from 2^63 to 2^64 - 1: each squaring of a number
/// in [1, 2) yields the next bit of its logarithm.
uint64_t log2_of_mantissa(uint64_t value) {
  uint64_t result = 0;
  for (int bit = kFractionBits - 1; bit >= 0; --bit) {
    const UInt128 square = static_cast<UInt128>(value) * value;  // 2^126 to 2^128.
    const bool two_or_more = (square >> 127) != 0;
    value = static_cast<uint64_t>(square >> (two_or_more ? 64 : 63));
    if (two_or_more) result |= uint64_t{1} << bit;
  }
  return result;
}

/// log2(value) in units of 2^-32, for a positive value.
uint64_t log2_fixed(uint64_t value) {
  const int zeros = std::countl_zero(value);
  return (static_cast<uint64_t>(63 - zeros) << kFractionBits) + log2_of_mantissa(value << zeros);
}

uint64_t square_root(UInt128 value) {
  uint64_t root = 0;
  for (int bit = 63; bit >= 0; --bit) {
    const uint64_t candidate = root | (uint64_t{1} << bit);
    if (static_cast<UInt128>(candidate) * candidate <= value) root = candidate;
  }
  return root;
}

/// 2^-(2^-i) as fractions of 2^62, for i from 1 to 32.
const std::array<uint64_t, kFractionBits + 1>& roots_of_half() {
  static const auto roots = [] {
    std::array<uint64_t, kFractionBits + 1> made{};
    made[0] = uint64_t{1} << 61;
    for (size_t i = 1; i < made.size(); ++i)
      made[i] = square_root(static_cast<UInt128>(made[i - 1]) << 62);
    return made;
  }();
  return roots;
}

}  // namespace

uint32_t minus_ln(uint64_t p) {
  CHECK(p >= 1 && p <= (uint64_t{1} << 32));
  constexpr uint64_t kLn2 = 2'977'044'472;  // ln 2 in units of 2^-32.
  const uint64_t log2 = (uint64_t{32} << kFractionBits) - log2_fixed(p);
  return static_cast<uint32_t>((static_cast<UInt128>(log2) * kLn2) >> 48);
}

uint64_t exp2_minus(uint64_t x) {
  const uint64_t whole = x >> kFractionBits;
  if (whole >= 62) return 0;
  uint64_t result = uint64_t{1} << 62;
  for (size_t i = 1; i <= kFractionBits; ++i)
    if ((x >> (kFractionBits - i)) & 1)
      result = static_cast<uint64_t>((static_cast<UInt128>(result) * roots_of_half()[i]) >> 62);
  return result >> whole;
}

std::vector<uint32_t> exponential_quantiles(uint32_t size) {
  CHECK(size > 0);
  std::vector<uint32_t> quantiles;
  for (uint64_t k = 0; k < size; ++k) quantiles.push_back(minus_ln(((2 * k + 1) << 31) / size));
  return quantiles;
}

std::vector<uint64_t> zipf_weights(uint32_t count, uint32_t exponent_hundredths) {
  std::vector<uint64_t> weights;
  for (uint64_t rank = 1; rank <= count; ++rank)
    weights.push_back((exp2_minus(log2_fixed(rank) * exponent_hundredths / 100) >> 22) | 1);
  return weights;
}

WeightedDraw::WeightedDraw(const std::vector<uint64_t>& weights) : slots_(weights.size()) {
  CHECK(!weights.empty() && weights.size() <= (1 << 20));
  uint64_t total = 0;
  for (const uint64_t weight : weights) total += weight;

  // Scaled so that the average is `total`: what is above fills up what is below.
  std::vector<UInt128> scaled;
  std::vector<uint32_t> below;
  std::vector<uint32_t> above;
  for (uint32_t i = 0; i < weights.size(); ++i) {
    scaled.push_back(static_cast<UInt128>(weights[i]) * weights.size());
    (scaled[i] < total ? below : above).push_back(i);
  }
  while (!below.empty() && !above.empty()) {
    const uint32_t small = below.back();
    const uint32_t large = above.back();
    below.pop_back();
    slots_[small] = {static_cast<uint64_t>((scaled[small] << 32) / total), large};
    scaled[large] -= total - scaled[small];
    if (scaled[large] < total) {
      above.pop_back();
      below.push_back(large);
    }
  }
}

}  // namespace tapeline::simulate
