// The engine and the plain implementation (src/verify) know nothing of each other; they must agree.
// rapidcheck prints the seed of a failure; run again with RC_PARAMS="reproduce=…".
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

#include "engine/steps.h"
#include "engine/world.h"
#include "verify/plain.h"

namespace tapeline::app {
namespace {

using engine::testing::Records;
using engine::testing::Step;
using engine::testing::World;

/// Of each case: the library's hundred cases are too few for these two, and all that the dearer
/// properties beside them can afford.
constexpr int kLogs = 10;

std::string describe(const verify::PlainBars& plain) {
  std::string out;
  std::map<model::BarKey, model::Bar> bars;
  for (const auto& [key, bar] : plain.bars()) {
    bars[key] = plain.present(key, bar);
    model::BarKey eligible = key;
    eligible.basis = model::Basis::eligible;
    if (verify::PlainBars::is_restricted(bar)) bars[eligible] = plain.present(eligible, bar);
  }
  return engine::testing::describe(bars);
}

/// Both go through the log; the engine by these habits.
void expect_agreement(const std::vector<Step>& log, const engine::testing::Habits& habits) {
  World world(habits);
  verify::PlainBars plain({});
  Records records;
  Position position(0, 0);
  const auto apply = [&](codec::EntryView entry) {
    position = position.plus(1);
    plain.apply(entry, position);
  };
  for (const Step& step : log) {
    records.make(
        step,
        [&](const codec::TradeView& trade) {
          codec::EntryView entry;
          entry.trade = trade;
          apply(entry);
          world.add(trade);
        },
        [&](const model::Control& control) {
          codec::EntryView entry;
          entry.kind = codec::EntryKind::control;
          entry.control = control;
          apply(entry);
          world.add(control);
        });
  }
  RC_TAG(std::string(habits.name));
  RC_ASSERT(engine::testing::describe(world.committed_bars()) == describe(plain));
}

/// Laws 3 and 4 and the rules of lateness and coverage: the engine agrees with the plain
/// implementation in every bar of both bases, open, final or revised, however it commits and
/// restarts.
RC_GTEST_PROP(Agreement, OfEngineAndPlainImplementation, ()) {
  for (int i = 0; i < kLogs; ++i)
    expect_agreement(*engine::testing::mixed_logs(),
                     *rc::gen::elementOf(engine::testing::all_habits()));
}

/// The same of one stock whose trades nearly all have conditions, on a few days.
RC_GTEST_PROP(Agreement, OfEngineAndPlainImplementationInConditions, ()) {
  for (int i = 0; i < kLogs; ++i)
    expect_agreement(*engine::testing::conditional_logs(),
                     *rc::gen::elementOf(engine::testing::all_habits()));
}

}  // namespace
}  // namespace tapeline::app
