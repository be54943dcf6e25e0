#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/config.h"
#include "app/pipeline.h"
#include "app/registry.h"
#include "base/metrics.h"
#include "ingest/replay/replayer.h"
#include "ingest/stage.h"

namespace tapeline::app {

/// A tape opened for writing with its pipeline running: what `run` and `replay` share. Threads and
/// files end in the right order, in `close` or when the object goes away.
class Session {
 public:
  /// Opens the tape of `feed` and brings the bars up to the log's end.
  static Result<std::unique_ptr<Session>> open(const Config& config, const std::string& feed,
                                               FileSystem& files, const Clock& clock,
                                               metrics::Registry& metrics,
                                               Pipeline::Publish publish);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  Tape& tape() { return tape_; }
  Pipeline& pipeline() { return *pipeline_; }

  /// Makes the stage ready for trades. Writes what must stand in the log before them: the settings
  /// that decide content and differ from those last written there, and a gap for each hole that
  /// damage made. Tells it what retention removed.
  void prepare(const Config& config, ingest::Stage& stage) const;
  /// The same with the settings of ingest alone: for work that leaves the bars' as they are.
  void prepare_for_letters(const Config& config, ingest::Stage& stage) const;

  /// What the log held of a source when the session was opened; nothing when it is unknown.
  const engine::Engine::SourceState* source(const std::string& name) const;

  /// The same of a recording, as a replay asks for it, with what was put aside of it when first
  /// asked for any that did not end: also of one that the log does not know, for dead letters may
  /// come before its first record. That first time reads all dead letters. What is damaged is
  /// passed over; an error when they cannot be read. For one thread.
  Result<ingest::ReplayedBefore> replayed_before(const std::string& source_name);

  /// Removes the oldest dead letters beyond their limits. Nothing follows from them, so nothing has
  /// to say that they are gone. For one thread at a time; `close` does it, too.
  Result<> cut_letters();

  /// Makes everything appended durable, stores its bars and ends. Idempotent; waits.
  Result<> close();

 private:
  explicit Session(Tape tape) : tape_(std::move(tape)) {}
  void log_differing(const std::vector<std::string>& settings, ingest::Stage& stage) const;
  /// Those that are not what was last written to the log.
  std::vector<std::string> differing(std::vector<std::string> settings) const;

  using AsideBySource = std::map<std::string, std::shared_ptr<ingest::PutAside>>;
  Result<AsideBySource> read_aside() const;
  std::shared_ptr<ingest::PutAside> aside_of(AsideBySource& all,
                                             const std::string& source_name) const;

  Tape tape_;
  std::unique_ptr<Pipeline> pipeline_;
  bool same_settings_ = false;          ///< Of ingest, as last written to the log.
  std::optional<AsideBySource> aside_;  ///< Of recordings that may be resumed; see replayed_before.
  bool closed_ = false;
};

}  // namespace tapeline::app
