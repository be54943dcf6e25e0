#include "base/settings.h"

#include <gtest/gtest.h>

namespace tapeline::settings {
namespace {

struct Options {
  bool enabled = true;
  int64_t port = 8080;
  double share = 0.5;
  std::string folder = "data";
  std::string durability = "fsync";
  std::vector<std::string> symbols = {"AAPL", "MSFT"};
  std::string token = "hidden";
};

class SettingsTest : public testing::Test {
 protected:
  SettingsTest() {
    all_.section("part", "A part.");
    all_.boolean("enabled", options_.enabled, "Whether.");
    all_.integer("port", options_.port, 1, 65535, "", "Where.");
    all_.real("share", options_.share, 0, 1, "", "How much.");
    all_.text("folder", options_.folder, "Where to.");
    all_.choice("durability", options_.durability, {"fsync", "os", "none"}, "How safe.");
    all_.list("symbols", options_.symbols, "What.");
    all_.secret("token", options_.token, "Whose.");
  }

  std::string set(std::string_view key, std::string_view text) { return all_.find(key)->set(text); }

  Options options_;
  Declarer all_;
};

TEST_F(SettingsTest, TheMembersValueIsTheDefault) {
  EXPECT_EQ(all_.find("part.enabled")->fallback, "true");
  EXPECT_EQ(all_.find("part.port")->fallback, "8080");
  EXPECT_EQ(all_.find("part.share")->fallback, "0.5");
  EXPECT_EQ(all_.find("part.symbols")->fallback, "AAPL,MSFT");
  EXPECT_EQ(all_.find("part.durability")->range, "one of fsync, os, none");
}

TEST_F(SettingsTest, AGoodValueIsStored) {
  EXPECT_EQ(set("part.enabled", "false"), "");
  EXPECT_FALSE(options_.enabled);
  EXPECT_EQ(set("part.port", "65535"), "");
  EXPECT_EQ(options_.port, 65535);
  EXPECT_EQ(set("part.share", "0.25"), "");
  EXPECT_EQ(options_.share, 0.25);
  EXPECT_EQ(set("part.durability", "os"), "");
  EXPECT_EQ(options_.durability, "os");
  EXPECT_EQ(set("part.symbols", " BINANCE:BTCUSDT , IC MARKETS:1 ,,"), "");
  EXPECT_EQ(options_.symbols, (std::vector<std::string>{"BINANCE:BTCUSDT", "IC MARKETS:1"}));
}

TEST_F(SettingsTest, ABadValueIsExplainedAndChangesNothing) {
  EXPECT_EQ(set("part.enabled", "yes"), "must be true or false");
  for (const auto* text : {"0", "65536", "80 ", "0x10", "", "99999999999999999999"})
    EXPECT_EQ(set("part.port", text), "must be a whole number from 1 to 65535") << text;
  for (const auto* text : {"1.5", "nan", "-0.1", "half"})
    EXPECT_EQ(set("part.share", text), "must be a number from 0 to 1") << text;
  EXPECT_EQ(set("part.durability", "sync"), "must be one of fsync, os, none");
  EXPECT_TRUE(options_.enabled);
  EXPECT_EQ(options_.port, 8080);
  EXPECT_EQ(options_.share, 0.5);
  EXPECT_EQ(options_.durability, "fsync");
}

TEST_F(SettingsTest, AnUnknownKeyHasANearestOne) {
  EXPECT_EQ(all_.find("part.prot"), nullptr);
  EXPECT_EQ(all_.nearest("part.prot"), "part.port");
  EXPECT_EQ(all_.nearest("part.symbol"), "part.symbols");
  EXPECT_EQ(all_.nearest("entirely_other_thing_here"), "");
}

TEST_F(SettingsTest, ASecretIsMarked) {
  EXPECT_TRUE(all_.find("part.token")->secret);
  EXPECT_FALSE(all_.find("part.folder")->secret);
}

}  // namespace
}  // namespace tapeline::settings
