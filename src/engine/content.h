#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/bar.h"
#include "model/conditions.h"
#include "model/control.h"
#include "model/session.h"

/// The settings that change what comes out. They are records in the log; the engine takes them
/// from nowhere else.
namespace tapeline::engine {

/// Index into model::known_intervals(): a bar's interval as one small number.
using IntervalIndex = uint8_t;
inline constexpr size_t kIntervalsMax = 10;
using IntervalSet = std::bitset<kIntervalsMax>;

inline constexpr std::string_view kIntervalsKey = "engine.intervals";
inline constexpr std::string_view kLatencyBoundKey = "engine.latency_bound_ms";
inline constexpr std::string_view kDisorderKey = "engine.disorder_ms";
inline constexpr std::string_view kCalendarKey = "engine.calendar";
inline constexpr std::string_view kClosingGraceKey = "engine.closing_grace_ms";
inline constexpr std::string_view kConditionsKey = "engine.conditions";

inline constexpr std::string_view kIntervalsDefault = "1s,1m,5m,1h,1d";
inline constexpr int64_t kLatencyBoundDefaultMs = 2'000;
inline constexpr int64_t kDisorderDefaultMs = 3'000;
inline constexpr int64_t kLatencyBoundMaxMs = 3'600'000;
inline constexpr int64_t kDisorderMaxMs = 86'400'000;
inline constexpr int64_t kClosingGraceMaxMs = 3'600'000;

/// Settings kept by name, known or not; further ones are refused.
inline constexpr size_t kSettingsMax = 256;
inline constexpr size_t kSettingBytesMax = 16'384;
static_assert(model::MarketCalendar::kTextBytesMax + 64 <= kSettingBytesMax,
              "a calendar and its key fit a setting");

class ContentSettings {
 public:
  ContentSettings();

  enum class Outcome {
    taken,    ///< In force from this record on.
    refused,  ///< Not "key=value", a value out of range, or beyond kSettingsMax.
  };
  Outcome take(std::string_view detail);

  /// The feed's delay that its clock allows for.
  int64_t latency_bound_ms() const { return latency_bound_ms_; }
  /// How much older than the newest a trade may be and still be in time.
  int64_t disorder_ms() const { return disorder_ms_; }
  const IntervalSet& intervals() const { return intervals_; }
  /// Sessions of stocks; a log that says nothing of them knows New York's clock alone.
  const model::SessionRules& sessions() const { return sessions_; }
  /// What a stock's trade may move by its conditions; a log that says nothing of them restricts
  /// none.
  const model::ConditionTable& conditions() const { return conditions_; }

  /// "key=value", sorted.
  std::vector<std::string> texts() const;

 private:
  std::map<std::string, std::string, std::less<>> texts_;
  int64_t latency_bound_ms_ = kLatencyBoundDefaultMs;
  int64_t disorder_ms_ = kDisorderDefaultMs;
  IntervalSet intervals_;
  model::SessionRules sessions_;
  model::ConditionTable conditions_;
};

/// Nothing when one of the names, joined with commas, is unknown or there is none.
std::optional<IntervalSet> parse_intervals(std::string_view text);
std::string intervals_text(const IntervalSet& set);

/// Windows that bars exist of, though their interval was not configured when their trades came.
struct Fill {
  std::optional<std::string> symbol;  ///< Nothing: every symbol.
  IntervalSet intervals;
  int64_t from_ms = 0;  ///< Of starts, [from, to).
  int64_t to_ms = 0;
};
/// What a record of kind `recomputed` says; nothing when it lacks something.
std::optional<Fill> fill_of(const model::Control& control);
model::Control to_control(const Fill& fill, model::IngestTime now);

int64_t interval_ms(IntervalIndex index);
/// kIntervalsMax when it is none of the known ones.
IntervalIndex interval_index(model::Interval interval);

}  // namespace tapeline::engine
