#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>

#include "app/commands/commands.h"
#include "app/commands/tell.h"
#include "app/events.h"
#include "app/recordings.h"
#include "app/session.h"
#include "app/signals.h"
#include "ingest/replay/replayer.h"

namespace tapeline::app {
namespace {

/// A line that is written over, for people who wait.
class ProgressLine {
 public:
  explicit ProgressLine(const Clock& clock) : clock_(clock), began_(clock.boot()) {}

  void show(const ingest::ReplayProgress& progress) {
    if (!terminal_ || clock_.boot() - shown_ < std::chrono::milliseconds(200)) return;
    shown_ = clock_.boot();
    const double seconds = static_cast<double>((shown_ - began_).count()) / 1e6;
    const double rate = static_cast<double>(progress.elements) / seconds;
    const double share = progress.bytes_total == 0 ? 1
                                                   : static_cast<double>(progress.bytes_read) /
                                                         static_cast<double>(progress.bytes_total);
    const double left = share > 0 ? seconds / share - seconds : 0;
    fmt::print(stderr, "\r{:3.0f} %  {:.2f} M trades  {:.2f} M/s  {:.0f} s left   ", share * 100,
               static_cast<double>(progress.elements) / 1e6, rate / 1e6, left);
    std::fflush(stderr);
  }

  void finish() {
    if (terminal_ && shown_ != BootTime(0)) fmt::print(stderr, "\r{:60}\r", "");
  }

 private:
  const Clock& clock_;
  const BootTime began_;
  const bool terminal_ = isatty(STDERR_FILENO) != 0;
  BootTime shown_{0};
};

void print_summary(const ingest::Accounts& accounts, const engine::Counters& counters,
                   const std::string& folder, double seconds) {
  fmt::print(
      "{} trades in {:.1f} s; {} accepted, {} rejected, {} already there; {} bars closed, "
      "{} late trades merged; data in {}\n",
      accounts.elements, seconds, accounts.accepted,
      accounts.elements - accounts.accepted - accounts.already_logged, accounts.already_logged,
      counters.bars_finalized, counters.late, folder);
}

}  // namespace

int replay(Config& config, const ReplayArguments& arguments) {
  const auto speed = speed_or_say(arguments.speed);
  if (!speed) return kUsage;
  if (const auto readable = check_recordings(posix_file_system(), arguments.files); !readable)
    return failed(readable.error());
  const Clock& clock = system_clock();
  const BootTime began = clock.boot();
  std::atomic<bool> interrupted{false};
  std::atomic<ingest::Replayer*> active{nullptr};
  const SignalWatcher signals([&] {
    interrupted = true;
    if (ingest::Replayer* replayer = active.load()) replayer->stop();
  });

  metrics::Registry metrics;
  const std::string feed = config.data.feed.empty() ? "recording" : config.data.feed;
  auto session = Session::open(config, feed, posix_file_system(), clock, metrics, nullptr);
  if (!session) return failed(session.error());
  Session& tape = *session.value();

  ingest::Stage stage(*tape.tape().log, *tape.tape().dead_letters, clock, metrics,
                      ingest::replay_stage_options(config.ingest, config.log));
  tape.prepare(config, stage);

  ProgressLine line(clock);
  ingest::Replayer replayer(
      posix_file_system(), clock, stage,
      [&](const std::string& source) { return tape.replayed_before(source); },
      [&](const ingest::ReplayProgress& progress) {
        line.show(progress);
        if (const auto cut = tape.cut_letters(); !cut)
          events::retention_failed(cut.error().message());
      });
  active = &replayer;
  if (interrupted) replayer.stop();
  const auto played = replayer.run(
      {.files = arguments.files, .speed = *speed, .clock = ingest::replay_clock(config.ingest)});
  active = nullptr;
  line.finish();
  const auto closed = tape.close();
  if (!played) return failed(played.error());
  if (!closed) return failed(closed.error());
  print_summary(stage.accounts(), tape.pipeline().status().counters, tape.tape().directory->path(),
                static_cast<double>((clock.boot() - began).count()) / 1e6);
  return interrupted ? kInterrupted : kOk;
}

}  // namespace tapeline::app
