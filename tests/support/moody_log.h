#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "log/memory/memory_log.h"

namespace tapeline::test {

/// A log in memory that a test makes full or slow. One thread.
struct MoodyLog : log::Log {
  MoodyLog(const Clock& clock, log::RecordFormat format)
      : inner(log::make_memory_log(clock, std::move(format))) {}

  std::string identity() const override { return inner->identity(); }
  Position begin() const override { return inner->begin(); }
  Position end() const override { return inner->end(); }
  Result<std::unique_ptr<log::Reader>> read(Position from) override { return inner->read(from); }
  Result<std::unique_ptr<log::Reader>> read_events(int64_t from, int64_t to) override {
    return inner->read_events(from, to);
  }
  Result<Position> append(std::string records, uint32_t count, const log::Times& times) override {
    if (!error.empty()) return Error(ErrorCode::full, error);
    return inner->append(std::move(records), count, times);
  }
  Result<> flush() override { return inner->flush(); }
  Result<> sync(Position position) override { return inner->sync(position); }
  Result<Position> recover() override {
    if (cured) error.clear();
    if (!error.empty()) return Error(ErrorCode::full, error);
    return inner->end();
  }
  void set_snapshot_source(std::function<std::string()> source) override {
    inner->set_snapshot_source(std::move(source));
  }
  void set_retain_from(Position position) override { inner->set_retain_from(position); }
  Result<log::Cut> due_cut() override { return inner->due_cut(); }
  Result<log::Cut> remove_before(Position position) override {
    return inner->remove_before(position);
  }
  Result<> close() override { return inner->close(); }
  Status status() const override {
    Status status = inner->status();
    status.error = error;
    status.pending_bytes = pending;
    return status;
  }

  std::unique_ptr<log::Log> inner;
  std::string error;     ///< Not empty: appends fail with it, and status() shows it.
  bool cured = false;    ///< The next recover() ends the error.
  uint64_t pending = 0;  ///< Of status(): bytes not yet durable.
};

}  // namespace tapeline::test
