#include "app/usage.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace tapeline::app {
namespace {

struct UsageTest : testing::Test {
  UsageTest() {
    app.require_subcommand(1);
    auto* run = app.add_subcommand("run", "Runs");
    run->add_option("--port", port, "Where");
    auto* replay = app.add_subcommand("replay", "Replays");
    replay->add_option("files", files, "What")->required();
    auto* export_command = app.add_subcommand("export", "Exports");
    export_command->require_subcommand(1);
    export_command->add_subcommand("bars", "All");
    export_command->add_subcommand("trades", "All");
  }

  std::string explained(std::vector<std::string> arguments) {
    std::reverse(arguments.begin(), arguments.end());
    try {
      app.parse(arguments);
    } catch (const CLI::ParseError& error) {
      return explain_usage(app, error);
    }
    return "";
  }

  CLI::App app{"", "tapeline"};
  int port = 0;
  std::vector<std::string> files;
};

TEST_F(UsageTest, NamesTheUnknownCommandAndTheNearest) {
  EXPECT_EQ(explained({"runn"}),
            "tapeline has no command runn; did you mean run? (`tapeline --help` shows all)");
  EXPECT_EQ(explained({"runn", "--port", "5"}),
            "tapeline has no command runn; did you mean run? (`tapeline --help` shows all)");
  EXPECT_EQ(explained({"make-coffee"}),
            "tapeline has no command make-coffee; it has run, replay, export "
            "(`tapeline --help` shows all)");
  EXPECT_EQ(explained({"export", "bar"}),
            "tapeline export has no command bar; did you mean bars? "
            "(`tapeline export --help` shows all)");
}

TEST_F(UsageTest, NamesTheUnknownOptionAndTheNearest) {
  EXPECT_EQ(explained({"run", "--prot", "5"}),
            "tapeline run has no option --prot; did you mean --port? "
            "(`tapeline run --help` shows all)");
  EXPECT_EQ(explained({"run", "--prot=5"}),
            "tapeline run has no option --prot=5; did you mean --port? "
            "(`tapeline run --help` shows all)");
  EXPECT_EQ(explained({"run", "AAPL"}),
            "tapeline run does not take \"AAPL\" (`tapeline run --help` shows all)");
}

TEST_F(UsageTest, SaysWhatIsMissingOrWrong) {
  EXPECT_EQ(explained({}),
            "tapeline needs a command: run, replay, export (`tapeline --help` shows all)");
  EXPECT_EQ(explained({"export"}),
            "tapeline export needs a command: bars, trades (`tapeline export --help` shows all)");
  EXPECT_EQ(explained({"replay"}),
            "tapeline replay needs files (`tapeline replay --help` shows all)");
  EXPECT_EQ(explained({"run", "--port", "abc"}),
            "tapeline run: Could not convert: --port = abc (`tapeline run --help` shows all)");
}

}  // namespace
}  // namespace tapeline::app
