#include "app/session.h"

#include <algorithm>

#include "app/events.h"
#include "app/recompute.h"

namespace tapeline::app {

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
  auto pipeline = Pipeline::start(config.pipeline, config.engine, clock, *session->tape_.log,
                                  *session->tape_.store, metrics, std::move(publish));
  if (!pipeline) return pipeline.error();
  session->pipeline_ = std::move(pipeline).value();
  events::started(feed, session->tape_.directory->path());
  return session;
}

Session::~Session() {
  if (const auto closed = close(); !closed) events::close_failed(closed.error().message());
}

void Session::log_settings(const Config& config, ingest::Stage& stage) const {
  log_differing(config.content.details(), stage);
  log_ingest_settings(config, stage);
}

void Session::log_ingest_settings(const Config& config, ingest::Stage& stage) const {
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
  if (state == nullptr) return {};
  return {.sequence = state->sequence, .ended = state->ended};
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
