// Any bytes as a number: the first says how many decimals are allowed, the rest is the text. What
// is read survives the way to text and to a double and back, and agrees with the standard library.

#include "model/decimal.h"

#include <charconv>
#include <cstdint>
#include <cstring>

#include "base/check.h"

namespace {

using namespace tapeline::model;

void check_text(std::string_view text, int decimals_max) {
  const ParsedDecimal parsed = parse_decimal(text, decimals_max);
  CHECK((parsed.outcome == ParseOutcome::malformed) == !is_number(text));
  if (parsed.outcome == ParseOutcome::malformed || parsed.outcome == ParseOutcome::out_of_range)
    return;
  CHECK(parsed.value.scale >= 0 && parsed.value.scale <= decimals_max);

  const ParsedDecimal again = parse_decimal(to_text(parsed.value), decimals_max);
  CHECK(again.outcome == ParseOutcome::exact && again.value == parsed.value, "{}", text);
  CHECK(from_double(to_double(parsed.value), decimals_max, decimals_max) == parsed.value, "{}",
        text);

  if (parsed.outcome != ParseOutcome::exact) return;
  double nearest = 0;
  std::from_chars(text.data(), text.data() + text.size(), nearest);
  CHECK(to_double(parsed.value) == nearest, "{}", text);
}

void check_double(std::string_view bytes, int decimals_max) {
  double value = 0;
  if (bytes.size() < sizeof value) return;
  std::memcpy(&value, bytes.data(), sizeof value);
  CHECK(from_double(value, decimals_max) == from_double_by_text(value, decimals_max), "{}", value);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const int decimals_max = data[0] % (kScaleMax + 1);
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  check_text(rest, decimals_max);
  check_double(rest, decimals_max);
  return 0;
}
