#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/http.h"
#include "net/loop.h"

namespace tapeline::net {

/// One accepted WebSocket. Shared between the server and its user; used on the loop's thread.
class WebSocketSession {
 public:
  virtual ~WebSocketSession() = default;

  /// Queues a text message; bytes may be shared among sessions. Check `queued_bytes` first: a
  /// message beyond the queue's limit drops the queue and closes the session with 1013.
  virtual void send(std::shared_ptr<const std::string> text) = 0;
  /// Of messages not yet handed to the socket, the one under way included.
  virtual size_t queued_bytes() const = 0;
  /// After what is queued. Later sends are dropped.
  virtual void close(int code, std::string_view reason) = 0;
  /// Ends the TCP connection without a closing handshake, as a fault.
  virtual void abort() = 0;
  enum class Opcode { text, binary };
  /// Sends raw bytes as one frame payload whatever they are; for simulating faults. In a text frame
  /// bytes that are not UTF-8 make a correct peer fail the connection (1007); in a binary one they
  /// reach its program.
  virtual void send_raw(std::string bytes, Opcode opcode) = 0;
  /// While paused nothing is read from the peer.
  virtual void pause_reading(bool paused) = 0;
  virtual bool open() const = 0;

  // Called on the loop's thread; set when the upgrade opens the session.
  std::function<void(std::string_view text)> on_message;  ///< Text or binary; until return only.
  std::function<void()> on_drained;                       ///< The queue became empty.
  std::function<void(int code)> on_closed;  ///< Once, the last; the close code, 1006 without one.
};

/// HTTP/1.1 with keep-alive, and WebSocket upgrades, on one address. Gzip and ETag are the
/// handler's business.
class Server {
 public:
  struct Options {
    std::string address = "127.0.0.1";
    uint16_t port = 0;             ///< 0: any free one; see `port()`.
    std::string certificate_file;  ///< PEM; with `key_file` makes it TLS.
    std::string key_file;
    size_t connections_max = 1'100;
    size_t header_bytes_max = 16 << 10;
    size_t body_bytes_max = 1 << 20;
    size_t message_bytes_max = 1 << 20;  ///< Of one WebSocket message from the peer.
    size_t session_queue_bytes_max = 8 << 20;
    std::chrono::milliseconds idle_timeout{
        30'000};  ///< Of HTTP connections, and to read a request.
  };
  /// Answers once, at once or later, from the loop's thread.
  using Respond = std::function<void(Response)>;
  using Handler = std::function<void(const Request&, Respond)>;
  /// Decides about an upgrade: a response refuses it; nothing accepts, and `headers` are added to
  /// the 101.
  struct Upgrade {
    std::optional<Response> refusal;
    Headers headers;
    std::function<void(std::shared_ptr<WebSocketSession>)> opened;
  };
  using UpgradeHandler = std::function<Upgrade(const Request&)>;

  virtual ~Server() = default;
  virtual uint16_t port() const = 0;
  /// HTTP connections and WebSocket sessions that are open.
  virtual size_t connections() const = 0;
  /// Accepts no more, closes sessions with 1001, ends. Idempotent.
  virtual void stop() = 0;
};

/// Listens at once. `invalid` or `unavailable` with what to do when the address cannot be had.
Result<std::unique_ptr<Server>> listen(Loop& loop, const Server::Options& options,
                                       Server::Handler handler, Server::UpgradeHandler upgrade);

}  // namespace tapeline::net
