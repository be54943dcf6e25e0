#include "ingest/options.h"

#include <fmt/format.h>

#include <algorithm>

namespace tapeline::ingest {
namespace {

/// Some 7,900 years: up to the last time that the log takes.
constexpr int64_t kFutureMsMax = 250'000'000'000'000;

}  // namespace

std::vector<std::string> Options::details() const {
  return {fmt::format("ingest.dedupe={}", dedupe),
          fmt::format("ingest.dedupe_window_ms={}", dedupe_window_ms),
          fmt::format("ingest.future_ms_max={}", future_ms_max)};
}

void declare(settings::Declarer& declarer, Options& options) {
  declarer.section("ingest", "How frames and rows become records.");
  declarer.choice("dedupe", options.dedupe, {"off", "mark", "collapse"},
                  "A frame that repeats an earlier one byte for byte within dedupe_window_ms: keep "
                  "it, keep and mark its trades, or put it aside.");
  declarer.integer("dedupe_window_ms", options.dedupe_window_ms, 0, 600'000, "ms",
                   "How long a frame is remembered for that.");
  declarer.integer(
      "future_ms_max", options.future_ms_max, 0, kFutureMsMax, "ms",
      "Trades whose time is further ahead of our clock are put aside, and those beyond the "
      "year 9999 always.");
  declarer.integer("batch_bytes", options.batch_bytes, 1, 16 << 20, "bytes",
                   "Records are handed to the log at the latest when they are this many, or half "
                   "of log.segment_bytes_max.");
  declarer.integer("held_bytes_max", options.held_bytes_max, 64 << 10, int64_t{1} << 32, "bytes",
                   "Records kept in memory while the log takes none; beyond, frames are dropped "
                   "inside a gap with cause overload.");
  declarer.choice("replay_clock", options.replay_clock, {"feed", "wall"},
                  "Whose time closes the windows of a recording: its own trades' or ours.");
}

StageOptions stage_options(const Options& options, std::chrono::milliseconds latency_bound,
                           const log::Options& log) {
  StageOptions stage;
  stage.latency_bound = latency_bound;
  stage.dedupe = *parse_dedupe(options.dedupe);
  stage.dedupe_window = std::chrono::milliseconds(options.dedupe_window_ms);
  stage.future_max = std::chrono::milliseconds(options.future_ms_max);
  // The other half of a segment is for the last record of a batch.
  stage.batch_bytes = static_cast<size_t>(std::min(options.batch_bytes, log.segment_bytes_max / 2));
  stage.held_bytes_max = static_cast<size_t>(options.held_bytes_max);
  return stage;
}

StageOptions replay_stage_options(const Options& options, const log::Options& log) {
  StageOptions stage = stage_options(options, {}, log);
  stage.may_wait = true;
  return stage;
}

SourceClock replay_clock(const Options& options) {
  return options.replay_clock == "wall" ? SourceClock::wall : SourceClock::feed;
}

}  // namespace tapeline::ingest
