#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <deque>
#include <optional>
#include <vector>

#include "base/diag.h"
#include "net/asio/buffered_stream.h"
#include "net/asio/byte_stream.h"
#include "net/asio/dialler.h"
#include "net/asio/http_text.h"
#include "net/asio/loop.h"
#include "net/client.h"

namespace tapeline::net::internal {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using boost::system::error_code;
using WebSocketStream = websocket::stream<AnyStream, false>;

constexpr std::string_view kUserAgent = "tapeline";
constexpr size_t kRefusalBodyMax = 4 << 10;

/// "host:port", without the port when it is the scheme's own. Never the target: it holds tokens.
std::string authority(const Url& url) {
  const std::string host =
      url.host.find(':') == std::string::npos ? url.host : "[" + url.host + "]";
  if (url.port == (url.tls ? 443 : 80)) return host;
  return fmt::format("{}:{}", host, url.port);
}

/// One connection from dialling to its end. Pending operations hold it, so it outlives the
/// client object that lets go of it.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Loop& loop, Executor executor, Url url, WebSocketClient::Options options,
             WebSocketClient::Handlers handlers)
      : loop_(loop),
        executor_(std::move(executor)),
        url_(std::move(url)),
        options_(std::move(options)),
        handlers_(std::move(handlers)) {}

  void start(Dialler& dialler) {
    deadline_ = loop_.after(options_.connect_timeout, [this] { connect_timed_out(); });
    dial_ = dialler.dial(url_, options_.tls,
                         [this](std::unique_ptr<ByteStream> stream, const DialFailure* failure) {
                           const auto self = shared_from_this();
                           if (failure != nullptr)
                             return finish({.kind = failure->kind, .message = failure->message});
                           upgrade(std::move(stream));
                         });
  }

  void send(std::string text) {
    if (!open_ || closing_) return;
    outgoing_.push_back(std::move(text));
    if (outgoing_.size() == 1) write_next();
  }

  void pause_reading(bool paused) {
    paused_ = paused;
    if (!paused_ && open_ && !reading_ && !finished_) read_next();
  }

  void close() {
    if (finished_ || closing_) return;
    closing_ = true;
    if (!open_) {
      loop_.post([self = shared_from_this()] {
        self->finish({.kind = Closed::Kind::by_us, .message = "closed by us before it was open"});
      });
      return;
    }
    start_closing();
  }

  /// The client object is gone: no handler is called any more.
  void let_go() {
    if (finished_) return;
    finished_ = true;
    end_transport();
    // A handler may be running right now: it must not be destroyed under itself.
    loop_.post([self = shared_from_this()] { self->handlers_ = {}; });
  }

 private:
  void connect_timed_out() {
    const auto self = shared_from_this();
    finish({.kind = Closed::Kind::timed_out,
            .message = fmt::format(
                "no connection to {} within {} ms ({})", authority(url_),
                options_.connect_timeout.count(),
                ws_ ? "it does not answer the WebSocket handshake" : "it cannot be reached")});
  }

  void upgrade(std::unique_ptr<ByteStream> stream) {
    ws_.emplace(AnyStream(executor_, make_buffered_stream(executor_, std::move(stream))));
    // Timers are ours: Beast's would run on another clock.
    ws_->set_option(websocket::stream_base::timeout{websocket::stream_base::none(),
                                                    websocket::stream_base::none(), false});
    ws_->set_option(websocket::stream_base::decorator([this](websocket::request_type& request) {
      request.set(http::field::user_agent, kUserAgent.data());
      for (const auto& [name, value] : options_.headers) request.set(name, value);
    }));
    ws_->control_callback([this](websocket::frame_type, auto) { note_activity(); });
    ws_->read_message_max(0);  // Larger ones are read over here, which Beast cannot.
    ws_->auto_fragment(false);
    ws_->async_handshake(refusal_, authority(url_), url_.target,
                         [self = shared_from_this()](error_code error) { self->upgraded(error); });
  }

  void upgraded(error_code error) {
    if (finished_) return;
    if (error) return finish(describe_refusal(error));
    deadline_.cancel();
    open_ = true;
    const Headers headers = to_headers(refusal_.base());
    if (handlers_.opened) handlers_.opened(headers);
    if (!finished_ && !paused_ && !reading_) read_next();
  }

  Closed describe_refusal(error_code error) {
    if (error != websocket::error::upgrade_declined)
      return {.kind = Closed::Kind::broken,
              .message = fmt::format("{} does not speak WebSocket as it should: {}",
                                     authority(url_), error.message())};
    std::string body = refusal_.body().substr(0, kRefusalBodyMax);
    return {.kind = Closed::Kind::handshake_refused,
            .http_status = static_cast<int>(refusal_.result_int()),
            .message = fmt::format("{} refused the WebSocket with HTTP status {}", authority(url_),
                                   refusal_.result_int()),
            .headers = to_headers(refusal_.base()),
            .body = diag::redacted(body)};
  }

  void read_next() {
    reading_ = true;
    ws_->async_read_some(buffer_, 0, [self = shared_from_this()](error_code error, size_t) {
      self->reading_ = false;
      self->received(error);
    });
  }

  /// A piece of a message came, mostly all of it.
  void received(error_code error) {
    if (finished_) return;
    if (error) return finish(describe_end(error));
    const bool whole = ws_->is_message_done();
    if (skipping_) {
      buffer_.clear();
      skipping_ = !whole;
    } else if (buffer_.size() > options_.message_bytes_max) {
      skipping_ = !whole;
      too_large();
    } else if (whole) {
      deliver();
    }
    if (!finished_ && !paused_ && !reading_) read_next();
  }

  void deliver() {
    note_activity();
    if (handlers_.message && !finished_) handlers_.message(buffered());
    buffer_.clear();
  }

  void too_large() {
    note_activity();
    if (finished_) return;
    if (!handlers_.oversized)
      return finish({.kind = Closed::Kind::broken,
                     .close_code = websocket::close_code::too_big,
                     .message = fmt::format("{} sent a message larger than {} bytes",
                                            authority(url_), options_.message_bytes_max)});
    handlers_.oversized(buffered().substr(0, WebSocketClient::kOversizedKept));
    buffer_.clear();
  }

  std::string_view buffered() const {
    const auto data = buffer_.cdata();
    return {static_cast<const char*>(data.data()), data.size()};
  }

  void note_activity() {
    if (!finished_ && handlers_.activity) handlers_.activity();
  }

  Closed describe_end(error_code error) {
    if (closing_) return {.kind = Closed::Kind::by_us, .message = "closed by us"};
    if (error == websocket::error::closed) {
      const auto& reason = ws_->reason();
      return {.kind = Closed::Kind::by_peer,
              .close_code = reason.code,
              .message = diag::redacted(to_text(reason.reason))};
    }
    if (error == asio::error::eof)
      return {.kind = Closed::Kind::by_peer,
              .message =
                  fmt::format("{} ended the connection without a closing frame", authority(url_))};
    if (error == websocket::error::bad_frame_payload)
      return {.kind = Closed::Kind::broken,
              .close_code = websocket::close_code::bad_payload,
              .message = fmt::format("{} sent a text message that is not UTF-8", authority(url_))};
    return {
        .kind = Closed::Kind::broken,
        .message = fmt::format("the connection to {} broke: {}", authority(url_), error.message())};
  }

  void write_next() {
    ws_->text(true);
    ws_->async_write(
        asio::buffer(outgoing_.front()),
        [self = shared_from_this()](error_code error, size_t) { self->written(error); });
  }

  void written(error_code error) {
    if (finished_) return;
    // What the reading side says about the end is more precise; a paused one says nothing.
    if (error) return reading_ ? outgoing_.clear() : finish(describe_end(error));
    outgoing_.pop_front();
    if (!outgoing_.empty()) write_next();
  }

  void start_closing() {
    deadline_ = loop_.after(options_.close_timeout, [this] {
      const auto self = shared_from_this();
      finish({.kind = Closed::Kind::timed_out,
              .message = fmt::format("{} did not answer the closing frame", authority(url_))});
    });
    ws_->async_close(websocket::close_code::normal, [self = shared_from_this()](error_code) {
      self->finish({.kind = Closed::Kind::by_us, .message = "closed by us"});
    });
  }

  void finish(const Closed& closed) {
    if (finished_) return;
    finished_ = true;
    end_transport();
    const auto handler = std::move(handlers_.closed);
    loop_.post([self = shared_from_this()] { self->handlers_ = {}; });
    if (handler) handler(closed);
  }

  void end_transport() {
    open_ = false;
    deadline_.cancel();
    // Its callback may be what runs now.
    if (dial_) loop_.post([dial = std::shared_ptr<Dial>(std::move(dial_))] {});
    if (ws_) ws_->next_layer().bytes().close();
  }

  Loop& loop_;
  const Executor executor_;
  const Url url_;
  const WebSocketClient::Options options_;
  WebSocketClient::Handlers handlers_;
  std::unique_ptr<Dial> dial_;
  std::optional<WebSocketStream> ws_;
  websocket::response_type refusal_;  ///< The handshake's answer, accepted ones too.
  beast::flat_buffer buffer_;
  std::deque<std::string> outgoing_;  ///< The first is being written.
  Timer deadline_;                    ///< Of connecting, then of closing.
  bool open_ = false;
  bool paused_ = false;
  bool reading_ = false;
  bool skipping_ = false;  ///< The rest of a message that is too large.
  bool closing_ = false;
  bool finished_ = false;
};

