#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/metrics.h"
#include "base/random.h"
#include "base/result.h"
#include "ingest/finnhub/events.h"
#include "ingest/finnhub/options.h"
#include "ingest/finnhub/staleness.h"
#include "ingest/finnhub/subscriptions.h"
#include "ingest/stage.h"
#include "net/backoff.h"
#include "net/client.h"
#include "net/loop.h"

namespace tapeline::ingest::finnhub {

enum class FeedState {
  idle,         ///< Not started.
  connecting,   ///< Until the WebSocket is open.
  subscribing,  ///< Open; symbols are being asked for, paced.
  live,         ///< Every symbol that can be is asked for.
  waiting,      ///< Not connected; the next attempt has its time.
  refused,      ///< The server said no; the next attempt has its (longer) time, or none.
  stopped,      ///< By us, or because the recording ended.
};
std::string_view to_string(FeedState state);

/// Headers of a simulator's handshake.
inline constexpr std::string_view kLabelHeader = "x-tapeline-feed-label";
inline constexpr std::string_view kClockHeader = "x-tapeline-clock";
/// Its close frame's reason when there is no more.
inline constexpr std::string_view kEndOfRecording = "tapeline: end of recording";

/// A live feed: one WebSocket to a server that speaks Finnhub's protocol, kept up for ever.
///
/// - Waits between attempts grow with full jitter up to a cap, are longer after 401, 403 and 429
///   (Retry-After is obeyed), and start anew after a minute of stability.
/// - A connection without a message for `watchdog_ms` is dead. WebSocket's own pings do not count:
///   a proxy answers them for a feed that is gone; Finnhub's {"type":"ping"} does.
/// - A connection that pings and brings no trade is frozen: when all symbols whose market is open
///   are stale (`stale_ms`) and one of them had traded on it, it is ended, and its gap begins where
///   the last trade was heard.
/// - A symbol that the feed refuses, or for which its limit leaves no place, has a gap of its own
///   with cause `refused`, from its subscription (or last trade) until it is asked for again or is
///   no longer wanted.
/// - After each connect all symbols are asked for again, paced. The feed's limit is learned from
///   its error frames, invalid symbols are retried late.
/// - Each connection is an epoch. What may be missing between two is a gap: from the time up to
///   which the feed was heard (Stage::heard) less the latency bound to the next opening.
/// - Once a second it writes a tick, also while not connected, so that silence closes windows. When
///   the program stood still (suspended), there is one tick, a gap, and a new connection.
/// - While the log takes no records nothing is read; see Stage.
///
/// Used from the loop's thread. The token reaches the URL only.
class FeedClient {
 public:
  /// A symbol whose newest record of subscription is `refused`, and when that was written.
  struct Refused {
    std::string symbol;
    model::IngestTime since;
  };

  /// What the log knows of the source from before.
  struct Previous {
    bool known = false;
    bool open = false;  ///< Its process died without closing the epoch.
    int64_t epoch = 0;
    model::IngestTime heard;  ///< Up to then the feed was heard; see Stage::heard.
    SourceClock clock = SourceClock::wall;
    /// Their gaps are written up to `heard` when the process died, which is when it may not have.
    std::vector<Refused> refused{};
  };

  struct Callbacks {
    /// The number of the next connection: greater than all before, also over restarts.
    std::function<int64_t()> next_epoch;
    /// The recording behind the feed ended; the client is stopped. May be empty.
    std::function<void()> ended;
  };

  /// `source` names the feed in records; a server that calls itself otherwise is refused.
  /// `latency_bound` is the engine's: prints under way when a line fell are that old. All
  /// references outlive the client.
  FeedClient(net::Loop& loop, net::Connector& connector, Stage& stage, Random& random,
             metrics::Registry& registry, std::string source, const Options& options,
             std::chrono::milliseconds latency_bound, Callbacks callbacks);
  ~FeedClient();
  FeedClient(const FeedClient&) = delete;
  FeedClient& operator=(const FeedClient&) = delete;

  /// Symbols of the options are added; those that are none are in the log of diagnostics only.
  void start(const Previous& previous);
  /// Closes the epoch and the connection. Records are flushed as far as the log takes them.
  void stop();

  /// Wanted from now on. `invalid` for text that is no symbol, `full` beyond
  /// Subscriptions::kWantedMax.
  Result<> add_symbol(std::string_view symbol);
  /// `not_found` when it was not wanted.
  Result<> remove_symbol(std::string_view symbol);

