#pragma once

#include <optional>
#include <string_view>

#include "model/bar.h"
#include "model/trade.h"
#include "model/venue.h"

namespace tapeline::model {

/// A part of the trading day. A stock's is told by New York's clock: pre 04:00 to 09:30, regular
/// 09:30 to 16:00, post 16:00 to 20:00, closed else. Weekends and holidays are not told apart.
/// Every other venue is `continuous`.
enum class Session { pre, regular, post, closed, continuous };

std::string_view to_string(Session session);
std::optional<Session> parse_session(std::string_view name);

/// Finnhub's conditions 24 (Form T) and 25 (extended hours, sold out of sequence).
inline bool says_extended_hours(std::string_view condition) {
  return condition == "24" || condition == "25";
}

/// [start, end)
struct Window {
  EventTime start, end;

  bool contains(EventTime time) const { return start <= time && time < end; }
  friend bool operator==(const Window&, const Window&) = default;
};

/// The window of a length that divides the UTC day (every interval but 1d of stocks and forex):
/// multiples of the interval since 1970. Also right for times before 1970.
inline Window utc_window(EventTime time, Interval interval) {
  const int64_t ms = time.time_since_epoch().count();
  int64_t rest = ms % interval.ms();
  if (rest < 0) rest += interval.ms();
  const EventTime start(std::chrono::milliseconds(ms - rest));
  return {start, start + std::chrono::milliseconds(interval.ms())};
}

/// Days, windows and sessions of one venue class. Cheap while times stay in one day: its edges are
/// remembered, and only another day asks the time zone. One owner thread.
///
/// The day of a stock is New York's calendar day; of forex, 17:00 to 17:00 in New York; of all
/// others the UTC day. It has 23 or 25 hours when New York changes its clocks. Outside 1970 to
/// 9999 every day is the UTC day.
///
/// Stops the program when the system has no time zone data (package tzdata).
class VenueCalendar {
 public:
  explicit VenueCalendar(VenueClass venue) : venue_(venue) {}

  Window day(EventTime time) {
    if (!day_.contains(time)) [[unlikely]]
      turn_to(time);
    return day_;
  }

  /// The window of a bar: the day for 1d, else the UTC window.
  Window window(EventTime time, Interval interval) {
    return interval.ms() == kDayMs ? day(time) : utc_window(time, interval);
  }

  /// `extended_hours`: a condition of the trade says so. It is then `pre` or `post` by the clock,
  /// and `post` when the clock says regular (a late report).
  Session session(EventTime time, bool extended_hours = false) {
    if (venue_ != VenueClass::stock) return Session::continuous;
    if (!day_.contains(time)) [[unlikely]]
      turn_to(time);
    if (time < regular_open_)
      return time >= pre_open_ || extended_hours ? Session::pre : Session::closed;
    if (extended_hours) return Session::post;
    if (time < regular_close_) return Session::regular;
    return time < post_close_ ? Session::post : Session::closed;
  }

  VenueClass venue() const { return venue_; }

 private:
  static constexpr int64_t kDayMs = 86'400'000;

  void turn_to(EventTime time);

  VenueClass venue_;
  Window day_{};  ///< Empty at first: it contains nothing.
  // Of the day, for stocks.
  EventTime pre_open_, regular_open_, regular_close_, post_close_;
};

}  // namespace tapeline::model
