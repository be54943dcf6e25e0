#pragma once

#include <chrono>
#include <functional>
#include <optional>

#include "base/position.h"
#include "base/result.h"
#include "log/log.h"
#include "model/retention.h"

/// Removing old records. See docs/adr/0009-beyond-retention.md.
namespace tapeline::app {

/// First the log says what is removed, then it is removed: a log whose beginning is gone always
/// tells of which trades. One thread at a time.
class Retention {
 public:
  /// `recorded`: before which position the log says that records are removed, as far as it was
  /// read. Both must outlive the object.
  Retention(log::Log& log, std::function<Position()> recorded)
      : log_(log), recorded_(std::move(recorded)) {}

  /// Removes what the log says is removed. Returns the next cut to record in it, if one is due: the
  /// same until it is `noted`. Reads at most kRecordsMax of the records that go.
  Result<std::optional<model::RetentionCut>> step();

  /// The cut is on its way into the log.
  void noted(const model::RetentionCut& cut);

  static constexpr uint64_t kRecordsMax = 8'000'000;
  /// Times of a symbol between which no more lies without a removed trade are told as one range, so
  /// that a cut writes few records. A recording of another day, or a stray print, has its own.
  static constexpr std::chrono::minutes kHoleMax{10};

 private:
  Result<std::optional<model::RetentionCut>> plan(Position from);

  log::Log& log_;
  const std::function<Position()> recorded_;
  Position noted_;  ///< What is before it is in cuts on their way.
};

}  // namespace tapeline::app
