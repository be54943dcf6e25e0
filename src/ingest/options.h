#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/settings.h"
#include "ingest/stage.h"
#include "log/options.h"

namespace tapeline::ingest {

/// Settings of the section "ingest", as people write them; units stand in the names.
struct Options {
  std::string dedupe = "mark";
  int64_t dedupe_window_ms = 5'000;
  int64_t future_ms_max = 60'000;
  int64_t batch_bytes = 256 << 10;
  int64_t held_bytes_max = 8 << 20;
  std::string replay_clock = "feed";

  /// Those that decide what enters the log and with which marks, as "key=value": they are written
  /// into it, so that it says by which rule its records were judged.
  std::vector<std::string> details() const;
};

/// Declares the members of `options`, which keep what is declared: the values are in bounds.
void declare(settings::Declarer& declarer, Options& options);

/// Of a source on the loop's thread: its stage never waits. `latency_bound` is the engine's; `log`
/// are those of the log that it appends to, which takes no append larger than a segment.
StageOptions stage_options(const Options& options, std::chrono::milliseconds latency_bound,
                           const log::Options& log = {});
/// Of a recording on a thread of its own: its stage may wait.
StageOptions replay_stage_options(const Options& options, const log::Options& log);
SourceClock replay_clock(const Options& options);

}  // namespace tapeline::ingest
