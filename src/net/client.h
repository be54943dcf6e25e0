#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/http.h"
#include "net/loop.h"

namespace tapeline::net {

/// How the other side is verified. TLS 1.2 at least, host name checked, SNI sent.
struct TlsOptions {
  std::string ca_file;  ///< PEM; empty: the system's.
  bool verify = true;   ///< False only for tests against a self-signed simulator.
};

/// Why a connection could not be made or ended.
struct Closed {
  enum class Kind {
    resolve_failed,
    connect_failed,
    tls_failed,
    handshake_refused,  ///< An HTTP status other than 101: see `http_status`.
    by_peer,            ///< Close frame or end of stream.
    by_us,
    broken,     ///< Reset, protocol error, oversized message.
    timed_out,  ///< Connecting or closing took longer than its limit.
  };
  Kind kind = Kind::broken;
  int http_status = 0;
  int close_code = 0;        ///< Of the close frame; 0 when there was none.
  std::string message = {};  ///< A sentence, secrets redacted; of `by_peer` the peer's reason.
  Headers headers = {};      ///< Of the refusing response (Retry-After).
  std::string body = {};     ///< Of the refusing response, at most 4 KiB.
};

/// One WebSocket connection as a client. Handlers are called on the loop's thread; `closed` is
/// the last one, exactly once per `connect`, also after `close` (unless the object is destroyed).
class WebSocketClient {
 public:
  static constexpr size_t kOversizedKept = 64 << 10;

  struct Handlers {
    std::function<void(const Headers& handshake)> opened;
    std::function<void(std::string_view text)> message;  ///< Text or binary; until return only.
    std::function<void(const Closed&)> closed;
    std::function<void()> activity;  ///< Any frame came, control frames included. May be empty.
    /// A message larger than the limit: its first kOversizedKept bytes; the rest is read over and
    /// the connection lives on. Empty: such a message breaks the connection.
    std::function<void(std::string_view beginning)> oversized = {};
  };
  struct Options {
    size_t message_bytes_max = 4 << 20;
    std::chrono::milliseconds connect_timeout{15'000};
    std::chrono::milliseconds close_timeout{2'000};
    TlsOptions tls;
    Headers headers;  ///< Sent with the handshake.
  };

  virtual ~WebSocketClient() = default;
  /// Begins; gives up, without a call, a connection made before. A `url` that parse_url refuses
  /// ends it with resolve_failed. No handler is called before this returns.
  virtual void connect(const std::string& url, const Options& options, Handlers handlers) = 0;
  /// Queued; fine before the previous one is sent. Dropped when not open.
  virtual void send(std::string text) = 0;
  /// While paused nothing is read from the socket: back-pressure reaches the peer.
  virtual void pause_reading(bool paused) = 0;
  /// `closed` follows, within `close_timeout` when the peer does not answer. Idempotent.
  virtual void close() = 0;
};

/// Makes connections; the seam at which a simulation replaces the network.
class Connector {
 public:
  virtual ~Connector() = default;
  virtual std::unique_ptr<WebSocketClient> make_websocket() = 0;

  struct HttpAnswer {
    int status = 0;
    Headers headers;
    std::string body;
  };
  /// One HTTPS or HTTP request. `done` is called once, later, on the loop's thread; requests under
  /// way when the connector goes end without it. An answer of any status is a success. Errors:
  /// `invalid` when `url` is none, `full` when the body is larger than `body_bytes_max`, else
  /// `unavailable`.
  virtual void get(const std::string& url, const Headers& headers, const TlsOptions& tls,
                   std::chrono::milliseconds timeout, size_t body_bytes_max,
                   std::function<void(Result<HttpAnswer>)> done) = 0;
};

/// Over TCP and TLS, by Beast, on a loop made by make_loop.
std::unique_ptr<Connector> make_connector(Loop& loop);

}  // namespace tapeline::net