  struct SymbolStatus {
    std::string symbol;
    SymbolState state = SymbolState::waiting;
    std::string reason;
    std::optional<WallTime> last_trade;
    bool stale = false;
  };
  struct Status {
    FeedState state = FeedState::idle;
    std::string sentence;  ///< What is going on, for a person.
    std::string source;
    std::string label;  ///< What a simulator calls its feed; empty of a real one.
    int64_t epoch = 0;
    int64_t connects = 0;
    std::optional<WallTime> connected_at;
    std::optional<WallTime> last_frame;
    std::optional<WallTime> next_attempt;
    bool paused = false;  ///< The log takes no records at present.
    size_t cap = 0;
    bool cap_learned = false;
    std::vector<SymbolStatus> symbols;
  };
  Status status() const;
  FeedState state() const { return state_; }

 private:
  /// How a connection or an attempt ended.
  struct End {
    model::GapCause cause = model::GapCause::disconnect;
    std::string sentence;
    std::chrono::milliseconds wait{0};
    FeedState state = FeedState::waiting;
    bool final = false;  ///< No next attempt: a person has to change something.
    /// Only until then it is known that nothing is missing; not given: see Stage::heard.
    std::optional<model::IngestTime> heard;
  };

  void take_up(const Previous& previous);
  void halt(std::string sentence);
  bool connected() const { return state_ == FeedState::subscribing || state_ == FeedState::live; }

  void connect();
  std::string url() const;
  void opened(const net::Headers& handshake);
  bool right_feed(const net::Headers& handshake);
  void open_epoch(const net::Headers& handshake);
  void message(std::string_view text);
  void oversized(std::string_view beginning);
  void note_trades(const FrameOutcome& outcome);
  void error_frame(const std::string& text);
  void closed(const net::Closed& closed);
  End describe(const net::Closed& closed);
  void end_connection(const End& end);
  void end_recording();
  void retry_after(std::chrono::milliseconds wait);

  void begin_gap(const End& end);
  void settle_gap_so_far();
  void end_gap_by(std::span<const codec::TradeView> trades);
  void settle_gap(model::IngestTime until);

  void begin_refusal(const std::string& symbol, const std::string& words);
  void begin_refusals_over_cap();
  void settle_refusal(const std::string& symbol, model::IngestTime& from, model::IngestTime until);
  void settle_refusals(std::chrono::milliseconds least);
  void end_refusal(const std::string& symbol);

  void subscribe_next();
  void schedule_subscribe();
  std::chrono::microseconds subscribe_interval() const;
  void send(std::string_view type, std::string_view symbol);
  void control(model::ControlKind kind, const std::string& symbol, std::string detail = {});

  void schedule_tick();
  void tick();
  void check_wall_clock();
  void clock_stepped(WallTime from, WallTime to);
  std::chrono::milliseconds unread(BootTime boot) const;
  void stood_still(std::chrono::milliseconds length);
  void check_watchdog(BootTime boot);
  void check_staleness();
  void check_trades_stopped(BootTime boot, std::chrono::milliseconds unread);
  void update_gauges(BootTime boot);

  void flush_soon();
  void flush();
  void pause(bool paused);

  // Constant after construction.
  net::Loop& loop_;
  net::Connector& connector_;
  Stage& stage_;
  const std::string source_;
  const Options options_;
  const std::chrono::milliseconds latency_bound_;
  const Callbacks callbacks_;

  Events events_;
  net::Backoff backoff_;
  Subscriptions subscriptions_;
  Staleness staleness_;
  /// Symbols that the feed does not send, and up to when the gap of each is written.
  std::map<std::string, model::IngestTime> refused_;

  FeedState state_ = FeedState::idle;
  std::string sentence_ = "not started";
  std::string label_;
  SourceClock clock_ = SourceClock::wall;
  bool ticking_ = false;  ///< The source's clock is known.
  bool paused_ = false;
  bool flush_posted_ = false;
  int64_t epoch_ = 0;
  int64_t connects_ = 0;
  WallTime epoch_opened_at_;
  std::optional<WallTime> connected_at_;
  std::optional<WallTime> last_frame_;
  std::optional<WallTime> next_attempt_;
  BootTime last_frame_boot_{0};
  BootTime last_trade_boot_{0};
  BootTime last_subscribe_boot_{0};
  BootTime reading_since_boot_{0};  ///< While `paused_`, since when nothing is read.
  BootTime last_tick_boot_{0};
  WallTime last_tick_wall_;  ///< The same by the wall clock as it is set now.

  /// Since when trades may be missing, in the source's clock, and why; up to `from` it is written.
  struct OpenGap {
    model::IngestTime from;
    model::GapCause cause = model::GapCause::disconnect;
  };
  std::optional<OpenGap> open_gap_;

  uint64_t generation_ = 0;  ///< Of the socket: handlers of an earlier one are void.
  std::unique_ptr<net::WebSocketClient> socket_;
  net::Timer tick_timer_;
  net::Timer retry_timer_;
  net::Timer subscribe_timer_;
  net::Timer flush_timer_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();  ///< Posted tasks watch it.
};

}  // namespace tapeline::ingest::finnhub