class Client : public WebSocketClient {
 public:
  Client(Loop& loop, Executor executor, Dialler& dialler)
      : loop_(loop), executor_(std::move(executor)), dialler_(dialler) {}
  ~Client() override { drop(); }

  void connect(const std::string& url, const Options& options, Handlers handlers) override {
    drop();
    auto parsed = parse_url(url);
    if (!parsed) {
      loop_.post([closed = std::move(handlers.closed), alive = std::weak_ptr<char>(alive_)] {
        if (alive.lock() && closed)
          closed({.kind = Closed::Kind::resolve_failed,
                  .message = "the address is no URL of the form wss://host[:port][/path]"});
      });
      return;
    }
    connection_ = std::make_shared<Connection>(loop_, executor_, *std::move(parsed), options,
                                               std::move(handlers));
    connection_->start(dialler_);
  }

  void send(std::string text) override {
    if (connection_) connection_->send(std::move(text));
  }
  void pause_reading(bool paused) override {
    if (connection_) connection_->pause_reading(paused);
  }
  void close() override {
    if (connection_) connection_->close();
  }

 private:
  void drop() {
    if (connection_) connection_->let_go();
    connection_.reset();
  }

  Loop& loop_;
  const Executor executor_;
  Dialler& dialler_;
  std::shared_ptr<Connection> connection_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

/// One GET. Its operations hold it.
class Fetch : public std::enable_shared_from_this<Fetch> {
 public:
  using Done = std::function<void(Result<Connector::HttpAnswer>)>;

