#include "serve/stream.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "serve/json.h"
#include "serve/limits.h"
#include "serve/parameters.h"
#include "serve/status_json.h"

namespace tapeline::serve {
namespace {

constexpr std::chrono::milliseconds kStatusInterval{1'000};
constexpr int kGoingAway = 1001;

/// head `,"name":[` items `]}`
template <typename Items, typename Append>
std::string message(std::string head, std::string_view name, const Items& items,
                    const Append& append) {
  head += ',';
  JsonWriter(head).key(name).array(items, append);
  head += '}';
  return head;
}

}  // namespace

Stream::Stream(const Options& options, Identity identity, Ports ports)
    : sessions_max_(static_cast<size_t>(options.sessions_max)),
      interval_(options.push_interval_ms),
      identity_(std::move(identity)),
      ports_(ports),
      self_(std::make_shared<Stream*>(this)) {}

Stream::~Stream() {
  stop();
}

void Stream::stop() {
  if (stopped_) return;
  stopped_ = true;
  push_timer_.cancel();
  status_timer_.cancel();
  for (auto& [id, session] : sessions_) {
    session->socket->on_message = nullptr;
    session->socket->on_drained = nullptr;
    session->socket->on_closed = nullptr;
    session->socket->close(kGoingAway, "Tapeline is stopping");
  }
  sessions_.clear();
  channels_.clear();
  changed_.clear();
  self_.reset();
}

Stream::Session* Stream::find(uint64_t id) {
  const auto at = sessions_.find(id);
  return at == sessions_.end() ? nullptr : at->second.get();
}

void Stream::send(Session& session, std::string text) {
  session.socket->send(std::make_shared<const std::string>(std::move(text)));
}

void Stream::send_error(Session& session, std::string_view code, std::string_view message) {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  json.key("type").text("error").key("code").text(code).key("message").text(message);
  json.end_object();
  send(session, std::move(text));
}

std::string Stream::hello() const {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  json.key("type").text("hello");
  json.key("version").number(1);
  json.key("feed").text(identity_.feed);
  json.key("label").text(identity_.label);
  json.key("simulated").boolean(identity_.simulated);
  json.key("subscriptions_max").number(static_cast<int64_t>(kSubscriptionsMax));
  json.end_object();
  return text;
}

std::string Stream::status_message() const {
  std::string text = "{\"type\":\"status\",";
  append_status(text, ports_.status.status(), identity_, ports_.hub, sessions_.size(),
                ports_.loop.clock().wall());
  text += '}';
  return text;
}

void Stream::open(std::shared_ptr<net::WebSocketSession> socket) {
  const uint64_t id = next_id_++;
  // The removal waits for its turn: a session may close while it is being sent to.
  const std::weak_ptr<Stream*> self = self_;
  socket->on_message = [this, id](std::string_view text) { receive(id, text); };
  socket->on_drained = [this, id] { catch_up(id); };
  socket->on_closed = [self, id, &loop = ports_.loop](int) {
    loop.post([self, id] {
      if (const auto stream = self.lock()) (*stream)->remove(id);
    });
  };
  auto session = std::make_unique<Session>();
  session->socket = std::move(socket);
  send(*session, hello());
  sessions_.emplace(id, std::move(session));
  ports_.events.session_opened(sessions_.size());
}

void Stream::remove(uint64_t id) {
  Session* session = find(id);
  if (session == nullptr) return;
  while (!session->subscriptions.empty())
    unsubscribe(id, *session, Topic(session->subscriptions.begin()->first));
  session->socket->on_message = nullptr;
  session->socket->on_drained = nullptr;
  sessions_.erase(id);
  ports_.events.session_closed(sessions_.size());
}

void Stream::receive(uint64_t id, std::string_view text) {
  Session* session = find(id);
  if (session == nullptr) return;
  if (text.size() > kStreamMessageBytesMax)
    return send_error(*session, "invalid",
                      fmt::format("a message has at most {} bytes", kStreamMessageBytesMax));
  auto parsed = parse_flat_object(text);
  if (!parsed) return send_error(*session, "invalid", parsed.error().message());
  std::map<std::string, std::string>& members = parsed.value();

  const std::string& op = members["op"];
  const std::string& channel = members["channel"];
  if (op != "subscribe" && op != "unsubscribe")
    return send_error(*session, "invalid", "'op' must be subscribe or unsubscribe");
  Topic topic;
  if (channel == "bars" || channel == "trades") {
    topic.kind = channel == "bars" ? Kind::bars : Kind::trades;
    topic.symbol = members["symbol"];
    if (const auto why = why_no_symbol(topic.symbol)) return send_error(*session, "invalid", *why);
  } else if (channel != "status") {
    return send_error(*session, "invalid", "'channel' must be bars, trades or status");
  }
  if (topic.kind == Kind::bars) {
    const auto interval = model::parse_interval(members["interval"]);
    if (!interval)
      return send_error(*session, "invalid", "'interval' must be one such as 1s, 1m, 5m, 1h, 1d");
    topic.interval = *interval;
    const std::string& basis = members["basis"];
    if (basis == "eligible")
      topic.basis = model::Basis::eligible;
    else if (!basis.empty() && basis != "all")
      return send_error(*session, "invalid", "'basis' must be all or eligible");
  }
  if (op == "subscribe") return subscribe(id, *session, topic);
  unsubscribe(id, *session, topic);
  send(*session, head_of("unsubscribed", topic) + "}");
}

/// `{"type":"bars","symbol":"AAPL","interval":"1m","basis":"all"`; of others than changes with its
/// channel.
std::string Stream::head_of(std::string_view type, const Topic& topic) {
  constexpr std::string_view kNames[] = {"bars", "trades", "status"};
  const std::string_view channel = kNames[static_cast<size_t>(topic.kind)];
  std::string text = "{";
  JsonWriter json(text);
  json.key("type").text(type);
  if (type != channel) json.key("channel").text(channel);
  if (topic.kind == Kind::status) return text;
  json.key("symbol").text(topic.symbol);
  if (topic.kind == Kind::trades) return text;
  json.key("interval").text(model::to_text(topic.interval));
  json.key("basis").text(model::to_string(topic.basis));
  return text;
}

/// `pieces`: bars by start, each encoded.
template <typename Pieces>
std::string Stream::bars_message(const Topic& topic, const Pieces& pieces) {
  return message(head_of("bars", topic), "bars", pieces,
                 [](std::string& out, const auto& piece) { out += *piece.second; });
}

/// `pieces`: trades, each encoded. `skipped` is left out when it is none.
template <typename Pieces>
std::string Stream::trades_message(const Topic& topic, const Pieces& pieces, int64_t skipped) {
  std::string text = message(head_of("trades", topic), "trades", pieces,
                             [](std::string& out, const auto& piece) { out += *piece; });
  if (skipped == 0) return text;
  text.pop_back();
  fmt::format_to(std::back_inserter(text), ",\"skipped\":{}}}", skipped);
  return text;
}

void Stream::subscribe(uint64_t id, Session& session, const Topic& topic) {
  const bool known = session.subscriptions.contains(topic);
  if (!known && session.subscriptions.size() >= kSubscriptionsMax)
    return send_error(session, "full",
                      fmt::format("a stream has at most {} subscriptions; unsubscribe from some, "
                                  "or open another stream",
                                  kSubscriptionsMax));
  if (topic.kind == Kind::bars) {
    const auto kept = ports_.status.status().intervals;
    if (!kept.empty() && std::find(kept.begin(), kept.end(), topic.interval) == kept.end())
      return send_error(session, "not_found",
                        fmt::format("bars of {} are not kept; add the interval to "
                                    "engine.intervals",
                                    model::to_text(topic.interval)));
  }
  send(session, head_of("subscribed", topic) + "}");
  if (known) return;

  Subscription& subscription = session.subscriptions[topic];
  subscription.number = next_id_++;
  channels_[topic].subscribers.insert(id);
  switch (topic.kind) {
    case Kind::bars:
      begin_snapshot(id, topic, subscription);
      break;
    case Kind::trades:
      send_trade_snapshot(session, topic);
      break;
    case Kind::status:
      send(session, status_message());
      if (!status_timer_.active())
        status_timer_ = ports_.loop.after(kStatusInterval, [this] { push_status(); });
      break;
  }
}

void Stream::unsubscribe(uint64_t id, Session& session, const Topic& topic) {
  if (session.subscriptions.erase(topic) == 0) return;
  const auto channel = channels_.find(topic);
  channel->second.subscribers.erase(id);
  if (!channel->second.subscribers.empty()) return;
  channels_.erase(channel);
  changed_.erase(topic);
}

void Stream::begin_snapshot(uint64_t id, const Topic& topic, Subscription& subscription) {
  // Everything that changes from now on is kept back until the snapshot is out, so that what is
  // stored while it is read is missed by neither.
  subscription.waiting = true;
  subscription.lost = false;
  subscription.bars.clear();
  const store::BarQuery query{.symbol = topic.symbol,
                              .interval = topic.interval,
                              .basis = topic.basis,
                              .limit = kSnapshotBars,
                              .newest = true};
  const auto job = [self = std::weak_ptr<Stream*>(self_), &loop = ports_.loop,
                    &queries = ports_.queries, query, newer = ports_.hub.view().newer(query), id,
                    topic, number = subscription.number] {
    auto bars = queries.bars(query, newer);
    Result<std::string> text = std::string();
    if (bars)
      text = message(head_of("snapshot", topic), "bars", bars.value(), append_bar);
    else
      text = bars.error();
    loop.post([self, id, topic, number, text = std::move(text)] {
      if (const auto stream = self.lock()) (*stream)->finish_snapshot(id, topic, number, text);
    });
  };
  if (ports_.workers.run(job)) return;
  ports_.events.query_refused();
  ports_.loop.post([self = std::weak_ptr<Stream*>(self_), id, topic, number = subscription.number] {
    if (const auto stream = self.lock())
      (*stream)->finish_snapshot(
          id, topic, number,
          make_error(ErrorCode::unavailable, "too many queries wait; subscribe again in a moment"));
  });
}

void Stream::finish_snapshot(uint64_t id, const Topic& topic, uint64_t number,
                             Result<std::string> text) {
  Session* session = find(id);
  if (session == nullptr) return;
  const auto at = session->subscriptions.find(topic);
  if (at == session->subscriptions.end() || at->second.number != number) return;
  if (!text) {
    send_error(*session, to_string(text.error().code()), text.error().message());
    return unsubscribe(id, *session, topic);
  }
  send(*session, std::move(text).value());
  at->second.waiting = false;
  catch_up(id, *session, topic, at->second);
}

void Stream::send_trade_snapshot(Session& session, const Topic& topic) {
  send(session,
       message(head_of("snapshot", topic), "trades", ports_.hub.tape(topic.symbol), append_trade));
}

void Stream::publish(const Publication& publication) {
  if (channels_.empty()) return;
  Topic topic{.kind = Kind::bars, .symbol = "", .interval = {}, .basis = {}};
  for (const model::Bar& bar : publication.bars) {
    topic.symbol = bar.key.symbol;
    topic.interval = bar.key.interval;
    topic.basis = bar.key.basis;
    take_bar(topic, bar);
    if (bar.key.basis != model::Basis::all) continue;
    // A bar of `eligible` has a form of its own only where it differs, and that comes behind.
    topic.basis = model::Basis::eligible;
    take_bar(topic, bar);
  }
  topic = {.kind = Kind::trades, .symbol = "", .interval = {}, .basis = {}};
  for (const model::Trade& trade : publication.trades) {
    topic.symbol = trade.symbol;
    const auto found = channels_.find(topic);
    if (found == channels_.end()) continue;
    Channel& channel = found->second;
    channel.trades.push_back(trade);
    if (channel.trades.size() > kTradesPerMessage) {
      channel.trades.pop_front();
      ++channel.skipped;
    }
    changed_.insert(topic);
  }
  if (!changed_.empty()) schedule();
}

void Stream::take_bar(const Topic& topic, const model::Bar& bar) {
  const auto found = channels_.find(topic);
  if (found == channels_.end()) return;
  Channel& channel = found->second;
  changed_.insert(topic);
  if (channel.overflowed) return;
  channel.bars.insert_or_assign(bar.key.start, bar).first->second.key.basis = topic.basis;
  if (channel.bars.size() <= kBacklogBarsMax) return;
  channel.overflowed = true;
  channel.bars.clear();
}

void Stream::schedule() {
  if (push_timer_.active()) return;
  const auto since = ports_.loop.clock().boot() - last_push_;
  if (since >= interval_) return push();
  push_timer_ = ports_.loop.after(interval_ - since, [this] {
    push_timer_.cancel();
    push();
  });
}

void Stream::push() {
  last_push_ = ports_.loop.clock().boot();
  const std::set<Topic> changed = std::exchange(changed_, {});
  for (const Topic& topic : changed) {
    const auto channel = channels_.find(topic);
    if (channel == channels_.end()) continue;
    if (topic.kind == Kind::bars)
      push_bars(topic, channel->second);
    else
      push_trades(topic, channel->second);
  }
}

void Stream::begin_anew(const Topic& topic, Channel& channel) {
  channel.overflowed = false;
  for (const uint64_t id : channel.subscribers) {
    Subscription& subscription = find(id)->subscriptions.at(topic);
    if (subscription.waiting)
      subscription.lost = true;
    else
      begin_snapshot(id, topic, subscription);
  }
}

template <typename Make, typename Keep>
size_t Stream::share(const Topic& topic, const Channel& channel, const Make& make,
                     const Keep& keep) {
  Text shared;
  size_t sent = 0;
  for (const uint64_t id : channel.subscribers) {
    Session& session = *find(id);
    Subscription& subscription = session.subscriptions.at(topic);
    if (subscription.behind() || session.socket->queued_bytes() > kQueuedBytesBehind) {
      keep(subscription);
      continue;
    }
    if (!shared) shared = std::make_shared<const std::string>(make());
    session.socket->send(shared);
    ++sent;
  }
  ports_.events.messages_sent(sent);
  return sent;
}

void Stream::push_bars(const Topic& topic, Channel& channel) {
  // So much changed at once (a fast replay) that a snapshot is the shorter message.
  if (channel.overflowed) return begin_anew(topic, channel);
  std::map<model::EventTime, Text> pieces;
  for (const auto& [start, bar] : std::exchange(channel.bars, {})) {
    std::string text;
    append_bar(text, bar);
    pieces.emplace(start, std::make_shared<const std::string>(std::move(text)));
  }
  const auto make = [&] { return bars_message(topic, pieces); };
  share(topic, channel, make, [&](Subscription& subscription) {
    if (subscription.lost) return;
    const size_t before = subscription.bars.size();
    for (const auto& [start, piece] : pieces) subscription.bars.insert_or_assign(start, piece);
    ports_.events.bars_conflated(pieces.size() - (subscription.bars.size() - before));
    if (subscription.bars.size() <= kBacklogBarsMax) return;
    // More than a snapshot would be: it begins anew once there is room.
    subscription.bars.clear();
    subscription.lost = true;
  });
}

void Stream::push_trades(const Topic& topic, Channel& channel) {
  std::vector<Text> pieces;
  for (const model::Trade& trade : std::exchange(channel.trades, {})) {
    std::string text;
    append_trade(text, trade);
    pieces.push_back(std::make_shared<const std::string>(std::move(text)));
  }
  const int64_t skipped = std::exchange(channel.skipped, 0);
  const auto make = [&] { return trades_message(topic, pieces, skipped); };
  const size_t sent = share(topic, channel, make, [&](Subscription& subscription) {
    subscription.skipped += skipped;
    for (const Text& piece : pieces) subscription.trades.push_back(piece);
    while (subscription.trades.size() > kTradesPerMessage) {
      subscription.trades.pop_front();
      ++subscription.skipped;
    }
  });
  ports_.events.trades_skipped(skipped * static_cast<int64_t>(sent));
}

void Stream::push_status() {
  status_timer_.cancel();
  const auto channel = channels_.find(Topic{});
  if (channel == channels_.end()) return;
  const auto text = std::make_shared<const std::string>(status_message());
  size_t sent = 0;
  for (const uint64_t id : channel->second.subscribers) {
    Session& session = *find(id);
    // The next one says more than a late one.
    if (session.socket->queued_bytes() > kQueuedBytesBehind) continue;
    session.socket->send(text);
    ++sent;
  }
  ports_.events.messages_sent(sent);
  status_timer_ = ports_.loop.after(kStatusInterval, [this] { push_status(); });
}

void Stream::catch_up(uint64_t id) {
  Session* session = find(id);
  if (session == nullptr) return;
  for (auto& [topic, subscription] : session->subscriptions) {
    if (session->socket->queued_bytes() > kQueuedBytesBehind) return;
    catch_up(id, *session, topic, subscription);
  }
}

void Stream::catch_up(uint64_t id, Session& session, const Topic& topic,
                      Subscription& subscription) {
  if (subscription.waiting) return;
  if (subscription.lost) return begin_snapshot(id, topic, subscription);
  if (!subscription.bars.empty())
    send(session, bars_message(topic, std::exchange(subscription.bars, {})));
  if (!subscription.trades.empty()) {
    const int64_t skipped = std::exchange(subscription.skipped, 0);
    ports_.events.trades_skipped(skipped);
    send(session, trades_message(topic, std::exchange(subscription.trades, {}), skipped));
  }
}

}  // namespace tapeline::serve
