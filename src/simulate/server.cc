#include "simulate/server.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "base/units.h"
#include "codec/utf8.h"
#include "net/server.h"
#include "simulate/events.h"
#include "simulate/json.h"
#include "simulate/ledger.h"
#include "simulate/market.h"
#include "simulate/recording.h"
#include "simulate/rest.h"
#include "simulate/session.h"

namespace tapeline::simulate {
namespace {

using namespace std::chrono_literals;

/// What a session may have waiting before the feed waits for it.
constexpr size_t kQueuedBytesMax = 256_KiB;
/// What is sent in one go before other work of the loop gets its turn.
constexpr size_t kSliceBytes = 256_KiB;
constexpr size_t kOversizedBytes = 5_MiB;
constexpr size_t kSessionQueueBytesMax = 32_MiB;
static_assert(kQueuedBytesMax + 10 * kSliceBytes + 2 * kOversizedBytes < kSessionQueueBytesMax,
              "a slice with copies and oversized frames fits the queue of a session");

/// Timers for frames due sooner than this are not worth their cost.
constexpr std::chrono::microseconds kSliceLeast = 500us;
constexpr std::chrono::microseconds kBlockedRetry = 2ms;
/// Behind by more than this, the market goes on at the present time.
constexpr std::chrono::microseconds kMarketLagMax = 10s;
/// The wall clock and the market's may differ by so much (the wall clock is being slewed).
constexpr std::chrono::microseconds kWallDriftMax = 2s;
constexpr uint64_t kHeldFramesMax = 8;

constexpr int kNormalClosure = 1000;
constexpr int kGoingAway = 1001;
constexpr int kInternalError = 1011;

/// Why the tape stands still.
enum class Stall {
  none,
  pause,    ///< Pings only.
  silence,  ///< Nothing at all.
  burst,    ///< What became due is sent afterwards.
};

std::string error_frame(std::string_view sentence) {
  std::string text = "{\"msg\":";
  json::append_string(text, sentence);
  return text + ",\"type\":\"error\"}";
}

class SimulatedFeed final : public Server {
 public:
  SimulatedFeed(net::Loop& loop, const Clock& clock, const Options& options,
                const ParsedOptions& parsed, std::unique_ptr<Market> market,
                std::unique_ptr<Recording> recording, std::unique_ptr<Ledger> ledger)
      : loop_(loop),
        clock_(clock),
        options_(options),
        speed_(market ? 1 : parsed.speed),
        unlimited_(std::isinf(market ? parsed.rate : parsed.speed)),
        market_(std::move(market)),
        recording_(std::move(recording)),
        tape_(market_ ? static_cast<Tape&>(*market_) : *recording_),
        ledger_(std::move(ledger)),
        rest_(tape_, options.token, options.rest_calls_per_min),
        faults_(parsed.misbehaviour, static_cast<uint64_t>(options.seed)) {
    const auto& instruments = tape_.instruments();
    for (uint32_t i = 0; i < instruments.size(); ++i) index_.emplace(instruments[i].symbol, i);
  }

  ~SimulatedFeed() override { stop(); }

  Result<> listen() {
    net::Server::Options server;
    server.address = options_.address;
    server.port = static_cast<uint16_t>(options_.port);
    server.certificate_file = options_.certificate_file;
    server.key_file = options_.key_file;
    server.session_queue_bytes_max = kSessionQueueBytesMax;
    auto listening = net::listen(
        loop_, server,
        [this](const net::Request& request, net::Server::Respond respond) {
          net::Response response = rest_.answer(request, clock_.wall(), clock_.boot());
          for (auto& header : labels()) response.headers.push_back(header);
          respond(std::move(response));
        },
        [this](const net::Request& request) { return upgrade(request); });
    if (!listening.ok()) return listening.error();
    server_ = std::move(listening).value();
    events::listening(websocket_url(), feed_label());
    for (const Habit habit : {Habit::pause, Habit::silence, Habit::burst}) plan_stall(habit);
    return {};
  }

  uint16_t port() const override { return server_->port(); }
  std::string websocket_url() const override { return url("ws"); }
  std::string rest_url() const override { return url("http") + "/api/v1"; }
  std::string feed_label() const override { return market_ ? "simulated" : "recording"; }
  Counts counts() const override { return counts_; }

