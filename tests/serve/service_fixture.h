#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "codec/dead_letter.h"
#include "codec/entry.h"
#include "contract/store_samples.h"
#include "log/memory/memory_log.h"
#include "serve/service.h"
#include "store/memory/store.h"
#include "support/entry_format.h"
#include "support/manual_loop.h"

/// A service without sockets: requests and sessions are values of the test.
namespace tapeline::serve {

using store::at_ms;
using store::at_us;
using store::kMinute;
using store::kSecond;
using store::sample_row;

/// Jobs wait until the test runs them.
class ManualWorkers final : public Workers {
 public:
  bool run(std::function<void()> job) override {
    if (jobs.size() >= waiting_max) return false;
    jobs.push_back(std::move(job));
    return true;
  }
  void work() {
    while (!jobs.empty()) {
      const auto job = std::move(jobs.front());
      jobs.pop_front();
      job();
    }
  }

  std::deque<std::function<void()>> jobs;
  size_t waiting_max = 64;
};

class FakeStatus final : public StatusSource {
 public:
  Status status() override { return now; }
  Status now;
};

class FakeSymbols final : public SymbolControl {
 public:
  std::vector<SymbolInfo> list() override { return infos; }
  void add(const std::string& symbol, std::function<void(Result<>)> done) override {
    added.push_back(symbol);
    done(outcome);
  }
  void remove(const std::string& symbol, std::function<void(Result<>)> done) override {
    removed.push_back(symbol);
    done(outcome);
  }
  void search(const std::string& text,
              std::function<void(Result<std::vector<SearchHit>>)> done) override {
    searched.push_back(text);
    done(hits);
  }

  std::vector<SymbolInfo> infos;
  std::vector<SearchHit> hits;
  Result<> outcome;
  std::vector<std::string> added, removed, searched;
};

/// Says what it was asked.
class FakeProofs final : public Proofs {
 public:
  Result<std::string> verify(const Range& range) override {
    asked.push_back("verify " + range.symbol + " " +
                    (range.interval ? std::string(model::to_text(*range.interval)) : "all") + " " +
                    std::to_string((range.to - range.from).count()) + " " +
                    std::to_string(range.limit));
    return answer();
  }
  Result<std::string> explain(const model::BarKey& key, size_t limit) override {
    asked.push_back("explain " + key.symbol + " " + std::string(model::to_text(key.interval)) +
                    " " + std::to_string(key.start.time_since_epoch().count()) + " " +
                    std::to_string(limit));
    return answer();
  }

  std::vector<std::string> asked;
  std::optional<Error> error;

 private:
  Result<std::string> answer() const {
    if (error) return *error;
    return std::string("{\"outcome\":\"equal\"}");
  }
};

class FakeSocket final : public net::WebSocketSession {
 public:
  void send(std::shared_ptr<const std::string> text) override { sent.push_back(std::move(text)); }
  size_t queued_bytes() const override { return queued; }
  void close(int code, std::string_view) override { closed_with = code; }
  void abort() override {}
  void send_raw(std::string, Opcode) override {}
  void pause_reading(bool) override {}
  bool open() const override { return closed_with == 0; }

  /// The texts sent since the last call.
  std::vector<std::string> take() {
    std::vector<std::string> texts;
    for (const auto& text : std::exchange(sent, {})) texts.push_back(*text);
    return texts;
  }

