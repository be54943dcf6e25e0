#include "log/events.h"

#include "base/diag.h"

namespace tapeline::log {

Events::Events(metrics::Registry& registry, std::string name)
    : name_(std::move(name)),
      blocks_(registry.counter("tapeline_log_blocks_total", "Blocks written.", {{"log", name_}})),
      records_(
          registry.counter("tapeline_log_records_total", "Records written.", {{"log", name_}})),
      raw_bytes_(registry.counter("tapeline_log_raw_bytes_total",
                                  "Bytes of records before compression.", {{"log", name_}})),
      stored_bytes_(registry.counter("tapeline_log_stored_bytes_total",
                                     "Bytes written to segment files.", {{"log", name_}})),
      sync_seconds_(registry.histogram("tapeline_log_sync_seconds", "Time of one fdatasync.",
                                       {.0002, .0005, .001, .002, .005, .01, .02, .05, .1, .5, 2},
                                       {{"log", name_}})),
      segments_started_(registry.counter("tapeline_log_segments_started_total", "Segments begun.",
                                         {{"log", name_}})),
      segments_removed_(registry.counter("tapeline_log_segments_removed_total",
                                         "Segments removed by retention.", {{"log", name_}})),
      torn_bytes_(registry.counter("tapeline_log_torn_bytes_total",
                                   "Bytes cut from the end at start.", {{"log", name_}})),
      damages_(registry.counter("tapeline_log_damages_total", "Damaged places met while reading.",
                                {{"log", name_}})),
      failures_(registry.counter("tapeline_log_failures_total", "Failed writes and syncs.",
                                 {{"log", name_}})),
      records_lost_(registry.counter("tapeline_log_records_dropped_total",
                                     "Records appended but not durable when a write failed.",
                                     {{"log", name_}})) {}

void Events::group_written(uint64_t blocks, uint64_t records, uint64_t raw_bytes,
                           uint64_t stored_bytes) {
  blocks_.add(static_cast<double>(blocks));
  records_.add(static_cast<double>(records));
  raw_bytes_.add(static_cast<double>(raw_bytes));
  stored_bytes_.add(static_cast<double>(stored_bytes));
}

void Events::synced(double seconds) {
  sync_seconds_.observe(seconds);
}

void Events::segment_started(const std::string& path) {
  segments_started_.add();
  diag::debug("log_segment_started", "{} begins", path);
}

void Events::segment_removed(const std::string& path, uint64_t bytes) {
  segments_removed_.add();
  diag::info("log_segment_removed", "removed {} ({} bytes): beyond the retention of log {}", path,
             bytes, name_);
}

void Events::torn_tail_cut(const std::string& path, uint64_t offset, uint64_t bytes) {
  torn_bytes_.add(static_cast<double>(bytes));
  diag::warning("log_torn_tail_cut",
                "{} ends in {} bytes that were not completely written before the last stop; cut "
                "at byte {}",
                path, bytes, offset);
}

void Events::damage_found(const std::string& sentence) {
  damages_.add();
  diag::error("log_damage_found", "{}", sentence);
}

void Events::count_repaired(const std::string& path, uint64_t offset, uint64_t said,
                            uint64_t found) {
  damages_.add();
  diag::error("log_count_repaired",
              "{}: the block at byte {} says that it holds {} records, but holds {}; its records "
              "are whole and are used",
              path, offset, said, found);
}

void Events::marker_damaged(const std::string& path, uint64_t offset) {
  damages_.add();
  diag::error("log_marker_damaged",
              "{}: the marker before byte {} is damaged; the records in front of it are whole and "
              "are used",
              path, offset);
}

void Events::index_rebuilt(const std::string& path) {
  diag::info("log_index_rebuilt", "made {} anew: it was missing or damaged", path);
}

void Events::index_not_written(const Error& error) {
  diag::warning("log_index_not_written",
                "the time index is incomplete and will be made anew when needed: {}",
                error.message());
}

void Events::write_failed(const Error& error) {
  failures_.add();
  diag::error("log_write_failed", "log {} takes no more records: {}", name_, error.message());
}

void Events::recovered(Position free, uint64_t records_lost) {
  records_lost_.add(static_cast<double>(records_lost));
  diag::warning("log_recovered",
                "log {} takes records again, from record {}; {} records that were not yet durable "
                "are dropped",
                name_, free.ordinal(), records_lost);
}

void Events::retention_held_back(uint64_t bytes, int64_t bytes_max) {
  diag::warning("log_retention_held_back",
                "log {} has {} bytes, more than retention_bytes_max ({}), but the oldest segment "
                "is still needed to start from",
                name_, bytes, bytes_max);
}

}  // namespace tapeline::log