  void stop() override {
    if (stopped_) return;
    stopped_ = true;
    step_timer_.cancel();
    for (auto& timer : stall_timers_) timer.cancel();
    for (auto& [number, session] : sessions_) forget(*session);
    sessions_.clear();
    if (server_) server_->stop();
    server_.reset();
  }

 private:
  std::string url(std::string_view scheme) const {
    const bool v6 = options_.address.find(':') != std::string::npos;
    return fmt::format("{}{}://{}{}{}:{}", scheme, options_.certificate_file.empty() ? "" : "s",
                       v6 ? "[" : "", options_.address, v6 ? "]" : "", server_->port());
  }

  // Connections.

  net::Server::Upgrade upgrade(const net::Request& request) {
    net::Server::Upgrade decision;
    decision.refusal = refusal(request);
    if (decision.refusal) {
      events::session_refused(decision.refusal->status, request.peer);
      return decision;
    }
    decision.headers = labels();
    decision.opened = [this, token = request_token(request),
                       peer = request.peer](std::shared_ptr<net::WebSocketSession> socket) {
      open(std::move(socket), token, peer);
    };
    return decision;
  }

  /// What tells a client, also in every REST answer, whose data this is.
  net::Headers labels() const {
    return {{std::string(kFeedLabelHeader), feed_label()},
            {std::string(kClockHeader), follows_wall_clock() ? "wall" : "feed"}};
  }

  bool follows_wall_clock() const { return market_ != nullptr || options_.shift_to_now; }

  std::optional<net::Response> refusal(const net::Request& request) {
    if (request.path != "/" && request.path != "/ws")
      return net::text_response(404, "text/plain", "404 page not found");
    if (!options_.token.empty() && request_token(request) != options_.token)
      return invalid_api_key();
    if (faults_.happens(Fault::unauthorized)) return invalid_api_key();
    if (faults_.happens(Fault::too_many_requests)) return limit_reached();
    if (faults_.happens(Fault::not_upgraded))
      return net::text_response(200, "text/html", "<html>Welcome</html>");
    return std::nullopt;
  }

  void open(std::shared_ptr<net::WebSocketSession> socket, std::string token,
            std::string_view peer) {
    if (stopped_) return;
    const auto number = static_cast<int64_t>(++counts_.connections);
    auto session = std::make_shared<Session>(number, tape_.instruments().size());
    session->socket = std::move(socket);
    session->token = std::move(token);
    session->mute = faults_.happens(Fault::half_open);
    session->last_sent = clock_.boot();
    session->socket->on_message = [this, number](std::string_view text) { receive(number, text); };
    session->socket->on_drained = [this] { step(); };
    session->socket->on_closed = [this, number](int code) { closed(number, code); };
    sessions_.emplace(number, session);
    if (ledger_) ledger_->opened(number, clock_.wall());
    events::session_opened(number, peer);
    plan_pings(*session);
    plan_ends(*session);
    drop_both(*session);
    if (tape_ended_) say_goodbye(*session);
  }

  void closed(int64_t number, int code) {
    const auto found = sessions_.find(number);
    if (found == sessions_.end()) return;
    const std::shared_ptr<Session> session = found->second;
    forget(*session);
    sessions_.erase(found);
    if (ledger_) {
      ledger_->closed(number, clock_.wall(), code);
      flush();
    }
    events::session_closed(number, session->frames);
    notice_end();
  }

  /// No timer or callback of the session comes any more.
  static void forget(Session& session) {
    session.closing = true;
    for (net::Timer* timer :
         {&session.ping, &session.busy_ping, &session.disconnect, &session.abort})
      timer->cancel();
    session.socket->on_message = nullptr;
    session.socket->on_drained = nullptr;
    session.socket->on_closed = nullptr;
  }

  void drop_both(Session& newer) {
    for (auto& [number, older] : sessions_) {
      if (older.get() == &newer || older->closing || older->token != newer.token) continue;
      if (!faults_.happens(Fault::second_connection)) continue;
      close(*older, kGoingAway, "");
      close(newer, kGoingAway, "");
      return;
    }
  }

  void close(Session& session, int code, std::string_view reason) {
    if (session.closing) return;
    flush();
    session.closing = true;
    session.socket->close(code, reason);
  }

  void cut(Session& session) {
    if (session.closing) return;
    flush();
    session.closing = true;
    session.socket->abort();
  }

  // Requests.

