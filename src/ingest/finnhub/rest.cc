#include "ingest/finnhub/rest.h"

#include <fmt/format.h>

#include <optional>

#include "base/diag.h"
#include "codec/finnhub_rest.h"
#include "ingest/finnhub/retry_after.h"
#include "model/venue.h"

namespace tapeline::ingest::finnhub {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::chrono::hours kRememberFor{24};
constexpr size_t kListsMax = 32;
constexpr size_t kVerdictsMax = 20'000;
constexpr seconds kLimitedFor{60};  // After a 429 without Retry-After.

Error unreadable(std::string_view path) {
  return make_error(ErrorCode::unavailable,
                    "feed: the answer to {} is not what Finnhub documents; check feed.rest_url",
                    path);
}

/// Where all symbols of a kind are listed; empty when there is no such list.
std::string_view list_path(model::VenueClass venue) {
  if (venue == model::VenueClass::crypto) return "/crypto/symbol";
  if (venue == model::VenueClass::forex) return "/forex/symbol";
  return {};
}

}  // namespace

Rest::Rest(net::Loop& loop, net::Connector& connector, metrics::Registry& registry,
           const Options& options)
    : loop_(loop),
      connector_(connector),
      options_(options),
      calls_(registry.counter("tapeline_feed_rest_calls_total", "REST calls made")),
      failures_(registry.counter("tapeline_feed_rest_failures_total", "REST calls that failed")),
      bucket_({{55, seconds(60)}, {25, seconds(1)}}) {
  diag::redact(options_.token);
}

Rest::~Rest() = default;

void Rest::search(std::string_view query, std::function<void(Matches)> done) {
  get({.path = "/search",
       .query = "q=" + net::percent_encode(query),
       .done = [done = std::move(done)](Answer answer) {
         if (!answer.ok()) return done(answer.error());
         auto matches = codec::read_finnhub_matches(answer.value());
         if (!matches) return done(unreadable("/search"));
         done(std::move(*matches));
       }});
}

void Rest::validate(std::string_view symbol_view, std::function<void(Result<Validity>)> done) {
  const std::string symbol(symbol_view);
  const BootTime now = loop_.clock().boot();
  if (const auto known = verdicts_.find(symbol);
      known != verdicts_.end() && now - known->second.at < kRememberFor) {
    const Validity validity = known->second.validity;
    loop_.post([done = std::move(done), validity] { done(validity); });
    return;
  }
  auto remember = [this, symbol, done = std::move(done)](Result<Validity> validity) {
    if (validity.ok()) {
      if (verdicts_.size() >= kVerdictsMax) verdicts_.clear();
      verdicts_.insert_or_assign(symbol, Verdict{loop_.clock().boot(), validity.value()});
    }
    done(std::move(validity));
  };
  const model::VenueClass venue = model::venue_class(symbol);
  if (venue == model::VenueClass::stock) return validate_by_search(symbol, std::move(remember));
  const std::string path(list_path(venue));
  if (path.empty()) {
    loop_.post([remember = std::move(remember), alive = std::weak_ptr<char>(alive_)] {
      if (!alive.expired()) remember(Validity::unknown);
    });
    return;
  }
  std::string exchange = symbol.substr(0, symbol.find(':'));
  for (char& c : exchange)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  validate_by_list(symbol, path, exchange, std::move(remember));
}

/// The search finds the best matches: the exact one is among them, or there is none.
void Rest::validate_by_search(const std::string& symbol,
                              std::function<void(Result<Validity>)> done) {
  search(symbol, [this, symbol, done = std::move(done)](const Matches& matches) {
    if (!matches.ok())
      return not_in_plan_.contains("/search") ? done(Validity::unknown) : done(matches.error());
    for (const Match& match : matches.value())
      if (match.symbol == symbol) return done(Validity::valid);
    done(Validity::invalid);
  });
}

