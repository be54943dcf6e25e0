#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/check.h"

namespace tapeline::model {

/// 128-bit integers are an extension that both our compilers have.
__extension__ using Int128 = __int128;
__extension__ using UInt128 = unsigned __int128;

/// An exact decimal: mantissa × 10^-scale, normalised (no trailing zero in the mantissa while
/// scale > 0), so that equal values have equal members. Scale is 0 to 18.
struct Decimal {
  int64_t mantissa = 0;
  int32_t scale = 0;

  friend bool operator==(const Decimal&, const Decimal&) = default;
};

/// The greatest scale of a Decimal.
inline constexpr int kScaleMax = 18;

/// Compares values, not members.
std::strong_ordering compare(const Decimal& a, const Decimal& b);

inline constexpr int kPriceDecimalsMax = 10;
inline constexpr int kVolumeDecimalsMax = 8;

enum class ParseOutcome {
  exact,         ///< The text's value.
  rounded,       ///< More than `decimals_max` decimals: rounded half to even.
  malformed,     ///< Not a JSON number.
  out_of_range,  ///< The mantissa does not fit, 16 or more digits that a double cannot carry, or
                 ///< an exponent of more than four digits.
};

struct ParsedDecimal {
  ParseOutcome outcome = ParseOutcome::malformed;
  Decimal value;
};

/// Reads a JSON number (RFC 8259: sign, digits, fraction, exponent) exactly, then rounds it to at
/// most `decimals_max` (up to kScaleMax) decimals, half to even. A value that passes survives the
/// way to the nearest double and back to the shortest text (checked when it has more than 15
/// significant digits).
ParsedDecimal parse_decimal(std::string_view text, int decimals_max);

/// Whether `text` is a JSON number, of whatever size.
bool is_number(std::string_view text);

/// Plain, exact, without exponent or trailing zeros: "129.575", "0.22682", "5", "-3.1".
std::string to_text(const Decimal& value);
void append_text(std::string& out, const Decimal& value);

/// The nearest double. Exact way back by `from_double` for every value `parse_decimal` passes.
double to_double(const Decimal& value);

/// The decimal with the fewest digits whose nearest double is `value` (the inverse of to_double).
/// Nothing for values that are not finite, or whose shortest decimal text has more than
/// `decimals_max` (up to kScaleMax) decimals or does not fit. `scale_hint` (0 to decimals_max) is
/// tried first; it affects speed only.
std::optional<Decimal> from_double(double value, int decimals_max, int scale_hint = 0);

/// The same by the standard library's shortest text: slow and plain, for what the fast way leaves
/// over and for tests.
std::optional<Decimal> from_double_by_text(double value, int decimals_max);

/// A sum in units of 10^-18, as Avro's decimal(38,18): null for ever once it leaves
/// (-10^38, 10^38) units. Addition is commutative and associative for non-negative terms.
class Sum {
 public:
  static constexpr int kScale = 18;

  Sum() = default;
  /// `units` as stored; nothing means overflowed.
  static Sum from_units(std::optional<Int128> units);

  void add(const Decimal& value);
  /// Their scales together are at most kScale.
  void add_product(const Decimal& a, const Decimal& b);
  void merge(const Sum& other);

  /// Nothing after overflow.
  std::optional<Int128> units() const { return overflowed_ ? std::nullopt : std::optional(units_); }

  friend bool operator==(const Sum&, const Sum&) = default;

