#pragma once

#include <cstdint>

#include "base/settings.h"

namespace tapeline::store {

/// Of the embedded store.
struct Options {
  int64_t bytes_max = 0;              ///< Of the database file; 0: no limit but the disk's.
  int64_t cache_bytes = 16 << 20;     ///< Of pages in memory; each reader has an eighth.
  int64_t wal_bytes = 16 << 20;       ///< Written ahead before they move into the database.
  int64_t busy_timeout_ms = 5'000;    ///< How long to wait for another program's lock.
  int64_t free_bytes_min = 64 << 20;  ///< Of the data directory's disk, at start.
};

inline void declare(settings::Declarer& to, Options& options) {
  to.section("store", "Where bars are kept: one SQLite file in the data directory.");
  to.integer("bytes_max", options.bytes_max, 0, INT64_MAX, "bytes",
             "Largest size of the database file; 0 leaves it to the disk.");
  to.integer("cache_bytes", options.cache_bytes, 1 << 20, int64_t{1} << 34, "bytes",
             "Pages that the writer keeps in memory; each reader keeps an eighth of it.");
  to.integer("wal_bytes", options.wal_bytes, 1 << 20, int64_t{1} << 34, "bytes",
             "How much is written ahead before it is moved into the database file.");
  to.integer("busy_timeout_ms", options.busy_timeout_ms, 0, 600'000, "ms",
             "How long to wait while another program holds a lock on the database.");
  to.integer("free_bytes_min", options.free_bytes_min, 0, INT64_MAX, "bytes",
             "Free disk space without which the program does not start.");
}

}  // namespace tapeline::store
