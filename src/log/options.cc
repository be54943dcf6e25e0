#include "log/options.h"

namespace tapeline::log {

void declare(settings::Declarer& declarer, Options& options) {
  declarer.choice("durability", options.durability, {"fsync", "os", "none"},
                  "What a record has reached before anything shows it: the device (fsync), the "
                  "operating system, which survives kill -9 but no power cut (os), or the same "
                  "without ever waiting for the device, for tests and benchmarks (none).");
  declarer.integer("segment_bytes_max", options.segment_bytes_max, 4096, int64_t{4} << 30, "bytes",
                   "A segment file is closed once it is about to grow beyond this.");
  declarer.integer("block_bytes", options.block_bytes, 1, 16 << 20, "bytes",
                   "Uncompressed bytes after which a block is written: larger ones compress "
                   "better, smaller ones are found and read faster.");
  declarer.integer("group_ms_max", options.group_ms_max, 0, 1000, "ms",
                   "With durability fsync, the time from the beginning of one group of records "
                   "to that of the next: longer ones sync less often, shorter ones show sooner.");
  declarer.integer("pending_bytes_max", options.pending_bytes_max, 4096, int64_t{1} << 30, "bytes",
                   "Records not yet written that may wait in memory before the feed must.");
  declarer.integer("tail_bytes_max", options.tail_bytes_max, 0, int64_t{1} << 30, "bytes",
                   "Newest records kept in memory, so that the engine reads no file.");
  declarer.integer("retention_days", options.retention_days, 0, 36'500, "days",
                   "Segments whose newest record came earlier are removed; 0 keeps all.");
  declarer.integer("retention_bytes_max", options.retention_bytes_max, 0, int64_t{1} << 50, "bytes",
                   "The oldest segments beyond this total are removed; 0 keeps all.");
  declarer.integer("retention_every_ms", options.retention_every_ms, 10, 86'400'000, "ms",
                   "How often `run` looks for segments to remove; no other command removes any.");
}

Durability durability_of(const Options& options) {
  if (options.durability == "none") return Durability::none;
  return options.durability == "os" ? Durability::os : Durability::fsync;
}

}  // namespace tapeline::log
