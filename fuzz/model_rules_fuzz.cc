// Any bytes as rules: the first says which, the rest is the text. A calendar or condition table
// that is read has that text and no other; a file of rules that is read gives one that does.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "model/conditions.h"
#include "model/files/calendar_file.h"
#include "model/files/condition_file.h"
#include "model/market_calendar.h"

namespace {

using namespace tapeline::model;

template <typename Rules>
void check_text(std::string_view text) {
  const auto rules = Rules::parse(text);
  CHECK(!rules || rules.value().text() == text, "{}", text);
}

template <typename Rules>
void check_again(const Rules& rules) {
  // A file may name more days or codes than a setting has room for: then the text is refused.
  const auto again = Rules::parse(rules.text());
  CHECK(again ? again.value() == rules : rules.text().size() > Rules::kTextBytesMax);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0:
      check_text<MarketCalendar>(rest);
      break;
    case 1:
      check_text<ConditionTable>(rest);
      break;
    case 2:
      if (const auto file = parse_calendar_file(rest, "fuzz")) check_again(file.value());
      break;
    case 3:
      if (const auto file = parse_condition_file(rest, "fuzz")) check_again(file.value().table);
      break;
  }
  return 0;
}
