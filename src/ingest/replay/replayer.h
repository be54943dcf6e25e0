#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/result.h"
#include "ingest/stage.h"

namespace tapeline::ingest {

/// What the log already holds of a recording.
struct ReplayedBefore {
  int64_t sequence = 0;  ///< Elements up to this one are logged, but for those that were refused.
  bool ended = false;    ///< It was read to its end.
  std::shared_ptr<const PutAside> aside{};
};

struct ReplayOptions {
  std::vector<std::string> files;  ///< In this order, each a source of its own.
  double speed = 0;                ///< Times real time; 0: as fast as possible.
  SourceClock clock = SourceClock::feed;
};

struct ReplayProgress {
  std::string file;
  uint64_t bytes_read = 0;  ///< Of all files so far.
  uint64_t bytes_total = 0;
  int64_t elements = 0;
  bool skipped = false;  ///< The file was replayed to its end before.
};

/// Plays recordings into a stage, on the thread that calls `run`. The stage may wait.
class Replayer {
 public:
  using Known = std::function<Result<ReplayedBefore>(const std::string& source)>;
  using Progress = std::function<void(const ReplayProgress&)>;

  /// `known` tells what the log holds of a source; `progress` is called every few thousand rows
  /// and at the end of each file.
  Replayer(FileSystem& files, const Clock& clock, Stage& stage, Known known, Progress progress);

  /// Returns when every file is in the log to its end, or `stop` was called. The errors are those
  /// of the file that cannot be read (`corrupt`: damaged; rows before the damage are logged, and
  /// the recording stays open), of `known`, and of the log that takes no more.
  Result<> run(const ReplayOptions& options);

  /// Ends `run` soon. Thread-safe; the rest can be played later.
  void stop();

 private:
  Result<> play(const std::string& path, const ReplayOptions& options);
  Result<> turn();
  void tick_if_due(const std::string& source, SourceClock clock);
  Result<> pace(const std::string& source, const ReplayOptions& options);
  void report(bool skipped);

  FileSystem& files_;
  const Clock& clock_;
  Stage& stage_;
  const Known known_;
  const Progress progress_;

  std::atomic<bool> stopped_{false};
  ReplayProgress state_;
  std::set<std::string> played_;  ///< Sources read to their end by this object.
  WallTime now_;
  int64_t last_tick_s_ = 0;
  bool paced_ = false;  ///< The pace's beginning is set.
  BootTime pace_boot_{0};
  model::EventTime pace_event_;
};

/// "recording:" and the digest of the file.
Result<std::string> recording_source(FileSystem& files, const std::string& path);

}  // namespace tapeline::ingest
