#pragma once

#include <cstdint>
#include <deque>
#include <queue>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/coverage.h"
#include "engine/partial.h"
#include "engine/symbols.h"
#include "model/replayed_set.h"

/// Where records come from: what was seen last, the clock, and whose windows that clock closes.
namespace tapeline::engine {

/// When a symbol of the source may have a window to close. Entries outlive their reason: one whose
/// symbol has another `heap_close_ms` by now is passed over.
struct Closing {
  int64_t end_ms;
  SymbolId symbol;
  friend bool operator>(const Closing& a, const Closing& b) {
    return a.end_ms != b.end_ms ? a.end_ms > b.end_ms : a.symbol > b.symbol;
  }
};
using ClosingQueue = std::priority_queue<Closing, std::vector<Closing>, std::greater<>>;

struct Source {
  std::string name;
  bool recording = false;     ///< "recording:…": nobody knows when it was connected.
  bool feed_clock = false;    ///< Its ticks follow the event times.
  bool open = false;          ///< An epoch was opened and not closed.
  bool ended = false;         ///< A recording read to its end.
  int64_t epoch_newest = 0;   ///< Of those opened; older ones are fenced.
  int64_t epoch_highest = 0;  ///< Of records; with `sequence_highest` what was seen last.
  int64_t sequence_highest = 0;
  /// All that the feed sent before then has arrived, but for what was under way for the latency
  /// bound: by ticks (`from`), by the time of its trades, or the opening of the epoch.
  int64_t heard_us = 0;
  /// The same by ticks and openings alone, and so alike in every partition.
  int64_t told_us = 0;
  int64_t clock_ms = kNoTime;      ///< The newest tick.
  int64_t watermark_ms = kNoTime;  ///< What ticks say of its symbols; only grows.
  GapList gaps;                    ///< Of the source as a whole.
  model::ReplayedSet replayed;     ///< Its dead letters that entered later, in no order.
  ClosingQueue closings;
};

enum class Admission {
  fresh,
  duplicate,  ///< Its id is not greater than the highest seen.
  fenced,     ///< A newer epoch was opened.
};

Admission admit(const Source& source, int64_t epoch, int64_t sequence);

class SourceTable {
 public:
  SourceTable() : order_(ranks_) {}
  SourceTable(const SourceTable&) = delete;
  SourceTable& operator=(const SourceTable&) = delete;

  /// The id of a name, new or known. Ids are in order of arrival.
  SourceId intern(std::string_view name);

  Source& operator[](SourceId id) { return sources_[id]; }
  const Source& operator[](SourceId id) const { return sources_[id]; }
  size_t size() const { return sources_.size(); }
  const KeyOrder& order() const { return order_; }

 private:
  std::deque<Source> sources_;
  std::vector<uint32_t> ranks_;  ///< Of each id among the names, in order of bytes.
  KeyOrder order_;
  SourceId last_ = kNoSource;
};

}  // namespace tapeline::engine
