#include "app/live.h"

#include <algorithm>
#include <filesystem>

#include "app/events.h"
#include "model/venue.h"

namespace tapeline::app {
namespace {

/// The state's name in the API: a symbol beyond the feed's limit is refused to people, too.
std::string symbol_state(ingest::finnhub::SymbolState state) {
  using ingest::finnhub::SymbolState;
  return std::string(to_string(state == SymbolState::over_cap ? SymbolState::refused : state));
}

/// Symbols that are to be looked up first are added when they are.
ingest::finnhub::Options without_unvalidated(ingest::finnhub::Options options) {
  if (options.validate_symbols) options.symbols.clear();
  return options;
}

Error fixed_symbols() {
  return Error(ErrorCode::unavailable,
               "a recording has the symbols it has; run without --replay to choose others");
}

}  // namespace

FeedOrigin::FeedOrigin(const Setup& setup)
    : session_(setup.session),
      config_(setup.config),
      source_(setup.source),
      random_(random_seed()),
      stage_(*setup.session.tape().log, *setup.session.tape().dead_letters, setup.loop.clock(),
             setup.metrics,
             ingest::stage_options(setup.config.ingest,
                                   std::chrono::milliseconds(setup.config.content.latency_bound_ms),
                                   setup.config.log)),
      connector_(net::make_connector(setup.loop)),
      rest_(setup.loop, *connector_, setup.metrics, setup.feed),
      client_(setup.loop, *connector_, stage_, random_, setup.metrics, setup.source,
              without_unvalidated(setup.feed),
              std::chrono::milliseconds(setup.config.content.latency_bound_ms),
              {.next_epoch = [this] { return ++epoch_; }, .ended = setup.ended}) {}

void FeedOrigin::start() {
  session_.prepare(config_, stage_);
  ingest::finnhub::FeedClient::Previous previous;
  epoch_ = session_.pipeline().recovered().epoch_used(source_);
  if (const auto* state = session_.source(source_)) {
    previous = {
        .known = true,
        .open = state->open,
        .epoch = state->epoch,
        .heard = state->heard,
        // A recording served by a simulator keeps its own time.
        .clock = source_ == "recording" ? ingest::SourceClock::feed : ingest::SourceClock::wall};
  }
  previous.refused = add_remembered_symbols();
  client_.start(previous);
  if (config_.feed.validate_symbols)
    for (const std::string& symbol : config_.feed.symbols) add_validated(symbol);
}

void FeedOrigin::add_validated(const std::string& symbol) {
  rest_.validate(symbol, [this, symbol](const auto& answer) {
    if (answer && answer.value() == ingest::finnhub::Rest::Validity::invalid) {
      events::symbol_unknown(symbol);
      return;
    }
    if (const auto added = client_.add_symbol(symbol); !added)
      events::symbol_left_out(symbol, added.error().message());
  });
}

/// Symbols that were added while an earlier process ran; those of the settings come by themselves.
/// Gives those that were refused.
std::vector<ingest::finnhub::FeedClient::Refused> FeedOrigin::add_remembered_symbols() {
  std::vector<ingest::finnhub::FeedClient::Refused> refused;
  auto reader = session_.tape().store->open_reader();
  if (!reader) return refused;
  const auto known = reader.value()->symbols();
  if (!known) return refused;
  for (const store::SymbolRow& row : known.value()) {
    if (row.state != "subscribed" && row.state != "refused") continue;
    if (row.state == "refused") refused.push_back({row.symbol, row.since});
    if (const auto added = client_.add_symbol(row.symbol); !added)
      events::symbol_forgotten(row.symbol, added.error().message());
  }
  return refused;
}

void FeedOrigin::stop() {
  client_.stop();
}

Result<> FeedOrigin::note_cut(const model::RetentionCut& cut) {
  // The client flushes it with what it receives, and keeps it while the log takes nothing.
  stage_.retention_cut(cut);
  return {};
}

serve::Status::Connection FeedOrigin::connection() {
  const auto status = client_.status();
  serve::Status::Connection connection;
  connection.state = ingest::finnhub::to_string(status.state);
  connection.detail = status.sentence;
  connection.source = status.source;
  connection.epoch = status.epoch;
  connection.since = status.connected_at;
  connection.last_frame = status.last_frame;
  if (const auto newest = stage_.newest_event();
      newest && status.last_frame && stage_.epoch_open() && clock() == "wall")
    connection.lag_ms = std::max<int64_t>(
        0, std::chrono::duration_cast<std::chrono::milliseconds>(*status.last_frame - *newest)
               .count());
  return connection;
}

std::string FeedOrigin::clock() {
  return stage_.epoch_open() ? std::string(to_string(stage_.epoch().clock)) : "wall";
}

std::optional<model::EventTime> FeedOrigin::feed_time() {
  return stage_.newest_event();
}

void FeedOrigin::add_symbol(const std::string& symbol, std::function<void(Result<>)> done) {
  if (!config_.feed.validate_symbols) {
    done(client_.add_symbol(symbol));
    return;
  }
  rest_.validate(symbol, [this, symbol, done = std::move(done)](const auto& answer) {
    using Validity = ingest::finnhub::Rest::Validity;
    if (!answer)
      done(answer.error());
    else if (answer.value() == Validity::invalid)
      done(make_error(ErrorCode::invalid,
                      "the feed knows no symbol {}; search for it to see near ones", symbol));
    else
      done(client_.add_symbol(symbol));
  });
}

void FeedOrigin::remove_symbol(const std::string& symbol, std::function<void(Result<>)> done) {
  done(client_.remove_symbol(symbol));
}

void FeedOrigin::search(const std::string& text,
                        std::function<void(Result<std::vector<serve::SearchHit>>)> done) {
  rest_.search(text, [done = std::move(done)](const auto& found) {
    if (!found) {
      done(found.error());
      return;
    }
    std::vector<serve::SearchHit> hits;
    for (const auto& match : found.value())
      hits.push_back({match.symbol, match.description, match.type});
    done(std::move(hits));
  });
}

std::vector<serve::SymbolInfo> FeedOrigin::symbols() {
  std::vector<serve::SymbolInfo> infos;
  for (const auto& symbol : client_.status().symbols)
    infos.push_back({.symbol = symbol.symbol,
                     .venue_class = std::string(to_string(model::venue_class(symbol.symbol))),
                     .state = symbol_state(symbol.state),
                     .detail = symbol.reason,
                     .since = symbol.last_trade});
  return infos;
}

ReplayOrigin::ReplayOrigin(const Setup& setup)
    : loop_(setup.loop),
      session_(setup.session),
      replay_(setup.replay),
      ended_(setup.ended),
      stage_(*setup.session.tape().log, *setup.session.tape().dead_letters, setup.loop.clock(),
             setup.metrics, ingest::replay_stage_options(setup.config.ingest, setup.config.log)),
      replayer_(
          posix_file_system(), setup.loop.clock(), stage_,
          [this](const std::string& source) { return session_.replayed_before(source); },
          [this](const ingest::ReplayProgress& progress) {
            const std::lock_guard lock(mutex_);
            progress_ = progress;
            accounts_ = stage_.accounts();
            feed_time_ = stage_.newest_event();
            write_cuts();
          }) {
  session_.prepare(setup.config, stage_);
}

void ReplayOrigin::start() {
  thread_ = std::thread([this] { play(); });
}

void ReplayOrigin::play() {
  const auto played = replayer_.run(replay_);
  {
    const std::lock_guard lock(mutex_);
    write_cuts();
    const auto flushed = stage_.flush();
    accounts_ = stage_.accounts();
    finished_ = true;
    if (const auto& outcome = played ? flushed : played; !outcome) {
      failure_ = outcome.error().message();
      events::replay_failed(failure_);
    }
  }
  loop_.post([this] { ended_(); });
}

void ReplayOrigin::stop() {
  replayer_.stop();
  if (thread_.joinable()) thread_.join();
}

void ReplayOrigin::write_cuts() {
  for (const model::RetentionCut& cut : cuts_) stage_.retention_cut(cut);
  cuts_.clear();
}

Result<> ReplayOrigin::note_cut(const model::RetentionCut& cut) {
  const std::lock_guard lock(mutex_);
  cuts_.push_back(cut);
  // While it is played, its thread writes them with the next rows.
  if (!finished_) return {};
  write_cuts();
  return stage_.flush();
}

serve::Status::Connection ReplayOrigin::connection() {
  const std::lock_guard lock(mutex_);
  serve::Status::Connection connection;
  connection.state = !failure_.empty() ? "stopped" : finished_ ? "ended" : "replaying";
  const std::string name = std::filesystem::path(progress_.file).filename();
  connection.detail = !failure_.empty()   ? failure_
                      : progress_.skipped ? name + " was played to its end before"
                                          : name;
  connection.source = "recording";
  return connection;
}

ingest::Accounts ReplayOrigin::accounts() {
  const std::lock_guard lock(mutex_);
  return accounts_;
}

std::optional<model::EventTime> ReplayOrigin::feed_time() {
  const std::lock_guard lock(mutex_);
  return feed_time_;
}

void ReplayOrigin::add_symbol(const std::string&, std::function<void(Result<>)> done) {
  done(fixed_symbols());
}

void ReplayOrigin::remove_symbol(const std::string&, std::function<void(Result<>)> done) {
  done(fixed_symbols());
}

void ReplayOrigin::search(const std::string&,
                          std::function<void(Result<std::vector<serve::SearchHit>>)> done) {
  done(std::vector<serve::SearchHit>());
}

}  // namespace tapeline::app
