#pragma once

#include <memory>
#include <string>

#include "app/config.h"
#include "app/logged_dead_letters.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/metrics.h"
#include "log/log.h"
#include "store/data_directory.h"
#include "store/store.h"

/// The only place where interfaces meet implementations.
namespace tapeline::app {

/// A data directory opened for the one process that writes it. Members are closed in the reverse
/// order of their declaration.
struct Tape {
  std::unique_ptr<store::DataDirectory> directory;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<log::Log> log;
  std::unique_ptr<log::Log> dead_letter_log;
  std::unique_ptr<LoggedDeadLetters> dead_letters;
};

/// Makes the directory when there is none, and cuts a torn tail of the log. The errors are those of
/// DataDirectory, store and log; each says what to do. `feed`: to which the directory must belong.
Result<Tape> open_tape(const Config& config, const std::string& feed, FileSystem& files,
                       const Clock& clock, metrics::Registry& metrics);

/// A data directory looked into, also while another process writes it.
struct TapeView {
  std::unique_ptr<store::DataDirectory> directory;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<log::Source> log;
  std::unique_ptr<log::Source> dead_letters;
};

/// The directory of the settings, whatever feed it holds, unless data.feed names one; without a
/// directory that of data.feed, or of the simulated feed. `not_found` when there is none.
Result<TapeView> open_tape_to_read(const Config& config, FileSystem& files, const Clock& clock,
                                   metrics::Registry& metrics);

/// As open_tape, of a directory that is there; the feed is the directory's.
Result<Tape> open_existing_tape(const Config& config, FileSystem& files, const Clock& clock,
                                metrics::Registry& metrics);

/// The store of a data directory that no process has open, with its lock held.
struct ClosedStore {
  std::unique_ptr<store::DataDirectory> directory;
  std::unique_ptr<store::Store> store;
};

/// Makes nothing: `not_found` when there is no such directory, `unavailable` while another process
/// has it open. The feed is that of the directory.
Result<ClosedStore> open_closed_store(const Config& config, FileSystem& files, const Clock& clock);

/// From now on the tape's log is of the next generation: a segment of it is begun.
Result<> begin_generation(Tape& tape, const Config& config, FileSystem& files, const Clock& clock,
                          metrics::Registry& metrics);

/// An empty store beside the tape's own, for what is computed on the way.
Result<std::unique_ptr<store::Store>> open_scratch_store(const Config& config,
                                                         const store::DataDirectory& directory,
                                                         FileSystem& files, const Clock& clock);
Result<> remove_scratch_store(const store::DataDirectory& directory, FileSystem& files);

}  // namespace tapeline::app
