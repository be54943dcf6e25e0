#include "model/decimal.h"

#include <charconv>
#include <limits>

namespace tapeline::model {

namespace {

using internal::kWidePowers;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// A JSON number taken apart: ± digits × 10^exponent, plus something below one unit of the last
/// digit when `more` is set.
struct Scanned {
  bool negative = false;
  UInt128 digits = 0;
  int64_t exponent = 0;
  bool more = false;
};

/// The parts of a well-formed JSON number.
struct Parts {
  bool negative = false;
  std::string_view whole;
  std::string_view fraction;
  std::string_view exponent;  ///< With sign, without 'e'.
};

std::string_view take_digits(const char*& at, const char* end) {
  const char* begin = at;
  while (at != end && is_digit(*at)) ++at;
  return {begin, static_cast<size_t>(at - begin)};
}

/// RFC 8259, section 6. False when the text is not a number.
bool split(std::string_view text, Parts& parts) {
  const char* at = text.data();
  const char* end = at + text.size();
  if (at != end && *at == '-') {
    parts.negative = true;
    ++at;
  }
  parts.whole = take_digits(at, end);
  if (parts.whole.empty() || (parts.whole[0] == '0' && parts.whole.size() > 1)) return false;
  if (at != end && *at == '.') {
    ++at;
    parts.fraction = take_digits(at, end);
    if (parts.fraction.empty()) return false;
  }
  if (at != end && (*at == 'e' || *at == 'E')) {
    const char* begin = ++at;
    if (at != end && (*at == '+' || *at == '-')) ++at;
    if (take_digits(at, end).empty()) return false;
    parts.exponent = {begin, static_cast<size_t>(at - begin)};
  }
  return at == end;
}

/// More digits than any exponent of an admissible number has; keeps arithmetic on it small.
constexpr size_t kExponentDigitsMax = 4;

bool scan_exponent(std::string_view text, int64_t& exponent) {
  if (text.empty()) return true;
  const bool negative = text[0] == '-';
  if (!is_digit(text[0])) text.remove_prefix(1);
  if (text.size() > kExponentDigitsMax) return false;
  for (const char digit : text) exponent = exponent * 10 + (digit - '0');
  if (negative) exponent = -exponent;
  return true;
}

/// 38 digits are enough: a number whose whole part has more than 19 is out of range, and so the
/// 18 decimals that a Decimal may keep lie within the first 37.
constexpr int kDigitsKept = 38;

void scan_digits(std::string_view digits, int64_t exponent_step, int& kept, Scanned& scanned) {
  for (const char digit : digits) {
    if (kept < kDigitsKept) {
      scanned.digits = scanned.digits * 10 + static_cast<unsigned>(digit - '0');
      if (scanned.digits != 0) ++kept;
      scanned.exponent -= exponent_step;
    } else {
      scanned.more |= digit != '0';
      scanned.exponent += 1 - exponent_step;
    }
  }
}

/// Divides by 10^places, half to even. Tells whether anything but zeros went.
bool round_off(Scanned& scanned, int64_t places) {
  if (places >= static_cast<int64_t>(kWidePowers.size())) {
    const bool lost = scanned.digits != 0 || scanned.more;
    scanned.digits = 0;
    return lost;
  }
  const UInt128 divisor = kWidePowers[places];
  const UInt128 rest = scanned.digits % divisor;
  scanned.digits /= divisor;
  // rest < 10^38, so twice it fits.
  const bool above_half = 2 * rest > divisor || (2 * rest == divisor && scanned.more);
  const bool half = 2 * rest == divisor && !scanned.more;
  if (above_half || (half && scanned.digits % 2 == 1)) ++scanned.digits;
  return rest != 0 || scanned.more;
}

constexpr UInt128 kMantissaMax = std::numeric_limits<int64_t>::max();

int digit_count(UInt128 value) {
  int count = 0;
  while (count < static_cast<int>(kWidePowers.size()) && value >= kWidePowers[count]) ++count;
  return count;
}

ParsedDecimal finish(Scanned scanned, int decimals_max) {
  ParsedDecimal parsed{ParseOutcome::exact, {}};
  int64_t scale = -scanned.exponent;
  if (scale > decimals_max) {
    if (round_off(scanned, scale - decimals_max)) parsed.outcome = ParseOutcome::rounded;
    scale = decimals_max;
  } else if (scanned.more) {
    return {ParseOutcome::out_of_range, {}};
  }
  if (scanned.digits == 0) return parsed;
  while (scale > 0 && scanned.digits % 10 == 0) {
    scanned.digits /= 10;
    --scale;
  }
  for (; scale < 0 && scanned.digits <= kMantissaMax; ++scale) scanned.digits *= 10;
  if (scanned.digits > kMantissaMax) return {ParseOutcome::out_of_range, {}};

  const auto mantissa = static_cast<int64_t>(scanned.digits);
  parsed.value = {scanned.negative ? -mantissa : mantissa, static_cast<int32_t>(scale)};
  // Up to 15 digits always survive the way to a double and back (IEEE 754); of more, we look.
  if (scanned.digits >= kWidePowers[15] &&
      from_double(to_double(parsed.value), decimals_max) != parsed.value)
    return {ParseOutcome::out_of_range, {}};
  return parsed;
}

constexpr size_t kShortDigits = 15;

/// Room for a point, 39 digits and a scale of up to 56 (a VWAP near 10^-38 with 18 digits).
constexpr int kPlainTextMax = 80;

/// whole + fraction / 10^scale, for scales up to 18: nearly every number that is printed.
void append_short(std::string& out, bool negative, uint64_t whole, uint64_t fraction, int scale) {
  char text[kPlainTextMax];
  char* end = text;
  if (negative) *end++ = '-';
  end = std::to_chars(end, text + sizeof text, whole).ptr;
  if (fraction != 0) {
    for (; fraction % 10 == 0; --scale) fraction /= 10;
    *end = '.';
    for (int place = scale; place > 0; --place, fraction /= 10)
      end[place] = static_cast<char>('0' + fraction % 10);
    end += scale + 1;
  }
  out.append(text, static_cast<size_t>(end - text));
}

void append_plain(std::string& out, bool negative, UInt128 digits, int scale) {
  // Division of 128-bit numbers is slow: once at most, not once a digit.
  if (scale <= Sum::kScale && digits <= UINT64_MAX) {
    const auto power = static_cast<uint64_t>(internal::kPowers[static_cast<size_t>(scale)]);
    const auto small = static_cast<uint64_t>(digits);
    return append_short(out, negative, small / power, small % power, scale);
  }
  if (scale == Sum::kScale) {
    const auto power = internal::kWidePowers[Sum::kScale];
    if (const UInt128 whole = digits / power; whole <= UINT64_MAX)
      return append_short(out, negative, static_cast<uint64_t>(whole),
                          static_cast<uint64_t>(digits - whole * power), scale);
  }
  while (scale > 0 && digits % 10 == 0) {
    digits /= 10;
    --scale;
  }
  char reversed[kPlainTextMax];
  int size = 0;
  for (int place = 0; digits != 0 || place <= scale; ++place, digits /= 10) {
    if (place == scale && place > 0) reversed[size++] = '.';
    reversed[size++] = static_cast<char>('0' + static_cast<int>(digits % 10));
  }
  if (negative) out.push_back('-');
  while (size > 0) out.push_back(reversed[--size]);
}

}  // namespace

ParsedDecimal parse_decimal(std::string_view text, int decimals_max) {
  Parts parts;
  if (!split(text, parts)) return {ParseOutcome::malformed, {}};

  // What feeds send nearly always: few digits, no exponent, no excess decimals.
  if (parts.whole.size() + parts.fraction.size() <= kShortDigits && parts.exponent.empty() &&
      parts.fraction.size() <= static_cast<size_t>(decimals_max)) [[likely]] {
    int64_t mantissa = 0;
    for (const char digit : parts.whole) mantissa = mantissa * 10 + (digit - '0');
    for (const char digit : parts.fraction) mantissa = mantissa * 10 + (digit - '0');
    return {ParseOutcome::exact, internal::normalised(parts.negative ? -mantissa : mantissa,
                                                      static_cast<int32_t>(parts.fraction.size()))};
  }

  Scanned scanned{.negative = parts.negative};
  if (!scan_exponent(parts.exponent, scanned.exponent)) return {ParseOutcome::out_of_range, {}};
  int kept = 0;
  scan_digits(parts.whole, 0, kept, scanned);
  scan_digits(parts.fraction, 1, kept, scanned);
  return finish(scanned, decimals_max);
}

bool is_number(std::string_view text) {
  Parts parts;
  return split(text, parts);
}

void append_text(std::string& out, const Decimal& value) {
  const auto magnitude = value.mantissa < 0 ? -static_cast<UInt128>(value.mantissa)
                                            : static_cast<UInt128>(value.mantissa);
  append_plain(out, value.mantissa < 0, magnitude, value.scale);
}

std::string to_text(const Decimal& value) {
  std::string out;
  append_text(out, value);
  return out;
}

double internal::to_double_by_text(const Decimal& value) {
  const std::string text = to_text(value);
  double result = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), result);
  CHECK(error == std::errc() && end == text.data() + text.size(), "{}", text);
  return result;
}

