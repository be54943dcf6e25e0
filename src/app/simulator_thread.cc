#include "app/simulator_thread.h"

namespace tapeline::app {

Result<std::unique_ptr<SimulatorThread>> SimulatorThread::start(const Clock& clock,
                                                                const simulate::Options& options) {
  std::unique_ptr<SimulatorThread> simulator(new SimulatorThread(clock));
  auto server = simulate::start(*simulator->loop_, clock, options);
  if (!server) return server.error();
  simulator->server_ = std::move(server).value();
  simulator->websocket_url_ = simulator->server_->websocket_url();
  simulator->rest_url_ = simulator->server_->rest_url();
  simulator->thread_ = std::thread([&loop = *simulator->loop_] { loop.run(); });
  return simulator;
}

SimulatorThread::~SimulatorThread() {
  loop_->stop();
  if (thread_.joinable()) thread_.join();
}

}  // namespace tapeline::app
