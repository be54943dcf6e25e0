#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace tapeline::model {

/// Exactly which elements of one source entered the log by a replay of dead letters. They come in
/// no order, so that a highest id says nothing of them. Elements beside one another take one range.
class ReplayedSet {
 public:
  /// Of one source. 24 bytes each; those who put in check `full` first.
  static constexpr size_t kRangesMax = 1'000'000;

  /// Sequences from `first` to `last` of one epoch.
  struct Range {
    int64_t epoch = 0;
    int64_t first = 0;
    int64_t last = 0;
    friend bool operator==(const Range&, const Range&) = default;
  };

  bool contains(int64_t epoch, int64_t sequence) const;
  /// Whether any of `first` to `last` is in it.
  bool overlaps(int64_t epoch, int64_t first, int64_t last) const;
  /// False when it was in it, or when there is no room for another range.
  bool add(int64_t epoch, int64_t sequence);
  bool full() const { return ranges_.size() >= kRangesMax; }
  bool empty() const { return ranges_.empty(); }

  /// In order, none touching the next.
  const std::vector<Range>& ranges() const { return ranges_; }
  /// Nothing when `ranges` is not what `ranges()` can be.
  static std::optional<ReplayedSet> from_ranges(std::vector<Range> ranges);

 private:
  /// The first range that ends at or behind the place.
  size_t find(int64_t epoch, int64_t sequence) const;

  std::vector<Range> ranges_;
};

}  // namespace tapeline::model
