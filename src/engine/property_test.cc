// Laws of the engine over random logs. rapidcheck prints the seed of a failure; run again with
// RC_PARAMS="reproduce=…".
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <array>
#include <cstdlib>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "engine/world.h"
#include "model/session.h"

namespace tapeline::engine {
namespace {

using model::Control;
using model::ControlKind;
using std::chrono::milliseconds;
using testing::Habits;
using testing::World;

/// Each property takes more logs than the library's hundred, unless RC_PARAMS says otherwise.
[[maybe_unused]] const int kParametersSet = setenv("RC_PARAMS", "max_success=1000", 0);

/// Wednesday 2024-01-03 14:29:50 UTC: ten seconds before New York's market opens.
constexpr int64_t kBaseMs = 1'704'292'190'000;

enum class What {
  trade,
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
  disorder
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
};

void showValue(const Step& step, std::ostream& out) {
  out << "{what " << static_cast<int>(step.what) << " source " << step.source << " symbol "
      << step.symbol << " ms " << step.ms << " price " << step.price << " volume " << step.volume
      << " sequence " << step.sequence << " epoch " << step.epoch
      << (step.extended ? " extended" : "") << "}";
}

/// Times crowd in a few seconds, and now and then are minutes, hours or days away.
rc::Gen<int64_t> times() {
  const auto near =
      rc::gen::map(rc::gen::inRange<int64_t>(0, 60), [](int64_t n) { return n * 250; });
  return rc::gen::weightedOneOf<int64_t>(
      {{12, near},
       {3, rc::gen::map(rc::gen::inRange<int64_t>(-200, 200), [](int64_t n) { return n * 1'000; })},
       {2, rc::gen::map(rc::gen::inRange<int64_t>(-60, 60), [](int64_t n) { return n * 999'999; })},
       {1,
        rc::gen::map(rc::gen::inRange<int64_t>(-4, 4), [](int64_t n) { return n * 43'200'000; })}});
}

rc::Gen<Step> steps(std::vector<std::pair<size_t, What>> weights) {
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
      rc::gen::set(&Step::extended, rc::gen::weightedElement<bool>({{5, false}, {1, true}})));
}

constexpr std::array<std::string_view, 3> kSources = {"feed", "recording:b", "a"};
constexpr std::array<std::string_view, 3> kSymbols = {"X:A", "BINANCE:B", "AAPL"};
constexpr std::array<std::string_view, 4> kIntervalSets = {"1s,1m,5m,1h,1d", "5s,1m", "1m,1h,1d",
                                                           "1s,15s,30m,4h"};

model::IngestTime ingest_time(int64_t ms) {
  return model::IngestTime(milliseconds(kBaseMs + ms));
}

/// Steps as records; numbers trades as a source does.
class Records {
 public:
  /// Calls `trade(TradeView)` or `control(Control)`.
  template <typename OnTrade, typename OnControl>
  void make(const Step& step, OnTrade&& on_trade, OnControl&& on_control) {
    if (step.what == What::trade) {
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
    }
    return out;
  }

  std::map<std::pair<int, int>, int64_t> next_;
};

/// Everything of a bar that the model below speaks of.
std::string describe_history(model::Bar bar) {
  bar.coverage_kind = model::CoverageKind::unknown;
  bar.coverage_ms.reset();
  bar.gap = false;
  return testing::describe(bar);
}

/// The engine's rules, said as plainly as possible: every bar keeps all its records, every record
/// looks at every bar.
class PlainModel {
 public:
  void trade(const codec::TradeView& trade) {
    const std::string source(trade.source);
    const auto id = std::pair(trade.epoch, trade.sequence);
    if (trade.epoch < newest_epoch_[source]) return;
    if (highest_.contains(source) && id <= highest_[source]) return;
    highest_[source] = id;
    const std::string symbol(trade.symbol);
    if (owner_.contains(symbol) && owner_[symbol] != source) keep_watermark(symbol);
    owner_[symbol] = source;
    close(symbol);
    for (const model::Interval interval : model::known_intervals()) {
      if (!kIntervals.contains(std::string(model::to_text(interval)))) continue;
      merge(trade, interval);
    }
    const int64_t event_ms = trade.event_time.time_since_epoch().count();
    raise(watermark_, symbol, event_ms - kDisorderDefaultMs);
    close(symbol);
  }

  void control(const Control& control) {
    if (control.kind == ControlKind::epoch_opened) {
      newest_epoch_[control.source] = std::max(newest_epoch_[control.source], control.epoch);
    }
    if (control.kind == ControlKind::tick && control.lag_ms.value_or(0) <= 2'000) {
      const int64_t clock_ms =
          std::chrono::floor<milliseconds>(*control.to).time_since_epoch().count();
      raise(tick_watermark_, control.source,
            clock_ms - kLatencyBoundDefaultMs - kDisorderDefaultMs);
      for (const auto& [symbol, owner] : owner_) close(symbol);
    }
    if (control.kind == ControlKind::recording_ended) {
      for (auto& [key, bar] : bars_) {
        if (owner_[key.symbol] == control.source) bar.final = true;
      }
    }
  }

  std::string describe() const {
    std::string out;
    for (const auto& [key, bar] : bars_) out += describe_history(present(key, bar)) + "\n";
    return out;
  }

 private:
  inline static const std::set<std::string> kIntervals = {"1s", "1m", "5m", "1h", "1d"};

  struct Record {
    model::EventTime time;
    model::TradeId id;
    model::Decimal price, volume;
    auto order() const { return std::tie(time, id); }
  };
  struct ModelBar {
    model::EventTime end;
    std::vector<Record> records;
    bool final = false;
    int64_t revision = 0;
  };

  template <typename Map>
  static void raise(Map& map, const std::string& key, int64_t value) {
    const auto [at, fresh] = map.try_emplace(key, value);
    at->second = std::max(at->second, value);
  }

  int64_t watermark(const std::string& symbol) {
    int64_t out = INT64_MIN;
    if (watermark_.contains(symbol)) out = watermark_[symbol];
    const std::string& owner = owner_[symbol];
    if (tick_watermark_.contains(owner)) out = std::max(out, tick_watermark_[owner]);
    return out;
  }

  void keep_watermark(const std::string& symbol) { raise(watermark_, symbol, watermark(symbol)); }

  void close(const std::string& symbol) {
    for (auto& [key, bar] : bars_) {
      if (key.symbol == symbol && bar.end.time_since_epoch().count() <= watermark(symbol)) {
        bar.final = true;
      }
    }
  }

  void merge(const codec::TradeView& trade, model::Interval interval) {
    model::VenueCalendar calendar(model::venue_class(trade.symbol));
    const model::Window window = calendar.window(trade.event_time, interval);
    const std::string symbol(trade.symbol);
    const auto [at, fresh] = bars_.try_emplace({symbol, interval, window.start, {}});
    ModelBar& bar = at->second;
    if (fresh) {
      bar.end = window.end;
      bar.final = window.end.time_since_epoch().count() <= watermark(symbol);
    }
    bar.records.push_back({trade.event_time,
                           {std::string(trade.source), trade.epoch, trade.sequence},
                           trade.price,
                           trade.volume});
    if (bar.final) ++bar.revision;
  }

  static model::Bar present(const model::BarKey& key, const ModelBar& bar) {
    std::vector<Record> all = bar.records;
    std::sort(all.begin(), all.end(),
              [](const Record& a, const Record& b) { return a.order() < b.order(); });
    model::Bar out;
    out.key = key;
    out.end = bar.end;
    std::vector<Record> trades, updates;
    for (const Record& record : all) {
      (record.volume.mantissa == 0 ? updates : trades).push_back(record);
      out.volume.add(record.volume);
      out.notional.add_product(record.price, record.volume);
    }
    const std::vector<Record>& priced = trades.empty() ? updates : trades;
    out.priced_by = trades.empty() ? model::PricedBy::updates : model::PricedBy::trades;
    out.open = priced.front().price;
    out.close = priced.back().price;
    const auto [low, high] = std::minmax_element(
        priced.begin(), priced.end(),
        [](const Record& a, const Record& b) { return model::compare(a.price, b.price) < 0; });
    out.low = low->price;
    out.high = high->price;
    out.trade_count = static_cast<int64_t>(trades.size());
    out.price_update_count = static_cast<int64_t>(updates.size());
    out.first_id = all.front().id;
    out.last_id = all.back().id;
    out.final = bar.final;
    out.revision = bar.revision;
    return out;
  }

  std::map<model::BarKey, ModelBar> bars_;
  std::map<std::string, int64_t> watermark_, tick_watermark_, newest_epoch_;
  std::map<std::string, std::string> owner_;
  std::map<std::string, std::pair<int64_t, int64_t>> highest_;
};

/// Law 3 and the rules of lateness: the engine agrees with the plain model in every bar, open,
/// final or revised, however it commits and restarts.
RC_GTEST_PROP(EngineProperty, AgreesWithThePlainModel, ()) {
  const auto log = *rc::gen::container<std::vector<Step>>(steps({{20, What::trade},
                                                                 {4, What::tick},
                                                                 {1, What::lagging_tick},
                                                                 {1, What::ended},
                                                                 {1, What::opened}}));
  const auto habits = *rc::gen::elementOf(testing::all_habits());
  World world(habits);
  PlainModel plain;
  Records records;
  for (Step step : log) {
    step.symbol %= 2;  // Stocks' days show one session, of which the model knows nothing.
    records.make(
        step,
        [&](const codec::TradeView& trade) {
          plain.trade(trade);
          world.add(trade);
        },
        [&](const Control& control) {
          plain.control(control);
          world.add(control);
        });
  }
  std::string bars;
  for (const auto& [key, bar] : world.committed_bars()) bars += describe_history(bar) + "\n";
  RC_TAG(std::string(habits.name));
  RC_ASSERT(bars == plain.describe());
}

/// Law 3 with everything that a log can hold: bars, certificates, gaps and symbols.
RC_GTEST_PROP(EngineProperty, DoesNotDependOnHowItCommitsAndRestarts, ()) {
  const auto log = *rc::gen::container<std::vector<Step>>(steps({{24, What::trade},
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
                                                                 {1, What::disorder}}));
  const auto outcome = [&](const Habits& habits) {
    World world(habits);
    Records records;
    for (const Step& step : log) {
      records.make(
          step, [&](const codec::TradeView& trade) { world.add(trade); },
          [&](const Control& control) { world.add(control); });
    }
    std::string out = testing::describe(world.committed_bars());
    const auto gaps =
        world.reader().gaps("", model::IngestTime::min(), model::IngestTime::max(), 0).value();
    for (const model::Gap& gap : gaps) {
      out += gap.source + " gap " + std::to_string(gap.position.raw()) + "\n";
    }
    for (const store::SymbolRow& row : world.reader().symbols().value()) {
      out += row.symbol + " " + row.state + " " + std::to_string(row.position.raw()) + "\n";
    }
    for (const std::string& setting : world.engine().settings()) out += setting + "\n";
    return out;
  };
  const auto habits = *rc::gen::elementOf(testing::all_habits());
  RC_TAG(std::string(habits.name));
  RC_ASSERT(outcome(habits) == outcome(Habits{}));
}

/// Law 4: the content of a bar is a function of the set of its trades. Each trade has a source of
/// its own here, so that every order of arrival is possible. A symbol that is subscribed keeps its
/// source, so that its trades are summed up together; else it changes hands at each trade.
RC_GTEST_PROP(EngineProperty, ContentDoesNotDependOnTheOrderOfArrival, ()) {
  auto log = *rc::gen::container<std::vector<Step>>(steps({{1, What::trade}}));
  const bool subscribed = *rc::gen::arbitrary<bool>();
  const auto content = [subscribed](const std::vector<std::pair<size_t, Step>>& arrivals) {
    World world(Habits{});
    for (const std::string_view symbol : kSymbols) {
      if (!subscribed) break;
      Control control;
      control.kind = ControlKind::subscribed;
      control.source = kSources.front();
      control.symbol = symbol;
      control.ingest_time = ingest_time(0);
      world.add(control);
    }
    for (const auto& [number, step] : arrivals) {
      Records records;
      const std::string source = "s" + std::to_string(number);
      records.make(
          step,
          [&](codec::TradeView trade) {
            trade.source = source;
            world.add(trade);
          },
          [](const Control&) {});
    }
    std::string out;
    for (auto [key, bar] : world.committed_bars()) {
      bar.revision = 0;
      bar.final = false;
      out += describe_history(bar) + "\n";
    }
    return out;
  };
  std::vector<std::pair<size_t, Step>> arrivals;
  for (size_t i = 0; i < log.size(); ++i) arrivals.emplace_back(i, log[i]);
  auto order = *rc::gen::arbitrary<std::vector<uint32_t>>();
  auto permuted = arrivals;
  for (size_t i = 0; i < order.size() && i < permuted.size(); ++i) {
    std::swap(permuted[i], permuted[order[i] % permuted.size()]);
  }
  RC_ASSERT(content(permuted) == content(arrivals));
}

}  // namespace
}  // namespace tapeline::engine
