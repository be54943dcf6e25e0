#pragma once

#include <cstdint>
#include <string>

#include "base/settings.h"
#include "log/log.h"

namespace tapeline::log {

/// Settings of a log.
struct Options {
  std::string durability = "fsync";
  int64_t segment_bytes_max = 64 << 20;
  int64_t block_bytes = 128 << 10;
  int64_t group_ms_max = 2;
  int64_t pending_bytes_max = 8 << 20;
  int64_t tail_bytes_max = 8 << 20;
  int64_t retention_days = 30;
  int64_t retention_bytes_max = int64_t{50} << 30;
  int64_t retention_every_ms = 60'000;
};

/// Declares the members of `options` below the present section ("log").
void declare(settings::Declarer& declarer, Options& options);

Durability durability_of(const Options& options);

}  // namespace tapeline::log
