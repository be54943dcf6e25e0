#pragma once

#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "base/position.h"
#include "engine/content.h"
#include "engine/coverage.h"
#include "engine/final_table.h"
#include "engine/partial.h"
#include "model/session.h"

/// Bars in memory: those not final (held by their symbols), those that changed since the last
/// commit, and a cache of final ones.
namespace tapeline::engine {

/// A bar as the engine works on it. Owned by BarTable.
struct Bar {
  SymbolId symbol = 0;
  IntervalIndex interval = 0;
  bool final = false;
  bool dirty = false;             ///< In BarTable's list of changed bars.
  bool unreported = false;        ///< In the list of take_changes.
  bool cached = false;            ///< In the cache's list.
  bool candidate_counts = false;  ///< Its regular session's candidate opens and closes the day.
  bool of_recording = false;      ///< Some record is of a recording: coverage is unknown.
  int64_t start_ms = 0;
  int64_t end_ms = 0;
  int64_t revision = 0;
  Position changed;      ///< Of the last record that changed it.
  Position merged_till;  ///< As loaded: records up to here are in it and must not be merged again.
  Certificate certificate;  ///< Of a final bar; an open one's is worked out when it is shown.
  model::Session session = model::Session::continuous;
  Partial partial;                                       ///< Of `session`.
  std::vector<std::pair<model::Session, Partial>> more;  ///< Of other sessions, if any.
  Bar* newer = nullptr;
  Bar* older = nullptr;

  Partial& of(model::Session wanted);
  /// nullptr when it holds no record of that session.
  const Partial* find(model::Session wanted) const;
  /// Least and greatest of all its records. It has at least one.
  std::pair<RecordKey, RecordKey> ends(const KeyOrder& order) const;
  /// Conditions take something from a trade of it, so that basis `eligible` differs from `all`.
  bool restricted() const;
  size_t bytes() const;

  static const size_t kBytes;
};

class BarTable {
 public:
  explicit BarTable(int64_t cache_bytes_max) : cache_bytes_max_(cache_bytes_max) {}
  BarTable(const BarTable&) = delete;
  BarTable& operator=(const BarTable&) = delete;

  /// A new bar that is in no list; final ones are put in by `keep_final`.
  Bar& make(SymbolId symbol, IntervalIndex interval, int64_t start_ms, int64_t end_ms);

  /// A final bar; nullptr when it is not in memory. Marks it as used.
  Bar* find_final(SymbolId symbol, IntervalIndex interval, int64_t start_ms);
  /// From now on `find_final` finds it. It is dropped only when it is clean and reported.
  void keep_final(Bar& bar);

  /// Gives back a bar from `make` that is in no list.
  void discard(Bar& bar) { free_.push_back(&bar); }

  /// The record at `position` changed it.
  void touch(Bar& bar, Position position, bool report);

  /// Changed bars. `clean` takes those out that `through` covers.
  const std::vector<Bar*>& dirty() const { return dirty_; }
  void clean(Position through);

  /// Bars to report, each once; taking them ends their being kept for that.
  std::vector<Bar*> take_unreported();

  /// Drops the least recently used clean final bars beyond the cache's limit. Pointers to final
  /// bars that are clean are invalid after.
  void trim();

  template <typename Each>
  void for_each_final(Each&& each) const {
    finals_.for_each(each);
  }

  size_t bytes() const {
    return bars_.size() * sizeof(Bar) + finals_.bytes() + dirty_.capacity() * sizeof(Bar*);
  }
  size_t cache_bytes() const { return cache_bytes_; }

 private:
  void settle(Bar& bar);
  void link(Bar& bar);
  void unlink(Bar& bar);
  void drop(Bar& bar);

  const int64_t cache_bytes_max_;
  std::deque<Bar> bars_;  ///< Storage; those in `free_` wait for reuse.
  std::vector<Bar*> free_;
  FinalTable finals_;
  std::vector<Bar*> dirty_;
  std::vector<Bar*> unreported_;
  Bar* newest_ = nullptr;
  Bar* oldest_ = nullptr;
  size_t cache_bytes_ = 0;
};

}  // namespace tapeline::engine
