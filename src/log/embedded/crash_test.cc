#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>

#include "base/diag.h"
#include "base/random.h"
#include "log/embedded/embedded_log.h"
#include "support/notes.h"
#include "support/temporary_folder.h"

namespace tapeline::log::embedded {
namespace {

using test::encode;
using test::Note;

constexpr const char* kFolderVariable = "TAPELINE_CRASH_TEST_FOLDER";
constexpr int kAcknowledgements = 3;  // The child's descriptor for them.

std::string text_of(uint64_t ordinal) {
  return "note " + std::to_string(ordinal) + std::string(ordinal % 50, '.');
}

EmbeddedSetup setup_in(const std::string& folder, metrics::Registry& metrics) {
  Options options;
  options.durability = "os";
  options.segment_bytes_max = 256 << 10;
  options.block_bytes = 4096;
  return {.files = posix_file_system(),
          .clock = system_clock(),
          .metrics = metrics,
          .folder = folder,
          .name = "notes",
          .format = test::note_format(),
          .options = options,
          .generation = 0,
          .seed = random_seed()};
}

/// Runs in a process of its own, started by the test below, until it is killed: appends notes that
/// carry their ordinal and says which are acknowledged.
TEST(CrashChild, DISABLED_AppendsUntilKilled) {
  const char* const folder = std::getenv(kFolderVariable);
  ASSERT_NE(folder, nullptr);
  metrics::Registry metrics;
  auto log = open_embedded_log(setup_in(folder, metrics));
  ASSERT_TRUE(log.ok()) << log.error().message();
  log.value()->set_snapshot_source([&] { return std::string(); });
  uint64_t ordinal = log.value()->end().ordinal();
  while (true) {
    for (uint64_t i = 0; i < 1 + ordinal % 40; ++i, ++ordinal)
      ASSERT_TRUE(log.value()->append(encode({text_of(ordinal), 1}), 1, test::times_of(1)).ok());
    ASSERT_TRUE(log.value()->flush().ok());
    const uint64_t acknowledged = ordinal - 1;
    if (::write(kAcknowledgements, &acknowledged, sizeof acknowledged) != sizeof acknowledged)
      return;
  }
}

pid_t start_child(const std::string& folder, int acknowledgements) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::dup2(acknowledgements, kAcknowledgements);
  ::setenv(kFolderVariable, folder.c_str(), 1);
  ::unsetenv("GTEST_OUTPUT");
  ::execl("/proc/self/exe", "crash_child", "--gtest_filter=CrashChild.*",
          "--gtest_also_run_disabled_tests", "--gtest_brief=1", nullptr);
  ::_exit(127);
}

/// The last number that came before the child died, or what was before.
uint64_t last_acknowledged(int pipe, uint64_t before) {
  uint64_t number = before;
  while (::read(pipe, &number, sizeof number) == sizeof number) before = number;
  return before;
}

// Law 7: kill -9 anywhere loses nothing acknowledged and counts nothing twice.
TEST(CrashTest, Kill9LosesNothingAcknowledged) {
  diag::set_sink([](diag::Level, std::string_view) {});
  const test::TemporaryFolder folder;
  Random random(17);
  uint64_t acknowledged = 0;
  int kills = 0;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(3);
  while (std::chrono::steady_clock::now() < end) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = start_child(folder.path(), ends[1]);
    ASSERT_GT(child, 0);
    ::close(ends[1]);
    std::this_thread::sleep_for(std::chrono::microseconds(20'000 + random.below(60'000)));
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself with status " << status;
    acknowledged = last_acknowledged(ends[0], acknowledged);
    ::close(ends[0]);
    ++kills;

    metrics::Registry metrics;
    auto log = open_embedded_log(setup_in(folder.path(), metrics));
    ASSERT_TRUE(log.ok()) << log.error().message();
    ASSERT_GT(log.value()->end().ordinal(), acknowledged);
    auto reader = log.value()->read({});
    ASSERT_TRUE(reader.ok());
    uint64_t ordinal = 1;
    Batch batch;
    while (ordinal < log.value()->end().ordinal()) {
      auto outcome = reader.value()->next(batch, std::chrono::seconds(10));
      ASSERT_TRUE(outcome.ok()) << outcome.error().message();
      for (const Note& note : test::notes_of(batch)) ASSERT_EQ(note.text, text_of(ordinal++));
    }
  }
  diag::set_sink({});
  EXPECT_GT(kills, 5);
  EXPECT_GT(acknowledged, 100U);
  RecordProperty("kills", kills);
  RecordProperty("records", std::to_string(acknowledged));
}

}  // namespace
}  // namespace tapeline::log::embedded