 private:
  void add_units(Int128 units);
  Int128 units_ = 0;
  bool overflowed_ = false;
};

/// Plain text of a sum; empty for null.
std::string to_text(const Sum& sum);
void append_text(std::string& out, const Sum& sum);

/// notional / volume to 18 significant digits, half to even, as plain text; empty when volume is
/// zero or either sum is null.
std::string vwap_text(const Sum& notional, const Sum& volume);

// -------------------------------------------------------------------------------------------------
// Inline because the engine and the codecs call them once per trade.

namespace internal {

template <typename T, size_t count>
constexpr std::array<T, count> powers_of_ten() {
  std::array<T, count> powers{};
  T power = 1;
  for (size_t i = 0; i < count; ++i) {
    powers[i] = power;
    if (i + 1 < count) power *= 10;
  }
  return powers;
}

inline constexpr auto kPowers = powers_of_ten<int64_t, 19>();
inline constexpr auto kWidePowers = powers_of_ten<UInt128, 39>();
/// Every one of them is exact in a double.
inline constexpr auto kDoublePowers = powers_of_ten<double, 23>();

double to_double_by_text(const Decimal& value);

inline Decimal normalised(int64_t mantissa, int32_t scale) {
  while (scale > 0 && mantissa % 10 == 0) {
    mantissa /= 10;
    --scale;
  }
  return {mantissa, scale};
}

}  // namespace internal

inline std::strong_ordering compare(const Decimal& a, const Decimal& b) {
  if (a.scale == b.scale) return a.mantissa <=> b.mantissa;
  // 2^63 × 10^18 < 2^127, so neither product overflows.
  if (a.scale < b.scale)
    return Int128{a.mantissa} * internal::kPowers[b.scale - a.scale] <=> Int128{b.mantissa};
  return Int128{a.mantissa} <=> Int128{b.mantissa} * internal::kPowers[a.scale - b.scale];
}

inline double to_double(const Decimal& value) {
  // A whole number below 2^53 and a power of ten up to 10^22 are exact in a double, and a division
  // of exact operands rounds once, to the nearest (Clinger 1990).
  constexpr int64_t kExactMax = int64_t{1} << 53;
  if (value.mantissa <= kExactMax && value.mantissa >= -kExactMax) [[likely]]
    return static_cast<double>(value.mantissa) / internal::kDoublePowers[value.scale];
  return internal::to_double_by_text(value);
}

inline std::optional<Decimal> from_double(double value, int decimals_max, int scale_hint) {
  // A decimal m / 10^k of at most 15 digits is the only one of so few digits that has its nearest
  // double, so the first k that gives the double back gives the shortest text. m is found by
  // rounding value × 10^k: two roundings of at most 2^-53 each move a product below 10^15 by less
  // than 1/4, and what is found is checked by the exact division.
  constexpr double kDigits15 = 1e15;
  const double magnitude = value < 0 ? -value : value;
  int scale = scale_hint;
  if (!(magnitude * internal::kDoublePowers[scale] < kDigits15)) scale = 0;
  for (; scale <= decimals_max; ++scale) {
    const double scaled = magnitude * internal::kDoublePowers[scale];
    if (!(scaled < kDigits15 - 1)) break;
    // Cheaper than std::lround; where a sum rounds up to a half too many, the division tells.
    const auto mantissa =
        static_cast<int64_t>(scaled + 0.5);  // NOLINT(bugprone-incorrect-roundings)
    if (static_cast<double>(mantissa) / internal::kDoublePowers[scale] == magnitude)
      return internal::normalised(value < 0 ? -mantissa : mantissa, scale);
  }
  return from_double_by_text(value, decimals_max);
}

inline void Sum::add_units(Int128 units) {
  constexpr auto kLimit = static_cast<Int128>(internal::kWidePowers[38]);
  // Two terms below 10^38 add up to less than 2^127.
  units_ += units;
  if (overflowed_ || units_ >= kLimit || units_ <= -kLimit) [[unlikely]] {
    overflowed_ = true;
    units_ = 0;
  }
}

inline void Sum::add(const Decimal& value) {
  add_units(Int128{value.mantissa} * internal::kPowers[kScale - value.scale]);
}

inline void Sum::add_product(const Decimal& a, const Decimal& b) {
  const int shift = kScale - a.scale - b.scale;
  CHECK(shift >= 0, "scales {} and {} exceed the sum's", a.scale, b.scale);
  const Int128 product = Int128{a.mantissa} * b.mantissa;
  const auto bound = static_cast<Int128>(internal::kWidePowers[38 - shift]);
  if (product >= bound || product <= -bound) [[unlikely]] {
    overflowed_ = true;
    units_ = 0;
    return;
  }
  add_units(product * internal::kPowers[shift]);
}

inline void Sum::merge(const Sum& other) {
  if (other.overflowed_) overflowed_ = true;
  add_units(other.units_);
}

}  // namespace tapeline::model
