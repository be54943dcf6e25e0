#include "net/http.h"

#include <algorithm>
#include <charconv>

namespace tapeline::net {
namespace {

constexpr std::string_view kHexDigits = "0123456789ABCDEF";

bool unreserved(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

struct Scheme {
  std::string_view prefix;
  bool tls;
};
constexpr Scheme kSchemes[] = {
    {"http://", false}, {"https://", true}, {"ws://", false}, {"wss://", true}};

/// Letters, digits, '-', '.', '_' and, inside brackets, ':' of an IPv6 address.
bool valid_host(std::string_view host, bool bracketed) {
  return !host.empty() && std::ranges::all_of(host, [&](char c) {
    return unreserved(c) || (bracketed && (c == ':' || c == '%'));
  });
}

/// Splits "host:port" or "[v6]:port"; false when it is neither.
bool parse_authority(std::string_view authority, Url& url) {
  const bool bracketed = authority.starts_with('[');
  std::string_view host = authority;
  std::string_view port;
  if (bracketed) {
    const size_t end = authority.find(']');
    if (end == std::string_view::npos) return false;
    host = authority.substr(1, end - 1);
    const std::string_view rest = authority.substr(end + 1);
    if (!rest.empty() && rest.front() != ':') return false;
    port = rest.empty() ? rest : rest.substr(1);
    if (!rest.empty() && port.empty()) return false;
  } else if (const size_t colon = authority.find(':'); colon != std::string_view::npos) {
    host = authority.substr(0, colon);
    port = authority.substr(colon + 1);
    if (port.empty()) return false;
  }
  if (!valid_host(host, bracketed)) return false;
  url.host = std::string(host);
  if (port.empty()) return true;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), url.port);
  return error == std::errc() && end == port.data() + port.size() && url.port != 0;
}

}  // namespace

const std::string* find_header(const Headers& headers, std::string_view lower_case_name) {
  for (const auto& [name, value] : headers)
    if (name == lower_case_name) return &value;
  return nullptr;
}

bool parse_target(std::string_view target, Request& request) {
  const size_t mark = target.find('?');
  const auto path = percent_decode(target.substr(0, mark), false);
  if (!path || !path->starts_with('/')) return false;
  request.path = *path;
  if (mark == std::string_view::npos) return true;
  std::string_view rest = target.substr(mark + 1);
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    const auto name = percent_decode(pair.substr(0, equals), true);
    const auto value = equals == std::string_view::npos
                           ? std::optional<std::string>("")
                           : percent_decode(pair.substr(equals + 1), true);
    if (!name || !value) return false;
    request.query.emplace_back(*name, *value);
  }
  return true;
}

const std::string* Request::query_value(std::string_view name) const {
  for (const auto& [key, value] : query)
    if (key == name) return &value;
  return nullptr;
}

Response text_response(int status, std::string_view content_type, std::string body) {
  Response response;
  response.status = status;
  response.content_type = std::string(content_type);
  response.body = std::make_shared<const std::string>(std::move(body));
  return response;
}

std::string percent_encode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (unreserved(c)) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += {'%', kHexDigits[byte >> 4], kHexDigits[byte & 15]};
    }
  }
  return out;
}

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = hex_value(text[i + 1]);
      const int low = hex_value(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return out;
}

std::optional<Url> parse_url(std::string_view text) {
  const auto* scheme = std::ranges::find_if(
      kSchemes, [&](const Scheme& candidate) { return text.starts_with(candidate.prefix); });
  if (scheme == std::end(kSchemes)) return std::nullopt;
  Url url;
  url.tls = scheme->tls;
  url.port = scheme->tls ? 443 : 80;
  std::string_view rest = text.substr(scheme->prefix.size());
  rest = rest.substr(0, rest.find('#'));
  const size_t target = rest.find_first_of("/?");
  if (!parse_authority(rest.substr(0, target), url)) return std::nullopt;
  if (target != std::string_view::npos) url.target = std::string(rest.substr(target));
  if (!url.target.starts_with('/')) url.target.insert(0, "/");
  const bool printable =
      std::ranges::all_of(url.target, [](char c) { return c > ' ' && c != '\x7f'; });
  if (!printable) return std::nullopt;
  return url;
}

bool is_localhost(std::string_view host) {
  static constexpr std::string_view kName = "localhost";
  if (host.ends_with('.')) host.remove_suffix(1);
  if (host.size() < kName.size()) return false;
  const std::string_view parent = host.substr(0, host.size() - kName.size());
  return (parent.empty() || parent.ends_with('.')) &&
         std::ranges::equal(host.substr(parent.size()), kName,
                            [](char c, char lower) { return (c | 0x20) == lower; });
}

}  // namespace tapeline::net
