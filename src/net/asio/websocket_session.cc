#include "net/asio/websocket_session.h"

#include <algorithm>

namespace tapeline::net::internal {
namespace {

namespace asio = boost::asio;
namespace websocket = boost::beast::websocket;
using boost::system::error_code;

/// A peer that takes nothing for so long while we close is cut off.
constexpr std::chrono::seconds kCloseTimeout{5};
/// A close frame's reason is at most 123 bytes (RFC 6455, 5.5).
constexpr size_t kReasonBytesMax = 123;

}  // namespace

BeastSession::BeastSession(AsioLoop& loop, AnyStream stream, const Options& options,
                           std::function<void()> ended)
    : loop_(loop), ws_(std::move(stream)), options_(options), ended_(std::move(ended)) {
  ws_.read_message_max(options_.message_bytes_max);
  ws_.auto_fragment(false);  // One frame and one system call for a message.
  ws_.set_option(websocket::stream_base::timeout{websocket::stream_base::none(),
                                                 websocket::stream_base::none(), false});
}

void BeastSession::accept(const UpgradeRequest& request, Headers headers,
                          std::function<void(std::shared_ptr<WebSocketSession>)> opened) {
  ws_.set_option(websocket::stream_base::decorator(
      [headers = std::move(headers)](websocket::response_type& response) {
        response.set(boost::beast::http::field::server, "tapeline");
        for (const auto& [name, value] : headers) response.set(name, value);
      }));
  await_progress();
  const auto kept = std::make_shared<UpgradeRequest>(request);
  ws_.async_accept(*kept,
                   [self = shared_from_this(), kept, opened = std::move(opened)](error_code error) {
                     if (self->finished_) return;
                     self->deadline_.cancel();
                     if (error) return self->finish(websocket::close_code::abnormal);
                     self->open_ = true;
                     if (opened) opened(self);
                     if (!self->finished_ && !self->paused_ && !self->reading_) self->read_next();
                   });
}

void BeastSession::send(std::shared_ptr<const std::string> text) {
  enqueue({std::move(text), Opcode::text});
}

void BeastSession::send_raw(std::string bytes, Opcode opcode) {
  enqueue({std::make_shared<const std::string>(std::move(bytes)), opcode});
}

void BeastSession::enqueue(Outgoing message) {
  if (!open()) return;
  if (queued_bytes_ + message.bytes->size() > options_.queue_bytes_max) {
    // The peer does not keep up: what it has not got yet goes, so that the goodbye can reach it.
    const size_t kept = writing_ ? 1 : 0;
    while (queue_.size() > kept) {
      queued_bytes_ -= queue_.back().bytes->size();
      queue_.pop_back();
    }
    return close(websocket::close_code::try_again_later, "reading too slowly");
  }
  queued_bytes_ += message.bytes->size();
  queue_.push_back(std::move(message));
  if (!writing_) write_next();
}

void BeastSession::write_next() {
  writing_ = true;
  const Outgoing& message = queue_.front();
  ws_.text(message.opcode == Opcode::text);
  ws_.async_write(asio::buffer(*message.bytes),
                  [self = shared_from_this()](error_code error, size_t) { self->written(error); });
}

void BeastSession::written(error_code error) {
  if (finished_) return;
  writing_ = false;
  if (error) return finish(websocket::close_code::abnormal);
  queued_bytes_ -= queue_.front().bytes->size();
  queue_.pop_front();
  if (!queue_.empty()) {
    if (closing_) await_progress();
    return write_next();
  }
  if (closing_) return start_closing();
  if (on_drained) on_drained();
}

void BeastSession::pause_reading(bool paused) {
  paused_ = paused;
  if (!paused_ && open_ && !reading_ && !finished_) read_next();
}

void BeastSession::read_next() {
  reading_ = true;
  ws_.async_read(buffer_, [self = shared_from_this()](error_code error, size_t) {
    self->reading_ = false;
    self->received(error);
  });
}

void BeastSession::received(error_code error) {
  if (finished_) return;
  if (error) {
    // While closing, the end is announced by the closing handshake.
    if (closing_frame_sent_) return;
    return finish(error == websocket::error::closed ? int{ws_.reason().code}
                                                    : int{websocket::close_code::abnormal});
  }
  const auto data = buffer_.cdata();
  if (on_message && !closing_) on_message({static_cast<const char*>(data.data()), data.size()});
  buffer_.consume(buffer_.size());
  if (!finished_ && !paused_ && !reading_) read_next();
}

void BeastSession::close(int code, std::string_view reason) {
  if (!open()) return;
  closing_ = true;
  close_reason_.code = static_cast<uint16_t>(code);
  close_reason_.reason.assign(reason.data(), std::min(reason.size(), kReasonBytesMax));
  await_progress();
  if (!writing_) start_closing();
}

void BeastSession::await_progress() {
  deadline_ = loop_.after(kCloseTimeout, [this] {
    const auto self = shared_from_this();
    finish(websocket::close_code::abnormal);
  });
}

void BeastSession::start_closing() {
  closing_frame_sent_ = true;
  await_progress();
  ws_.async_close(close_reason_, [self = shared_from_this()](error_code error) {
    self->finish(error ? int{websocket::close_code::abnormal} : int{self->close_reason_.code});
  });
}

void BeastSession::abort() {
  if (finished_) return;
  ws_.next_layer().bytes().abort();
  // Users call this from their own handlers, which must not be re-entered.
  loop_.post([self = shared_from_this()] { self->finish(websocket::close_code::abnormal); });
}

void BeastSession::let_go() {
  on_message = nullptr;
  on_drained = nullptr;
  on_closed = nullptr;
  ended_ = nullptr;
  finish(websocket::close_code::going_away);
}

void BeastSession::finish(int code) {
  if (finished_) return;
  finished_ = true;
  const bool was_open = open_;
  open_ = false;
  deadline_.cancel();
  queue_.clear();
  queued_bytes_ = 0;
  ws_.next_layer().bytes().close();
  const auto closed = std::move(on_closed);
  const auto ended = std::move(ended_);
  loop_.post([self = shared_from_this()] {
    self->on_message = nullptr;
    self->on_drained = nullptr;
  });
  if (closed && was_open) closed(code);
  if (ended) ended();
}

}  // namespace tapeline::net::internal