  Fetch(Loop& loop, Executor executor, Url url, const Headers& headers,
        std::chrono::milliseconds timeout, size_t body_bytes_max, Done done)
      : loop_(loop),
        executor_(std::move(executor)),
        url_(std::move(url)),
        timeout_(timeout),
        done_(std::move(done)) {
    request_.method(http::verb::get);
    request_.target(url_.target);
    request_.version(11);
    request_.set(http::field::host, authority(url_));
    request_.set(http::field::user_agent, kUserAgent.data());
    request_.set(http::field::accept, "application/json");
    request_.set(http::field::connection, "close");
    for (const auto& [name, value] : headers) request_.set(name, value);
    parser_.body_limit(body_bytes_max);
  }

  void start(Dialler& dialler, const TlsOptions& tls) {
    deadline_ = loop_.after(timeout_, [this] {
      finish(make_error(ErrorCode::unavailable, "net: {} did not answer within {} ms",
                        authority(url_), timeout_.count()));
    });
    // Until it ends the dial is the only thing pending: it holds this.
    dial_ = dialler.dial(
        url_, tls,
        [self = shared_from_this()](std::unique_ptr<ByteStream> stream,
                                    const DialFailure* failure) {
          if (self->finished_) return;
          if (failure != nullptr)
            return self->finish(make_error(ErrorCode::unavailable, "net: {}", failure->message));
          self->ask(std::move(stream));
        });
  }

  /// The connector goes away: ends without a call of `done`.
  void abandon() {
    if (finished_) return;
    done_ = [](auto&&) {};
    finish(Error(ErrorCode::cancelled, ""));
  }

