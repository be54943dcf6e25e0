#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/http.h"
#include "serve/options.h"

/// Who may ask. On a loopback address everybody on the machine may, but no web page of another
/// site: a foreign Host name (DNS rebinding) or Origin is refused. On any other address callers
/// show a token, over TLS.
namespace tapeline::serve {

/// `invalid` when the options would open the server to a network without a token and TLS, or name
/// half of a certificate.
Result<> check_access(const Options& options);

/// "127.0.0.1", "::1", "localhost" and the like.
bool is_loopback(std::string_view address);

class Access {
 public:
  explicit Access(const Options& options);

  /// The refusal, or nothing. `changes` is true of requests that change something or open a
  /// stream: their Origin, if any, must be our own. `open` is true of those that need no token
  /// (health checks).
  enum class Kind { reads, changes, open };
  std::optional<net::Response> refuse(const net::Request& request, Kind kind) const;

 private:
  bool knows_host(std::string_view host_and_port) const;
  bool has_token(const net::Request& request) const;

  const bool loopback_;
  const std::string token_;
  std::vector<std::string> host_names_;  ///< Lower case.
};

/// Takes the same time whatever the common prefix.
bool equal_in_constant_time(std::string_view a, std::string_view b);

}  // namespace tapeline::serve
