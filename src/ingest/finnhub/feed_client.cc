#include "ingest/finnhub/feed_client.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "base/diag.h"
#include "base/mutant.h"
#include "ingest/finnhub/retry_after.h"
#include "model/time.h"

namespace tapeline::ingest::finnhub {
namespace {

using model::ControlKind;
using model::GapCause;
using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr std::chrono::seconds kTickEvery{1};
/// The gap of a refused symbol grows in steps of this. There may be Subscriptions::kWantedMax of
/// them, each a record.
constexpr std::chrono::minutes kRefusalStep{5};
/// A smaller difference between the clocks is slewing and scheduling, not a step.
constexpr std::chrono::seconds kClockStepLeast{1};
/// How soon records are offered again to a log that is slow, or refuses them.
constexpr milliseconds kBlockedRetry{5};
constexpr milliseconds kFailedRetry{1'000};
/// The feed's words are kept this far.
constexpr size_t kWordsMax = 200;

constexpr std::string_view kInvalidSymbol = "Invalid symbol";
constexpr std::string_view kTooManySymbols = "Subscribing to too many symbols";

net::Backoff::Options backoff_options(const Options& options) {
  net::Backoff::Options backoff;
  backoff.first = milliseconds(options.backoff_first_ms);
  backoff.cap = milliseconds(options.backoff_max_ms);
  backoff.floor = milliseconds(options.backoff_refused_ms);
  backoff.stable = milliseconds(options.stable_ms);
  return backoff;
}

Subscriptions::Options subscription_options(const Options& options) {
  return {.cap = static_cast<size_t>(options.symbols_max),
          .refused_retry = milliseconds(options.refused_retry_ms),
          .cap_retry = milliseconds(options.cap_retry_ms)};
}

/// "ws.finnhub.io", never with the token.
std::string host_of(const std::string& url) {
  const auto parsed = net::parse_url(url);
  return parsed ? fmt::format("{}:{}", parsed->host, parsed->port) : "the address in feed.url";
}

std::string seconds_text(milliseconds time) {
  return fmt::format("{}.{} s", time.count() / 1'000, time.count() % 1'000 / 100);
}

bool says_slow_down(int http_status) {
  return http_status == 401 || http_status == 403 || http_status == 429;
}

std::string refusal_sentence(int http_status, const std::string& host) {
  switch (http_status) {
    case 401:
      return "the token was refused (HTTP 401); check FINNHUB_API_TOKEN or feed.token";
    case 403:
      return "the key has no access to the stream (HTTP 403); check the plan of the key";
    case 429:
      return "the feed wants fewer connections (HTTP 429); a key allows one at a time, so check "
             "that no other program uses it";
    default:
      return fmt::format(
          "{} answered the WebSocket request with HTTP {}; if this lasts, check feed.url", host,
          http_status);
  }
}

std::string words_of(std::string_view text) {
  return diag::redacted(text.substr(0, kWordsMax));
}

}  // namespace

std::string_view to_string(FeedState state) {
  switch (state) {
    case FeedState::idle:
      return "idle";
    case FeedState::connecting:
      return "connecting";
    case FeedState::subscribing:
      return "subscribing";
    case FeedState::live:
      return "live";
    case FeedState::waiting:
      return "waiting";
    case FeedState::refused:
      return "refused";
    case FeedState::stopped:
      return "stopped";
  }
  CHECK(false);
  return {};
}

FeedClient::FeedClient(net::Loop& loop, net::Connector& connector, Stage& stage, Random& random,
                       metrics::Registry& registry, std::string source, const Options& options,
                       milliseconds latency_bound, Callbacks callbacks)
    : loop_(loop),
      connector_(connector),
      stage_(stage),
      source_(std::move(source)),
      options_(options),
      latency_bound_(latency_bound),
      callbacks_(std::move(callbacks)),
      events_(registry),
      backoff_(backoff_options(options), random),
      subscriptions_(subscription_options(options)),
      staleness_(milliseconds(options.stale_ms)) {
  CHECK(callbacks_.next_epoch != nullptr);
  diag::redact(options_.token);
  diag::redact(net::percent_encode(options_.token));
}

FeedClient::~FeedClient() = default;

void FeedClient::start(const Previous& previous) {
  CHECK(state_ == FeedState::idle);
  for (const std::string& symbol : options_.symbols)
    if (const auto added = subscriptions_.add(symbol); !added.ok())
      diag::warning("feed_symbol_ignored", "{}", added.error().message());
  last_tick_boot_ = loop_.clock().boot();
  last_tick_wall_ = loop_.clock().wall();
  if (previous.known) take_up(previous);
  schedule_tick();
  connect();
}

/// The time since the process before this one is a gap already; it grows until the next opening.
void FeedClient::take_up(const Previous& previous) {
  epoch_ = previous.epoch;
  if (previous.open) {
    model::Control control;
    control.kind = ControlKind::epoch_closed;
    control.source = source_;
    control.epoch = previous.epoch;
    control.detail = to_string(GapCause::crash);
    stage_.control(std::move(control));
  }
  // The clock of a recording's feed cannot be compared with arrivals.
  if (previous.clock == SourceClock::feed) return;
  ticking_ = true;
  if (mutated(Mutant::crash_without_gap) && previous.open) return;
  // The clock was set back meanwhile, nobody knows by how much. The beginning must not lie behind
  // the end, and the next start has to hear of times by the clock as it is now.
  const WallTime now = loop_.clock().wall();
  if (previous.heard > now) clock_stepped(previous.heard, now);
  const model::IngestTime heard = std::min(previous.heard, now);
  open_gap_ = OpenGap{heard - latency_bound_, previous.open ? GapCause::crash : GapCause::shutdown};
  settle_gap_so_far();
  if (!previous.open) return;
  for (auto [symbol, since] : previous.refused) settle_refusal(symbol, since, heard);
}

void FeedClient::stop() {
  if (state_ == FeedState::stopped) return;
  if (state_ != FeedState::idle) check_wall_clock();
  ++generation_;
  if (stage_.epoch_open()) stage_.close_epoch(to_string(GapCause::shutdown));
  settle_gap_so_far();
  open_gap_.reset();
  settle_refusals(milliseconds(0));
  refused_.clear();
  // The server frees the key when it hears the goodbye; nobody waits for its answer.
  if (socket_) socket_->close();
  halt("stopped");
  flush();
}

void FeedClient::halt(std::string sentence) {
  tick_timer_.cancel();
  retry_timer_.cancel();
  subscribe_timer_.cancel();
  next_attempt_.reset();
  connected_at_.reset();
  ticking_ = false;
  state_ = FeedState::stopped;
  sentence_ = std::move(sentence);
  update_gauges(loop_.clock().boot());
}

// ---- Connecting

std::string FeedClient::url() const {
  if (options_.token.empty()) return options_.url;
  const char joint = options_.url.find('?') == std::string::npos ? '?' : '&';
  return fmt::format("{}{}token={}", options_.url, joint, net::percent_encode(options_.token));
}

void FeedClient::connect() {
  state_ = FeedState::connecting;
  sentence_ = fmt::format("connecting to {}", host_of(options_.url));
  next_attempt_.reset();
  events_.connecting(host_of(options_.url));
  net::WebSocketClient::Options socket_options;
  socket_options.message_bytes_max = static_cast<size_t>(options_.message_bytes_max);
  socket_options.connect_timeout = milliseconds(options_.connect_timeout_ms);
  socket_options.tls.ca_file = options_.ca_file;
  const uint64_t generation = ++generation_;
  const auto current = [this, generation] { return generation == generation_; };
  socket_ = connector_.make_websocket();
  socket_->connect(url(), socket_options,
                   {.opened =
                        [this, current](const net::Headers& handshake) {
                          if (current()) opened(handshake);
                        },
                    .message =
                        [this, current](std::string_view text) {
                          if (current()) message(text);
                        },
                    .closed =
                        [this, current](const net::Closed& closed_info) {
                          if (current()) closed(closed_info);
                        },
                    .activity = {},
                    .oversized =
                        [this, current](std::string_view beginning) {
                          if (current()) oversized(beginning);
                        }});
}

void FeedClient::opened(const net::Headers& handshake) {
  if (!right_feed(handshake)) return;
  check_wall_clock();
  const BootTime boot = loop_.clock().boot();
  backoff_.connected(boot);
  ++connects_;
  connected_at_ = loop_.clock().wall();
  last_frame_.reset();
  last_frame_boot_ = boot;
  if (!paused_) reading_since_boot_ = boot;
  open_epoch(handshake);
  events_.connected(source_, epoch_, label_);
  subscriptions_.restart();
  staleness_.restart();
  state_ = FeedState::subscribing;
  sentence_ = fmt::format("connected to {}, subscribing", host_of(options_.url));
  if (paused_) socket_->pause_reading(true);
  subscribe_next();
  flush();
}

/// Simulated and real data never mix: a server that says which feed it is must be the one wanted.
bool FeedClient::right_feed(const net::Headers& handshake) {
  const std::string* label = net::find_header(handshake, kLabelHeader);
  label_ = label != nullptr ? words_of(*label) : "";
  if (label == nullptr || *label == source_) return true;
  End end;
  end.cause = GapCause::refused;
  end.state = FeedState::refused;
  end.final = true;
  end.sentence = fmt::format(
      "the server at {} says that its feed is '{}', but this data is of '{}'; give that feed a "
      "directory of its own (--feed {})",
      host_of(options_.url), label_, source_, label_);
  events_.wrong_feed(end.sentence);
  end_connection(end);
  return false;
}

void FeedClient::open_epoch(const net::Headers& handshake) {
  const std::string* clock = net::find_header(handshake, kClockHeader);
  clock_ = clock != nullptr && *clock == to_string(SourceClock::feed) ? SourceClock::feed
                                                                      : SourceClock::wall;
  ticking_ = true;
  const int64_t next = callbacks_.next_epoch();
  CHECK(next > epoch_, "epoch {} after {}", next, epoch_);
  epoch_ = next;
  epoch_opened_at_ = loop_.clock().wall();
  stage_.open_epoch({.source = source_, .epoch = epoch_, .clock = clock_, .resume_after = 0});
  // By a feed's own clock the gap ends with the first trade.
  if (clock_ == SourceClock::wall) {
    if (!mutated(Mutant::gap_left_open)) settle_gap_so_far();
    open_gap_.reset();
  }
}

// ---- Receiving

void FeedClient::message(std::string_view text) {
  const WallTime now = loop_.clock().wall();
  last_frame_boot_ = loop_.clock().boot();
  last_frame_ = now;
  const FrameOutcome outcome = stage_.frame(text, now);
  if (outcome.kind == FrameKind::trades)
    note_trades(outcome);
  else if (outcome.kind == FrameKind::error)
    error_frame(outcome.error_text);
  flush_soon();
}

void FeedClient::oversized(std::string_view beginning) {
  const WallTime now = loop_.clock().wall();
  last_frame_boot_ = loop_.clock().boot();
  last_frame_ = now;
  stage_.oversized_frame(beginning, now);
  events_.oversized(static_cast<size_t>(options_.message_bytes_max));
  flush_soon();
}

void FeedClient::note_trades(const FrameOutcome& outcome) {
  if (outcome.trades.empty()) return;
  last_trade_boot_ = last_frame_boot_;
  if (open_gap_ && clock_ == SourceClock::feed) end_gap_by(outcome.trades);
  const WallTime now = *last_frame_;
  for (const codec::TradeView& trade : outcome.trades)
    if (staleness_.traded(trade.symbol, now)) subscriptions_.traded(trade.symbol);
}

/// By a feed's own clock a gap ends with the first trade beyond its beginning; an older one is late
/// and says nothing about it.
void FeedClient::end_gap_by(std::span<const codec::TradeView> trades) {
  std::optional<model::IngestTime> end;
  for (const codec::TradeView& trade : trades) {
    const model::IngestTime time(trade.event_time.time_since_epoch());
    if (time > open_gap_->from && (!end || time < *end)) end = time;
  }
  if (!end) return;
  settle_gap(*end);
  open_gap_.reset();
}

void FeedClient::error_frame(const std::string& text) {
  const std::string words = words_of(text);
  const BootTime boot = loop_.clock().boot();
  if (words.starts_with(kTooManySymbols)) {
    const auto last = subscriptions_.too_many(words, boot);
    if (!last) return events_.error_frame(words);
    send("unsubscribe", *last);
    begin_refusal(*last, words);
    events_.cap_learned(subscriptions_.cap(), *last);
  } else if (words.starts_with(kInvalidSymbol)) {
    const std::string symbol =
        words.size() > kInvalidSymbol.size() ? words.substr(kInvalidSymbol.size() + 1) : "";
    if (!subscriptions_.invalid(symbol, words, boot)) return events_.error_frame(words);
    begin_refusal(symbol, words);
    events_.symbol_refused(
        symbol, words,
        std::chrono::duration_cast<milliseconds>(subscriptions_.all().at(symbol).retry_at - boot));
  } else {
    return events_.error_frame(words);
  }
  schedule_subscribe();
}

// ---- Ending

void FeedClient::closed(const net::Closed& closed) {
  if (closed.kind == net::Closed::Kind::by_peer && closed.message == kEndOfRecording)
    return end_recording();
  end_connection(describe(closed));
}

FeedClient::End FeedClient::describe(const net::Closed& closed) {
  const BootTime boot = loop_.clock().boot();
  End end;
  end.cause = paused_ ? GapCause::overload : GapCause::disconnect;
  end.sentence = closed.message;
  if (closed.kind == net::Closed::Kind::handshake_refused) {
    end.state = FeedState::refused;
    end.cause = GapCause::refused;
    end.sentence = refusal_sentence(closed.http_status, host_of(options_.url));
    end.wait = says_slow_down(closed.http_status)
                   ? backoff_.refused(boot, finnhub::retry_after(closed.headers))
                   : backoff_.failed(boot);
    return end;
  }
  if (closed.kind == net::Closed::Kind::by_peer && closed.close_code != 0)
    end.sentence = fmt::format("the feed closed the connection (code {}{}{})", closed.close_code,
                               closed.message.empty() ? "" : ": ", words_of(closed.message));
  if (closed.kind == net::Closed::Kind::connect_failed)
    end.sentence += "; if this lasts, check feed.url and this machine's network";
  if (closed.kind == net::Closed::Kind::tls_failed)
    end.sentence +=
        "; check feed.url and this machine's clock, and name an authority of your own with "
        "feed.ca_file";
  end.wait = backoff_.failed(boot);
  return end;
}

/// The connection or the attempt is over: writes what that means and plans the next.
void FeedClient::end_connection(const End& end) {
  check_wall_clock();
  ++generation_;
  socket_.reset();
  connected_at_.reset();
  subscribe_timer_.cancel();
  if (stage_.epoch_open()) {
    stage_.close_epoch(fmt::format("{}: {}", to_string(end.cause), end.sentence));
    begin_gap(end);
    settle_refusals(milliseconds(0));
  }
  subscriptions_.restart();
  events_.disconnected(to_string(end.cause), end.sentence);
  state_ = end.state;
  sentence_ = end.sentence;
  if (!end.final) retry_after(end.wait);
  flush();
}

/// A gap begins where the feed was heard to, less the latency bound, so that prints under way when
/// the line fell are inside it. A connection that never brought anything is a gap from its
/// beginning.
void FeedClient::begin_gap(const End& end) {
  if (clock_ == SourceClock::feed) {
    if (const auto newest = stage_.newest_event())
      open_gap_ =
          OpenGap{model::IngestTime(newest->time_since_epoch()) - latency_bound_, end.cause};
    return;
  }
  const WallTime now = loop_.clock().wall();
  const WallTime heard = end.heard.value_or(stage_.heard().value_or(epoch_opened_at_));
  open_gap_ = OpenGap{std::min(heard, now) - latency_bound_, end.cause};
  if (mutated(Mutant::gap_from_now)) open_gap_->from = now;
  settle_gap_so_far();
}

/// Writes the open gap up to now; the rest is written when it ends. So it shows at once, and is in
/// the log if the process dies.
void FeedClient::settle_gap_so_far() {
  if (!open_gap_ || clock_ == SourceClock::feed) return;
  const WallTime now = loop_.clock().wall();
  settle_gap(now);
  open_gap_->from = now;
}

void FeedClient::settle_gap(model::IngestTime until) {
  if (!open_gap_ || until <= open_gap_->from) return;
  stage_.gap(source_, open_gap_->from, until, open_gap_->cause);
}

/// What the feed does not send is missing since it was asked for, or since its last trade if it was
/// sent for a while. What follows is written in steps, so that it is in the log if the process
/// dies.
void FeedClient::begin_refusal(const std::string& symbol, const std::string& words) {
  const WallTime now = loop_.clock().wall();
  WallTime from = staleness_.since(symbol).value_or(now);
  if (staleness_.last_trade(symbol)) from = std::max(from - latency_bound_, epoch_opened_at_);
  staleness_.unsubscribed(symbol);
  control(ControlKind::refused, symbol, words);
  settle_refusal(symbol, refused_.insert_or_assign(symbol, from).first->second, now);
  flush_soon();
}

/// Those for which the limit left no place, and which were not told to be refused before.
void FeedClient::begin_refusals_over_cap() {
  for (const auto& [name, symbol] : subscriptions_.all())
    if (symbol.state == SymbolState::over_cap && !refused_.contains(name))
      begin_refusal(name, symbol.reason);
}

void FeedClient::settle_refusal(const std::string& symbol, model::IngestTime& from,
                                model::IngestTime until) {
  if (until <= from) return;
  // The clock of a recording's feed cannot be compared with arrivals.
  if (clock_ == SourceClock::wall) stage_.gap(source_, from, until, GapCause::refused, symbol);
  from = until;
}

/// Those of which at least this much is not written.
void FeedClient::settle_refusals(milliseconds least) {
  const WallTime now = loop_.clock().wall();
  for (auto& [symbol, from] : refused_)
    if (now - from >= least) settle_refusal(symbol, from, now);
}

void FeedClient::end_refusal(const std::string& symbol) {
  const auto refused = refused_.find(symbol);
  if (refused == refused_.end()) return;
  settle_refusal(symbol, refused->second, loop_.clock().wall());
  refused_.erase(refused);
}

void FeedClient::end_recording() {
  ++generation_;
  socket_.reset();
  // Nothing newer came after it.
  if (open_gap_ && clock_ == SourceClock::feed) settle_gap(open_gap_->from + latency_bound_);
  stage_.close_epoch(to_string(ControlKind::recording_ended));
  model::Control control;
  control.kind = ControlKind::recording_ended;
  control.source = source_;
  control.epoch = epoch_;
  stage_.control(std::move(control));
  open_gap_.reset();
  settle_refusals(milliseconds(0));
  refused_.clear();
  events_.recording_ended(source_);
  halt("the recording is played to its end");
  flush();
  if (callbacks_.ended) callbacks_.ended();
}

void FeedClient::retry_after(milliseconds wait) {
  sentence_ += fmt::format("; trying again in {}", seconds_text(wait));
  next_attempt_ = loop_.clock().wall() + wait;
  retry_timer_ = loop_.after(wait, [this] { connect(); });
}

// ---- Symbols

Result<> FeedClient::add_symbol(std::string_view symbol) {
  TAPELINE_TRY(subscriptions_.add(symbol));
  schedule_subscribe();
  return {};
}

Result<> FeedClient::remove_symbol(std::string_view symbol) {
  const std::string name(symbol);
  bool was_subscribed = false;
  if (!subscriptions_.remove(name, was_subscribed))
    return make_error(ErrorCode::not_found, "feed: '{}' is not among the wanted symbols", name);
  staleness_.unsubscribed(name);
  // A refused one has to leave the log, too, or the next start would want it again.
  const bool was_refused = refused_.contains(name);
  end_refusal(name);
  if (was_subscribed && connected()) send("unsubscribe", name);
  if ((was_subscribed && connected()) || was_refused) {
    control(ControlKind::unsubscribed, name);
    flush_soon();
  }
  schedule_subscribe();
  return {};
}

void FeedClient::subscribe_next() {
  if (!connected()) return;
  const BootTime boot = loop_.clock().boot();
  const auto symbol = subscriptions_.next(boot);
  if (!symbol) {
    begin_refusals_over_cap();
    if (state_ == FeedState::subscribing) {
      state_ = FeedState::live;
      sentence_ = fmt::format("connected to {}", host_of(options_.url));
    }
    if (const auto at = subscriptions_.next_at())
      subscribe_timer_ =
          loop_.after(std::max(*at - boot, subscribe_interval()), [this] { subscribe_next(); });
    return;
  }
  const WallTime now = loop_.clock().wall();
  end_refusal(*symbol);
  send("subscribe", *symbol);
  if (!mutated(Mutant::subscription_unlogged) || connects_ == 1)
    control(ControlKind::subscribed, *symbol);
  staleness_.subscribed(*symbol, now);
  last_subscribe_boot_ = boot;
  flush_soon();
  subscribe_timer_ = loop_.after(subscribe_interval(), [this] { subscribe_next(); });
}

microseconds FeedClient::subscribe_interval() const {
  return microseconds(1'000'000 / options_.subscribe_per_second);
}

/// Something changed: looks for a symbol to ask for as soon as the pace allows.
void FeedClient::schedule_subscribe() {
  if (!connected()) return;
  const BootTime free_at = last_subscribe_boot_ + subscribe_interval();
  subscribe_timer_ = loop_.after(std::max(free_at - loop_.clock().boot(), microseconds(0)),
                                 [this] { subscribe_next(); });
}

void FeedClient::send(std::string_view type, std::string_view symbol) {
  // A symbol has neither quotes nor backslashes; see Subscriptions::add.
  socket_->send(fmt::format(R"({{"type":"{}","symbol":"{}"}})", type, symbol));
}

// ---- Time

void FeedClient::schedule_tick() {
  tick_timer_ = loop_.after(kTickEvery, [this] { tick(); });
}

void FeedClient::tick() {
  check_wall_clock();
  const BootTime boot = loop_.clock().boot();
  const WallTime wall = loop_.clock().wall();
  const milliseconds since_last = std::chrono::floor<milliseconds>(boot - last_tick_boot_);
  const milliseconds not_read = unread(boot);
  // What lay in the socket at the last tick was read since then, unless reading paused.
  if (!paused_ && reading_since_boot_ <= last_tick_boot_) stage_.caught_up(last_tick_wall_);
  last_tick_boot_ = boot;
  last_tick_wall_ = wall;
  if (since_last >= milliseconds(options_.frozen_ms)) stood_still(since_last);
  check_watchdog(boot);
  check_staleness();
  check_trades_stopped(boot, not_read);
  settle_refusals(kRefusalStep);
  // Between the connections of a feed with its own clock time stands still.
  if (ticking_ && (clock_ == SourceClock::wall || stage_.epoch_open()))
    stage_.tick(source_, not_read);
  update_gauges(boot);
  flush();
  schedule_tick();
}

/// For how long nothing was read that may have come: reading pauses, or nobody ran since the last
/// tick. What comes next can be that old, so windows do not close by this tick.
milliseconds FeedClient::unread(BootTime boot) const {
  if (!connected()) return milliseconds(0);
  microseconds since{0};
  if (paused_) since = boot - reading_since_boot_;
  if (const auto late = boot - last_tick_boot_; late >= 2 * kTickEvery)
    since = std::max<microseconds>(since, late);
  return std::chrono::floor<milliseconds>(since);
}

/// Also before anything that tells since when trades are missing: a step is noticed by no later
/// than that.
void FeedClient::check_wall_clock() {
  const WallTime wall = loop_.clock().wall();
  const microseconds since_tick = loop_.clock().boot() - last_tick_boot_;
  const WallTime expected = last_tick_wall_ + since_tick;
  const microseconds step = wall - expected;
  if (step < kClockStepLeast && step > -kClockStepLeast) return;
  last_tick_wall_ = wall - since_tick;
  clock_stepped(expected, wall);
}

/// All that was remembered of times by a clock that was set back is ahead of it now; a gap would
/// begin too late, or not at all until the clock is there again. After a step forward it begins
/// too early, at most, and until the next frame.
void FeedClient::clock_stepped(WallTime from, WallTime to) {
  events_.clock_stepped(std::chrono::duration_cast<milliseconds>(to - from));
  model::Control control;
  control.kind = ControlKind::clock_stepped;
  control.source = source_;
  control.epoch = epoch_;
  control.from = from;
  control.to = to;
  stage_.control(std::move(control));
  if (to > from) return;
  const microseconds by = from - to;
  stage_.clock_set_back(by);
  staleness_.clock_set_back(by);
  epoch_opened_at_ -= by;
  for (auto& [symbol, since] : refused_) since -= by;
  // A feed's own clock was not set.
  if (open_gap_ && clock_ == SourceClock::wall) open_gap_->from -= by;
}

/// The peer has most likely given us up, and what it sent meanwhile may be lost.
void FeedClient::stood_still(milliseconds length) {
  events_.froze(length);
  if (!connected()) return;
  End end;
  end.cause = GapCause::frozen;
  end.sentence = fmt::format("the program stood still for {}", seconds_text(length));
  end_connection(end);
}

void FeedClient::check_watchdog(BootTime boot) {
  if (!connected() || paused_) return;
  const auto silence = std::chrono::floor<milliseconds>(boot - last_frame_boot_);
  if (silence < milliseconds(options_.watchdog_ms) || mutated(Mutant::watchdog_deaf)) return;
  events_.watchdog_fired(silence);
  End end;
  end.cause = GapCause::frozen;
  end.sentence = fmt::format("no frame for {}", seconds_text(silence));
  end.final = mutated(Mutant::retry_forgotten);
  end.wait = backoff_.failed(boot);
  end_connection(end);
}

void FeedClient::check_staleness() {
  if (!connected() || clock_ == SourceClock::feed) return;
  for (const auto& [symbol, stale] : staleness_.check(loop_.clock().wall()))
    stale ? events_.symbol_stale(symbol, milliseconds(options_.stale_ms))
          : events_.symbol_fresh(symbol);
}

/// Pings come and trades do not. Both clocks have to say so: a step of the wall clock makes nothing
/// stale, and what we did not read says nothing about the feed.
void FeedClient::check_trades_stopped(BootTime boot, milliseconds unread) {
  if (!connected() || paused_ || clock_ == SourceClock::feed || unread > milliseconds(0)) return;
  const auto silence =
      std::chrono::floor<milliseconds>(boot - std::max(last_trade_boot_, reading_since_boot_));
  if (silence < milliseconds(options_.stale_ms)) return;
  if (!staleness_.all_stale(loop_.clock().wall())) return;
  events_.trades_stopped(silence);
  End end;
  end.cause = GapCause::frozen;
  end.sentence = fmt::format("no trade for {} although markets are open", seconds_text(silence));
  end.wait = backoff_.failed(boot);
  end.heard = stage_.heard_trades();
  end_connection(end);
}

void FeedClient::update_gauges(BootTime boot) {
  const double age = std::chrono::duration<double>(boot - last_frame_boot_).count();
  events_.gauges(connected(), connected() ? age : 0, subscriptions_.count(SymbolState::subscribed),
                 subscriptions_.count(SymbolState::refused), staleness_.stale_count());
}

// ---- Writing

/// Once a turn of the loop, however many messages it brings.
void FeedClient::flush_soon() {
  if (flush_posted_) return;
  flush_posted_ = true;
  loop_.post([this, alive = std::weak_ptr<char>(alive_)] {
    if (alive.expired()) return;
    flush_posted_ = false;
    flush();
  });
}

void FeedClient::flush() {
  // A stage that never waits tells failures by intake().
  (void)stage_.flush().ok();
  const Intake intake = stage_.intake();
  pause(intake != Intake::flowing);
  if (intake == Intake::flowing) return flush_timer_.cancel();
  flush_timer_ =
      loop_.after(intake == Intake::blocked ? kBlockedRetry : kFailedRetry, [this] { flush(); });
}

void FeedClient::pause(bool paused) {
  if (paused == paused_ || (mutated(Mutant::pause_for_ever) && paused_)) return;
  paused_ = paused;
  // While we do not read, silence says nothing about the feed.
  last_frame_boot_ = loop_.clock().boot();
  reading_since_boot_ = loop_.clock().boot();
  if (socket_ && connected()) socket_->pause_reading(paused);
  if (paused)
    events_.reading_paused(stage_.intake() == Intake::failed ? stage_.failure()
                                                             : "the log is slower than the feed");
  else
    events_.reading_resumed();
}

void FeedClient::control(ControlKind kind, const std::string& symbol, std::string detail) {
  model::Control control;
  control.kind = kind;
  control.source = source_;
  control.epoch = epoch_;
  control.symbol = symbol;
  control.detail = std::move(detail);
  stage_.control(std::move(control));
}

// ---- Telling

FeedClient::Status FeedClient::status() const {
  Status status;
  status.state = state_;
  status.sentence = sentence_;
  status.source = source_;
  status.label = label_;
  status.epoch = epoch_;
  status.connects = connects_;
  status.connected_at = connected_at_;
  status.last_frame = last_frame_;
  status.next_attempt = next_attempt_;
  status.paused = paused_;
  status.cap = subscriptions_.cap();
  status.cap_learned = subscriptions_.cap_learned();
  for (const auto& [name, symbol] : subscriptions_.all())
    status.symbols.push_back({.symbol = name,
                              .state = symbol.state,
                              .reason = symbol.reason,
                              .last_trade = staleness_.last_trade(name),
                              .stale = staleness_.stale(name)});
  return status;
}

}  // namespace tapeline::ingest::finnhub
