#include "simulation/laws.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <tuple>

#include "engine/world.h"
#include "model/venue.h"

namespace tapeline::simulation {
namespace {

using model::ControlKind;

constexpr size_t kToldMax = 5;
/// The feed acts on a subscription this much later than the client's record of it, at most.
constexpr int64_t kSubscribeSlackMs = 3'000;
/// Trades older than this when they are sent are late by the feed's doing: no gap tells of them.
constexpr int64_t kFreshMs = 500;
/// The clock's records are a second apart.
constexpr int64_t kTickMaxMs = 1'500;
/// Frames that repeat one another come this close on a connection, unless reading was paused.
constexpr int64_t kRepeatUs = 4'000'000;

int64_t ms_of(model::EventTime time) {
  return time.time_since_epoch().count();
}
int64_t us_of(model::IngestTime time) {
  return time.time_since_epoch().count();
}

int64_t hundredths(const model::Decimal& value) {
  int64_t out = value.mantissa;
  for (int scale = value.scale; scale < 2; ++scale) out *= 10;
  return out;
}

int64_t whole(const model::Decimal& value) {
  return value.scale == 0 ? value.mantissa : -1;
}

/// An order of trades that is ours: by event time, then identity.
using Key = std::tuple<int64_t, std::string, int64_t, int64_t>;
Key key_of(const model::Trade& trade) {
  return {ms_of(trade.event_time), trade.id.source, trade.id.epoch, trade.id.sequence};
}

/// Windows of such a symbol are not simply multiples of their length.
bool has_sessions(std::string_view symbol) {
  return model::venue_class(symbol) == model::VenueClass::stock;
}

struct Window {
  std::map<Key, const model::Trade*> trades;
  std::map<Key, const model::Trade*> updates;
  int64_t suspects = 0;
  int64_t revision = 0;
  bool final = false;
};

/// One connection, by its records.
struct Epoch {
  int64_t opened_us = 0;
  int64_t last_us = 0;  ///< The last thing known to have come.
  int64_t trades = 0;
  int64_t sequence = 0;
  std::set<std::string> subscribed;
  std::map<int64_t, int64_t> seen_us;  ///< Numbers of its trades.
};

/// [first, second) in milliseconds.
using Spans = std::vector<std::pair<int64_t, int64_t>>;

int64_t ceil_ms(model::IngestTime time) {
  return std::chrono::ceil<std::chrono::milliseconds>(time).time_since_epoch().count();
}

/// What of [from, to) lies in one of the spans, which may overlap.
int64_t length_within(Spans spans, int64_t from, int64_t to) {
  std::sort(spans.begin(), spans.end());
  int64_t length = 0;
  for (const auto& [begin, end] : spans) {
    from = std::max(from, begin);
    length += std::max<int64_t>(0, std::min(end, to) - from);
    from = std::max(from, std::min(end, to));
  }
  return length;
}

struct SymbolState {
  std::string source;
  int64_t greatest_ms = INT64_MIN / 2;
  int64_t given_ms = INT64_MIN / 2;
};

class Checker {
 public:
  explicit Checker(const Evidence& evidence) : evidence_(evidence) {}

  std::vector<std::string> run() {
    replay();
    check_bars();
    check_plain_bars();
    check_gaps();
    check_interruptions();
    check_clock();
    check_received();
    check_flow();
    return told_;
  }

 private:
  using WindowKey = std::tuple<std::string, int64_t, int64_t>;  // symbol, interval, start

  template <typename... Args>
  void broken(fmt::format_string<Args...> format, Args&&... args) {
    if (told_.size() < kToldMax) told_.push_back(fmt::format(format, std::forward<Args>(args)...));
  }

  int64_t watermark(const SymbolState& symbol) const {
    int64_t watermark = symbol.greatest_ms - evidence_.settings.disorder_ms;
    const auto tick = ticks_.find(symbol.source);
    if (tick != ticks_.end()) watermark = std::max(watermark, tick->second);
    return watermark;
  }

