#include "net/server.h"

#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/span_body.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <set>

#include "base/diag.h"
#include "net/asio/buffered_stream.h"
#include "net/asio/http_text.h"
#include "net/asio/loop.h"
#include "net/asio/tcp_stream.h"
#include "net/asio/websocket_session.h"

namespace tapeline::net::internal {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;

/// After "too many open files" accepting pauses this long.
constexpr std::chrono::milliseconds kAcceptPause{100};

class HttpConnection;

/// What the connections share with their server; it outlives it until the last one is gone.
struct Shared {
  AsioLoop& loop;
  const Server::Options options;
  const Server::Handler handler;
  const Server::UpgradeHandler upgrade;
  std::unique_ptr<asio::ssl::context> tls;  ///< Null: plain.
  bool stopping = false;
  std::set<std::shared_ptr<HttpConnection>> connections;
  std::set<std::shared_ptr<BeastSession>> sessions;
};

/// The answer to a request that cannot be read, or 0 when there is nobody to answer.
int status_of(error_code error) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow) return 431;
  if (error == http::error::body_limit) return 413;
  if (error == http::error::end_of_stream || error == http::error::partial_message) return 0;
  return error.category() == http::make_error_code(http::error::bad_method).category() ? 400 : 0;
}

bool may_have_body(int status) {
  return status != 204 && status != 304 && status >= 200;
}

