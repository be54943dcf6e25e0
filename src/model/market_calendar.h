#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tapeline::model {

/// What a market's day is. A half day ends at 13:00, its hours after that at 17:00 (session.h).
enum class DayKind : uint8_t { full, half, closed };

/// Days on which a market is closed or closes early. Weekends are closed; a year that the calendar
/// does not cover has no holidays. A calendar without a name knows nothing: each of its days is a
/// full one, weekends included.
///
/// As text, one line that stands in the log as a setting:
///
///     calendar  none | name ' ' version ' ' first '-' last { ' ' year ':' day { ',' day } }
///     day       month and day, 'h' after it for a half day
///
///     us 1 1998-2028 1998:0101,0119,0216,0410,0525,0703,0907,1126,1127h,1224h,1225 1999:...
///
/// Years and days ascend, and no day is a Saturday or Sunday, so that one calendar has one text.
class MarketCalendar {
 public:
  static constexpr size_t kTextBytesMax = 12'288;
  static constexpr size_t kNameBytesMax = 32;

  /// A day of a calendar that is not a full one.
  struct Day {
    std::chrono::sys_days date;
    DayKind kind = DayKind::closed;
    friend bool operator==(const Day&, const Day&) = default;
  };

  MarketCalendar() = default;

  /// `invalid` says what is wrong and where. Any bytes may be given.
  static Result<MarketCalendar> parse(std::string_view text);
  /// `days` may come in any order; of one date each. `invalid` for what a text could not say.
  static Result<MarketCalendar> make(std::string name, int version, int first_year, int last_year,
                                     std::vector<Day> days);

  std::string text() const;

  /// Of a day by the market's own calendar.
  DayKind kind(std::chrono::sys_days date) const;

  const std::string& name() const { return name_; }
  const std::vector<Day>& days() const { return days_; }  ///< In order of date.

  friend bool operator==(const MarketCalendar&, const MarketCalendar&) = default;

 private:
  std::string name_;
  int version_ = 0;
  int first_year_ = 0;
  int last_year_ = 0;
  std::vector<Day> days_;
};

/// The calendar of US stocks, 1998 to 2028: config/calendar/us.toml as built in.
const MarketCalendar& us_calendar();

}  // namespace tapeline::model
