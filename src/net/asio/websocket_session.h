#pragma once

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "net/asio/byte_stream.h"
#include "net/asio/loop.h"
#include "net/server.h"

namespace tapeline::net::internal {

/// An accepted WebSocket over Beast. Pending operations hold it.
class BeastSession : public WebSocketSession, public std::enable_shared_from_this<BeastSession> {
 public:
  using UpgradeRequest = boost::beast::http::request<boost::beast::http::string_body>;

  struct Options {
    size_t message_bytes_max;
    size_t queue_bytes_max;
  };

  /// `ended` is called when nothing of it is left on the wire.
  BeastSession(AsioLoop& loop, AnyStream stream, const Options& options,
               std::function<void()> ended);

  /// Answers the handshake with `headers` added; then `opened`, or the session ends.
  void accept(const UpgradeRequest& request, Headers headers,
              std::function<void(std::shared_ptr<WebSocketSession>)> opened);

  void send(std::shared_ptr<const std::string> text) override;
  size_t queued_bytes() const override { return queued_bytes_; }
  void close(int code, std::string_view reason) override;
  void abort() override;
  void send_raw(std::string bytes, Opcode opcode) override;
  void pause_reading(bool paused) override;
  bool open() const override { return open_ && !closing_; }

  /// The server goes away: no handler is called any more.
  void let_go();

 private:
  struct Outgoing {
    std::shared_ptr<const std::string> bytes;
    Opcode opcode;
  };

  void enqueue(Outgoing message);
  void write_next();
  void written(boost::system::error_code error);
  void read_next();
  void received(boost::system::error_code error);
  void start_closing();
  void await_progress();
  void finish(int code);

  AsioLoop& loop_;
  boost::beast::websocket::stream<AnyStream, false> ws_;
  const Options options_;
  std::function<void()> ended_;
  boost::beast::flat_buffer buffer_;
  std::deque<Outgoing> queue_;  ///< While `writing_` the first is under way.
  size_t queued_bytes_ = 0;
  Timer deadline_;  ///< Of closing: without progress the connection is cut.
  boost::beast::websocket::close_reason close_reason_;
  bool open_ = false;
  bool paused_ = false;
  bool reading_ = false;
  bool writing_ = false;
  bool closing_ = false;
  bool closing_frame_sent_ = false;
  bool finished_ = false;
};

}  // namespace tapeline::net::internal
