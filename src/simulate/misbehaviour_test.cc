#include "simulate/misbehaviour.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace tapeline::simulate {
namespace {

using namespace std::chrono_literals;

TEST(Misbehaviour, IsReadFromOneText) {
  const Misbehaviour read =
      parse_misbehaviour(
          "duplicate=0.01,copies=2,too_many_requests=x2,pause=60s/1.5s,disconnect=500f,abort=2m")
          .value();
  EXPECT_EQ(read.of(Fault::duplicate).probability, 0.01);
  EXPECT_EQ(read.copies, 2u);
  EXPECT_EQ(read.of(Fault::too_many_requests).first, 2u);
  EXPECT_EQ(read.of(Habit::pause).every, 60s);
  EXPECT_EQ(read.of(Habit::pause).length, 1500ms);
  EXPECT_EQ(read.of(Habit::disconnect).frames, 500u);
  EXPECT_EQ(read.of(Habit::abort).every, 2min);
  EXPECT_FALSE(read.of(Habit::ping).wanted());
}

TEST(Misbehaviour, OfNothingIsNone) {
  const Misbehaviour none = parse_misbehaviour("").value();
  Faults faults(none, 1);
  for (size_t i = 0; i < kFaults; ++i) EXPECT_FALSE(faults.happens(static_cast<Fault>(i)));
}

TEST(Misbehaviour, NamesEveryProblemAndTheNearestName) {
  const auto read = parse_misbehaviour("dupplicate=0.1,malformed=2,pause=60s,copies=1,zzzzzz=1");
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code(), ErrorCode::invalid);
  EXPECT_EQ(
      read.error().message(),
      "simulate.misbehave: there is no misbehaviour dupplicate; the nearest is duplicate; "
      "malformed "
      "must be a probability from 0 to 1, or x3 for the first three, not \"2\"; pause must be two "
      "times such as 60s/10s, not \"60s\"; copies must be a whole number from 2 to 10, not \"1\"; "
      "there is no misbehaviour zzzzzz; there are duplicate, disorder, malformed, oversized, "
      "unknown_type, error, invalid_symbol, unauthorized, too_many_requests, not_upgraded, "
      "half_open, second_connection, repeat_later, ping, pause, silence, burst, disconnect, abort, "
      "copies");
}

TEST(Misbehaviour, IsListedInTheReadme) {
  std::ifstream file(TAPELINE_SOURCE_DIR "/src/simulate/README.md");
  std::stringstream readme;
  readme << file.rdbuf();
  for (const MisbehaviourHelp& help : misbehaviour_help()) {
    const std::string row = "| `" + std::string(help.name) + "` | " + std::string(help.value) +
                            " | " + std::string(help.sentence) + " |";
    EXPECT_NE(readme.str().find(row), std::string::npos) << row;
  }
}

TEST(Faults, HappenAsOftenAsAskedAndTheSameForASeed) {
  const Misbehaviour misbehaviour = parse_misbehaviour("duplicate=0.1,error=x2").value();
  Faults faults(misbehaviour, 7);
  Faults again(misbehaviour, 7);
  // Switching another fault on moves nothing.
  Faults more(parse_misbehaviour("duplicate=0.1,malformed=0.5").value(), 7);
  int duplicates = 0;
  int errors = 0;
  for (int i = 0; i < 10'000; ++i) {
    const bool duplicate = faults.happens(Fault::duplicate);
    EXPECT_EQ(duplicate, again.happens(Fault::duplicate));
    more.happens(Fault::malformed);
    EXPECT_EQ(duplicate, more.happens(Fault::duplicate));
    duplicates += duplicate;
    errors += faults.happens(Fault::error);
  }
  EXPECT_NEAR(duplicates, 1'000, 100);
  EXPECT_EQ(errors, 2);
}

TEST(Faults, SpoilEveryFrame) {
  const std::string frame =
      R"({"data":[{"c":null,"p":66972.77,"s":"BINANCE:BTCUSDT","t":1721555886208,"v":0.01559}],"type":"trade"})";
  Faults faults({}, 3);
  int unchanged = 0;
  for (int i = 0; i < 1'000; ++i) unchanged += faults.spoil(frame) == frame;
  EXPECT_LE(unchanged, 5) << "only a cut at the very end may leave a frame whole";
  faults.spoil("");
}

}  // namespace
}  // namespace tapeline::simulate
