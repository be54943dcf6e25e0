#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "net/asio/byte_stream.h"
#include "net/client.h"

namespace tapeline::net::internal {

/// A connected socket as bytes.
std::unique_ptr<ByteStream> make_tcp_stream(boost::asio::ip::tcp::socket socket);

/// A socket with TLS to be negotiated on it.
class TlsHandshake {
 public:
  virtual ~TlsHandshake() = default;
  /// Negotiates. Once, `done` gets the stream, or an error whose sentence says what was wrong.
  using Done = std::function<void(Result<std::unique_ptr<ByteStream>>)>;
  virtual void start(Done done) = 0;
  /// Gives up; `done` is not called any more.
  virtual void cancel() = 0;
};

/// As a client that expects `host`. The context outlives it.
std::unique_ptr<TlsHandshake> make_tls_client(boost::asio::ip::tcp::socket socket,
                                              boost::asio::ssl::context& context,
                                              const std::string& host, bool verify);
std::unique_ptr<TlsHandshake> make_tls_server(boost::asio::ip::tcp::socket socket,
                                              boost::asio::ssl::context& context);

/// TLS 1.2 at least. `invalid` when a file cannot be used.
Result<std::unique_ptr<boost::asio::ssl::context>> make_client_context(const TlsOptions& options);
Result<std::unique_ptr<boost::asio::ssl::context>> make_server_context(
    const std::string& certificate_file, const std::string& key_file);

}  // namespace tapeline::net::internal
