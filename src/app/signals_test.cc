#include "app/signals.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace tapeline::app {
namespace {

/// Of the whole process, so that the watcher's thread takes it.
void send(int signal) {
  kill(getpid(), signal);
}

void wait_for(const std::atomic<int>& count, int least) {
  while (count < least) std::this_thread::yield();
}

TEST(SignalWatcherDeath, ASecondWishASecondLaterEndsAtOnce) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        std::atomic<int> heard{0};
        const SignalWatcher watcher([&heard] { ++heard; });
        send(SIGINT);
        wait_for(heard, 1);
        // Sent twice by whoever sends twice: still one wish.
        send(SIGINT);
        wait_for(heard, 2);
        std::this_thread::sleep_for(std::chrono::milliseconds(1'100));
        send(SIGINT);
        std::this_thread::sleep_for(std::chrono::seconds(20));
        std::_Exit(0);
      },
      testing::ExitedWithCode(3), "");
}

}  // namespace
}  // namespace tapeline::app
