#pragma once

#include <cstdint>

namespace tapeline {

/// A seeded generator (xoshiro256** by Blackman and Vigna, seeded by splitmix64): the same seed
/// gives the same numbers on every machine. Passed in wherever chance is wanted. Not for secrets.
/// One owner; not thread-safe.
class Random {
 public:
  explicit Random(uint64_t seed);

  uint64_t next();

  /// Uniform in [0, bound). `bound` is positive.
  uint64_t below(uint64_t bound);

  /// Uniform in [0, 1).
  double unit();

  /// True with the given probability, 0 to 1.
  bool chance(double probability) { return unit() < probability; }

 private:
  uint64_t state_[4];
};

/// A seed nobody can foresee, from the operating system; for jitter in production.
uint64_t random_seed();

}  // namespace tapeline
