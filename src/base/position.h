#pragma once

#include <compare>
#include <cstdint>

#include "base/check.h"

namespace tapeline {

/// The place of a record in a log (of one partition): generation in 15 bits above the record's
/// ordinal in 48 bits, so that positions compare as numbers and stay positive in 64 bits. A
/// generation is raised when bars are made anew. "Nothing yet" is position zero; the first
/// record of a log has ordinal 1.
class Position {
 public:
  static constexpr int kOrdinalBits = 48;
  static constexpr uint64_t kOrdinalMax = (uint64_t{1} << kOrdinalBits) - 1;
  static constexpr uint64_t kGenerationMax = (uint64_t{1} << 15) - 1;

  constexpr Position() = default;
  Position(uint64_t generation, uint64_t ordinal)
      : raw_(static_cast<int64_t>((generation << kOrdinalBits) | ordinal)) {
    CHECK(generation <= kGenerationMax && ordinal <= kOrdinalMax);
  }
  static constexpr Position from_raw(int64_t raw) {
    Position position;
    position.raw_ = raw;
    return position;
  }

  constexpr int64_t raw() const { return raw_; }
  constexpr uint64_t generation() const { return static_cast<uint64_t>(raw_) >> kOrdinalBits; }
  constexpr uint64_t ordinal() const { return static_cast<uint64_t>(raw_) & kOrdinalMax; }

  /// The place `records` further on in the same generation.
  constexpr Position plus(uint64_t records) const {
    return from_raw(raw_ + static_cast<int64_t>(records));
  }

  friend constexpr auto operator<=>(Position, Position) = default;

 private:
  int64_t raw_ = 0;
};

}  // namespace tapeline
