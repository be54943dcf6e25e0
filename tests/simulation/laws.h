#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "codec/entry.h"
#include "model/bar.h"
#include "model/control.h"
#include "model/trade.h"
#include "store/store.h"

/// What must hold after a run, from the log's records alone, in the plainest way: sorted sets and
/// no windows. Shares with the product only the decoder of records; for what conditions and a
/// market's hours make of bars it asks the plain implementation, which knows nothing of the engine.
namespace tapeline::simulation {

/// One trade that the feed made.
struct Offered {
  std::string source;
  std::string symbol;
  int64_t event_ms = 0;
  int64_t made_ms = 0;  ///< Wall time.
  int64_t price = 0;    ///< In hundredths.
  int64_t volume = 0;   ///< Its number too, unless 0.
  int64_t sent = 0;     ///< How often.
};

/// A record of the log.
struct Record {
  Position position;
  codec::EntryKind kind = codec::EntryKind::trade;
  model::Trade trade;
  model::Control control;
};

struct Settings {
  int64_t latency_bound_ms = 0;
  int64_t disorder_ms = 0;
  std::vector<int64_t> intervals_ms;
};

/// What happened, for the laws to look at.
struct Evidence {
  Settings settings;
  std::vector<Record> records;  ///< Of the closed log, in order.
  bool damaged = false;         ///< Bits of the log were flipped: some records cannot be read.
  std::map<int64_t, Offered> offered;  ///< By number.
  std::vector<model::Bar> bars;        ///< Of the store.
  std::vector<model::Bar> plain_bars;  ///< Of the stock, both bases, by src/verify.
  std::vector<model::Gap> gaps;
  std::vector<store::SymbolRow> symbols;
  int64_t elements_spoilt = 0;  ///< Sent to be rejected, at most so many.
  int64_t calm_from_ms = 0;     ///< No fault after this.
  int64_t calm_to_ms = 0;       ///< The feed ended.
  int64_t end_ms = 0;           ///< The program was told to stop.
};

/// Sentences, one for each law that is broken; at most a few.
std::vector<std::string> violations(const Evidence& evidence);

/// Number of a trade: what identifies it among the feed's. Price updates have it in their price.
int64_t number_of(const model::Trade& trade);

inline constexpr int64_t kUpdatePriceBase = 1'000'000'000;  ///< In hundredths.

}  // namespace tapeline::simulation
