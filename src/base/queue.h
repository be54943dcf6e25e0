#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

namespace tapeline {

/// A first-in-first-out queue between threads, bounded in bytes. A full queue makes the producer
/// wait: back-pressure, never loss. Any number of producers and consumers.
template <typename T>
class BoundedQueue {
 public:
  /// An item larger than `bytes_max` is still taken when the queue is empty.
  explicit BoundedQueue(size_t bytes_max) : bytes_max_(bytes_max) {}

  /// Waits for room. False if the queue was closed; the item is then dropped.
  bool push(T item, size_t bytes) {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [&] { return closed_ || fits(bytes); });
    if (closed_) return false;
    take_in(std::move(item), bytes);
    return true;
  }

  /// Never waits. False if there is no room or the queue is closed; `item` is then untouched.
  bool try_push(T& item, size_t bytes) {
    std::unique_lock lock(mutex_);
    if (closed_ || !fits(bytes)) return false;
    take_in(std::move(item), bytes);
    return true;
  }

  /// Waits for an item. Nothing once the queue is closed and empty.
  std::optional<T> pop() {
    std::unique_lock lock(mutex_);
    filled_.wait(lock, [&] { return closed_ || !items_.empty(); });
    return take_out();
  }

  /// Waits at most `timeout`. Nothing on timeout, or once the queue is closed and empty.
  std::optional<T> pop_for(std::chrono::microseconds timeout) {
    std::unique_lock lock(mutex_);
    filled_.wait_for(lock, timeout, [&] { return closed_ || !items_.empty(); });
    return take_out();
  }

  /// No item enters any more; those inside can still be popped. Idempotent.
  void close() {
    std::unique_lock lock(mutex_);
    closed_ = true;
    room_.notify_all();
    filled_.notify_all();
  }

  bool closed() const {
    std::unique_lock lock(mutex_);
    return closed_;
  }

  size_t bytes() const {
    std::unique_lock lock(mutex_);
    return bytes_;
  }

 private:
  bool fits(size_t bytes) const { return items_.empty() || bytes_ + bytes <= bytes_max_; }

  void take_in(T item, size_t bytes) {
    items_.emplace_back(std::move(item), bytes);
    bytes_ += bytes;
    filled_.notify_one();
  }

  std::optional<T> take_out() {
    if (items_.empty()) return std::nullopt;
    auto [item, bytes] = std::move(items_.front());
    items_.pop_front();
    bytes_ -= bytes;
    room_.notify_all();
    return std::move(item);
  }

  const size_t bytes_max_;
  mutable std::mutex mutex_;
  std::condition_variable room_;
  std::condition_variable filled_;
  std::deque<std::pair<T, size_t>> items_;  // Guarded by mutex_.
  size_t bytes_ = 0;                        // Guarded by mutex_.
  bool closed_ = false;                     // Guarded by mutex_.
};

}  // namespace tapeline
