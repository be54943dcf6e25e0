#include "model/retention.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>

namespace tapeline::model {
namespace {

constexpr std::string_view kBefore = "before ";

template <typename Number>
bool take_number(std::string_view& text, Number& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

}  // namespace

void EventRanges::add(Range range) {
  if (range.to < range.from) return;
  const auto apart = [&](const Range& other) {
    return other.to < range.from || range.to < other.from;
  };
  std::vector<Range> kept;
  for (const Range& other : ranges_) {
    if (apart(other)) {
      kept.push_back(other);
    } else {
      range = {std::min(range.from, other.from), std::max(range.to, other.to)};
    }
  }
  const auto at = std::find_if(kept.begin(), kept.end(),
                               [&](const Range& other) { return other.from > range.from; });
  kept.insert(at, range);
  ranges_ = std::move(kept);
  if (ranges_.size() <= kMax) return;
  size_t nearest = 1;
  const auto hole = [&](size_t i) { return ranges_[i].from - ranges_[i - 1].to; };
  for (size_t i = 2; i < ranges_.size(); ++i) {
    if (hole(i) < hole(nearest)) nearest = i;
  }
  ranges_[nearest - 1].to = ranges_[nearest].to;
  ranges_.erase(ranges_.begin() + static_cast<ptrdiff_t>(nearest));
}

bool EventRanges::contains(EventTime time) const {
  return std::any_of(ranges_.begin(), ranges_.end(),
                     [&](const Range& range) { return range.from <= time && time <= range.to; });
}

bool EventRanges::reach_into(EventTime from, EventTime to) const {
  return std::any_of(ranges_.begin(), ranges_.end(),
                     [&](const Range& range) { return range.from < to && from <= range.to; });
}

std::vector<Control> to_controls(const RetentionCut& cut) {
  std::vector<Control> out;
  for (const auto& [symbol, range] : cut.removed) {
    Control& control = out.emplace_back();
    control.kind = ControlKind::retention_cut;
    control.symbol = symbol;
    control.from = IngestTime(range.from);
    control.to = IngestTime(range.to);
  }
  Control& control = out.emplace_back();
  control.kind = ControlKind::retention_cut;
  control.detail = fmt::format("{}{}:{}", kBefore, cut.before.generation(), cut.before.ordinal());
  return out;
}

std::optional<EventRanges::Range> removed_by(const Control& control) {
  if (!control.symbol || !control.from || !control.to || *control.to < *control.from)
    return std::nullopt;
  return EventRanges::Range{std::chrono::floor<std::chrono::milliseconds>(*control.from),
                            std::chrono::floor<std::chrono::milliseconds>(*control.to)};
}

std::optional<Position> cut_before(const Control& control) {
  std::string_view text = control.detail;
  if (!text.starts_with(kBefore)) return std::nullopt;
  text.remove_prefix(kBefore.size());
  uint64_t generation = 0;
  uint64_t ordinal = 0;
  if (!take_number(text, generation) || !text.starts_with(':')) return std::nullopt;
  text.remove_prefix(1);
  if (!take_number(text, ordinal) || !text.empty()) return std::nullopt;
  if (generation > Position::kGenerationMax || ordinal > Position::kOrdinalMax) return std::nullopt;
  return Position(generation, ordinal);
}

}  // namespace tapeline::model
