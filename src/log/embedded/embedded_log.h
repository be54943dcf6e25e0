#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/file.h"
#include "base/metrics.h"
#include "log/log.h"
#include "log/options.h"

/// The log as a folder of Avro object container segments. README.md has the format.
namespace tapeline::log {

/// Where a log lives and what it is made of. The references must outlive the log and its readers.
struct EmbeddedSetup {
  FileSystem& files;
  const Clock& clock;  ///< Asked for retention only.
  metrics::Registry& metrics;
  std::string folder;
  std::string name;  ///< In diagnostics and metric labels: "entries", "dead_letters".
  RecordFormat format;
  Options options;
  /// A greater one than the folder's begins a segment in which ordinals go on.
  uint64_t generation = 0;
  uint64_t seed = 0;  ///< Of the segments' markers.
};

/// Opens for writing, with a thread of its own; cuts a torn tail. One process at a time: the caller
/// holds the lock of the data directory.
Result<std::unique_ptr<Log>> open_embedded_log(const EmbeddedSetup& setup);

/// The same log without a thread, for one that drives everything in its own, as a simulation does.
/// A function that has to wait takes the writer's steps itself. `setup.clock` tells the time of
/// groups too.
struct SteppedLog {
  std::unique_ptr<Log> log;
  /// When the next step should be; nothing while there is nothing to do.
  std::function<std::optional<BootTime>()> due;
  std::function<void()> step;  ///< Writes and syncs what waits.
};
Result<SteppedLog> open_stepped_log(const EmbeddedSetup& setup);

/// Opens for reading what is there now, also while another process writes: a block that is not
/// whole yet is the end. Changes nothing. Its readers finish at that end.
Result<std::unique_ptr<Source>> open_embedded_source(const EmbeddedSetup& setup);

}  // namespace tapeline::log
