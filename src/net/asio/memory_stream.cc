#include "net/asio/memory_stream.h"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <optional>
#include <string>
#include <vector>

namespace tapeline::net::internal {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

/// One direction.
class Pipe {
 public:
  Pipe(Executor executor, size_t capacity) : executor_(std::move(executor)), capacity_(capacity) {}

  void read(asio::mutable_buffer into, Completion done) {
    into_ = into;
    reader_.emplace(std::move(done));
    move_on();
  }

  void write(std::span<const asio::const_buffer> from, Completion done) {
    from_.assign(from.begin(), from.end());
    writer_.emplace(std::move(done));
    move_on();
  }

  /// No more is written; what is there can still be read.
  void end() {
    ended_ = true;
    move_on();
  }

  /// Both sides' pending operations end with `error`, and all to come.
  void fail(error_code error) {
    if (!failed_) failed_ = error;
    held_.clear();
    move_on();
  }

 private:
  void move_on() {
    if (writer_) take_in();
    if (reader_) hand_out();
    if (writer_) take_in();
  }

  void take_in() {
    if (failed_) return complete(writer_, *failed_, 0);
    if (ended_) return complete(writer_, asio::error::broken_pipe, 0);
    const size_t room = capacity_ - held_.size();
    if (room == 0) return;
    size_t taken = 0;
    for (const asio::const_buffer piece : from_) {
      const size_t bytes = std::min(piece.size(), room - taken);
      held_.append(static_cast<const char*>(piece.data()), bytes);
      taken += bytes;
    }
    complete(writer_, {}, taken);
    if (reader_) hand_out();
  }

  void hand_out() {
    if (failed_) return complete(reader_, *failed_, 0);
    if (held_.empty()) {
      if (ended_) complete(reader_, asio::error::eof, 0);
      return;
    }
    const size_t bytes = asio::buffer_copy(into_, asio::buffer(held_));
    held_.erase(0, bytes);
    complete(reader_, {}, bytes);
  }

  void complete(std::optional<Completion>& waiting, error_code error, size_t bytes) {
    Completion done = std::move(*waiting);
    waiting.reset();
    asio::post(executor_, [done = std::move(done), error, bytes]() mutable { done(error, bytes); });
  }

  const Executor executor_;
  const size_t capacity_;
  std::string held_;
  bool ended_ = false;
  std::optional<error_code> failed_;
  asio::mutable_buffer into_;
  std::optional<Completion> reader_;
  std::vector<asio::const_buffer> from_;
  std::optional<Completion> writer_;
};

class MemoryStream : public ByteStream {
 public:
  MemoryStream(Executor executor, std::shared_ptr<Pipe> in, std::shared_ptr<Pipe> out)
      : executor_(std::move(executor)), in_(std::move(in)), out_(std::move(out)) {}
  ~MemoryStream() override { MemoryStream::close(); }

  void read_some(asio::mutable_buffer into, Completion done) override {
    in_->read(into, std::move(done));
  }
  void write_some(std::span<const asio::const_buffer> from, Completion done) override {
    out_->write(from, std::move(done));
  }
  void shutdown(Completion done) override {
    out_->end();
    asio::post(executor_, [done = std::move(done)]() mutable { done({}, 0); });
  }
  void close() override {
    in_->fail(asio::error::operation_aborted);
    out_->end();
  }
  void abort() override {
    in_->fail(asio::error::operation_aborted);
    out_->fail(asio::error::connection_reset);
  }

 private:
  const Executor executor_;
  const std::shared_ptr<Pipe> in_;
  const std::shared_ptr<Pipe> out_;
};

}  // namespace

std::pair<std::unique_ptr<ByteStream>, std::unique_ptr<ByteStream>> make_memory_pair(
    Executor executor, size_t capacity) {
  const auto there = std::make_shared<Pipe>(executor, capacity);
  const auto back = std::make_shared<Pipe>(executor, capacity);
  return {std::make_unique<MemoryStream>(executor, back, there),
          std::make_unique<MemoryStream>(executor, there, back)};
}

}  // namespace tapeline::net::internal
