#include "store/live_view.h"

#include <gtest/gtest.h>

#include "contract/store_samples.h"
#include "store/memory/store.h"

namespace tapeline::store {
namespace {

class LiveViewTest : public testing::Test {
 protected:
  /// "start:through" of each bar of the answer.
  std::string answer(const BarQuery& query) {
    std::string text;
    const auto bars = merge(*reader_, query, view_.newer(query));
    for (const model::Bar& bar : bars.value())
      text += std::to_string(bar.key.start.time_since_epoch().count() / 1'000) + ":" +
              std::to_string(bar.through.ordinal()) + " ";
    return text;
  }

  void write(int64_t start_s, uint64_t through) {
    Commit commit;
    commit.bars = {sample_row("A", kSecond, start_s * 1'000, through)};
    ASSERT_TRUE(writer_->write(commit).ok());
  }
  void put(int64_t start_s, uint64_t through) {
    view_.put({sample_row("A", kSecond, start_s * 1'000, through).bar});
  }

  const std::unique_ptr<Store> store_ = make_memory_store();
  const std::unique_ptr<Writer> writer_ = store_->open_writer().value();
  const std::unique_ptr<Reader> reader_ = store_->open_reader().value();
  LiveView view_;
  const BarQuery all_{.symbol = "A", .interval = kSecond};
};

TEST_F(LiveViewTest, NewerFormsCoverStoredOnesAndNewBarsJoinInOrder) {
  write(1, 10);
  write(3, 10);
  put(3, 12);
  put(2, 11);
  put(4, 13);
  view_.put({sample_row("B", kSecond, 5'000, 14).bar});
  EXPECT_EQ(answer(all_), "1:10 2:11 3:12 4:13 ");
}

TEST_F(LiveViewTest, AnOlderFormNeverCoversANewerOne) {
  write(1, 10);
  put(1, 9);
  EXPECT_EQ(answer(all_), "1:10 ");
  put(2, 20);
  put(2, 19);
  EXPECT_EQ(answer(all_), "1:10 2:20 ");
}

TEST_F(LiveViewTest, WhatTheStoreHasIsDropped) {
  put(1, 10);
  put(2, 11);
  write(1, 10);
  view_.stored(Position(1, 10));
  EXPECT_EQ(view_.size(), 1u);
  EXPECT_EQ(view_.find(sample_row("A", kSecond, 1'000, 0).bar.key), nullptr);
  EXPECT_NE(view_.find(sample_row("A", kSecond, 2'000, 0).bar.key), nullptr);
  EXPECT_EQ(answer(all_), "1:10 2:11 ");
}

TEST_F(LiveViewTest, LimitsCutTheMergedAnswer) {
  for (const int64_t start : {1, 3, 5}) write(start, 10);
  for (const int64_t start : {2, 4, 6}) put(start, 11);
  BarQuery query = all_;
  query.limit = 3;
  EXPECT_EQ(answer(query), "1:10 2:11 3:10 ");
  query.newest = true;
  EXPECT_EQ(answer(query), "4:11 5:10 6:11 ");
  query.to = at_ms(6'000);
  EXPECT_EQ(answer(query), "3:10 4:11 5:10 ");
  query.newest = false;
  query.from = at_ms(2'000);
  EXPECT_EQ(answer(query), "2:11 3:10 4:11 ");
}

TEST_F(LiveViewTest, WhatIsStoredBetweenLookingAndReadingIsNotLost) {
  put(1, 10);
  put(2, 11);
  const auto newer = view_.newer(all_);
  write(1, 10);
  write(2, 12);
  view_.stored(Position(1, 12));
  const auto bars = merge(*reader_, all_, newer).value();
  ASSERT_EQ(bars.size(), 2u);
  EXPECT_EQ(bars[1].through, Position(1, 12));
}

TEST_F(LiveViewTest, EligibleIsAllWhereItHasNoFormOfItsOwn) {
  write(1, 10);
  put(2, 11);
  put(3, 11);
  model::Bar own = sample_row("A", kSecond, 3'000, 12).bar;
  own.key.basis = model::Basis::eligible;
  view_.put({own});
  BarQuery query = all_;
  query.basis = model::Basis::eligible;
  EXPECT_EQ(answer(query), "1:10 2:11 3:12 ");
  for (const model::Bar& bar : view_.newer(query)) EXPECT_EQ(bar.key.basis, model::Basis::eligible);
  EXPECT_EQ(answer(all_), "1:10 2:11 3:11 ");
}

TEST_F(LiveViewTest, ARangeThatIsEmptyGivesNothing) {
  put(1, 10);
  BarQuery query = all_;
  query.from = at_ms(5'000);
  query.to = at_ms(0);
  EXPECT_EQ(answer(query), "");
}

}  // namespace
}  // namespace tapeline::store
