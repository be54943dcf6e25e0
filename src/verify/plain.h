#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/position.h"
#include "base/result.h"
#include "codec/entry.h"
#include "log/log.h"
#include "model/bar.h"
#include "model/conditions.h"
#include "model/session.h"
#include "verify/coverage.h"

/// The rules of bars said a second time, as plainly as possible: every bar keeps all its records,
/// and nothing is remembered of a bar that could be worked out from them. It shares with the
/// engine the model (decimals, sums, calendars) and the log's codec, and nothing else.
namespace tapeline::verify {

/// Which bars are worked out. What the log says of others is read for the time it tells only.
struct Scope {
  std::set<std::string, std::less<>> symbols;       ///< Empty: every symbol.
  std::optional<model::Interval> interval;          ///< Nothing: every interval.
  model::EventTime from = model::EventTime::min();  ///< start >= from
  model::EventTime to = model::EventTime::max();    ///< start < to
  bool origins = false;  ///< Records keep their origin and bars their history: for explaining.

  bool has_symbol(std::string_view symbol) const {
    return symbols.empty() || symbols.find(symbol) != symbols.end();
  }
};

/// What the log's removed beginning had said, as far as somebody else knows it.
struct Start {
  std::vector<std::string> settings;  ///< "key=value".
  struct Source {
    std::string name;
    int64_t epoch = 0;
    int64_t sequence = 0;  ///< Records up to this one of the epoch were there.
  };
  std::vector<Source> sources;
};

/// Windows that `recompute` made, though their interval was not configured when their trades came.
struct Filled {
  std::string symbol;              ///< Empty: every symbol.
  std::set<int64_t> intervals_ms;  ///< Lengths.
  model::EventTime from, to;       ///< Of starts, [from, to).
};
/// The record that says so stands behind their trades: it has to be looked for first. Errors are
/// the log's; what is damaged is passed over.
Result<std::vector<Filled>> read_filled(log::Source& log);

/// Where a record came from, for people.
struct Origin {
  Position position;
  model::IngestTime ingest_time;
  std::vector<std::string> conditions;
  int32_t flags = 0;  ///< model::TradeFlag bits.
};

/// A trade or price update. Ordered by event time, then by trade id (source, epoch, sequence).
struct Record {
  int64_t event_ms = 0;
  const std::string* source = nullptr;  ///< Lives as long as the PlainBars.
  int64_t epoch = 0;
  int64_t sequence = 0;
  model::Decimal price;
  model::Decimal volume;
  bool repeated = false;  ///< Its frame repeats an earlier one.
  model::Session session = model::Session::continuous;
  model::Rights rights;  ///< What conditions leave it in bars of basis `eligible`.
  /// The start of its day, if it may open and close a bar, or may as the first or only one of it.
  std::optional<int64_t> day_ms;
  std::vector<uint8_t> taken_by;  ///< The conditions that take something, each once, ascending.
  std::shared_ptr<const Origin> origin;  ///< Only when the scope wants it.

  bool is_price_update() const { return volume.mantissa == 0; }
  /// A trade from which conditions take something.
  bool is_restricted() const { return !is_price_update() && !rights.all(); }
  model::TradeId id() const { return {*source, epoch, sequence}; }
  friend bool operator<(const Record& a, const Record& b);
};

/// What happened to a bar, in the order of the log.
struct Event {
  enum class Kind {
    opened,     ///< Its first record came in time.
    finalized,  ///< The watermark passed its end, or its recording ended.
    revised,    ///< A record came after that, or was the first of a window that was over.
    certified,  ///< A gap became known that reaches into it.
  };
  Kind kind = Kind::opened;
  Position position;
  int64_t revision = 0;            ///< After it.
  const Record* record = nullptr;  ///< Of `opened` and `revised`.
  std::string cause;               ///< Of `finalized` and `certified`: which record did it.
};

/// A bar as the set of its records.
struct PlainBar {
  model::EventTime end;
  std::vector<const Record*> records;  ///< In the order of the log.
  bool of_recording = false;
  bool final = false;
  int64_t revision = 0;
  Certificate certificate;  ///< Fixed when it became final; only gaps rewrite it.
  std::vector<Event> history;
};

/// The records of a bar in the orders that matter.
struct BarRecords {
  std::vector<const Record*> arrived;  ///< All, in the order of the log.
  std::vector<const Record*> ordered;  ///< All, by (event time, id).
  /// What the bar shows: of the day of a stock the regular session, else all. In order.
  std::vector<const Record*> shown;
  std::vector<const Record*> pricing;  ///< Of these the trades, or the price updates if none is.

  bool is_shown(const Record* record) const {
    return std::binary_search(shown.begin(), shown.end(), record,
                              [](const Record* a, const Record* b) { return *a < *b; });
  }
};

/// What a record counts for in a bar.
struct Counts {
  bool prices = false;  ///< Open and close.
  bool ranges = false;  ///< High and low.
  bool volume = false;
  bool none() const { return !prices && !ranges && !volume; }
};

/// Applies the records of a log one after the other. One owner thread. Memory: about 150 bytes for
/// each record in the scope and interval; nothing for others.
class PlainBars {
 public:
  /// `start`: the log does not begin at its first record; what was before is known that far.
  explicit PlainBars(Scope scope, std::optional<Start> start = {}, std::vector<Filled> filled = {});
  PlainBars(const PlainBars&) = delete;
  PlainBars& operator=(const PlainBars&) = delete;

