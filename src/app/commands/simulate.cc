#include <fmt/format.h>

#include <cstdio>

#include "app/commands/commands.h"
#include "app/commands/tell.h"
#include "app/signals.h"
#include "net/loop.h"
#include "simulate/server.h"

namespace tapeline::app {

int run_simulator(Config& config) {
  const auto loop = net::make_loop(system_clock());
  const SignalWatcher signals([&] { loop->stop(); });
  auto server = simulate::start(*loop, system_clock(), config.simulate);
  if (!server) {
    const int code = failed(server.error());
    return server.error().code() == ErrorCode::invalid ? kUsage : code;
  }
  fmt::print("tapeline: simulating on {}\n", server.value()->websocket_url());
  fmt::print("tapeline: REST below {}\n", server.value()->rest_url());
  std::fflush(stdout);
  loop->run();
  const auto counts = server.value()->counts();
  server.value()->stop();
  fmt::print("tapeline: {} frames with {} trades sent over {} connections\n", counts.frames,
             counts.trades, counts.connections);
  return kOk;
}

}  // namespace tapeline::app
