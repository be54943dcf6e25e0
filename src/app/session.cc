#include "app/session.h"

#include <algorithm>

#include "app/events.h"
#include "app/recompute.h"
#include "app/repair.h"
#include "serve/letters.h"

namespace tapeline::app {

namespace {

/// What is among the dead letters of a recording behind element `sequence`. A set that is full
/// (ReplayedSet::kRangesMax) forgets the rest; so many could not be put in again, either.
std::shared_ptr<const ingest::PutAside> put_aside(log::Source& letters, const std::string& source,
                                                  int64_t sequence) {
  auto aside = std::make_shared<ingest::PutAside>();
  // Letters that are damaged cannot be put in again.
  (void)serve::for_each_letter(letters, Position(), [&](serve::Letter&& one) {
    const model::DeadLetter& letter = one.letter;
    if (letter.source != source) return true;
    const auto numbers = model::replayed_as(letter);
    if (!numbers) return true;
    if (letter.sequence == 0 && !model::has_numbers(letter)) {
      aside->frames.emplace(letter.frame, letter.reason);
    } else if (numbers->last > sequence) {
      for (int64_t number = numbers->first; number <= numbers->last; ++number)
        (void)aside->elements.add(letter.epoch, number);
    }
    return true;
  }).ok();
  return aside;
}

}  // namespace

Result<std::unique_ptr<Session>> Session::open(const Config& config, const std::string& feed,
                                               FileSystem& files, const Clock& clock,
                                               metrics::Registry& metrics,
                                               Pipeline::Publish publish) {
  auto tape = open_tape(config, feed, files, clock, metrics);
  if (!tape) return tape.error();
  std::unique_ptr<Session> session(new Session(std::move(tape).value()));
  auto unfinished = unfinished_recomputes(session->tape_);
  if (!unfinished) return unfinished.error();
  if (!unfinished.value().empty()) {
    const auto done = recompute(session->tape_, config, files, clock, metrics,
                                std::move(unfinished).value(), RecomputeMode::repair);
    // What cannot be made anew any more must not keep new trades out.
    if (!done && done.error().code() != ErrorCode::not_found &&
        done.error().code() != ErrorCode::corrupt && done.error().code() != ErrorCode::invalid)
      return done.error();
    done ? events::recompute_finished(done.value().changes.size())
         : events::recompute_failed(done.error().message());
  }
  const auto start = [&] {
    return Pipeline::start(config.pipeline, config.engine, clock, *session->tape_.log,
                           *session->tape_.store, metrics, publish);
  };
  auto pipeline = start();
  if (!pipeline && pipeline.error().code() == ErrorCode::corrupt) {
    const auto repaired = repair_damaged_bars(session->tape_, config, files, clock, metrics);
    if (!repaired) return repaired.error();
    if (repaired.value() > 0) pipeline = start();
  }
  if (!pipeline) return pipeline.error();
  session->pipeline_ = std::move(pipeline).value();
  events::started(feed, session->tape_.directory->path());
  return session;
}

Session::~Session() {
  if (const auto closed = close(); !closed) events::close_failed(closed.error().message());
}

void Session::prepare(const Config& config, ingest::Stage& stage) const {
  log_differing(config.content.details(), stage);
  prepare_for_letters(config, stage);
}

void Session::prepare_for_letters(const Config& config, ingest::Stage& stage) const {
  stage.know_removed(pipeline_->recovered().removed);
  log_differing(config.ingest.details(), stage);
  for (const DamageWatch::Hole& hole : pipeline_->recovered().holes)
    stage.gap(hole.source, hole.from, hole.to, model::GapCause::corruption);
}

void Session::log_differing(const std::vector<std::string>& settings, ingest::Stage& stage) const {
  const auto& known = pipeline_->recovered().settings;
  for (const std::string& setting : settings) {
    if (std::find(known.begin(), known.end(), setting) != known.end()) continue;
    model::Control control;
    control.kind = model::ControlKind::setting;
    control.detail = setting;
    stage.control(std::move(control));
  }
}

const engine::Engine::SourceState* Session::source(const std::string& name) const {
  const auto& sources = pipeline_->recovered().sources;
  const auto at = std::find_if(sources.begin(), sources.end(),
                               [&](const auto& state) { return state.source == name; });
  return at == sources.end() ? nullptr : &*at;
}

ingest::ReplayedBefore Session::replayed_before(const std::string& source_name) const {
  const engine::Engine::SourceState* state = source(source_name);
  ingest::ReplayedBefore before;
  if (state != nullptr) before = {.sequence = state->sequence, .ended = state->ended};
  // Also of a recording that the log does not know: dead letters may come before its first record.
  if (!before.ended) before.aside = put_aside(*tape_.dead_letter_log, source_name, before.sequence);
  return before;
}

Result<> Session::close() {
  if (closed_) return {};
  closed_ = true;
  const auto log_closed = tape_.log->close();
  const auto pipeline_stopped = pipeline_ ? pipeline_->stop() : Result<>();
  tape_.dead_letters->settle();
  const auto letters_closed = tape_.dead_letter_log->close();
  if (!log_closed) return log_closed;
  if (!pipeline_stopped) return pipeline_stopped;
  return letters_closed;
}

}  // namespace tapeline::app
