#include "net/asio/buffered_stream.h"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

namespace tapeline::net::internal {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

/// Sending waits for further writes of the same turn until this much is there.
constexpr size_t kSendBytes = 16 << 10;

/// The work; pending operations of the inner stream hold it.
class Core : public std::enable_shared_from_this<Core> {
 public:
  Core(Executor executor, std::unique_ptr<ByteStream> inner)
      : executor_(std::move(executor)), inner_(std::move(inner)) {}

  void read_some(asio::mutable_buffer into, Completion done) {
    if (ahead_.size() > 0) return complete(std::move(done), {}, take_ahead(into));
    // A large buffer is filled directly.
    if (into.size() >= kBufferBytes) return inner_->read_some(into, std::move(done));
    if (read_buffer_.empty()) read_buffer_.resize(kBufferBytes);
    inner_->read_some(asio::buffer(read_buffer_),
                      Completion([self = shared_from_this(), into, done = std::move(done)](
                                     error_code error, size_t bytes) mutable {
                        self->ahead_ = asio::buffer(self->read_buffer_.data(), bytes);
                        done(error, self->take_ahead(into));
                      }));
  }

  void write_some(std::span<const asio::const_buffer> from, Completion done) {
    if (error_) return complete(std::move(done), error_, 0);
    const size_t room = kBufferBytes - std::min(kBufferBytes, behind_.size());
    if (room == 0) {
      blocked_.assign(from.begin(), from.end());
      blocked_done_.emplace(std::move(done));
      return;
    }
    complete(std::move(done), {}, append(from, room));
    send_soon();
  }

  void shutdown(Completion done) {
    if (!sending_ && behind_.empty()) return inner_->shutdown(std::move(done));
    shutdown_done_.emplace(std::move(done));
    send_soon();
  }

  void close() {
    error_ = asio::error::operation_aborted;
    inner_->close();
    fail_waiting();
  }

  void abort() {
    error_ = asio::error::operation_aborted;
    inner_->abort();
    fail_waiting();
  }

 private:
  void complete(Completion done, error_code error, size_t bytes) {
    asio::post(executor_, [self = shared_from_this(), done = std::move(done), error,
                           bytes]() mutable { done(error, bytes); });
  }

  size_t take_ahead(asio::mutable_buffer into) {
    const size_t bytes = asio::buffer_copy(into, ahead_);
    ahead_ += bytes;
    return bytes;
  }

  size_t append(std::span<const asio::const_buffer> from, size_t room) {
    size_t taken = 0;
    for (const asio::const_buffer piece : from) {
      const size_t bytes = std::min(piece.size(), room - taken);
      behind_.append(static_cast<const char*>(piece.data()), bytes);
      taken += bytes;
    }
    return taken;
  }

  /// Lets writes of this turn come first, as long as they do come.
  void send_soon() {
    if (sending_ || send_posted_) return;
    send_posted_ = true;
    asio::post(executor_, [self = shared_from_this(), seen = behind_.size()] {
      self->send_posted_ = false;
      if (self->error_) return;
      const size_t now = self->behind_.size();
      if (now > seen && now < kSendBytes) return self->send_soon();
      self->send();
    });
  }

  void send() {
    if (sending_) return;
    if (behind_.empty()) return end_if_wanted();
    sending_ = true;
    sent_ = 0;
    out_.swap(behind_);
    unblock();
    send_rest();
  }

  void send_rest() {
    const asio::const_buffer rest = asio::buffer(out_) + sent_;
    inner_->write_some({&rest, 1},
                       Completion([self = shared_from_this()](error_code error, size_t bytes) {
                         self->sent(error, bytes);
                       }));
  }

  void sent(error_code error, size_t bytes) {
    if (error_) return;
    if (error) {
      error_ = error;
      sending_ = false;
      return fail_waiting();
    }
    sent_ += bytes;
    if (sent_ < out_.size()) return send_rest();
    sending_ = false;
    out_.clear();
    if (behind_.empty()) return end_if_wanted();
    send_soon();
  }

  /// A write that found no room.
  void unblock() {
    if (!blocked_done_) return;
    Completion done = std::move(*blocked_done_);
    blocked_done_.reset();
    complete(std::move(done), {}, append(blocked_, kBufferBytes));
  }

  void end_if_wanted() {
    if (!shutdown_done_) return;
    Completion done = std::move(*shutdown_done_);
    shutdown_done_.reset();
    inner_->shutdown(std::move(done));
  }

  void fail_waiting() {
    for (auto* waiting : {&blocked_done_, &shutdown_done_}) {
      if (!*waiting) continue;
      Completion done = std::move(**waiting);
      waiting->reset();
      complete(std::move(done), error_, 0);
    }
  }

  Executor executor_;
  std::unique_ptr<ByteStream> inner_;
  std::vector<char> read_buffer_;  ///< Made by the first read.
  asio::mutable_buffer ahead_;     ///< Read and not yet handed on; inside read_buffer_.
  std::string behind_;             ///< Written and not yet being sent.
  std::string out_;                ///< Being sent.
  size_t sent_ = 0;                ///< Of out_.
  bool sending_ = false;
  bool send_posted_ = false;
  error_code error_;  ///< Sending is over.
  std::vector<asio::const_buffer> blocked_;
  std::optional<Completion> blocked_done_;
  std::optional<Completion> shutdown_done_;
};

class BufferedStream : public ByteStream {
 public:
  explicit BufferedStream(std::shared_ptr<Core> core) : core_(std::move(core)) {}
  ~BufferedStream() override { core_->close(); }

  void read_some(asio::mutable_buffer into, Completion done) override {
    core_->read_some(into, std::move(done));
  }
  void write_some(std::span<const asio::const_buffer> from, Completion done) override {
    core_->write_some(from, std::move(done));
  }
  void shutdown(Completion done) override { core_->shutdown(std::move(done)); }
  void close() override { core_->close(); }
  void abort() override { core_->abort(); }

 private:
  std::shared_ptr<Core> core_;
};

}  // namespace

std::unique_ptr<ByteStream> make_buffered_stream(Executor executor,
                                                 std::unique_ptr<ByteStream> inner) {
  return std::make_unique<BufferedStream>(
      std::make_shared<Core>(std::move(executor), std::move(inner)));
}

}  // namespace tapeline::net::internal