 private:
  void ask(std::unique_ptr<ByteStream> stream) {
    stream_.emplace(executor_, std::move(stream));
    http::async_write(*stream_, request_, [self = shared_from_this()](error_code error, size_t) {
      if (self->finished_) return;
      if (error) return self->fail(error);
      self->read_answer();
    });
  }

  /// The header by itself: Beast 1.74 forgets its body limit when it reads both in one piece.
  void read_answer() {
    http::async_read_header(*stream_, buffer_, parser_,
                            [self = shared_from_this()](error_code error, size_t) {
                              if (self->finished_) return;
                              if (error) return self->fail(error);
                              self->read_body();
                            });
  }

  void read_body() {
    http::async_read(*stream_, buffer_, parser_,
                     [self = shared_from_this()](error_code error, size_t) {
                       if (self->finished_) return;
                       if (error) return self->fail(error);
                       self->succeed();
                     });
  }

  void succeed() {
    auto& message = parser_.get();
    finish(Connector::HttpAnswer{.status = static_cast<int>(message.result_int()),
                                 .headers = to_headers(message.base()),
                                 .body = std::move(message.body())});
  }

  void fail(error_code error) {
    if (error == http::error::body_limit)
      return finish(
          make_error(ErrorCode::full, "net: the answer of {} is too large", authority(url_)));
    finish(make_error(ErrorCode::unavailable, "net: {} gave no answer: {}", authority(url_),
                      error.message()));
  }

  void finish(Result<Connector::HttpAnswer> result) {
    if (finished_) return;
    const auto self = shared_from_this();
    finished_ = true;
    deadline_.cancel();
    if (dial_) loop_.post([dial = std::shared_ptr<Dial>(std::move(dial_))] {});
    if (stream_) stream_->bytes().close();
    const auto done = std::move(done_);
    done(std::move(result));
  }

  Loop& loop_;
  const Executor executor_;
  const Url url_;
  const std::chrono::milliseconds timeout_;
  Done done_;
  std::unique_ptr<Dial> dial_;
  std::optional<AnyStream> stream_;
  http::request<http::empty_body> request_;
  http::response_parser<http::string_body> parser_;
  beast::flat_buffer buffer_{64 << 10};
  Timer deadline_;
  bool finished_ = false;
};

class BeastConnector : public Connector {
 public:
  BeastConnector(Loop& loop, Executor executor, std::unique_ptr<Dialler> dialler)
      : loop_(loop), executor_(std::move(executor)), dialler_(std::move(dialler)) {}
  ~BeastConnector() override {
    for (const auto& weak : fetches_)
      if (const auto fetch = weak.lock()) fetch->abandon();
  }

  std::unique_ptr<WebSocketClient> make_websocket() override {
    return std::make_unique<Client>(loop_, executor_, *dialler_);
  }

  void get(const std::string& url, const Headers& headers, const TlsOptions& tls,
           std::chrono::milliseconds timeout, size_t body_bytes_max,
           std::function<void(Result<HttpAnswer>)> done) override {
    auto parsed = parse_url(url);
    if (!parsed) {
      loop_.post([done = std::move(done)] {
        done(Error(ErrorCode::invalid,
                   "net: the address is no URL of the form https://host[:port][/path]"));
      });
      return;
    }
    const auto fetch = std::make_shared<Fetch>(loop_, executor_, *std::move(parsed), headers,
                                               timeout, body_bytes_max, std::move(done));
    std::erase_if(fetches_, [](const auto& other) { return other.expired(); });
    fetches_.push_back(fetch);
    fetch->start(*dialler_, tls);
  }

 private:
  Loop& loop_;
  const Executor executor_;
  std::unique_ptr<Dialler> dialler_;
  std::vector<std::weak_ptr<Fetch>> fetches_;
};

}  // namespace

std::unique_ptr<Connector> make_connector(Loop& loop, Executor executor,
                                          std::unique_ptr<Dialler> dialler) {
  return std::make_unique<BeastConnector>(loop, std::move(executor), std::move(dialler));
}

}  // namespace tapeline::net::internal

namespace tapeline::net {

std::unique_ptr<Connector> make_connector(Loop& loop) {
  internal::AsioLoop& asio_loop = internal::asio_loop(loop);
  return internal::make_connector(loop, asio_loop.io().get_executor(),
                                  internal::make_dialler(asio_loop));
}

}  // namespace tapeline::net
