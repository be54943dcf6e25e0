#include "app/damage.h"

#include <gtest/gtest.h>

#include "codec/entry.h"

namespace tapeline::app {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// A batch of ticks and trades of named sources.
class Records {
 public:
  Records& tick(const std::string& source, int64_t second) {
    model::Control control;
    control.kind = model::ControlKind::tick;
    control.source = source;
    control.to = model::IngestTime(seconds(second));
    writer_.add(control);
    return *this;
  }

  Records& trade(const std::string& source, int64_t event_second, int64_t ingest_second) {
    codec::TradeView trade;
    trade.symbol = "AAPL";
    trade.price = {1, 0};
    trade.source = source;
    trade.event_time = model::EventTime(seconds(event_second));
    trade.ingest_time = model::IngestTime(seconds(ingest_second));
    writer_.add(trade);
    return *this;
  }

  log::Batch batch() {
    const uint32_t count = writer_.count();
    return {Position(), count, std::make_shared<const std::string>(writer_.take())};
  }

 private:
  codec::EntryWriter writer_;
};

DamageWatch::Hole hole(const std::string& source, int64_t from, int64_t to) {
  return {source, model::IngestTime(seconds(from)), model::IngestTime(seconds(to))};
}

TEST(DamageWatch, FindsNothingInAWholeLog) {
  DamageWatch watch;
  watch.read(Records().tick("finnhub", 1).batch());
  EXPECT_TRUE(watch.take().empty());
}

TEST(DamageWatch, AHoleReachesFromTheLastRecordBeforeToTheFirstAfter) {
  DamageWatch watch;
  watch.read(Records().tick("finnhub", 1).trade("finnhub", 1, 2).batch());
  watch.damaged();
  watch.damaged();
  watch.read(Records().trade("finnhub", 4, 5).tick("finnhub", 6).batch());
  watch.read(Records().tick("finnhub", 9).batch());
  EXPECT_EQ(watch.take(), std::vector{hole("finnhub", 2, 5)});
  EXPECT_TRUE(watch.take().empty());
}

TEST(DamageWatch, ARecordingsTimeIsThatOfItsTrades) {
  DamageWatch watch;
  watch.read(Records().trade("recording:00", 100, 9'000).batch());
  watch.damaged();
  watch.read(Records().trade("recording:00", 130, 9'000).batch());
  EXPECT_EQ(watch.take(), std::vector{hole("recording:00", 100, 130)});
}

TEST(DamageWatch, ASourceOnOneSideOnlyHasAMoment) {
  DamageWatch watch;
  watch.read(Records().tick("a", 1).batch());
  watch.damaged();
  watch.read(Records().tick("b", 7).batch());
  EXPECT_EQ(watch.take(), (std::vector{hole("a", 1, 1), hole("b", 7, 7)}));
}

TEST(DamageWatch, DamageAtEitherEndOfTheLog) {
  DamageWatch watch;
  watch.damaged();
  watch.read(Records().tick("a", 1).batch());
  EXPECT_EQ(watch.take(), std::vector{hole("a", 1, 1)});
  watch.damaged();
  EXPECT_EQ(watch.take(), std::vector{hole("a", 1, 1)});
}

}  // namespace
}  // namespace tapeline::app
