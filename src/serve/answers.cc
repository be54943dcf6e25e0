#include "serve/answers.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cstdint>

#include "base/check.h"
#include "serve/json.h"
#include "serve/limits.h"

namespace tapeline::serve {
namespace {

constexpr std::string_view kProblemType = "application/problem+json";

std::string_view title_of(int status) {
  switch (status) {
    case 400:
      return "The request is wrong";
    case 401:
      return "A token is needed";
    case 403:
      return "Not from here";
    case 404:
      return "There is no such thing";
    case 405:
      return "Not with this method";
    case 413:
      return "The request is too large";
    case 415:
      return "Not in this format";
    case 421:
      return "Not under this name";
    case 426:
      return "Another protocol is needed";
    case 503:
      return "Not now";
    case 507:
      return "A limit is reached";
    default:
      return "The program failed";
  }
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

/// Calls `each` with the comma-separated parts; stops when it returns true.
template <typename Each>
bool any_part(std::string_view list, Each&& each) {
  while (true) {
    const auto comma = list.find(',');
    if (each(trimmed(list.substr(0, comma)))) return true;
    if (comma == std::string_view::npos) return false;
    list.remove_prefix(comma + 1);
  }
}

uint64_t fnv1a(std::string_view bytes) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  return hash;
}

}  // namespace

net::Response json_answer(std::string body) {
  return net::text_response(200, "application/json", std::move(body));
}

net::Response problem(int status, std::string_view code, std::string_view detail) {
  std::string body;
  JsonWriter json(body);
  json.begin_object();
  json.key("type").text(fmt::format("urn:tapeline:problem:{}", code));
  json.key("title").text(title_of(status));
  json.key("status").number(status);
  json.key("code").text(code);
  json.key("detail").text(detail);
  json.end_object();
  body += '\n';
  net::Response response = net::text_response(status, kProblemType, std::move(body));
  if (status == 503) response.headers.emplace_back("retry-after", "1");
  return response;
}

net::Response problem_of(const Error& error) {
  switch (error.code()) {
    case ErrorCode::invalid:
      return problem(400, "invalid", error.message());
    case ErrorCode::not_found:
      return problem(404, "not_found", error.message());
    case ErrorCode::full:
      return problem(507, "full", error.message());
    case ErrorCode::unavailable:
    case ErrorCode::cancelled:
      return problem(503, "unavailable", error.message());
    case ErrorCode::corrupt:
      return problem(500, "corrupt", error.message());
    case ErrorCode::failed:
      return problem(500, "failed", error.message());
  }
  return problem(500, "failed", error.message());
}

bool accepts_gzip(const net::Request& request) {
  const std::string* accepted = net::find_header(request.headers, "accept-encoding");
  if (accepted == nullptr) return false;
  return any_part(*accepted, [](std::string_view part) {
    const auto semicolon = part.find(';');
    if (trimmed(part.substr(0, semicolon)) != "gzip") return false;
    if (semicolon == std::string_view::npos) return true;
    const std::string_view weight = trimmed(part.substr(semicolon + 1));
    return weight.substr(0, 2) == "q=" &&
           weight.find_first_of("123456789") != std::string_view::npos;
  });
}

std::string gzip(std::string_view bytes) {
  // Level 1: answers are made once each, and the network here is usually the loopback.
  constexpr int kLevel = 1;
  constexpr int kGzipWindow = 15 + 16;
  z_stream stream{};
  CHECK(deflateInit2(&stream, kLevel, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  std::string input(bytes);
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

void compress(net::Response& response, const net::Request& request) {
  if (!response.body || response.body->size() < kGzipBytesMin) return;
  if (net::find_header(response.headers, "content-encoding") != nullptr) return;
  response.headers.emplace_back("vary", "accept-encoding");
  if (!accepts_gzip(request)) return;
  response.body = std::make_shared<const std::string>(gzip(*response.body));
  response.headers.emplace_back("content-encoding", "gzip");
}

bool has_already(const net::Request& request, std::string_view etag) {
  const std::string* known = net::find_header(request.headers, "if-none-match");
  if (known == nullptr) return false;
  return any_part(*known, [&](std::string_view part) {
    if (part.substr(0, 2) == "W/") part.remove_prefix(2);
    return part == "*" || part == etag;
  });
}

void tag(net::Response& response, const net::Request& request) {
  if (!response.body || response.status != 200) return;
  const std::string etag = fmt::format("\"{:016x}\"", fnv1a(*response.body));
  // Weak: the same answer may be sent plain or compressed.
  response.headers.emplace_back("etag", "W/" + etag);
  response.headers.emplace_back("cache-control", "no-cache");
  if (!has_already(request, etag)) return;
  response.status = 304;
  response.body = nullptr;
  response.content_type.clear();
}

}  // namespace tapeline::serve
