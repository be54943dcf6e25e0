#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "codec/entry.h"
#include "log/log.h"

namespace tapeline::verify {

/// Reads a log from its beginning to the end that it has now, over damage.
class Reading {
 public:
  Reading(log::Source& log, size_t damage_max) : log_(log), damage_max_(damage_max) {}

  /// Calls `each(const codec::EntryView&, Position)` for every record that can be read, in order.
  template <typename Each>
  Result<> run(Each&& each);

  uint64_t records() const { return records_; }
  /// Of the last record that was there, readable or not.
  Position last() const { return last_; }
  std::vector<std::string>& damage() { return damage_; }

 private:
  void note(std::string what) {
    if (damage_.size() < damage_max_) damage_.push_back(std::move(what));
  }

  log::Source& log_;
  const size_t damage_max_;
  uint64_t records_ = 0;
  Position last_;
  std::vector<std::string> damage_;
};

template <typename Each>
Result<> Reading::run(Each&& each) {
  const Position end = log_.end();
  auto opened = log_.read(Position());
  if (!opened) return opened.error();
  log::Reader& reader = *opened.value();
  log::Batch batch;
  codec::EntryView entry;
  while (reader.position() < end) {
    const auto outcome = reader.next(batch, std::chrono::microseconds(0));
    if (!outcome) {
      const ErrorCode code = outcome.error().code();
      // The reader stands behind what is damaged, or was removed meanwhile.
      if (code != ErrorCode::corrupt && code != ErrorCode::not_found) return outcome.error();
      note(outcome.error().message());
      continue;
    }
    if (outcome.value() != log::ReadOutcome::progressed) break;
    codec::EntryReader entries(*batch.bytes);
    for (uint32_t i = 0; i < batch.count; ++i) {
      if (entries.next(entry) != codec::EntryReader::Outcome::progressed) {
        note("log: the records at positions " + std::to_string(batch.first.plus(i).raw()) + " to " +
             std::to_string(batch.last().raw()) + " cannot be decoded");
        break;
      }
      each(std::as_const(entry), batch.first.plus(i));
    }
    records_ += batch.count;
    last_ = batch.last();
  }
  last_ = std::max(last_, Position::from_raw(reader.position().raw() - 1));
  return {};
}

}  // namespace tapeline::verify
