#include "net/asio/dialler.h"

#include <fmt/format.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/address.hpp>
#include <vector>

namespace tapeline::net::internal {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

/// System's certificates take milliseconds to read: one context for each set of options.
class Contexts {
 public:
  Result<asio::ssl::context*> find(const TlsOptions& options) {
    auto& context = contexts_[options.ca_file];
    if (context == nullptr) {
      auto made = make_client_context(options);
      if (!made.ok()) return made.error();
      context = std::move(made).value();
    }
    return context.get();
  }

 private:
  std::map<std::string, std::unique_ptr<asio::ssl::context>> contexts_;
};

/// IPv4 last: a failure to reach it is what a person should hear of.
std::vector<tcp::endpoint> loopback_endpoints(uint16_t port) {
  return {{asio::ip::address_v6::loopback(), port}, {asio::ip::address_v4::loopback(), port}};
}

/// The work of one Dial; its handlers hold it, the Dial only says when to stop.
class Attempt : public std::enable_shared_from_this<Attempt> {
 public:
  Attempt(asio::io_context& io, const Url& url, const TlsOptions& tls, asio::ssl::context* context,
          Dialler::Done done)
      : url_(url),
        verify_(tls.verify),
        context_(context),
        done_(std::move(done)),
        resolver_(io),
        socket_(io) {}

  void start() {
    if (is_localhost(url_.host)) return connect(loopback_endpoints(url_.port));
    resolver_.async_resolve(
        url_.host, std::to_string(url_.port),
        [self = shared_from_this()](error_code error, const tcp::resolver::results_type& results) {
          if (self->over_) return;
          if (error)
            return self->fail(Closed::Kind::resolve_failed,
                              fmt::format("cannot find the host '{}': {}; check its name and "
                                          "this machine's network",
                                          self->url_.host, error.message()));
          self->connect({results.begin(), results.end()});
        });
  }

  void give_up() {
    over_ = true;
    resolver_.cancel();
    error_code ignored;
    socket_.close(ignored);
    if (handshake_) handshake_->cancel();
    done_ = nullptr;
  }

 private:
  /// Tries one after the other; the last one's failure is told.
  void connect(const std::vector<tcp::endpoint>& endpoints) {
    asio::async_connect(
        socket_, endpoints, [self = shared_from_this()](error_code error, const tcp::endpoint&) {
          if (self->over_) return;
          if (error)
            return self->fail(Closed::Kind::connect_failed,
                              fmt::format("cannot connect to {}:{}: {}", self->url_.host,
                                          self->url_.port, error.message()));
          self->connected();
        });
  }

  void connected() {
    error_code ignored;
    socket_.set_option(tcp::no_delay(true), ignored);
    if (!url_.tls) return succeed(make_tcp_stream(std::move(socket_)));
    handshake_ = make_tls_client(std::move(socket_), *context_, url_.host, verify_);
    handshake_->start([self = shared_from_this()](Result<std::unique_ptr<ByteStream>> stream) {
      if (self->over_) return;
      if (!stream.ok())
        return self->fail(Closed::Kind::tls_failed,
                          fmt::format("no secure connection to {}:{}: {}", self->url_.host,
                                      self->url_.port, stream.error().message()));
      self->succeed(std::move(stream).value());
    });
  }

  void succeed(std::unique_ptr<ByteStream> stream) {
    over_ = true;
    const auto done = std::move(done_);
    done(std::move(stream), nullptr);
  }

  void fail(Closed::Kind kind, std::string message) {
    over_ = true;
    const auto done = std::move(done_);
    const DialFailure failure{kind, std::move(message)};
    done(nullptr, &failure);
  }

  const Url url_;
  const bool verify_;
  asio::ssl::context* const context_;
  Dialler::Done done_;
  tcp::resolver resolver_;
  tcp::socket socket_;
  std::unique_ptr<TlsHandshake> handshake_;
  bool over_ = false;
};

class TcpDialler : public Dialler {
 public:
  explicit TcpDialler(AsioLoop& loop) : loop_(loop) {}

  std::unique_ptr<Dial> dial(const Url& url, const TlsOptions& tls, Done done) override {
    asio::ssl::context* context = nullptr;
    if (url.tls) {
      auto found = contexts_.find(tls);
      if (!found.ok()) return refuse(found.error(), std::move(done));
      context = found.value();
    }
    auto attempt = std::make_shared<Attempt>(loop_.io(), url, tls, context, std::move(done));
    attempt->start();
    return std::make_unique<Handle>(std::move(attempt));
  }

 private:
  class Handle : public Dial {
   public:
    explicit Handle(std::shared_ptr<Attempt> attempt) : attempt_(std::move(attempt)) {}
    ~Handle() override { attempt_->give_up(); }

   private:
    std::shared_ptr<Attempt> attempt_;
  };

  class Refusal : public Dial {
   public:
    Timer timer;
  };

  std::unique_ptr<Dial> refuse(const Error& error, Done done) {
    auto refusal = std::make_unique<Refusal>();
    refusal->timer = loop_.after(std::chrono::microseconds(0), [error, done = std::move(done)] {
      const DialFailure failure{Closed::Kind::tls_failed, error.message()};
      done(nullptr, &failure);
    });
    return refusal;
  }

  AsioLoop& loop_;
  Contexts contexts_;
};

}  // namespace

std::unique_ptr<Dialler> make_dialler(AsioLoop& loop) {
  return std::make_unique<TcpDialler>(loop);
}

}  // namespace tapeline::net::internal
