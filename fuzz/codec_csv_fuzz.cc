// Any bytes as rows of a recording: each becomes a trade within its limits or a reject, and writing
// its fields in quotes changes nothing.

#include "codec/csv.h"

#include <cstdint>
#include <string>

#include "base/check.h"

namespace {

using tapeline::codec::CsvRowParser;
using tapeline::codec::Element;

constexpr tapeline::model::EventTime kLatest(std::chrono::milliseconds(1'800'000'000'000));

void check_limits(const Element& row) {
  if (row.reject) return;
  CHECK(!row.trade.symbol.empty() && row.trade.symbol.size() <= 64);
  CHECK(row.trade.price.mantissa > 0 && row.trade.volume.mantissa >= 0);
  CHECK(row.trade.event_time <= kLatest);
}

bool same(const Element& a, const Element& b) {
  if (a.reject || b.reject) return a.reject == b.reject;
  const auto left = a.trade.to_trade();
  const auto right = b.trade.to_trade();
  return left.symbol == right.symbol && left.price == right.price && left.volume == right.volume &&
         left.event_time == right.event_time && left.conditions == right.conditions &&
         left.flags == right.flags;
}

std::string in_quotes(std::string_view line) {
  std::string quoted = "\"";
  for (const char c : line) {
    if (c == ',')
      quoted += "\",\"";
    else
      quoted += c;
  }
  return quoted + "\"";
}

void check_row(std::string_view line) {
  static CsvRowParser parser;
  static CsvRowParser other;
  const Element row = parser.parse(line, kLatest);
  CHECK(row.raw == line);
  check_limits(row);
  const bool plain = line.find('"') == std::string_view::npos && !line.ends_with('\r');
  if (!plain) return;
  const std::string quoted = in_quotes(line);
  CHECK(same(row, other.parse(quoted, kLatest)), "{} is another row in quotes", line);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  for (;;) {
    const size_t end = rest.find('\n');
    check_row(rest.substr(0, end));
    if (end == std::string_view::npos) return 0;
    rest.remove_prefix(end + 1);
  }
}
