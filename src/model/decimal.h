#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tapeline::model {

/// 128-bit integers are an extension that both our compilers have.
__extension__ using Int128 = __int128;

/// An exact decimal: mantissa × 10^-scale, normalised (no trailing zero in the mantissa while
/// scale > 0), so that equal values have equal members. Scale is 0 to 18.
struct Decimal {
  int64_t mantissa = 0;
  int32_t scale = 0;

  friend bool operator==(const Decimal&, const Decimal&) = default;
};

/// Compares values, not members.
std::strong_ordering compare(const Decimal& a, const Decimal& b);

inline constexpr int kPriceDecimalsMax = 10;
inline constexpr int kVolumeDecimalsMax = 8;

enum class ParseOutcome {
  exact,         ///< The text's value.
  rounded,       ///< More than `decimals_max` decimals: rounded half to even.
  malformed,     ///< Not a JSON number.
  out_of_range,  ///< The mantissa does not fit, or 16 or more digits that a double cannot carry.
};

struct ParsedDecimal {
  ParseOutcome outcome = ParseOutcome::malformed;
  Decimal value;
};

/// Reads a JSON number (RFC 8259: sign, digits, fraction, exponent) exactly, then rounds it to at
/// most `decimals_max` decimals, half to even. A value that passes survives the way to the nearest
/// double and back to the shortest text (checked when it has more than 15 significant digits).
ParsedDecimal parse_decimal(std::string_view text, int decimals_max);

/// Plain, exact, without exponent or trailing zeros: "129.575", "0.22682", "5", "-3.1".
std::string to_text(const Decimal& value);
void append_text(std::string& out, const Decimal& value);

/// The nearest double. Exact way back by `from_double` for every value `parse_decimal` passes.
double to_double(const Decimal& value);

/// The decimal with the fewest digits whose nearest double is `value` (the inverse of to_double).
/// Nothing for values that are not finite, or whose shortest decimal text has more than
/// `decimals_max` decimals or does not fit. `scale_hint` is tried first; it affects speed only.
std::optional<Decimal> from_double(double value, int decimals_max, int scale_hint = 0);

/// A sum in units of 10^-18, as Avro's decimal(38,18): null for ever once it leaves
/// (-10^38, 10^38) units. Addition is commutative and associative for non-negative terms.
class Sum {
 public:
  static constexpr int kScale = 18;

  Sum() = default;
  /// `units` as stored; nothing means overflowed.
  static Sum from_units(std::optional<Int128> units);

  void add(const Decimal& value);
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

}  // namespace tapeline::model