std::optional<Decimal> from_double_by_text(double value, int decimals_max) {
  if (!(value - value == 0)) return std::nullopt;  // Not finite.
  char text[32];
  const auto [end, error] =
      std::to_chars(text, text + sizeof text, value, std::chars_format::scientific);
  CHECK(error == std::errc());

  // "-d.ddde±xx"
  UInt128 digits = 0;
  int64_t scale = 0;
  bool after_point = false;
  const char* at = text;
  const bool negative = *at == '-';
  if (negative) ++at;
  for (; *at != 'e'; ++at) {
    if (*at == '.') {
      after_point = true;
      continue;
    }
    digits = digits * 10 + static_cast<unsigned>(*at - '0');
    if (after_point) ++scale;
  }
  ++at;
  if (*at == '+') ++at;
  int exponent = 0;
  std::from_chars(at, end, exponent);
  scale -= exponent;

  if (digits == 0) return Decimal{};
  while (scale > 0 && digits % 10 == 0) {
    digits /= 10;
    --scale;
  }
  for (; scale < 0 && digits <= kMantissaMax; ++scale) digits *= 10;
  if (scale > decimals_max || digits > kMantissaMax) return std::nullopt;
  const auto mantissa = static_cast<int64_t>(digits);
  return Decimal{negative ? -mantissa : mantissa, static_cast<int32_t>(scale)};
}

