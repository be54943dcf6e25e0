#include "model/time.h"

#include <algorithm>
#include <charconv>
#include <chrono>

namespace tapeline::model {
namespace {

using std::chrono::days;
using std::chrono::duration_cast;
using std::chrono::floor;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::sys_days;
using std::chrono::year_month_day;

constexpr sys_days kFirstDay{std::chrono::year{0} / 1 / 1};
constexpr sys_days kLastDay{std::chrono::year{9999} / 12 / 31};

void append_digits(std::string& out, int64_t value, int width) {
  char digits[8];
  for (int i = width - 1; i >= 0; --i, value /= 10) digits[i] = static_cast<char>('0' + value % 10);
  out.append(digits, static_cast<size_t>(width));
}

template <typename Time>
void append(std::string& out, Time time, int fraction_digits) {
  using Unit = typename Time::duration;
  time = std::clamp<Time>(time, kFirstDay, Time(kLastDay + days(1)) - Unit(1));
  const auto day = floor<days>(time);
  const year_month_day date{day};
  const Unit rest = time - day;
  const int64_t second = duration_cast<seconds>(rest).count();
  append_digits(out, static_cast<int>(date.year()), 4);
  out += '-';
  append_digits(out, static_cast<unsigned>(date.month()), 2);
  out += '-';
  append_digits(out, static_cast<unsigned>(date.day()), 2);
  out += 'T';
  append_digits(out, second / 3600, 2);
  out += ':';
  append_digits(out, second / 60 % 60, 2);
  out += ':';
  append_digits(out, second % 60, 2);
  out += '.';
  append_digits(out, (rest - seconds(second)).count(), fraction_digits);
  out += 'Z';
}

/// Takes `width` digits off the front of `text`; nothing if they are not there.
std::optional<int> take_digits(std::string_view& text, size_t width) {
  if (text.size() < width) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(0, width)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(width);
  return value;
}

bool take(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<sys_days> take_date(std::string_view& text) {
  const auto year = take_digits(text, 4);
  if (!year || !take(text, "-")) return std::nullopt;
  const auto month = take_digits(text, 2);
  if (!month || !take(text, "-")) return std::nullopt;
  const auto day = take_digits(text, 2);
  if (!day) return std::nullopt;
  const year_month_day date{std::chrono::year{*year},
                            std::chrono::month{static_cast<unsigned>(*month)},
                            std::chrono::day{static_cast<unsigned>(*day)}};
  if (!date.ok()) return std::nullopt;
  return sys_days{date};
}

std::optional<microseconds> take_clock(std::string_view& text) {
  const auto hour = take_digits(text, 2);
  if (!hour || *hour > 23 || !take(text, ":")) return std::nullopt;
  const auto minute = take_digits(text, 2);
  if (!minute || *minute > 59) return std::nullopt;
  int second = 0;
  if (take(text, ":")) {
    const auto given = take_digits(text, 2);
    if (!given || *given > 60) return std::nullopt;
    second = *given;
  }
  microseconds sum = std::chrono::hours(*hour) + std::chrono::minutes(*minute) + seconds(second);
  if (take(text, ".")) {
    int64_t unit = 100'000;
    size_t digits = 0;
    for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; ++digits, unit /= 10) {
      sum += microseconds((text.front() - '0') * unit);
      text.remove_prefix(1);
    }
    if (digits == 0) return std::nullopt;
  }
  return sum;
}

std::optional<std::chrono::minutes> take_offset(std::string_view& text) {
  if (take(text, "Zz")) return std::chrono::minutes(0);
  const bool west = !text.empty() && text.front() == '-';
  if (!take(text, "+-")) return std::nullopt;
  const auto hours = take_digits(text, 2);
  if (!hours || *hours > 23 || !take(text, ":")) return std::nullopt;
  const auto minutes = take_digits(text, 2);
  if (!minutes || *minutes > 59) return std::nullopt;
  const auto offset = std::chrono::hours(*hours) + std::chrono::minutes(*minutes);
  return west ? -offset : offset;
}

}  // namespace

void append_time(std::string& out, EventTime time) {
  append(out, time, 3);
}

void append_time(std::string& out, IngestTime time) {
  append(out, time, 6);
}

std::string time_text(EventTime time) {
  std::string out;
  append_time(out, time);
  return out;
}

std::string time_text(IngestTime time) {
  std::string out;
  append_time(out, time);
  return out;
}

std::optional<IngestTime> parse_time(std::string_view text) {
  constexpr int64_t kMillisecondsMax = INT64_MAX / 1000;
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size()) {
    if (number > kMillisecondsMax || number < -kMillisecondsMax) return std::nullopt;
    return IngestTime(milliseconds(number));
  }
  const auto day = take_date(text);
  if (!day) return std::nullopt;
  if (text.empty()) return IngestTime(*day);
  if (!take(text, "Tt ")) return std::nullopt;
  const auto clock = take_clock(text);
  if (!clock) return std::nullopt;
  const auto offset = take_offset(text);
  if (!offset || !text.empty()) return std::nullopt;
  return IngestTime(*day) + *clock - *offset;
}

}  // namespace tapeline::model
