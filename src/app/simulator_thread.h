#pragma once

#include <memory>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/result.h"
#include "net/loop.h"
#include "simulate/options.h"
#include "simulate/server.h"

namespace tapeline::app {

/// A simulator on a loop and a thread of its own, reached over a real loopback socket.
class SimulatorThread {
 public:
  /// Listens at once; the errors are those of simulate::start.
  static Result<std::unique_ptr<SimulatorThread>> start(const Clock& clock,
                                                        const simulate::Options& options);
  ~SimulatorThread();
  SimulatorThread(const SimulatorThread&) = delete;
  SimulatorThread& operator=(const SimulatorThread&) = delete;

  const std::string& websocket_url() const { return websocket_url_; }
  const std::string& rest_url() const { return rest_url_; }

 private:
  explicit SimulatorThread(const Clock& clock) : loop_(net::make_loop(clock)) {}

  std::unique_ptr<net::Loop> loop_;
  std::unique_ptr<simulate::Server> server_;
  std::string websocket_url_;
  std::string rest_url_;
  std::thread thread_;
};

}  // namespace tapeline::app
