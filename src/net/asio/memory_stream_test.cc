#include "net/asio/memory_stream.h"

#include <gtest/gtest.h>

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>

#include "net/asio/buffered_stream.h"
#include "net/asio/dialler.h"
#include "support/manual_loop.h"

namespace tapeline::net::internal {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using std::chrono::milliseconds;

class ByteStreamTest : public ::testing::Test {
 protected:
  /// Reads up to `size` bytes; "error: …" when that fails.
  std::string read(ByteStream& stream, size_t size = 1'000) {
    std::string bytes(size, '\0');
    std::string outcome = "pending";
    stream.read_some(asio::buffer(bytes), Completion([&](error_code error, size_t count) {
                       outcome = error ? "error: " + error.message() : bytes.substr(0, count);
                     }));
    poll();
    return outcome;
  }

  /// Writes `bytes`, once; returns how many were taken, or -1 while none are.
  std::shared_ptr<int> write(ByteStream& stream, const std::string& bytes) {
    auto taken = std::make_shared<int>(-1);
    const asio::const_buffer buffer = asio::buffer(bytes);
    stream.write_some({&buffer, 1}, Completion([taken](error_code error, size_t count) {
                        *taken = error ? -2 : static_cast<int>(count);
                      }));
    poll();
    return taken;
  }

  void poll() {
    io_.restart();
    io_.poll();
  }

