#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/position.h"
#include "base/result.h"
#include "model/bar.h"

/// Where bars, gaps, symbols and checkpoints are kept and asked for. Every implementation passes
/// tests/contract/store_contract.h.
namespace tapeline::store {

/// A bar with what is needed to merge further records into it. `state` is the engine's, opaque
/// here (a partial per session).
struct BarRow {
  model::Bar bar;
  std::string state;
};

/// A symbol that was subscribed or seen.
struct SymbolRow {
  std::string symbol;
  std::string venue_class;  ///< "stock", "crypto", "forex", "other".
  std::string state;        ///< "subscribed", "refused", "unsubscribed", "seen".
  std::string detail;       ///< The feed's words on refusal.
  model::IngestTime since;
  Position position;  ///< Of the record that said so; a greater one wins.
};

/// A position such that everything before and at it is in the store, and the engine's state there
/// (opaque, versioned and checksummed by its writer).
struct Checkpoint {
  Position position;
  std::string state;
};

/// What is written together or not at all. Upserts: a bar or symbol replaces one with a smaller
/// position (`through`, `SymbolRow::position`) and is ignored otherwise. A gap is known by its
/// position: the same one again changes nothing. A checkpoint replaces one that is not further on.
struct Commit {
  /// Bars that the log does not have: taken out before `bars` are put in, whatever their `through`.
  std::vector<model::BarKey> removed;
  std::vector<BarRow> bars;
  std::vector<model::Gap> gaps;
  std::vector<SymbolRow> symbols;
  std::optional<Checkpoint> checkpoint;
};

/// One owner thread. One writer at a time.
class Writer {
 public:
  virtual ~Writer() = default;
  /// When it returns, readers see all of it; after an error, nothing of it (it may be written
  /// again). `full`: the disk or store.bytes_max; `corrupt`: the file is damaged.
  virtual Result<> write(const Commit& commit) = 0;
};

struct BarQuery {
  std::string symbol{};  ///< Empty: every symbol.
  std::optional<model::Interval> interval{};
  model::Basis basis = model::Basis::all;
  model::EventTime from = model::EventTime::min();  ///< start >= from
  model::EventTime to = model::EventTime::max();    ///< start < to
  size_t limit = 0;                                 ///< 0: no limit.
  bool newest = false;  ///< The newest `limit` bars instead of the oldest; the order stays
                        ///< ascending. Needs a symbol, an interval and a limit, else `invalid`.
};

/// Reads what is committed. One owner thread each; make one per thread.
class Reader {
 public:
  virtual ~Reader() = default;

  /// The row of one bar, for merging; nothing when there is none.
  virtual Result<std::optional<BarRow>> row(const model::BarKey& key) = 0;

  /// Rows of basis `all` whose window overlaps [from, to), of one symbol, all intervals; for
  /// rewriting certificates: their state has what conditions leave, too.
  virtual Result<std::vector<BarRow>> rows_overlapping(const std::string& symbol,
                                                       model::EventTime from,
                                                       model::EventTime to) = 0;

  /// Bars in order of symbol bytes, interval, start, one after the other; `each` returns false
  /// to stop early.
  virtual Result<> bars(const BarQuery& query,
                        const std::function<bool(const model::Bar&)>& each) = 0;

  /// Keys of the rows that are stored of the query's basis, in the order of `bars` (limit and
  /// newest are not looked at), also of those that cannot be read: `row` fails with `corrupt` for
  /// them. Of basis `eligible` these are fewer than `bars` gives.
  virtual Result<> keys(const BarQuery& query,
                        const std::function<void(const model::BarKey&)>& each) = 0;

  /// Those that overlap [from, to), by beginning, then position; `symbol` empty: all; limit 0: no
  /// limit. Gaps of a whole source are included for every symbol.
  virtual Result<std::vector<model::Gap>> gaps(const std::string& symbol, model::IngestTime from,
                                               model::IngestTime to, size_t limit) = 0;

  /// The newest `limit` of them, oldest first.
  virtual Result<std::vector<model::Gap>> newest_gaps(const std::string& symbol,
                                                      model::IngestTime from, model::IngestTime to,
                                                      size_t limit) {
    auto found = gaps(symbol, from, to, 0);
    if (found && found.value().size() > limit)
      found.value().erase(found.value().begin(),
                          found.value().end() - static_cast<ptrdiff_t>(limit));
    return found;
  }

  virtual Result<std::vector<SymbolRow>> symbols() = 0;  ///< By symbol bytes.
  virtual Result<std::optional<Checkpoint>> checkpoint() = 0;
};

/// Whether there is any bar (of basis all).
Result<bool> holds_bars(Reader& reader);

/// Whether a store of the log `bound` may be used beside the log `found`; the error says which
/// store and what to do. What is empty is not known, and so not told apart.
Result<> check_log(const std::string& place, const std::string& bound, const std::string& found);

/// Thread-safe.
class Store {
 public:
  virtual ~Store() = default;
  virtual Result<std::unique_ptr<Writer>> open_writer() = 0;
  virtual Result<std::unique_ptr<Reader>> open_reader() = 0;

  /// The identity of the log whose records it holds; empty before `bind_to_log`.
  virtual Result<std::string> log() = 0;
  /// From now on it holds records of this log; of none while the identity is empty. `invalid` when
  /// it holds those of another one, unless it has neither a bar nor a checkpoint.
  virtual Result<> bind_to_log(const std::string& identity) = 0;

  virtual uint64_t bytes() const = 0;  ///< On disk, or in memory.
};

}  // namespace tapeline::store
