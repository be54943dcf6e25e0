#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>
#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "engine/content.h"
#include "engine/world.h"
#include "model/conditions.h"
#include "model/session.h"

namespace tapeline::engine {
namespace {

using std::chrono::milliseconds;
using testing::Habits;
using testing::World;

constexpr std::string_view kTable = "test 1 12:V 16:- 20:H 24:LHVx 30:cHV 32:cHV";
constexpr std::string_view kConditions[] = {"", "", "12", "16", "20", "24", "30", "32", "30,12"};
/// 2024-01-03 and the next day, 14:29:59Z: a second before the regular session.
constexpr int64_t kDaysMs[] = {1'704'292'199'000, 1'704'378'599'000};

struct Step {
  int day = 0;
  int ms = 0;  ///< After the day's beginning above, in steps of 250 ms.
  int price = 1;
  int volume = 1;
  int conditions = 0;
};

void showValue(const Step& step, std::ostream& out) {
  out << "day " << step.day << " +" << step.ms << " price " << step.price << " volume "
      << step.volume << " [" << kConditions[step.conditions] << "]\n";
}

struct Record {
  int64_t event_ms = 0;
  int64_t sequence = 0;
  int price = 0;
  int volume = 0;
  model::Rights rights;
  model::Session session = model::Session::regular;
  auto order() const { return std::tie(event_ms, sequence); }
};

std::vector<std::string_view> codes_of(const Step& step) {
  std::vector<std::string_view> out;
  std::string_view rest = kConditions[step.conditions];
  while (!rest.empty()) {
    out.push_back(rest.substr(0, rest.find(',')));
    rest.remove_prefix(std::min(rest.size(), out.back().size() + 1));
  }
  return out;
}

model::Decimal decimal(int value) {
  return {value, 0};
}

void add_setting(World& world, std::string_view key, std::string_view value) {
  model::Control control;
  control.kind = model::ControlKind::setting;
  control.detail = std::string(key) + "=" + std::string(value);
  world.add(control);
}

void add_trade(World& world, const Step& step, int64_t sequence, std::string_view source) {
  const std::vector<std::string_view> codes = codes_of(step);
  codec::TradeView view;
  view.symbol = "AAPL";
  view.event_time = model::EventTime(milliseconds(kDaysMs[step.day] + step.ms));
  view.ingest_time = model::IngestTime(view.event_time);
  view.price = decimal(step.price);
  view.volume = decimal(step.volume);
  view.source = source;
  view.epoch = 1;
  view.sequence = sequence;
  view.conditions = codec::ConditionsView(codes);
  world.add(view);
}

/// The rules said plainly: every bar is worked out from all trades of its window and its day.
class PlainEligible {
 public:
  explicit PlainEligible(const std::vector<Step>& steps) {
    const auto table = model::ConditionTable::parse(kTable).value();
    model::VenueCalendar calendar(model::VenueClass::stock);
    int64_t sequence = 0;
    for (const Step& step : steps) {
      Record record{kDaysMs[step.day] + step.ms, ++sequence, step.price, step.volume, {}, {}};
      model::Verdict verdict;
      for (const std::string_view code : codes_of(step)) verdict &= table.of(code);
      const model::EventTime time{milliseconds(record.event_ms)};
      record.session = calendar.session(time, verdict.mark);
      record.rights = verdict.rights;
      const bool misplaced = verdict.mark == model::SessionMark::extended &&
                             calendar.session(time) == model::Session::regular;
      if (misplaced) record.rights = model::Rights(0);
      records_.push_back(record);
    }
    std::ranges::sort(records_,
                      [](const Record& a, const Record& b) { return a.order() < b.order(); });
  }

