#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/partial.h"
#include "model/bar.h"

/// Which parts of time a symbol was connected and subscribed, and where we know to have missed
/// something. Milliseconds since 1970 in the source's clock; spans are [from, to).
namespace tapeline::engine {

inline constexpr int64_t kOpenEnd = INT64_MAX;

struct Span {
  int64_t from_ms = 0;
  int64_t to_ms = 0;

  bool overlaps(int64_t from, int64_t to) const { return from_ms < to && from < to_ms; }
  bool empty() const { return from_ms >= to_ms; }
  friend bool operator==(const Span&, const Span&) = default;
};

/// Disjoint spans in order of time. Bounded: beyond kSpansMax the two with the smallest hole
/// between them become one, so that an old gap may look longer than it was, never shorter.
class GapList {
 public:
  static constexpr size_t kSpansMax = 1'024;

  void add(Span span);
  /// Those that overlap [from, to).
  std::span<const Span> overlapping(int64_t from_ms, int64_t to_ms) const;
  const std::vector<Span>& all() const { return spans_; }

 private:
  std::vector<Span> spans_;
};

/// One subscription of a symbol on one connection.
struct Covered {
  Span span;  ///< `to_ms` is kOpenEnd while it lasts.
  SourceId source = kNoSource;
  int64_t epoch = 0;
  bool confirmed = false;  ///< A record of the symbol came on that connection.
};

/// The subscriptions of one symbol, oldest first, at most one open. Bounded: the oldest is
/// forgotten beyond kCoveredMax, and windows that begin before `known_from_ms` are unknown.
class CoveredList {
 public:
  static constexpr size_t kCoveredMax = 32;

  void open(int64_t from_ms, SourceId source, int64_t epoch);
  /// True when one was open.
  bool close(int64_t to_ms);

  const Covered* current() const;
  void confirm_current();

  const std::vector<Covered>& all() const { return list_; }
  int64_t known_from_ms() const { return known_from_ms_; }

  void restore(std::vector<Covered> list, int64_t known_from_ms);

 private:
  std::vector<Covered> list_;
  int64_t known_from_ms_ = INT64_MIN;
};

struct Certificate {
  model::CoverageKind kind = model::CoverageKind::unknown;
  std::optional<int64_t> coverage_ms;
  bool gap = false;

  friend bool operator==(const Certificate&, const Certificate&) = default;
};

/// The certificate of the window [start, end). What is covered counts up to `until_ms`: the end of
/// a final bar, the newest record of an open one (so that it says the same whenever it is asked).
/// Of a source-wide and a symbol's own gaps. Never subscribed (a recording): unknown.
Certificate certify(const CoveredList& covered, const GapList& source_gaps,
                    const GapList& symbol_gaps, int64_t start_ms, int64_t end_ms, int64_t until_ms);

}  // namespace tapeline::engine
