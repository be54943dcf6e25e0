#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tapeline::net {

/// Names with their values, in order; names of received ones are in lower case.
using Headers = std::vector<std::pair<std::string, std::string>>;
/// The first one's value, inside `headers`; null when there is none.
const std::string* find_header(const Headers& headers, std::string_view lower_case_name);

struct Request {
  std::string method;  ///< "GET"
  std::string path;    ///< Percent-decoded, without query: "/api/v1/bars".
  std::vector<std::pair<std::string, std::string>> query;  ///< Decoded, in order.
  Headers headers;
  std::string body;
  std::string peer;  ///< "127.0.0.1:50122"

  /// The first one's value, inside this request; null when there is none.
  const std::string* query_value(std::string_view name) const;
};

struct Response {
  int status = 200;
  Headers headers;
  std::string content_type;
  std::shared_ptr<const std::string> body;  ///< May be shared with other responses. May be null.
};

Response text_response(int status, std::string_view content_type, std::string body);

/// Fills path and query from a request's target ("/api/v1/bars?symbol=AAPL"); false when it is
/// none: no path from the root, or a percent sign without two hex digits.
bool parse_target(std::string_view target, Request& request);

/// Percent-encodes everything but unreserved characters (RFC 3986).
std::string percent_encode(std::string_view text);
/// Nothing when a '%' is not followed by two hexadecimal digits. `plus_is_space`: as in a query.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space);

/// A parsed http, https, ws or wss address.
struct Url {
  bool tls = false;
  std::string host;
  uint16_t port = 0;
  std::string target;  ///< Path and query, "/" at least.
};
/// Nothing when it is none, or its port or target could not be sent.
std::optional<Url> parse_url(std::string_view text);

/// True of "localhost" and every name under it, in any case: this machine whatever a resolver or
/// /etc/hosts says (RFC 6761, section 6.3).
bool is_localhost(std::string_view host);

}  // namespace tapeline::net
