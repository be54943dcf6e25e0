#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/position.h"
#include "base/result.h"
#include "model/bar.h"
#include "model/control.h"
#include "model/trade.h"
#include "serve/letters.h"
#include "store/store.h"

/// What serve needs from the rest of the program. The application gives it; nothing here knows who
/// answers. Everything is called on the loop's thread, and callbacks come back on it.
namespace tapeline::serve {

/// Named numbers in a fixed order.
using Numbers = std::vector<std::pair<std::string, int64_t>>;

/// What the program knows of itself at one moment. Names are those of the status answer.
struct Status {
  std::string version;
  std::string clock = "wall";  ///< Whose time the feed's ticks tell: "wall" or "feed".
  model::IngestTime started;
  std::optional<model::EventTime> feed_time;  ///< The feed's present; of a recording its own.
  std::vector<model::Interval> intervals;

  struct Connection {
    std::string state = "idle";  ///< idle, connecting, subscribing, live, waiting, refused,
                                 ///< replaying, ended, stopped.
    std::string detail;          ///< A sentence for people: why it waits, what was refused.
    std::string source;
    int64_t epoch = 0;
    std::optional<model::IngestTime> since;
    std::optional<model::IngestTime> last_frame;
    std::optional<int64_t> lag_ms;
  } connection;

  struct Rates {
    double frames = 0;
    double trades = 0;
    double bars = 0;
  } rates;  ///< Per second, over the last seconds.

  Numbers counters;  ///< Totals since the start: frames, trades, rejected, ...
  Numbers rejects;   ///< By reason.

  struct Log {
    std::string durability;
    uint64_t bytes = 0;
    uint64_t segments = 0;
    uint64_t pending_bytes = 0;
    Position begin, end;
    std::string error;
  } log;
  struct Store {
    uint64_t bytes = 0;
    Position through;  ///< Everything up to here is in the store.
    std::string error;
  } store;
  struct Engine {
    uint64_t bytes = 0;
    int64_t behind = 0;  ///< Records in the log that it has not yet applied.
  } engine;

  bool ready = false;     ///< Takes data and answers with it.
  std::string not_ready;  ///< Why not, as a sentence.
};

class StatusSource {
 public:
  virtual ~StatusSource() = default;
  /// As of now; asked for with each status answer and once a second while a stream shows it.
  virtual Status status() = 0;
};

struct SymbolInfo {
  std::string symbol;
  std::string venue_class;  ///< "stock", "crypto", "forex", "other".
  std::string state;        ///< "waiting", "subscribed", "refused", "unsubscribed", "seen".
  std::string detail;       ///< The feed's words on refusal.
  /// Of a wanted symbol its last trade's arrival on this connection; of others when `state` came
  /// about.
  std::optional<model::IngestTime> since;
};

struct SearchHit {
  std::string symbol;
  std::string description;
  std::string type;
};

/// Which symbols are wanted. Callbacks are called once, at once or later.
class SymbolControl {
 public:
  virtual ~SymbolControl() = default;
  virtual std::vector<SymbolInfo> list() = 0;  ///< Wanted and seen ones, by symbol bytes.
  /// `invalid`: cannot be a symbol, or the feed knows none such; `full`: as many are wanted as may
  /// be; `unavailable`: this source has fixed symbols. Where symbols are looked up first, also as
  /// `search`.
  virtual void add(const std::string& symbol, std::function<void(Result<>)> done) = 0;
  /// `not_found` when it is not wanted.
  virtual void remove(const std::string& symbol, std::function<void(Result<>)> done) = 0;
  /// Best matches first. `unavailable`: the feed does not answer, try later; `full`: too many wait;
  /// `failed`: the key may not.
  virtual void search(const std::string& text,
                      std::function<void(Result<std::vector<SearchHit>>)> done) = 0;
};

/// What changed, as the engine tells it: each bar once in its newest form, in order of key.
struct Publication {
  std::vector<model::Bar> bars;
  std::vector<model::Trade> trades;  ///< The newest ones, in log order.
  std::vector<model::Control> controls;
  Position position;  ///< Everything up to here is applied.
};

/// Bars worked out anew from the log. The one exception: called on the workers' thread. Each gives
/// a JSON object as openapi.yaml has it, less what every answer begins with; `invalid` when the
/// question is larger than one answer may be.
class Proofs {
 public:
  virtual ~Proofs() = default;

  struct Range {
    std::string symbol;
    std::optional<model::Interval> interval;  ///< Nothing: every interval.
    model::EventTime from, to;                ///< Of starts, [from, to).
    size_t limit = 0;                         ///< Differences listed.
  };
  virtual Result<std::string> verify(const Range& range) = 0;
  /// `limit`: rows of each list.
  virtual Result<std::string> explain(const model::BarKey& key, size_t limit) = 0;
};

/// The dead letters that entered the log later, as a checkpoint of the store tells; nothing when it
/// cannot be read. Pure; called on any thread.
using ReplayedOf = std::function<std::optional<ReplayedSets>(const store::Checkpoint&)>;

/// A thread for work that may take longer than the loop can wait: queries of store and log.
class Workers {
 public:
  virtual ~Workers() = default;
  /// Runs `job` later, one at a time. False when too many wait already; the job is then dropped.
  virtual bool run(std::function<void()> job) = 0;
};

}  // namespace tapeline::serve
