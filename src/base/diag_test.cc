#include "base/diag.h"

#include <gtest/gtest.h>

#include <vector>

namespace tapeline::diag {
namespace {

class DiagTest : public testing::Test {
 protected:
  DiagTest() {
    configure(Level::info, Format::text);
    set_sink([this](Level, std::string_view line) { lines_.emplace_back(line); });
  }
  ~DiagTest() override { set_sink({}); }

  std::vector<std::string> lines_;
};

TEST_F(DiagTest, ALineHasItsEventAndMessage) {
  info("feed_connected", "to {} after {} ms", "wss://feed", 12);
  EXPECT_EQ(lines_, std::vector<std::string>{"feed_connected: to wss://feed after 12 ms"});
}

TEST_F(DiagTest, WhatIsBelowTheLevelIsNotWritten) {
  debug("frame_received", "{}", 1);
  EXPECT_TRUE(lines_.empty());
}

// Law 11: secrets stay secret.
TEST_F(DiagTest, SecretsNeverAppear) {
  redact("");
  redact("c0ffee");
  redact("c0ffee4242");
  info("feed_failed", "wss://feed?token=c0ffee4242 and c0ffee, twice c0ffeec0ffee");
  EXPECT_EQ(lines_,
            std::vector<std::string>{"feed_failed: wss://feed?token=*** and ***, twice ******"});
  EXPECT_EQ(redacted("token=c0ffee4242"), "token=***");
}

TEST_F(DiagTest, JsonLinesAreValidWhateverTheMessage) {
  set_sink({});
  configure(Level::info, Format::json);
  testing::internal::CaptureStderr();
  warning("odd_message", "quote \" backslash \\ newline \n tab \t");
  const std::string line = testing::internal::GetCapturedStderr();
  EXPECT_NE(line.find(R"("level":"warning","event":"odd_message","message":"quote \" backslash )"
                      R"(\\ newline \u000a tab \u0009"})"),
            std::string::npos)
      << line;
  configure(Level::info, Format::text);
}

}  // namespace
}  // namespace tapeline::diag
