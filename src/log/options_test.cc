#include "log/options.h"

#include <gtest/gtest.h>

namespace tapeline::log {
namespace {

TEST(LogOptions, AreDeclaredWithTheirDefaults) {
  settings::Declarer declarer;
  Options options;
  declarer.section("log", "");
  declare(declarer, options);
  EXPECT_EQ(declarer.find("log.durability")->fallback, "fsync");
  EXPECT_EQ(declarer.find("log.segment_bytes_max")->fallback, "67108864");
  EXPECT_EQ(declarer.find("log.retention_days")->fallback, "30");
  EXPECT_EQ(declarer.find("log.retention_bytes_max")->fallback, "53687091200");
  EXPECT_EQ(declarer.find("log.durability")->set("disk"), "must be one of fsync, os, none");
  EXPECT_EQ(declarer.find("log.durability")->set("none"), "");
  EXPECT_EQ(durability_of(options), Durability::none);
}

TEST(LogOptions, EveryDefaultLiesInItsRange) {
  settings::Declarer declarer;
  Options options;
  declare(declarer, options);
  for (const settings::Setting& setting : declarer.all())
    EXPECT_EQ(setting.set(setting.fallback), "") << setting.key;
}

}  // namespace
}  // namespace tapeline::log