  void replay() {
    std::set<std::tuple<std::string, int64_t, int64_t>> ids;
    std::map<int64_t, int64_t> logged;
    for (const Record& record : evidence_.records) {
      if (record.kind == codec::EntryKind::control) take(record.control, record.position);
      if (record.kind != codec::EntryKind::trade) continue;
      const model::Trade& trade = record.trade;
      if (!ids.emplace(trade.id.source, trade.id.epoch, trade.id.sequence).second)
        broken("nothing twice: the log holds trade {} {} {} again at {}", trade.id.source,
               trade.id.epoch, trade.id.sequence, record.position.raw());
      const int64_t number = number_of(trade);
      const auto offered = evidence_.offered.find(number);
      if (offered == evidence_.offered.end()) {
        broken("nothing invented: the feed never made trade {} at {}", number,
               record.position.raw());
        continue;
      }
      const Offered& made = offered->second;
      if (made.symbol != trade.symbol || made.event_ms != ms_of(trade.event_time) ||
          made.price != hundredths(trade.price) || made.volume != whole(trade.volume))
        broken("nothing distorted: trade {} differs from what was sent", number);
      if (++logged[number] > made.sent)
        broken("nothing twice: trade {} was sent {} times and logged {} times", number, made.sent,
               logged[number]);
      check_identity(trade, number);
      take(trade);
    }
    for (const auto& [number, count] : logged) received_.insert(number);
  }

  void take(const model::Trade& trade) {
    SymbolState& symbol = symbols_[trade.symbol];
    if (symbol.source.empty()) symbol.source = trade.id.source;
    const int64_t event_ms = ms_of(trade.event_time);
    symbol.greatest_ms = std::max(symbol.greatest_ms, event_ms);
    if (has_sessions(trade.symbol)) return;
    for (const int64_t interval : evidence_.settings.intervals_ms) {
      const int64_t start = event_ms / interval * interval;
      Window& window = windows_[{trade.symbol, interval, start}];
      (trade.is_price_update() ? window.updates : window.trades).emplace(key_of(trade), &trade);
      window.suspects += (trade.flags & model::kRepeated) != 0;
      if (watermark(symbol) >= start + interval) ++window.revision;
    }
  }

  /// Sequences count the elements of an epoch, rejected ones too; what comes was asked for; and of
  /// equal frames of one connection all but the first are marked.
  void check_identity(const model::Trade& trade, int64_t number) {
    if (evidence_.damaged) return;
    const auto at = epochs_.find(trade.id.epoch);
    if (at == epochs_.end())
      return broken("identity: trade {} is of epoch {}, which never began", number, trade.id.epoch);
    Epoch& epoch = at->second;
    const int64_t least = ++epoch.trades;
    if (trade.id.sequence <= epoch.sequence || trade.id.sequence < least ||
        trade.id.sequence > least + evidence_.elements_spoilt)
      broken("identity: trade {}, number {} of epoch {}, has sequence {} after {}", number, least,
             trade.id.epoch, trade.id.sequence, epoch.sequence);
    epoch.sequence = trade.id.sequence;
    epoch.last_us = std::max(epoch.last_us, us_of(trade.ingest_time));
    if (!epoch.subscribed.contains(trade.symbol))
      broken("quiet is not blind: trade {} of {} is logged before its subscription", number,
             trade.symbol);
    const auto [seen, first] = epoch.seen_us.emplace(number, us_of(trade.ingest_time));
    const bool marked = (trade.flags & model::kRepeated) != 0;
    if (marked == first && us_of(trade.ingest_time) - seen->second < kRepeatUs)
      broken("nothing twice: trade {}, {} in epoch {}, {} as repeated", number,
             first ? "new" : "seen before", trade.id.epoch, marked ? "is marked" : "is not marked");
  }

