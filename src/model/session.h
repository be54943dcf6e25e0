#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "model/bar.h"
#include "model/conditions.h"
#include "model/market_calendar.h"
#include "model/trade.h"
#include "model/venue.h"

namespace tapeline::model {

/// A part of the trading day. A stock's is told by New York's clock: pre 04:00 to 09:30, regular
/// 09:30 to 16:00, post 16:00 to 20:00, closed else; on a half day regular ends at 13:00 and post
/// at 17:00; a day on which the market is closed is `closed` as a whole. Conditions of a trade may
/// say otherwise. Every other venue is `continuous`.
enum class Session { pre, regular, post, closed, continuous };

std::string_view to_string(Session session);
std::optional<Session> parse_session(std::string_view name);

/// How sessions of stocks are told beside New York's clock.
struct SessionRules {
  MarketCalendar calendar;
  /// The regular session takes what is this much younger than its end: with 1, the prints of its
  /// last millisecond, 16:00:00.000, that the closing auction is stamped with.
  std::chrono::milliseconds closing_grace{0};

  /// The clock alone: no calendar, no grace.
  static const SessionRules& clock_only();
};

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
/// remembered, and only another day asks the time zone. One owner thread. `rules` must outlive it.
///
/// The day of a stock is New York's calendar day; of forex, 17:00 to 17:00 in New York; of all
/// others the UTC day. It has 23 or 25 hours when New York changes its clocks. Outside 1970 to
/// 9999 every day is the UTC day.
///
/// Stops the program when the system has no time zone data (package tzdata).
class VenueCalendar {
 public:
  explicit VenueCalendar(VenueClass venue, const SessionRules& rules = SessionRules::clock_only())
      : venue_(venue), rules_(&rules) {}

  /// What `rules` say has changed.
  void forget() { day_ = {}; }

  Window day(EventTime time) {
    if (!day_.contains(time)) [[unlikely]]
      turn_to(time);
    return day_;
  }

  /// The window of a bar: the day for 1d, else the UTC window.
  Window window(EventTime time, Interval interval) {
    return interval.ms() == kDayMs ? day(time) : utc_window(time, interval);
  }

  /// `extended` is `pre` or `post` by the clock, and `post` when the clock says regular (a late
  /// report); `closing` is regular until the end of post. On a closed day every trade is `closed`.
  Session session(EventTime time, SessionMark mark = SessionMark::none) {
    if (venue_ != VenueClass::stock) return Session::continuous;
    if (!day_.contains(time)) [[unlikely]]
      turn_to(time);
    if (closed_) return Session::closed;
    const bool extended = mark == SessionMark::extended;
    if (time < regular_open_) return time >= pre_open_ || extended ? Session::pre : Session::closed;
    if (extended) return Session::post;
    if (time < regular_end_) return Session::regular;
    if (time >= post_close_) return Session::closed;
    return mark == SessionMark::closing ? Session::regular : Session::post;
  }

  VenueClass venue() const { return venue_; }

 private:
  static constexpr int64_t kDayMs = 86'400'000;

  void turn_to(EventTime time);

  VenueClass venue_;
  const SessionRules* rules_;
  Window day_{};  ///< Empty at first: it contains nothing.
  // Of the day, for stocks.
  bool closed_ = false;
  EventTime pre_open_, regular_open_, regular_end_, post_close_;  ///< regular_end_ with the grace.
};

}  // namespace tapeline::model
