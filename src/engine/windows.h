#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "codec/entry.h"
#include "engine/state.h"
#include "model/session.h"
#include "store/store.h"

namespace tapeline::engine {

/// Puts records into windows and closes them. Works on a State; `State::now` is the position of
/// the record in hand. What reads the store can fail; it then has changed nothing that matters,
/// and the record may be applied again.
class Windows {
 public:
  Windows(State& state, store::Reader& reader) : state_(state), reader_(reader) {}

  /// The symbol of that name, made and reported to the store when it is new.
  Symbol& symbol(std::string_view name, model::IngestTime seen);

  /// Merges a record, by way of the symbol's delta, and closes what its event time closes.
  Result<> add(Symbol& symbol, SourceId source, const codec::TradeView& record);
  /// Merges a record whose event time says nothing of the present: it closes nothing.
  Result<> add_aside(Symbol& symbol, SourceId source, const codec::TradeView& record);

  /// From now on the ticks of `source` move the symbol. Its watermark never goes back.
  void give(Symbol& symbol, SourceId source);

  /// A tick moved the source's watermark: closes windows of its symbols.
  void close_by_tick(SourceId source);

  /// Every open bar is final, wherever the watermark stands.
  void close_all(Symbol& symbol);

  /// Merges the delta into its bars.
  void flush(Symbol& symbol);
  void flush_all();

  /// What is known of the symbol's coverage is about to change: its open bars will say something
  /// else then, and records before are judged by what was known.
  void touch_open(Symbol& symbol);

  /// A gap [from, to) became known: rewrites the certificates of final bars, in memory or in the
  /// store, and touches open ones. `load_overlapping` first, for each symbol; it alone can fail.
  Result<> load_overlapping(Symbol& symbol, Span gap);
  void certify_again(const std::vector<Symbol*>& symbols, Span gap);

  /// The intervals by the log changed: an added one begins with each symbol's next full window, a
  /// removed one keeps the windows that were begun.
  void change_intervals(const IntervalSet& before);

  /// From now on records go into these windows too.
  void serve_also(const Fill& fill);

  /// Takes up a row of the store, or of a snapshot; it is not in memory.
  Result<Bar*> take_up(Symbol& symbol, const store::BarRow& row);
  struct Found {
    Bar* bar = nullptr;   ///< nullptr when it does not exist, or is sealed.
    bool sealed = false;  ///< The store has it, and nothing may be merged into it (row.h).
  };
  /// The bar, from memory or the store.
  Result<Found> find(Symbol& symbol, IntervalIndex interval, model::Window window);
  /// Only in memory.
  Bar* find_in_memory(Symbol& symbol, IntervalIndex interval, int64_t start_ms);

  /// To be called when `State::ever` has changed other than by change_intervals.
  void measure_delta();

 private:
  /// Whether the log ever had trades that may lie in the window and are removed.
  static bool lost(const Symbol& symbol, const model::Window& window);
  static void serve_also(Symbol& symbol, const Fill& fill);
  /// What a record is by its conditions.
  struct Judged {
    model::Session session;
    Judgement left;
  };
  Judged judge(Symbol& symbol, const codec::TradeView& record) const;
  /// The record may change which trade counts as the first or only one of its day.
  bool may_change_day(const Symbol& symbol, const Judged& judged, const codec::TradeView& record,
                      const RecordKey& key) const;
  /// Merges such a record by itself, and tells the bars concerned.
  Result<> change_day(Symbol& symbol, const Judged& judged, const codec::TradeView& record,
                      const RecordKey& key);
  Result<std::vector<Bar*>> bars_at(Symbol& symbol, int64_t event_ms);

  void advance(Symbol& symbol, int64_t event_ms);
  Result<> open_delta(Symbol& symbol, model::EventTime time, model::Session session);
  Bar& make(Symbol& symbol, IntervalIndex interval, model::Window window);
  Result<bool> may_be_stored(Symbol& symbol, IntervalIndex interval, int64_t start_ms);
  void hold_open(Symbol& symbol, Bar& bar);
  void close_till(Symbol& symbol, int64_t watermark_ms);
  static void find_next_close(Symbol& symbol);
  void finish(Symbol& symbol, Bar& bar);
  void schedule(Symbol& symbol);
  void schedule_again(SourceId source);
  int64_t watermark_ms(const Symbol& symbol) const;

  State& state_;
  store::Reader& reader_;
  int64_t delta_ms_ = 1'000;      ///< Length of the smallest window.
  std::vector<SymbolId> active_;  ///< Symbols that may have an active delta, each once.
};

}  // namespace tapeline::engine
