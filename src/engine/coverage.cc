#include "engine/coverage.h"

#include <algorithm>

namespace tapeline::engine {
namespace {

/// The milliseconds of `spans` (in order, overlapping each other or not) within [from, to).
int64_t covered_ms(std::vector<Span>& spans, int64_t from_ms, int64_t to_ms) {
  std::sort(spans.begin(), spans.end(),
            [](const Span& a, const Span& b) { return a.from_ms < b.from_ms; });
  int64_t total = 0;
  int64_t reached = from_ms;
  for (const Span& span : spans) {
    const int64_t from = std::max(span.from_ms, reached);
    const int64_t to = std::min(span.to_ms, to_ms);
    if (from >= to) continue;
    total += to - from;
    reached = to;
  }
  return total;
}

/// What the gaps take out of `piece`.
int64_t missed_ms(const Span& piece, std::span<const Span> a, std::span<const Span> b) {
  if (a.empty() && b.empty()) return 0;
  std::vector<Span> gaps(a.begin(), a.end());
  gaps.insert(gaps.end(), b.begin(), b.end());
  return covered_ms(gaps, piece.from_ms, piece.to_ms);
}

}  // namespace

void GapList::add(Span span) {
  if (span.empty()) return;
  const auto touches = [&](const Span& other) {
    return other.from_ms <= span.to_ms && span.from_ms <= other.to_ms;
  };
  const auto first = std::find_if(spans_.begin(), spans_.end(), touches);
  if (first == spans_.end()) {
    const auto at = std::find_if(spans_.begin(), spans_.end(),
                                 [&](const Span& other) { return other.from_ms > span.from_ms; });
    spans_.insert(at, span);
  } else {
    const auto last = std::find_if_not(first, spans_.end(), touches);
    *first = {std::min(first->from_ms, span.from_ms), std::max(std::prev(last)->to_ms, span.to_ms)};
    spans_.erase(std::next(first), last);
  }
  if (spans_.size() <= kSpansMax) return;
  size_t nearest = 1;
  for (size_t i = 2; i < spans_.size(); ++i) {
    const int64_t hole = spans_[i].from_ms - spans_[i - 1].to_ms;
    if (hole < spans_[nearest].from_ms - spans_[nearest - 1].to_ms) nearest = i;
  }
  spans_[nearest - 1].to_ms = spans_[nearest].to_ms;
  spans_.erase(spans_.begin() + static_cast<ptrdiff_t>(nearest));
}

std::span<const Span> GapList::overlapping(int64_t from_ms, int64_t to_ms) const {
  const auto first = std::partition_point(spans_.begin(), spans_.end(),
                                          [&](const Span& s) { return s.to_ms <= from_ms; });
  const auto last =
      std::partition_point(first, spans_.end(), [&](const Span& s) { return s.from_ms < to_ms; });
  return {first, last};
}

void CoveredList::open(int64_t from_ms, SourceId source, int64_t epoch) {
  close(from_ms);
  // A clock that was set back must not count a time twice.
  if (!list_.empty()) from_ms = std::max(from_ms, list_.back().span.to_ms);
  if (list_.size() >= kCoveredMax) {
    known_from_ms_ = std::max(known_from_ms_, list_.front().span.to_ms);
    list_.erase(list_.begin());
  }
  list_.push_back({{from_ms, kOpenEnd}, source, epoch, false});
}

bool CoveredList::close(int64_t to_ms) {
  if (current() == nullptr) return false;
  list_.back().span.to_ms = std::max(to_ms, list_.back().span.from_ms);
  return true;
}

const Covered* CoveredList::current() const {
  if (list_.empty() || list_.back().span.to_ms != kOpenEnd) return nullptr;
  return &list_.back();
}

void CoveredList::confirm_current() {
  list_.back().confirmed = true;
}

void CoveredList::restore(std::vector<Covered> list, int64_t known_from_ms) {
  list_ = std::move(list);
  known_from_ms_ = known_from_ms;
}

Certificate certify(const CoveredList& covered, const GapList& source_gaps,
                    const GapList& symbol_gaps, int64_t start_ms, int64_t end_ms,
                    int64_t until_ms) {
  Certificate out;
  out.gap = !source_gaps.overlapping(start_ms, end_ms).empty() ||
            !symbol_gaps.overlapping(start_ms, end_ms).empty();
  if (covered.all().empty() || start_ms < covered.known_from_ms()) return out;
  const int64_t limit = std::min(until_ms, end_ms);
  int64_t total = 0;
  bool confirmed = true;
  // The newest subscriptions matter most: walk back and stop at the first that ended before.
  for (auto it = covered.all().rbegin(); it != covered.all().rend(); ++it) {
    const Span piece{std::max(it->span.from_ms, start_ms), std::min(it->span.to_ms, limit)};
    if (it->span.to_ms <= start_ms) break;
    if (piece.empty()) continue;
    total += piece.to_ms - piece.from_ms;
    total -= missed_ms(piece, source_gaps.overlapping(piece.from_ms, piece.to_ms),
                       symbol_gaps.overlapping(piece.from_ms, piece.to_ms));
    confirmed = confirmed && it->confirmed;
  }
  out.kind = confirmed && total > 0 ? model::CoverageKind::confirmed : model::CoverageKind::assumed;
  out.coverage_ms = total;
  return out;
}

}  // namespace tapeline::engine
