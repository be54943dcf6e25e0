#pragma once

#include <array>
#include <boost/asio/async_result.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/beast/core/role.hpp>
#include <boost/system/error_code.hpp>
#include <memory>
#include <span>
#include <utility>

namespace tapeline::net::internal {

/// A move-only function called once with the outcome of an operation.
class Completion {
 public:
  template <typename Handler>
  explicit Completion(Handler handler)
      : impl_(std::make_unique<Model<Handler>>(std::move(handler))) {}

  void operator()(boost::system::error_code error, size_t bytes) {
    const auto impl = std::move(impl_);
    impl->call(error, bytes);
  }

 private:
  struct Concept {
    virtual ~Concept() = default;
    virtual void call(boost::system::error_code error, size_t bytes) = 0;
  };
  template <typename Handler>
  struct Model : Concept {
    explicit Model(Handler handler) : handler_(std::move(handler)) {}
    void call(boost::system::error_code error, size_t bytes) override {
      std::move(handler_)(error, bytes);
    }
    Handler handler_;
  };
  std::unique_ptr<Concept> impl_;
};

/// Bytes both ways: TCP, TLS, or a pair in memory. The seam below Beast, at which a simulation
/// replaces the network. At most one read, one write and one shutdown at a time; completions come
/// from the executor, never from inside the call. It outlives what is pending (the handlers hold
/// its owner).
class ByteStream {
 public:
  virtual ~ByteStream() = default;

  virtual void read_some(boost::asio::mutable_buffer into, Completion done) = 0;
  /// Writes at least one byte of `from`. The bytes stay until done, the array does not.
  virtual void write_some(std::span<const boost::asio::const_buffer> from, Completion done) = 0;
  /// Ends our direction in order; done when the peer's ended too.
  virtual void shutdown(Completion done) = 0;
  /// Ends both at once; pending operations get operation_aborted.
  virtual void close() = 0;
  /// Like close, and the peer gets a reset.
  virtual void abort() { close(); }
};

/// Where completions come from.
using Executor = boost::asio::io_context::executor_type;

/// What Beast wants a stream to be, over any ByteStream. One instance of its templates serves all.
class AnyStream {
 public:
  using executor_type = Executor;
  static constexpr size_t kPiecesMax = 8;  ///< Buffers handed on at once.

  AnyStream(executor_type executor, std::unique_ptr<ByteStream> bytes)
      : executor_(std::move(executor)), bytes_(std::move(bytes)) {}

  executor_type get_executor() { return executor_; }
  ByteStream& bytes() { return *bytes_; }

  template <typename Buffers, typename Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return boost::asio::async_initiate<Token, void(boost::system::error_code, size_t)>(
        [this](auto handler, boost::asio::mutable_buffer into) {
          bytes_->read_some(into, Completion(std::move(handler)));
        },
        token, first_of(buffers));
  }

  template <typename Buffers, typename Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return boost::asio::async_initiate<Token, void(boost::system::error_code, size_t)>(
        [this](auto handler, const Pieces& pieces) {
          bytes_->write_some({pieces.buffers.data(), pieces.count}, Completion(std::move(handler)));
        },
        token, pieces_of(buffers));
  }

 private:
  struct Pieces {
    std::array<boost::asio::const_buffer, kPiecesMax> buffers;
    size_t count = 0;
  };

  template <typename Buffers>
  static boost::asio::mutable_buffer first_of(const Buffers& buffers) {
    auto it = boost::asio::buffer_sequence_begin(buffers);
    const auto end = boost::asio::buffer_sequence_end(buffers);
    for (; it != end; ++it)
      if (boost::asio::mutable_buffer piece(*it); piece.size() > 0) return piece;
    return {};
  }

  template <typename Buffers>
  static Pieces pieces_of(const Buffers& buffers) {
    Pieces pieces;
    auto it = boost::asio::buffer_sequence_begin(buffers);
    const auto end = boost::asio::buffer_sequence_end(buffers);
    for (; it != end && pieces.count < pieces.buffers.size(); ++it)
      if (boost::asio::const_buffer piece(*it); piece.size() > 0)
        pieces.buffers[pieces.count++] = piece;
    return pieces;
  }

  executor_type executor_;
  std::unique_ptr<ByteStream> bytes_;
};

/// Found by Beast when a WebSocket ends.
template <typename Handler>
void async_teardown(boost::beast::role_type, AnyStream& stream, Handler&& handler) {
  stream.bytes().shutdown(
      Completion([handler = std::forward<Handler>(handler)](boost::system::error_code error,
                                                            size_t) mutable { handler(error); }));
}

/// Found by Beast when a time limit of its own is over; we set none.
inline void beast_close_socket(AnyStream& stream) {
  stream.bytes().close();
}

/// For Beast's synchronous calls, which nothing here uses.
inline void teardown(boost::beast::role_type, AnyStream& stream, boost::system::error_code& error) {
  stream.bytes().close();
  error = {};
}

}  // namespace tapeline::net::internal