/// One HTTP connection: reads a request, answers it, reads the next. Whatever a peer has sent
/// ahead waits in the socket, so pipelining needs no bound of its own.
class HttpConnection : public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(std::shared_ptr<Shared> shared, std::string peer)
      : shared_(std::move(shared)), peer_(std::move(peer)) {}

  void start(tcp::socket socket) {
    await_within_limit();
    if (shared_->tls == nullptr) return begin(make_tcp_stream(std::move(socket)));
    handshake_ = make_tls_server(std::move(socket), *shared_->tls);
    handshake_->start([self = shared_from_this()](Result<std::unique_ptr<ByteStream>> stream) {
      if (self->ended_) return;
      if (!stream.ok()) return self->end();
      self->begin(std::move(stream).value());
    });
  }

  /// Idle ones end at once; one that is answering ends after its answer.
  void stop() {
    if (!answering_) end();
  }

  void end() {
    if (ended_) return;
    ended_ = true;
    idle_.cancel();
    if (handshake_) handshake_->cancel();
    if (stream_) stream_->bytes().close();
    shared_->connections.erase(shared_from_this());
  }

 private:
  using Parser = http::request_parser<http::string_body>;

  void begin(std::unique_ptr<ByteStream> stream) {
    const auto executor = shared_->loop.io().get_executor();
    stream_.emplace(executor, make_buffered_stream(executor, std::move(stream)));
    read_request();
  }

  void await_within_limit() {
    idle_ = shared_->loop.after(shared_->options.idle_timeout, [this] {
      const auto self = shared_from_this();
      end();
    });
  }

  void read_request() {
    answering_ = false;
    if (shared_->stopping) return end();
    parser_.emplace();
    parser_->header_limit(static_cast<uint32_t>(shared_->options.header_bytes_max));
    parser_->body_limit(shared_->options.body_bytes_max);
    await_within_limit();
    // The header by itself: Beast 1.74 forgets its body limit when it reads both in one piece.
    http::async_read_header(*stream_, buffer_, *parser_,
                            [self = shared_from_this()](error_code error, size_t) {
                              if (self->ended_) return;
                              if (error) return self->received(error);
                              self->read_body();
                            });
  }

  void read_body() {
    http::async_read(*stream_, buffer_, *parser_,
                     [self = shared_from_this()](error_code error, size_t) {
                       if (self->ended_) return;
                       self->received(error);
                     });
  }

  void received(error_code error) {
    idle_.cancel();
    answering_ = true;
    keep_alive_ = false;
    if (error) {
      const int status = status_of(error);
      if (status == 0) return end();
      return respond(plain(status, error.message()));
    }
    const auto& message = parser_->get();
    keep_alive_ = message.keep_alive();
    head_ = message.method() == http::verb::head;
    Request request = to_request(message);
    if (!parse_target(to_text(message.target()), request)) {
      keep_alive_ = false;
      return respond(plain(400, "the request's target is malformed"));
    }
    if (beast::websocket::is_upgrade(message)) return upgrade(request);
    shared_->handler(request, responder());
  }

  static Response plain(int status, const std::string& what) {
    return text_response(status, "text/plain; charset=utf-8", what + "\n");
  }

  Request to_request(const http::request<http::string_body>& message) const {
    Request request;
    request.method = to_text(message.method_string());
    request.headers = to_headers(message.base());
    request.body = message.body();
    request.peer = peer_;
    return request;
  }

  /// Answers when called the first time; later, or when the peer is gone, nothing.
  Server::Respond responder() {
    return [weak = weak_from_this(), number = ++requests_](Response response) {
      const auto self = weak.lock();
      if (!self || self->ended_ || number != self->requests_ || self->answered_ == number) return;
      self->respond(std::move(response));
    };
  }

  void respond(Response response) {
    answered_ = requests_;
    await_within_limit();
    body_ = response.body != nullptr ? response.body : std::make_shared<const std::string>();
    http::response<http::span_body<const char>> message;
    message.result(static_cast<unsigned>(response.status));
    message.version(11);
    message.set(http::field::server, "tapeline");
    for (const auto& [name, value] : response.headers) message.insert(name, value);
    if (may_have_body(response.status)) {
      if (!response.content_type.empty())
        message.set(http::field::content_type, response.content_type);
      message.content_length(body_->size());
      if (!head_) message.body() = {body_->data(), body_->size()};
    }
    message.keep_alive(keep_alive_ && !shared_->stopping);
    write(std::move(message));
  }

  void write(http::response<http::span_body<const char>> message) {
    message_ = std::move(message);
    serializer_.emplace(message_);
    const auto done = [self = shared_from_this()](error_code error, size_t) {
      if (self->ended_) return;
      self->body_.reset();
      if (error || !self->message_.keep_alive()) return self->end_orderly();
      self->read_request();
    };
    // The body of HEAD's answer is only announced.
    if (head_) return http::async_write_header(*stream_, *serializer_, done);
    http::async_write(*stream_, *serializer_, done);
  }

  void end_orderly() {
    await_within_limit();
    stream_->bytes().shutdown(
        Completion([self = shared_from_this()](error_code, size_t) { self->end(); }));
  }

  void upgrade(const Request& request) {
    if (!shared_->upgrade) {
      keep_alive_ = false;
      return respond(plain(404, "no WebSocket here"));
    }
    ++requests_;
    Server::Upgrade decision = shared_->upgrade(request);
    if (decision.refusal) return respond(*std::move(decision.refusal));
    const auto shared = shared_;
    const auto slot = std::make_shared<std::weak_ptr<BeastSession>>();
    const auto session = std::make_shared<BeastSession>(
        shared->loop, *std::move(stream_),
        BeastSession::Options{shared->options.message_bytes_max,
                              shared->options.session_queue_bytes_max},
        [shared, slot] { shared->sessions.erase(slot->lock()); });
    *slot = session;
    stream_.reset();
    shared->sessions.insert(session);
    const auto self = shared_from_this();
    end();
    session->accept(parser_->get(), std::move(decision.headers), std::move(decision.opened));
  }

  const std::shared_ptr<Shared> shared_;
  const std::string peer_;
  std::unique_ptr<TlsHandshake> handshake_;
  std::optional<AnyStream> stream_;
  beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  std::shared_ptr<const std::string> body_;
  http::response<http::span_body<const char>> message_;
  std::optional<http::response_serializer<http::span_body<const char>>> serializer_;
  Timer idle_;
  uint64_t requests_ = 0;
  uint64_t answered_ = 0;
  bool keep_alive_ = false;
  bool head_ = false;
  bool answering_ = false;
  bool ended_ = false;
};

class BeastServer : public Server {
 public:
  BeastServer(std::shared_ptr<Shared> shared, tcp::acceptor acceptor)
      : shared_(std::move(shared)),
        acceptor_(std::make_shared<tcp::acceptor>(std::move(acceptor))) {
    port_ = acceptor_->local_endpoint().port();
    accept_next();
  }

  ~BeastServer() override {
    close_acceptor();
    shared_->stopping = true;
    for (const auto& connection : std::set(shared_->connections)) connection->end();
    for (const auto& session : std::set(shared_->sessions)) session->let_go();
    shared_->sessions.clear();
  }

  uint16_t port() const override { return port_; }
  size_t connections() const override {
    return shared_->connections.size() + shared_->sessions.size();
  }

  void stop() override {
    if (shared_->stopping) return;
    shared_->stopping = true;
    close_acceptor();
    for (const auto& connection : std::set(shared_->connections)) connection->stop();
    for (const auto& session : std::set(shared_->sessions))
      session->close(beast::websocket::close_code::going_away, "the server stops");
  }

 private:
  void close_acceptor() {
    error_code ignored;
    acceptor_->close(ignored);
    pause_.cancel();
  }