  void receive(int64_t number, std::string_view text) {
    const auto found = sessions_.find(number);
    if (found == sessions_.end()) return;
    Session& session = *found->second;
    if (session.mute || session.closing) return;
    const ClientRequest request = parse_request(text);
    switch (request.kind) {
      case ClientRequest::Kind::subscribe:
        return subscribe(session, request.symbol);
      case ClientRequest::Kind::unsubscribe:
        if (const auto known = index_.find(request.symbol); known != index_.end())
          session.subscriptions.set(known->second, false);
        return;
      case ClientRequest::Kind::other:
        return;
      case ClientRequest::Kind::malformed:
        return send_now(session, error_frame("Invalid message"));
    }
  }

  void subscribe(Session& session, const std::string& symbol) {
    const auto known = index_.find(symbol);
    if (known == index_.end() || faults_.happens(Fault::invalid_symbol))
      return send_now(session, error_frame("Invalid symbol " + symbol));
    if (session.subscriptions.has(known->second)) return;
    if (session.subscriptions.count() >= static_cast<size_t>(options_.symbols_max))
      return send_now(session, error_frame("Subscribing to too many symbols"));
    // Nobody listened: the tape stood still and begins as at the first connection, when all is
    // subscribed again.
    if (!has_audience()) flowing_ = false;
    session.subscriptions.set(known->second, true);
    subscriptions_settle_at_ =
        clock_.boot() + std::chrono::milliseconds(options_.subscription_wait_ms);
    step();
  }

  // Sending.

  void send(Session& session, std::shared_ptr<const std::string> text) {
    if (session.closing || session.mute || stall_ == Stall::silence) return;
    ++counts_.frames;
    ++session.frames;
    session.last_sent = clock_.boot();
    if (ledger_) ledger_->sent(session.number, session.frames, clock_.wall(), *text);
    outbox_.push_back({session.number, std::move(text)});
  }

  void send_now(Session& session, std::string text) {
    send(session, std::make_shared<const std::string>(std::move(text)));
    flush();
  }

  /// The ledger first: what a client has received must be in it.
  void flush() {
    if (ledger_ && !ledger_failed_) {
      if (auto written = ledger_->flush(); !written.ok()) {
        ledger_failed_ = true;
        outbox_.clear();
        events::ledger_failed(written.error());
        end_tape(kInternalError, "tapeline: the simulator's ledger cannot be written");
        return;
      }
    }
    // Sending may end a session and so call back here.
    auto outgoing = std::exchange(outbox_, {});
    for (Outgoing& frame : outgoing) {
      const auto found = sessions_.find(frame.session);
      if (found == sessions_.end()) continue;
      net::WebSocketSession& socket = *found->second->socket;
      if (codec::is_utf8(*frame.text))
        socket.send(std::move(frame.text));
      else
        socket.send_raw(*frame.text, net::WebSocketSession::Opcode::binary);
    }
  }

  void deliver(const Batch& batch) {
    // A session may end while frames are sent to another, but never while they are only queued.
    for (auto& [number, session] : sessions_) {
      if (session->closing || session->mute) continue;
      size_t trades = 0;
      auto text = frame_for(batch, session->subscriptions, trades);
      if (text) send_trades(*session, std::move(text), trades);
    }
  }

  void send_trades(Session& session, std::shared_ptr<const std::string> text, size_t trades) {
    ++session.trade_frames;
    if (faults_.happens(Fault::disorder)) {
      session.held.push_back({text, trades, 1 + faults_.below(kHeldFramesMax)});
    } else {
      const uint32_t copies = faults_.happens(Fault::duplicate) ? faults_.misbehaviour().copies : 1;
      for (uint32_t copy = 0; copy < copies; ++copy) send(session, text);
      counts_.trades += copies * trades;
      release_held(session);
    }
    if (faults_.happens(Fault::repeat_later)) {
      for (uint32_t copy = 1; copy < faults_.misbehaviour().copies; ++copy)
        session.held.push_back({text, trades, 1 + faults_.below(kHeldFramesMax)});
    }
    if (faults_.happens(Fault::malformed))
      send(session, std::make_shared<const std::string>(faults_.spoil(*text)));
    if (faults_.happens(Fault::oversized)) send(session, oversized());
    if (faults_.happens(Fault::unknown_type)) send(session, unknown_type());
    if (faults_.happens(Fault::error))
      send(session, std::make_shared<const std::string>(error_frame("Something went wrong")));
    count_down(session);
  }

