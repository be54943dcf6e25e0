#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <optional>

#include "net/client.h"
#include "net/server.h"
#include "support/certificate.h"

namespace tapeline::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// A server and a client on one loop over real sockets.
class ClientServerTest : public ::testing::Test {
 protected:
  ~ClientServerTest() override { std::filesystem::remove_all(folder_); }

  void listen_with(Server::Options options) {
    auto server = listen(
        *loop_, options,
        [this](const Request& request, Server::Respond respond) {
          last_request_ = request;
          answer_(request, std::move(respond));
        },
        [this](const Request& request) {
          last_request_ = request;
          return upgrade_(request);
        });
    ASSERT_TRUE(server.ok()) << server.error().message();
    server_ = std::move(server).value();
  }

  void use_tls(const std::string& names) {
    std::filesystem::create_directories(folder_);
    server_options_.certificate_file = folder_ + "/certificate.pem";
    server_options_.key_file = folder_ + "/key.pem";
    ASSERT_TRUE(
        test::write_certificate(server_options_.certificate_file, server_options_.key_file, names));
    scheme_tail_ = "s";
    client_options_.tls.ca_file = server_options_.certificate_file;
  }

  void start() { listen_with(server_options_); }

  std::string url(std::string_view scheme, std::string_view rest) {
    return std::string(scheme) + scheme_tail_ + "://" + host_ + ":" +
           std::to_string(server_->port()) + std::string(rest);
  }

  void connect(const std::string& target = "/?token=sesame") {
    client_->connect(url("ws", target), client_options_,
                     {.opened =
                          [this](const Headers& headers) {
                            handshake_ = headers;
                            opened_ = true;
                          },
                      .message = [this](std::string_view text) { received_.emplace_back(text); },
                      .closed =
                          [this](const Closed& closed) {
                            EXPECT_FALSE(closed_) << "closed twice";
                            closed_ = closed;
                          },
                      .activity = [this] { ++activity_; }});
  }

  /// Runs the loop until `done`; a test that never gets there fails.
  void run_until(const std::function<bool()>& done) {
    const BootTime limit = system_clock().boot() + seconds(10);
    Timer poll;
    std::function<void()> look = [&] {
      if (done() || system_clock().boot() > limit) return loop_->stop();
      poll = loop_->after(milliseconds(1), look);
    };
    look();
    loop_->run();
    EXPECT_TRUE(done()) << "not reached within 10 s";
  }
  void run_for(milliseconds time) {
    Timer stop = loop_->after(time, [this] { loop_->stop(); });
    loop_->run();
  }

  Result<Connector::HttpAnswer> get(const std::string& address, size_t body_max = 1 << 20,
                                    milliseconds timeout = seconds(5)) {
    std::optional<Result<Connector::HttpAnswer>> answer;
    connector_->get(
        address, {{"X-Finnhub-Token", "sesame"}}, client_options_.tls, timeout, body_max,
        [&](Result<Connector::HttpAnswer> result) { answer.emplace(std::move(result)); });
    run_until([&] { return answer.has_value(); });
    return *answer;
  }

  std::unique_ptr<Loop> loop_ = make_loop(system_clock());
  std::unique_ptr<Connector> connector_ = make_connector(*loop_);
  std::unique_ptr<WebSocketClient> client_ = connector_->make_websocket();
  std::unique_ptr<Server> server_;
  std::string folder_ = ::testing::TempDir() + "net_" + std::to_string(::getpid());
  std::string scheme_tail_;
  std::string host_ = "127.0.0.1";