  std::string bar(model::Interval interval, model::EventTime start, model::EventTime end) const {
    const bool day = interval == model::parse_interval("1d");
    std::vector<const Record*> all, ranged, last;
    int64_t volume = 0, notional = 0, count = 0, excluded = 0;
    for (const Record& record : records_) {
      const model::EventTime time{milliseconds(record.event_ms)};
      if (time < start || time >= end) continue;
      if (day && record.session != model::Session::regular) continue;
      all.push_back(&record);
      if (record.rights.high_low()) ranged.push_back(&record);
      if (record.rights.last() || opens_day(record)) last.push_back(&record);
      if (record.rights.volume()) volume += record.volume;
      if (record.rights.volume()) notional += int64_t{record.volume} * record.price;
      count += record.rights != model::Rights(0);
      // What only the order of the day decides is taken away all the same.
      excluded += !record.rights.all();
    }
    std::string prices = "none";
    if (!last.empty()) {
      const auto [low, high] = std::ranges::minmax_element(
          ranged, [](const Record* a, const Record* b) { return a->price < b->price; });
      prices = fmt::format("{} {} {} {}", last.front()->price, (*high)->price, (*low)->price,
                           last.back()->price);
    }
    return fmt::format("{} v={} n={} count={} excluded={}", prices, volume, notional, count,
                       excluded);
  }

 private:
  bool opens_day(const Record& record) const {
    if (!record.rights.last_if_only() || record.session != model::Session::regular) return false;
    const int64_t day = record.event_ms / 86'400'000;
    for (const Record& other : records_) {
      if (other.session != model::Session::regular || other.event_ms / 86'400'000 != day) continue;
      const bool counts = other.rights.last() || other.rights.last_if_only();
      if (counts && other.order() < record.order()) return false;
    }
    return true;
  }

  std::vector<Record> records_;
};

std::string said(const model::Bar& bar) {
  const auto price = [](const std::optional<model::Decimal>& value) { return to_text(*value); };
  const std::string prices = bar.open ? fmt::format("{} {} {} {}", price(bar.open), price(bar.high),
                                                    price(bar.low), price(bar.close))
                                      : std::string(to_string(bar.priced_by));
  return fmt::format("{} v={} n={} count={} excluded={}", prices, to_text(bar.volume),
                     to_text(bar.notional), bar.trade_count, bar.excluded_count);
}

rc::Gen<std::vector<Step>> steps() {
  return rc::gen::container<std::vector<Step>>(rc::gen::build<Step>(
      rc::gen::set(&Step::day, rc::gen::inRange(0, 2)),
      rc::gen::set(&Step::ms, rc::gen::map(rc::gen::inRange(0, 24), [](int n) { return n * 250; })),
      rc::gen::set(&Step::price, rc::gen::inRange(1, 20)),
      rc::gen::set(&Step::volume, rc::gen::inRange(1, 9)),
      rc::gen::set(&Step::conditions, rc::gen::inRange(0, 9))));
}

/// Laws 3 and 4 for basis `eligible`: each bar is that of the set of its day's trades, however the
/// engine commits and restarts.
RC_GTEST_PROP(Eligible, AgreesWithThePlainRules, ()) {
  const auto log = *steps();
  const auto habits = *rc::gen::elementOf(testing::all_habits());
  RC_TAG(std::string(habits.name));
  World world(habits);
  add_setting(world, kConditionsKey, kTable);
  int64_t sequence = 0;
  for (const Step& step : log) add_trade(world, step, ++sequence, "test");
  const PlainEligible plain(log);
  size_t bars = 0;
  for (const auto& [key, bar] : world.eligible_bars()) {
    ++bars;
    const std::string where =
        fmt::format("{} {}", model::to_text(key.interval), key.start.time_since_epoch().count());
    RC_ASSERT(where + " " + said(bar) == where + " " + plain.bar(key.interval, key.start, bar.end));
  }
  RC_ASSERT(bars == world.bars().size());
}

/// Law 4: each trade has a source of its own, so that every order of arrival is possible.
RC_GTEST_PROP(Eligible, DoesNotDependOnTheOrderOfArrival, ()) {
  const auto log = *steps();
  std::vector<size_t> order(log.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  const auto content = [&] {
    World world(Habits{});
    add_setting(world, kConditionsKey, kTable);
    for (const size_t i : order) add_trade(world, log[i], 1, fmt::format("s{:04}", i));
    std::string out;
    for (const auto& [key, bar] : world.eligible_bars())
      out += fmt::format("{} {} {}\n", model::to_text(key.interval),
                         key.start.time_since_epoch().count(), said(bar));
    return out;
  };
  const std::string in_order = content();
  for (size_t i = order.size(); i > 1; --i)
    std::swap(order[i - 1], order[*rc::gen::inRange<size_t>(0, i)]);
  RC_ASSERT(content() == in_order);
}

}  // namespace
}  // namespace tapeline::engine
