#include "serve/access.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>

#include "serve/answers.h"

namespace tapeline::serve {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  return out;
}

/// "localhost:8080" and "[::1]:8080" without port and brackets, in lower case.
std::string host_of(std::string_view host_and_port) {
  if (!host_and_port.empty() && host_and_port.front() == '[')
    return lower(host_and_port.substr(1, host_and_port.find(']') - 1));
  return lower(host_and_port.substr(0, host_and_port.find(':')));
}

/// Nothing for text that is not base64.
std::optional<std::string> from_base64(std::string_view text) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  std::string out;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const auto digit = kDigits.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = (bits << 6 | static_cast<uint32_t>(digit)) & 0xffff;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out += static_cast<char>(bits >> count & 0xff);
  }
  return out;
}

bool starts_with_word(std::string_view text, std::string_view lower_word) {
  return text.size() > lower_word.size() && text[lower_word.size()] == ' ' &&
         lower(text.substr(0, lower_word.size())) == lower_word;
}

}  // namespace

bool is_loopback(std::string_view address) {
  if (address == "localhost" || address == "::1") return true;
  // All of 127.0.0.0/8 and nothing that merely begins so: "127.evil.example" is a name of others.
  in_addr parsed{};
  if (inet_pton(AF_INET, std::string(address).c_str(), &parsed) != 1) return false;
  return (ntohl(parsed.s_addr) >> 24) == 127;
}

Result<> check_access(const Options& options) {
  if (options.certificate_file.empty() != options.key_file.empty())
    return make_error(ErrorCode::invalid,
                      "serve: TLS needs both serve.certificate_file and serve.key_file; set {} too",
                      options.key_file.empty() ? "serve.key_file" : "serve.certificate_file");
  if (is_loopback(options.address)) return {};
  if (!options.token.empty() && !options.certificate_file.empty()) return {};
  return make_error(ErrorCode::invalid,
                    "serve: listening on {} would let everyone on the network in; set serve.token, "
                    "serve.certificate_file and serve.key_file, or listen on 127.0.0.1",
                    options.address);
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  // The loop is as long as the caller's text, which the caller knows.
  unsigned difference = a.size() == b.size() ? 0 : 1;
  for (size_t i = 0; i < a.size(); ++i) {
    const char other = b.empty() ? '\0' : b[i % b.size()];
    difference |= static_cast<unsigned>(static_cast<unsigned char>(a[i] ^ other));
  }
  return difference == 0;
}

Access::Access(const Options& options)
    : loopback_(is_loopback(options.address)), token_(options.token) {
  for (const std::string& name : options.host_names) host_names_.push_back(lower(name));
}

bool Access::knows_host(std::string_view host_and_port) const {
  const std::string host = host_of(host_and_port);
  if (std::find(host_names_.begin(), host_names_.end(), host) != host_names_.end()) return true;
  // Elsewhere the token guards; the name is checked only where one was given.
  return loopback_ ? is_loopback(host) : host_names_.empty();
}

bool Access::has_token(const net::Request& request) const {
  if (token_.empty()) return true;
  const std::string* given = net::find_header(request.headers, "authorization");
  if (given == nullptr) return false;
  const std::string_view text = *given;
  if (starts_with_word(text, "bearer")) return equal_in_constant_time(text.substr(7), token_);
  if (!starts_with_word(text, "basic")) return false;
  // Browsers cannot be made to send a bearer: the token is the password of any user.
  const auto pair = from_base64(text.substr(6));
  const auto colon = pair ? pair->find(':') : std::string::npos;
  return colon != std::string::npos &&
         equal_in_constant_time(std::string_view(*pair).substr(colon + 1), token_);
}

std::optional<net::Response> Access::refuse(const net::Request& request, Kind kind) const {
  const std::string* host = net::find_header(request.headers, "host");
  if (host == nullptr || !knows_host(*host))
    return problem(421, "unknown_host",
                   fmt::format("This server answers to {}the names in serve.host_names only; use "
                               "one of them, or add the name there.",
                               loopback_ ? "localhost and to " : ""));
  if (kind != Kind::open && !has_token(request)) {
    net::Response response =
        problem(401, "token_needed",
                "Send the token of serve.token as `Authorization: Bearer TOKEN`, or in a browser "
                "as the password.");
    response.headers.emplace_back("www-authenticate", "Bearer, Basic realm=\"Tapeline\"");
    return response;
  }
  const std::string* origin = net::find_header(request.headers, "origin");
  if (kind == Kind::changes && origin != nullptr) {
    const auto scheme_end = origin->find("://");
    const bool ours = scheme_end != std::string::npos &&
                      lower(std::string_view(*origin).substr(scheme_end + 3)) == lower(*host);
    if (!ours)
      return problem(403, "foreign_origin",
                     "Pages of other sites may not do this; open the dashboard of this server.");
  }
  return std::nullopt;
}

}  // namespace tapeline::serve