void Rest::validate_by_list(const std::string& symbol, const std::string& path,
                            const std::string& exchange,
                            std::function<void(Result<Validity>)> done) {
  const std::string key = path + "?exchange=" + exchange;
  const auto look_up = [this, key, symbol] {
    return lists_.at(key).symbols.contains(symbol) ? Validity::valid : Validity::invalid;
  };
  if (const auto list = lists_.find(key);
      list != lists_.end() && loop_.clock().boot() - list->second.fetched < kRememberFor) {
    loop_.post([done = std::move(done), validity = look_up()] { done(validity); });
    return;
  }
  get({.path = path,
       .query = "exchange=" + net::percent_encode(exchange),
       .done = [this, key, path, look_up, done = std::move(done)](Answer answer) {
         if (!answer.ok())
           return not_in_plan_.contains(path) ? done(Validity::unknown) : done(answer.error());
         auto symbols = codec::read_finnhub_symbols(answer.value());
         if (!symbols) return done(unreadable(path));
         // An exchange that the interface does not know has an empty list, which proves nothing.
         if (symbols->empty()) return done(Validity::unknown);
         if (lists_.size() >= kListsMax) lists_.clear();
         lists_.insert_or_assign(
             key, List{.fetched = loop_.clock().boot(), .symbols = std::move(*symbols)});
         done(look_up());
       }});
}

void Rest::get(Call call) {
  if (not_in_plan_.contains(call.path)) {
    loop_.post([call = std::move(call)] {
      call.done(make_error(ErrorCode::failed,
                           "feed: the plan of the key does not include {} (HTTP 403)", call.path));
    });
    return;
  }
  if (waiting_.size() >= kWaitingMax) {
    loop_.post([call = std::move(call)] {
      call.done(make_error(ErrorCode::full,
                           "feed: {} REST calls wait already (60 a minute are allowed); try later",
                           kWaitingMax));
    });
    return;
  }
  waiting_.push_back(std::move(call));
  send_waiting();
}

void Rest::send_waiting() {
  while (!waiting_.empty()) {
    const auto wait = bucket_.take(loop_.clock().boot());
    if (wait.count() > 0) {
      timer_ = loop_.after(wait, [this] { send_waiting(); });
      return;
    }
    Call call = std::move(waiting_.front());
    waiting_.pop_front();
    send(std::move(call));
  }
}

void Rest::send(Call call) {
  calls_.add();
  net::Headers headers;
  if (!options_.token.empty()) headers.emplace_back("X-Finnhub-Token", options_.token);
  net::TlsOptions tls;
  tls.ca_file = options_.ca_file;
  const std::string url = fmt::format("{}{}?{}", options_.rest_url, call.path, call.query);
  connector_.get(url, headers, tls, milliseconds(options_.rest_timeout_ms), kAnswerBytesMax,
                 [this, call = std::move(call),
                  alive = std::weak_ptr<char>(alive_)](Result<net::Connector::HttpAnswer> answer) {
                   if (alive.expired()) return;
                   call.done(read(call, std::move(answer)));
                 });
}

Rest::Answer Rest::read(const Call& call, Result<net::Connector::HttpAnswer> answer) {
  if (answer.ok() && answer.value().status == 200) return std::move(answer).value().body;
  failures_.add();
  if (!answer.ok()) return answer.error();
  return refuse(call, answer.value());
}

Error Rest::refuse(const Call& call, const net::Connector::HttpAnswer& answer) {
  switch (answer.status) {
    case 401:
      return Error(ErrorCode::failed,
                   "feed: the token was refused (HTTP 401); check FINNHUB_API_TOKEN or feed.token");
    case 403:
      not_in_plan_.insert(call.path);
      return make_error(ErrorCode::failed,
                        "feed: the plan of the key does not include {} (HTTP 403)", call.path);
    case 429: {
      // Without a token Finnhub answers the same.
      if (options_.token.empty())
        return Error(ErrorCode::failed,
                     "feed: no token is set (HTTP 429); set FINNHUB_API_TOKEN or feed.token");
      const seconds wait = retry_after(answer.headers).value_or(kLimitedFor);
      bucket_.block_until(loop_.clock().boot() + wait);
      return make_error(ErrorCode::unavailable,
                        "feed: too many REST calls with this key (HTTP 429); calls wait {} s",
                        wait.count());
    }
    default:
      return make_error(ErrorCode::unavailable,
                        "feed: {} answered HTTP {}; try again, and check feed.rest_url if it lasts",
                        call.path, answer.status);
  }
}

}  // namespace tapeline::ingest::finnhub
