#pragma once

#include <cstdint>
#include <string>

#include "base/settings.h"
#include "ingest/stage.h"

namespace tapeline::ingest {

struct Options {
  std::string dedupe = "mark";
  int64_t dedupe_window_ms = 5'000;
  int64_t future_ms_max = 60'000;
  int64_t batch_bytes = 256 << 10;
  int64_t held_bytes_max = 8 << 20;
  std::string replay_clock = "feed";
};

void declare(settings::Declarer& declarer, Options& options);

StageOptions stage_options(const Options& options);
SourceClock replay_clock(const Options& options);

}  // namespace tapeline::ingest
