#include "model/decimal.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <limits>

namespace tapeline::model {
namespace {

std::string parsed(std::string_view text, int decimals_max = kPriceDecimalsMax) {
  const ParsedDecimal result = parse_decimal(text, decimals_max);
  switch (result.outcome) {
    case ParseOutcome::exact:
      return to_text(result.value);
    case ParseOutcome::rounded:
      return "~" + to_text(result.value);
    case ParseOutcome::malformed:
      return "malformed";
    case ParseOutcome::out_of_range:
      return "out of range";
  }
  return "?";
}

TEST(Decimal, ReadsWhatFeedsSend) {
  EXPECT_EQ(parsed("129.575"), "129.575");
  EXPECT_EQ(parsed("0.22682"), "0.22682");
  EXPECT_EQ(parsed("222457"), "222457");
  EXPECT_EQ(parsed("0.00000001"), "0.00000001");
  EXPECT_EQ(parsed("1.500"), "1.5");
  EXPECT_EQ(parsed("100"), "100");
  EXPECT_EQ(parsed("0"), "0");
  EXPECT_EQ(parsed("-0"), "0");
  EXPECT_EQ(parsed("-0.000"), "0");
  EXPECT_EQ(parsed("-3.1"), "-3.1");
  EXPECT_EQ(parsed("9223372036854775000"), "9223372036854775000");
}

TEST(Decimal, ReadsExponentsExactly) {
  EXPECT_EQ(parsed("1e5"), "100000");
  EXPECT_EQ(parsed("1E-7"), "0.0000001");
  EXPECT_EQ(parsed("1.05e2"), "105");
  EXPECT_EQ(parsed("1.05e+02"), "105");
  EXPECT_EQ(parsed("12300e-4"), "1.23");
  EXPECT_EQ(parsed("1e18"), "1000000000000000000");
  EXPECT_EQ(parsed("0e999"), "0");
  EXPECT_EQ(parsed("1e19"), "out of range");
  EXPECT_EQ(parsed("1e9999"), "out of range");
  EXPECT_EQ(parsed("1e99999"), "out of range");
  EXPECT_EQ(parsed("1e-9999"), "~0");
  EXPECT_EQ(parsed("0." + std::string(500, '0') + "1e501"), "1");
}

TEST(Decimal, RoundsExcessDecimalsHalfToEven) {
  EXPECT_EQ(parsed("0.12345678905"), "~0.123456789");
  EXPECT_EQ(parsed("0.12345678915"), "~0.1234567892");
  EXPECT_EQ(parsed("0.1234567890500000000000000000000000000000000000001"), "~0.1234567891");
  EXPECT_EQ(parsed("1.000000005", kVolumeDecimalsMax), "~1");
  EXPECT_EQ(parsed("2.000000015", kVolumeDecimalsMax), "~2.00000002");
  EXPECT_EQ(parsed("0.30000000000000004"), "~0.3");
  EXPECT_EQ(parsed("1.00000000000000"), "1");
  EXPECT_EQ(parsed("10000000000000.000000000001"), "~10000000000000");
  EXPECT_EQ(parsed("0.99999999999"), "~1");
  EXPECT_EQ(parsed("0.00000000004"), "~0");
  EXPECT_EQ(parsed("-0.00000000005"), "~0");
}

TEST(Decimal, RefusesWhatADoubleCannotCarry) {
  EXPECT_EQ(parsed("12345678901.23456789"), "out of range");
  EXPECT_EQ(parsed("1234567890.123456789"), "out of range");
  EXPECT_EQ(parsed("9223372036854775807"), "out of range");
  EXPECT_EQ(parsed("9223372036854775808"), "out of range");
  EXPECT_EQ(parsed("9007199254740993"), "out of range");
  EXPECT_EQ(parsed("9007199254740992"), "9007199254740992");
  EXPECT_EQ(parsed("1234567890.123456"), "1234567890.123456");
  EXPECT_EQ(parsed(std::string(60, '1')), "out of range");
  EXPECT_EQ(parsed(std::string(60, '1') + ".5"), "out of range");
}

TEST(Decimal, RefusesWhatIsNotAJsonNumber) {
  for (const char* text : {"", "-", "+1", "01", "-01", "1.", ".5", "1e", "1e+", "1.e5", "NaN",
                           "Infinity", "0x10", "1 ", " 1", "1,5", "--1", "1e5.5", "1_000"})
    EXPECT_EQ(parsed(text), "malformed") << text;
}

TEST(Decimal, ComparesValuesOfDifferentScale) {
  EXPECT_EQ(compare({5, 0}, {49, 1}), std::strong_ordering::greater);
  EXPECT_EQ(compare({5, 0}, {5, 0}), std::strong_ordering::equal);
  EXPECT_EQ(compare({-5, 0}, {-49, 1}), std::strong_ordering::less);
  EXPECT_EQ(compare({INT64_MAX, 0}, {INT64_MAX, 18}), std::strong_ordering::greater);
}

TEST(Decimal, IsNothingForDoublesThatAreNoAdmissibleDecimal) {
  for (const double value :
       {std::nan(""), HUGE_VAL, -HUGE_VAL, 1e19, 1e300, 1e-11, 0.1 + 0.2, 5e-324})
    EXPECT_FALSE(from_double(value, kPriceDecimalsMax)) << value;
  EXPECT_EQ(from_double(-0.0, kPriceDecimalsMax), Decimal{});
}

/// Every double whose shortest text is an admissible decimal, and many more.
rc::Gen<double> any_double() {
  return rc::gen::oneOf(
      rc::gen::map(rc::gen::arbitrary<uint64_t>(),
                   [](uint64_t bits) { return std::bit_cast<double>(bits); }),
      rc::gen::map(
          rc::gen::pair(rc::gen::inRange<int64_t>(-10'000'000'000'000'000, 10'000'000'000'000'000),
                        rc::gen::inRange(0, 12)),
          [](const std::pair<int64_t, int>& parts) {
            return static_cast<double>(parts.first) / std::pow(10.0, parts.second);
          }));
}

Decimal decimal_of_digits(int digits) {
  const auto mantissa = *rc::gen::inRange<int64_t>(0, internal::kPowers[digits]);
  const int scale = *rc::gen::inRange(0, kPriceDecimalsMax + 1);
  const int64_t sign = *rc::gen::element(-1, 1);
  return internal::normalised(sign * mantissa, scale);
}

RC_GTEST_PROP(DecimalProperty, FifteenDigitsSurviveTheWayToADoubleAndBack, ()) {
  const Decimal value = decimal_of_digits(*rc::gen::inRange(1, 16));
  const int hint = *rc::gen::inRange(0, kPriceDecimalsMax + 1);
  RC_ASSERT(from_double(to_double(value), kPriceDecimalsMax, hint) == value);
  RC_ASSERT(parse_decimal(to_text(value), kPriceDecimalsMax).value == value);
}

RC_GTEST_PROP(DecimalProperty, WhatParsesSurvivesTheWayToADoubleAndBack, ()) {
  const Decimal value = decimal_of_digits(16);
  const ParsedDecimal read = parse_decimal(to_text(value), kPriceDecimalsMax);
  RC_PRE(read.outcome == ParseOutcome::exact);
  RC_ASSERT(read.value == value);
  RC_ASSERT(from_double(to_double(value), kPriceDecimalsMax) == value);
}

RC_GTEST_PROP(DecimalProperty, TheFastWayAgreesWithTheShortestText, ()) {
  const double value = *any_double();
  const int decimals_max = *rc::gen::inRange(0, kScaleMax + 1);
  const int hint = *rc::gen::inRange(0, decimals_max + 1);
  RC_ASSERT(from_double(value, decimals_max, hint) == from_double_by_text(value, decimals_max));
}

RC_GTEST_PROP(DecimalProperty, ToDoubleIsTheNearest, ()) {
  const Decimal value{*rc::gen::arbitrary<int64_t>(), *rc::gen::inRange(0, kScaleMax + 1)};
  const std::string text = to_text(value);
  double nearest = 0;
  std::from_chars(text.data(), text.data() + text.size(), nearest);
  RC_ASSERT(to_double(value) == nearest);
}

// -------------------------------------------------------------------------------------------------

Sum sum_of(std::string_view plain) {
  Sum sum;
  sum.add(parse_decimal(plain, kPriceDecimalsMax).value);
  return sum;
}

Sum product_of(Decimal a, Decimal b) {
  Sum sum;
  sum.add_product(a, b);
  return sum;
}

TEST(Sum, IsExact) {
  Sum sum;
  sum.add_product({123456789, 9}, {1, 0});
  sum.add_product({1234567892, 10}, {200000002, 8});
  sum.add_product({3, 10}, {7, 8});
  EXPECT_EQ(to_text(sum), "0.370370369869135805");
  EXPECT_EQ(to_text(Sum()), "0");
}

TEST(Sum, IsNullForEverOnceItLeaves38Digits) {
  Sum sum = product_of({10'000'000'000, 0}, {9'999'999'999, 0});
  EXPECT_EQ(to_text(sum), "99999999990000000000");
  sum.add({9'999'999'999, 0});
  EXPECT_EQ(to_text(sum), "99999999999999999999");
  sum.add({1, 0});
  EXPECT_FALSE(sum.units());
  EXPECT_EQ(to_text(sum), "");
  sum.add({-5'000'000'000'000'000'000, 0});
  EXPECT_FALSE(sum.units());
  EXPECT_EQ(sum, Sum::from_units(std::nullopt));

  Sum other = sum_of("1");
  other.merge(sum);
  EXPECT_FALSE(other.units());
  EXPECT_FALSE(product_of({INT64_MAX, 0}, {INT64_MAX, 0}).units());
  EXPECT_FALSE(product_of({10'000'000'000, 0}, {10'000'000'000, 0}).units());
}

RC_GTEST_PROP(SumProperty, DoesNotDependOnOrderOrGrouping, ()) {
  const auto products = *rc::gen::container<std::vector<std::pair<int64_t, int64_t>>>(rc::gen::pair(
      rc::gen::inRange<int64_t>(0, INT64_MAX / 4), rc::gen::inRange<int64_t>(0, 40'000'000'000)));
  const size_t cut = *rc::gen::inRange<size_t>(0, products.size() + 1);
  const auto decimal = [](int64_t mantissa) { return Decimal{mantissa, 9}; };
  Sum forward, backward, left, right;
  for (size_t i = 0; i < products.size(); ++i) {
    const auto& [a, b] = products[i];
    forward.add_product(decimal(a), decimal(b));
    (i < cut ? left : right).add_product(decimal(a), decimal(b));
    const auto& [c, d] = products[products.size() - 1 - i];
    backward.add_product(decimal(c), decimal(d));
  }
  right.merge(left);
  RC_ASSERT(forward == backward);
  RC_ASSERT(forward == right);
}

TEST(Vwap, Has18SignificantDigitsHalfToEven) {
  EXPECT_EQ(vwap_text(sum_of("1"), sum_of("3")), "0.333333333333333333");
  EXPECT_EQ(vwap_text(sum_of("2"), sum_of("3")), "0.666666666666666667");
  EXPECT_EQ(vwap_text(sum_of("200"), sum_of("3")), "66.6666666666666667");
  EXPECT_EQ(vwap_text(sum_of("85500.25"), sum_of("1.5")), "57000.1666666666667");
  EXPECT_EQ(vwap_text(sum_of("10"), sum_of("4")), "2.5");
  EXPECT_EQ(vwap_text(sum_of("0"), sum_of("4")), "0");
  EXPECT_EQ(vwap_text(sum_of("1"), sum_of("0")), "");
  EXPECT_EQ(vwap_text(Sum::from_units(std::nullopt), sum_of("1")), "");
  EXPECT_EQ(vwap_text(sum_of("1"), Sum::from_units(std::nullopt)), "");
  // 999999999999999999.5 is a tie between an odd and an even last digit.
  EXPECT_EQ(vwap_text(product_of({1'999'999'999'999'999'999, 0}, {1, 0}), sum_of("2")),
            "1000000000000000000");
  EXPECT_EQ(vwap_text(product_of({1'999'999'999'999'999'997, 0}, {1, 0}), sum_of("2")),
            "999999999999999998");
  // 20 digits before the point, cut to 18.
  EXPECT_EQ(vwap_text(product_of({12'345'678'901, 0}, {8'000'000'009, 0}), sum_of("1")),
            "98765431319111110100");
}

RC_GTEST_PROP(VwapProperty, IsWithinHalfAUnitOfTheEighteenthDigit, ()) {
  // Checked without division: |n - q × v| ≤ half a unit, for small whole numbers.
  const auto n = *rc::gen::inRange<int64_t>(1, 1'000'000'000);
  const auto v = *rc::gen::inRange<int64_t>(1, 1'000'000'000);
  const std::string text = vwap_text(product_of({n, 0}, {1, 0}), product_of({v, 0}, {1, 0}));
  UInt128 digits = 0;
  int decimals = 0;
  bool after = false;
  for (const char c : text) {
    if (c == '.') {
      after = true;
      continue;
    }
    digits = digits * 10 + static_cast<unsigned>(c - '0');
    if (after) ++decimals;
  }
  RC_ASSERT(decimals <= 27);
  // n × 10^decimals against digits × v: below 10^9 × 10^27 and 10^18 × 10^9.
  const auto wanted =
      static_cast<Int128>(static_cast<UInt128>(n) * internal::kWidePowers[decimals]);
  const auto got = static_cast<Int128>(digits * static_cast<UInt128>(v));
  const Int128 error = wanted > got ? wanted - got : got - wanted;
  RC_ASSERT(2 * error <= static_cast<Int128>(v));
}

TEST(Decimal, PrintsAtTheEdgesOfItsWidths) {
  EXPECT_EQ(to_text(Decimal{INT64_MIN, 0}), "-9223372036854775808");
  EXPECT_EQ(to_text(Decimal{INT64_MIN, 18}), "-9.223372036854775808");
  EXPECT_EQ(to_text(Decimal{1, 18}), "0.000000000000000001");
  EXPECT_EQ(to_text(Decimal{-100, 1}), "-10");
  const auto units = [](std::string_view digits) {
    Int128 value = 0;
    for (const char digit : digits) value = value * 10 + (digit - '0');
    return to_text(Sum::from_units(value));
  };
  EXPECT_EQ(units("18446744073709551615"), "18.446744073709551615");
  EXPECT_EQ(units("18446744073709551616"), "18.446744073709551616");
  EXPECT_EQ(units("18446744073709551615999999999999999999"),
            "18446744073709551615.999999999999999999");
  EXPECT_EQ(units("18446744073709551616000000000000000000"), "18446744073709551616");
  EXPECT_EQ(units("99999999999999999999000000000000000001"),
            "99999999999999999999.000000000000000001");
  EXPECT_EQ(units("1000000000000000000000"), "1000");
}

}  // namespace
}  // namespace tapeline::model
