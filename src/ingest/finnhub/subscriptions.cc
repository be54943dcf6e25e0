#include "ingest/finnhub/subscriptions.h"

#include <algorithm>

#include "base/mutant.h"

namespace tapeline::ingest::finnhub {
namespace {

/// A refused symbol waits at most 2^3 times as long as the first time.
constexpr int kDoublingsMax = 3;

bool is_symbol(std::string_view text) {
  return !text.empty() && text.size() <= Subscriptions::kSymbolBytesMax && text.front() != ' ' &&
         text.back() != ' ' && std::ranges::all_of(text, [](char c) {
           return c >= ' ' && c != '"' && c != '\\' && c < 0x7f;
         });
}

}  // namespace

std::string_view to_string(SymbolState state) {
  switch (state) {
    case SymbolState::waiting:
      return "waiting";
    case SymbolState::subscribed:
      return "subscribed";
    case SymbolState::refused:
      return "refused";
    case SymbolState::over_cap:
      return "over_cap";
  }
  CHECK(false);
  return {};
}

Result<> Subscriptions::add(std::string_view symbol) {
  if (!is_symbol(symbol))
    return make_error(ErrorCode::invalid,
                      "feed: '{}' is no symbol: 1 to {} printable ASCII characters without quotes, "
                      "such as AAPL or BINANCE:BTCUSDT",
                      symbol.substr(0, kSymbolBytesMax), kSymbolBytesMax);
  if (symbols_.contains(symbol)) return {};
  if (symbols_.size() >= kWantedMax)
    return make_error(ErrorCode::full, "feed: cannot add '{}': {} symbols are wanted already",
                      symbol, kWantedMax);
  symbols_.emplace(symbol, Symbol());
  order_.emplace_back(symbol);
  return {};
}

bool Subscriptions::remove(std::string_view symbol, bool& was_subscribed) {
  const auto it = symbols_.find(symbol);
  if (it == symbols_.end()) return false;
  was_subscribed = it->second.state == SymbolState::subscribed;
  symbols_.erase(it);
  std::erase(order_, symbol);
  return true;
}

void Subscriptions::restart() {
  for (auto& [name, symbol] : symbols_)
    if (symbol.state != SymbolState::refused &&
        !(mutated(Mutant::resubscription_forgotten) && name == symbols_.begin()->first))
      symbol.state = SymbolState::waiting;
}

std::optional<std::string> Subscriptions::next(BootTime now) {
  const size_t subscribed = count(SymbolState::subscribed);
  const bool probe = probe_at_ && *probe_at_ <= now;
  const size_t places = cap_ + (probe ? 1 : 0);
  for (const std::string& name : order_) {
    Symbol& symbol = symbols_.find(name)->second;
    if (symbol.state == SymbolState::subscribed) continue;
    if (symbol.state == SymbolState::refused && now < symbol.retry_at) continue;
    if (subscribed >= places) {
      if (symbol.state == SymbolState::waiting) {
        symbol.state = SymbolState::over_cap;
        symbol.reason = cap_learned() ? "the feed allows no more symbols"
                                      : "more symbols than feed.symbols_max";
      }
      continue;
    }
    if (probe && subscribed >= cap_) {
      // Until the feed objects, the limit is one higher; it is tried again an interval from now.
      cap_ = subscribed + 1;
      probe_at_ = cap_learned() ? std::optional(now + options_.cap_retry) : std::nullopt;
    }
    symbol.state = SymbolState::subscribed;
    symbol.reason.clear();
    symbol.asked_order = ++asked_;
    return name;
  }
  return std::nullopt;
}

std::optional<BootTime> Subscriptions::next_at() const {
  std::optional<BootTime> at;
  const bool room = count(SymbolState::subscribed) < cap_;
  for (const auto& [name, symbol] : symbols_) {
    if (symbol.state == SymbolState::refused && room && (!at || symbol.retry_at < *at))
      at = symbol.retry_at;
    if (symbol.state == SymbolState::over_cap && !room && probe_at_ && (!at || *probe_at_ < *at))
      at = probe_at_;
  }
  return at;
}

std::optional<std::string> Subscriptions::too_many(std::string_view words, BootTime now) {
  auto last = symbols_.end();
  for (auto it = symbols_.begin(); it != symbols_.end(); ++it) {
    if (it->second.state != SymbolState::subscribed) continue;
    if (last == symbols_.end() || it->second.asked_order > last->second.asked_order) last = it;
  }
  if (last == symbols_.end()) return std::nullopt;
  last->second.state = SymbolState::over_cap;
  last->second.reason = words;
  cap_ = count(SymbolState::subscribed);
  probe_at_ = now + options_.cap_retry;
  return last->first;
}

bool Subscriptions::invalid(std::string_view name, std::string_view words, BootTime now) {
  const auto it = symbols_.find(name);
  if (it == symbols_.end() || it->second.state != SymbolState::subscribed) return false;
  Symbol& symbol = it->second;
  symbol.state = SymbolState::refused;
  symbol.reason = words;
  symbol.refused_at = now;
  symbol.retry_at =
      now + options_.refused_retry * (int64_t{1} << std::min(symbol.refusals, kDoublingsMax));
  ++symbol.refusals;
  return true;
}

void Subscriptions::traded(std::string_view symbol) {
  if (const auto it = symbols_.find(symbol); it != symbols_.end()) it->second.refusals = 0;
}

size_t Subscriptions::count(SymbolState state) const {
  return static_cast<size_t>(std::ranges::count_if(
      symbols_, [&](const auto& entry) { return entry.second.state == state; }));
}

}  // namespace tapeline::ingest::finnhub
