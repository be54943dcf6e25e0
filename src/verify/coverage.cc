#include "verify/coverage.h"

#include <algorithm>
#include <utility>

namespace tapeline::verify {
namespace {

/// How much of [from, to) lies in no gap.
int64_t outside_ms(const Gaps& a, const Gaps& b, int64_t from_ms, int64_t to_ms) {
  std::vector<std::pair<int64_t, int64_t>> gaps;
  for (const Gaps* list : {&a, &b}) {
    for (const auto& [first, second] : list->all()) {
      if (first < to_ms && from_ms < second) gaps.emplace_back(first, second);
    }
  }
  std::sort(gaps.begin(), gaps.end());
  int64_t outside = 0;
  int64_t reached_ms = from_ms;
  for (const auto& [first, second] : gaps) {
    outside += std::max<int64_t>(0, first - reached_ms);
    reached_ms = std::max(reached_ms, second);
  }
  return outside + std::max<int64_t>(0, to_ms - reached_ms);
}

}  // namespace

void Gaps::add(int64_t from_ms, int64_t to_ms) {
  if (from_ms >= to_ms) return;
  for (auto at = spans_.begin(); at != spans_.end();) {
    if (at->first > to_ms || at->second < from_ms) {
      ++at;
      continue;
    }
    from_ms = std::min(from_ms, at->first);
    to_ms = std::max(to_ms, at->second);
    at = spans_.erase(at);
  }
  spans_[from_ms] = to_ms;
  if (spans_.size() <= kMax) return;
  auto nearest = std::next(spans_.begin());
  for (auto at = nearest; at != spans_.end(); ++at) {
    const int64_t hole_ms = at->first - std::prev(at)->second;
    if (hole_ms < nearest->first - std::prev(nearest)->second) nearest = at;
  }
  std::prev(nearest)->second = nearest->second;
  spans_.erase(nearest);
}

bool Gaps::reach_into(int64_t from_ms, int64_t to_ms) const {
  return std::any_of(spans_.begin(), spans_.end(),
                     [&](const auto& span) { return span.first < to_ms && from_ms < span.second; });
}

void Subscriptions::open(int64_t from_ms, const std::string& source, int64_t epoch) {
  close(from_ms);
  // A clock that was set back must not count a time twice.
  if (!list_.empty()) from_ms = std::max(from_ms, list_.back().to_ms);
  if (!first_from_ms_) first_from_ms_ = from_ms;
  if (list_.size() == kMax) {
    known_from_ms_ = std::max(known_from_ms_, list_.front().to_ms);
    list_.erase(list_.begin());
  }
  list_.push_back({from_ms, Subscription::kLasts, &source, epoch, false});
}

void Subscriptions::close(int64_t to_ms) {
  if (Subscription* lasting = current()) lasting->to_ms = std::max(to_ms, lasting->from_ms);
}

Subscription* Subscriptions::current() {
  if (list_.empty() || list_.back().to_ms != Subscription::kLasts) return nullptr;
  return &list_.back();
}

std::optional<int64_t> Subscriptions::complete_from_ms() const {
  if (!forgotten_) return std::numeric_limits<int64_t>::min();
  return first_from_ms_;
}

Certificate certificate_of(const Subscriptions& subscriptions, const Gaps& source, const Gaps& own,
                           int64_t start_ms, int64_t end_ms, int64_t until_ms) {
  Certificate out;
  out.gap = source.reach_into(start_ms, end_ms) || own.reach_into(start_ms, end_ms);
  if (subscriptions.all().empty() || start_ms < subscriptions.known_from_ms()) return out;
  int64_t total_ms = 0;
  bool confirmed = true;
  for (const Subscription& subscription : subscriptions.all()) {
    const int64_t from_ms = std::max(subscription.from_ms, start_ms);
    const int64_t to_ms = std::min({subscription.to_ms, until_ms, end_ms});
    if (from_ms >= to_ms) continue;
    total_ms += outside_ms(source, own, from_ms, to_ms);
    confirmed = confirmed && subscription.confirmed;
  }
  out.kind =
      confirmed && total_ms > 0 ? model::CoverageKind::confirmed : model::CoverageKind::assumed;
  out.coverage_ms = total_ms;
  return out;
}

}  // namespace tapeline::verify
