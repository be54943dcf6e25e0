#include "app/session.h"

#include <algorithm>

#include "app/events.h"
#include "app/recompute.h"
#include "app/repair.h"
#include "serve/letters.h"

namespace tapeline::app {

namespace {

void add(const model::DeadLetter& letter, ingest::PutAside& aside) {
  const auto numbers = model::replayed_as(letter);
  if (!numbers) return;
  if (letter.sequence == 0 && !model::has_numbers(letter)) {
    if (aside.frames.size() < ingest::PutAside::kFramesMax)
      aside.frames.emplace(letter.frame, letter.reason);
    return;
  }
  for (int64_t number = numbers->first; number <= numbers->last; ++number)
    (void)aside.elements.add(letter.epoch, number);
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
  session->same_settings_ = session->differing(config.ingest.details()).empty();
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
  for (std::string& setting : differing(settings)) {
    model::Control control;
    control.kind = model::ControlKind::setting;
    control.detail = std::move(setting);
    stage.control(std::move(control));
  }
}

std::vector<std::string> Session::differing(std::vector<std::string> settings) const {
  const auto& known = pipeline_->recovered().settings;
  std::erase_if(settings, [&](const std::string& setting) {
    return std::find(known.begin(), known.end(), setting) != known.end();
  });
  return settings;
}

const engine::Engine::SourceState* Session::source(const std::string& name) const {
  const auto& sources = pipeline_->recovered().sources;
  const auto at = std::find_if(sources.begin(), sources.end(),
                               [&](const auto& state) { return state.source == name; });
  return at == sources.end() ? nullptr : &*at;
}

Result<ingest::ReplayedBefore> Session::replayed_before(const std::string& source_name) {
  const engine::Engine::SourceState* state = source(source_name);
  ingest::ReplayedBefore before;
  if (state != nullptr) before = {.sequence = state->sequence, .ended = state->ended};
  if (before.ended) return before;
  if (!aside_) {
    auto aside = read_aside();
    // Retention removed letters that were being read: the others are still there.
    if (!aside && aside.error().code() == ErrorCode::not_found) aside = read_aside();
    if (!aside)
      return make_error(aside.error().code(), "cannot read what was put aside of it before: {}",
                        aside.error().message());
    aside_ = std::move(aside).value();
  }
  before.aside = aside_of(*aside_, source_name);
  return before;
}

Result<Session::AsideBySource> Session::read_aside() const {
  AsideBySource found;
  std::string name;
  ingest::PutAside* aside = nullptr;  // Of `name`; none of what was played to its end.
  const auto whole =
      serve::for_each_letter(*tape_.dead_letter_log, Position(), [&](serve::Letter&& one) {
        if (one.letter.epoch != 0) return true;  // Not of a recording.
        if (one.letter.source != name) {
          name = one.letter.source;
          const auto* state = source(name);
          aside = state != nullptr && state->ended ? nullptr : aside_of(found, name).get();
        }
        if (aside != nullptr) add(one.letter, *aside);
        return true;
      });
  if (!whole) return whole.error();
  return found;
}

std::shared_ptr<ingest::PutAside> Session::aside_of(AsideBySource& all,
                                                    const std::string& source_name) const {
  auto& aside = all[source_name];
  if (aside) return aside;
  aside = std::make_shared<ingest::PutAside>();
  aside->same_settings = same_settings_;
  // Letters that were put in may be removed since.
  if (const auto* state = source(source_name)) aside->elements = state->replayed;
  return aside;
}

Result<> Session::cut_letters() {
  log::Log& letters = *tape_.dead_letter_log;
  const auto due = letters.due_cut();
  if (!due) return due.error();
  const auto cut = letters.remove_before(due.value().begin);
  if (!cut) return cut.error();
  return {};
}

Result<> Session::close() {
  if (closed_) return {};
  closed_ = true;
  const auto log_closed = tape_.log->close();
  const auto pipeline_stopped = pipeline_ ? pipeline_->stop() : Result<>();
  tape_.dead_letters->settle();
  if (const auto cut = cut_letters(); !cut) events::retention_failed(cut.error().message());
  const auto letters_closed = tape_.dead_letter_log->close();
  if (!log_closed) return log_closed;
  if (!pipeline_stopped) return pipeline_stopped;
  return letters_closed;
}

}  // namespace tapeline::app
