#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "model/session.h"
#include "model/trade.h"
#include "model/venue.h"

namespace tapeline::ingest::finnhub {

/// Whether a market trades at a time: stocks in New York's regular session by the calendar of the
/// US market, crypto always, forex from Sunday 17:00 to Friday 17:00 in New York: the week of spot
/// forex as brokers (OANDA's "hours of operation" among them) publish it, and the days that our
/// daily bars have. Its few holidays count as open. Of others nothing is known: never.
class MarketHours {
 public:
  MarketHours() = default;
  MarketHours(const MarketHours&) = delete;
  MarketHours& operator=(const MarketHours&) = delete;

  bool open(model::VenueClass venue, WallTime at);

 private:
  model::SessionRules rules_{model::us_calendar(), {}};
  model::VenueCalendar stocks_{model::VenueClass::stock, rules_};
  model::VenueCalendar forex_{model::VenueClass::forex};
};

/// When each subscribed symbol last traded, and which are silent although their market is open. A
/// feed that pings and sends no trades is seen by this alone. One owner.
class Staleness {
 public:
  explicit Staleness(std::chrono::milliseconds bound) : bound_(bound) {}

  void subscribed(std::string_view symbol, WallTime now);
  void unsubscribed(std::string_view symbol);
  void restart() { symbols_.clear(); }

  /// True for the symbol's first trade since it was subscribed.
  bool traded(std::string_view symbol, WallTime now);

  /// The wall clock was: what was heard of before moves along.
  void clock_set_back(std::chrono::microseconds by);

  struct Change {
    std::string symbol;
    bool stale;
  };
  /// What changed since the last call.
  std::vector<Change> check(WallTime now);

  /// As of the last `check`: of the symbols whose market is open all are stale, and one of these
  /// has traded since it was subscribed. One that never did may be one that hardly trades.
  bool all_stale(WallTime now);

  /// When it last traded or, if it never did, was subscribed; nothing of one that is not.
  std::optional<WallTime> since(std::string_view symbol) const;
  std::optional<WallTime> last_trade(std::string_view symbol) const;
  bool stale(std::string_view symbol) const;
  size_t stale_count() const;

 private:
  struct Symbol {
    model::VenueClass venue = model::VenueClass::other;
    WallTime since;  ///< Subscribed, or last traded.
    bool has_traded = false;
    bool stale = false;
  };

  bool silent(const Symbol& symbol, WallTime now);

  const std::chrono::milliseconds bound_;
  MarketHours hours_;
  std::map<std::string, Symbol, std::less<>> symbols_;
};

}  // namespace tapeline::ingest::finnhub
