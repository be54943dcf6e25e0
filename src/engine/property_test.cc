// Laws of the engine over random logs. rapidcheck prints the seed of a failure; run again with
// RC_PARAMS="reproduce=…".
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "engine/steps.h"
#include "engine/world.h"

namespace tapeline::engine {
namespace {

using model::Control;
using model::ControlKind;
using testing::Habits;
using testing::ingest_time;
using testing::kSources;
using testing::kSymbols;
using testing::Records;
using testing::Step;
using testing::steps;
using testing::What;
using testing::World;

/// Each property takes more logs than the library's hundred, unless RC_PARAMS says otherwise.
[[maybe_unused]] const int kParametersSet = setenv("RC_PARAMS", "max_success=1000", 0);

/// A bar without its certificate.
std::string describe_history(model::Bar bar) {
  bar.coverage_kind = model::CoverageKind::unknown;
  bar.coverage_ms.reset();
  bar.gap = false;
  return testing::describe(bar);
}

/// Law 3 with everything that a log can hold: bars, certificates, gaps and symbols.
RC_GTEST_PROP(EngineProperty, DoesNotDependOnHowItCommitsAndRestarts, ()) {
  const auto log = *testing::mixed_logs();
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
