#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "net/http.h"

/// Answers as the API gives them.
namespace tapeline::serve {

net::Response json_answer(std::string body);

/// RFC 9457. `code` is the machine's name of the problem, `detail` the sentence that says what to
/// do.
net::Response problem(int status, std::string_view code, std::string_view detail);

/// The problem that an operating failure is to a caller: 400, 404, 503, 507 or 500.
net::Response problem_of(const Error& error);

/// Compresses the body when the caller takes gzip and it is large enough.
void compress(net::Response& response, const net::Request& request);

/// Adds an ETag of the body, and makes it a 304 without body when the caller has that one.
void tag(net::Response& response, const net::Request& request);

/// True when the request's If-None-Match names `etag` (with its quotes) or `*`.
bool has_already(const net::Request& request, std::string_view etag);

bool accepts_gzip(const net::Request& request);
std::string gzip(std::string_view bytes);

}  // namespace tapeline::serve
