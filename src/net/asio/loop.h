#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <map>
#include <utility>

#include "net/loop.h"

namespace tapeline::net::internal {

/// A Loop on an io_context. Timers run on one timerfd of CLOCK_BOOTTIME, so that time spent
/// suspended counts: after a long sleep every timer that came due fires at once.
///
/// Objects made on the loop (servers, clients, timers) go before the loop does.
class AsioLoop : public Loop {
 public:
  explicit AsioLoop(const Clock& clock);
  ~AsioLoop() override;

  const Clock& clock() const override { return clock_; }
  void post(std::function<void()> task) override;
  Timer after(std::chrono::microseconds delay, std::function<void()> task) override;
  void run() override;
  void stop() override;

  boost::asio::io_context& io() { return io_; }

 private:
  using Key = std::pair<BootTime, uint64_t>;  // Due time of the system's boot clock; order made.
  class TimerImpl;

  void arm();
  void wait();
  void fire_due();

  const Clock& clock_;
  std::map<Key, std::function<void()>> timers_;
  uint64_t timers_made_ = 0;
  BootTime armed_for_ = BootTime::max();
  boost::asio::io_context io_{1};
  boost::asio::posix::stream_descriptor timer_fd_{io_};
};

/// The loop given to make_connector or listen; it must be one of make_loop's.
AsioLoop& asio_loop(Loop& loop);

}  // namespace tapeline::net::internal
