#include "ingest/finnhub/staleness.h"

#include <algorithm>
#include <utility>

namespace tapeline::ingest::finnhub {

bool MarketHours::open(model::VenueClass venue, WallTime at) {
  if (venue == model::VenueClass::crypto) return true;
  if (venue == model::VenueClass::other) return false;
  const auto time = std::chrono::floor<std::chrono::milliseconds>(at);
  if (venue == model::VenueClass::stock) return stocks_.session(time) == model::Session::regular;
  // A forex day is named by its end, 17:00 in New York, which is the same date in UTC.
  const std::chrono::weekday ends(std::chrono::floor<std::chrono::days>(forex_.day(time).end));
  return ends != std::chrono::Saturday && ends != std::chrono::Sunday;
}

void Staleness::subscribed(std::string_view symbol, WallTime now) {
  symbols_.insert_or_assign(std::string(symbol),
                            Symbol{.venue = model::venue_class(symbol), .since = now});
}

void Staleness::unsubscribed(std::string_view symbol) {
  if (const auto it = symbols_.find(symbol); it != symbols_.end()) symbols_.erase(it);
}

bool Staleness::traded(std::string_view symbol, WallTime now) {
  const auto it = symbols_.find(symbol);
  if (it == symbols_.end()) return false;
  it->second.since = now;
  return !std::exchange(it->second.has_traded, true);
}

void Staleness::clock_set_back(std::chrono::microseconds by) {
  for (auto& [name, symbol] : symbols_) symbol.since -= by;
}

/// Open now and a bound ago, and nothing heard in between: the minutes after an opening do not
/// count. For bounds longer than a session nothing is ever stale.
bool Staleness::silent(const Symbol& symbol, WallTime now) {
  return now - symbol.since >= bound_ && hours_.open(symbol.venue, now) &&
         hours_.open(symbol.venue, now - bound_);
}

std::vector<Staleness::Change> Staleness::check(WallTime now) {
  std::vector<Change> changes;
  for (auto& [name, symbol] : symbols_) {
    const bool stale = silent(symbol, now);
    if (stale == symbol.stale) continue;
    symbol.stale = stale;
    changes.push_back({name, stale});
  }
  return changes;
}

bool Staleness::all_stale(WallTime now) {
  bool one_traded = false;
  for (const auto& [name, symbol] : symbols_) {
    if (symbol.stale)
      one_traded = one_traded || symbol.has_traded;
    else if (hours_.open(symbol.venue, now))
      return false;
  }
  return one_traded;
}

std::optional<WallTime> Staleness::since(std::string_view symbol) const {
  const auto it = symbols_.find(symbol);
  return it == symbols_.end() ? std::nullopt : std::optional(it->second.since);
}

std::optional<WallTime> Staleness::last_trade(std::string_view symbol) const {
  const auto it = symbols_.find(symbol);
  if (it == symbols_.end() || !it->second.has_traded) return std::nullopt;
  return it->second.since;
}

bool Staleness::stale(std::string_view symbol) const {
  const auto it = symbols_.find(symbol);
  return it != symbols_.end() && it->second.stale;
}

size_t Staleness::stale_count() const {
  return static_cast<size_t>(
      std::ranges::count_if(symbols_, [](const auto& entry) { return entry.second.stale; }));
}

}  // namespace tapeline::ingest::finnhub