  void accept_next() {
    acceptor_->async_accept([this, acceptor = acceptor_](error_code error, tcp::socket socket) {
      // A closed acceptor's server may be gone.
      if (!acceptor->is_open() || error == asio::error::operation_aborted) return;
      if (!error) take(std::move(socket));
      if (error && error != asio::error::connection_aborted) {
        diag::warning("server_accept_failed", "net: cannot accept on port {}: {}; trying again",
                      port_, error.message());
        pause_ = shared_->loop.after(kAcceptPause, [this] { accept_next(); });
        return;
      }
      accept_next();
    });
  }

  void take(tcp::socket socket) {
    error_code error;
    const tcp::endpoint peer = socket.remote_endpoint(error);
    if (error) return;
    if (connections() >= shared_->options.connections_max) return refuse(socket);
    socket.set_option(tcp::no_delay(true), error);
    find_dead_peers(socket);
    const auto connection = std::make_shared<HttpConnection>(
        shared_, fmt::format("{}:{}", peer.address().to_string(), peer.port()));
    shared_->connections.insert(connection);
    connection->start(std::move(socket));
  }

  /// A few bytes always fit into a new socket's buffer.
  void refuse(tcp::socket& socket) {
    if (shared_->tls != nullptr) return;
    static constexpr std::string_view kBusy =
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\n"
        "Connection: close\r\n\r\n";
    error_code ignored;
    socket.non_blocking(true, ignored);
    socket.write_some(asio::buffer(kBusy.data(), kBusy.size()), ignored);
    socket.shutdown(tcp::socket::shutdown_send, ignored);
  }

  /// A peer that vanished without a word is found after about two minutes.
  static void find_dead_peers(tcp::socket& socket) {
    error_code ignored;
    socket.set_option(asio::socket_base::keep_alive(true), ignored);
    const int idle_s = 60;
    const int interval_s = 20;
    const int probes = 3;
    ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
    ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_KEEPINTVL, &interval_s,
                 sizeof(interval_s));
    ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
  }

  const std::shared_ptr<Shared> shared_;
  std::shared_ptr<tcp::acceptor> acceptor_;
  uint16_t port_ = 0;
  Timer pause_;
};

Error describe_listen(const Server::Options& options, error_code error) {
  const std::string where = fmt::format("{}:{}", options.address, options.port);
  if (error == asio::error::address_in_use)
    return make_error(ErrorCode::unavailable,
                      "net: cannot listen on {}: the port is in use by another program; stop "
                      "that program or choose another port (0 takes any free one)",
                      where);
  if (error == asio::error::access_denied)
    return make_error(ErrorCode::invalid,
                      "net: cannot listen on {}: permission denied; choose a port above 1023",
                      where);
  return make_error(ErrorCode::invalid,
                    "net: cannot listen on {}: {}; choose an address of this machine", where,
                    error.message());
}

Result<tcp::acceptor> open_acceptor(asio::io_context& io, const Server::Options& options) {
  error_code error;
  const auto address = asio::ip::make_address(options.address, error);
  if (error)
    return make_error(ErrorCode::invalid,
                      "net: '{}' is no IP address to listen on; give one such as 127.0.0.1",
                      options.address);
  const tcp::endpoint endpoint(address, options.port);
  tcp::acceptor acceptor(io);
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return describe_listen(options, error);
  return acceptor;
}

}  // namespace
}  // namespace tapeline::net::internal

namespace tapeline::net {

Result<std::unique_ptr<Server>> listen(Loop& loop, const Server::Options& options,
                                       Server::Handler handler, Server::UpgradeHandler upgrade) {
  internal::AsioLoop& asio_loop = internal::asio_loop(loop);
  std::unique_ptr<boost::asio::ssl::context> tls;
  if (options.certificate_file.empty() != options.key_file.empty())
    return Error(ErrorCode::invalid,
                 "net: TLS needs both a certificate file and a key file; only one is given");
  if (!options.certificate_file.empty()) {
    auto context = internal::make_server_context(options.certificate_file, options.key_file);
    if (!context.ok()) return context.error();
    tls = std::move(context).value();
  }
  auto acceptor = internal::open_acceptor(asio_loop.io(), options);
  if (!acceptor.ok()) return acceptor.error();
  auto shared = std::make_shared<internal::Shared>(internal::Shared{
      asio_loop, options, std::move(handler), std::move(upgrade), std::move(tls), false, {}, {}});
  return std::unique_ptr<Server>(
      std::make_unique<internal::BeastServer>(std::move(shared), std::move(acceptor).value()));
}

}  // namespace tapeline::net
