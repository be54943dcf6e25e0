#include "app/repair.h"

#include "app/damaged_bars.h"
#include "app/events.h"
#include "app/recompute.h"

namespace tapeline::app {
namespace {

Result<> make_anew(Tape& tape, const Config& config, FileSystem& files, const Clock& clock,
                   metrics::Registry& metrics, const std::vector<model::BarKey>& keys) {
  std::vector<RecomputeRange> ranges;
  for (const model::BarKey& key : keys)
    ranges.push_back({key.symbol, key.start, key.start + std::chrono::milliseconds(1)});
  const auto done =
      recompute(tape, config, files, clock, metrics, std::move(ranges), RecomputeMode::repair);
  if (!done) return done.error();
  for (const model::BarKey& key : keys) events::bar_made_anew(key);
  return {};
}

Result<> seal(Tape& tape, const model::BarKey& key, std::string_view why) {
  auto reader = tape.store->open_reader();
  if (!reader) return reader.error();
  const auto found = reader.value()->row(key);
  store::BarRow row;
  if (found && found.value()) row = *found.value();
  row.bar.key = key;
  if (row.bar.end <= key.start)
    row.bar.end = key.start + std::chrono::milliseconds(key.interval.ms());
  row.bar.gap = true;
  row.state.clear();
  auto writer = tape.store->open_writer();
  if (!writer) return writer.error();
  store::Commit commit;
  commit.removed = {key};
  commit.bars = {row};
  TAPELINE_TRY(writer.value()->write(commit));
  events::bar_sealed(key, why);
  return {};
}

/// Whether an error says that the log does not hold what is needed.
bool is_beyond_log(const Error& error) {
  return error.code() == ErrorCode::not_found || error.code() == ErrorCode::corrupt ||
         error.code() == ErrorCode::invalid;
}

}  // namespace

Result<size_t> repair_damaged_bars(Tape& tape, const Config& config, FileSystem& files,
                                   const Clock& clock, metrics::Registry& metrics) {
  auto reader = tape.store->open_reader();
  if (!reader) return reader.error();
  const auto keys = find_damaged_bars(*reader.value(), {});
  if (!keys) return keys.error();
  reader.value().reset();
  if (keys.value().empty()) return size_t{0};
  if (keys.value().size() > kDamagedBarsMax)
    return make_error(ErrorCode::corrupt,
                      "store: more than {} bars of {} are damaged, or another version wrote them: "
                      "move that file away, and bars are made anew from the log",
                      kDamagedBarsMax, tape.directory->store_file());
  const auto together = make_anew(tape, config, files, clock, metrics, keys.value());
  if (together) return keys.value().size();
  if (!is_beyond_log(together.error())) return together.error();
  for (const model::BarKey& key : keys.value()) {
    const auto alone = make_anew(tape, config, files, clock, metrics, {key});
    if (alone) continue;
    if (!is_beyond_log(alone.error())) return alone.error();
    TAPELINE_TRY(seal(tape, key, alone.error().message()));
  }
  return keys.value().size();
}

}  // namespace tapeline::app
