// Any bytes as the state of a checkpoint or snapshot, sealed with a right checksum so that they are
// really read: refused with a sentence and an empty engine, or taken up, and then the engine goes
// on: it applies records, and what it writes it takes up again.

#include <cstdint>
#include <memory>
#include <string>

#include "base/check.h"
#include "base/diag.h"
#include "codec/entry.h"
#include "engine/checkpoint.h"
#include "engine/engine.h"
#include "engine/wire.h"
#include "store/memory/store.h"

namespace {

using namespace tapeline;

/// A trade of AAPL and a tick a minute later.
log::Batch records_after(Position position) {
  codec::EntryWriter writer;
  codec::TradeView trade;
  trade.symbol = "AAPL";
  trade.price = {18'995, 2};
  trade.volume = {100, 0};
  trade.event_time = model::EventTime(std::chrono::milliseconds(1'704'292'200'000));
  trade.ingest_time = model::IngestTime(std::chrono::milliseconds(1'704'292'200'100));
  trade.source = "test";
  trade.epoch = 1;
  trade.sequence = 1;
  writer.add(trade);
  model::Control tick;
  tick.source = "test";
  tick.epoch = 1;
  tick.ingest_time = trade.ingest_time + std::chrono::minutes(1);
  tick.to = tick.ingest_time;
  writer.add(tick);
  return {position.plus(1), 2, std::make_shared<const std::string>(writer.take())};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const bool silent = [] {
    diag::set_sink([](diag::Level, std::string_view) {});
    return true;
  }();
  (void)silent;
  const std::string_view payload(reinterpret_cast<const char*>(data), size);
  // The state says its own position first; the checkpoint must be of the same.
  engine::StateReader head(payload);
  const Position position = Position::from_raw(head.zigzag());
  if (position.ordinal() > (uint64_t{1} << 40)) return 0;
  const store::Checkpoint checkpoint{
      position, engine::seal(engine::kCheckpointMagic, engine::kCheckpointVersion, payload)};

  const auto store = store::make_memory_store();
  const auto reader = store->open_reader().value();
  const auto writer = store->open_writer().value();
  engine::Engine engine({.cache_bytes_max = 0}, *reader);
  engine.collect_changes(true);
  const auto restored = engine.restore(checkpoint);
  if (!restored) {
    CHECK(!restored.error().message().empty());
    CHECK(engine.position() == Position(), "a state that was refused left something behind");
    CHECK(engine.sources().empty());
    return 0;
  }
  CHECK(engine.position() == position);
  CHECK(engine.apply(records_after(position)).ok());
  CHECK(engine.position() == position.plus(2));
  engine.take_changes();
  const store::Commit commit = engine.prepare_commit();
  CHECK(writer->write(commit).ok());
  engine.committed(commit.checkpoint->position);
  engine::Engine next({.cache_bytes_max = 0}, *reader);
  const auto again = next.restore(*commit.checkpoint);
  CHECK(again.ok(), "{}", again.error().message());
  CHECK(next.snapshot_record() == engine.snapshot_record());
  return 0;
}
