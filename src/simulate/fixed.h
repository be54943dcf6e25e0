#pragma once

#include <cstdint>
#include <vector>

/// Logarithms, powers and random draws in integers only. The generated market must be the same on
/// every machine and compiler, which the mathematical functions of C libraries do not promise.
namespace tapeline::simulate {

/// -ln(p / 2^32) in units of 2^-16, for p from 1 to 2^32.
uint32_t minus_ln(uint64_t p);

/// 2^-x as a fraction of 2^62, for x in units of 2^-32.
uint64_t exp2_minus(uint64_t x);

/// Quantiles of the exponential distribution with mean 1, in units of 2^-16: entry k stands for
/// the probability (k + 1/2) / size.
std::vector<uint32_t> exponential_quantiles(uint32_t size);

/// Weights of ranks 1 to `count` under Zipf's law with exponent `exponent_hundredths` / 100; the
/// first is 2^40.
std::vector<uint64_t> zipf_weights(uint32_t count, uint32_t exponent_hundredths);

/// Draws an index with probability proportional to its weight, in constant time (Vose's alias
/// method).
class WeightedDraw {
 public:
  /// At least one weight, each from 1 to 2^40, at most 2^20 of them.
  explicit WeightedDraw(const std::vector<uint64_t>& weights);

  uint32_t operator()(uint64_t random) const {
    const auto slot = static_cast<uint32_t>(((random >> 32) * slots_.size()) >> 32);
    const Slot& chosen = slots_[slot];
    return static_cast<uint32_t>(random) < chosen.keep ? slot : chosen.alias;
  }

 private:
  struct Slot {
    uint64_t keep = uint64_t{1} << 32;  ///< Of 2^32: the share of this slot that stays.
    uint32_t alias = 0;
  };
  std::vector<Slot> slots_;
};

}  // namespace tapeline::simulate
