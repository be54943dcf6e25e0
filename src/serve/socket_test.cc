#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "net/client.h"
#include "serve/service.h"
#include "serve/service_fixture.h"
#include "serve/worker_thread.h"

namespace tapeline::serve {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::SizeIs;

/// The service as the product runs it: sockets, loop, a worker's thread.
class SocketTest : public testing::Test {
 protected:
  SocketTest() {
    options_.port = 0;
    status_.now.intervals = {kSecond};
    service_ = std::make_unique<Service>(options_, Identity{"simulated", "Simulated market", true},
                                         ports());
    const auto listening = service_->listen();
    EXPECT_TRUE(listening.ok()) << listening.error().message();
  }
  Service::Ports ports() {
    return {.loop = *loop_,
            .workers = workers_,
            .store = *store_,
            .log = *log_,
            .dead_letters = *dead_letters_,
            .replayed_of = [](const store::Checkpoint&) { return std::nullopt; },
            .status = status_,
            .symbols = symbols_,
            .proofs = proofs_,
            .settings = settings_,
            .metrics = metrics_};
  }
  ~SocketTest() override {
    service_->stop();
    workers_.stop();
  }

  void run_until(const std::function<bool()>& done) {
    const BootTime limit = system_clock().boot() + std::chrono::seconds(10);
    net::Timer poll;
    std::function<void()> look = [&] {
      if (done() || system_clock().boot() > limit) return loop_->stop();
      poll = loop_->after(milliseconds(1), look);
    };
    look();
    loop_->run();
    EXPECT_TRUE(done()) << "not within 10 s";
  }

  net::Connector::HttpAnswer get(const std::string& target, const net::Headers& headers = {}) {
    std::optional<net::Connector::HttpAnswer> answer;
    connector_->get(service_->address() + target, headers, {}, milliseconds(5'000), 1 << 20,
                    [&](Result<net::Connector::HttpAnswer> got) {
                      EXPECT_TRUE(got.ok()) << got.error().message();
                      answer = got.ok() ? got.value() : net::Connector::HttpAnswer{};
                    });
    run_until([&] { return answer.has_value(); });
    return answer.value_or(net::Connector::HttpAnswer{});
  }

  const std::unique_ptr<net::Loop> loop_ = net::make_loop(system_clock());
  const std::unique_ptr<net::Connector> connector_ = net::make_connector(*loop_);
  WorkerThread workers_{64};
  FakeStatus status_;
  FakeSymbols symbols_;
  FakeProofs proofs_;
  Options options_;
  settings::Declarer settings_;
  metrics::Registry metrics_;
  const std::unique_ptr<store::Store> store_ = store::make_memory_store();
  const std::unique_ptr<log::Log> log_ = log::make_memory_log(system_clock(), test::entry_format());
  const std::unique_ptr<log::Log> dead_letters_ =
      log::make_memory_log(system_clock(), test::entry_format());
  std::unique_ptr<Service> service_;
};

TEST_F(SocketTest, AnswersOverHttp) {
  store::Commit commit;
  commit.bars = {sample_row("BINANCE:BTCUSDT", kSecond, kNowMs, 1)};
  ASSERT_TRUE(store_->open_writer().value()->write(commit).ok());
  const auto bars = get("/api/v1/bars?symbol=BINANCE%3ABTCUSDT&interval=1s");
  EXPECT_EQ(bars.status, 200);
  EXPECT_THAT(bars.body, HasSubstr("\"close\":\"190\""));
  EXPECT_EQ(get("/healthz").body, "ok\n");
  EXPECT_EQ(get("/").status, 200);
  const auto rebound = get("/api/v1/status", {{"host", "evil.example"}});
  EXPECT_EQ(rebound.status, 421);
}

TEST_F(SocketTest, PushesOverAWebSocketUntilItStops) {
  std::vector<std::string> received;
  std::optional<net::Closed> closed;
  bool opened = false;
  const auto client = connector_->make_websocket();
  client->connect("ws" + service_->address().substr(4) + "/api/v1/stream", {},
                  {.opened = [&](const net::Headers&) { opened = true; },
                   .message = [&](std::string_view text) { received.emplace_back(text); },
                   .closed = [&](const net::Closed& why) { closed = why; },
                   .activity = nullptr});
  run_until([&] { return opened && received.size() == 1; });
  client->send(R"({"op":"subscribe","channel":"bars","symbol":"AAPL","interval":"1s"})");
  run_until([&] { return received.size() == 3; });
  EXPECT_THAT(received[2], HasSubstr("\"type\":\"snapshot\""));
  Publication publication;
  publication.bars = {sample_row("AAPL", kSecond, kNowMs, 1).bar};
  service_->publish(publication);
  run_until([&] { return received.size() == 4; });
  EXPECT_THAT(received[3], HasSubstr("\"type\":\"bars\""));
  service_->stop();
  run_until([&] { return closed.has_value(); });
  EXPECT_EQ(closed->close_code, 1001);
}

TEST_F(SocketTest, APortInUseIsToldInOneSentence) {
  Options same = options_;
  same.port = service_->port();
  Service second(same, Identity{}, ports());
  const auto refused = second.listen();
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message(), HasSubstr(std::to_string(same.port)));
  EXPECT_THAT(refused.error().message(), HasSubstr("in use"));
}

TEST(WorkerThread, RunsJobsInOrderAndDropsThemOnceStopped) {
  WorkerThread workers(3);
  std::mutex mutex;
  std::condition_variable changed;
  bool started = false;
  bool go_on = false;
  std::vector<int> ran;
  ASSERT_TRUE(workers.run([&] {
    std::unique_lock lock(mutex);
    started = true;
    changed.notify_all();
    changed.wait(lock, [&] { return go_on; });
    ran.push_back(0);
  }));
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return started; });
  }
  std::atomic<bool> last = false;
  for (int i = 1; i <= 3; ++i)
    EXPECT_TRUE(workers.run([&, i] {
      ran.push_back(i);
      if (i == 3) last = true;
    }));
  EXPECT_FALSE(workers.run([] {})) << "three wait already";
  {
    std::lock_guard lock(mutex);
    go_on = true;
    changed.notify_all();
  }
  while (!last) std::this_thread::yield();
  workers.stop();
  EXPECT_THAT(ran, testing::ElementsAre(0, 1, 2, 3));
  EXPECT_FALSE(workers.run([] {}));
  workers.stop();
}

}  // namespace
}  // namespace tapeline::serve
