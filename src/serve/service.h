#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/metrics.h"
#include "base/result.h"
#include "base/settings.h"
#include "log/log.h"
#include "net/loop.h"
#include "net/server.h"
#include "serve/api.h"
#include "serve/hub.h"
#include "serve/options.h"
#include "serve/ports.h"
#include "serve/stream.h"
#include "store/store.h"

namespace tapeline::serve {

/// Everything that answers: HTTP API, push stream, dashboard. Made, used and destroyed on the
/// loop's thread, except where a function says otherwise. `workers` must have stopped before the
/// service goes away.
class Service {
 public:
  /// All must outlive the service.
  struct Ports {
    net::Loop& loop;
    Workers& workers;
    store::Store& store;
    log::Log& log;
    log::Source& dead_letters;
    ReplayedOf replayed_of;
    StatusSource& status;
    SymbolControl& symbols;
    Proofs& proofs;
    const settings::Declarer& settings;
    metrics::Registry& metrics;
  };
  Service(const Options& options, Identity identity, Ports ports);

  /// Begins to listen. `invalid` when the options would leave the server open to a network;
  /// `unavailable` when the port is taken.
  Result<> listen();
  uint16_t port() const;
  /// "http://127.0.0.1:8080".
  std::string address() const;

  /// From the engine's thread: by `loop.post`.
  void publish(const Publication& publication);
  void stored(Position through);

  /// Handlers, for a server of the caller's (tests, simulations).
  void handle(const net::Request& request, net::Server::Respond respond);
  net::Server::Upgrade upgrade(const net::Request& request);

  /// Accepts no more and closes every stream. Idempotent.
  void stop();

 private:
  const Options options_;
  const Ports ports_;
  Access access_;
  Events events_;
  Queries queries_;
  Hub hub_;
  Stream stream_;
  Api api_;
  std::unique_ptr<net::Server> server_;
};

}  // namespace tapeline::serve