  void take(const model::Control& control, Position position) {
    switch (control.kind) {
      case ControlKind::tick:
        if (control.to) ticks_ms_.push_back(us_of(*control.to) / 1'000);
        if (const auto epoch = epochs_.find(control.epoch); control.from && epoch != epochs_.end())
          epoch->second.last_us = std::max(epoch->second.last_us, us_of(*control.from));
        if (control.lag_ms.value_or(0) > evidence_.settings.latency_bound_ms) return;
        if (control.to) {
          int64_t& tick = ticks_.emplace(control.source, INT64_MIN / 2).first->second;
          tick = std::max(tick, us_of(*control.to) / 1'000 - evidence_.settings.latency_bound_ms -
                                    evidence_.settings.disorder_ms);
        }
        return;
      case ControlKind::gap:
        gaps_.push_back(
            {control.source, control.symbol, *control.from, *control.to, control.detail, position});
        return;
      case ControlKind::subscribed:
        symbols_[*control.symbol].source = control.source;
        epochs_[control.epoch].subscribed.insert(*control.symbol);
        covered_[*control.symbol].push_back({ceil_ms(control.ingest_time), INT64_MAX});
        return;
      case ControlKind::epoch_closed:
      case ControlKind::epoch_opened:
        if (control.kind == ControlKind::epoch_opened) open(control);
        for (auto& [name, symbol] : symbols_) {
          auto& spans = covered_[name];
          if (symbol.source == control.source && !spans.empty() && spans.back().second == INT64_MAX)
            spans.back().second = us_of(control.ingest_time) / 1'000;
        }
        return;
      case ControlKind::setting:
        // Before the first trade; what a damaged log has of it later is for windows to come.
        intervals_known_ = intervals_known_ ||
                           (windows_.empty() && control.detail.starts_with("engine.intervals="));
        return;
      default:
        return;
    }
  }

  void open(const model::Control& control) {
    if (!epochs_.empty() && control.epoch <= epochs_.rbegin()->first)
      broken("identity: epoch {} begins after epoch {}", control.epoch, epochs_.rbegin()->first);
    Epoch& epoch = epochs_[control.epoch];
    epoch.opened_us = epoch.last_us = us_of(control.ingest_time);
  }

  void check_bars() {
    std::set<WindowKey> seen;
    for (const model::Bar& bar : evidence_.bars) {
      const WindowKey key{bar.key.symbol, bar.key.interval.ms(), ms_of(bar.key.start)};
      if (bar.key.basis != model::Basis::all || has_sessions(bar.key.symbol)) continue;
      const std::string name =
          fmt::format("{} {} ms {}", bar.key.symbol, bar.key.interval.ms(), ms_of(bar.key.start));
      if (!seen.insert(key).second) broken("each bar once: {}", name);
      const auto at = windows_.find(key);
      if (at == windows_.end()) {
        if (!evidence_.damaged)
          broken("nothing invented: the store has bar {}, the log none", name);
        continue;
      }
      // Records that cannot be read any more are in bars that took them before.
      if (!evidence_.damaged) check_bar(bar, at->second, name);
    }
    for (const auto& [key, window] : windows_)
      if (!seen.contains(key) && intervals_known_)
        broken("nothing lost: the store lacks bar {} {} ms {}", std::get<0>(key), std::get<1>(key),
               std::get<2>(key));
  }

  /// What conditions and a market's hours make of bars, in both bases, member by member.
  void check_plain_bars() {
    if (evidence_.damaged) return;
    const auto text = [](const std::vector<model::Bar>& bars) {
      std::map<model::BarKey, std::string> out;
      for (const model::Bar& bar : bars)
        if (has_sessions(bar.key.symbol)) out[bar.key] = engine::testing::describe(bar);
      return out;
    };
    const auto stored = text(evidence_.bars);
    const auto plain = text(evidence_.plain_bars);
    for (const auto& [key, bar] : plain) {
      const auto at = stored.find(key);
      if (at == stored.end())
        broken("nothing lost: the store lacks bar {}", bar);
      else if (at->second != bar)
        broken("a function of the log: bar {} is {} by the plain implementation", at->second, bar);
    }
    for (const auto& [key, bar] : stored)
      if (!plain.contains(key)) broken("nothing invented: the log has no bar {}", bar);
  }

  void check_bar(const model::Bar& bar, const Window& window, const std::string& name) {
    const auto same = [&](const char* what, int64_t got, int64_t want) {
      if (got != want)
        broken("a function of the log: bar {} has {} {}, not {}", name, what, got, want);
    };
    same("trades", bar.trade_count, static_cast<int64_t>(window.trades.size()));
    same("updates", bar.price_update_count, static_cast<int64_t>(window.updates.size()));
    same("suspects", bar.suspect_duplicate_count, window.suspects);
    same("revision", bar.revision, window.revision);
    const SymbolState& symbol = symbols_[bar.key.symbol];
    same("final", bar.final,
         watermark(symbol) >= ms_of(bar.key.start) + bar.key.interval.ms() ? 1 : 0);
    const auto& priced = window.trades.empty() ? window.updates : window.trades;
    if (priced.empty() || !bar.open || !bar.close || !bar.high || !bar.low)
      return broken("a function of the log: bar {} has no prices", name);
    same("open", hundredths(*bar.open), hundredths(priced.begin()->second->price));
    same("close", hundredths(*bar.close), hundredths(priced.rbegin()->second->price));
    int64_t high = 0;
    int64_t low = INT64_MAX;
    model::Int128 volume = 0;
    model::Int128 notional = 0;
    for (const auto& [key, trade] : priced) {
      high = std::max(high, hundredths(trade->price));
      low = std::min(low, hundredths(trade->price));
    }
    for (const auto& [key, trade] : window.trades) {
      volume += whole(trade->volume);
      notional += static_cast<model::Int128>(whole(trade->volume)) * hundredths(trade->price);
    }
    same("high", hundredths(*bar.high), high);
    same("low", hundredths(*bar.low), low);
    constexpr auto kUnit = static_cast<model::Int128>(1'000'000'000'000'000'000);
    if (bar.volume.units() != volume * kUnit)
      broken("a function of the log: bar {} has another volume", name);
    if (bar.notional.units() != notional * (kUnit / 100))
      broken("a function of the log: bar {} has another notional", name);
    check_certificate(bar, window, name);
  }

  void check_certificate(const model::Bar& bar, const Window& window, const std::string& name) {
    const SymbolState& symbol = symbols_[bar.key.symbol];
    const int64_t start = ms_of(bar.key.start) * 1'000;
    const int64_t end = start + bar.key.interval.ms() * 1'000;
    const bool gap = std::any_of(gaps_.begin(), gaps_.end(), [&](const model::Gap& g) {
      return g.source == symbol.source && us_of(g.from) < end && us_of(g.to) > start;
    });
    // Within a millisecond of an edge the product rounds to the gap's favour.
    const bool gap_wide = std::any_of(gaps_.begin(), gaps_.end(), [&](const model::Gap& g) {
      return g.source == symbol.source && us_of(g.from) < end + 1'000 &&
             us_of(g.to) > start - 1'000;
    });
    if (bar.gap != gap && bar.gap != gap_wide)
      broken("quiet is not blind: bar {} says gap {}, the log {}", name, bar.gap, gap);
    auto first = window.trades.empty() ? window.updates.begin() : window.trades.begin();
    if (!window.trades.empty() && !window.updates.empty() &&
        window.updates.begin()->first < first->first)
      first = window.updates.begin();
    if (bar.first_id != first->second->id)
      broken("a function of the log: bar {} begins with another trade", name);
    if (!bar.final) return;
    const int64_t covered = covered_ms(bar);
    if (bar.coverage_ms.value_or(-1) != covered)
      broken("quiet is not blind: bar {} is covered for {} ms, the log says {}", name,
             bar.coverage_ms.value_or(-1), covered);
  }

  /// Connected and subscribed, and in no gap.
  int64_t covered_ms(const model::Bar& bar) const {
    const auto spans = covered_.find(bar.key.symbol);
    if (spans == covered_.end()) return -1;
    Spans gaps;
    for (const model::Gap& gap : gaps_) gaps.emplace_back(us_of(gap.from) / 1'000, ceil_ms(gap.to));
    const int64_t start = ms_of(bar.key.start);
    const int64_t end = start + bar.key.interval.ms();
    int64_t covered = 0;
    for (const auto& [from, to] : spans->second) {
      const int64_t begin = std::max(from, start);
      const int64_t stop = std::min(to, end);
      if (begin < stop) covered += stop - begin - length_within(gaps, begin, stop);
    }
    return covered;
  }

  void check_gaps() {
    std::map<int64_t, const model::Gap*> stored;
    for (const model::Gap& gap : evidence_.gaps) stored[gap.position.raw()] = &gap;
    for (const model::Gap& gap : gaps_) {
      const auto at = stored.find(gap.position.raw());
      if (at == stored.end() || at->second->from != gap.from || at->second->to != gap.to ||
          at->second->cause != gap.cause)
        broken("quiet is not blind: gap of position {} ({}) is not in the store",
               gap.position.raw(), gap.cause);
    }
    if (stored.size() != gaps_.size() && !evidence_.damaged)
      broken("nothing invented: the store has {} gaps, the log {}", stored.size(), gaps_.size());
  }

  /// Between two connections nothing can have come: that is a gap, also over a crash.
  void check_interruptions() {
    if (evidence_.damaged) return;
    Spans gaps;
    for (const model::Gap& gap : gaps_)
      if (!gap.symbol) gaps.emplace_back(us_of(gap.from), us_of(gap.to));
    for (auto epoch = epochs_.begin(); epoch != epochs_.end(); ++epoch) {
      const auto next = std::next(epoch);
      if (next == epochs_.end()) return;
      const int64_t from = epoch->second.last_us;
      const int64_t to = next->second.opened_us;
      if (length_within(gaps, from, to) < to - from)
        broken("quiet is not blind: epoch {} ended at {} us, epoch {} began at {} us; gaps:{}",
               epoch->first, from, next->first, to, gaps_near(to / 1'000));
    }
  }

  /// Without a fault the clock's records come in time, so that silence closes windows.
  void check_clock() {
    int64_t last = evidence_.calm_from_ms;
    ticks_ms_.push_back(evidence_.end_ms);
    for (const int64_t tick : ticks_ms_) {
      if (tick < evidence_.calm_from_ms) continue;
      if (tick > last + kTickMaxMs)
        broken("the clock goes on: no tick between {} and {} ms", last, tick);
      last = tick;
    }
  }

  bool in_gap(const std::string& source, int64_t at_ms) const {
    return std::any_of(gaps_.begin(), gaps_.end(), [&](const model::Gap& gap) {
      return gap.source == source && us_of(gap.from) <= at_ms * 1'000 &&
             at_ms * 1'000 < us_of(gap.to);
    });
  }

  /// Subscribed by the log's word, and for so long that the feed knows.
  bool covered(const std::string& symbol, int64_t at_ms) const {
    const auto spans = covered_.find(symbol);
    if (spans == covered_.end()) return false;
    return std::any_of(spans->second.begin(), spans->second.end(), [&](const auto& span) {
      return span.first + kSubscribeSlackMs <= at_ms && at_ms < span.second;
    });
  }

  void check_received() {
    if (evidence_.damaged) return;
    for (const auto& [number, offered] : evidence_.offered) {
      if (received_.contains(number) || offered.made_ms - offered.event_ms > kFreshMs) continue;
      if (offered.made_ms + kSubscribeSlackMs > evidence_.calm_to_ms) continue;
      if (!covered(offered.symbol, offered.event_ms)) continue;
      if (in_gap(offered.source, offered.event_ms)) continue;
      broken(
          "quiet is not blind: trade {} of {} at {} ms, sent {} times, was not received; gaps "
          "near it:{}",
          number, offered.symbol, offered.event_ms, offered.sent, gaps_near(offered.event_ms));
    }
  }

  std::string gaps_near(int64_t at_ms) const {
    constexpr int64_t kNearUs = 15'000'000;
    std::string out;
    for (const model::Gap& gap : gaps_)
      if (us_of(gap.to) > at_ms * 1'000 - kNearUs && us_of(gap.from) < at_ms * 1'000 + kNearUs)
        out +=
            fmt::format(" [{}, {}) {}", us_of(gap.from) / 1'000, us_of(gap.to) / 1'000, gap.cause);
    return out.empty() ? " none" : out;
  }

  void check_flow() {
    std::set<std::string> wanted;
    std::set<std::string> flowing;
    for (const auto& [number, offered] : evidence_.offered) {
      wanted.insert(offered.symbol);
      if (received_.contains(number) && offered.made_ms > evidence_.calm_from_ms)
        flowing.insert(offered.symbol);
    }
    for (const std::string& symbol : wanted)
      if (!flowing.contains(symbol))
        broken("it goes on: no trade of {} after the faults ended", symbol);
    for (const store::SymbolRow& row : evidence_.symbols)
      if (row.state != "subscribed") broken("it goes on: {} is {}", row.symbol, row.state);
  }

  const Evidence& evidence_;
  std::vector<std::string> told_;
  bool intervals_known_ = false;
  std::map<WindowKey, Window> windows_;
  std::map<std::string, SymbolState> symbols_;
  std::map<std::string, int64_t> ticks_;  ///< Watermarks by source.
  std::vector<model::Gap> gaps_;
  std::map<std::string, Spans> covered_;
  std::set<int64_t> received_;
  std::map<int64_t, Epoch> epochs_;
  std::vector<int64_t> ticks_ms_;
};

}  // namespace

int64_t number_of(const model::Trade& trade) {
  const int64_t volume = whole(trade.volume);
  return volume != 0 ? volume : hundredths(trade.price) - kUpdatePriceBase;
}

std::vector<std::string> violations(const Evidence& evidence) {
  return Checker(evidence).run();
}

}  // namespace tapeline::simulation
