#include "ingest/replay/replayer.h"

#include <algorithm>
#include <thread>

#include "codec/recording_file.h"

namespace tapeline::ingest {
namespace {

/// The clock is read and the log handed its records once per so many rows at full speed.
constexpr int kRowsPerTurn = 256;
constexpr int kTurnsPerReport = 64;
/// A row that is no row at all needs no more than this for its dead letter.
constexpr size_t kOversizedKept = 64 << 10;
constexpr std::chrono::milliseconds kSleepMax{50};

}  // namespace

Result<std::string> recording_source(FileSystem& files, const std::string& path) {
  auto digest = codec::recording_digest(files, path);
  if (!digest) return digest.error();
  return "recording:" + digest.value();
}

Replayer::Replayer(FileSystem& files, const Clock& clock, Stage& stage, Known known,
                   Progress progress)
    : files_(files),
      clock_(clock),
      stage_(stage),
      known_(std::move(known)),
      progress_(std::move(progress)) {}

void Replayer::stop() {
  stopped_ = true;
}

Result<> Replayer::run(const ReplayOptions& options) {
  state_ = {};
  for (const std::string& path : options.files) {
    // All are opened first, so that a wrong name is told before the work begins.
    auto file = codec::RecordingFile::open(files_, path);
    if (!file) return file.error();
    state_.bytes_total += file.value()->bytes_total();
  }
  for (const std::string& path : options.files) {
    if (stopped_) return {};
    TAPELINE_TRY(play(path, options));
  }
  return stage_.flush();
}

Result<> Replayer::play(const std::string& path, const ReplayOptions& options) {
  auto source = recording_source(files_, path);
  if (!source) return source.error();
  auto file = codec::RecordingFile::open(files_, path);
  if (!file) return file.error();
  state_.file = path;
  const uint64_t bytes_before = state_.bytes_read;

  const auto known = known_(source.value());
  if (!known)
    return make_error(known.error().code(), "cannot replay {}: {}", path, known.error().message());
  const ReplayedBefore& before = known.value();
  if (before.ended || played_.contains(source.value())) {
    state_.bytes_read = bytes_before + file.value()->bytes_total();
    report(true);
    return {};
  }

  stage_.open_epoch({source.value(), 0, options.clock, before.sequence, before.aside});
  paced_ = false;
  last_tick_s_ = 0;
  now_ = clock_.wall();
  const bool frames = file.value()->format() == codec::RecordingFormat::frames;
  codec::RecordingFile::Line line;
  for (int64_t rows = 1;; ++rows) {
    auto got = file.value()->next(line);
    if (!got) {
      TAPELINE_TRY(stage_.flush());
      return got.error();
    }
    if (!got.value()) break;
    if (frames && line.oversized)
      stage_.oversized_frame(line.text.substr(0, kOversizedKept), now_);
    else if (frames)
      stage_.frame(line.text, now_);
    else
      stage_.row(line.oversized ? line.text.substr(0, kOversizedKept) : line.text, now_);

    tick_if_due(source.value(), options.clock);
    if (options.speed > 0) TAPELINE_TRY(pace(source.value(), options));
    if (rows % kRowsPerTurn == 0) {
      TAPELINE_TRY(turn());
      state_.bytes_read = bytes_before + file.value()->bytes_read();
      if (rows % (kRowsPerTurn * kTurnsPerReport) == 0) report(false);
    }
    if (stopped_) {
      // The recording stays open: the next replay of it goes on here.
      return stage_.flush();
    }
  }
  stage_.tick(source.value());
  model::Control ended;
  ended.kind = model::ControlKind::recording_ended;
  stage_.control(std::move(ended));
  stage_.close_epoch("end of recording");
  TAPELINE_TRY(stage_.flush());
  played_.insert(source.value());
  state_.bytes_read = bytes_before + file.value()->bytes_total();
  report(false);
  return {};
}

Result<> Replayer::turn() {
  now_ = clock_.wall();
  return stage_.flush();
}

void Replayer::tick_if_due(const std::string& source, SourceClock clock) {
  int64_t second = 0;
  if (clock == SourceClock::feed) {
    const auto newest = stage_.newest_event();
    if (!newest) return;
    second = newest->time_since_epoch().count() / 1'000;
  } else {
    second = now_.time_since_epoch().count() / 1'000'000;
  }
  // A long silence is one tick.
  if (second <= last_tick_s_) return;
  last_tick_s_ = second;
  stage_.tick(source);
}

Result<> Replayer::pace(const std::string& source, const ReplayOptions& options) {
  const auto newest = stage_.newest_event();
  if (!newest) return {};
  if (!paced_) {
    paced_ = true;
    pace_boot_ = clock_.boot();
    pace_event_ = *newest;
  }
  const auto ahead = [&] {
    const double feed_us =
        static_cast<double>((*newest - pace_event_).count()) * 1'000.0 / options.speed;
    return BootTime(static_cast<int64_t>(feed_us)) - (clock_.boot() - pace_boot_);
  };
  if (ahead() <= BootTime(0)) return {};
  TAPELINE_TRY(stage_.flush());
  report(false);
  while (!stopped_ && ahead() > BootTime(0)) {
    std::this_thread::sleep_for(std::min<std::chrono::microseconds>(ahead(), kSleepMax));
    now_ = clock_.wall();
    // The wall goes on while the recording is silent.
    if (options.clock == SourceClock::wall) {
      tick_if_due(source, options.clock);
      TAPELINE_TRY(stage_.flush());
    }
  }
  return {};
}

void Replayer::report(bool skipped) {
  state_.elements = stage_.accounts().elements;
  state_.skipped = skipped;
  if (progress_) progress_(state_);
}

}  // namespace tapeline::ingest
