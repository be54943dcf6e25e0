#pragma once

#include <memory>
#include <vector>

#include "log/embedded/segment_file.h"
#include "log/embedded/state.h"

/// Reading forward through tail and files.
namespace tapeline::log::embedded {

/// Reads one segment block by block. One owner thread.
class Cursor {
 public:
  /// Opens the file. `not_found` when retention removed it.
  static Result<std::unique_ptr<Cursor>> open(State& state, std::shared_ptr<Segment> segment);

  const Segment& segment() const { return *segment_; }
  uint64_t ordinal() const { return ordinal_; }

  /// Goes to the block that holds `ordinal`.
  Result<> seek(uint64_t ordinal);

  /// The block at the cursor; false at the end of what is visible. An error `corrupt` leaves the
  /// cursor behind the damage.
  Result<bool> next(Batch& batch);

 private:
  Cursor(State& state, std::shared_ptr<Segment> segment);

  /// Takes up what became visible since, what the index knows, and the file that took the place of
  /// the one opened before.
  Result<> refresh();
  bool sums_up(const Anchor& from, const Anchor& to);
  Error step_over_damage(std::string_view reason);

  State& state_;
  const std::shared_ptr<Segment> segment_;
  SegmentFile file_;
  uint64_t version_ = 0;  // Of the segment's file.
  Header header_;
  bool headed_ = false;
  std::vector<Anchor> anchors_;
  uint64_t end_ordinal_ = 0;  // Behind the last visible record of the segment.
  uint64_t offset_ = 0;
  uint64_t ordinal_ = 0;
};

std::unique_ptr<Reader> make_reader(std::shared_ptr<State> state, Position from);

/// The part of a segment that an event reader reads.
struct Range {
  std::shared_ptr<Segment> segment;
  uint64_t ordinal = 0;
  uint64_t end_ordinal = 0;
};

/// Ends behind the last range.
std::unique_ptr<Reader> make_range_reader(std::shared_ptr<State> state, std::vector<Range> ranges,
                                          Position end);

}  // namespace tapeline::log::embedded
