#pragma once

#include <boost/asio/error.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "net/asio/byte_stream.h"
#include "net/asio/dialler.h"

/// A network in one thread: bytes arrive after a time, in order on each connection, until a fault.
namespace tapeline::simulation {

/// One connection. The client's end is a ByteStream, the server's a pair of callbacks. Shared by
/// both ends; a link that is cut or ended delivers nothing more.
class Link {
 public:
  Link(net::internal::Executor executor, const Clock& clock, std::chrono::microseconds delay)
      : executor_(std::move(executor)), clock_(clock), delay_(delay) {}

  // The server's end.
  void send(std::string bytes, std::optional<BootTime> at = std::nullopt);
  /// What was sent arrives, then the end of the stream.
  void end();
  std::function<void(std::string_view)> received;
  bool open() const { return !gone_ && !ended_; }
  /// Since when the client does not take what arrived; nothing while it does.
  std::optional<BootTime> unread_since() const;

  // Faults.
  void set_delay(std::chrono::microseconds delay) { delay_ = delay; }
  std::chrono::microseconds delay() const { return delay_; }
  /// The client gets a reset, after `kept` bytes of what is under way.
  void cut(size_t kept);
  /// Nothing arrives any more on either side, and nobody is told.
  void half_open() { half_open_ = true; }
  bool is_half_open() const { return half_open_; }

  // The network's.
  std::optional<BootTime> next_due() const;
  void deliver();

  // The client's end; see ClientStream.
  void read(boost::asio::mutable_buffer into, net::internal::Completion done);
  void write(std::string bytes);
  void close();

 private:
  struct Piece {
    BootTime due;
    std::string bytes;
    bool to_client = true;
    bool last = false;
  };
  void put(Piece piece);
  void hand_out();
  void complete(boost::system::error_code error, size_t bytes);

  const net::internal::Executor executor_;
  const Clock& clock_;
  std::chrono::microseconds delay_;
  std::deque<Piece> to_client_;
  std::deque<Piece> to_server_;
  std::string ready_;
  BootTime ready_since_{0};  ///< When the oldest byte of `ready_` came.
  bool ended_ = false;       ///< The server's end was sent.
  bool at_end_ = false;      ///< It arrived.
  bool gone_ = false;        ///< Closed by the client or cut.
  bool half_open_ = false;
  std::optional<boost::system::error_code> failed_;
  boost::asio::mutable_buffer into_;
  std::optional<net::internal::Completion> reader_;
};

/// Every link there was, and who answers new ones.
class Network {
 public:
  Network(net::internal::Executor executor, const Clock& clock)
      : executor_(std::move(executor)), clock_(clock) {}

  /// Called with the host name and the server's end of each new connection; false refuses it.
  std::function<bool(const std::string& host, const std::shared_ptr<Link>&)> accept;
  std::chrono::microseconds delay{10'000};

  std::unique_ptr<net::internal::Dialler> dialler(net::Loop& loop);
  std::optional<BootTime> next_due() const;
  void deliver();
  std::vector<std::shared_ptr<Link>>& links() { return links_; }

 private:
  class SimulatedDialler;
  std::shared_ptr<Link> connect(const std::string& host);

  const net::internal::Executor executor_;
  const Clock& clock_;
  std::vector<std::shared_ptr<Link>> links_;
};

/// The feed's side of one connection: WebSocket by hand, so that it can also be broken by hand.
class Peer {
 public:
  explicit Peer(std::shared_ptr<Link> link);
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  /// A text message, sent at `at` or now; nothing before the handshake.
  void send(std::string_view text, std::optional<BootTime> at = std::nullopt);
  void send_raw(std::string bytes) { link_->send(std::move(bytes)); }
  Link& link() { return *link_; }
  bool live() const { return shaken_ && link_->open(); }

  std::function<void(std::string_view)> message;

 private:
  void take(std::string_view bytes);
  bool shake_hands();
  bool take_frame();
  void send_frame(int opcode, std::string_view payload, std::optional<BootTime> at = {});

  const std::shared_ptr<Link> link_;
  std::string buffer_;
  bool shaken_ = false;
};

}  // namespace tapeline::simulation