  Server::Options server_options_;
  WebSocketClient::Options client_options_;
  std::function<void(const Request&, Server::Respond)> answer_ = [](const Request&,
                                                                    Server::Respond respond) {
    respond(text_response(200, "text/plain", "hello"));
  };
  std::shared_ptr<WebSocketSession> session_;
  std::vector<std::string> heard_;
  std::optional<int> session_closed_;
  std::function<Server::Upgrade(const Request&)> upgrade_ = [this](const Request&) {
    return Server::Upgrade{.refusal = std::nullopt,
                           .headers = {{"X-Tapeline-Feed-Label", "simulated"}},
                           .opened = [this](std::shared_ptr<WebSocketSession> session) {
                             session_ = std::move(session);
                             session_->on_message = [this](std::string_view text) {
                               heard_.emplace_back(text);
                             };
                             session_->on_closed = [this](int code) { session_closed_ = code; };
                           }};
  };

  std::optional<Request> last_request_;
  Headers handshake_;
  bool opened_ = false;
  int activity_ = 0;
  std::vector<std::string> received_;
  std::optional<Closed> closed_;
};

std::shared_ptr<const std::string> shared(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

TEST_F(ClientServerTest, MessagesGoBothWays) {
  start();
  connect();
  run_until([&] { return opened_ && session_; });
  EXPECT_EQ(*find_header(handshake_, "x-tapeline-feed-label"), "simulated");
  EXPECT_EQ(last_request_->path, "/");
  EXPECT_EQ(*last_request_->query_value("token"), "sesame");
  client_->send("one");
  client_->send("two");
  session_->send(shared("three"));
  session_->send(shared(std::string(300'000, 'x')));
  run_until([&] { return heard_.size() == 2 && received_.size() == 2; });
  EXPECT_EQ(heard_, (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(received_[0], "three");
  EXPECT_EQ(received_[1], std::string(300'000, 'x'));
  EXPECT_GE(activity_, 2);
}

TEST_F(ClientServerTest, MessagesGoBothWaysOverTls) {
  use_tls("DNS:localhost,IP:127.0.0.1");
  for (const char* host : {"127.0.0.1", "localhost"}) {
    host_ = host;
    opened_ = false;
    session_.reset();
    received_.clear();
    start();
    client_ = connector_->make_websocket();
    connect();
    run_until([&] { return (opened_ && session_) || closed_; });
    ASSERT_FALSE(closed_) << closed_->message;
    session_->send(shared(std::string(100'000, 'x')));
    session_->send(shared("end"));
    run_until([&] { return received_.size() == 2; });
    EXPECT_EQ(received_[0].size(), 100'000U);
  }
}

/// A resolver that knows no /etc/hosts has never heard of these.
TEST_F(ClientServerTest, LocalhostNeedsNoResolver) {
  start();
  for (const char* host : {"localhost", "LocalHost.", "feed.localhost"}) {
    host_ = host;
    opened_ = false;
    client_ = connector_->make_websocket();
    connect();
    run_until([&] { return opened_ || closed_; });
    ASSERT_FALSE(closed_) << closed_->message;
  }
}

TEST_F(ClientServerTest, NobodyOnLocalhostIsAConnectionRefused) {
  start();
  host_ = "localhost";
  const std::string address = url("ws", "/");
  const std::string where = "localhost:" + std::to_string(server_->port());
  server_.reset();
  WebSocketClient::Handlers handlers;
  handlers.closed = [this](const Closed& closed) { closed_ = closed; };
  client_->connect(address, client_options_, handlers);
  run_until([&] { return closed_.has_value(); });
  EXPECT_EQ(closed_->kind, Closed::Kind::connect_failed);
  EXPECT_EQ(closed_->message, "cannot connect to " + where + ": Connection refused");
}

TEST_F(ClientServerTest, AStrangersCertificateIsRefused) {
  use_tls("DNS:localhost,IP:127.0.0.1");
  client_options_.tls.ca_file.clear();
  start();
  connect();
  run_until([&] { return closed_.has_value(); });
  EXPECT_EQ(closed_->kind, Closed::Kind::tls_failed);
  EXPECT_EQ(closed_->message,
            "no secure connection to 127.0.0.1:" + std::to_string(server_->port()) +
                ": its certificate cannot be trusted: self-signed certificate");
}

TEST_F(ClientServerTest, ACertificateForAnotherHostIsRefused) {
  use_tls("DNS:elsewhere.example");
  start();
  connect();
  run_until([&] { return closed_.has_value(); });
  EXPECT_EQ(closed_->kind, Closed::Kind::tls_failed);
  EXPECT_NE(closed_->message.find("its certificate cannot be trusted: IP address mismatch"),
            std::string::npos)
      << closed_->message;
}

TEST_F(ClientServerTest, VerificationCanBeTurnedOffForTests) {
  use_tls("DNS:elsewhere.example");
  client_options_.tls = {.ca_file = "", .verify = false};
  start();
  connect();
  run_until([&] { return opened_; });
}

TEST_F(ClientServerTest, AnUnreadableAuthorityFileIsOneSentence) {
  use_tls("DNS:localhost");
  client_options_.tls.ca_file = folder_ + "/absent.pem";
  start();
  connect();
  run_until([&] { return closed_.has_value(); });
  EXPECT_EQ(closed_->kind, Closed::Kind::tls_failed);
  EXPECT_TRUE(closed_->message.starts_with("net: cannot read the certificates in '" + folder_ +
                                           "/absent.pem'"))
      << closed_->message;
}

TEST_F(ClientServerTest, RefusedUpgradesTellStatusHeadersAndBody) {
  start();
  for (const int status : {401, 429, 200}) {
    closed_.reset();
    upgrade_ = [&](const Request&) {
      Server::Upgrade decision;
      decision.refusal = text_response(status, "application/json", R"({"error":"no"})");
      decision.refusal->headers = {{"Retry-After", "17"}};
      return decision;
    };
    connect();
    run_until([&] { return closed_.has_value(); });
    EXPECT_EQ(closed_->kind, Closed::Kind::handshake_refused);
    EXPECT_EQ(closed_->http_status, status);
    EXPECT_EQ(*find_header(closed_->headers, "retry-after"), "17");
    EXPECT_EQ(closed_->body, R"({"error":"no"})");
    EXPECT_EQ(closed_->message, "127.0.0.1:" + std::to_string(server_->port()) +
                                    " refused the WebSocket with HTTP status " +
                                    std::to_string(status));
    EXPECT_FALSE(opened_);
  }
}

TEST_F(ClientServerTest, ARefusalsBodyIsCutAt4KiB) {
  start();
  upgrade_ = [&](const Request&) {
    Server::Upgrade decision;
    decision.refusal = text_response(500, "text/plain", std::string(100'000, 'x'));
    return decision;
  };
  connect();
  run_until([&] { return closed_.has_value(); });
  EXPECT_EQ(closed_->body.size(), 4096U);
}

TEST_F(ClientServerTest, AMessageBeyondTheLimitBreaksTheConnection) {
  client_options_.message_bytes_max = 1'000;
  start();
  connect();
  run_until([&] { return opened_ && session_; });
  session_->send(shared(std::string(1'001, 'x')));
  run_until([&] { return closed_.has_value(); });
  EXPECT_EQ(closed_->kind, Closed::Kind::broken);
  EXPECT_EQ(closed_->close_code, 1009);
  EXPECT_EQ(closed_->message, "127.0.0.1:" + std::to_string(server_->port()) +
                                  " sent a message larger than 1000 bytes");
}

TEST_F(ClientServerTest, AMessageBeyondTheLimitIsReadOverWhenAsked) {
  client_options_.message_bytes_max = 100'000;
  start();
  std::vector<std::string> beginnings;
  client_->connect(url("ws", "/"), client_options_,
                   {.opened = {},
                    .message = [this](std::string_view text) { received_.emplace_back(text); },
                    .closed = [](const Closed&) { FAIL(); },
                    .activity = {},
                    .oversized = [&](std::string_view text) { beginnings.emplace_back(text); }});
  run_until([&] { return session_ != nullptr; });
  session_->send(shared("before"));
  session_->send(shared(std::string(100'000, 'f')));
  session_->send(shared(std::string(100'001, 'o')));
  session_->send(shared(std::string(5'000'000, 'p')));
  session_->send(shared("after"));
  run_until([&] { return received_.size() == 3; });
  EXPECT_EQ(received_[1].size(), 100'000U);
  EXPECT_EQ(received_[2], "after");
  EXPECT_EQ(beginnings, (std::vector{std::string(65'536, 'o'), std::string(65'536, 'p')}));
}

TEST_F(ClientServerTest, BytesThatAreNotUtf8PassInBinaryOnly) {
  start();
  connect();
  run_until([&] { return opened_ && session_; });
  session_->send_raw("\xff\xfe", WebSocketSession::Opcode::binary);
  run_until([&] { return received_.size() == 1; });
  EXPECT_EQ(received_[0], "\xff\xfe");
  session_->send_raw("\xff\xfe", WebSocketSession::Opcode::text);
  run_until([&] { return closed_.has_value(); });
  EXPECT_EQ(closed_->kind, Closed::Kind::broken);
  EXPECT_EQ(closed_->close_code, 1007);
}

TEST_F(ClientServerTest, ClosingSendsWhatIsQueuedAndTheReason) {
  start();
  connect();
  run_until([&] { return opened_ && session_; });
  for (int i = 0; i < 100; ++i) session_->send(shared(std::to_string(i)));
  session_->close(1000, "tapeline: end of recording");
  EXPECT_FALSE(session_->open());
  run_until([&] { return closed_ && session_closed_; });
  EXPECT_EQ(received_.size(), 100U);
  EXPECT_EQ(closed_->kind, Closed::Kind::by_peer);
  EXPECT_EQ(closed_->close_code, 1000);
  EXPECT_EQ(closed_->message, "tapeline: end of recording");
  EXPECT_EQ(*session_closed_, 1000);
  run_until([&] { return server_->connections() == 0; });
}

TEST_F(ClientServerTest, ClosingFromTheClientIsHeardByTheServer) {
  start();
  connect();
  run_until([&] { return opened_ && session_; });
  client_->close();
  run_until([&] { return closed_ && session_closed_; });
  EXPECT_EQ(closed_->kind, Closed::Kind::by_us);
  EXPECT_EQ(*session_closed_, 1000);
}

TEST_F(ClientServerTest, AnAbortIsABreak) {
  start();
  connect();
  run_until([&] { return opened_ && session_; });
  session_->abort();
  run_until([&] { return closed_ && session_closed_; });
  EXPECT_EQ(closed_->kind, Closed::Kind::broken);
  EXPECT_EQ(closed_->http_status, 0);
  EXPECT_EQ(*session_closed_, 1006);
}

TEST_F(ClientServerTest, ADestroyedClientCallsNothing) {
  start();
  connect();
  run_until([&] { return opened_ && session_; });
  client_.reset();
  run_until([&] { return session_closed_.has_value(); });
  EXPECT_FALSE(closed_);
}

TEST_F(ClientServerTest, AClientMayBeDestroyedInsideItsHandlers) {
  start();
  client_->connect(url("ws", "/"), client_options_,
                   {.opened = [&](const Headers&) { client_->send("x"); },
                    .message = [&](std::string_view) { client_.reset(); },
                    .closed = [&](const Closed&) { FAIL(); },
                    .activity = {}});
  run_until([&] { return session_ && !heard_.empty(); });
  session_->send(shared("bye"));
  run_until([&] { return client_ == nullptr && session_closed_; });
}

TEST_F(ClientServerTest, AHalfOpenServerTimesOut) {
  // Accepts connections in the kernel and never answers.
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(fd, 5), 0);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  const std::string where = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  client_options_.connect_timeout = milliseconds(50);
  for (const std::string scheme : {"ws", "wss"}) {
    std::optional<Closed> closed;
    client_->connect(scheme + "://" + where, client_options_,
                     {.opened = {},
                      .message = {},
                      .closed = [&](const Closed& c) { closed = c; },
                      .activity = {}});
    run_until([&] { return closed.has_value(); });
    EXPECT_EQ(closed->kind, Closed::Kind::timed_out);
    EXPECT_EQ(closed->message, "no connection to " + where + " within 50 ms (" +
                                   (scheme == "ws" ? "it does not answer the WebSocket handshake"
                                                   : "it cannot be reached") +
                                   ")");
  }
  const auto answer = get("http://" + where + "/", 1'000, milliseconds(50));
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().message(), "net: " + where + " did not answer within 50 ms");
  ::close(fd);
}

TEST_F(ClientServerTest, NobodyListeningIsConnectFailed) {
  start();
  const std::string address = url("ws", "/?token=sesame");
  server_.reset();
  client_->connect(address, client_options_,
                   {.opened = {},
                    .message = {},
                    .closed = [this](const Closed& closed) { closed_ = closed; },
                    .activity = {}});
  run_until([&] { return closed_.has_value(); });
  EXPECT_EQ(closed_->kind, Closed::Kind::connect_failed);
  EXPECT_NE(closed_->message.find("Connection refused"), std::string::npos);
  EXPECT_EQ(closed_->message.find("sesame"), std::string::npos);
}

TEST_F(ClientServerTest, AnUnknownHostIsResolveFailed) {
  client_->connect("ws://no-such-host.invalid/", client_options_,
                   {.opened = {},
                    .message = {},
                    .closed = [this](const Closed& closed) { closed_ = closed; },
                    .activity = {}});
  run_until([&] { return closed_.has_value(); });
  EXPECT_EQ(closed_->kind, Closed::Kind::resolve_failed);
}

TEST_F(ClientServerTest, AMalformedAddressIsSaidLater) {
  bool in_call = true;
  client_->connect("nonsense", client_options_,
                   {.opened = {},
                    .message = {},
                    .closed =
                        [&](const Closed& closed) {
                          EXPECT_FALSE(in_call);
                          closed_ = closed;
                        },
                    .activity = {}});
  in_call = false;
  run_until([&] { return closed_.has_value(); });
  EXPECT_EQ(closed_->message, "the address is no URL of the form wss://host[:port][/path]");
}

TEST_F(ClientServerTest, ASlowReaderIsClosedAtItsQueuesLimit) {
  server_options_.session_queue_bytes_max = 1 << 20;
  start();
  connect();
  run_until([&] { return opened_ && session_; });
  client_->pause_reading(true);
  const auto block = shared(std::string(100'000, 'x'));
  size_t greatest = 0;
  for (int i = 0; i < 1'000 && session_->open(); ++i) {
    session_->send(block);
    greatest = std::max(greatest, session_->queued_bytes());
    run_for(milliseconds(1));
  }
  EXPECT_FALSE(session_->open());
  EXPECT_LE(greatest, size_t{1} << 20);
  client_->pause_reading(false);
  run_until([&] { return closed_.has_value(); });
  EXPECT_EQ(closed_->close_code, 1013);
  EXPECT_EQ(closed_->message, "reading too slowly");
}

TEST_F(ClientServerTest, APausedClientGetsEverythingAfter) {
  start();
  connect();
  run_until([&] { return opened_ && session_; });
  client_->pause_reading(true);
  for (int i = 0; i < 10; ++i) session_->send(shared(std::to_string(i)));
  run_for(milliseconds(20));
  // The one message whose reading was under way may still come.
  EXPECT_LE(received_.size(), 1U);
  client_->pause_reading(false);
  run_until([&] { return received_.size() == 10; });
}

TEST_F(ClientServerTest, APausedSessionHearsEverythingAfter) {
  start();
  connect();
  run_until([&] { return opened_ && session_; });
  session_->pause_reading(true);
  for (int i = 0; i < 10; ++i) client_->send(std::to_string(i));
  run_for(milliseconds(20));
  EXPECT_LE(heard_.size(), 1U);
  session_->pause_reading(false);
  run_until([&] { return heard_.size() == 10; });
}

TEST_F(ClientServerTest, DrainedIsToldOnceTheQueueIsEmpty) {
  start();
  connect();
  run_until([&] { return opened_ && session_; });
  bool drained = false;
  session_->on_drained = [&] {
    EXPECT_EQ(session_->queued_bytes(), 0U);
    drained = true;
  };
  for (int i = 0; i < 5; ++i) session_->send(shared("abc"));
  EXPECT_EQ(session_->queued_bytes(), 15U);
  run_until([&] { return drained; });
}

TEST_F(ClientServerTest, StopClosesSessionsWith1001) {
  start();
  connect();
  run_until([&] { return opened_ && session_; });
  server_->stop();
  server_->stop();
  run_until([&] { return closed_ && server_->connections() == 0; });
  EXPECT_EQ(closed_->close_code, 1001);
}

TEST_F(ClientServerTest, GetAnswersPlainAndTls) {
  start();
  auto answer = get(url("http", "/api/v1/search?q=IC%20MARKETS%3A1&x=a+b"));
  ASSERT_TRUE(answer.ok()) << answer.error().message();
  EXPECT_EQ(answer.value().status, 200);
  EXPECT_EQ(answer.value().body, "hello");
  EXPECT_EQ(*find_header(answer.value().headers, "content-type"), "text/plain");
  EXPECT_EQ(last_request_->path, "/api/v1/search");
  EXPECT_EQ(*last_request_->query_value("q"), "IC MARKETS:1");
  EXPECT_EQ(*last_request_->query_value("x"), "a b");
  EXPECT_EQ(*find_header(last_request_->headers, "x-finnhub-token"), "sesame");

  use_tls("IP:127.0.0.1");
  start();
  answer = get(url("http", "/"));
  ASSERT_TRUE(answer.ok()) << answer.error().message();
  EXPECT_EQ(answer.value().body, "hello");
}

TEST_F(ClientServerTest, AnAnswerBeyondTheLimitIsFull) {
  start();
  const auto answer = get(url("http", "/"), 4);
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code(), ErrorCode::full);
}

TEST_F(ClientServerTest, AnswersMayComeLaterAndTwiceDoesNotHurt) {
  std::vector<Timer> timers;
  answer_ = [&](const Request&, Server::Respond respond) {
    timers.push_back(loop_->after(milliseconds(5), [respond] {
      respond(text_response(404, "text/plain", "first"));
      respond(text_response(200, "text/plain", "second"));
    }));
  };
  start();
  const auto answer = get(url("http", "/"));
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer.value().status, 404);
  EXPECT_EQ(answer.value().body, "first");
}

TEST_F(ClientServerTest, APortInUseIsSaidWithWhatToDo) {
  start();
  Server::Options options;
  options.port = server_->port();
  const auto second = listen(*loop_, options, answer_, upgrade_);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code(), ErrorCode::unavailable);
  EXPECT_EQ(second.error().message(),
            "net: cannot listen on 127.0.0.1:" + std::to_string(options.port) +
                ": the port is in use by another program; stop that program or choose another "
                "port (0 takes any free one)");
}

TEST_F(ClientServerTest, ListenRefusesWhatCannotBe) {
  Server::Options options;
  options.address = "example.com";
  EXPECT_EQ(listen(*loop_, options, answer_, upgrade_).error().message(),
            "net: 'example.com' is no IP address to listen on; give one such as 127.0.0.1");
  options = {};
  options.certificate_file = "/nowhere/certificate.pem";
  EXPECT_EQ(listen(*loop_, options, answer_, upgrade_).error().message(),
            "net: TLS needs both a certificate file and a key file; only one is given");
  options.key_file = "/nowhere/key.pem";
  const auto server = listen(*loop_, options, answer_, upgrade_);
  EXPECT_EQ(server.error().code(), ErrorCode::invalid);
  EXPECT_TRUE(server.error().message().starts_with(
      "net: cannot use the certificate in '/nowhere/certificate.pem': "))
      << server.error().message();
}

/// A peer that writes bytes as they are.
class RawPeerTest : public ClientServerTest {
 protected:
  ~RawPeerTest() override {
    if (fd_ >= 0) ::close(fd_);
  }

  /// Sends `request` on a new connection and returns all that comes until the server ends it, or
  /// until `enough` bytes came.
  std::string exchange(const std::string& request, size_t enough = SIZE_MAX) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(server_->port());
    ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address));
    std::string got;
    size_t sent = 0;
    run_until([&] {
      if (sent < request.size())
        if (const ssize_t n =
                ::send(fd_, request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
            n > 0)
          sent += static_cast<size_t>(n);
      char buffer[4096];
      const ssize_t n = ::recv(fd_, buffer, sizeof(buffer), 0);
      if (n > 0) got.append(buffer, static_cast<size_t>(n));
      return n == 0 || (n < 0 && errno != EAGAIN && errno != ENOTCONN) || got.size() >= enough;
    });
    return got;
  }

  static size_t count(const std::string& text, std::string_view piece) {
    size_t found = 0;
    for (size_t at = text.find(piece); at != std::string::npos; at = text.find(piece, at + 1))
      ++found;
    return found;
  }

  int fd_ = -1;
};

TEST_F(RawPeerTest, PipelinedRequestsAreAnsweredInOrderOnOneConnection) {
  answer_ = [](const Request& request, Server::Respond respond) {
    respond(text_response(200, "text/plain", request.path));
  };
  start();
  const std::string got = exchange(
      "GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n"
      "GET /c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(count(got, "HTTP/1.1 200 OK"), 3U);
  EXPECT_LT(got.find("\r\n\r\n/a"), got.find("\r\n\r\n/b"));
  EXPECT_LT(got.find("\r\n\r\n/b"), got.find("\r\n\r\n/c"));
}

TEST_F(RawPeerTest, HeadHasTheLengthAndNoBody) {
  start();
  const std::string got = exchange("HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(count(got, "Content-Length: 5"), 1U);
  EXPECT_TRUE(got.ends_with("\r\n\r\n")) << got;
}

TEST_F(RawPeerTest, NotModifiedHasNoBody) {
  answer_ = [](const Request&, Server::Respond respond) {
    Response response;
    response.status = 304;
    response.headers = {{"ETag", "\"1\""}};
    respond(response);
  };
  start();
  const std::string got = exchange("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(count(got, "304"), 1U);
  EXPECT_EQ(count(got, "Content-Length"), 0U);
}

TEST_F(RawPeerTest, LimitsAreAnsweredAndClose) {
  server_options_.header_bytes_max = 1'000;
  server_options_.body_bytes_max = 1'000;
  start();
  EXPECT_EQ(count(exchange("GET / HTTP/1.1\r\nX: " + std::string(2'000, 'x') + "\r\n\r\n"),
                  "HTTP/1.1 431"),
            1U);
  EXPECT_EQ(count(exchange("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n" +
                           std::string(1'001, 'x')),
                  "HTTP/1.1 413"),
            1U);
  EXPECT_EQ(count(exchange("nonsense\r\n\r\n"), "HTTP/1.1 400"), 1U);
  EXPECT_EQ(count(exchange("GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 400"), 1U);
}

TEST_F(RawPeerTest, AnIdleConnectionIsEnded) {
  server_options_.idle_timeout = milliseconds(30);
  start();
  EXPECT_EQ(exchange("GET / HT"), "");
  run_until([&] { return server_->connections() == 0; });
}

TEST_F(RawPeerTest, TooManyConnectionsGet503) {
  server_options_.connections_max = 1;
  start();
  connect();
  run_until([&] { return opened_ && session_; });
  EXPECT_EQ(count(exchange("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 503"), 1U);
}

}  // namespace
}  // namespace tapeline::net
