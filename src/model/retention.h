#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/position.h"
#include "model/control.h"
#include "model/trade.h"

/// What a log whose oldest records are removed says of them, in records `retention_cut`.
namespace tapeline::model {

/// Event times of one symbol's removed trades: ranges with both ends, in order, apart from one
/// another. Bounded: beyond kMax the two with the least time between them become one, so that what
/// is removed may look like more, never like less.
class EventRanges {
 public:
  struct Range {
    EventTime from, to;  ///< Both included.
    friend bool operator==(const Range&, const Range&) = default;
  };
  static constexpr size_t kMax = 16;

  /// Ranges that meet become one, and so do those with no more than `hole_max` between them.
  /// Nothing happens when `to` is before `from`.
  void add(Range range, std::chrono::milliseconds hole_max = {});

  bool contains(EventTime time) const;
  /// Whether a range reaches into [from, to).
  bool reach_into(EventTime from, EventTime to) const;

  const std::vector<Range>& all() const { return ranges_; }
  bool empty() const { return ranges_.empty(); }

 private:
  std::vector<Range> ranges_;
};

/// By symbol.
using RemovedTrades = std::map<std::string, EventRanges, std::less<>>;

/// Records before a position that are removed once the log says so.
struct RetentionCut {
  Position before;
  /// The event times of the trades among them.
  RemovedTrades removed;
};

/// One record for each range of each symbol, then the one that names the position.
std::vector<Control> to_controls(const RetentionCut& cut);

/// What a record of a symbol says, and what the one without says; nothing when it lacks something.
std::optional<EventRanges::Range> removed_by(const Control& control);
std::optional<Position> cut_before(const Control& control);

}  // namespace tapeline::model
