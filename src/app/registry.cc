#include "app/registry.h"

#include <algorithm>

#include "app/log_formats.h"
#include "app/logged_dead_letters.h"
#include "base/random.h"
#include "log/embedded/embedded_log.h"
#include "store/embedded/store.h"

namespace tapeline::app {
namespace {

log::EmbeddedSetup entry_setup(const Config& config, const store::DataDirectory& directory,
                               FileSystem& files, const Clock& clock, metrics::Registry& metrics) {
  return {.files = files,
          .clock = clock,
          .metrics = metrics,
          .folder = directory.log_folder(),
          .name = "entries",
          .format = entry_format(),
          .options = config.log,
          .generation = 0,
          .seed = random_seed()};
}

log::EmbeddedSetup dead_letter_setup(const Config& config, const store::DataDirectory& directory,
                                     FileSystem& files, const Clock& clock,
                                     metrics::Registry& metrics) {
  log::EmbeddedSetup setup = entry_setup(config, directory, files, clock, metrics);
  setup.folder = directory.dead_letter_folder();
  setup.name = "dead_letters";
  setup.format = dead_letter_format();
  setup.options.durability = "os";
  // So much is never handed over at once: whoever puts a letter does not wait.
  setup.options.pending_bytes_max = 2 * LoggedDeadLetters::kHeldBytesMax;
  setup.options.retention_bytes_max = config.dead_letters.bytes_max;
  setup.options.segment_bytes_max =
      std::min(setup.options.segment_bytes_max, config.dead_letters.bytes_max / 4);
  return setup;
}

Result<std::unique_ptr<store::DataDirectory>> look_at_directory(const Config& config,
                                                                FileSystem& files) {
  return store::DataDirectory::open_to_read(
      files,
      {.path = config.data_directory(config.data.feed.empty() ? "simulated" : config.data.feed),
       .feed = config.data.feed,
       .free_bytes_min = 0});
}

}  // namespace

Result<Tape> open_tape(const Config& config, const std::string& feed, FileSystem& files,
                       const Clock& clock, metrics::Registry& metrics) {
  Tape tape;
  auto directory = store::DataDirectory::open(
      files, clock,
      {.path = config.data_directory(feed),
       .feed = feed,
       .free_bytes_min = static_cast<uint64_t>(config.store.free_bytes_min)});
  if (!directory) return directory.error();
  tape.directory = std::move(directory).value();

  auto store = store::open_embedded_store(tape.directory->store_file(), feed, clock, config.store);
  if (!store) return store.error();
  tape.store = std::move(store).value();

  auto log = log::open_embedded_log(entry_setup(config, *tape.directory, files, clock, metrics));
  if (!log) return log.error();
  tape.log = std::move(log).value();
  TAPELINE_TRY(tape.store->bind_to_log(tape.log->identity()));

  auto letters =
      log::open_embedded_log(dead_letter_setup(config, *tape.directory, files, clock, metrics));
  if (!letters) return letters.error();
  tape.dead_letter_log = std::move(letters).value();
  tape.dead_letters = std::make_unique<LoggedDeadLetters>(*tape.dead_letter_log, clock, metrics);
  return tape;
}

Result<TapeView> open_tape_to_read(const Config& config, FileSystem& files, const Clock& clock,
                                   metrics::Registry& metrics) {
  TapeView view;
  auto directory = look_at_directory(config, files);
  if (!directory) return directory.error();
  view.directory = std::move(directory).value();
  auto store = store::open_embedded_store_to_read(view.directory->store_file(), config.store);
  if (!store) return store.error();
  view.store = std::move(store).value();
  auto log = log::open_embedded_source(entry_setup(config, *view.directory, files, clock, metrics));
  if (!log) return log.error();
  view.log = std::move(log).value();
  const auto bound = view.store->log();
  if (!bound) return bound.error();
  TAPELINE_TRY(store::check_log(view.directory->store_file(), bound.value(), view.log->identity()));
  auto letters =
      log::open_embedded_source(dead_letter_setup(config, *view.directory, files, clock, metrics));
  if (!letters) return letters.error();
  view.dead_letters = std::move(letters).value();
  return view;
}

Result<Tape> open_existing_tape(const Config& config, FileSystem& files, const Clock& clock,
                                metrics::Registry& metrics) {
  auto seen = look_at_directory(config, files);
  if (!seen) return seen.error();
  return open_tape(config, seen.value()->feed(), files, clock, metrics);
}

Result<ClosedStore> open_closed_store(const Config& config, FileSystem& files, const Clock& clock) {
  ClosedStore closed;
  auto seen = look_at_directory(config, files);
  if (!seen) return seen.error();
  auto directory = store::DataDirectory::open(
      files, clock,
      {.path = seen.value()->path(), .feed = seen.value()->feed(), .free_bytes_min = 0});
  if (!directory) return directory.error();
  closed.directory = std::move(directory).value();
  auto store = store::open_embedded_store(closed.directory->store_file(), closed.directory->feed(),
                                          clock, config.store);
  if (!store) return store.error();
  closed.store = std::move(store).value();
  return closed;
}

Result<> begin_generation(Tape& tape, const Config& config, FileSystem& files, const Clock& clock,
                          metrics::Registry& metrics) {
  const uint64_t generation = tape.log->end().generation() + 1;
  if (generation > Position::kGenerationMax)
    return make_error(ErrorCode::full,
                      "log: generation {} is the last one; export what is there and begin a new "
                      "data directory",
                      Position::kGenerationMax);
  TAPELINE_TRY(tape.log->close());
  log::EmbeddedSetup setup = entry_setup(config, *tape.directory, files, clock, metrics);
  setup.generation = generation;
  auto log = log::open_embedded_log(setup);
  if (!log) return log.error();
  tape.log = std::move(log).value();
  return {};
}

Result<std::unique_ptr<store::Store>> open_scratch_store(const Config& config,
                                                         const store::DataDirectory& directory,
                                                         FileSystem& files, const Clock& clock) {
  TAPELINE_TRY(remove_scratch_store(directory, files));
  return store::open_embedded_store(directory.scratch_file(), directory.feed(), clock,
                                    config.store);
}

Result<> remove_scratch_store(const store::DataDirectory& directory, FileSystem& files) {
  for (const char* suffix : {"", "-wal", "-shm"}) {
    const std::string path = directory.scratch_file() + suffix;
    if (files.exists(path)) TAPELINE_TRY(files.remove(path));
  }
  return {};
}

}  // namespace tapeline::app
