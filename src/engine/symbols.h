#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "engine/bars.h"
#include "engine/coverage.h"
#include "engine/partial.h"
#include "model/retention.h"
#include "model/session.h"
#include "store/store.h"

/// Everything the engine knows of a symbol, in one place and found by its name once per record.
namespace tapeline::engine {

inline constexpr int64_t kNoTime = INT64_MIN;

/// Records of one smallest window and session, not yet merged into bars. While it is active its
/// targets are in memory and none of them changes between open and final.
struct Delta {
  bool active = false;
  bool of_recording = false;  ///< Some record is of a recording.
  model::Session session = model::Session::continuous;
  int64_t start_ms = 0;
  Position first, last;
  Partial partial;
  Bar* day = nullptr;  ///< Of `targets`, the bar of the day; nullptr when 1d is not configured.
  size_t target_count = 0;
  std::array<Bar*, kIntervalsMax> targets{};
};

/// Starts of windows that an interval has bars for, [from, to]. An interval that was always
/// configured has one range without ends.
struct Served {
  int64_t from_ms = INT64_MIN;
  int64_t to_ms = INT64_MAX;
  friend bool operator==(const Served&, const Served&) = default;
};

/// What a symbol has of each interval.
struct SymbolInterval {
  std::vector<Bar*> open;      ///< Not final, by start.
  std::vector<Served> served;  ///< Oldest first, at most kServedMax.
  /// No bar in the store begins later; asked of the store at first use.
  int64_t stored_max_ms = kNoTime;
  bool stored_known = false;

  static constexpr size_t kServedMax = 16;
  bool serves(int64_t start_ms) const;
  /// Adds older windows; the newest range stays the last one.
  void serve_also(Served range);
};

struct Symbol {
  Symbol(SymbolId id, std::string_view name, const model::SessionRules& sessions);

  // Touched by every record.
  const SymbolId id;
  SourceId source = kNoSource;    ///< Whose ticks move it.
  bool subscribed = false;        ///< Then `source` is the subscription's, whoever else has trades.
  bool unconfirmed = false;       ///< A subscription is open and no record of it came yet.
  bool in_active = false;         ///< In the list of symbols with a delta.
  bool row_changed = false;       ///< In State::changed_symbols.
  int64_t greatest_ms = kNoTime;  ///< Event time.
  int64_t watermark_ms = kNoTime;     ///< By its trades, and by sources it belonged to before.
  int64_t next_close_ms = INT64_MAX;  ///< Least end of its open bars.
  const std::string name;
  model::VenueCalendar calendar;
  Delta delta;

  // Touched by every window.
  std::array<SymbolInterval, kIntervalsMax> intervals;
  int64_t heap_close_ms = INT64_MAX;  ///< Its entry in the source's queue; never later than that.
  int64_t final_end_ms = kNoTime;     ///< No final bar ends later.

  CoveredList covered;
  GapList gaps;
  /// Event times of trades that the log no longer has: a bar that reaches into them is known by the
  /// store or not at all.
  model::EventRanges removed;
  store::SymbolRow row;  ///< What the store is to know of it.
};

/// Dense ids for names. Names may be any bytes.
class SymbolTable {
 public:
  /// `sessions` must outlive it.
  explicit SymbolTable(const model::SessionRules& sessions);

  /// nullptr when unknown.
  Symbol* find(std::string_view name);
  /// The name must be unknown.
  Symbol& add(std::string_view name);
  Symbol& operator[](SymbolId id) { return symbols_[id]; }
  const Symbol& operator[](SymbolId id) const { return symbols_[id]; }
  size_t size() const { return symbols_.size(); }
  auto begin() { return symbols_.begin(); }
  auto end() { return symbols_.end(); }
  auto begin() const { return symbols_.begin(); }
  auto end() const { return symbols_.end(); }

 private:
  struct Slot {
    size_t hash = 0;
    Symbol* symbol = nullptr;
  };
  void grow();

  const model::SessionRules& sessions_;
  std::deque<Symbol> symbols_;
  std::vector<Slot> slots_;  ///< Open addressing; a power of two, at most half full.
};

}  // namespace tapeline::engine
