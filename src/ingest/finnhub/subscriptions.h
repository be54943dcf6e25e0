#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace tapeline::ingest::finnhub {

enum class SymbolState {
  waiting,     ///< To be asked for; also while there is no connection.
  subscribed,  ///< Asked for on the present connection; the feed does not acknowledge.
  refused,     ///< The feed called it invalid; asked for again later.
  over_cap,    ///< The feed's limit is reached; asked for when a place is free.
};
std::string_view to_string(SymbolState state);

/// Which symbols are wanted, which are asked for, and what the feed said about them. Pure: time is
/// passed in, nothing is sent. One owner.
class Subscriptions {
 public:
  static constexpr size_t kWantedMax = 10'000;
  static constexpr size_t kSymbolBytesMax = 64;

  struct Options {
    size_t cap = 50;  ///< The plan's limit; a lower one is learned.
    std::chrono::milliseconds refused_retry{2'700'000};
    std::chrono::milliseconds cap_retry{3'600'000};
  };

  explicit Subscriptions(const Options& options) : options_(options), cap_(options.cap) {}

  struct Symbol {
    SymbolState state = SymbolState::waiting;
    std::string reason;        ///< The feed's words, of `refused` and `over_cap`.
    BootTime refused_at{0};    ///< Of `refused`.
    BootTime retry_at{0};      ///< Of `refused`.
    int refusals = 0;          ///< In a row.
    uint64_t asked_order = 0;  ///< Of `subscribed`: greater is later.
  };

  /// `invalid` for text that is no symbol, `full` beyond kWantedMax. Wanted already is fine.
  Result<> add(std::string_view symbol);
  /// False when it was not wanted. `was_subscribed` tells whether to unsubscribe.
  bool remove(std::string_view symbol, bool& was_subscribed);

  /// A connection was made or lost: everything is to be asked for again, except what is refused.
  void restart();

  /// The next symbol to ask for, now `subscribed`; nothing when all is asked for or no place free.
  std::optional<std::string> next(BootTime now);
  /// When `next` may have something although it has not now; nothing: only after a change.
  std::optional<BootTime> next_at() const;

  /// "Subscribing to too many symbols": the one to unsubscribe, which is the last asked for. The
  /// limit is lowered to the rest. Nothing when none is subscribed.
  std::optional<std::string> too_many(std::string_view words, BootTime now);
  /// "Invalid symbol S". False when S is not subscribed.
  bool invalid(std::string_view symbol, std::string_view words, BootTime now);

  /// A trade of it came: the feed knows it.
  void traded(std::string_view symbol);

  size_t cap() const { return cap_; }
  bool cap_learned() const { return cap_ < options_.cap; }
  size_t count(SymbolState state) const;
  const std::map<std::string, Symbol, std::less<>>& all() const { return symbols_; }

 private:
  const Options options_;
  size_t cap_;
  std::optional<BootTime> probe_at_;  ///< When one more than the learned limit is tried.
  std::map<std::string, Symbol, std::less<>> symbols_;
  std::vector<std::string> order_;  ///< As wanted: earlier ones have the right of way.
  uint64_t asked_ = 0;
};

}  // namespace tapeline::ingest::finnhub
