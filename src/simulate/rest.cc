#include "simulate/rest.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <set>

#include "simulate/json.h"

namespace tapeline::simulate {
namespace {

constexpr size_t kSearchResultsMax = 50;
constexpr int64_t kCallsPerSecond = 30;  // On top of every plan.

net::Response ok(std::string body) {
  return net::text_response(200, "application/json; charset=utf-8", std::move(body));
}

net::Response refusal(int status, std::string_view sentence) {
  return net::text_response(status, "application/json; charset=utf-8",
                            fmt::format("{{\"error\":\"{}\"}}", sentence));
}

void member(std::string& out, std::string_view name, std::string_view value) {
  out += out.ends_with('{') ? "\"" : ",\"";
  out += name;
  out += "\":";
  json::append_string(out, value);
}

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

std::string_view type_of(const Instrument& instrument) {
  switch (instrument.kind) {
    case InstrumentClass::stock:
      return "Common Stock";
    case InstrumentClass::crypto:
      return "Crypto";
    case InstrumentClass::forex:
      return "Forex";
  }
  return "";
}

/// What stands behind the venue.
std::string_view display_symbol(const Instrument& instrument) {
  const std::string_view symbol = instrument.symbol;
  const size_t colon = symbol.find(':');
  return colon == std::string_view::npos ? symbol : symbol.substr(colon + 1);
}

void append_symbol(std::string& out, const Instrument& instrument) {
  if (!out.ends_with('[')) out += ',';
  out += '{';
  if (instrument.kind == InstrumentClass::stock) member(out, "currency", "USD");
  member(out, "description", instrument.description);
  member(out, "displaySymbol", display_symbol(instrument));
  if (instrument.kind == InstrumentClass::stock) {
    for (const char* name : {"figi", "isin"}) member(out, name, "");
    member(out, "mic", "XNAS");
    member(out, "shareClassFIGI", "");
  }
  member(out, "symbol", instrument.symbol);
  if (instrument.kind == InstrumentClass::stock) {
    member(out, "symbol2", "");
    member(out, "type", type_of(instrument));
  }
  out += '}';
}

net::Response missing(std::string_view parameter) {
  return refusal(422, fmt::format("Missing parameter {}", parameter));
}

net::Response market_status(const net::Request& request, WallTime wall) {
  const std::string* exchange = request.query_value("exchange");
  if (exchange == nullptr) return missing("exchange");
  std::string body = "{";
  member(body, "exchange", *exchange);
  body += ",\"holiday\":null,\"isOpen\":true,\"session\":\"regular\"";
  member(body, "timezone", "America/New_York");
  body += fmt::format(",\"t\":{}}}", wall.time_since_epoch().count() / 1'000'000);
  return ok(body);
}

/// The New York Stock Exchange's calendar; an empty hour is a closed day.
net::Response market_holidays(const net::Request& request) {
  struct Holiday {
    std::string_view name;
    std::string_view date;
    std::string_view hours;
  };
  constexpr std::array<Holiday, 12> kHolidays = {{
      {"New Year's Day", "2026-01-01", ""},
      {"Birthday of Martin Luther King, Jr", "2026-01-19", ""},
      {"Washington's Birthday", "2026-02-16", ""},
      {"Good Friday", "2026-04-03", ""},
      {"Memorial Day", "2026-05-25", ""},
      {"Juneteenth", "2026-06-19", ""},
      {"Independence Day", "2026-07-03", ""},
      {"Labor Day", "2026-09-07", ""},
      {"Thanksgiving Day", "2026-11-26", ""},
      {"Thanksgiving Day", "2026-11-27", "09:30-13:00"},
      {"Christmas", "2026-12-24", "09:30-13:00"},
      {"Christmas", "2026-12-25", ""},
  }};
  const std::string* exchange = request.query_value("exchange");
  if (exchange == nullptr) return missing("exchange");
  std::string body = "{\"data\":[";
  for (const Holiday& holiday : kHolidays) {
    body += body.ends_with('[') ? "{" : ",{";
    member(body, "eventName", holiday.name);
    member(body, "atDate", holiday.date);
    member(body, "tradingHour", holiday.hours);
    body += '}';
  }
  body += ']';
  member(body, "exchange", *exchange);
  member(body, "timezone", "America/New_York");
  return ok(body + '}');
}

/// What a free key may not ask for.
bool is_premium(std::string_view call) {
  constexpr std::array<std::string_view, 10> kPremium = {
      "/stock/candle", "/crypto/candle", "/forex/candle", "/stock/tick",     "/stock/bbo",
      "/stock/bidask", "/forex/rates",   "/stock/split",  "/press-releases", "/ca/symbol-change"};
  return std::find(kPremium.begin(), kPremium.end(), call) != kPremium.end();
}

}  // namespace

net::Response invalid_api_key() {
  return refusal(401, "Invalid API key.");
}

net::Response limit_reached() {
  net::Response response =
      refusal(429, "API limit reached. Please try again later. Remaining Limit: 0");
  response.headers.emplace_back("x-ratelimit-remaining", "0");
  return response;
}

net::Response sign_up() {
  return refusal(429, "Please sign up for a free account at https://finnhub.io");
}

std::string request_token(const net::Request& request) {
  if (const std::string* token = request.query_value("token")) return *token;
  const std::string* header = net::find_header(request.headers, "x-finnhub-token");
  return header != nullptr ? *header : std::string();
}

Rest::Rest(const Tape& tape, std::string token, int64_t calls_per_min)
    : tape_(tape),
      token_(std::move(token)),
      calls_(
          {{calls_per_min, std::chrono::minutes(1)}, {kCallsPerSecond, std::chrono::seconds(1)}}) {}

net::Response Rest::answer(const net::Request& request, WallTime wall, BootTime boot) {
  constexpr std::string_view kBase = "/api/v1";
  if (!std::string_view(request.path).starts_with(kBase))
    return net::text_response(404, "text/plain", "404 page not found");
  if (request.method != "GET") return refusal(405, "Method not allowed");
  if (!token_.empty()) {
    const std::string token = request_token(request);
    if (token.empty()) return sign_up();
    if (token != token_) return invalid_api_key();
  }
  if (calls_.take(boot).count() > 0) return limit_reached();

  const std::string_view call = std::string_view(request.path).substr(kBase.size());
  if (call == "/search") return search(request);
  if (call == "/stock/symbol") return symbols(request, InstrumentClass::stock);
  if (call == "/crypto/symbol") return symbols(request, InstrumentClass::crypto);
  if (call == "/forex/symbol") return symbols(request, InstrumentClass::forex);
  if (call == "/crypto/exchange") return exchanges(InstrumentClass::crypto);
  if (call == "/forex/exchange") return exchanges(InstrumentClass::forex);
  if (call == "/quote") return quote(request);
  if (call == "/stock/market-status") return market_status(request, wall);
  if (call == "/stock/market-holiday") return market_holidays(request);
  if (is_premium(call)) return refusal(403, "You don't have access to this resource.");
  return net::text_response(404, "text/plain", "404 page not found");
}

net::Response Rest::search(const net::Request& request) const {
  const std::string* wanted = request.query_value("q");
  if (wanted == nullptr || wanted->empty()) return missing("q");
  const std::string needle = upper(*wanted);
  std::vector<const Instrument*> found;
  for (const Instrument& instrument : tape_.instruments()) {
    if (found.size() == kSearchResultsMax) break;
    if (upper(instrument.symbol).find(needle) != std::string::npos ||
        upper(instrument.description).find(needle) != std::string::npos)
      found.push_back(&instrument);
  }
  std::stable_partition(found.begin(), found.end(), [&](const Instrument* instrument) {
    return upper(instrument->symbol) == needle;
  });
  std::string body = fmt::format("{{\"count\":{},\"result\":[", found.size());
  for (const Instrument* instrument : found) {
    body += body.ends_with('[') ? "{" : ",{";
    member(body, "description", instrument->description);
    member(body, "displaySymbol", display_symbol(*instrument));
    member(body, "symbol", instrument->symbol);
    member(body, "type", type_of(*instrument));
    body += '}';
  }
  return ok(body + "]}");
}

net::Response Rest::symbols(const net::Request& request, InstrumentClass kind) const {
  const std::string* exchange = request.query_value("exchange");
  if (exchange == nullptr) return missing("exchange");
  std::string body = "[";
  for (const Instrument& instrument : tape_.instruments())
    if (instrument.kind == kind && upper(exchange_of(instrument)) == upper(*exchange))
      append_symbol(body, instrument);
  return ok(body + ']');
}

net::Response Rest::exchanges(InstrumentClass kind) const {
  std::set<std::string> names;
  for (const Instrument& instrument : tape_.instruments())
    if (instrument.kind == kind) names.emplace(exchange_of(instrument));
  std::string body = "[";
  for (const std::string& name : names) {
    if (!body.ends_with('[')) body += ',';
    json::append_string(body, name);
  }
  return ok(body + ']');
}

net::Response Rest::quote(const net::Request& request) const {
  const std::string* symbol = request.query_value("symbol");
  if (symbol == nullptr) return missing("symbol");
  Quote quote;
  const auto& instruments = tape_.instruments();
  for (uint32_t i = 0; i < instruments.size(); ++i)
    if (instruments[i].symbol == *symbol) quote = tape_.quote(i);
  if (quote.time_s == 0) return ok(R"({"c":0,"d":null,"dp":null,"h":0,"l":0,"o":0,"pc":0,"t":0})");
  // There is no day before the tape's beginning: its first price stands for the previous close.
  const double change = quote.last - quote.open;
  return ok(fmt::format(R"({{"c":{},"d":{:.4f},"dp":{:.4f},"h":{},"l":{},"o":{},"pc":{},"t":{}}})",
                        quote.last, change, 100 * change / quote.open, quote.high, quote.low,
                        quote.open, quote.open, quote.time_s));
}

}  // namespace tapeline::simulate
