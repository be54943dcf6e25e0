#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "net/server.h"
#include "simulate/tape.h"

namespace tapeline::simulate {

/// Index of each instrument by its symbol.
using SymbolIndex = std::unordered_map<std::string, uint32_t>;

/// What a client's message asks for.
struct ClientRequest {
  enum class Kind { subscribe, unsubscribe, other, malformed };
  Kind kind = Kind::malformed;
  std::string symbol;
};
ClientRequest parse_request(std::string_view text);

/// The symbols one connection has subscribed to.
class Subscriptions {
 public:
  explicit Subscriptions(size_t instruments) : wanted_(instruments) {}

  bool has(uint32_t instrument) const { return wanted_[instrument]; }
  bool all() const { return count_ == wanted_.size(); }
  size_t count() const { return count_; }
  void set(uint32_t instrument, bool wanted);

 private:
  std::vector<bool> wanted_;
  size_t count_ = 0;
};

/// One accepted connection. The server owns it.
struct Session {
  Session(int64_t given_number, size_t instruments)
      : number(given_number), subscriptions(instruments) {}

  /// A frame that is sent after `frames_left` later ones.
  struct Held {
    std::shared_ptr<const std::string> text;
    size_t trades = 0;
    uint64_t frames_left = 0;
  };

  const int64_t number;
  std::shared_ptr<net::WebSocketSession> socket;
  std::string token;
  Subscriptions subscriptions;
  bool mute = false;     ///< Half open: nothing is ever sent.
  bool closing = false;  ///< Nothing more is to be sent.
  int64_t frames = 0;    ///< Sent so far.
  uint64_t trade_frames = 0;
  uint64_t frames_until_disconnect = 0;  ///< Counts down; 0: not wanted.
  uint64_t frames_until_abort = 0;
  BootTime last_sent{0};
  std::deque<Held> held;
  net::Timer ping;
  net::Timer busy_ping;
  net::Timer disconnect;
  net::Timer abort;
};

/// The part of `batch` that the session wants, as a frame; null when there is none. `trades` is
/// the number of elements in it.
std::shared_ptr<const std::string> frame_for(const Batch& batch, const Subscriptions& wanted,
                                             size_t& trades);

}  // namespace tapeline::simulate
