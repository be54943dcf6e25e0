#include "engine/content.h"

#include <charconv>
#include <chrono>
#include <utility>

#include "base/check.h"

namespace tapeline::engine {
namespace {

/// False when `text` is not a whole number of 0 to `greatest`.
bool read_bounded(std::string_view text, int64_t greatest, int64_t& out) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return false;
  if (value < 0 || value > greatest) return false;
  out = value;
  return true;
}

/// False when one of the names is unknown or there is none.
bool read_intervals(std::string_view text, IntervalSet& out) {
  IntervalSet set;
  while (true) {
    const size_t comma = text.find(',');
    const auto interval = model::parse_interval(text.substr(0, comma));
    if (!interval) return false;
    set.set(interval_index(*interval));
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  out = set;
  return true;
}

/// A calendar or a condition table.
template <typename Rules>
bool read_rules(std::string_view text, Rules& out) {
  auto rules = Rules::parse(text);
  if (!rules) return false;
  out = std::move(rules).value();
  return true;
}

constexpr std::string_view kFillPrefix = "intervals=";

int64_t to_ms(model::IngestTime time) {
  return std::chrono::floor<std::chrono::milliseconds>(time).time_since_epoch().count();
}

model::IngestTime from_ms(int64_t ms) {
  return model::IngestTime(std::chrono::milliseconds(ms));
}

}  // namespace

ContentSettings::ContentSettings() {
  CHECK(model::known_intervals().size() == kIntervalsMax);
  CHECK(read_intervals(kIntervalsDefault, intervals_));
  texts_.emplace(kIntervalsKey, kIntervalsDefault);
  texts_.emplace(kLatencyBoundKey, std::to_string(kLatencyBoundDefaultMs));
  texts_.emplace(kDisorderKey, std::to_string(kDisorderDefaultMs));
  texts_.emplace(kCalendarKey, sessions_.calendar.text());
  texts_.emplace(kConditionsKey, conditions_.text());
  texts_.emplace(kClosingGraceKey, std::to_string(sessions_.closing_grace.count()));
}

ContentSettings::Outcome ContentSettings::take(std::string_view detail) {
  const size_t equals = detail.find('=');
  if (equals == std::string_view::npos || equals == 0) return Outcome::refused;
  if (detail.size() > kSettingBytesMax) return Outcome::refused;
  const std::string_view key = detail.substr(0, equals);
  const std::string_view value = detail.substr(equals + 1);
  bool fine = true;
  if (key == kIntervalsKey) fine = read_intervals(value, intervals_);
  if (key == kLatencyBoundKey) fine = read_bounded(value, kLatencyBoundMaxMs, latency_bound_ms_);
  if (key == kDisorderKey) fine = read_bounded(value, kDisorderMaxMs, disorder_ms_);
  if (key == kCalendarKey) fine = read_rules(value, sessions_.calendar);
  if (key == kConditionsKey) fine = read_rules(value, conditions_);
  if (key == kClosingGraceKey) {
    int64_t grace_ms = 0;
    fine = read_bounded(value, kClosingGraceMaxMs, grace_ms);
    if (fine) sessions_.closing_grace = std::chrono::milliseconds(grace_ms);
  }
  if (!fine) return Outcome::refused;
  const auto known = texts_.find(key);
  if (known != texts_.end()) {
    known->second = value;
    return Outcome::taken;
  }
  if (texts_.size() >= kSettingsMax) return Outcome::refused;
  texts_.emplace(key, value);
  return Outcome::taken;
}

std::vector<std::string> ContentSettings::texts() const {
  std::vector<std::string> out;
  out.reserve(texts_.size());
  for (const auto& [key, value] : texts_) out.push_back(key + "=" + value);
  return out;
}

std::optional<IntervalSet> parse_intervals(std::string_view text) {
  IntervalSet set;
  if (!read_intervals(text, set)) return std::nullopt;
  return set;
}

std::string intervals_text(const IntervalSet& set) {
  std::string out;
  for (size_t i = 0; i < kIntervalsMax; ++i) {
    if (!set[i]) continue;
    if (!out.empty()) out += ',';
    out += model::to_text(model::known_intervals()[i]);
  }
  return out;
}

std::optional<Fill> fill_of(const model::Control& control) {
  if (!control.from || !control.to || !control.detail.starts_with(kFillPrefix)) return std::nullopt;
  const auto intervals =
      parse_intervals(std::string_view(control.detail).substr(kFillPrefix.size()));
  if (!intervals) return std::nullopt;
  return Fill{control.symbol, *intervals, to_ms(*control.from), to_ms(*control.to)};
}

model::Control to_control(const Fill& fill, model::IngestTime now) {
  model::Control control;
  control.kind = model::ControlKind::recomputed;
  control.ingest_time = now;
  control.symbol = fill.symbol;
  control.from = from_ms(fill.from_ms);
  control.to = from_ms(fill.to_ms);
  control.detail = std::string(kFillPrefix) + intervals_text(fill.intervals);
  return control;
}

int64_t interval_ms(IntervalIndex index) {
  return model::known_intervals()[index].ms();
}

IntervalIndex interval_index(model::Interval interval) {
  const auto& known = model::known_intervals();
  size_t index = 0;
  while (index < known.size() && known[index] != interval) ++index;
  return static_cast<IntervalIndex>(index);
}

}  // namespace tapeline::engine
