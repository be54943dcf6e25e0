#include "model/retention.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <iterator>

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

void EventRanges::add(Range range, std::chrono::milliseconds hole_max) {
  if (range.to < range.from) return;
  const auto first = std::find_if(ranges_.begin(), ranges_.end(), [&](const Range& other) {
    return other.to >= range.from || range.from - other.to <= hole_max;
  });
  const auto behind = std::find_if(first, ranges_.end(), [&](const Range& other) {
    return other.from > range.to && other.from - range.to > hole_max;
  });
  if (first == behind) {
    ranges_.insert(first, range);
  } else {
    *first = {std::min(range.from, first->from), std::max(range.to, std::prev(behind)->to)};
    ranges_.erase(std::next(first), behind);
  }
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
  for (const auto& [symbol, ranges] : cut.removed) {
    for (const EventRanges::Range& range : ranges.all()) {
      Control& control = out.emplace_back();
      control.kind = ControlKind::retention_cut;
      control.symbol = symbol;
      control.from = IngestTime(range.from);
      control.to = IngestTime(range.to);
    }
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
