#include "net/asio/tcp_stream.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/error.hpp>

namespace tapeline::net::internal {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

class TcpStream : public ByteStream {
 public:
  explicit TcpStream(tcp::socket socket) : socket_(std::move(socket)) {}

  void read_some(asio::mutable_buffer into, Completion done) override {
    socket_.async_read_some(into, std::move(done));
  }

  void write_some(std::span<const asio::const_buffer> from, Completion done) override {
    socket_.async_write_some(Pieces(from), std::move(done));
  }

  void shutdown(Completion done) override {
    error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
    drain(std::move(done));
  }

  void close() override {
    error_code ignored;
    socket_.close(ignored);
  }

  void abort() override {
    error_code ignored;
    socket_.set_option(asio::socket_base::linger(true, 0), ignored);
    socket_.close(ignored);
  }

 private:
  /// A buffer sequence with an array of its own: Asio keeps it while the socket is not ready.
  class Pieces {
   public:
    using value_type = asio::const_buffer;
    using const_iterator = const asio::const_buffer*;

    explicit Pieces(std::span<const asio::const_buffer> from)
        : count_(std::min(from.size(), buffers_.size())) {
      std::copy_n(from.begin(), count_, buffers_.begin());
    }
    const_iterator begin() const { return buffers_.data(); }
    const_iterator end() const { return buffers_.data() + count_; }

   private:
    std::array<asio::const_buffer, AnyStream::kPiecesMax> buffers_;
    size_t count_;
  };

  /// Bytes of the peer under way at a close would make the kernel send a reset, which can overtake
  /// what we sent last: they are read away.
  void drain(Completion done) {
    socket_.async_read_some(asio::buffer(scratch_),
                            [this, done = std::move(done)](error_code error, size_t) mutable {
                              if (!error) return drain(std::move(done));
                              done(error == asio::error::eof ? error_code() : error, 0);
                            });
  }

  tcp::socket socket_;
  std::array<char, 1024> scratch_;
};

using SslStream = asio::ssl::stream<tcp::socket>;

/// Operations of an SSL stream must not outlive it, so each pending one holds it.
class TlsStream : public ByteStream {
 public:
  explicit TlsStream(std::shared_ptr<SslStream> stream) : stream_(std::move(stream)) {}
  ~TlsStream() override { TlsStream::close(); }

  void read_some(asio::mutable_buffer into, Completion done) override {
    stream_->async_read_some(
        into, [stream = stream_, done = std::move(done)](error_code error, size_t bytes) mutable {
          // Many peers end without TLS's own goodbye; the protocol above knows whether it is whole.
          if (error == asio::ssl::error::stream_truncated) error = asio::error::eof;
          done(error, bytes);
        });
  }

  void write_some(std::span<const asio::const_buffer> from, Completion done) override {
    // OpenSSL makes a record of each write: small pieces are put together first.
    const asio::const_buffer bytes = from.size() == 1 ? from.front() : flattened(from);
    stream_->async_write_some(
        bytes, [stream = stream_, done = std::move(done)](error_code error, size_t count) mutable {
          done(error, count);
        });
  }

  void shutdown(Completion done) override {
    stream_->async_shutdown([stream = stream_, done = std::move(done)](error_code error) mutable {
      error_code ignored;
      stream->next_layer().close(ignored);
      done(error == asio::error::eof ? error_code() : error, 0);
    });
  }

  void close() override {
    error_code ignored;
    stream_->next_layer().close(ignored);
  }

  void abort() override {
    error_code ignored;
    stream_->next_layer().set_option(asio::socket_base::linger(true, 0), ignored);
    close();
  }

 private:
  asio::const_buffer flattened(std::span<const asio::const_buffer> from) {
    size_t size = 0;
    for (const asio::const_buffer piece : from)
      size += asio::buffer_copy(asio::buffer(flat_) + size, piece);
    return asio::buffer(flat_, size);
  }

  std::shared_ptr<SslStream> stream_;
  std::array<char, 16 << 10> flat_;  // One record; owned by the one pending write.
};

/// What OpenSSL says, for a person. `verify_result` is of the certificate.
std::string describe(error_code error, long verify_result) {
  if (verify_result != X509_V_OK)
    return std::string("its certificate cannot be trusted: ") +
           X509_verify_cert_error_string(verify_result);
  if (error == asio::error::eof || error == asio::ssl::error::stream_truncated)
    return "the other side ended the connection";
  return error.message();
}

class TlsHandshakeImpl : public TlsHandshake {
 public:
  TlsHandshakeImpl(std::shared_ptr<SslStream> stream, SslStream::handshake_type type)
      : stream_(std::move(stream)), type_(type) {}
  ~TlsHandshakeImpl() override { TlsHandshakeImpl::cancel(); }

