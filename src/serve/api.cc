#include "serve/api.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "model/time.h"
#include "model/venue.h"
#include "serve/assets.h"
#include "serve/json.h"
#include "serve/limits.h"
#include "serve/status_json.h"

namespace tapeline::embedded {
extern const std::string_view openapi_yaml;
}

namespace tapeline::serve {
namespace {

using model::EventTime;
using std::chrono::milliseconds;

constexpr model::Interval kMinute{60'000};

/// Times of queries are milliseconds; a finer one is rounded up, so that [from, to) holds what it
/// says.
EventTime event_time(model::IngestTime time) {
  return std::chrono::ceil<milliseconds>(time);
}

bool is_page(std::string_view path) {
  return path != "/metrics" && path != "/healthz" && path != "/readyz" &&
         path.substr(0, 5) != "/api/";
}

/// Whether `path` has the form of `pattern`; `value` is what stands in the place of "{symbol}".
bool matches(std::string_view pattern, std::string_view path, std::string_view& value) {
  const auto brace = pattern.find('{');
  if (brace == std::string_view::npos) return pattern == path;
  if (path.substr(0, brace) != pattern.substr(0, brace) || path.size() == brace) return false;
  value = path.substr(brace);
  return true;
}

}  // namespace

Api::Api(const Access& access, Identity identity, Ports ports)
    : access_(access), identity_(std::move(identity)), ports_(ports) {}

const std::vector<Api::Handler>& Api::handlers() {
  using enum Access::Kind;
  static const std::vector<Handler> kHandlers = {
      {{"GET", "/api/v1/status", reads, {}}, &Api::get_status},
      {{"GET", "/api/v1/symbols", reads, {}}, &Api::get_symbols},
      {{"POST", "/api/v1/symbols", changes, {}}, &Api::post_symbol},
      {{"GET", "/api/v1/symbols/search", reads, {"q"}}, &Api::search_symbols},
      {{"DELETE", "/api/v1/symbols/{symbol}", changes, {}}, &Api::delete_symbol},
      {{"GET",
        "/api/v1/bars",
        reads,
        {"symbol", "interval", "basis", "from", "to", "limit", "format"}},
       &Api::get_bars},
      {{"GET", "/api/v1/bars/{symbol}/{interval}/{start}", reads, {"basis", "limit"}},
       &Api::get_proof},
      {{"GET", "/api/v1/verify", reads, {"symbol", "interval", "from", "to", "limit"}},
       &Api::get_verify},
      {{"GET", "/api/v1/trades", reads, {"symbol", "from", "to", "limit"}}, &Api::get_trades},
      {{"GET", "/api/v1/gaps", reads, {"symbol", "from", "to", "limit"}}, &Api::get_gaps},
      {{"GET",
        "/api/v1/dead-letters",
        reads,
        {"reason", "source", "from", "to", "before", "limit"}},
       &Api::get_dead_letters},
      {{"GET", "/api/v1/dead-letters/{id}", reads, {}}, &Api::get_dead_letter},
      {{"GET", "/api/v1/config", reads, {}}, &Api::get_config},
      {{"GET", "/api/v1/openapi.yaml", reads, {}}, &Api::get_openapi},
      {{"GET", "/api/v1/stream", changes, {}}, &Api::get_stream},
      {{"GET", "/metrics", reads, {}}, &Api::get_metrics},
      {{"GET", "/healthz", open, {}}, &Api::get_health},
      {{"GET", "/readyz", open, {}}, &Api::get_readiness},
  };
  return kHandlers;
}

std::vector<Api::Route> Api::routes() {
  std::vector<Route> routes;
  for (const Handler& handler : handlers()) routes.push_back(handler.route);
  return routes;
}

void Api::handle(const net::Request& request, net::Server::Respond respond) {
  const BootTime begun = ports_.loop.clock().boot();
  respond = [this, begun, respond = std::move(respond)](net::Response response) {
    const auto taken = ports_.loop.clock().boot() - begun;
    ports_.events.answered(response.status, std::chrono::duration<double>(taken).count());
    response.headers.emplace_back("x-content-type-options", "nosniff");
    response.headers.emplace_back("referrer-policy", "no-referrer");
    if (net::find_header(response.headers, "cache-control") == nullptr)
      response.headers.emplace_back("cache-control", "no-store");
    respond(std::move(response));
  };

  const std::string_view method =
      request.method == "HEAD" ? "GET" : std::string_view(request.method);
  const Handler* found = nullptr;
  std::string_view value;
  std::string allowed;
  for (const Handler& handler : handlers()) {
    if (!matches(handler.route.path, request.path, value)) continue;
    if (handler.route.method == method) {
      found = &handler;
      break;
    }
    allowed += (allowed.empty() ? "" : ", ") + std::string(handler.route.method);
  }
  const auto kind = found != nullptr  ? found->route.kind
                    : method == "GET" ? Access::Kind::reads
                                      : Access::Kind::changes;
  if (auto refusal = access_.refuse(request, kind)) return respond(std::move(*refusal));
  if (found != nullptr) {
    Call call{request, value, Parameters(request, found->route.parameters), std::move(respond)};
    return (this->*found->handle)(call);
  }
  if (!allowed.empty()) {
    net::Response response =
        problem(405, "method_not_allowed", fmt::format("Use {} here.", allowed));
    response.headers.emplace_back("allow", allowed);
    return respond(std::move(response));
  }
  if (is_page(request.path) && method == "GET") return respond(asset(request));
  respond(problem(404, "not_found",
                  "This server has no such page; /api/v1/openapi.yaml lists what it has."));
}

void Api::answer_later(Call& call, std::function<net::Response(Queries&)> ask) {
  if (call.parameters.wrong())
    return call.respond(problem(400, "invalid", *call.parameters.wrong()));
  net::Request headers;
  headers.headers = call.request.headers;
  // The answer's way back is destroyed on the loop's thread only: the job hands it on, whole.
  auto respond = std::make_shared<net::Server::Respond>(call.respond);
  const bool taken =
      ports_.workers.run([&queries = ports_.queries, &loop = ports_.loop,
                          headers = std::move(headers), ask = std::move(ask), respond]() mutable {
        net::Response response = ask(queries);
        tag(response, headers);
        compress(response, headers);
        loop.post([respond = std::move(respond), response = std::move(response)] {
          (*respond)(response);
        });
      });
  if (taken) return;
  ports_.events.query_refused();
  call.respond(problem(503, "busy", "Too many queries wait for the store; ask again in a moment."));
}

void Api::respond_compressed(Call& call, net::Response response) {
  compress(response, call.request);
  call.respond(std::move(response));
}

void Api::append_identity(std::string& out) const {
  JsonWriter json(out);
  json.key("feed").text(identity_.feed);
  json.key("label").text(identity_.label);
  json.key("simulated").boolean(identity_.simulated);
}

void Api::get_status(Call& call) {
  std::string body = "{";
  append_status(body, ports_.status.status(), identity_, ports_.hub, ports_.stream.sessions(),
                ports_.loop.clock().wall());
  body += "}\n";
  respond_compressed(call, json_answer(std::move(body)));
}

void Api::append_symbol(std::string& out, const SymbolInfo& info) const {
  JsonWriter json(out);
  json.begin_object();
  json.key("symbol").text(info.symbol);
  json.key("venue_class").text(info.venue_class);
  json.key("state").text(info.state);
  json.key("detail").text(info.detail);
  json.key("since");
  if (info.since)
    json.time(*info.since);
  else
    json.null();
  json.key("last");
  const Hub::Tape& tape = ports_.hub.tape(info.symbol);
  if (tape.empty()) {
    json.null();
  } else {
    std::string trade;
    append_trade(trade, tape.back());
    json.raw(trade);
  }
  if (const auto whole = consolidated(info.symbol)) json.key("consolidated").boolean(*whole);
  json.end_object();
}

void Api::get_symbols(Call& call) {
  std::string body = "{";
  append_identity(body);
  body += ',';
  JsonWriter(body).key("symbols").array(
      ports_.symbols.list(),
      [this](std::string& out, const SymbolInfo& info) { append_symbol(out, info); });
  body += "}\n";
  respond_compressed(call, json_answer(std::move(body)));
}

void Api::post_symbol(Call& call) {
  if (call.request.body.size() > kRequestBodyBytesMax)
    return call.respond(
        problem(413, "too_large", fmt::format("Send at most {} bytes.", kRequestBodyBytesMax)));
  // A form of another site can only send other types; this one makes browsers ask first.
  const std::string* type = net::find_header(call.request.headers, "content-type");
  if (type == nullptr || type->substr(0, 16) != "application/json")
    return call.respond(problem(415, "not_json",
                                "Send {\"symbol\":\"AAPL\"} with Content-Type: application/json."));
  const auto members = parse_flat_object(call.request.body);
  if (!members) return call.respond(problem(400, "invalid", members.error().message()));
  const auto symbol = members.value().find("symbol");
  if (symbol == members.value().end() || members.value().size() != 1)
    return call.respond(problem(400, "invalid", "Send one member: {\"symbol\":\"AAPL\"}."));
  if (const auto why = why_no_symbol(symbol->second))
    return call.respond(problem(400, "invalid", *why));
  ports_.symbols.add(
      symbol->second, [respond = call.respond, name = symbol->second](Result<> done) {
        if (!done) return respond(problem_of(done.error()));
        std::string body;
        JsonWriter json(body);
        json.begin_object().key("symbol").text(name).end_object();
        body += '\n';
        net::Response response = json_answer(std::move(body));
        response.status = 201;
        response.headers.emplace_back("location", "/api/v1/symbols/" + net::percent_encode(name));
        respond(std::move(response));
      });
}

void Api::delete_symbol(Call& call) {
  const std::string symbol(call.path_value);
  if (const auto why = why_no_symbol(symbol)) return call.respond(problem(400, "invalid", *why));
  ports_.symbols.remove(symbol, [respond = call.respond](Result<> done) {
    if (!done) return respond(problem_of(done.error()));
    net::Response response;
    response.status = 204;
    respond(std::move(response));
  });
}

void Api::search_symbols(Call& call) {
  const std::string text = call.parameters.text("q", kSearchBytesMax);
  if (call.parameters.wrong())
    return call.respond(problem(400, "invalid", *call.parameters.wrong()));
  if (text.empty())
    return call.respond(
        problem(400, "invalid", "'q' is missing: give what to search, as q=apple."));
  ports_.symbols.search(text, [respond = call.respond](Result<std::vector<SearchHit>> hits) {
    if (!hits) return respond(problem_of(hits.error()));
    std::string body;
    JsonWriter json(body);
    json.begin_object().key("results").begin_array();
    const size_t count = std::min(hits.value().size(), kSearchHitsMax);
    for (size_t i = 0; i < count; ++i) {
      const SearchHit& hit = hits.value()[i];
      json.begin_object();
      json.key("symbol").text(hit.symbol);
      json.key("description").text(hit.description);
      json.key("type").text(hit.type);
      json.end_object();
    }
    json.end_array();
    json.key("more").boolean(hits.value().size() > count);
    json.end_object();
    body += '\n';
    respond(json_answer(std::move(body)));
  });
}

namespace {

/// One more than the page holds was asked for: it says whether there is a next page, and where.
std::optional<int64_t> take_next(std::vector<model::Bar>& bars, const store::BarQuery& query,
                                 size_t limit) {
  if (query.newest || bars.size() <= limit) return std::nullopt;
  const int64_t next = bars[limit].key.start.time_since_epoch().count();
  bars.resize(limit);
  return next;
}

net::Response bars_as_csv(const std::vector<model::Bar>& bars, std::optional<int64_t> next_ms) {
  std::string body(kBarCsvHeader);
  for (const model::Bar& bar : bars) append_bar_csv(body, bar);
  net::Response response = net::text_response(200, "text/csv; charset=utf-8", std::move(body));
  if (next_ms) response.headers.emplace_back("x-next", fmt::format("{}", *next_ms));
  return response;
}

net::Response bars_as_json(std::string head, const store::BarQuery& query,
                           const std::vector<model::Bar>& bars, std::optional<int64_t> next_ms) {
  JsonWriter json(head);
  head += ',';
  json.key("symbol").text(query.symbol);
  json.key("interval").text(model::to_text(*query.interval));
  json.key("basis").text(model::to_string(query.basis));
  if (const auto whole = consolidated(query.symbol)) json.key("consolidated").boolean(*whole);
  json.key("next").number_or_null(next_ms);
  json.key("bars").array(bars, append_bar);
  head += "}\n";
  return json_answer(std::move(head));
}

}  // namespace

void Api::get_bars(Call& call) {
  Parameters& parameters = call.parameters;
  store::BarQuery query;
  query.symbol = parameters.symbol();
  query.interval = parameters.interval(kMinute);
  query.basis = parameters.basis();
  const auto from = parameters.time("from");
  const auto to = parameters.time("to");
  if (from) query.from = event_time(*from);
  if (to) query.to = event_time(*to);
  const size_t limit = parameters.limit(kBarsDefault, kBarsMax);
  const bool csv = parameters.choice("format", {"json", "csv"}) == "csv";
  // With a beginning it is read from there on, page by page; without one the newest are wanted.
  query.newest = !from;
  query.limit = from ? limit + 1 : limit;

  std::string head = "{";
  append_identity(head);
  answer_later(call,
               [query, limit, csv, head, newer = ports_.hub.view().newer(query)](Queries& queries) {
                 auto bars = queries.bars(query, newer);
                 if (!bars) return problem_of(bars.error());
                 const auto next_ms = take_next(bars.value(), query, limit);
                 return csv ? bars_as_csv(bars.value(), next_ms)
                            : bars_as_json(head, query, bars.value(), next_ms);
               });
}

net::Response Api::proof_answer(std::string head, const Result<std::string>& proof) {
  if (!proof) return problem_of(proof.error());
  // The proof is an object of its own: its members follow the identity's.
  head += ',';
  head.append(proof.value(), 1);
  head += '\n';
  return json_answer(std::move(head));
}

void Api::get_proof(Call& call) {
  // A symbol may hold slashes; what follows it does not.
  const std::string_view path = call.path_value;
  const size_t second = path.rfind('/');
  const size_t first = second == std::string_view::npos || second == 0
                           ? std::string_view::npos
                           : path.rfind('/', second - 1);
  if (first == std::string_view::npos)
    return call.respond(
        problem(404, "not_found",
                "A bar is /api/v1/bars/AAPL/1m/2026-11-21T14:30:00Z: symbol, interval, start."));
  const std::string symbol(path.substr(0, first));
  if (const auto why = why_no_symbol(symbol)) return call.respond(problem(400, "invalid", *why));
  const auto interval = model::parse_interval(path.substr(first + 1, second - first - 1));
  const auto start = model::parse_time(path.substr(second + 1));
  if (!interval || !start)
    return call.respond(problem(400, "invalid",
                                "The last two parts of the path are an interval, such as 1m, and "
                                "the start of a bar: RFC 3339, or milliseconds since 1970."));
  const model::BarKey key{symbol, *interval, std::chrono::floor<milliseconds>(*start),
                          call.parameters.basis()};
  const size_t limit = call.parameters.limit(kProofRowsDefault, kProofRowsMax);
  std::string head = "{";
  append_identity(head);
  answer_later(call, [&proofs = ports_.proofs, key, limit, head](Queries&) {
    return proof_answer(head, proofs.explain(key, limit));
  });
}

void Api::get_verify(Call& call) {
  Parameters& parameters = call.parameters;
  Proofs::Range range;
  range.symbol = parameters.symbol();
  if (call.request.query_value("interval") != nullptr)
    range.interval = parameters.interval(kMinute);
  const auto from = parameters.time("from");
  const auto to = parameters.time("to");
  if (!parameters.wrong() && (!from || !to || *to <= *from))
    return call.respond(
        problem(400, "invalid",
                "Give 'from' and a later 'to': the bars that start in between are verified."));
  if (from) range.from = event_time(*from);
  if (to) range.to = event_time(*to);
  range.limit = parameters.limit(kProofRowsDefault, kProofRowsMax);
  std::string head = "{";
  append_identity(head);
  answer_later(call, [&proofs = ports_.proofs, range, head](Queries&) {
    return proof_answer(head, proofs.verify(range));
  });
}

void Api::get_trades(Call& call) {
  Parameters& parameters = call.parameters;
  Queries::TradeQuery query;
  query.symbol = parameters.symbol();
  if (const auto from = parameters.time("from")) query.from = event_time(*from);
  const auto to = parameters.time("to");
  query.to = to ? event_time(*to) : EventTime(milliseconds(INT64_MAX / 2'000));
  query.limit = parameters.limit(kTradesDefault, kTradesMax);
  const Hub::Tape& tape = ports_.hub.tape(query.symbol);
  query.newest = !tape.empty() ? tape.back().event_time
                               : std::chrono::floor<milliseconds>(ports_.loop.clock().wall());
  if (to) query.newest = std::min(query.newest, query.to);

  std::string head = "{";
  append_identity(head);
  answer_later(call, [query, head](Queries& queries) mutable {
    const auto found = queries.trades(query);
    if (!found) return problem_of(found.error());
    JsonWriter json(head);
    head += ',';
    json.key("symbol").text(query.symbol);
    if (const auto whole = consolidated(query.symbol)) json.key("consolidated").boolean(*whole);
    json.key("complete").boolean(found.value().complete);
    json.key("trades").array(found.value().trades, append_trade);
    head += "}\n";
    return json_answer(std::move(head));
  });
}

void Api::get_gaps(Call& call) {
  Parameters& parameters = call.parameters;
  std::string symbol;
  if (call.request.query_value("symbol") != nullptr) symbol = parameters.symbol();
  const auto from = parameters.time("from");
  const auto to = parameters.time("to").value_or(model::IngestTime::max());
  const size_t limit = parameters.limit(kGapsMax, kGapsMax);
  std::string head = "{";
  append_identity(head);
  answer_later(call, [symbol, from, to, limit, head](Queries& queries) mutable {
    auto gaps = queries.gaps(symbol, from, to, limit + 1);
    if (!gaps) return problem_of(gaps.error());
    const bool more = gaps.value().size() > limit;
    if (more) gaps.value().erase(from ? gaps.value().end() - 1 : gaps.value().begin());
    JsonWriter json(head);
    head += ',';
    json.key("more").boolean(more);
    json.key("gaps").array(gaps.value(), append_gap);
    head += "}\n";
    return json_answer(std::move(head));
  });
}

void Api::get_dead_letters(Call& call) {
  Parameters& parameters = call.parameters;
  LetterQuery query;
  query.reason = parameters.reason();
  query.source = parameters.text("source", kSourceBytesMax);
  query.from = parameters.time("from").value_or(query.from);
  query.to = parameters.time("to").value_or(query.to);
  query.before = parameters.id("before").value_or(query.before);
  query.limit = parameters.limit(kLettersDefault, kLettersMax);
  query.raw_bytes_max = kLetterBytesShown;
  std::string head = "{";
  append_identity(head);
  answer_later(call, [query, head](Queries& queries) mutable {
    const auto page = queries.letters(query);
    if (!page) return problem_of(page.error());
    const std::vector<Letter>& letters = page.value().letters;
    JsonWriter json(head);
    head += ',';
    json.key("complete").boolean(page.value().complete);
    json.key("next").number_or_null(page.value().more ? std::optional(letters.front().id)
                                                      : std::nullopt);
    json.key("dead_letters").array(letters, append_letter);
    head += "}\n";
    return json_answer(std::move(head));
  });
}

void Api::get_dead_letter(Call& call) {
  const auto id = parse_id(call.path_value);
  if (!id)
    return call.respond(
        problem(404, "not_found", "A dead letter has a number; /api/v1/dead-letters lists them."));
  answer_later(call, [id = *id](Queries& queries) {
    const auto letter = queries.letter(id);
    if (!letter) return problem_of(letter.error());
    std::string body;
    append_letter(body, letter.value());
    body += '\n';
    return json_answer(std::move(body));
  });
}

void Api::get_config(Call& call) {
  std::string body;
  JsonWriter json(body);
  json.begin_object().key("settings").begin_array();
  for (const settings::Setting& setting : ports_.settings.all()) {
    const auto shown = [&](const std::string& value) {
      return setting.secret && !value.empty() ? std::string("***") : value;
    };
    json.begin_object();
    json.key("key").text(setting.key);
    json.key("value").text(shown(setting.get()));
    json.key("default").text(shown(setting.fallback));
    json.key("unit").text(setting.unit);
    json.key("range").text(setting.range);
    json.key("sentence").text(setting.sentence);
    json.key("secret").boolean(setting.secret);
    json.end_object();
  }
  json.end_array().end_object();
  body += '\n';
  respond_compressed(call, json_answer(std::move(body)));
}

void Api::get_openapi(Call& call) {
  net::Response response = net::text_response(200, "application/yaml; charset=utf-8",
                                              std::string(embedded::openapi_yaml));
  tag(response, call.request);
  respond_compressed(call, std::move(response));
}

void Api::get_metrics(Call& call) {
  respond_compressed(call, net::text_response(200, "text/plain; version=0.0.4; charset=utf-8",
                                              ports_.metrics.text()));
}

void Api::get_health(Call& call) {
  call.respond(net::text_response(200, "text/plain; charset=utf-8", "ok\n"));
}

void Api::get_readiness(Call& call) {
  const Status status = ports_.status.status();
  if (status.ready)
    return call.respond(net::text_response(200, "text/plain; charset=utf-8", "ready\n"));
  call.respond(problem(503, "not_ready", status.not_ready));
}

void Api::get_stream(Call& call) {
  net::Response response =
      problem(426, "upgrade_needed", "This is the push stream: open it as a WebSocket.");
  response.headers.emplace_back("upgrade", "websocket");
  response.headers.emplace_back("connection", "upgrade");
  call.respond(std::move(response));
}

}  // namespace tapeline::serve
