#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/file.h"
#include "base/result.h"
#include "net/loop.h"
#include "simulate/options.h"

namespace tapeline::simulate {

/// Names of the handshake's headers and the close reason by which our client knows a simulator.
inline constexpr std::string_view kFeedLabelHeader = "x-tapeline-feed-label";
inline constexpr std::string_view kClockHeader = "x-tapeline-clock";
inline constexpr std::string_view kEndOfRecording = "tapeline: end of recording";

/// A server that speaks Finnhub's WebSocket at `/` and `/ws` and its REST calls below `/api/v1`.
/// Sends only what a session subscribed to; waits for subscriptions; a reader that is slower than
/// the feed makes the feed wait. Used on the loop's thread only; callbacks come from there.
class Server {
 public:
  struct Counts {
    uint64_t connections = 0;  ///< Accepted so far.
    uint64_t frames = 0;       ///< Sent, of every kind.
    uint64_t trades = 0;       ///< Sent inside unspoiled trade frames, repetitions included.
    bool ended = false;        ///< The recording is sent and every session of then is closed.
  };

  virtual ~Server() = default;

  virtual uint16_t port() const = 0;
  /// "ws://127.0.0.1:8765", "wss:" with a certificate.
  virtual std::string websocket_url() const = 0;
  /// "http://127.0.0.1:8765/api/v1"
  virtual std::string rest_url() const = 0;
  /// "simulated" or "recording".
  virtual std::string feed_label() const = 0;
  virtual Counts counts() const = 0;
  /// Closes every session and listens no more. Idempotent.
  virtual void stop() = 0;

  /// Called once when `Counts::ended` becomes true.
  std::function<void()> on_ended;
};

/// Listens at once. `invalid` names every problem of the options. Loop, clock and files outlive the
/// server, which is to be destroyed on the loop's thread or after the loop has stopped.
Result<std::unique_ptr<Server>> start(net::Loop& loop, const Clock& clock, const Options& options,
                                      FileSystem& files = posix_file_system());

}  // namespace tapeline::simulate
