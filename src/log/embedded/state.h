#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>

#include "base/file.h"
#include "log/embedded/time_index.h"
#include "log/events.h"
#include "log/log.h"

namespace tapeline::log::embedded {

/// One file of the log.
struct Segment {
  Segment(Position begin, std::string file) : first(begin), path(std::move(file)) {}

  const Position first;
  const std::string path;

  // Guarded by State::mutex.
  uint64_t bytes = 0;          ///< Visible ones: whole blocks at the log's durability.
  uint64_t end_ordinal = 0;    ///< Behind its last record.
  uint64_t version = 0;        ///< Counts how often another file took the place of the first.
  TimeIndex index;             ///< Of the active segment; empty for closed ones, whose file has it.
  std::optional<Times> times;  ///< Of a closed segment, once known.
};

/// What the writer and the readers share; it lives as long as the longest of them.
struct State {
  State(FileSystem& file_system, std::string folder_path, RecordFormat record_format,
        Events event_sink)
      : files(file_system),
        folder(std::move(folder_path)),
        format(std::move(record_format)),
        events(std::move(event_sink)) {}

  FileSystem& files;
  const std::string folder;
  const RecordFormat format;
  Events events;

  std::mutex mutex;
  std::condition_variable grown;  ///< `end` moved, or `finished`.

  std::string identity;  ///< Of the log; constant once it is loaded.

  // Guarded by mutex.
  std::deque<std::shared_ptr<Segment>> segments;  ///< By position; the last one is active.
  Position end;                                   ///< Behind the last visible record.
  std::deque<Batch> tail;                         ///< The newest visible records, without holes.
  uint64_t tail_bytes = 0;
  bool finished = false;  ///< `end` moves no more.

  /// With the mutex held.
  Position begin() const { return segments.empty() ? end : segments.front()->first; }
};

/// A block with its records uncompressed and checked; `count` is what is really inside. Nothing
/// when it is damaged.
struct Records {
  std::string bytes;
  uint32_t count = 0;
};
std::optional<Records> checked_records(const State& state, std::string_view payload,
                                       uint64_t count_said);

/// The spans of a segment's index file as far as it is whole; none if there is no such file.
std::vector<Span> load_index(const State& state, const Segment& segment, uint64_t segment_bytes);

}  // namespace tapeline::log::embedded