Sum Sum::from_units(std::optional<Int128> units) {
  Sum sum;
  if (units)
    sum.add_units(*units);
  else
    sum.overflowed_ = true;
  return sum;
}

void append_text(std::string& out, const Sum& sum) {
  const std::optional<Int128> units = sum.units();
  if (!units) return;
  const UInt128 magnitude =
      *units < 0 ? -static_cast<UInt128>(*units) : static_cast<UInt128>(*units);
  append_plain(out, *units < 0, magnitude, Sum::kScale);
}

std::string to_text(const Sum& sum) {
  std::string out;
  append_text(out, sum);
  return out;
}

namespace {

/// The next digit of rest / divisor; leaves the new rest. 10 × rest may exceed 128 bits, so it is
/// built by doubling (10 = binary 1010) and reduced at each step: both terms stay below 2 × 10^38.
unsigned next_digit(UInt128& rest, UInt128 divisor) {
  UInt128 reduced = 0;
  unsigned digit = 0;
  const auto reduce = [&] {
    if (reduced >= divisor) {
      reduced -= divisor;
      ++digit;
    }
  };
  for (const bool bit : {true, false, true, false}) {
    reduced *= 2;
    digit *= 2;
    reduce();
    if (bit) {
      reduced += rest;
      reduce();
    }
  }
  rest = reduced;
  return digit;
}

constexpr int kVwapDigits = 18;

}  // namespace

std::string vwap_text(const Sum& notional, const Sum& volume) {
  if (!notional.units() || !volume.units() || *volume.units() == 0) return {};
  const bool negative = (*notional.units() < 0) != (*volume.units() < 0);
  const auto magnitude = [](Int128 value) {
    return value < 0 ? -static_cast<UInt128>(value) : static_cast<UInt128>(value);
  };
  const UInt128 divisor = magnitude(*volume.units());
  UInt128 digits = magnitude(*notional.units()) / divisor;
  UInt128 rest = magnitude(*notional.units()) % divisor;
  if (digits == 0 && rest == 0) return "0";

  int scale = 0;
  bool above_half = false;
  bool half = false;
  const int whole_digits = digit_count(digits);
  if (whole_digits > kVwapDigits) {
    // 123 / 10^places, with the division's own rest below the last digit.
    const int places = whole_digits - kVwapDigits;
    const UInt128 unit = kWidePowers[places];
    const UInt128 cut = digits % unit;
    digits /= unit;
    above_half = 2 * cut > unit || (2 * cut == unit && rest != 0);
    half = 2 * cut == unit && rest == 0;
    scale = -places;
  } else {
    for (; digits < kWidePowers[kVwapDigits - 1]; ++scale)
      digits = digits * 10 + next_digit(rest, divisor);
    above_half = 2 * rest > divisor;
    half = 2 * rest == divisor;
  }
  if (above_half || (half && digits % 2 == 1)) ++digits;
  for (; scale < 0; ++scale) digits *= 10;

  std::string out;
  append_plain(out, negative, digits, scale);
  return out;
}

}  // namespace tapeline::model
