#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/position.h"
#include "model/decimal.h"
#include "model/trade.h"

namespace tapeline::model {

/// The length of a bar. One of the known lengths, each a multiple of those before it.
class Interval {
 public:
  constexpr Interval() = default;
  constexpr explicit Interval(int64_t ms) : ms_(ms) {}
  constexpr int64_t ms() const { return ms_; }
  friend constexpr auto operator<=>(Interval, Interval) = default;

 private:
  int64_t ms_ = 0;
};

/// 1s, 5s, 15s, 1m, 5m, 15m, 30m, 1h, 4h, 1d.
const std::vector<Interval>& known_intervals();
/// "1m" for 60,000 ms.
std::string_view to_text(Interval interval);
std::optional<Interval> parse_interval(std::string_view text);

enum class Basis { all, eligible, vendor };
std::string_view to_string(Basis basis);
std::optional<Basis> parse_basis(std::string_view text);

enum class PricedBy { trades, updates, none };
std::string_view to_string(PricedBy priced_by);
std::optional<PricedBy> parse_priced_by(std::string_view text);

enum class CoverageKind { unknown, assumed, confirmed };
std::string_view to_string(CoverageKind kind);
std::optional<CoverageKind> parse_coverage_kind(std::string_view text);

struct BarKey {
  std::string symbol;
  Interval interval;
  EventTime start;
  Basis basis = Basis::all;

  friend auto operator<=>(const BarKey&, const BarKey&) = default;
};

/// How many trades of a bar a condition takes something from.
struct ExcludedBy {
  int code = 0;  ///< As model::Condition has it.
  int64_t count = 0;

  friend bool operator==(const ExcludedBy&, const ExcludedBy&) = default;
};
/// By code, ascending, each once, none of zero.
using Exclusions = std::vector<ExcludedBy>;
void count_excluded(Exclusions& of, int code, int64_t count);
/// "12:3 32:1"; empty for none. The way back gives nothing for other text.
std::string to_text(const Exclusions& of);
std::optional<Exclusions> parse_exclusions(std::string_view text);

/// The aggregate of one symbol, interval, start and basis, as people see it. It exists if and only
/// if a trade or price update fell into its window [start, end).
struct Bar {
  BarKey key;
  EventTime end;  ///< start + interval, except days of 23 or 25 hours.

  // Content: a function of the set of its trades.
  PricedBy priced_by = PricedBy::none;
  std::optional<Decimal> open, high, low, close;  ///< All or none are present.
  Sum volume, notional;
  int64_t trade_count = 0;
  int64_t price_update_count = 0;

  // Certificate: how it was received.
  int64_t excluded_count =
      0;                   ///< Of basis `eligible`: trades from which conditions take something.
  Exclusions excluded_by;  ///< Of these, by condition; a trade may have several.
  int64_t suspect_duplicate_count = 0;  ///< Trades and price updates that carry kRepeated.
  CoverageKind coverage_kind = CoverageKind::unknown;
  std::optional<int64_t> coverage_ms;  ///< Connected and subscribed; nothing when unknown.
  bool gap = false;                    ///< A gap reaches into the window.
  TradeId first_id, last_id;           ///< Of its trades and price updates by (event time, id).

  // History.
  int64_t revision = 0;  ///< Records merged after it was final.
  bool final = false;    ///< The watermark passed its end.
  Position through;      ///< Every record up to here that belongs to it is merged.
};

/// An interval in which we cannot have seen all trades.
struct Gap {
  std::string source;
  std::optional<std::string> symbol;  ///< Nothing: every symbol of the source.
  IngestTime from, to;
  std::string cause;  ///< A GapCause's name.
  Position position;  ///< Of its record.
};

}  // namespace tapeline::model
