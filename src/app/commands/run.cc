#include <fmt/format.h>

#include <cstdio>
#include <optional>

#include "app/commands/commands.h"
#include "app/commands/tell.h"
#include "app/events.h"
#include "app/live.h"
#include "app/proof.h"
#include "app/publisher.h"
#include "app/recordings.h"
#include "app/retention.h"
#include "app/session.h"
#include "app/signals.h"
#include "app/simulator_thread.h"
#include "app/status_board.h"

namespace tapeline::app {
namespace {

constexpr std::chrono::milliseconds kStoredEvery{100};
constexpr std::chrono::seconds kSampleEvery{1};

/// What is run and how it is called.
struct Plan {
  enum class Kind { live, simulated, recording };
  Kind kind = Kind::simulated;
  serve::Identity identity;
  /// What the server calls its feed; the source in records. The directory may have another name.
  std::string source;
};

Plan make_plan(const Config& config, const RunArguments& arguments) {
  const bool other_server = config.feed.url != ingest::finnhub::Options().url;
  Plan plan;
  if (!arguments.recordings.empty()) {
    plan.kind = Plan::Kind::recording;
    plan.identity = {"recording", "Recording", false};
  } else if (config.feed.token.empty() && !other_server) {
    plan.kind = Plan::Kind::simulated;
    plan.identity = {"simulated", "Simulated market", true};
  } else {
    plan.kind = Plan::Kind::live;
    plan.identity = {"finnhub", "Finnhub", false};
  }
  return plan;
}

// Client and simulator do not know each other; what they agree on is checked here.
static_assert(simulate::kFeedLabelHeader == ingest::finnhub::kLabelHeader);
static_assert(simulate::kClockHeader == ingest::finnhub::kClockHeader);
static_assert(simulate::kEndOfRecording == ingest::finnhub::kEndOfRecording);

/// What a server calls itself that is not Finnhub's; empty when it does not say, or does not
/// answer.
std::string ask_label(net::Loop& loop, const ingest::finnhub::Options& feed) {
  const auto url = net::parse_url(feed.url);
  if (!url) return {};
  const auto connector = net::make_connector(loop);
  std::string label;
  connector->get(fmt::format("{}://{}:{}/", url->tls ? "https" : "http", url->host, url->port), {},
                 {.ca_file = feed.ca_file, .verify = true}, std::chrono::milliseconds(2'000),
                 64 << 10, [&](Result<net::Connector::HttpAnswer> answer) {
                   if (answer)
                     if (const auto* header =
                             net::find_header(answer.value().headers, simulate::kFeedLabelHeader))
                       label = *header;
                   loop.stop();
                 });
  loop.run();
  return label;
}

std::optional<serve::ReplayedSets> replayed_by(const store::Checkpoint& checkpoint) {
  auto known = engine::replayed_in(checkpoint);
  if (!known) return std::nullopt;
  return std::move(known).value();
}

/// Everything of one run that lives on the loop's thread.
class Run {
 public:
  Run(Config& config, const RunArguments& arguments, const Plan& plan, net::Loop& loop,
      metrics::Registry& metrics)
      : config_(config),
        arguments_(arguments),
        plan_(plan),
        loop_(loop),
        metrics_(metrics),
        publisher_(loop, [this](const serve::Publication& publication) {
          if (service_) service_->publish(publication);
        }) {}

  /// Opens, listens and begins to take trades.
  Result<> start(double speed) {
    if (plan_.kind == Plan::Kind::simulated) TAPELINE_TRY(start_simulator());
    auto session =
        Session::open(config_, plan_.identity.feed, posix_file_system(), loop_.clock(), metrics_,
                      [this](engine::Changes changes) { publisher_.put(std::move(changes)); });
    if (!session) return session.error();
    session_ = std::move(session).value();

    workers_ = std::make_unique<serve::WorkerThread>(
        static_cast<size_t>(config_.serve.queries_waiting_max));
    board_ = std::make_unique<StatusBoard>(loop_, *session_, config_, metrics_);
    proofs_ = std::make_unique<LiveProofs>(*session_->tape().store, *session_->tape().log,
                                           static_cast<uint64_t>(config_.serve.records_scanned_max),
                                           config_.ingest.future_ms_max);
    service_ = std::make_unique<serve::Service>(
        config_.serve, plan_.identity,
        serve::Service::Ports{.loop = loop_,
                              .workers = *workers_,
                              .store = *session_->tape().store,
                              .log = *session_->tape().log,
                              .dead_letters = *session_->tape().dead_letter_log,
                              .replayed_of = replayed_by,
                              .status = *board_,
                              .symbols = *board_,
                              .proofs = *proofs_,
                              .settings = config_.declarer,
                              .metrics = metrics_});
    TAPELINE_TRY(service_->listen());
    make_origin(speed);
    board_->show(origin_.get());
    origin_->start();
    every(kStoredEvery, stored_timer_,
          [this] { service_->stored(session_->pipeline().status().stored); });
    every(kSampleEvery, sample_timer_, [this] {
      board_->sample();
      // What is received goes on being wrong on the screen; the next start repairs it.
      if (!session_->pipeline().status().damage.empty()) loop_.stop();
    });
    retention_ = std::make_unique<Retention>(
        *session_->tape().log, [this] { return session_->pipeline().status().cut_before; });
    every(std::chrono::milliseconds(config_.log.retention_every_ms), retention_timer_,
          [this] { cut_log(); });
    return {};
  }

  void print_address() const {
    if (simulator_)
      fmt::print(
          "tapeline: simulated market, not real prices; set FINNHUB_API_TOKEN for the real "
          "one\n");
    fmt::print("tapeline: data in {}\n", session_->tape().directory->path());
    fmt::print("tapeline: listening on {}\n", service_->address());
    std::fflush(stdout);
  }

  /// Takes nothing more, makes everything durable and stores it.
  Result<> stop() {
    stored_timer_.cancel();
    sample_timer_.cancel();
    retention_timer_.cancel();
    if (service_) service_->stop();
    if (origin_) origin_->stop();
    publisher_.stop();
    if (workers_) workers_->stop();
    return session_ ? session_->close() : Result<>();
  }

  bool recording_ended() const { return ended_; }

 private:
  Result<> start_simulator() {
    simulate::Options options = config_.simulate;
    options.port = 0;
    options.address = "127.0.0.1";
    // Another market at each start, or a restart would show the same minutes again.
    if (options.seed == simulate::Options().seed)
      options.seed = static_cast<int64_t>(random_seed() >> 16);
    auto simulator = SimulatorThread::start(loop_.clock(), options);
    if (!simulator) return simulator.error();
    simulator_ = std::move(simulator).value();
    config_.feed.url = simulator_->websocket_url();
    config_.feed.rest_url = simulator_->rest_url();
    if (config_.feed.symbols == ingest::finnhub::Options().symbols)
      config_.feed.symbols = kSimulatedSymbols;
    return {};
  }

  void make_origin(double speed) {
    const auto ended = [this] {
      ended_ = true;
      if (arguments_.exit_at_end) loop_.stop();
    };
    if (plan_.kind == Plan::Kind::recording) {
      origin_ = std::make_unique<ReplayOrigin>(
          ReplayOrigin::Setup{.loop = loop_,
                              .session = *session_,
                              .config = config_,
                              .replay = {.files = arguments_.recordings,
                                         .speed = speed,
                                         .clock = ingest::replay_clock(config_.ingest)},
                              .metrics = metrics_,
                              .ended = ended});
      return;
    }
    origin_ = std::make_unique<FeedOrigin>(FeedOrigin::Setup{.loop = loop_,
                                                             .session = *session_,
                                                             .config = config_,
                                                             .feed = config_.feed,
                                                             .source = plan_.source,
                                                             .metrics = metrics_,
                                                             .ended = ended});
  }

  void every(std::chrono::microseconds period, net::Timer& timer, std::function<void()> task) {
    timer = loop_.after(period, [this, period, &timer, task = std::move(task)] {
      task();
      every(period, timer, task);
    });
  }

  /// Removing files may take long: not on the loop's thread. One round at a time, so that at most
  /// one has a place among the queries.
  void cut_log() {
    if (cutting_) return;
    cutting_ = workers_->run([this] {
      auto cut = retention_->step();
      if (!cut) events::retention_failed(cut.error().message());
      if (const auto done = session_->cut_letters(); !done)
        events::retention_failed(done.error().message());
      loop_.post([this, due = cut ? std::move(cut).value() : std::nullopt] { end_round(due); });
    });
    if (!cutting_ && !cut_put_off_) events::retention_put_off(config_.serve.queries_waiting_max);
    cut_put_off_ = !cutting_;
  }

  void end_round(const std::optional<model::RetentionCut>& due) {
    cutting_ = false;
    if (!due) return;
    if (const auto taken = origin_->note_cut(*due); !taken)
      events::retention_failed(taken.error().message());
    else
      retention_->noted(*due);
  }

  inline static const std::vector<std::string> kSimulatedSymbols = {
      "BINANCE:BTCUSDT", "BINANCE:ETHUSDT", "AAPL", "MSFT", "NVDA", "TSLA", "AMZN",
      "OANDA:EUR_USD"};

  Config& config_;
  const RunArguments& arguments_;
  const Plan plan_;
  net::Loop& loop_;
  metrics::Registry& metrics_;
  Publisher publisher_;
  bool ended_ = false;

  // In the order of creation; destroyed in the reverse one.
  std::unique_ptr<SimulatorThread> simulator_;
  std::unique_ptr<Session> session_;
  std::unique_ptr<serve::WorkerThread> workers_;
  std::unique_ptr<StatusBoard> board_;
  std::unique_ptr<LiveProofs> proofs_;
  std::unique_ptr<serve::Service> service_;
  std::unique_ptr<Origin> origin_;
  std::unique_ptr<Retention> retention_;  // Used by the workers' thread while cutting_.
  bool cutting_ = false;                  // A round waits or runs.
  bool cut_put_off_ = false;              // The last round found no place.
  net::Timer stored_timer_;
  net::Timer sample_timer_;
  net::Timer retention_timer_;
};

}  // namespace

int run(Config& config, const RunArguments& arguments) {
  const auto speed = speed_or_say(arguments.speed);
  if (!speed) return kUsage;
  if (const auto readable = check_recordings(posix_file_system(), arguments.recordings); !readable)
    return failed(readable.error());
  const Clock& clock = system_clock();
  const auto loop = net::make_loop(clock);
  const SignalWatcher signals([&] { loop->stop(); });
  metrics::Registry metrics;
  Plan plan = make_plan(config, arguments);
  if (plan.kind == Plan::Kind::live && config.feed.url != ingest::finnhub::Options().url) {
    const auto asking = net::make_loop(clock);
    if (const std::string label = ask_label(*asking, config.feed); !label.empty())
      plan.identity = {label, label == "simulated" ? "Simulated market" : label,
                       label == "simulated"};
  }
  plan.source = plan.identity.feed;
  if (!config.data.feed.empty()) plan.identity.feed = config.data.feed;

  Run one(config, arguments, plan, *loop, metrics);
  if (const auto started = one.start(*speed); !started) {
    (void)one.stop().ok();
    return failed(started.error());
  }
  one.print_address();
  loop->run();
  const BootTime stopping = clock.boot();
  if (const auto stopped = one.stop(); !stopped) return failed(stopped.error());
  events::stopped(static_cast<double>((clock.boot() - stopping).count()) / 1e6);
  return kOk;
}

}  // namespace tapeline::app