  void release_held(Session& session) {
    for (Session::Held& held : session.held) --held.frames_left;
    std::erase_if(session.held, [&](Session::Held& held) {
      if (held.frames_left > 0) return false;
      counts_.trades += held.trades;
      send(session, std::move(held.text));
      return true;
    });
  }

  void count_down(Session& session) {
    if (session.frames_until_disconnect > 0 && --session.frames_until_disconnect == 0)
      close_later(session, false);
    if (session.frames_until_abort > 0 && --session.frames_until_abort == 0)
      close_later(session, true);
  }

  /// Not in the middle of a slice, whose frames for other sessions are queued still.
  void close_later(Session& session, bool abruptly) {
    session.disconnect = loop_.after(0us, [this, &session, abruptly] {
      abruptly ? cut(session) : close(session, kGoingAway, "");
    });
    session.mute = true;
  }

  std::shared_ptr<const std::string> oversized() {
    std::string text = R"({"data":[],"type":"trade","padding":")";
    text.append(kOversizedBytes - text.size() - 2, 'x');
    return std::make_shared<const std::string>(text + "\"}");
  }

  std::shared_ptr<const std::string> unknown_type() {
    if (faults_.below(2) == 0)
      return std::make_shared<const std::string>(R"({"type":"weather","data":[{"s":"AAPL"}]})");
    return std::make_shared<const std::string>(fmt::format(
        R"({{"data":[{{"category":"company","datetime":{},"headline":"Simulated","id":{},"image":"","related":"AAPL","source":"Tapeline","summary":"","url":"https://example.com/"}}],"type":"news"}})",
        clock_.wall().time_since_epoch().count() / 1'000'000, faults_.below(1'000'000)));
  }

  // Habits.

  void plan_pings(Session& session) {
    const std::chrono::microseconds idle = std::chrono::seconds(options_.ping_interval_s);
    const auto silent_for = clock_.boot() - session.last_sent;
    session.ping = loop_.after(std::max(kSliceLeast, idle - silent_for), [this, &session, idle] {
      if (clock_.boot() - session.last_sent >= idle) ping(session);
      plan_pings(session);
    });
    if (faults_.misbehaviour().of(Habit::ping).wanted() && !session.busy_ping.active())
      plan_busy_ping(session);
  }

  void plan_busy_ping(Session& session) {
    session.busy_ping = loop_.after(faults_.misbehaviour().of(Habit::ping).every, [this, &session] {
      ping(session);
      plan_busy_ping(session);
    });
  }

  void ping(Session& session) {
    // Also when nothing is sent, so that a silent feed is asked again after the next interval.
    session.last_sent = clock_.boot();
    send_now(session, R"({"type":"ping"})");
  }

  void plan_ends(Session& session) {
    const Schedule& disconnect = faults_.misbehaviour().of(Habit::disconnect);
    const Schedule& abort = faults_.misbehaviour().of(Habit::abort);
    const auto frames = [&](uint64_t mean) {
      return std::max<uint64_t>(1, mean / 2 + faults_.below(mean + 1));
    };
    if (disconnect.frames > 0) session.frames_until_disconnect = frames(disconnect.frames);
    if (abort.frames > 0) session.frames_until_abort = frames(abort.frames);
    if (disconnect.every.count() > 0)
      session.disconnect = loop_.after(faults_.around(disconnect.every),
                                       [this, &session] { close(session, kGoingAway, ""); });
    if (abort.every.count() > 0)
      session.abort = loop_.after(faults_.around(abort.every), [this, &session] { cut(session); });
  }

  static Stall stall_of(Habit habit) {
    return habit == Habit::pause     ? Stall::pause
           : habit == Habit::silence ? Stall::silence
                                     : Stall::burst;
  }

  void plan_stall(Habit habit) {
    const Schedule& schedule = faults_.misbehaviour().of(habit);
    if (!schedule.wanted()) return;
    net::Timer& timer = stall_timers_[static_cast<size_t>(habit)];
    timer = loop_.after(faults_.around(schedule.every), [this, habit, &timer, &schedule] {
      if (stall_ == Stall::none) {
        step();  // What is due by now is sent before.
        stall_ = stall_of(habit);
      }
      timer = loop_.after(schedule.length, [this, habit] {
        if (stall_ == stall_of(habit)) end_stall();
        plan_stall(habit);
      });
    });
  }

