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
  stepped,
  intervals,
  disorder,
  calendar,
  conditions
};

/// The conditions of a trade.
inline constexpr std::array<std::string_view, 9> kConditions = {"",   "24", "30", "32",   "30,12",
                                                                "12", "20", "16", "24,12"};

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
  int conditions = 0;  ///< Index into kConditions.
  bool repeated = false;
};

inline void showValue(const Step& step, std::ostream& out) {
  out << "{what " << static_cast<int>(step.what) << " source " << step.source << " symbol "
      << step.symbol << " ms " << step.ms << " price " << step.price << " volume " << step.volume
      << " sequence " << step.sequence << " epoch " << step.epoch << " conditions "
      << step.conditions << (step.repeated ? " repeated" : "") << "}";
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
      rc::gen::set(&Step::conditions,
                   rc::gen::weightedOneOf<int>(
                       {{1, rc::gen::just(0)},
                        {1, rc::gen::inRange(0, static_cast<int>(kConditions.size()))}})),
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
                                                      {1, What::stepped},
                                                      {1, What::intervals},
                                                      {1, What::disorder},
                                                      {1, What::calendar},
                                                      {2, What::conditions}}));
}

inline constexpr std::array<std::string_view, 3> kSymbols = {"X:A", "BINANCE:B", "AAPL"};

/// Logs of one stock with conditions, under a table that restricts: what they say of a day depends
/// on all of its trades.
inline rc::Gen<std::vector<Step>> conditional_logs() {
  const auto any = rc::gen::container<std::vector<Step>>(steps({{60, What::trade},
                                                                {6, What::replayed},
                                                                {6, What::tick},
                                                                {1, What::ended},
                                                                {1, What::gap},
                                                                {2, What::intervals},
                                                                {1, What::calendar},
                                                                {1, What::conditions}}));
  return rc::gen::map(any, [](std::vector<Step> log) {
    for (Step& step : log) {
      if (step.conditions == 0) step.conditions = step.price % static_cast<int>(kConditions.size());
      step.symbol = static_cast<int>(kSymbols.size()) - 1;
    }
    Step table;
    table.what = What::conditions;
    log.insert(log.begin(), table);
    return log;
  });
}

inline constexpr std::array<std::string_view, 3> kSources = {"feed", "recording:b", "a"};
inline constexpr std::array<std::string_view, 4> kIntervalSets = {"1s,1m,5m,1h,1d", "5s,1m",
                                                                  "1m,1h,1d", "1s,15s,30m,4h"};

/// By the second one the first day is a half day and the next one closed.
inline constexpr std::array<std::string_view, 2> kCalendars = {"none",
                                                               "test 1 2024-2024 2024:0103h,0104"};

/// What the codes of kConditions say; in some logs nothing.
inline constexpr std::array<std::string_view, 4> kTables = {
    "test 1 12:V 16:- 20:H 24:LHVx 30:cHV 32:cHV", "none", "test 2 12:LHV 30:cHV 32:Vz",
    "test 1 12:V 16:- 20:H 24:LHVx 30:cHV 32:cHV"};

inline std::vector<std::string_view> codes_of(std::string_view conditions) {
  std::vector<std::string_view> out;
  while (!conditions.empty()) {
    out.push_back(conditions.substr(0, conditions.find(',')));
    conditions.remove_prefix(std::min(conditions.size(), out.back().size() + 1));
  }
  return out;
}

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
      const auto codes = codes_of(kConditions[static_cast<size_t>(step.conditions)]);
      codec::TradeView trade;
      trade.symbol = kSymbols[static_cast<size_t>(step.symbol)];
      trade.price = {step.price, 0};
      trade.volume = {step.volume, 0};
      trade.event_time = model::EventTime(milliseconds(kBaseMs + step.ms));
      trade.ingest_time = ingest_time(step.ms);
      trade.conditions = codec::ConditionsView(codes);
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
      case What::stepped:
        out.kind = ControlKind::clock_stepped;
        out.from = ingest_time(step.ms + (step.price - 10) * 500);
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
      case What::conditions:
        out.kind = ControlKind::setting;
        out.detail = std::string(kConditionsKey) + "=" +
                     std::string(kTables[static_cast<size_t>(step.volume)]);
        break;
    }
    return out;
  }

  std::map<std::pair<int, int>, int64_t> next_;
};

}  // namespace tapeline::engine::testing
