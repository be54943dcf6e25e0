// Law 3 over several engines: each is given the records of its symbols and all control records, as
// the partitions of a topic give them. rapidcheck prints the seed of a failure; run again with
// RC_PARAMS="reproduce=…".
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <array>
#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "engine/world.h"
#include "model/venue.h"

namespace tapeline::engine {
namespace {

using std::chrono::milliseconds;
using testing::Habits;
using testing::World;

/// Wednesday 2024-01-03 14:29:50 UTC: ten seconds before New York's market opens.
constexpr int64_t kBaseMs = 1'704'292'190'000;
constexpr std::array<std::string_view, 5> kSymbols = {"X:A", "BINANCE:B", "AAPL", "MSFT",
                                                      "OANDA:EUR_USD"};
constexpr std::array<std::string_view, 2> kSources = {"feed", "recording:b"};

/// Of stocks: as the first or only of the day, an odd lot, an average price, of extended hours.
constexpr std::array<std::string_view, 6> kConditions = {"", "", "30", "12", "2", "24"};

enum class What { trade, late_trade, repeat, tick, gap, opened, subscribed, ended, intervals };

struct Happening {
  What what = What::trade;
  int source = 0;
  int symbol = 0;
  int64_t ms = 0;
  int price = 1;
  int volume = 0;
  int conditions = 0;  ///< Index into kConditions.
};

void showValue(const Happening& one, std::ostream& out) {
  out << "{what " << static_cast<int>(one.what) << " source " << one.source << " symbol "
      << one.symbol << " ms " << one.ms << " price " << one.price << " volume " << one.volume
      << " conditions " << one.conditions << "}";
}

rc::Gen<Happening> happenings() {
  return rc::gen::build<Happening>(
      rc::gen::set(&Happening::what, rc::gen::weightedElement<What>({{16, What::trade},
                                                                     {4, What::late_trade},
                                                                     {2, What::repeat},
                                                                     {4, What::tick},
                                                                     {1, What::gap},
                                                                     {1, What::opened},
                                                                     {2, What::subscribed},
                                                                     {1, What::ended},
                                                                     {1, What::intervals}})),
      rc::gen::set(&Happening::source, rc::gen::weightedElement<int>({{4, 0}, {1, 1}})),
      rc::gen::set(&Happening::symbol, rc::gen::inRange(0, 5)),
      rc::gen::set(&Happening::ms, rc::gen::inRange<int64_t>(0, 3'000)),
      rc::gen::set(&Happening::price, rc::gen::inRange(1, 40)),
      rc::gen::set(&Happening::volume, rc::gen::inRange(0, 4)),
      rc::gen::set(&Happening::conditions,
                   rc::gen::inRange(0, static_cast<int>(kConditions.size()))));
}

/// One record of the log: a trade, which goes to its symbol's partition, or a control record.
struct Record {
  int symbol = -1;  ///< -1: every partition.
  std::string bytes;
};

/// Times go on with each record by up to three seconds; late trades are up to ten days older.
std::vector<Record> records_of(const std::vector<Happening>& log) {
  std::vector<Record> records;
  std::map<int, int64_t> sequences;
  std::map<int, int64_t> epochs = {{0, 1}, {1, 1}};
  int64_t now_ms = kBaseMs;
  const auto add_control = [&](const model::Control& control) {
    codec::EntryWriter writer;
    writer.add(control);
    records.push_back({-1, writer.take()});
  };
  model::Control table;
  table.kind = model::ControlKind::setting;
  table.detail = std::string(kConditionsKey) + "=test 1 2:HV 12:V 24:LHVx 30:cHV";
  add_control(table);
  for (const Happening& one : log) {
    now_ms += one.ms;
    const auto now = model::IngestTime(milliseconds(now_ms));
    model::Control control;
    control.source = kSources[static_cast<size_t>(one.source)];
    control.ingest_time = now;
    control.to = now;
    switch (one.what) {
      case What::trade:
      case What::late_trade: {
        codec::TradeView trade;
        trade.symbol = kSymbols[static_cast<size_t>(one.symbol)];
        const std::array codes = {kConditions[static_cast<size_t>(one.conditions)]};
        if (model::venue_class(trade.symbol) == model::VenueClass::stock && !codes[0].empty())
          trade.conditions = codec::ConditionsView(codes);
        trade.price = {one.price, 0};
        trade.volume = {one.volume, 0};
        const int64_t age_ms = one.what == What::late_trade ? one.ms * one.ms * 96 : one.ms % 800;
        trade.event_time = model::EventTime(milliseconds(now_ms - age_ms));
        trade.ingest_time = now;
        trade.source = kSources[static_cast<size_t>(one.source)];
        trade.epoch = epochs[one.source];
        trade.sequence = ++sequences[one.source];
        codec::EntryWriter writer;
        writer.add(trade);
        records.push_back({one.symbol, writer.take()});
        break;
      }
      case What::repeat:
        // A record that was sent again, as after an answer that was lost.
        if (!records.empty()) records.push_back(records[records.size() - 1]);
        break;
      case What::tick:
        control.kind = model::ControlKind::tick;
        control.epoch = epochs[one.source];
        control.from = now - milliseconds(one.ms % 900);
        add_control(control);
        break;
      case What::opened:
        // Nothing says that the one before was closed, as after a kill.
        control.kind = model::ControlKind::epoch_opened;
        control.epoch = ++epochs[one.source];
        control.detail = "wall";
        add_control(control);
        break;
      case What::gap:
        control.kind = model::ControlKind::gap;
        control.from = now - milliseconds(one.price * 700);
        control.detail = "disconnect";
        add_control(control);
        break;
      case What::subscribed:
        control.kind = model::ControlKind::subscribed;
        control.epoch = epochs[one.source];
        control.symbol = kSymbols[static_cast<size_t>(one.symbol)];
        add_control(control);
        break;
      case What::ended:
        control.kind = model::ControlKind::recording_ended;
        add_control(control);
        break;
      case What::intervals:
        control.kind = model::ControlKind::setting;
        control.detail =
            std::string(kIntervalsKey) + (one.volume % 2 == 0 ? "=1s,1m,5m,1h,1d" : "=5s,1m,4h");
        add_control(control);
        break;
    }
  }
  return records;
}

/// Every bar in every member but `through`.
std::string outcome(const std::vector<Record>& records, size_t partitions,
                    const std::vector<Habits>& habits) {
  std::vector<std::unique_ptr<World>> worlds;
  for (size_t i = 0; i < partitions; ++i)
    worlds.push_back(std::make_unique<World>(habits[i % habits.size()]));
  for (const Record& record : records) {
    for (size_t i = 0; i < partitions; ++i) {
      if (record.symbol < 0 || static_cast<size_t>(record.symbol) % partitions == i)
        worlds[i]->add_bytes(record.bytes);
    }
  }
  std::map<model::BarKey, model::Bar> bars;
  for (const auto& world : worlds) {
    for (const auto& [key, bar] : world->committed_bars()) {
      const bool fresh = bars.emplace(key, bar).second;
      RC_ASSERT(fresh);
    }
  }
  return testing::describe(bars);
}

RC_GTEST_PROP(EngineProperty, DoesNotDependOnTheNumberOfPartitions, ()) {
  const auto log = *rc::gen::container<std::vector<Happening>>(happenings());
  const auto partitions = *rc::gen::inRange<size_t>(1, 6);
  const auto habits =
      *rc::gen::container<std::vector<Habits>>(3, rc::gen::elementOf(testing::all_habits()));
  const std::vector<Record> records = records_of(log);
  RC_TAG(partitions);
  RC_ASSERT(outcome(records, partitions, habits) == outcome(records, 1, {Habits{}}));
}

}  // namespace
}  // namespace tapeline::engine
