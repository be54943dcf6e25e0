#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/check.h"
#include "net/client.h"

namespace tapeline::test {

/// What a client did with one connection, and what the test does to it. Lives on after the client
/// object is gone.
struct FakeSocket {
  std::string url;
  net::WebSocketClient::Options options;
  net::WebSocketClient::Handlers handlers;
  std::vector<std::string> sent;
  bool paused = false;
  bool closed_by_us = false;
  bool gone = false;  ///< The client object was destroyed.

  void open(const net::Headers& handshake = {}) { call(handlers.opened, handshake); }
  void message(std::string_view text) { call(handlers.message, text); }
  void end(const net::Closed& closed) { call(handlers.closed, closed); }

 private:
  /// A copy is called, for the handler may destroy its client.
  template <typename Handler, typename Argument>
  void call(const Handler& handler, const Argument& argument) {
    CHECK(!gone, "the test drives a connection that is given up");
    const Handler copy = handler;
    copy(argument);
  }
};

/// Connections and HTTP calls that a test plays the other side of.
class FakeConnector : public net::Connector {
 public:
  struct Call {
    std::string url;
    net::Headers headers;
    std::function<void(Result<HttpAnswer>)> done;
  };

  std::unique_ptr<net::WebSocketClient> make_websocket() override {
    sockets.push_back(std::make_shared<FakeSocket>());
    return std::make_unique<Client>(sockets.back());
  }

  void get(const std::string& url, const net::Headers& headers, const net::TlsOptions&,
           std::chrono::milliseconds, size_t,
           std::function<void(Result<HttpAnswer>)> done) override {
    calls.push_back({url, headers, std::move(done)});
  }

  FakeSocket& last() { return *sockets.back(); }

  /// Answers the oldest call.
  void answer(int status, std::string body, net::Headers headers = {}) {
    CHECK(!calls.empty());
    const Call call = calls.front();
    calls.pop_front();
    call.done(HttpAnswer{status, std::move(headers), std::move(body)});
  }

  std::vector<std::shared_ptr<FakeSocket>> sockets;
  std::deque<Call> calls;

 private:
  class Client : public net::WebSocketClient {
   public:
    explicit Client(std::shared_ptr<FakeSocket> socket) : socket_(std::move(socket)) {}
    ~Client() override { socket_->gone = true; }
    void connect(const std::string& url, const Options& options, Handlers handlers) override {
      socket_->url = url;
      socket_->options = options;
      socket_->handlers = std::move(handlers);
    }
    void send(std::string text) override { socket_->sent.push_back(std::move(text)); }
    void pause_reading(bool paused) override { socket_->paused = paused; }
    void close() override { socket_->closed_by_us = true; }

   private:
    std::shared_ptr<FakeSocket> socket_;
  };
};

}  // namespace tapeline::test