  void end_stall() {
    // After a burst the tape is behind and catches up; otherwise it goes on from now.
    if (stall_ != Stall::burst) flowing_ = false;
    stall_ = Stall::none;
    step();
  }

  // The tape.

  /// Somebody wants something, and of a recording whoever is there has said all.
  bool wanted(BootTime now) const {
    bool any = false;
    bool all = true;
    for (const auto& [number, session] : sessions_) {
      if (session->closing || session->mute) continue;
      any = any || session->subscriptions.count() > 0;
      all = all && session->subscriptions.all();
    }
    return any && (market_ || flowing_ || all || now >= subscriptions_settle_at_);
  }

  /// The last session may go in the middle of a slice; what it does not get waits for the next.
  bool has_audience() const {
    return std::any_of(sessions_.begin(), sessions_.end(), [](const auto& entry) {
      const Session& session = *entry.second;
      return !session.closing && !session.mute && session.subscriptions.count() > 0;
    });
  }

  bool blocked() const {
    return std::any_of(sessions_.begin(), sessions_.end(), [](const auto& entry) {
      const Session& session = *entry.second;
      return !session.closing && !session.mute && session.socket->queued_bytes() > kQueuedBytesMax;
    });
  }

  void step() {
    if (stopped_ || tape_ended_ || stepping_) return;
    stepping_ = true;
    step_timer_.cancel();
    const BootTime now = clock_.boot();
    if (!wanted(now)) {
      flowing_ = false;
      // Unsubscribed sessions call back; unsettled ones are looked at again.
      if (!sessions_.empty() && now < subscriptions_settle_at_)
        wake_in(subscriptions_settle_at_ - now);
    } else if (stall_ == Stall::none) {
      if (!flowing_) begin_flow(now);
      pump(now);
    }
    stepping_ = false;
  }

  void wake_in(std::chrono::microseconds delay) {
    step_timer_ = loop_.after(delay, [this] { step(); });
  }

  /// From now on the tape's time goes with the clock.
  void begin_flow(BootTime now) {
    flowing_ = true;
    anchor_boot_ = now;
    anchor_tape_ = clock_.wall();
    if (market_) {
      market_->skip_to(anchor_tape_);
      has_pending_ = false;
      return;
    }
    if (options_.shift_to_now) {
      const WallTime next = last_due_.value_or(recording_->first());
      const auto more = std::chrono::floor<std::chrono::milliseconds>(anchor_tape_ - next);
      shift_ += more;
      recording_->shift_by(shift_);
      if (has_pending_) shift_batch(pending_, more);
    }
    if (fetch()) anchor_tape_ = pending_.due;
  }

  bool fetch() {
    if (has_pending_) return true;
    if (tape_ended_) return false;
    if (market_ && unlimited_) market_->skip_to(clock_.wall());
    const auto got = tape_.next(pending_);
    if (!got.ok()) {
      events::recording_failed(got.error());
      end_tape(kInternalError, "tapeline: the recording is damaged");
      return false;
    }
    if (!got.value()) {
      events::recording_ended(counts_.frames, recording_ ? recording_->rows_skipped() : 0);
      end_tape(kNormalClosure, kEndOfRecording);
      return false;
    }
    has_pending_ = true;
    last_due_ = pending_.due;
    return true;
  }

  /// Boot time at which the pending frame is to be sent.
  BootTime due() const {
    if (unlimited_) return BootTime(0);
    const auto tape_us = static_cast<double>((pending_.due - anchor_tape_).count());
    return anchor_boot_ + std::chrono::microseconds(static_cast<int64_t>(tape_us / speed_));
  }

  void keep_market_present(BootTime now) {
    const auto behind = clock_.wall() - (anchor_tape_ + (now - anchor_boot_));
    const bool clock_was_set = behind > kWallDriftMax || behind < -kWallDriftMax;
    const bool lags = !unlimited_ && fetch() && due() < now - kMarketLagMax;
    if (!clock_was_set && !lags) return;
    const auto skipped = clock_was_set ? behind : now - due();
    events::market_skipped(std::chrono::duration<double>(skipped).count());
    begin_flow(now);
  }

