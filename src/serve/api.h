#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/metrics.h"
#include "base/settings.h"
#include "net/loop.h"
#include "net/server.h"
#include "serve/access.h"
#include "serve/answers.h"
#include "serve/events.h"
#include "serve/hub.h"
#include "serve/options.h"
#include "serve/parameters.h"
#include "serve/ports.h"
#include "serve/queries.h"
#include "serve/stream.h"

namespace tapeline::serve {

/// The HTTP API: from a request to its answer. Described by openapi.yaml, which a test compares
/// with `routes`. Owned by the loop's thread; store and log are read by the workers.
class Api {
 public:
  /// All must outlive the API.
  struct Ports {
    net::Loop& loop;
    Workers& workers;
    Queries& queries;
    StatusSource& status;
    SymbolControl& symbols;
    Proofs& proofs;
    const settings::Declarer& settings;
    const metrics::Registry& metrics;
    const Hub& hub;
    const Stream& stream;
    Events& events;
  };
  Api(const Access& access, Identity identity, Ports ports);

  void handle(const net::Request& request, net::Server::Respond respond);

  struct Route {
    std::string_view method;
    std::string_view path;  ///< "{symbol}" or "{id}" stands for one part of it.
    Access::Kind kind;
    std::vector<std::string_view> parameters;  ///< Of the query.
  };
  /// Every route, the stream's included.
  static std::vector<Route> routes();

 private:
  struct Call {
    const net::Request& request;
    std::string_view path_value;  ///< What stood in the place of the name in braces.
    Parameters parameters;
    net::Server::Respond respond;
  };
  struct Handler {
    Route route;
    void (Api::*handle)(Call&);
  };
  static const std::vector<Handler>& handlers();

  void get_status(Call& call);
  void get_symbols(Call& call);
  void post_symbol(Call& call);
  void delete_symbol(Call& call);
  void search_symbols(Call& call);
  void get_bars(Call& call);
  void get_proof(Call& call);
  void get_verify(Call& call);
  void get_trades(Call& call);
  void get_gaps(Call& call);
  void get_dead_letters(Call& call);
  void get_dead_letter(Call& call);
  void get_config(Call& call);
  void get_openapi(Call& call);
  void get_metrics(Call& call);
  void get_health(Call& call);
  void get_readiness(Call& call);
  void get_stream(Call& call);

  void append_symbol(std::string& out, const SymbolInfo& info) const;
  /// The members that every answer of market data begins with, no braces.
  void append_identity(std::string& out) const;

  static void respond_compressed(Call& call, net::Response response);
  /// The identity and the members of a proof, or the problem that there is none.
  static net::Response proof_answer(std::string head, const Result<std::string>& proof);

  /// Runs `ask` on the workers' thread and answers with what it returns.
  void answer_later(Call& call, std::function<net::Response(Queries&)> ask);

  const Access& access_;
  const Identity identity_;
  const Ports ports_;
};

}  // namespace tapeline::serve
