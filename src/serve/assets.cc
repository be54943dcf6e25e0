#include "serve/assets.h"

#include <fmt/format.h>

#include "serve/answers.h"
#include "serve/page.h"

namespace tapeline::serve {
namespace {

/// Everything the page needs comes from this server. The chart library puts a style element of its
/// own into the page, hence 'unsafe-inline' for styles.
constexpr const char* kPolicy =
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; "
    "form-action 'none'; "
    "frame-ancestors 'none'";

const PageFile* find(std::string_view path) {
  for (const PageFile& file : page_files())
    if (file.path == path) return &file;
  return nullptr;
}

}  // namespace

net::Response asset(const net::Request& request) {
  const PageFile* file = find(request.path == "/" ? "/index.html" : request.path);
  if (file == nullptr)
    return problem(404, "not_found",
                   "This server has no such page; the dashboard is at / and the API at /api/v1.");
  const bool packed = !file->gzip.empty() && accepts_gzip(request);
  // A strong tag names the very bytes, so the compressed form has its own.
  const std::string etag = fmt::format("\"{}{}\"", file->digest, packed ? "-gzip" : "");
  net::Response response;
  response.headers = {{"etag", etag},
                      {"cache-control", "no-cache"},
                      {"vary", "accept-encoding"},
                      {"content-security-policy", kPolicy},
                      {"x-frame-options", "DENY"}};
  if (has_already(request, etag)) {
    response.status = 304;
    return response;
  }
  if (packed) response.headers.emplace_back("content-encoding", "gzip");
  response.content_type = file->type;
  response.body = std::make_shared<const std::string>(packed ? file->gzip : file->bytes);
  return response;
}

}  // namespace tapeline::serve
