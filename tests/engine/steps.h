#pragma once

#include <rapidcheck.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "codec/entry.h"
#include "engine/content.h"
#include "model/control.h"

/// Random logs for properties: records in small numbers that rapidcheck can make and shrink.
namespace tapeline::engine::testing {

using model::Control;
using model::ControlKind;
using std::chrono::milliseconds;

/// Wednesday 2024-01-03 14:29:50 UTC: ten seconds before New York's market opens.
inline constexpr int64_t kBaseMs = 1'704'292'190'000;

enum class What {
  trade,
  replayed,  ///< A dead letter put in later: of few numbers, so that some come again.
  tick,
  lagging_tick,
  ended,
  opened,
  closed,
  subscribed,
  unsubscribed,
  gap,
  gap_of_symbol,
  intervals,
  disorder,
  calendar
};

/// One record, in small numbers that rapidcheck can make and shrink.
struct Step {
  What what = What::trade;
  int source = 0;
  int symbol = 0;
  int64_t ms = 0;  ///< After kBaseMs.
  int price = 1;
  int volume = 0;
  int sequence = 0;  ///< 0: the next one; else that.
  int epoch = 1;
  bool extended = false;
  bool repeated = false;
};

inline void showValue(const Step& step, std::ostream& out) {
  out << "{what " << static_cast<int>(step.what) << " source " << step.source << " symbol "
      << step.symbol << " ms " << step.ms << " price " << step.price << " volume " << step.volume
      << " sequence " << step.sequence << " epoch " << step.epoch
      << (step.extended ? " extended" : "") << (step.repeated ? " repeated" : "") << "}";
}

/// Times crowd in a few seconds, and now and then are minutes, hours or days away.
inline rc::Gen<int64_t> times() {
  const auto near =
      rc::gen::map(rc::gen::inRange<int64_t>(0, 60), [](int64_t n) { return n * 250; });
  return rc::gen::weightedOneOf<int64_t>(
      {{12, near},
       {3, rc::gen::map(rc::gen::inRange<int64_t>(-200, 200), [](int64_t n) { return n * 1'000; })},
       {2, rc::gen::map(rc::gen::inRange<int64_t>(-60, 60), [](int64_t n) { return n * 999'999; })},
       {1,
        rc::gen::map(rc::gen::inRange<int64_t>(-4, 4), [](int64_t n) { return n * 43'200'000; })}});
}

inline rc::Gen<Step> steps(std::vector<std::pair<size_t, What>> weights) {
  std::vector<std::pair<size_t, rc::Gen<What>>> kinds;
  for (const auto& [weight, what] : weights) kinds.emplace_back(weight, rc::gen::just(what));
  const auto kind = rc::gen::exec([kinds]() -> What {
    size_t total = 0;
    for (const auto& [weight, gen] : kinds) total += weight;
    size_t at = *rc::gen::inRange<size_t>(0, total);
    for (const auto& [weight, gen] : kinds) {
      if (at < weight) return *gen;
      at -= weight;
    }
    return What::trade;
  });
  return rc::gen::build<Step>(
      rc::gen::set(&Step::what, kind), rc::gen::set(&Step::source, rc::gen::inRange(0, 3)),
      rc::gen::set(&Step::symbol, rc::gen::inRange(0, 3)), rc::gen::set(&Step::ms, times()),
      rc::gen::set(&Step::price, rc::gen::inRange(1, 40)),
      rc::gen::set(&Step::volume, rc::gen::inRange(0, 4)),
      rc::gen::set(&Step::sequence, rc::gen::weightedOneOf<int>(
                                        {{9, rc::gen::just(0)}, {1, rc::gen::inRange(1, 20)}})),
      rc::gen::set(&Step::epoch, rc::gen::weightedElement<int>({{6, 2}, {1, 1}, {1, 3}})),
      rc::gen::set(&Step::extended, rc::gen::weightedElement<bool>({{5, false}, {1, true}})),
      rc::gen::set(&Step::repeated, rc::gen::weightedElement<bool>({{5, false}, {1, true}})));
}

/// Logs with everything that one can hold.
inline rc::Gen<std::vector<Step>> mixed_logs() {
  return rc::gen::container<std::vector<Step>>(steps({{24, What::trade},
                                                      {3, What::replayed},
                                                      {4, What::tick},
                                                      {1, What::lagging_tick},
                                                      {1, What::ended},
                                                      {1, What::opened},
                                                      {1, What::closed},
                                                      {3, What::subscribed},
                                                      {1, What::unsubscribed},
                                                      {2, What::gap},
                                                      {1, What::gap_of_symbol},
                                                      {1, What::intervals},
                                                      {1, What::disorder},
                                                      {1, What::calendar}}));
}

inline constexpr std::array<std::string_view, 3> kSources = {"feed", "recording:b", "a"};
inline constexpr std::array<std::string_view, 3> kSymbols = {"X:A", "BINANCE:B", "AAPL"};
inline constexpr std::array<std::string_view, 4> kIntervalSets = {"1s,1m,5m,1h,1d", "5s,1m",
                                                                  "1m,1h,1d", "1s,15s,30m,4h"};

/// By the second one the first day is a half day and the next one closed.
inline constexpr std::array<std::string_view, 2> kCalendars = {"none",
                                                               "test 1 2024-2024 2024:0103h,0104"};

inline model::IngestTime ingest_time(int64_t ms) {
  return model::IngestTime(milliseconds(kBaseMs + ms));
}

/// Steps as records; numbers trades as a source does.
class Records {
 public:
  /// Calls `trade(TradeView)` or `control(Control)`.
  template <typename OnTrade, typename OnControl>
  void make(const Step& step, OnTrade&& on_trade, OnControl&& on_control) {
    if (step.what == What::trade || step.what == What::replayed) {
      static constexpr std::array<std::string_view, 1> kExtended = {"24"};
      codec::TradeView trade;
      trade.symbol = kSymbols[static_cast<size_t>(step.symbol)];
      trade.price = {step.price, 0};
      trade.volume = {step.volume, 0};
      trade.event_time = model::EventTime(milliseconds(kBaseMs + step.ms));
      trade.ingest_time = ingest_time(step.ms);
      if (step.extended) trade.conditions = codec::ConditionsView(kExtended);
      trade.source = kSources[static_cast<size_t>(step.source)];
      trade.epoch = step.epoch;
      if (step.repeated) trade.flags = model::kRepeated;
      if (step.what == What::replayed) {
        trade.flags |= model::kReplayed;
        // An element was put aside or came in, never both: no trade has these numbers.
        trade.sequence = 1'000'000 + step.price % 8;
        on_trade(trade);
        return;
      }
      int64_t& next = next_[{step.source, step.epoch}];
      trade.sequence = step.sequence != 0 ? step.sequence : next + 1;
      next = std::max(next, trade.sequence);
      on_trade(trade);
      return;
    }
    on_control(control(step));
  }

 private:
  static Control control(const Step& step) {
    Control out;
    out.source = kSources[static_cast<size_t>(step.source)];
    out.epoch = step.epoch;
    out.ingest_time = ingest_time(step.ms);
    out.to = ingest_time(step.ms);
    switch (step.what) {
      case What::trade:
      case What::replayed:
      case What::tick:
      case What::lagging_tick:
        out.kind = ControlKind::tick;
        out.epoch = 0;
        if (step.what == What::lagging_tick) out.lag_ms = 1'000'000;
        break;
      case What::ended:
        out.kind = ControlKind::recording_ended;
        break;
      case What::opened:
        out.kind = ControlKind::epoch_opened;
        out.detail = "wall";
        break;
      case What::closed:
        out.kind = ControlKind::epoch_closed;
        break;
      case What::subscribed:
      case What::unsubscribed:
        out.kind =
            step.what == What::subscribed ? ControlKind::subscribed : ControlKind::unsubscribed;
        out.symbol = kSymbols[static_cast<size_t>(step.symbol)];
        break;
      case What::gap:
      case What::gap_of_symbol:
        out.kind = ControlKind::gap;
        out.from = ingest_time(step.ms);
        out.to = ingest_time(step.ms + step.price * 700);
        if (step.what == What::gap_of_symbol) {
          out.symbol = kSymbols[static_cast<size_t>(step.symbol)];
        }
        out.detail = "disconnect";
        break;
      case What::intervals:
        out.kind = ControlKind::setting;
        out.detail = std::string(kIntervalsKey) + "=" +
                     std::string(kIntervalSets[static_cast<size_t>(step.volume)]);
        break;
      case What::disorder:
        out.kind = ControlKind::setting;
        out.detail = std::string(kDisorderKey) + "=" + std::to_string(step.price * 100);
        break;
      case What::calendar:
        out.kind = ControlKind::setting;
        out.detail = std::string(kCalendarKey) + "=" + std::string(kCalendars[step.price % 2]);
        break;
    }
    return out;
  }

  std::map<std::pair<int, int>, int64_t> next_;
};

}  // namespace tapeline::engine::testing
