#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
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
/// Microseconds since 1970. An empty event range has event_min > event_max; records without an
/// ingest time have INT64_MIN.
struct Times {
  int64_t ingest_max = INT64_MIN;
  int64_t event_min = INT64_MAX;
  int64_t event_max = INT64_MIN;

  void merge(const Times& other);
};

/// What a log must be told of its records, since they are opaque to it. Both functions are pure
/// and are called from any thread; hostile bytes must not harm them.
struct RecordFormat {
  /// The Avro schema of one record, as JSON; written into the head of each segment.
  std::string schema;

  /// The length in bytes of the first `count` records; nothing when `records` does not begin with
  /// that many whole ones.
  std::function<std::optional<size_t>(std::string_view records, uint32_t count)> skip;

  /// The times of the first `count` records: used when the time index has to be made anew.
  std::function<Times(std::string_view records, uint32_t count)> inspect;
};

/// What records promise once they are visible: see DESIGN, law 2.
enum class Durability { none, os, fsync };

enum class ReadOutcome { progressed, idle, finished };

/// Reads forward from a position. One owner thread. Sees durable records only.
class Reader {
 public:
  virtual ~Reader() = default;

  /// The next batch. `progressed`: `batch` is filled; batches follow one another without a hole,
  /// except behind an error. `idle`: nothing new within `timeout`. `finished`: everything is read
  /// and nothing can follow (the log was closed, or the reader has a stated end). Errors:
  /// `corrupt` with file and offset, once for each damage (the reader then stands behind it, at
  /// `position()`: calling again goes on there); `not_found` when retention removed the wanted
  /// position (calling again goes on at the first one kept); `failed` when a file cannot be read.
  virtual Result<ReadOutcome> next(Batch& batch, std::chrono::microseconds timeout) = 0;

  /// Position of the next record to come.
  virtual Position position() const = 0;
};

/// The reading side of a log. Thread-safe.
class Source {
 public:
  virtual ~Source() = default;

  /// First record still kept, and the position after the last durable one.
  virtual Position begin() const = 0;
  virtual Position end() const = 0;

  /// Made when the log was, by chance, and the same as long as it lives: 32 hexadecimal digits.
  /// Empty when nothing that is left of it tells; a log begun before there were identities never
  /// gets one, so nobody can tell whether a store is of it.
  virtual std::string identity() const = 0;

  /// A reader that starts at `from`, anywhere in [begin(), end()]; Position{} means begin().
  /// `not_found` when retention removed `from`, `invalid` when it lies beyond the end.
  virtual Result<std::unique_ptr<Reader>> read(Position from) = 0;

  /// A reader over the blocks that may hold records with an event time in [from, to]
  /// microseconds, up to the present end; it does not wait for more. Its batches may have holes
  /// between them and hold records outside the range.
  virtual Result<std::unique_ptr<Reader>> read_events(int64_t from_us, int64_t to_us) = 0;
};

/// What is, or has to be, removed: everything before `begin`.
struct Cut {
  uint64_t segments = 0;  ///< None: there is nothing to remove.
  uint64_t records = 0;
  uint64_t bytes = 0;
  Position begin;
};

/// One log of one partition. Thread-safe; appends come from one writer at a time.
class Log : public Source {
 public:
  /// Hands over `count` records. Returns the position of the first at once; they are visible to
  /// readers when durable. Waits while the unwritten bytes exceed the limit (back-pressure).
  /// `full` when they are larger than a segment may be: refused alone, the log goes on.
  /// After a failed write (disk full, I/O) every call returns that error until `recover`.
  /// `cancelled` after `close`.
  virtual Result<Position> append(std::string records, uint32_t count, const Times& times) = 0;

  /// Waits until everything appended so far is visible, at the log's durability.
  virtual Result<> flush() = 0;

  /// Waits until everything visible up to `position` has reached the device, whatever the
  /// durability (except `none`, which asks nothing of the device): a checkpoint may then refer to
  /// it.
  virtual Result<> sync(Position position) = 0;

  /// After an error of append, flush or sync: cuts what is not whole and takes records again.
  /// Records that were not yet durable are gone; the first free position is returned so that their
  /// sender can tell which: those at and behind it. `full` or `failed` again while the cause
  /// persists. Without an error it changes nothing and returns end().
  virtual Result<Position> recover() = 0;

  /// The record put first into each new segment: asked at rotation, from the writer's thread; an
  /// empty answer puts none. It takes a position like any record.
  virtual void set_snapshot_source(std::function<std::string()> source) = 0;

  /// Retention keeps the record at `position` and all behind it, whatever their age and size:
  /// the state to start from must stay readable. Positions only grow.
  virtual void set_retain_from(Position position) = 0;

  /// The old segments that are beyond the limits of age and size; they stay. A segment is as old as
  /// its newest record; without any time, as the next one that may go and has some. For one thread,
  /// as remove_before.
  virtual Result<Cut> due_cut() = 0;

  /// Removes whole segments that end before `position`, oldest first, but none that
  /// `set_retain_from` keeps, nor the one being written; what it removed. An error names the
  /// file that cannot be removed; it stays with all behind it, and the next call begins there.
  virtual Result<Cut> remove_before(Position position) = 0;

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
