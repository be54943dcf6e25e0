#include "model/digest.h"

#include <array>
#include <charconv>

#include "base/sha256.h"

namespace tapeline::model {
namespace {

constexpr size_t kDigestDigits = 32;
constexpr size_t kUsualBytes = 160;

void append_line(std::string& out, int64_t value) {
  std::array<char, 24> digits;
  out.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr);
  out += '\n';
}

void append_line(std::string& out, std::string_view text) {
  out.append(text) += '\n';
}

void append_line(std::string& out, const std::optional<Decimal>& price) {
  if (price) append_text(out, *price);
  out += '\n';
}

void append_line(std::string& out, const Sum& sum) {
  append_text(out, sum);
  out += '\n';
}

}  // namespace

std::string content_text(const Bar& bar) {
  std::string out;
  out.reserve(kUsualBytes);
  append_line(out, std::string_view("tapeline-bar-1"));
  append_line(out, bar.key.interval.ms());
  append_line(out, bar.key.start.time_since_epoch().count());
  append_line(out, to_string(bar.key.basis));
  append_line(out, to_string(bar.priced_by));
  for (const auto& price : {bar.open, bar.high, bar.low, bar.close}) append_line(out, price);
  append_line(out, bar.volume);
  append_line(out, bar.notional);
  append_line(out, bar.trade_count);
  append_line(out, bar.price_update_count);
  // Last, because it alone may hold any byte: what stands before it has a fixed number of lines.
  out += bar.key.symbol;
  return out;
}

std::string digest(const Bar& bar) {
  return sha256_hex(content_text(bar)).substr(0, kDigestDigits);
}

}  // namespace tapeline::model
