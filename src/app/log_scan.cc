#include "app/log_scan.h"

#include "codec/entry.h"

namespace tapeline::app {
namespace {

/// False when the batch holds something that is no entry.
bool scan_batch(const log::Batch& batch, Position begin, LogScan& scan) {
  codec::EntryReader entries(*batch.bytes);
  codec::EntryView entry;
  for (uint32_t i = 0; i < batch.count; ++i) {
    if (entries.next(entry) != codec::EntryReader::Outcome::progressed) return false;
    if (entry.kind == codec::EntryKind::snapshot && !scan.snapshot &&
        Position::from_raw(entry.snapshot.as_of).ordinal() + 1 >= begin.ordinal()) {
      scan.snapshot = store::Checkpoint{Position::from_raw(entry.snapshot.as_of),
                                        std::string(entry.snapshot.state)};
    }
    if (entry.kind != codec::EntryKind::control) continue;
    if (entry.control.kind == model::ControlKind::setting)
      scan.settings.push_back(entry.control.detail);
    if (const auto fill = entry.control.kind == model::ControlKind::recomputed
                              ? engine::fill_of(entry.control)
                              : std::nullopt)
      scan.recomputed.push_back(*fill);
  }
  return true;
}

}  // namespace

Result<std::vector<store::Checkpoint>> read_snapshots(log::Source& log, SnapshotsWanted wanted,
                                                      Position till) {
  const Position begin = log.begin();
  std::vector<store::Checkpoint> snapshots;
  const Position end = log.end();
  auto reader = log.read(Position());
  if (!reader) return reader.error();
  log::Batch batch;
  codec::EntryView entry;
  while (reader.value()->position() < end) {
    auto outcome = reader.value()->next(batch, std::chrono::microseconds(0));
    if (!outcome && outcome.error().code() != ErrorCode::corrupt) return outcome.error();
    if (!outcome) continue;
    if (outcome.value() != log::ReadOutcome::progressed) break;
    codec::EntryReader entries(*batch.bytes);
    if (entries.next(entry) != codec::EntryReader::Outcome::progressed ||
        entry.kind != codec::EntryKind::snapshot)
      continue;
    const auto as_of = Position::from_raw(entry.snapshot.as_of);
    if (as_of > till) continue;
    if (wanted == SnapshotsWanted::without_hole) {
      if (as_of.ordinal() + 1 < begin.ordinal()) continue;
      if (snapshots.size() == kSnapshotsMax) break;
    } else if (snapshots.size() == kSnapshotsMax) {
      snapshots.pop_back();
    }
    const auto at = wanted == SnapshotsWanted::without_hole ? snapshots.end() : snapshots.begin();
    snapshots.insert(at, {as_of, std::string(entry.snapshot.state)});
  }
  return snapshots;
}

Result<LogScan> scan_log(log::Source& log, Position from) {
  LogScan scan;
  const Position begin = log.begin();
  const Position end = log.end();
  auto reader = log.read(std::max(from, begin));
  if (!reader) return reader.error();
  log::Batch batch;
  while (reader.value()->position() < end) {
    auto outcome = reader.value()->next(batch, std::chrono::microseconds(0));
    if (!outcome && outcome.error().code() != ErrorCode::corrupt) return outcome.error();
    if (!outcome) {
      if (scan.damage.empty()) scan.damage = outcome.error().message();
      continue;
    }
    if (outcome.value() != log::ReadOutcome::progressed) break;
    if (!scan_batch(batch, begin, scan) && scan.damage.empty()) {
      scan.damage = "log: records of the block at position " +
                    std::to_string(batch.first.ordinal()) + " are no entries of ours";
    }
  }
  return scan;
}

}  // namespace tapeline::app
