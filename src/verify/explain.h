#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/bar.h"
#include "verify/verify.h"

/// One bar with everything that it is made of.
namespace tapeline::verify {

/// Parts of a bar, as bits.
enum Part : unsigned {
  kOpen = 1 << 0,
  kHigh = 1 << 1,
  kLow = 1 << 2,
  kClose = 1 << 3,
  kVolume = 1 << 4,
};
/// "open,high"; empty for none.
std::string parts_text(unsigned parts);

struct ExplainedTrade {
  model::TradeId id;
  model::EventTime event_time;
  model::Decimal price, volume;  ///< Volume zero: a price update.
  std::shared_ptr<const Origin> origin;
  bool late = false;  ///< The bar was final when it came.
  /// What it changed when it came. Whether a trade is the first or only one of its day is judged as
  /// of the log's end.
  unsigned moved = 0;
  unsigned gives = 0;    ///< What the bar has from it now; of equal highs and lows, the first.
  std::string taken;     ///< Of basis `eligible`, what conditions take from it, in words.
  std::string left_out;  ///< Why the bar does not show it; empty when it does.
};

/// A condition that trades of the bar have.
struct ExplainedCondition {
  std::string code;
  std::string name;      ///< Empty when none is known.
  std::string takes;     ///< By the newest table, in words; empty: nothing.
  int64_t trades = 0;    ///< Of the bar, with it.
  int64_t excluded = 0;  ///< Of basis `eligible`, from which it takes something.
};

struct ExplainedEvent {
  Event::Kind kind = Event::Kind::opened;
  Position position;
  int64_t revision = 0;
  std::optional<model::TradeId> id;  ///< Of the record that came.
  std::optional<model::EventTime> event_time;
  std::optional<model::IngestTime> ingest_time;
  std::string cause;
};
std::string_view to_string(Event::Kind kind);

struct Explanation {
  model::BarKey key;
  std::optional<model::Bar> bar;     ///< As the log's end has it; nothing: no record fell into it.
  std::optional<model::Bar> stored;  ///< As the store has it.
  std::vector<Difference> differences;  ///< Of the stored bar from the log, as of its `through`.
  std::vector<ExplainedEvent> history;  ///< In the order of the log, the first so many.
  uint64_t history_total = 0;
  std::vector<ExplainedTrade> trades;  ///< By (event time, id), the first so many.
  uint64_t trades_total = 0;
  uint64_t late_total = 0;
  std::vector<ExplainedCondition> conditions;  ///< By number; of all trades of the bar.
  std::vector<model::Gap> gaps;                ///< That reach into the window, the first so many.
  bool more_gaps = false;
  std::vector<std::string> damage;  ///< As in Report.
  bool cut = false;                 ///< Retention removed the log's beginning.
};

/// Reads the whole log once and keeps the bar's records (about 300 bytes each). `key.start` may be
/// any time within the window. `rows_max`: of each list; 0: no limit. Not basis `vendor`
/// (`invalid`).
Result<Explanation> explain(model::BarKey key, size_t rows_max, const Limits& limits,
                            const Ports& ports);

}  // namespace tapeline::verify
