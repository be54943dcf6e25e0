#include "net/asio/loop.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <cstring>
#include <ctime>

#include "base/check.h"

namespace tapeline::net {
namespace internal {
namespace {

timespec to_timespec(BootTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  timespec out{};
  out.tv_sec = static_cast<time_t>(seconds.count());
  out.tv_nsec = static_cast<long>(std::chrono::nanoseconds(time - seconds).count());
  return out;
}

}  // namespace

class AsioLoop::TimerImpl : public Timer::Impl {
 public:
  TimerImpl(AsioLoop& loop, Key key) : loop_(loop), key_(key) {}
  ~TimerImpl() override {
    // The task may own this timer's owner: it is destroyed after the map is whole again.
    const auto node = loop_.timers_.extract(key_);
  }

 private:
  AsioLoop& loop_;
  const Key key_;
};

AsioLoop::AsioLoop(const Clock& clock) : clock_(clock) {
  const int fd = ::timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
  CHECK(fd >= 0, "timerfd_create: {}", std::strerror(errno));
  timer_fd_.assign(fd);
  wait();
}

AsioLoop::~AsioLoop() {
  // Tasks may hold sockets of the io_context: they go while it is still there.
  auto tasks = std::exchange(timers_, {});
}

void AsioLoop::post(std::function<void()> task) {
  boost::asio::post(io_, std::move(task));
}

Timer AsioLoop::after(std::chrono::microseconds delay, std::function<void()> task) {
  const BootTime due = system_clock().boot() + std::max(delay, std::chrono::microseconds(0));
  const Key key{due, ++timers_made_};
  timers_.emplace(key, std::move(task));
  arm();
  return Timer(std::make_unique<TimerImpl>(*this, key));
}

void AsioLoop::arm() {
  if (timers_.empty() || timers_.begin()->first.first == armed_for_) return;
  armed_for_ = timers_.begin()->first.first;
  itimerspec spec{};
  // All zero would disarm; a time in the past fires at once.
  spec.it_value = to_timespec(std::max(armed_for_, BootTime(1)));
  CHECK(::timerfd_settime(timer_fd_.native_handle(), TFD_TIMER_ABSTIME, &spec, nullptr) == 0,
        "timerfd_settime: {}", std::strerror(errno));
}

void AsioLoop::wait() {
  timer_fd_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                       [this](boost::system::error_code error) {
                         if (error) return;
                         uint64_t expirations = 0;
                         [[maybe_unused]] const ssize_t got =
                             ::read(timer_fd_.native_handle(), &expirations, sizeof(expirations));
                         fire_due();
                         wait();
                       });
}

void AsioLoop::fire_due() {
  armed_for_ = BootTime::max();
  // Timers set by a task with no delay wait for the next round, so that sockets get their turn.
  const Key last{system_clock().boot(), timers_made_};
  while (!timers_.empty() && timers_.begin()->first <= last) {
    const auto node = timers_.extract(timers_.begin());
    node.mapped()();
  }
  arm();
}

void AsioLoop::run() {
  const auto work = boost::asio::make_work_guard(io_);
  io_.run();
  io_.restart();  // After, so that a stop that came before this run is not lost.
}

void AsioLoop::stop() {
  io_.stop();
}

AsioLoop& asio_loop(Loop& loop) {
  auto* const ours = dynamic_cast<AsioLoop*>(&loop);
  CHECK(ours != nullptr, "this needs a loop made by make_loop");
  return *ours;
}

}  // namespace internal

std::unique_ptr<Loop> make_loop(const Clock& clock) {
  return std::make_unique<internal::AsioLoop>(clock);
}

}  // namespace tapeline::net
