#include "contract/log_contract.h"

#include "base/metrics.h"
#include "base/random.h"
#include "log/embedded/embedded_log.h"
#include "log/memory/memory_log.h"
#include "support/temporary_folder.h"

namespace tapeline::test {
namespace {

struct MemoryLogs {
  static constexpr bool kKeeps = false;

  std::unique_ptr<log::Log> open(const log::Options& options) {
    return log::make_memory_log(clock, note_format(), options);
  }

  ManualClock clock;
};

struct EmbeddedLogs {
  static constexpr bool kKeeps = true;

  std::unique_ptr<log::Log> open(const log::Options& options) {
    auto log = log::open_embedded_log({.files = posix_file_system(),
                                       .clock = clock,
                                       .metrics = metrics,
                                       .folder = folder.file("log"),
                                       .name = "notes",
                                       .format = note_format(),
                                       .options = options,
                                       .generation = 0,
                                       .seed = random_seed()});
    EXPECT_TRUE(log.ok()) << log.error().message();
    return log.ok() ? std::move(log).value() : nullptr;
  }

  ManualClock clock;
  metrics::Registry metrics;
  TemporaryFolder folder;
};

using Implementations = ::testing::Types<MemoryLogs, EmbeddedLogs>;
INSTANTIATE_TYPED_TEST_SUITE_P(Every, LogContract, Implementations);

}  // namespace
}  // namespace tapeline::test