  asio::io_context io_;
};

TEST_F(ByteStreamTest, APairCarriesBytesBothWays) {
  auto [a, b] = make_memory_pair(io_.get_executor());
  EXPECT_EQ(*write(*a, "there"), 5);
  EXPECT_EQ(*write(*b, "back"), 4);
  EXPECT_EQ(read(*b, 3), "the");
  EXPECT_EQ(read(*b), "re");
  EXPECT_EQ(read(*a), "back");
}

TEST_F(ByteStreamTest, AFullDirectionMakesTheWriterWait) {
  auto [a, b] = make_memory_pair(io_.get_executor(), 4);
  EXPECT_EQ(*write(*a, "123456"), 4);
  const std::string rest = "56";
  const auto taken = write(*a, rest);
  EXPECT_EQ(*taken, -1);
  EXPECT_EQ(read(*b, 1), "1");
  EXPECT_EQ(*taken, 1);
}

TEST_F(ByteStreamTest, EndsAreTold) {
  auto [a, b] = make_memory_pair(io_.get_executor());
  (void)write(*a, "last");
  a->close();
  EXPECT_EQ(read(*b), "last");
  EXPECT_EQ(read(*b), "error: End of file");
  EXPECT_EQ(read(*a), "error: Operation canceled");
  auto [c, d] = make_memory_pair(io_.get_executor());
  (void)write(*c, "lost");
  c->abort();
  EXPECT_EQ(read(*d), "error: Connection reset by peer");
}

TEST_F(ByteStreamTest, ABufferedStreamSendsManyWritesAsOne) {
  auto [a, b] = make_memory_pair(io_.get_executor());
  const auto buffered = make_buffered_stream(io_.get_executor(), std::move(a));
  std::string written;
  std::function<void(int)> write_from = [&](int i) {
    if (i == 100) return;
    const asio::const_buffer piece("0123456789", 10);
    buffered->write_some({&piece, 1},
                         Completion([&, i](error_code, size_t) { write_from(i + 1); }));
  };
  write_from(0);
  EXPECT_EQ(read(*b, 5'000).size(), 1'000U);
}

TEST_F(ByteStreamTest, ABufferedStreamBoundsWhatWaits) {
  auto [a, b] = make_memory_pair(io_.get_executor(), 1'000);
  const auto buffered = make_buffered_stream(io_.get_executor(), std::move(a));
  const std::string block(10'000, 'x');
  size_t taken = 0;
  for (int i = 0; i < 100; ++i) {
    const auto count = write(*buffered, block);
    if (*count < 0) break;
    taken += static_cast<size_t>(*count);
  }
  EXPECT_LE(taken, 2 * kBufferBytes + 1'000);
  size_t got = 0;
  for (int i = 0; i < 1'000; ++i) {
    const std::string bytes = read(*b, 10'000);
    if (bytes == "pending") break;
    got += bytes.size();
  }
  EXPECT_GE(got, taken);
}

TEST_F(ByteStreamTest, ABufferedStreamSendsEverythingBeforeItEnds) {
  auto [a, b] = make_memory_pair(io_.get_executor());
  const auto buffered = make_buffered_stream(io_.get_executor(), std::move(a));
  const std::string last = "last words";
  const asio::const_buffer piece = asio::buffer(last);
  buffered->write_some({&piece, 1}, Completion([](error_code, size_t) {}));
  bool ended = false;
  buffered->shutdown(Completion([&](error_code, size_t) { ended = true; }));
  poll();
  EXPECT_TRUE(ended);
  EXPECT_EQ(read(*b), "last words");
  EXPECT_EQ(read(*b), "error: End of file");
}

/// The shipping client with a clock that stands still and a network in memory.
class SimulatedClientTest : public ByteStreamTest {
 protected:
  /// Hands the client one end and keeps the other.
  struct MemoryDialler : Dialler {
    explicit MemoryDialler(SimulatedClientTest& owner) : test(owner) {}
    std::unique_ptr<Dial> dial(const Url&, const TlsOptions&, Done done) override {
      auto [ours, theirs] = make_memory_pair(test.io_.get_executor());
      test.peer_ = std::move(theirs);
      test.loop_.post([done, stream = std::make_shared<std::unique_ptr<ByteStream>>(
                                 std::move(ours))] { done(std::move(*stream), nullptr); });
      return std::make_unique<Dial>();
    }
    SimulatedClientTest& test;
  };

  using ServerStream = boost::beast::websocket::stream<AnyStream, false>;

  void connect() {
    client_->connect("ws://simulated/", {},
                     {.opened = [this](const Headers&) { opened_ = true; },
                      .message = [this](std::string_view text) { received_.emplace_back(text); },
                      .closed = [this](const Closed& closed) { closed_ = closed; },
                      .activity = {}});
    settle();
  }

  void accept() {
    server_.emplace(io_.get_executor(), std::move(peer_));
    server_->async_accept([](error_code) {});
    settle();
  }

  /// Until nothing happens any more at this time.
  void settle() {
    for (int i = 0; i < 50; ++i) {
      loop_.run_ready();
      poll();
    }
  }

  test::ManualLoop loop_;
  std::unique_ptr<ByteStream> peer_;
  std::optional<ServerStream> server_;
  std::unique_ptr<Connector> connector_ =
      make_connector(loop_, io_.get_executor(), std::make_unique<MemoryDialler>(*this));
  std::unique_ptr<WebSocketClient> client_ = connector_->make_websocket();
  bool opened_ = false;
  std::vector<std::string> received_;
  std::optional<Closed> closed_;
};

TEST_F(SimulatedClientTest, TalksWithoutSockets) {
  connect();
  accept();
  ASSERT_TRUE(opened_);
  server_->async_write(asio::buffer("hello", 5), [](error_code, size_t) {});
  settle();
  EXPECT_EQ(received_, std::vector<std::string>{"hello"});
  client_->send("to you");
  boost::beast::flat_buffer buffer;
  server_->async_read(buffer, [](error_code, size_t) {});
  settle();
  EXPECT_EQ(std::string(static_cast<const char*>(buffer.cdata().data()), buffer.size()), "to you");
}

TEST_F(SimulatedClientTest, ItsTimeoutsFollowTheLoopsClock) {
  connect();
  loop_.advance(milliseconds(14'999));
  EXPECT_FALSE(closed_);
  loop_.advance(milliseconds(1));
  ASSERT_TRUE(closed_);
  EXPECT_EQ(closed_->kind, Closed::Kind::timed_out);
  settle();
}

TEST_F(SimulatedClientTest, AnUnansweredGoodbyeTimesOut) {
  connect();
  accept();
  client_->close();
  settle();
  EXPECT_FALSE(closed_);
  loop_.advance(milliseconds(2'000));
  ASSERT_TRUE(closed_);
  EXPECT_EQ(closed_->message, "simulated did not answer the closing frame");
  settle();
}

}  // namespace
}  // namespace tapeline::net::internal