  void start(Done done) override {
    over_ = std::make_shared<bool>(false);
    stream_->async_handshake(
        type_, [stream = stream_, over = over_, done = std::move(done)](error_code error) {
          if (*over) return;
          if (error)
            return done(Error(ErrorCode::unavailable,
                              describe(error, SSL_get_verify_result(stream->native_handle()))));
          *over = true;  // The stream lives on with its new owner.
          done(std::unique_ptr<ByteStream>(std::make_unique<TlsStream>(stream)));
        });
  }

  void cancel() override {
    if (!over_ || *over_) return;
    *over_ = true;
    error_code ignored;
    stream_->next_layer().close(ignored);
  }

 private:
  std::shared_ptr<SslStream> stream_;
  const SslStream::handshake_type type_;
  std::shared_ptr<bool> over_;  ///< Done or cancelled.
};

/// The certificate must be for `host`, a name or an address.
void expect_host(SSL* ssl, const std::string& host) {
  error_code not_an_address;
  (void)asio::ip::make_address(host, not_an_address);
  X509_VERIFY_PARAM* const parameters = SSL_get0_param(ssl);
  if (!not_an_address) {
    X509_VERIFY_PARAM_set1_ip_asc(parameters, host.c_str());
    return;
  }
  X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  X509_VERIFY_PARAM_set1_host(parameters, host.c_str(), host.size());
}

/// Server name indication: names only, never addresses (RFC 6066).
void name_host(SSL* ssl, const std::string& host) {
  error_code not_an_address;
  (void)asio::ip::make_address(host, not_an_address);
  if (not_an_address) SSL_set_tlsext_host_name(ssl, host.c_str());
}

std::unique_ptr<asio::ssl::context> make_context() {
  auto context = std::make_unique<asio::ssl::context>(asio::ssl::context::tls);
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  return context;
}

}  // namespace

std::unique_ptr<ByteStream> make_tcp_stream(tcp::socket socket) {
  return std::make_unique<TcpStream>(std::move(socket));
}

std::unique_ptr<TlsHandshake> make_tls_client(tcp::socket socket, asio::ssl::context& context,
                                              const std::string& host, bool verify) {
  auto stream = std::make_shared<SslStream>(std::move(socket), context);
  name_host(stream->native_handle(), host);
  stream->set_verify_mode(verify ? asio::ssl::verify_peer : asio::ssl::verify_none);
  if (verify) expect_host(stream->native_handle(), host);
  return std::make_unique<TlsHandshakeImpl>(std::move(stream), SslStream::client);
}

std::unique_ptr<TlsHandshake> make_tls_server(tcp::socket socket, asio::ssl::context& context) {
  auto stream = std::make_shared<SslStream>(std::move(socket), context);
  return std::make_unique<TlsHandshakeImpl>(std::move(stream), SslStream::server);
}

Result<std::unique_ptr<asio::ssl::context>> make_client_context(const TlsOptions& options) {
  auto context = make_context();
  error_code error;
  if (options.ca_file.empty())
    context->set_default_verify_paths(error);
  else
    context->load_verify_file(options.ca_file, error);
  if (error)
    return make_error(
        ErrorCode::invalid, "net: cannot read the certificates in '{}': {}; give a PEM file",
        options.ca_file.empty() ? "the system's folder" : options.ca_file, error.message());
  return context;
}

Result<std::unique_ptr<asio::ssl::context>> make_server_context(const std::string& certificate_file,
                                                                const std::string& key_file) {
  auto context = make_context();
  error_code error;
  context->use_certificate_chain_file(certificate_file, error);
  if (error)
    return make_error(ErrorCode::invalid,
                      "net: cannot use the certificate in '{}': {}; give a PEM file with the "
                      "certificate first and its chain after it",
                      certificate_file, error.message());
  context->use_private_key_file(key_file, asio::ssl::context::pem, error);
  if (error)
    return make_error(
        ErrorCode::invalid,
        "net: cannot use the key in '{}': {}; give the PEM file of the certificate's own key",
        key_file, error.message());
  return context;
}

}  // namespace tapeline::net::internal
