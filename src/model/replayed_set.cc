#include "model/replayed_set.h"

#include <algorithm>
#include <utility>

namespace tapeline::model {
namespace {

/// Whether `after` begins where `before` ends, so that one range holds both.
bool touch(const ReplayedSet::Range& before, const ReplayedSet::Range& after) {
  return before.epoch == after.epoch && before.last < INT64_MAX && before.last + 1 == after.first;
}

bool in_order(const ReplayedSet::Range& before, const ReplayedSet::Range& after) {
  if (before.epoch != after.epoch) return before.epoch < after.epoch;
  return before.last < after.first && !touch(before, after);
}

}  // namespace

size_t ReplayedSet::find(int64_t epoch, int64_t sequence) const {
  const auto at = std::lower_bound(ranges_.begin(), ranges_.end(), std::pair(epoch, sequence),
                                   [](const Range& range, const auto& place) {
                                     return std::pair(range.epoch, range.last) < place;
                                   });
  return static_cast<size_t>(at - ranges_.begin());
}

bool ReplayedSet::contains(int64_t epoch, int64_t sequence) const {
  return overlaps(epoch, sequence, sequence);
}

bool ReplayedSet::overlaps(int64_t epoch, int64_t first, int64_t last) const {
  const size_t at = find(epoch, first);
  return at < ranges_.size() && ranges_[at].epoch == epoch && ranges_[at].first <= last;
}

bool ReplayedSet::add(int64_t epoch, int64_t sequence) {
  const Range added{epoch, sequence, sequence};
  const size_t at = find(epoch, sequence);
  if (at < ranges_.size() && ranges_[at].epoch == epoch && ranges_[at].first <= sequence)
    return false;
  const bool joins_before = at > 0 && touch(ranges_[at - 1], added);
  const bool joins_after = at < ranges_.size() && touch(added, ranges_[at]);
  if (joins_before && joins_after) {
    ranges_[at - 1].last = ranges_[at].last;
    ranges_.erase(ranges_.begin() + static_cast<ptrdiff_t>(at));
  } else if (joins_before) {
    ranges_[at - 1].last = sequence;
  } else if (joins_after) {
    ranges_[at].first = sequence;
  } else {
    if (full()) return false;
    ranges_.insert(ranges_.begin() + static_cast<ptrdiff_t>(at), added);
  }
  return true;
}

std::optional<ReplayedSet> ReplayedSet::from_ranges(std::vector<Range> ranges) {
  if (ranges.size() > kRangesMax) return std::nullopt;
  for (size_t i = 0; i < ranges.size(); ++i) {
    if (ranges[i].first > ranges[i].last) return std::nullopt;
    if (i > 0 && !in_order(ranges[i - 1], ranges[i])) return std::nullopt;
  }
  ReplayedSet set;
  set.ranges_ = std::move(ranges);
  return set;
}

}  // namespace tapeline::model
