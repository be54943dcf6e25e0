#pragma once

#include "base/clock.h"
#include "net/http.h"
#include "net/token_bucket.h"
#include "simulate/tape.h"

namespace tapeline::simulate {

/// Finnhub's REST calls below /api/v1 for the instruments of a tape. Answers are made up where a
/// simulator cannot know them (the US market is always open). One owner; the tape outlives it.
class Rest {
 public:
  /// `token`: the only one accepted; empty: any, also none.
  Rest(const Tape& tape, std::string token, int64_t calls_per_min);

  net::Response answer(const net::Request& request, WallTime wall, BootTime boot);

 private:
  net::Response search(const net::Request& request) const;
  net::Response symbols(const net::Request& request, InstrumentClass kind) const;
  net::Response exchanges(InstrumentClass kind) const;
  net::Response quote(const net::Request& request) const;

  const Tape& tape_;
  const std::string token_;
  net::TokenBucket calls_;
};

/// Refusals in Finnhub's words; also used where a WebSocket is refused.
net::Response invalid_api_key();
net::Response limit_reached();
net::Response sign_up();

/// Whether the request carries the token, as query value or header.
std::string request_token(const net::Request& request);

}  // namespace tapeline::simulate
