#pragma once

#include <cstdint>
#include <string>

#include "base/metrics.h"
#include "base/result.h"
#include "log/log.h"

/// What can happen in a log: each event writes its diagnostic line and its metric. Thread-safe.
namespace tapeline::log {

class Events {
 public:
  /// `name` tells one log from another in lines and labels: "entries", "dead_letters".
  Events(metrics::Registry& registry, std::string name);

  void group_written(uint64_t blocks, uint64_t records, uint64_t raw_bytes, uint64_t stored_bytes);
  void synced(double seconds);
  void segment_started(const std::string& path);
  void segment_removed(const std::string& path, uint64_t bytes);
  void torn_tail_cut(const std::string& path, uint64_t offset, uint64_t bytes);
  void damage_found(const std::string& sentence);
  void count_repaired(const std::string& path, uint64_t offset, uint64_t said, uint64_t found);
  void marker_damaged(const std::string& path, uint64_t offset);
  void index_rebuilt(const std::string& path);
  void index_not_written(const Error& error);
  void write_failed(const Error& error);
  void recovered(Position free, uint64_t records_lost);
  void retention_held_back(uint64_t bytes, int64_t bytes_max);

 private:
  const std::string name_;
  metrics::Counter blocks_;
  metrics::Counter records_;
  metrics::Counter raw_bytes_;
  metrics::Counter stored_bytes_;
  metrics::Histogram sync_seconds_;
  metrics::Counter segments_started_;
  metrics::Counter segments_removed_;
  metrics::Counter torn_bytes_;
  metrics::Counter damages_;
  metrics::Counter failures_;
  metrics::Counter records_lost_;
};

}  // namespace tapeline::log
