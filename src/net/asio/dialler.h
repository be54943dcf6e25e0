#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "net/asio/byte_stream.h"
#include "net/asio/loop.h"
#include "net/asio/tcp_stream.h"
#include "net/client.h"
#include "net/http.h"

namespace tapeline::net::internal {

/// One attempt to reach a host: resolve, connect, negotiate TLS. Destroying it gives up without a
/// call of `done`.
class Dial {
 public:
  virtual ~Dial() = default;
};

struct DialFailure {
  Closed::Kind kind;
  std::string message;
};

/// Makes byte streams to addresses. A simulation has its own.
class Dialler {
 public:
  using Done = std::function<void(std::unique_ptr<ByteStream>, const DialFailure*)>;
  virtual ~Dialler() = default;
  /// `done` is called once, later, with a stream or a failure.
  virtual std::unique_ptr<Dial> dial(const Url& url, const TlsOptions& tls, Done done) = 0;
};

/// By TCP and TLS.
std::unique_ptr<Dialler> make_dialler(AsioLoop& loop);

/// The shipping clients on another loop and dialler, as in a simulation: `executor` is of an
/// io_context that is polled by whoever runs `loop`.
std::unique_ptr<Connector> make_connector(Loop& loop, Executor executor,
                                          std::unique_ptr<Dialler> dialler);

}  // namespace tapeline::net::internal
