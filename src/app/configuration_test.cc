#include "app/configuration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace tapeline::app {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

struct Fixture : testing::Test {
  Fixture() {
    declarer.section("log", "The durable log.");
    declarer.integer("group_ms_max", group_ms_max, 0, 1'000, "ms", "How long a group waits.");
    declarer.choice("durability", durability, {"fsync", "os", "none"}, "What is promised.");
    declarer.section("feed", "The feed.");
    declarer.list("symbols", symbols, "What is subscribed.");
    declarer.secret("token", token, "The key.");
    declarer.boolean("validate_symbols", validate, "Whether symbols are looked up first.");
  }

  std::string file(std::string_view content) {
    const auto path = std::filesystem::temp_directory_path() /
                      fmt::format("tapeline-configuration-{}.toml", ::getpid());
    std::ofstream(path) << content;
    return path;
  }

  std::vector<std::string> load(const ConfigurationInputs& inputs) {
    return load_configuration(declarer, posix_file_system(), inputs);
  }

  int64_t group_ms_max = 5;
  std::string durability = "fsync";
  std::vector<std::string> symbols;
  std::string token;
  bool validate = true;
  settings::Declarer declarer;
};

TEST_F(Fixture, CommandLineBeatsEnvironmentBeatsFile) {
  const auto path =
      file("[log]\ngroup_ms_max = 7\ndurability = \"os\"\n[feed]\nsymbols = [\"A\", \"B\"]\n");
  EXPECT_THAT(load({.file = path,
                    .environment = {{"TAPELINE_LOG_GROUP_MS_MAX", "8"},
                                    {"TAPELINE_LOG_DURABILITY", "none"}},
                    .overrides = {"log.group_ms_max=9"}}),
              IsEmpty());
  EXPECT_EQ(group_ms_max, 9);
  EXPECT_EQ(durability, "none");
  EXPECT_THAT(symbols, ElementsAre("A", "B"));
}

TEST_F(Fixture, AllProblemsAreToldAtOnceWithPlaceRangeAndNearestKey) {
  const auto path = file("[log]\ngroup_ms = 7\ndurability = \"maybe\"\n");
  EXPECT_THAT(
      load({.file = path,
            .environment = {{"TAPELINE_FEED_SYMBOL", "A"}},
            .overrides = {"log.group_ms_max=5000", "nonsense"}}),
      UnorderedElementsAre(
          fmt::format("log.group_ms ({}:2) is not a setting; did you mean "
                      "log.group_ms_max?",
                      path),
          fmt::format("log.durability = maybe ({}:3): must be one of fsync, os, none", path),
          "environment TAPELINE_FEED_SYMBOL is not a setting; did you mean "
          "TAPELINE_FEED_SYMBOLS?",
          "log.group_ms_max = 5000 (command line): must be a whole number from 0 to 1000",
          "--set nonsense: expected key=value"));
}

TEST_F(Fixture, PredecessorsNamesWork) {
  EXPECT_THAT(load({.file = "",
                    .environment = {{"FINNHUB_API_TOKEN", "abc"},
                                    {"FINNHUB_STOCKS_TICKERS", "[\"AAPL\", \"BINANCE:BTCUSDT\"]"},
                                    {"FINNHUB_VALIDATE_TICKERS", "0"}},
                    .overrides = {}}),
              IsEmpty());
  EXPECT_EQ(token, "abc");
  EXPECT_THAT(symbols, ElementsAre("AAPL", "BINANCE:BTCUSDT"));
  EXPECT_FALSE(validate);
}

TEST_F(Fixture, AnnotatedConfigurationCanBeReadBackAndMasksSecrets) {
  group_ms_max = 17;
  token = "topsecret";
  symbols = {"A", "IC MARKETS:1"};
  const std::string text = annotated_configuration(declarer, true);
  EXPECT_THAT(text, testing::Not(HasSubstr("topsecret")));
  EXPECT_THAT(text, HasSubstr("# How long a group waits.\n# 0 to 1000, ms. Environment: "
                              "TAPELINE_LOG_GROUP_MS_MAX\ngroup_ms_max = 17\n"));
  group_ms_max = 5;
  symbols.clear();
  EXPECT_THAT(load({.file = file(text), .environment = {}, .overrides = {}}), IsEmpty());
  EXPECT_EQ(group_ms_max, 17);
  EXPECT_THAT(symbols, ElementsAre("A", "IC MARKETS:1"));
}

TEST_F(Fixture, BrokenFilesAreOneSentence) {
  EXPECT_THAT(load({.file = file("[log\n"), .environment = {}, .overrides = {}}),
              ElementsAre(HasSubstr(".toml:1: ")));
  EXPECT_THAT(load({.file = "/nonexistent/x.toml", .environment = {}, .overrides = {}}),
              ElementsAre(HasSubstr("cannot open /nonexistent/x.toml")));
}

}  // namespace
}  // namespace tapeline::app
