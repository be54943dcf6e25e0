#include "engine/coverage.h"

#include <gtest/gtest.h>

namespace tapeline::engine {
namespace {

TEST(GapList, JoinsWhatTouches) {
  GapList gaps;
  gaps.add({10, 20});
  gaps.add({40, 50});
  gaps.add({30, 30});
  gaps.add({0, 5});
  gaps.add({20, 39});
  EXPECT_EQ(gaps.all(), (std::vector<Span>{{0, 5}, {10, 39}, {40, 50}}));
  gaps.add({4, 41});
  EXPECT_EQ(gaps.all(), (std::vector<Span>{{0, 50}}));
}

TEST(GapList, FindsWhatOverlaps) {
  GapList gaps;
  gaps.add({10, 20});
  gaps.add({30, 40});
  EXPECT_EQ(gaps.overlapping(0, 10).size(), 0u);
  EXPECT_EQ(gaps.overlapping(0, 11).size(), 1u);
  EXPECT_EQ(gaps.overlapping(19, 31).size(), 2u);
  EXPECT_EQ(gaps.overlapping(20, 30).size(), 0u);
}

TEST(GapList, LooksLongerWhenFullNeverShorter) {
  GapList gaps;
  const auto count = static_cast<int64_t>(GapList::kSpansMax);
  for (int64_t i = 0; i < count; ++i) gaps.add({i * 100, i * 100 + 10});
  gaps.add({75 * 100 + 50, 75 * 100 + 60});
  EXPECT_EQ(gaps.all().size(), GapList::kSpansMax);
  for (int64_t i = 0; i < count; ++i) {
    EXPECT_EQ(gaps.overlapping(i * 100, i * 100 + 10).size(), 1u) << i;
  }
}

TEST(CoveredList, ForgetsTheOldestAndSaysSo) {
  CoveredList covered;
  const auto count = static_cast<int64_t>(CoveredList::kCoveredMax);
  for (int64_t i = 0; i <= count; ++i) covered.open(i * 100, 0, i), covered.close(i * 100 + 50);
  EXPECT_EQ(covered.all().size(), CoveredList::kCoveredMax);
  EXPECT_EQ(covered.known_from_ms(), 50);
  const Certificate known = certify(covered, {}, {}, 100, 200, 200);
  EXPECT_EQ(known.coverage_ms, 50);
  const Certificate unknown = certify(covered, {}, {}, 0, 100, 100);
  EXPECT_EQ(unknown.kind, model::CoverageKind::unknown);
}

TEST(CoveredList, ASetBackClockCountsNoTimeTwice) {
  CoveredList covered;
  covered.open(0, 0, 1);
  covered.close(80);
  covered.open(50, 0, 2);
  covered.close(100);
  EXPECT_EQ(certify(covered, {}, {}, 0, 100, 100).coverage_ms, 100);
}

TEST(Certify, TakesGapsOutOnce) {
  CoveredList covered;
  covered.open(0, 0, 1);
  GapList of_source, of_symbol;
  of_source.add({10, 30});
  of_symbol.add({20, 40});
  const Certificate certificate = certify(covered, of_source, of_symbol, 0, 100, 100);
  EXPECT_EQ(certificate.coverage_ms, 70);
  EXPECT_TRUE(certificate.gap);
  EXPECT_EQ(certificate.kind, model::CoverageKind::assumed);
}

TEST(Certify, AnOpenBarCountsUpToItsNewestRecord) {
  CoveredList covered;
  covered.open(20, 0, 1);
  covered.confirm_current();
  const Certificate certificate = certify(covered, {}, {}, 0, 100, 60);
  EXPECT_EQ(certificate.coverage_ms, 40);
  EXPECT_EQ(certificate.kind, model::CoverageKind::confirmed);
  EXPECT_EQ(certify(covered, {}, {}, 0, 100, 10).coverage_ms, 0);
}

}  // namespace
}  // namespace tapeline::engine
