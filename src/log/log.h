#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/position.h"
#include "base/result.h"

/// The durable log: opaque records in order. A record is one self-delimiting Avro datum; the log
/// does not look inside. Every implementation passes tests/contract/log_contract.h.
namespace tapeline::log {

/// Consecutive records as one piece of bytes: `count` datums, one after the other.
struct Batch {
  Position first;  ///< Of its first record; the others follow one by one.
  uint32_t count = 0;
  std::shared_ptr<const std::string> bytes;  ///< Shared with the log's tail; never changed.

  Position last() const { return first.plus(count - 1); }
};

/// What the time index needs to know of some records, given by who knows their meaning.
/// Microseconds since 1970. An empty event range has event_min > event_max.
struct Times {
  int64_t ingest_max = 0;
  int64_t event_min = INT64_MAX;
  int64_t event_max = INT64_MIN;
};

/// What records promise once they are visible: see DESIGN, law 2.
enum class Durability { none, os, fsync };

enum class ReadOutcome { progressed, idle, finished };

/// Reads forward from a position. One owner thread. Sees durable records only.
class Reader {
 public:
  virtual ~Reader() = default;

  /// The next batch. `progressed`: `batch` is filled. `idle`: nothing new within `timeout`.
  /// `finished`: the log was closed and everything is read. Errors: `corrupt` with file and
  /// offset (the reader then stands behind the damage: calling again goes on there);
  /// `not_found` when retention removed the wanted position.
  virtual Result<ReadOutcome> next(Batch& batch, std::chrono::microseconds timeout) = 0;

  /// Position of the next record to come.
  virtual Position position() const = 0;
};

/// One log of one partition. Thread-safe; appends come from one writer at a time.
class Log {
 public:
  virtual ~Log() = default;

  /// Hands over `count` records. Returns the position of the first at once; they are visible to
  /// readers when durable. Waits while the unwritten bytes exceed the limit (back-pressure).
  /// After a failed write (disk full, I/O) every call returns that error until `recover`.
  virtual Result<Position> append(std::string records, uint32_t count, const Times& times) = 0;

  /// Waits until everything appended so far is visible, at the log's durability.
  virtual Result<> flush() = 0;

  /// Waits until everything visible up to `position` has reached the device, whatever the
  /// durability: a checkpoint may then refer to it.
  virtual Result<> sync(Position position) = 0;

  /// After an error of append or flush: cuts what is not whole and takes records again. Records
  /// that were not yet durable are gone; the first free position is returned so that their
  /// sender can tell which. `full` or `failed` again while the cause persists.
  virtual Result<Position> recover() = 0;

  /// First record still kept, and the position after the last durable one.
  virtual Position begin() const = 0;
  virtual Position end() const = 0;

  /// A reader that starts at `from` (or at begin(), when `from` is older than `begin` and
  /// `from` is Position{}).
  virtual Result<std::unique_ptr<Reader>> read(Position from) = 0;

  /// A reader over the blocks that may hold records with an event time in [from, to]
  /// microseconds, up to the present end; it does not wait for more.
  virtual Result<std::unique_ptr<Reader>> read_events(int64_t from_us, int64_t to_us) = 0;

  /// The record put first into each new segment: asked at rotation, from the writer's thread; an
  /// empty answer puts none.
  virtual void set_snapshot_source(std::function<std::string()> source) = 0;

  /// Refuses further appends, makes the rest durable, ends readers. Idempotent; waits.
  virtual Result<> close() = 0;

  struct Status {
    uint64_t bytes = 0;  ///< On disk.
    uint64_t segments = 0;
    uint64_t pending_bytes = 0;   ///< Appended, not yet durable.
    uint64_t torn_bytes_cut = 0;  ///< At the last start.
    std::string error;            ///< Empty when it takes records.
  };
  virtual Status status() const = 0;
};

}  // namespace tapeline::log