  /// The next record of the log, of whatever kind.
  void apply(const codec::EntryView& entry, Position position);

  /// Records kept: those in the scope.
  size_t held() const { return records_.size(); }

  /// By keys of basis `all`.
  const std::map<model::BarKey, PlainBar>& bars() const { return bars_; }
  /// In force at the newest record.
  const model::ConditionTable& conditions() const { return conditions_; }
  /// The bar as of the records applied so far, without `through`, of the basis of the key.
  model::Bar present(const model::BarKey& key, const PlainBar& bar) const;
  /// Conditions take something from one of its trades: there is a bar of basis `eligible`.
  static bool is_restricted(const PlainBar& bar);
  /// What a record counts for in the bar of that key and basis, which shows it.
  Counts counts(const model::BarKey& key, const Record& record) const;
  /// The event time from which on the log must be whole for the bar of that key and basis: its
  /// start, or that of a day that decides of one of its trades.
  model::EventTime needed_from(const model::BarKey& key) const;
  /// Whether the log that is left says what `present` tells of coverage.
  bool coverage_known(const model::BarKey& key) const;

  static BarRecords records_of(const model::BarKey& key, const PlainBar& bar);

 private:
  struct Source {
    std::pair<int64_t, int64_t> highest;             ///< Epoch and sequence of the newest record.
    int64_t epoch_opened = 0;                        ///< Older ones are fenced.
    std::set<std::pair<int64_t, int64_t>> replayed;  ///< Epoch and sequence of its dead letters.
    bool open = false;
    bool ended = false;  ///< A recording read to its end.
    bool feed_clock = false;
    int64_t told_us = 0;  ///< All that was sent before then had arrived, as a tick told.
    std::optional<int64_t> watermark_ms;  ///< By its ticks.
    Gaps gaps;
  };
  /// Starts that an interval has bars for: [first, second].
  using Served = std::pair<int64_t, int64_t>;
  struct Symbol {
    Symbol(std::string_view name, const model::SessionRules& sessions)
        : calendar(model::venue_class(name), sessions) {}
    model::VenueCalendar calendar;
    const std::string* owner = nullptr;  ///< The source whose ticks move it.
    bool subscribed = false;
    std::optional<int64_t> greatest_ms;
    std::optional<int64_t> watermark_ms;  ///< By its trades and by owners before.
    Subscriptions subscriptions;
    Gaps gaps;
    std::map<int64_t, std::vector<Served>> served;  ///< By length of the interval.
    /// By a day's start: of its regular trades that may open and close a bar, or may as the first
    /// or only one of their day, the least. Only of days that have bars.
    std::map<int64_t, Record> firsts;
    std::set<std::pair<int64_t, model::BarKey>> open;  ///< By end.
    std::set<model::BarKey> final;
  };
  using Symbols = std::map<std::string, Symbol, std::less<>>;

  void apply_trade(const codec::TradeView& trade);
  void apply_control(const model::Control& control);
  void apply_setting(const std::string& detail);
  void apply_epoch(const model::Control& control, const std::string& name, Source& source);
  void apply_subscription(const model::Control& control, const std::string& name, Source& source);
  void apply_tick(const model::Control& control, const std::string& name, Source& source);
  void apply_gap(const model::Control& control, const std::string& name, Source& source);

  Symbol& symbol(std::string_view name);
  void judge(Symbol& symbol, const codec::TradeView& trade, Record& record) const;
  void note_first(const std::string& name, Symbol& symbol, Record& record);
  bool serves(const std::string& name, const Symbol& symbol, model::Interval interval,
              model::EventTime start) const;
  /// False when the scope or the interval has no such bar.
  bool merge(const std::string& name, Symbol& symbol, const Record& record,
             model::Interval interval);
  bool is_filled(const std::string& name, model::Interval interval, model::EventTime start) const;
  void give(const std::string& name, Symbol& symbol, const std::string& source);
  void close(const std::string& name, Symbol& symbol, std::string_view cause);
  void close_all(Symbol& symbol, std::string_view cause);
  void finish(Symbol& symbol, const model::BarKey& key, std::string_view cause);
  void end_subscriptions(const std::string& source, int64_t to_ms);
  void change_intervals(const std::set<int64_t>& after);
  std::optional<int64_t> watermark_ms(const Symbol& symbol) const;
  Certificate certify(const Symbol& symbol, const model::BarKey& key, const PlainBar& bar,
                      int64_t until_ms) const;
  void note(PlainBar& bar, Event event) const;

  const Scope scope_;
  const bool cut_;
  const std::vector<Filled> filled_;
  Position now_;
  int64_t latency_bound_ms_;
  int64_t disorder_ms_;
  model::SessionRules sessions_;
  model::ConditionTable conditions_;
  std::set<int64_t> intervals_;
  std::map<std::string, Source, std::less<>> sources_;
  Symbols symbols_;
  std::map<model::BarKey, PlainBar> bars_;
  std::deque<Record> records_;
};

}  // namespace tapeline::verify