  /// Sends what is due, a bounded amount of it, and sees to it that `step` is called again.
  void pump(BootTime now) {
    if (market_) keep_market_present(now);
    size_t sent_bytes = 0;
    while (fetch()) {
      if (due() > now) {
        flush();
        return wake_in(std::max(kSliceLeast, due() - now));
      }
      if (!has_audience()) {
        flowing_ = false;
        return flush();
      }
      if (blocked()) {
        flush();
        return wake_in(kBlockedRetry);
      }
      deliver(pending_);
      has_pending_ = false;
      sent_bytes += pending_.text.size();
      if (sent_bytes >= kSliceBytes) {
        flush();
        return wake_in(0us);
      }
    }
  }

  void end_tape(int code, std::string_view reason) {
    if (tape_ended_) return;
    tape_ended_ = true;
    goodbye_code_ = code;
    goodbye_reason_ = reason;
    for (auto& [number, session] : sessions_) {
      while (!session->held.empty()) release_held(*session);
    }
    flush();
    // A goodbye may end the session at once, which takes it out of the map.
    std::vector<std::shared_ptr<Session>> open;
    for (auto& [number, session] : sessions_) open.push_back(session);
    for (const auto& session : open) say_goodbye(*session);
    notice_end();
  }

  void say_goodbye(Session& session) { close(session, goodbye_code_, goodbye_reason_); }

  void notice_end() {
    if (!tape_ended_ || counts_.ended || !sessions_.empty()) return;
    counts_.ended = true;
    if (on_ended) on_ended();
  }

  struct Outgoing {
    int64_t session;
    std::shared_ptr<const std::string> text;
  };

  // Constant after construction.
  net::Loop& loop_;
  const Clock& clock_;
  const Options options_;
  const double speed_;
  const bool unlimited_;  ///< As fast as the readers take it.
  SymbolIndex index_;

  const std::unique_ptr<Market> market_;  ///< One of these two.
  const std::unique_ptr<Recording> recording_;
  Tape& tape_;
  const std::unique_ptr<Ledger> ledger_;  ///< May be null.
  bool ledger_failed_ = false;
  Rest rest_;
  Faults faults_;
  Counts counts_;

  std::map<int64_t, std::shared_ptr<Session>> sessions_;
  std::vector<Outgoing> outbox_;
  BootTime subscriptions_settle_at_{0};

  Stall stall_ = Stall::none;
  std::array<net::Timer, kHabits> stall_timers_;

  net::Timer step_timer_;
  bool stepping_ = false;
  bool flowing_ = false;  ///< The anchors hold.
  BootTime anchor_boot_{0};
  WallTime anchor_tape_{};
  std::optional<WallTime> last_due_;
  std::chrono::milliseconds shift_{0};
  Batch pending_;
  bool has_pending_ = false;
  bool tape_ended_ = false;
  int goodbye_code_ = 0;
  std::string goodbye_reason_;
  bool stopped_ = false;

  std::unique_ptr<net::Server> server_;
};

}  // namespace

Result<std::unique_ptr<Server>> start(net::Loop& loop, const Clock& clock, const Options& options,
                                      FileSystem& files) {
  auto parsed = parse(options);
  if (!parsed.ok()) return parsed.error();
  const auto trades_per_frame = static_cast<uint32_t>(options.trades_per_frame);
  const auto seed = static_cast<uint64_t>(options.seed);

  std::unique_ptr<Market> market;
  std::unique_ptr<Recording> recording;
  if (options.recordings.empty()) {
    MarketOptions made{.seed = seed, .trades_per_s = parsed.value().rate};
    made.trades_per_frame_max = trades_per_frame;
    if (options.symbols > 0)
      made.instruments = numbered_instruments(static_cast<uint32_t>(options.symbols));
    market = std::make_unique<Market>(std::move(made));
  } else {
    auto opened = Recording::open(files, options.recordings,
                                  {.seed = seed, .trades_per_frame_max = trades_per_frame});
    if (!opened.ok()) return opened.error();
    recording = std::move(opened).value();
  }
  std::unique_ptr<Ledger> ledger;
  if (!options.ledger_file.empty()) {
    auto created = Ledger::create(files, options.ledger_file);
    if (!created.ok()) return created.error();
    ledger = std::move(created).value();
  }
  auto feed =
      std::make_unique<SimulatedFeed>(loop, clock, options, parsed.value(), std::move(market),
                                      std::move(recording), std::move(ledger));
  TAPELINE_TRY(feed->listen());
  return std::unique_ptr<Server>(std::move(feed));
}

}  // namespace tapeline::simulate
