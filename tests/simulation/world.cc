#include "simulation/world.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <map>
#include <memory>
#include <set>

#include "app/log_formats.h"
#include "app/logged_dead_letters.h"
#include "app/pipeline_core.h"
#include "base/check.h"
#include "codec/dead_letter.h"
#include "ingest/finnhub/feed_client.h"
#include "ingest/options.h"
#include "log/embedded/embedded_log.h"
#include "simulate/session.h"
#include "simulation/laws.h"
#include "simulation/network.h"
#include "simulation/sqlite_disk.h"
#include "store/data_directory.h"
#include "store/embedded/store.h"
#include "support/faulty_file_system.h"
#include "support/manual_loop.h"
#include "verify/plain.h"

namespace tapeline::simulation {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using EngineStep = app::PipelineCore::EngineStep;
using StoreStep = app::PipelineCore::StoreStep;

constexpr const char* kFeed = "simulated";
constexpr uint64_t kDiskBytes = uint64_t{1} << 40;
/// 2026-03-02T14:29:30Z, a Monday: half a minute before New York's market opens.
constexpr WallTime kBegin{seconds(1'772'461'770)};
constexpr seconds kFaultsLast{60};
constexpr seconds kCalmLasts{25};
/// Watermarks pass the last windows but those of an hour.
constexpr seconds kQuietLasts{8};
constexpr microseconds kFrameEvery{65'000};
constexpr microseconds kDelayUsual{10'000};
constexpr milliseconds kWatchEvery{500};
constexpr size_t kFramesKept = 4;
constexpr milliseconds kUnreadMax{700};
constexpr int kStartsInCalmMax = 5;
/// A fault that finds nothing to break tries once more.
constexpr milliseconds kFaultAgain{500};

/// One tape has one appender, so there is one source.
constexpr std::string_view kSource = "simulated";
/// A stock: its market opens half a minute after the beginning.
constexpr const char* kStock = "FEIGN";
constexpr std::array<const char*, 5> kSymbols = {"BINANCE:AUSDT", "BINANCE:BUSDT", "BINANCE:CUSDT",
                                                 "KRAKEN:DUSD", kStock};
/// Conditions of its prints: none, of extended hours, an odd lot, an official close, an average
/// price, and those that may open and close only as the first or only of their day.
constexpr std::array<std::string_view, 9> kConditions = {
    "[]",        "[]",       "[]",        R"(["24"])",     R"(["12"])",
    R"(["16"])", R"(["2"])", R"(["30"])", R"(["32","12"])"};

/// Remembers what the stage puts aside, and hands it to the sink that the product has.
class Letters final : public ingest::DeadLetterSink {
 public:
  void put(const ingest::DeadLetter& letter) override {
    ++count;
    made.push_back(
        fmt::format("{}/{}/{} {}", letter.epoch, letter.frame, letter.sequence, letter.bytes));
    sink->put(letter);
  }
  int64_t count = 0;
  std::vector<std::string> made;
  std::unique_ptr<app::LoggedDeadLetters> sink;
};

/// Frames and elements whose bytes have to be among the dead letters.
int64_t put_aside(const ingest::Accounts& accounts) {
  int64_t sum = accounts.frames_by_kind[static_cast<size_t>(ingest::FrameKind::unknown)];
  for (const int64_t count : accounts.frames_rejected) sum += count;
  for (const int64_t count : accounts.elements_rejected) sum += count;
  return sum;
}

/// What a seed decides before the beginning.
struct Plan {
  log::Options log;
  store::Options store;
  app::PipelineOptions pipeline;
  engine::Options engine;
  engine::ContentOptions content;
  ingest::Options ingest;
  ingest::finnhub::Options feed;
  std::set<Fault> faults;
};

template <typename T, size_t size>
T one_of(Random& random, const std::array<T, size>& values) {
  return values[random.below(size)];
}

Plan draw_plan(Random& random) {
  Plan plan;
  plan.log.durability = "fsync";
  plan.log.segment_bytes_max =
      one_of<int64_t>(random, std::array<int64_t, 3>{16 << 10, 48 << 10, 1 << 20});
  plan.log.block_bytes = 8 << 10;
  plan.log.pending_bytes_max = 128 << 10;
  plan.log.tail_bytes_max = one_of<int64_t>(random, std::array<int64_t, 2>{4 << 10, 1 << 20});
  plan.store.cache_bytes = 1 << 20;
  plan.store.wal_bytes = one_of<int64_t>(random, std::array<int64_t, 2>{64 << 10, 1 << 20});
  plan.store.busy_timeout_ms = 0;
  plan.store.free_bytes_min = 0;
  plan.pipeline.commit_interval_ms =
      one_of<int64_t>(random, std::array<int64_t, 3>{700, 1'500, 4'000});
  plan.pipeline.dirty_bytes_max =
      one_of<int64_t>(random, std::array<int64_t, 2>{16 << 10, 32 << 20});
  plan.engine.cache_bytes_max =
      one_of<int64_t>(random, std::array<int64_t, 3>{0, 32 << 10, 16 << 20});
  plan.ingest.batch_bytes = 4 << 10;  // No append is larger than a segment.
  plan.content.intervals = {"1s", "5s", "1m", "1h", "1d"};
  plan.content.disorder_ms = one_of<int64_t>(random, std::array<int64_t, 2>{500, 3'000});
  plan.feed.token = "";
  plan.feed.watchdog_ms = 8'000;
  plan.feed.frozen_ms = 10'000;
  plan.feed.connect_timeout_ms = 4'000;
  plan.feed.backoff_first_ms = 300;
  plan.feed.backoff_max_ms = 3'000;
  plan.feed.backoff_refused_ms = 2'000;
  constexpr std::array kOptional = {Fault::delay,       Fault::cut,       Fault::half_open,
                                    Fault::reorder,     Fault::duplicate, Fault::garbage,
                                    Fault::short_write, Fault::disk_full, Fault::slow_sync,
                                    Fault::failed_sync, Fault::freeze};
  // Some may find nothing to break.
  while (plan.faults.size() < size_t{kKindsLeast} + 2)
    for (const Fault fault : kOptional)
      if (random.chance(0.35)) plan.faults.insert(fault);
  // After a failed sync a log that is no longer what was written refuses to go on.
  if (!plan.faults.contains(Fault::failed_sync) && random.chance(0.15))
    plan.faults.insert(Fault::bit_flip);
  if (random.chance(0.6)) plan.faults.insert(Fault::killed);
  if (!plan.faults.contains(Fault::killed) || random.chance(0.6))
    plan.faults.insert(Fault::power_cut);
  return plan;
}

class World {
 public:
  World(uint64_t seed, uint64_t draw);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  Report run();

 private:
  struct Frame {
    std::string text;
    std::vector<int64_t> numbers;  ///< Of its trades.
  };
  /// The feed, as it serves its newest connection.
  struct Server {
    std::unique_ptr<Peer> peer;
    std::set<std::string> subscribed;
    size_t frames = 0;          ///< On this connection.
    std::vector<Frame> newest;  ///< At most kFramesKept.
    std::vector<Frame> again;   ///< To be sent once more, later.
  };
  struct Feed {
    explicit Feed(uint64_t seed) : random(seed) {}
    Random random;
    int64_t epoch = 0;
    std::unique_ptr<ingest::Stage> stage;
    std::unique_ptr<net::Connector> connector;
    std::unique_ptr<ingest::finnhub::FeedClient> client;
  };
  /// Everything that a kill takes away. Members go in the reverse order.
  struct Process {
    metrics::Registry metrics;
    std::unique_ptr<store::DataDirectory> directory;
    std::unique_ptr<store::Store> store;
    log::SteppedLog letter_log;
    Letters letters;
    log::SteppedLog log;
    std::unique_ptr<log::Reader> onlooker;
    std::unique_ptr<app::PipelineCore> core;
    std::unique_ptr<Feed> feed;
  };
  struct Planned {
    BootTime at;
    std::function<void()> act;
  };

  template <typename... Args>
  void broken(fmt::format_string<Args...> format, Args&&... args) {
    if (report_.violations.size() < 5)
      report_.violations.push_back(fmt::format(format, std::forward<Args>(args)...));
  }
  void fired(Fault fault) { ++report_.fired[static_cast<size_t>(fault)]; }

  BootTime now() const { return clock_.boot(); }
  int64_t wall_ms() const {
    return std::chrono::floor<milliseconds>(clock_.wall()).time_since_epoch().count();
  }
  microseconds within(microseconds max) {
    return microseconds(static_cast<int64_t>(random_.below(static_cast<uint64_t>(max.count()))));
  }
  void plan(BootTime at, std::function<void()> act);
  void plan_faults();
  void plan_crash(bool power);
  void crash_at_last();
  void plan_network_fault(Fault fault, BootTime at);
  void plan_disk_fault(Fault fault, BootTime at);

  void run_until(BootTime end);
  BootTime next_event(BootTime end);
  void act();
  void settle();
  void step_log();
  void step_letters();
  void step_engine();
  void step_store();

  bool start();
  Result<> open_process();
  Result<> spoil_checkpoint();
  void log_settings();
  void start_feed();
  void crash();
  void flip_a_bit();
  void finish();
  void look_whether_tame();
  void watch();
  void look_on();
  void look_at(const engine::Changes& changes);
  void check_letters();
  log::EmbeddedSetup log_setup();
  log::EmbeddedSetup letter_setup();

  bool accept(const std::string& host, const std::shared_ptr<Link>& link);
  void make_frame(BootTime at);
  std::string trade_json(size_t symbol, WallTime at);
  Link* link();
  void send_again();
  void give_up_on_a_slow_reader();

  const uint64_t seed_;
  Random random_;
  Random market_random_;
  Random start_random_;
  Plan plan_;
  Report report_;
  test::ManualLoop loop_{kBegin};
  ManualClock& clock_ = loop_.manual_clock();
  const BootTime begin_ = clock_.boot();
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      io_.get_executor()};
  test::FaultyFileSystem disk_;
  SqliteDisk sqlite_{disk_, clock_, seed_};
  Network network_{io_.get_executor(), clock_};
  Server server_;
  std::vector<std::unique_ptr<Peer>> old_peers_;

  std::unique_ptr<Process> process_;
  std::vector<Planned> planned_;  ///< By time.
  std::optional<BootTime> start_at_;
  std::optional<BootTime> engine_at_;
  std::optional<BootTime> store_at_;
  BootTime log_busy_till_{0};
  BootTime letters_busy_till_{0};
  BootTime watch_at_{0};
  BootTime frame_at_{0};
  BootTime slow_till_{0};
  bool market_open_ = true;
  bool power_goes_ = false;  ///< The crash that is planned is a power cut.
  bool faults_over_ = false;
  int calm_failures_ = 0;
  std::string start_failure_;

  int64_t next_number_ = 1;
  Evidence evidence_;
  Position seen_end_;
  std::map<int64_t, std::string> seen_;  ///< Every batch that was visible, by its first position.
  /// A bar as it was shown last.
  struct Shown {
    int64_t records = 0;
    int64_t revision = 0;
    bool final = false;
  };
  std::map<model::BarKey, Shown> shown_;
  std::multiset<std::string> letters_made_;  ///< By processes that died.
  Position letters_end_;                     ///< What is before it survives a kill.
};

World::World(uint64_t seed, uint64_t draw)
    : seed_(seed ^ draw * 0xBF58476D1CE4E5B9U),
      random_(seed_),
      market_random_(seed_ ^ 0x9E3779B97F4A7C15U),
      start_random_(seed_ ^ 0xD1B54A32D192ED03U),
      plan_(draw_plan(random_)) {
  report_.seed = seed;
  evidence_.settings = {plan_.content.latency_bound_ms,
                        plan_.content.disorder_ms,
                        {1'000, 5'000, 60'000, 3'600'000, 86'400'000}};
  disk_.set_capacity(kDiskBytes);
  disk_.set_on_sync([this] {
    // Readers run meanwhile.
    look_on();
    if (now() >= slow_till_) return;
    fired(Fault::slow_sync);
    clock_.advance(milliseconds(40) + within(milliseconds(300)));
  });
  network_.delay = kDelayUsual;
  network_.accept = [this](const std::string& host, const std::shared_ptr<Link>& link) {
    return accept(host, link);
  };
}

World::~World() {
  process_.reset();
  settle();
}

Report World::run() {
  frame_at_ = now();
  plan_faults();
  start_at_ = now();
  plan(begin_ + kFaultsLast - seconds(3), [this] { crash_at_last(); });
  run_until(begin_ + kFaultsLast);
  // From here on nothing is broken, but what was broken has to heal.
  faults_over_ = true;
  planned_.clear();
  disk_.set_capacity(kDiskBytes);
  disk_.cut_power_after(0);
  disk_.break_syncs(0);
  disk_.unbreak();
  slow_till_ = BootTime(0);
  network_.delay = kDelayUsual;
  for (const auto& link : network_.links()) link->set_delay(kDelayUsual);
  run_until(now() + seconds(14));
  evidence_.calm_from_ms = wall_ms();
  run_until(now() + kCalmLasts - seconds(14));
  evidence_.calm_to_ms = wall_ms();
  market_open_ = false;
  run_until(now() + kQuietLasts);
  finish();
  look_whether_tame();
  return report_;
}

void World::look_whether_tame() {
  const auto failures = disk_.failures();
  report_.fired[static_cast<size_t>(Fault::short_write)] = static_cast<int64_t>(failures.writes);
  report_.fired[static_cast<size_t>(Fault::failed_sync)] = static_cast<int64_t>(failures.syncs);
  report_.fired[static_cast<size_t>(Fault::disk_full)] = static_cast<int64_t>(failures.full);
  report_.tame = report_.offered < kTradesLeast || report_.symbols < kSymbolsLeast ||
                 report_.kinds() < kKindsLeast || report_.crashes() == 0;
}

// ---- Time

void World::run_until(BootTime end) {
  while (now() < end) {
    const BootTime next = next_event(end);
    if (next > now()) clock_.advance(next - now());
    act();
  }
}

BootTime World::next_event(BootTime end) {
  BootTime next = std::min(end, watch_at_);
  const auto consider = [&](std::optional<BootTime> at) {
    if (at && *at < next) next = *at;
  };
  consider(loop_.next_due());
  consider(network_.next_due());
  consider(start_at_);
  if (market_open_) consider(frame_at_);
  if (!planned_.empty()) consider(planned_.front().at);
  if (process_) {
    if (const auto due = process_->log.due()) consider(std::max(*due, log_busy_till_));
    if (const auto due = process_->letter_log.due()) consider(std::max(*due, letters_busy_till_));
    consider(engine_at_);
    consider(store_at_);
  }
  return next;
}

void World::act() {
  while (!planned_.empty() && planned_.front().at <= now()) {
    const auto planned = std::move(planned_.front());
    planned_.erase(planned_.begin());
    planned.act();
  }
  while (market_open_ && frame_at_ <= now()) {
    make_frame(frame_at_);
    frame_at_ += kFrameEvery / 2 +
                 microseconds(static_cast<int64_t>(market_random_.below(kFrameEvery.count())));
  }
  network_.deliver();
  settle();
  if (start_at_ && *start_at_ <= now()) {
    start_at_.reset();
    start();
  }
  // Threads of the product: each may come first.
  for (uint64_t turn = random_.below(3), n = 0; n < 3 && process_; ++n, turn = (turn + 1) % 3) {
    if (turn == 0) step_log();
    if (turn == 1) step_engine();
    if (turn == 2) step_store();
    if (!disk_.powered()) crash();
  }
  if (process_) step_letters();
  if (process_ && !disk_.powered()) crash();
  if (watch_at_ <= now()) {
    watch();
    watch_at_ = now() + kWatchEvery;
  }
}

void World::settle() {
  size_t ran = 0;
  do {
    loop_.run_ready();
    ran = io_.poll();
  } while (ran > 0);
  if (process_ && !disk_.powered()) crash();
}

void World::step_log() {
  const auto due = process_->log.due();
  if (!due || std::max(*due, log_busy_till_) > now()) return;
  process_->log.step();
  // How soon the writer's thread runs again.
  log_busy_till_ =
      now() + (random_.chance(0.9) ? within(microseconds(3'000)) : within(microseconds(300'000)));
  look_on();
  if (!engine_at_ || *engine_at_ > now() + milliseconds(100))
    engine_at_ = now() + (random_.chance(0.7) ? microseconds(0) : within(microseconds(90'000)));
}

void World::step_letters() {
  const auto due = process_->letter_log.due();
  if (!due || std::max(*due, letters_busy_till_) > now()) return;
  process_->letter_log.step();
  letters_busy_till_ = now() + within(microseconds(300'000));
}

void World::step_engine() {
  if (!engine_at_ || *engine_at_ > now()) return;
  switch (process_->core->step_engine(microseconds(0))) {
    case EngineStep::progressed:
      engine_at_ = now() + (random_.chance(0.8) ? microseconds(0) : within(microseconds(50'000)));
      break;
    case EngineStep::idle:
    case EngineStep::blocked:
    case EngineStep::finished:
      engine_at_ = now() + milliseconds(100);
      break;
    case EngineStep::damaged:
    case EngineStep::failed:
      engine_at_ = now() + app::PipelineCore::kRetryDelay;
      break;
  }
  if (process_->core->commit_waits() && !store_at_)
    store_at_ = now() + (random_.chance(0.7) ? microseconds(0) : within(microseconds(400'000)));
}

void World::step_store() {
  if (!store_at_ || *store_at_ > now()) return;
  store_at_.reset();
  if (process_->core->step_store() == StoreStep::failed)
    store_at_ = now() + app::PipelineCore::kRetryDelay;
  else
    engine_at_ = now();
}

// ---- Faults

void World::plan(BootTime at, std::function<void()> act) {
  const auto where = std::upper_bound(planned_.begin(), planned_.end(), at,
                                      [](BootTime t, const Planned& p) { return t < p.at; });
  planned_.insert(where, {at, std::move(act)});
}

void World::plan_faults() {
  const auto some_time = [&] { return begin_ + seconds(2) + within(kFaultsLast - seconds(4)); };
  for (const Fault fault : plan_.faults) {
    const uint64_t times = 1 + random_.below(3);
    for (uint64_t i = 0; i < times; ++i) {
      const BootTime at = some_time();
      if (fault == Fault::killed || fault == Fault::power_cut)
        plan(at, [this, fault] { plan_crash(fault == Fault::power_cut); });
      else if (fault <= Fault::garbage)
        plan_network_fault(fault, at);
      else if (fault != Fault::bit_flip)
        plan_disk_fault(fault, at);
    }
  }
}

void World::plan_crash(bool power) {
  power_goes_ = power;
  if (random_.chance(0.2) && process_) {
    disk_.cut_power();
    return crash();
  }
  disk_.cut_power_after(1 + random_.below(40));
}

/// No world without a crash, whatever kept the one that was planned from coming.
void World::crash_at_last() {
  if (report_.crashes() > 0) return;
  if (!process_) return plan(now() + kFaultAgain, [this] { crash_at_last(); });
  power_goes_ = plan_.faults.contains(Fault::power_cut);
  disk_.cut_power();
  crash();
}

void World::plan_network_fault(Fault fault, BootTime at) {
  plan(at, [this, fault] {
    Link* const link = this->link();
    if (link == nullptr) return plan_network_fault(fault, now() + kFaultAgain);
    switch (fault) {
      case Fault::delay:
        network_.delay = milliseconds(100) + within(milliseconds(400));
        for (const auto& each : network_.links()) each->set_delay(network_.delay);
        plan(now() + within(seconds(5)), [this] {
          network_.delay = kDelayUsual;
          for (const auto& each : network_.links()) each->set_delay(kDelayUsual);
        });
        break;
      case Fault::reorder:
        // What is under way comes again on the next connection, behind newer trades.
        link->cut(0);
        server_.again = server_.newest;
        return;  // Counted when it comes.
      case Fault::cut:
        link->cut(random_.below(300));
        break;
      case Fault::half_open:
        link->half_open();
        break;
      case Fault::garbage: {
        static constexpr std::array<std::string_view, 6> kGarbage = {
            "not json at all",
            R"({"type":"trade"})",
            R"({"type":"trade","data":[{"p":-1}]})",
            R"({"type":"unheard of","data":[1,2]})",
            "{\"type\":\"trade\",\"data\":[",
            R"({"type":"trade","data":[{"s":"BINANCE:AUSDT","p":1e30,"t":1,"v":1},7,null]})"};
        Peer& peer = *server_.peer;
        evidence_.elements_spoilt += 3;
        if (random_.chance(0.3))
          peer.send_raw(std::string(1 + random_.below(20), '\xff'));
        else
          peer.send(one_of(random_, kGarbage));
        break;
      }
      default:
        return;  // Duplicates come with their frames; see make_frame.
    }
    fired(fault);
  });
}

void World::plan_disk_fault(Fault fault, BootTime at) {
  plan(at, [this, fault] {
    switch (fault) {
      case Fault::short_write:
        disk_.break_next_write(random_.below(200));
        break;
      case Fault::failed_sync:
        disk_.break_syncs(1);
        // Before the log was tried again.
        if (plan_.faults.contains(Fault::killed) && random_.chance(0.5))
          plan(now() + within(milliseconds(1'500)), [this] { plan_crash(false); });
        break;
      case Fault::disk_full: {
        const uint64_t used = kDiskBytes - disk_.free_bytes("").value();
        disk_.set_capacity(used + random_.below(8'000));
        plan(now() + seconds(2) + within(seconds(6)), [this] { disk_.set_capacity(kDiskBytes); });
        break;
      }
      case Fault::slow_sync:
        slow_till_ = now() + seconds(1) + within(seconds(3));
        return;  // Counted by each sync.
      case Fault::freeze:
        // Time passes and nobody does anything, reading included.
        clock_.advance(seconds(9) + within(seconds(5)));
        fired(fault);
        break;
      default:
        return;
    }
  });
}

void World::crash() {
  disk_.cut_power();
  fired(power_goes_ ? Fault::power_cut : Fault::killed);
  if (process_) letters_made_.insert(process_->letters.made.begin(), process_->letters.made.end());
  // At their level, `os`, a sync that failed may have lost what a kill does not.
  if (power_goes_ || disk_.failures().syncs > 0)
    letters_end_ = Position();
  else if (process_ && process_->letter_log.log)
    letters_end_ = process_->letter_log.log->end();
  process_.reset();
  sqlite_.forget_process();
  size_t ran = 0;
  do {
    loop_.run_ready();
    ran = io_.poll();
  } while (ran > 0);
  if (power_goes_) {
    const auto losses = disk_.restart(random_);
    if (losses.files_torn > 0) fired(Fault::torn_tail);
    if (losses.bytes > 0) fired(Fault::lost_unsynced);
  } else {
    const bool in_memory = random_.chance(0.7);
    disk_.restart_process([&](const std::string&) { return in_memory; });
  }
  if (plan_.faults.contains(Fault::bit_flip) && !evidence_.damaged) flip_a_bit();
  engine_at_.reset();
  store_at_.reset();
  start_at_ = now() + milliseconds(50) + within(seconds(3));
  // Troubles come together: what the next start does is not safe either.
  if (!faults_over_ && start_random_.chance(0.15))
    plan(*start_at_, [this] { plan_crash(plan_.faults.contains(Fault::power_cut)); });
}

/// In a part of the log that has whole blocks behind it: damage at the very end is a torn tail.
void World::flip_a_bit() {
  const auto names = disk_.list("/data/log");
  if (!names) return;
  std::vector<std::string> segments;
  for (const std::string& name : names.value())
    if (name.ends_with(".avro")) segments.push_back("/data/log/" + name);
  if (segments.empty()) return;
  const std::string& path = segments[random_.below(segments.size())];
  const size_t size = disk_.content(path).size();
  constexpr size_t kLeast = 12'000;
  if (size < kLeast) return;
  disk_.flip_bit(path, random_.below(size / 2), static_cast<int>(random_.below(8)));
  evidence_.damaged = true;
  fired(Fault::bit_flip);
}

// ---- The process

log::EmbeddedSetup World::log_setup() {
  return {.files = disk_,
          .clock = clock_,
          .metrics = process_->metrics,
          .folder = "/data/log",
          .name = "entries",
          .format = app::entry_format(),
          .options = plan_.log,
          .generation = 0,
          .seed = random_.next()};
}

/// Beside the trades' log, as the program has it.
log::EmbeddedSetup World::letter_setup() {
  log::EmbeddedSetup setup = log_setup();
  setup.folder = "/data/dead_letters";
  setup.name = "dead_letters";
  setup.format = app::dead_letter_format();
  setup.options.durability = "os";
  setup.options.pending_bytes_max = 2 * app::LoggedDeadLetters::kHeldBytesMax;
  return setup;
}

bool World::start() {
  ++report_.starts;
  process_ = std::make_unique<Process>();
  if (const auto opened = open_process(); !opened) {
    start_failure_ = opened.error().message();
    process_.reset();
    settle();
    if (!disk_.powered()) {
      crash();
      return false;
    }
    sqlite_.forget_process();
    disk_.restart_process();
    if (faults_over_ && ++calm_failures_ == kStartsInCalmMax)
      broken("it goes on: cannot start any more: {}", start_failure_);
    start_at_ = now() + seconds(1);
    return false;
  }
  log_settings();
  start_feed();
  engine_at_ = now();
  log_busy_till_ = letters_busy_till_ = now();
  return true;
}

Result<> World::open_process() {
  Process& process = *process_;
  auto directory = store::DataDirectory::open(disk_, clock_, {"/data", kFeed, 0});
  if (!directory) return directory.error();
  process.directory = std::move(directory).value();
  auto store =
      store::open_embedded_store(process.directory->store_file(), kFeed, clock_, plan_.store);
  if (!store) return store.error();
  process.store = std::move(store).value();
  if (report_.starts > 1 && !evidence_.damaged && start_random_.chance(0.3))
    TAPELINE_TRY(spoil_checkpoint());
  auto log = log::open_stepped_log(log_setup());
  if (!log) return log.error();
  process.log = std::move(log).value();
  if (process.log.log->end() < seen_end_)
    broken("nothing acknowledged is lost: the log ended before {} and ends before {} after a start",
           seen_end_.raw(), process.log.log->end().raw());
  auto letters = log::open_stepped_log(letter_setup());
  if (!letters) return letters.error();
  process.letter_log = std::move(letters).value();
  process.letters.sink =
      std::make_unique<app::LoggedDeadLetters>(*process.letter_log.log, clock_, process.metrics);
  if (process.letter_log.log->end() < letters_end_)
    broken("nothing acknowledged is lost: the dead letters ended before {} and end before {}",
           letters_end_.raw(), process.letter_log.log->end().raw());
  auto onlooker = process.log.log->read(std::min(seen_end_, process.log.log->end()));
  if (!onlooker) return onlooker.error();
  process.onlooker = std::move(onlooker).value();
  look_on();
  auto core = app::PipelineCore::open(
      plan_.pipeline, plan_.engine, clock_, *process.log.log, *process.store, process.metrics,
      [this](const engine::Changes& changes) { look_at(changes); }, [] {});
  if (!core) return core.error();
  process.core = std::move(core).value();
  return process.core->catch_up([this](EngineStep step) -> Result<> {
    if (!disk_.powered()) return make_error(ErrorCode::cancelled, "no power");
    if (step == EngineStep::blocked && process_->core->step_store() != StoreStep::failed) return {};
    // The feed goes on meanwhile; the disk heals.
    clock_.advance(app::PipelineCore::kRetryDelay);
    if (!planned_.empty() && planned_.front().at <= now()) disk_.set_capacity(kDiskBytes);
    return {};
  });
}

/// A checkpoint is only a shortcut: the log has the same, and snapshots to begin from.
Result<> World::spoil_checkpoint() {
  auto reader = process_->store->open_reader();
  if (!reader) return reader.error();
  auto checkpoint = reader.value()->checkpoint();
  if (!checkpoint) return checkpoint.error();
  if (!checkpoint.value()) return {};
  auto writer = process_->store->open_writer();
  if (!writer) return writer.error();
  store::Commit commit;
  commit.checkpoint = std::move(checkpoint).value();
  std::string& state = commit.checkpoint->state;
  if (state.empty() || start_random_.chance(0.5))
    state.clear();
  else
    state[start_random_.below(state.size())] ^= 1;
  TAPELINE_TRY(writer.value()->write(commit));
  fired(Fault::lost_checkpoint);
  return {};
}

/// As the program does at a start.
void World::log_settings() {
  Process& process = *process_;
  process.feed = std::make_unique<Feed>(random_.next());
  process.feed->stage = std::make_unique<ingest::Stage>(
      *process.log.log, process.letters, clock_, process.metrics,
      ingest::stage_options(plan_.ingest, milliseconds(plan_.content.latency_bound_ms)));
  ingest::Stage& stage = *process.feed->stage;
  const auto& known = process.core->recovered().settings;
  for (const std::string& setting : plan_.content.details()) {
    if (std::find(known.begin(), known.end(), setting) != known.end()) continue;
    model::Control control;
    control.kind = model::ControlKind::setting;
    control.detail = setting;
    stage.control(std::move(control));
  }
  for (const app::DamageWatch::Hole& hole : process.core->recovered().holes)
    stage.gap(hole.source, hole.from, hole.to, model::GapCause::corruption);
  (void)stage.flush().ok();
}

void World::start_feed() {
  Process& process = *process_;
  Feed& feed = *process.feed;
  ingest::finnhub::Options options = plan_.feed;
  options.url = "ws://feed/";
  options.symbols.assign(kSymbols.begin(), kSymbols.end());
  feed.connector =
      net::internal::make_connector(loop_, io_.get_executor(), network_.dialler(loop_));
  ingest::finnhub::FeedClient::Previous previous;
  feed.epoch = process.core->recovered().epoch_used(std::string(kSource));
  for (const auto& state : process.core->recovered().sources) {
    if (state.source != kSource) continue;
    previous = {.known = true,
                .open = state.open,
                .epoch = state.epoch,
                .heard = state.heard,
                .clock = ingest::SourceClock::wall};
  }
  feed.client = std::make_unique<ingest::finnhub::FeedClient>(
      loop_, *feed.connector, *feed.stage, feed.random, process.metrics, std::string(kSource),
      options, milliseconds(plan_.content.latency_bound_ms),
      ingest::finnhub::FeedClient::Callbacks{.next_epoch = [&feed] { return ++feed.epoch; },
                                             .ended = {}});
  feed.client->start(previous);
}

/// What an onlooker of the log is shown must never go away.
void World::look_on() {
  if (!process_ || !process_->onlooker || evidence_.damaged) return;
  log::Batch batch;
  for (;;) {
    const auto outcome = process_->onlooker->next(batch, microseconds(0));
    if (!outcome && outcome.error().code() == ErrorCode::corrupt) continue;
    if (!outcome || outcome.value() != log::ReadOutcome::progressed) return;
    if (batch.last() < seen_end_) continue;
    // A power cut can leave blocks that were never shown, and damage where others were.
    const bool cut = report_.fired[static_cast<size_t>(Fault::power_cut)] > 0;
    if (seen_end_ != Position() && batch.first != seen_end_ && !cut)
      return broken("logged first: records {} follow those before {}", batch.first.raw(),
                    seen_end_.raw());
    seen_[batch.first.raw()] = *batch.bytes;
    seen_end_ = batch.first.plus(batch.count);
  }
}

/// What is shown to subscribers is in the log, and goes on from what was shown before, over
/// restarts too.
void World::look_at(const engine::Changes& changes) {
  if (changes.position >= process_->log.log->end())
    broken("logged first: position {} is shown, the log ends before {}", changes.position.raw(),
           process_->log.log->end().raw());
  if (evidence_.damaged) return;
  for (const model::Bar& bar : changes.bars) {
    Shown& shown = shown_[bar.key];
    // An earlier trade can take from one of `eligible` what it had as the first of its day.
    const bool counted = bar.key.basis == model::Basis::all;
    const Shown now{counted ? bar.trade_count + bar.price_update_count : 0, bar.revision,
                    bar.final};
    if (now.records < shown.records || now.revision < shown.revision || now.final < shown.final)
      broken(
          "nothing acknowledged is lost: bar {} {} ms {} was shown with {} records, revision {}{} "
          "and then with {}, {}{}",
          bar.key.symbol, bar.key.interval.ms(), bar.key.start.time_since_epoch().count(),
          shown.records, shown.revision, shown.final ? ", final," : "", now.records, now.revision,
          now.final ? ", final" : "");
    shown = now;
  }
}

void World::watch() {
  if (!process_) return;
  const ingest::Accounts& accounts = process_->feed->stage->accounts();
  if (!accounts.balanced()) broken("accounted: {}", accounts.to_text());
  if (const int64_t aside = put_aside(accounts); process_->letters.count != aside)
    broken("accounted: {} were put aside, {} letters are kept", aside, process_->letters.count);
  const auto status = process_->log.log->status();
  if (status.pending_bytes > static_cast<uint64_t>(plan_.log.pending_bytes_max) * 2)
    broken("bounded: {} bytes wait for the log", status.pending_bytes);
  const auto pipeline = process_->core->status();
  if (static_cast<int64_t>(pipeline.dirty_bytes) > 2 * plan_.pipeline.dirty_bytes_max + (256 << 10))
    broken("bounded: {} bytes wait for the store", pipeline.dirty_bytes);
}

void World::finish() {
  evidence_.end_ms = wall_ms();
  if (!process_) return broken("it goes on: nothing runs at the end ({})", start_failure_);
  Process& process = *process_;
  ingest::Stage& stage = *process.feed->stage;
  process.feed->client->stop();
  settle();
  for (int i = 0; i < 100; ++i) {
    (void)stage.flush().ok();
    if (process.log.due()) process.log.step();
  }
  look_on();
  if (!stage.accounts().balanced() || stage.accounts().records_held != 0)
    broken("accounted: {}", stage.accounts().to_text());
  if (const auto closed = process.log.log->close(); !closed)
    return broken("it goes on: {}", closed.error().message());
  look_on();
  process.letters.sink->settle();
  if (const auto closed = process.letter_log.log->close(); !closed)
    return broken("it goes on: {}", closed.error().message());
  check_letters();
  EngineStep step = EngineStep::idle;
  for (int i = 0; i < 10'000 && step != EngineStep::finished; ++i) {
    step = process.core->step_engine(microseconds(0));
    (void)process.core->step_store();
  }
  if (step != EngineStep::finished) return broken("it goes on: the log is not applied to its end");
  if (const auto stored = process.core->store_outcome(); !stored)
    return broken("it goes on: {}", stored.error().message());
  const engine::Counters counters = process.core->status().counters;
  if (counters.records != counters.trades + counters.price_updates + counters.duplicates +
                              counters.fenced + counters.controls + counters.others +
                              counters.undecodable)
    broken("accounted: the engine's counters do not add up: {} records", counters.records);
  // Records behind a damaged header come again under other positions.
  if (counters.undecodable > 0 || counters.controls_refused > 0 ||
      (counters.duplicates > 0 && !evidence_.damaged))
    broken("accounted: {} undecodable, {} refused, {} duplicate records", counters.undecodable,
           counters.controls_refused, counters.duplicates);

  // From the disk, as another program would.
  std::string bytes;
  verify::Scope stock;
  stock.symbols = {kStock};
  verify::PlainBars plain(stock);
  std::map<int64_t, std::string> there;
  auto source = log::open_embedded_source(log_setup());
  if (!source) return broken("it goes on: {}", source.error().message());
  auto reader = source.value()->read(Position());
  if (!reader) return broken("it goes on: {}", reader.error().message());
  log::Batch batch;
  for (;;) {
    const auto outcome = reader.value()->next(batch, microseconds(0));
    if (!outcome && outcome.error().code() == ErrorCode::corrupt) {
      if (!evidence_.damaged && report_.fired[static_cast<size_t>(Fault::power_cut)] == 0)
        broken("nothing is lost: {}", outcome.error().message());
      continue;
    }
    if (!outcome) return broken("nothing is lost: {}", outcome.error().message());
    if (outcome.value() != log::ReadOutcome::progressed) break;
    bytes += *batch.bytes;
    there[batch.first.raw()] = *batch.bytes;
    codec::EntryReader entries(*batch.bytes);
    codec::EntryView entry;
    for (uint32_t i = 0; i < batch.count; ++i) {
      if (entries.next(entry) != codec::EntryReader::Outcome::progressed) {
        broken("nothing is lost: record {} is none", batch.first.plus(i).raw());
        break;
      }
      plain.apply(entry, batch.first.plus(i));
      Record record{batch.first.plus(i), entry.kind, {}, {}};
      if (entry.kind == codec::EntryKind::trade) record.trade = entry.trade.to_trade();
      if (entry.kind == codec::EntryKind::control) record.control = entry.control;
      report_.trades += entry.kind == codec::EntryKind::trade;
      evidence_.records.push_back(std::move(record));
    }
  }
  for (const auto& [first, shown] : seen_)
    if (const auto at = there.find(first);
        !evidence_.damaged && (at == there.end() || at->second != shown))
      broken("nothing acknowledged is lost: the records at {} were shown and are gone", first);

  for (const auto& [key, bar] : plain.bars()) {
    evidence_.plain_bars.push_back(plain.present(key, bar));
    model::BarKey eligible = key;
    eligible.basis = model::Basis::eligible;
    evidence_.plain_bars.push_back(plain.present(eligible, bar));
  }

  auto stored = process.store->open_reader();
  if (!stored) return broken("it goes on: {}", stored.error().message());
  const auto keep = [&](const model::Bar& bar) {
    evidence_.bars.push_back(bar);
    return true;
  };
  const auto read = stored.value()->bars({}, keep);
  report_.bars = static_cast<int64_t>(evidence_.bars.size());
  const auto eligible =
      stored.value()->bars({.symbol = kStock, .basis = model::Basis::eligible}, keep);
  auto gaps = stored.value()->gaps("", model::IngestTime::min(), model::IngestTime::max(), 0);
  auto symbols = stored.value()->symbols();
  if (!read || !eligible || !gaps || !symbols)
    return broken("it goes on: the store cannot be read");
  evidence_.gaps = std::move(gaps).value();
  evidence_.symbols = std::move(symbols).value();
  std::set<std::string> symbols_seen;
  for (const Record& record : evidence_.records)
    if (record.kind == codec::EntryKind::trade) symbols_seen.insert(record.trade.symbol);
  report_.symbols = static_cast<int64_t>(symbols_seen.size());
  report_.offered = static_cast<int64_t>(evidence_.offered.size());
  report_.digest = std::hash<std::string>()(bytes);
  for (const model::Bar& bar : evidence_.bars)
    report_.digest = report_.digest * 1'099'511'628'211U ^
                     static_cast<uint64_t>(bar.through.raw() + bar.revision * 7 +
                                           bar.coverage_ms.value_or(-1) * 31);
  for (std::string& violation : violations(evidence_)) broken("{}", violation);
}

/// What was put aside is kept, each once, but for what a process that died had not written yet.
void World::check_letters() {
  const Letters& letters = process_->letters;
  if (letters.sink->dropped() > 0)
    broken("accounted: {} dead letters found no room", letters.sink->dropped());
  auto source = log::open_embedded_source(letter_setup());
  if (!source) return broken("it goes on: {}", source.error().message());
  auto reader = source.value()->read(Position());
  if (!reader) return broken("it goes on: {}", reader.error().message());
  std::multiset<std::string> wanted(letters.made.begin(), letters.made.end());
  log::Batch batch;
  for (;;) {
    const auto outcome = reader.value()->next(batch, microseconds(0));
    // A power cut can damage what had not been synced.
    if (!outcome && outcome.error().code() == ErrorCode::corrupt) continue;
    if (!outcome) return broken("nothing is lost: {}", outcome.error().message());
    if (outcome.value() != log::ReadOutcome::progressed) break;
    std::string_view bytes = *batch.bytes;
    while (const auto letter = codec::take_dead_letter(bytes)) {
      const std::string text =
          fmt::format("{}/{}/{} {}", letter->epoch, letter->frame, letter->sequence, letter->raw);
      if (const auto at = wanted.find(text); at != wanted.end()) {
        wanted.erase(at);
      } else if (const auto before = letters_made_.find(text); before != letters_made_.end()) {
        letters_made_.erase(before);
      } else {
        broken("nothing twice, nothing invented: dead letter {}", text);
      }
    }
  }
  for (const std::string& text : wanted) broken("accounted: dead letter {} is not kept", text);
}

// ---- The feed

bool World::accept(const std::string&, const std::shared_ptr<Link>& link) {
  if (server_.peer) old_peers_.push_back(std::move(server_.peer));
  server_.peer = std::make_unique<Peer>(link);
  server_.subscribed.clear();
  server_.frames = 0;
  server_.peer->message = [this](std::string_view text) {
    const auto request = simulate::parse_request(text);
    using Kind = simulate::ClientRequest::Kind;
    if (request.kind == Kind::subscribe) server_.subscribed.insert(request.symbol);
    if (request.kind == Kind::unsubscribe) server_.subscribed.erase(request.symbol);
  };
  return true;
}

Link* World::link() {
  return server_.peer && server_.peer->live() ? &server_.peer->link() : nullptr;
}

void World::send_again() {
  for (const Frame& frame : std::exchange(server_.again, {})) {
    server_.peer->send(frame.text);
    for (const int64_t number : frame.numbers) ++evidence_.offered[number].sent;
    fired(Fault::reorder);
  }
}

/// What it did not read is gone then.
void World::give_up_on_a_slow_reader() {
  Link* const to = link();
  if (to != nullptr && to->unread_since() && now() - *to->unread_since() > kUnreadMax) to->cut(0);
}

/// The feed has trades whether anybody listens or not.
void World::make_frame(BootTime at) {
  const WallTime wall = clock_.wall() - (now() - at);
  give_up_on_a_slow_reader();
  Frame frame;
  frame.text = R"({"data":[)";
  const uint64_t count = 1 + market_random_.below(4);
  for (uint64_t i = 0; i < count; ++i) {
    const size_t symbol = market_random_.below(kSymbols.size());
    const int64_t number = next_number_;
    const std::string json = trade_json(symbol, wall);
    if (link() == nullptr || !server_.subscribed.contains(kSymbols[symbol])) continue;
    if (!frame.numbers.empty()) frame.text += ',';
    frame.text += json;
    frame.numbers.push_back(number);
  }
  if (frame.numbers.empty()) return;
  frame.text += R"(],"type":"trade"})";
  int64_t times = 1;
  if (!faults_over_ && plan_.faults.contains(Fault::duplicate) && market_random_.chance(0.03)) {
    times += 1 + static_cast<int64_t>(market_random_.below(2));
    fired(Fault::duplicate);
  }
  for (int64_t i = 0; i < times; ++i) server_.peer->send(frame.text, at);
  for (const int64_t number : frame.numbers) evidence_.offered[number].sent += times;
  server_.newest.push_back(std::move(frame));
  if (server_.newest.size() > kFramesKept) server_.newest.erase(server_.newest.begin());
  if (++server_.frames >= 2 * kFramesKept && server_.subscribed.size() == kSymbols.size())
    send_again();
}

std::string World::trade_json(size_t symbol, WallTime at) {
  Offered offered;
  offered.source = kSource;
  offered.symbol = kSymbols[symbol];
  offered.made_ms = std::chrono::floor<milliseconds>(at).time_since_epoch().count();
  const uint64_t chance = market_random_.below(100);
  int64_t late = static_cast<int64_t>(market_random_.below(150));
  if (chance < 8) late = static_cast<int64_t>(market_random_.below(4'000));
  if (chance < 2) late = static_cast<int64_t>(market_random_.below(70'000));
  offered.event_ms = offered.made_ms - late;
  const int64_t number = next_number_++;
  offered.volume = chance >= 95 ? 0 : number;
  offered.price = offered.volume == 0 ? kUpdatePriceBase + number
                                      : 10'000 + static_cast<int64_t>(market_random_.below(5'000));
  evidence_.offered.emplace(number, offered);
  const bool stock = offered.symbol == kStock;
  return fmt::format(R"({{"c":{},"p":{}.{:02},"s":"{}","t":{},"v":{}}})",
                     stock ? one_of(market_random_, kConditions) : "null", offered.price / 100,
                     offered.price % 100, offered.symbol, offered.event_ms, offered.volume);
}

}  // namespace

std::string_view to_string(Fault fault) {
  static constexpr std::array<std::string_view, kFaults> kNames = {
      "delay",       "cut",       "half_open",     "reorder",   "duplicate",      "garbage",
      "short_write", "torn_tail", "lost_unsynced", "disk_full", "bit_flip",       "slow_sync",
      "failed_sync", "freeze",    "killed",        "power_cut", "lost_checkpoint"};
  return kNames[static_cast<size_t>(fault)];
}

int64_t Report::kinds() const {
  int64_t kinds = 0;
  for (size_t i = 0; i < fired.size(); ++i) {
    const auto fault = static_cast<Fault>(i);
    const bool of_crash = fault == Fault::torn_tail || fault == Fault::lost_unsynced ||
                          fault == Fault::killed || fault == Fault::power_cut;
    kinds += fired[i] > 0 && !of_crash;
  }
  return kinds;
}

int64_t Report::crashes() const {
  return fired[static_cast<size_t>(Fault::killed)] + fired[static_cast<size_t>(Fault::power_cut)];
}

Report simulate(uint64_t seed) {
  for (uint64_t draw = 0;; ++draw) {
    Report report = World(seed, draw).run();
    if (!report.tame || !report.violations.empty()) return report;
    if (draw + 1 < kDrawsMax) continue;
    report.violations.push_back(
        fmt::format("the world is too tame: {} trades of {} symbols, {} kinds of fault, {} crashes",
                    report.offered, report.symbols, report.kinds(), report.crashes()));
    return report;
  }
}

}  // namespace tapeline::simulation