  std::vector<std::shared_ptr<const std::string>> sent;
  size_t queued = 0;
  int closed_with = 0;
};

inline log::RecordFormat dead_letter_format() {
  log::RecordFormat format;
  format.skip = [](std::string_view records, uint32_t count) -> std::optional<size_t> {
    std::string_view rest = records;
    for (uint32_t i = 0; i < count; ++i)
      if (!codec::take_dead_letter(rest)) return std::nullopt;
    return records.size() - rest.size();
  };
  format.inspect = [](std::string_view, uint32_t) { return log::Times{}; };
  return format;
}

/// 2020-02-25T14:30:00Z.
inline constexpr int64_t kNowMs = 1'582'641'000'000;

class ServiceTest : public testing::Test {
 protected:
  ServiceTest() : loop_(at_us(kNowMs * 1'000)) {
    status_.now.version = "0.1.0";
    status_.now.started = at_us(kNowMs * 1'000 - 60'000'000);
    status_.now.intervals = {kSecond, kMinute};
    declare(declared_, options_);
  }
  ~ServiceTest() override {
    if (service_) service_->stop();
  }

  /// Before the first request.
  Options& options() { return options_; }

  Service& service() {
    if (!service_)
      service_ = std::make_unique<Service>(
          options_, Identity{"simulated", "Simulated market", true},
          Service::Ports{loop_, workers_, *store_, *log_, *dead_letters_, replayed_of_, status_,
                         symbols_, proofs_, declared_, metrics_});
    return *service_;
  }

  static net::Request request(std::string method, std::string path,
                              std::vector<std::pair<std::string, std::string>> query = {}) {
    net::Request made;
    made.method = std::move(method);
    made.path = std::move(path);
    made.query = std::move(query);
    made.headers = {{"host", "localhost:8080"}};
    return made;
  }

  /// Asks and waits for the answer.
  net::Response ask(const net::Request& made) {
    net::Response answer;
    int answers = 0;
    service().handle(made, [&](net::Response response) {
      answer = std::move(response);
      ++answers;
    });
    workers_.work();
    loop_.run_ready();
    EXPECT_EQ(answers, 1) << made.path;
    return answer;
  }
  net::Response get(std::string path, std::vector<std::pair<std::string, std::string>> query = {}) {
    return ask(request("GET", std::move(path), std::move(query)));
  }
  static std::string body(const net::Response& response) {
    return response.body ? *response.body : "";
  }
  static std::string header(const net::Response& response, std::string_view name) {
    const std::string* value = net::find_header(response.headers, name);
    return value != nullptr ? *value : "";
  }

  /// Stores bars as the engine would.
  void store_bars(std::vector<store::BarRow> rows) {
    store::Commit commit;
    commit.bars = std::move(rows);
    ASSERT_TRUE(store_->open_writer().value()->write(commit).ok());
  }
  void publish_bars(std::vector<model::Bar> bars) {
    Publication publication;
    publication.bars = std::move(bars);
    publication.position = Position(1, 100);
    service().publish(publication);
  }

  static model::Trade trade(const std::string& symbol, int64_t time_ms, int64_t sequence) {
    model::Trade made;
    made.symbol = symbol;
    made.price = {18'995, 2};
    made.volume = {100, 0};
    made.event_time = at_ms(time_ms);
    made.ingest_time = at_us(time_ms * 1'000 + 90'000);
    made.conditions = {"1", "8"};
    made.id = {"simulated", 3, sequence};
    made.frame = sequence;
    return made;
  }
  void log_trades(const std::vector<model::Trade>& trades) {
    codec::EntryWriter writer;
    for (const model::Trade& made : trades) {
      const std::vector<std::string_view> names(made.conditions.begin(), made.conditions.end());
      codec::TradeView view;
      view.symbol = made.symbol;
      view.price = made.price;
      view.volume = made.volume;
      view.event_time = made.event_time;
      view.ingest_time = made.ingest_time;
      view.conditions = codec::ConditionsView(names);
      view.source = made.id.source;
      view.epoch = made.id.epoch;
      view.sequence = made.id.sequence;
      view.frame = made.frame;
      writer.add(view);
      log::Times times;
      times.event_min = times.event_max = made.event_time.time_since_epoch().count() * 1'000;
      times.ingest_max = made.ingest_time.time_since_epoch().count();
      ASSERT_TRUE(log_->append(writer.take(), 1, times).ok());
    }
  }

  void put_aside(model::RejectReason reason, int64_t frame, int64_t sequence, std::string raw) {
    std::string bytes;
    codec::append(bytes, model::DeadLetter{.reason = reason,
                                           .source = "simulated",
                                           .epoch = 3,
                                           .sequence = sequence,
                                           .frame = frame,
                                           .ingest_time = at_us(kNowMs * 1'000 + frame),
                                           .raw = std::move(raw),
                                           .detail = {}});
    ASSERT_TRUE(dead_letters_->append(std::move(bytes), 1, {}).ok());
  }

  std::shared_ptr<FakeSocket> connect() {
    auto socket = std::make_shared<FakeSocket>();
    net::Server::Upgrade upgrade = service().upgrade(request("GET", "/api/v1/stream"));
    EXPECT_FALSE(upgrade.refusal);
    if (upgrade.opened) upgrade.opened(socket);
    return socket;
  }
  void settle() {
    workers_.work();
    loop_.run_ready();
  }

  test::ManualLoop loop_;
  ManualWorkers workers_;
  FakeStatus status_;
  FakeSymbols symbols_;
  FakeProofs proofs_;
  Options options_;
  settings::Declarer declared_;
  metrics::Registry metrics_;
  const std::unique_ptr<store::Store> store_ = store::make_memory_store();
  const std::unique_ptr<log::Log> log_ = log::make_memory_log(loop_.clock(), test::entry_format());
  const std::unique_ptr<log::Log> dead_letters_ =
      log::make_memory_log(loop_.clock(), dead_letter_format());
  /// What a checkpoint is made to say; nothing: it cannot be read.
  std::optional<ReplayedSets> replayed_ = ReplayedSets();
  const ReplayedOf replayed_of_ = [this](const store::Checkpoint&) { return replayed_; };
  std::unique_ptr<Service> service_;
};

}  // namespace tapeline::serve
