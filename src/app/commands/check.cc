#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <memory>

#include "app/commands/commands.h"
#include "base/diag.h"
#include "base/file.h"
#include "base/metrics.h"
#include "ingest/finnhub/rest.h"
#include "net/client.h"
#include "net/loop.h"
#include "net/server.h"
#include "store/data_directory.h"

namespace tapeline::app {
namespace {

/// Collects what was found and prints it line by line.
class Report {
 public:
  void good(const std::string& text) { fmt::print("ok    {}\n", diag::redacted(text)); }
  void note(const std::string& text) { fmt::print("note  {}\n", diag::redacted(text)); }
  void bad(const std::string& text) {
    fmt::print("FAIL  {}\n", diag::redacted(text));
    failed_ = true;
  }
  bool failed() const { return failed_; }

 private:
  bool failed_ = false;
};

std::string nearest_existing(std::filesystem::path path) {
  std::error_code error;
  while (!path.empty() && !std::filesystem::exists(path, error)) path = path.parent_path();
  return path.empty() ? "." : path.string();
}

void check_data_directory(const Config& config, const std::string& feed, FileSystem& files,
                          Report& report) {
  const std::string path = config.data_directory(feed);
  const auto free = files.free_bytes(nearest_existing(path));
  if (!free)
    report.bad(free.error().message());
  else if (free.value() < static_cast<uint64_t>(config.store.free_bytes_min))
    report.bad(fmt::format("{} has {} MiB free; at least {} MiB are wanted (store.free_bytes_min)",
                           path, free.value() >> 20, config.store.free_bytes_min >> 20));
  else
    report.good(fmt::format("disk: {:.1f} GiB free for {}",
                            static_cast<double>(free.value()) / (1 << 30), path));
  if (!files.exists(path)) {
    report.good(fmt::format("data directory {} will be made", path));
    return;
  }
  const auto directory = store::DataDirectory::open(
      files, system_clock(), {.path = path, .feed = feed, .free_bytes_min = 0});
  directory ? report.good(fmt::format("data directory {} is ours and free", path))
            : report.bad(directory.error().message());
}

void check_address(const Config& config, net::Loop& loop, Report& report) {
  net::Server::Options options;
  options.address = config.serve.address;
  options.port = static_cast<uint16_t>(config.serve.port);
  options.certificate_file = config.serve.certificate_file;
  options.key_file = config.serve.key_file;
  const auto server = net::listen(
      loop, options, [](const net::Request&, const net::Server::Respond&) {},
      [](const net::Request&) { return net::Server::Upgrade{}; });
  server ? report.good(fmt::format("address {}:{} is free", options.address, options.port))
         : report.bad(server.error().message());
}

void check_token(const Config& config, net::Loop& loop, Report& report) {
  if (config.feed.token.empty()) {
    report.note("no token: `tapeline run` simulates a market; set FINNHUB_API_TOKEN for Finnhub's");
    return;
  }
  metrics::Registry metrics;
  const auto connector = net::make_connector(loop);
  ingest::finnhub::Rest rest(loop, *connector, metrics, config.feed);
  rest.search("AAPL", [&](const auto& found) {
    found ? report.good(fmt::format("{} takes the token ({} symbols found for AAPL)",
                                    config.feed.rest_url, found.value().size()))
          : report.bad(found.error().message());
    loop.stop();
  });
  loop.run();
}

}  // namespace

int check(Config& config) {
  Report report;
  report.good("settings");
  const std::string feed = !config.data.feed.empty()   ? config.data.feed
                           : config.feed.token.empty() ? "simulated"
                                                       : "finnhub";
  const auto loop = net::make_loop(system_clock());
  check_data_directory(config, feed, posix_file_system(), report);
  check_address(config, *loop, report);
  check_token(config, *loop, report);
  return report.failed() ? kFailed : kOk;
}

}  // namespace tapeline::app
