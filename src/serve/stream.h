#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "net/loop.h"
#include "net/server.h"
#include "serve/events.h"
#include "serve/hub.h"
#include "serve/options.h"
#include "serve/ports.h"
#include "serve/queries.h"

namespace tapeline::serve {

/// The push stream: sessions, their subscriptions, and what is sent when.
///
/// A subscription begins with a snapshot, then follows what changes. Changes are gathered for
/// `push_interval_ms`, encoded once and shared by all subscribers that keep up. For one whose
/// socket is behind (and one that waits for its snapshot) they are conflated: of a bar the newest
/// form, of trades the newest hundred with a count of those skipped.
///
/// Owned by the loop's thread; snapshots are read by the workers.
class Stream {
 public:
  /// All must outlive the stream.
  struct Ports {
    net::Loop& loop;
    Workers& workers;
    Queries& queries;
    StatusSource& status;
    const Hub& hub;
    Events& events;
  };
  Stream(const Options& options, Identity identity, Ports ports);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// True while another session is taken.
  bool has_room() const { return sessions_.size() < sessions_max_; }
  void open(std::shared_ptr<net::WebSocketSession> socket);

  /// After the hub took it in.
  void publish(const Publication& publication);

  size_t sessions() const { return sessions_.size(); }

  /// Closes every session. Idempotent.
  void stop();

 private:
  using Text = std::shared_ptr<const std::string>;
  enum class Kind { bars, trades, status };

  /// What can be subscribed to; symbol, interval and basis as the kind has them.
  struct Topic {
    Kind kind = Kind::status;
    std::string symbol;
    model::Interval interval;
    model::Basis basis = model::Basis::all;
    friend auto operator<=>(const Topic&, const Topic&) = default;
  };

  struct Subscription {
    bool waiting = false;  ///< For its snapshot.
    bool lost = false;     ///< The backlog overflowed: begins anew with a snapshot when it can.
    std::map<model::EventTime, Text> bars;  ///< Kept back, newest form of each.
    std::deque<Text> trades;                ///< Kept back, the newest ones.
    int64_t skipped = 0;
    uint64_t number = 0;  ///< Tells it from an earlier one of the same topic.

    bool behind() const { return waiting || lost || !bars.empty() || !trades.empty(); }
  };

  struct Session {
    std::shared_ptr<net::WebSocketSession> socket;
    std::map<Topic, Subscription> subscriptions;
  };

  /// A topic that somebody subscribes to, with what changed since it was last pushed.
  struct Channel {
    std::set<uint64_t> subscribers;
    std::map<model::EventTime, model::Bar> bars;
    bool overflowed = false;  ///< More bars changed than a message holds.
    std::deque<model::Trade> trades;
    int64_t skipped = 0;
  };

  void receive(uint64_t id, std::string_view text);
  void subscribe(uint64_t id, Session& session, const Topic& topic);
  void unsubscribe(uint64_t id, Session& session, const Topic& topic);
  void remove(uint64_t id);

  void begin_snapshot(uint64_t id, const Topic& topic, Subscription& subscription);
  void finish_snapshot(uint64_t id, const Topic& topic, uint64_t number, Result<std::string> text);
  void send_trade_snapshot(Session& session, const Topic& topic);

  void schedule();
  void push();
  void push_bars(const Topic& topic, Channel& channel);
  void begin_anew(const Topic& topic, Channel& channel);
  void push_trades(const Topic& topic, Channel& channel);
  /// Sends what `make` gives, one text for all, to the subscribers that keep up; calls `keep` with
  /// the subscription of each other one. How many it was sent to.
  template <typename Make, typename Keep>
  size_t share(const Topic& topic, const Channel& channel, const Make& make, const Keep& keep);
  void push_status();
  void catch_up(uint64_t id);
  void catch_up(uint64_t id, Session& session, const Topic& topic, Subscription& subscription);

  Session* find(uint64_t id);
  void take_bar(const Topic& topic, const model::Bar& bar);
  static void send(Session& session, std::string text);
  static void send_error(Session& session, std::string_view code, std::string_view message);
  /// The beginning of a message of a topic: all but what is in it, and the closing brace.
  static std::string head_of(std::string_view type, const Topic& topic);
  template <typename Pieces>
  static std::string bars_message(const Topic& topic, const Pieces& pieces);
  template <typename Pieces>
  static std::string trades_message(const Topic& topic, const Pieces& pieces, int64_t skipped);
  std::string hello() const;
  std::string status_message() const;

  const size_t sessions_max_;
  const std::chrono::milliseconds interval_;
  const Identity identity_;
  const Ports ports_;

  std::map<uint64_t, std::unique_ptr<Session>> sessions_;
  std::map<Topic, Channel> channels_;
  std::set<Topic> changed_;  ///< Channels with something to push.
  uint64_t next_id_ = 1;
  BootTime last_push_ = BootTime::min() / 2;  ///< Long ago: the first push waits for nothing.
  net::Timer push_timer_;
  net::Timer status_timer_;
  bool stopped_ = false;
  /// Callbacks that come later hold it weakly.
  std::shared_ptr<Stream*> self_;
};

}  // namespace tapeline::serve
