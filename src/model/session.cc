#include "model/session.h"

#include <date/tz.h>

#include <exception>

#include "model/names.h"

namespace tapeline::model {

namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;

constexpr Names<5> kNames = {"pre", "regular", "post", "closed", "continuous"};

constexpr EventTime kFirst{};
/// 9999-12-30T00:00:00Z: a day short of the last of four digits, so that days after it fit too.
constexpr EventTime kLast{milliseconds(253'402'128'000'000)};

const date::time_zone& new_york() {
  static const date::time_zone* zone = [] {
    const date::time_zone* found = nullptr;
    try {
      found = date::locate_zone("America/New_York");
    } catch (const std::exception& error) {
      CHECK(false, "the system's time zone data lack America/New_York: {}; install tzdata",
            error.what());
    }
    return found;
  }();
  return *zone;
}

/// New York's clocks change at 02:00, so no time of day used here is missing or double; `earliest`
/// makes that an assumption that cannot throw.
EventTime in_new_york(date::local_days day, milliseconds time_of_day) {
  const auto time =
      new_york().to_sys(date::local_time<milliseconds>(day + time_of_day), date::choose::earliest);
  return EventTime(time.time_since_epoch());
}

date::local_days day_in_new_york(EventTime time) {
  return date::floor<date::days>(new_york().to_local(time));
}

constexpr auto kPreOpen = hours(4);
constexpr auto kRegularOpen = hours(9) + minutes(30);
constexpr auto kRegularClose = hours(16);
constexpr auto kPostClose = hours(20);
constexpr auto kHalfDayClose = hours(13);
constexpr auto kHalfDayPostClose = hours(17);
constexpr auto kForexClose = hours(17);

}  // namespace

std::string_view to_string(Session session) {
  return name_of(kNames, session);
}

std::optional<Session> parse_session(std::string_view name) {
  return value_of<Session>(kNames, name);
}

const SessionRules& SessionRules::clock_only() {
  static const SessionRules rules;
  return rules;
}

void VenueCalendar::turn_to(EventTime time) {
  const Window utc_day = utc_window(time, Interval(kDayMs));
  const bool in_range = kFirst <= time && time < kLast;
  if (venue_ == VenueClass::stock && in_range) {
    const date::local_days day = day_in_new_york(time);
    day_ = {in_new_york(day, hours(0)), in_new_york(day + date::days(1), hours(0))};
    pre_open_ = in_new_york(day, kPreOpen);
    regular_open_ = in_new_york(day, kRegularOpen);
    const DayKind kind = rules_->calendar.kind(std::chrono::sys_days(day.time_since_epoch()));
    const bool half = kind == DayKind::half;
    closed_ = kind == DayKind::closed;
    regular_end_ = in_new_york(day, half ? kHalfDayClose : kRegularClose) + rules_->closing_grace;
    post_close_ = in_new_york(day, half ? kHalfDayPostClose : kPostClose);
  } else if (venue_ == VenueClass::forex && in_range) {
    // 17:00 belongs to the next day: at 16:59 the day ends today, at 17:00 tomorrow.
    const date::local_days today = day_in_new_york(time);
    const date::local_days last =
        time < in_new_york(today, kForexClose) ? today : today + date::days(1);
    day_ = {in_new_york(last - date::days(1), kForexClose), in_new_york(last, kForexClose)};
  } else {
    day_ = utc_day;
    closed_ = true;
  }
}

}  // namespace tapeline::model
