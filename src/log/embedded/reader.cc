#include "log/embedded/reader.h"

#include <algorithm>

#include "base/mutant.h"
#include "log/record_format.h"

namespace tapeline::log::embedded {

Cursor::Cursor(State& state, std::shared_ptr<Segment> segment)
    : state_(state), segment_(std::move(segment)), file_(nullptr, 0) {}

Result<std::unique_ptr<Cursor>> Cursor::open(State& state, std::shared_ptr<Segment> segment) {
  std::unique_ptr<Cursor> cursor(new Cursor(state, std::move(segment)));
  TAPELINE_TRY(cursor->refresh());
  auto parse = cursor->file_.read_header(cursor->header_);
  if (!parse) return parse.error();
  cursor->headed_ =
      parse.value() == Parse::whole && cursor->header_.first == cursor->segment_->first;
  cursor->offset_ = cursor->headed_ ? cursor->header_.bytes : 0;
  cursor->ordinal_ = cursor->segment_->first.ordinal();
  return cursor;
}

Result<> Cursor::refresh() {
  std::vector<Span> spans;
  uint64_t version = 0;
  {
    const std::lock_guard lock(state_.mutex);
    file_.set_limit(segment_->bytes);
    end_ordinal_ = segment_->end_ordinal;
    version = segment_->version;
    spans = segment_->index.all();
  }
  if (!file_.is_open() || version != version_) {
    auto file = state_.files.open_read(segment_->path);
    if (!file) return file.error();
    file_.replace(std::move(file.value()));
    version_ = version;
  }
  if (spans.empty()) spans = load_index(state_, *segment_, file_.limit());
  anchors_ = anchors_of(spans);
  anchors_.push_back({file_.limit(), end_ordinal_});
  return {};
}

bool Cursor::sums_up(const Anchor& from, const Anchor& to) {
  uint64_t offset = from.offset;
  uint64_t ordinal = from.ordinal;
  while (offset < to.offset) {
    BlockHead head;
    const auto parse = file_.head_at(offset, head);
    if (!parse || parse.value() != Parse::whole) return false;
    offset += head.bytes();
    ordinal += head.count;
  }
  return offset == to.offset && ordinal == to.ordinal;
}

Result<> Cursor::seek(uint64_t ordinal) {
  if (!headed_) return {};
  Anchor from{offset_, ordinal_};
  Anchor to = anchors_.back();
  for (const Anchor& anchor : anchors_) {
    if (anchor.ordinal <= ordinal) {
      if (anchor.offset < file_.limit()) from = anchor;
    } else {
      to = anchor;
      break;
    }
  }
  offset_ = from.offset;
  ordinal_ = from.ordinal;
  // Heads alone may be trusted when they sum up to what the index says; otherwise every block
  // from here on is read.
  if (!sums_up(from, to)) return {};
  while (offset_ < to.offset) {
    BlockHead head;
    auto parse = file_.head_at(offset_, head);
    if (!parse) return parse.error();
    const uint64_t end = ordinal_ + head.count;
    if (end > ordinal + (mutated(Mutant::seek_passes_block) ? 1 : 0)) break;
    offset_ += head.bytes();
    ordinal_ += head.count;
  }
  return {};
}

Result<bool> Cursor::next(Batch& batch) {
  if (offset_ >= file_.limit()) TAPELINE_TRY(refresh());
  if (offset_ >= file_.limit()) return false;
  if (offset_ == 0) return step_over_damage("its header is not what was written");
  BlockHead head;
  auto parse = file_.head_at(offset_, head);
  if (!parse) return parse.error();
  if (parse.value() != Parse::whole) return step_over_damage("a block does not end where it says");
  auto payload = file_.payload_at(offset_, head);
  if (!payload) return payload.error();
  auto records = checked_records(state_, payload.value(), head.count);
  if (!records) return step_over_damage("the checksum of a block does not match");
  if (records->count != head.count)
    state_.events.count_repaired(segment_->path, offset_, head.count, records->count);
  if (head.marker_damaged) state_.events.marker_damaged(segment_->path, offset_ + head.bytes());
  batch.first = Position(segment_->first.generation(), ordinal_);
  batch.count = records->count;
  batch.bytes = std::make_shared<const std::string>(std::move(records->bytes));
  offset_ += head.bytes();
  ordinal_ += batch.count;
  return true;
}

Error Cursor::step_over_damage(std::string_view reason) {
  if (auto refreshed = refresh(); !refreshed) return refreshed.error();
  const uint64_t damaged = offset_;
  const uint64_t lost_from = ordinal_;
  // Without a known ordinal the place behind is the end of this segment.
  uint64_t offset = file_.limit();
  uint64_t ordinal = std::max(end_ordinal_, ordinal_);
  for (uint64_t from = damaged;;) {
    auto found = file_.find_block(from, anchors_);
    if (!found) return found.error();
    if (!found.value()) break;
    const Found& block = *found.value();
    if (block.ordinal && *block.ordinal >= lost_from) {
      offset = block.offset;
      ordinal = *block.ordinal;
      break;
    }
    from = block.offset;
  }
  offset_ = offset;
  ordinal_ = ordinal;
  Error error = make_error(
      ErrorCode::corrupt,
      "log: {} is damaged at byte {}: {}; {} records from {} on cannot be read, reading goes on "
      "at record {}",
      segment_->path, damaged, reason, ordinal - lost_from, lost_from, ordinal);
  state_.events.damage_found(error.message());
  return error;
}

namespace {

class EmbeddedReader final : public Reader {
 public:
  EmbeddedReader(std::shared_ptr<State> state, Position from)
      : state_(std::move(state)), position_(from) {}

  Result<ReadOutcome> next(Batch& batch, std::chrono::microseconds timeout) override {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    while (true) {
      std::shared_ptr<Segment> segment;
      Position next_first;
      {
        std::unique_lock lock(state_->mutex);
        const auto ready = [&] { return position_ < state_->end || state_->finished; };
        if (!ready() && timeout.count() > 0) state_->grown.wait_until(lock, deadline, ready);
        if (position_ >= state_->end)
          return state_->finished ? ReadOutcome::finished : ReadOutcome::idle;
        if (take_from_tail(batch)) {
          lock.unlock();
          return trimmed(batch);
        }
        if (position_ < state_->begin()) {
          cursor_.reset();
          const Position wanted = std::exchange(position_, state_->begin());
          return removed_by_retention(wanted, position_);
        }
        find_segment(segment, next_first);
      }
      auto got = read_from(segment, batch);
      if (!got && got.error().code() == ErrorCode::not_found && is_oldest(*segment))
        return pass_removed(next_first);
      if (!got) return got.error();
      if (got.value()) return trimmed(batch);
      if (auto error = pass_end_of_segment(next_first)) return *error;
    }
  }

  Position position() const override { return position_; }

 private:
  /// With the mutex held.
  bool take_from_tail(Batch& batch) {
    const auto& tail = state_->tail;
    if (tail.empty() || position_ < tail.front().first) return false;
    const auto at = std::partition_point(tail.begin(), tail.end(), [&](const Batch& some) {
      return some.last() < position_.plus(mutated(Mutant::tail_passes_record) ? 1 : 0);
    });
    if (at == tail.end()) return false;
    batch = *at;
    cursor_.reset();
    return true;
  }

  /// With the mutex held: the last segment that begins at or before the position, and where the
  /// one behind it begins, or would.
  void find_segment(std::shared_ptr<Segment>& segment, Position& next_first) {
    const auto& segments = state_->segments;
    const auto behind =
        std::partition_point(segments.begin(), segments.end(),
                             [&](const auto& some) { return some->first <= position_; });
    segment = *std::prev(behind);
    next_first = behind == segments.end() ? state_->end : (*behind)->first;
  }

  Result<bool> read_from(std::shared_ptr<Segment> segment, Batch& batch) {
    if (!cursor_ || cursor_->segment().path != segment->path ||
        cursor_->ordinal() > position_.ordinal()) {
      auto cursor = Cursor::open(*state_, std::move(segment));
      if (!cursor) return cursor.error();
      cursor_ = std::move(cursor.value());
      TAPELINE_TRY(cursor_->seek(position_.ordinal()));
    }
    while (true) {
      auto got = cursor_->next(batch);
      if (!got) {
        const uint64_t ordinal = std::max(cursor_->ordinal(), position_.ordinal());
        position_ = Position(position_.generation(), ordinal);
        return got.error();
      }
      // Blocks before the position are met where a seek could not trust the heads.
      if (!got.value() || batch.last() >= position_) return got.value();
    }
  }

  /// Or was: retention may be about to remove its file, or just have done so.
  bool is_oldest(const Segment& segment) const {
    const std::lock_guard lock(state_->mutex);
    return segment.first <= state_->begin() && segment.first < state_->segments.back()->first;
  }

  Error pass_removed(Position next_first) {
    cursor_.reset();
    const Position wanted = std::exchange(position_, next_first);
    return removed_by_retention(wanted, next_first);
  }

  /// The visible end of a segment is reached, and yet there are records: behind it.
  std::optional<Error> pass_end_of_segment(Position next_first) {
    if (next_first <= position_) return std::nullopt;
    const Position missing = std::exchange(position_, next_first);
    cursor_.reset();
    if (missing.generation() != next_first.generation()) return std::nullopt;
    Error error = make_error(ErrorCode::corrupt,
                             "log: records {} to {} are missing from {}: no segment holds them; "
                             "reading goes on at record {}",
                             missing.ordinal(), next_first.ordinal() - 1, state_->folder,
                             next_first.ordinal());
    state_->events.damage_found(error.message());
    return error;
  }

  Result<ReadOutcome> trimmed(Batch& batch) {
    if (!drop_before(position_, state_->format, batch))
      return make_error(ErrorCode::invalid, "log: the records at {} are not {} whole ones",
                        batch.first.ordinal(), batch.count);
    position_ = batch.last().plus(1);
    return ReadOutcome::progressed;
  }

  const std::shared_ptr<State> state_;
  Position position_;
  std::unique_ptr<Cursor> cursor_;
};

class RangeReader final : public Reader {
 public:
  RangeReader(std::shared_ptr<State> state, std::vector<Range> ranges, Position end)
      : state_(std::move(state)), ranges_(std::move(ranges)), end_(end) {}

  Result<ReadOutcome> next(Batch& batch, std::chrono::microseconds) override {
    while (at_ < ranges_.size()) {
      const Range& range = ranges_[at_];
      if (!cursor_) TAPELINE_TRY(open(range));
      if (cursor_->ordinal() < range.end_ordinal) {
        auto got = cursor_->next(batch);
        if (!got) return got.error();
        if (got.value() && batch.first.ordinal() < range.end_ordinal)
          return ReadOutcome::progressed;
      }
      cursor_.reset();
      ++at_;
    }
    return ReadOutcome::finished;
  }

  Position position() const override {
    if (at_ >= ranges_.size()) return end_;
    const Range& range = ranges_[at_];
    return Position(range.segment->first.generation(),
                    cursor_ ? cursor_->ordinal() : range.ordinal);
  }

 private:
  Result<> open(const Range& range) {
    auto cursor = Cursor::open(*state_, range.segment);
    if (!cursor) {
      ++at_;
      return cursor.error();
    }
    cursor_ = std::move(cursor.value());
    return cursor_->seek(range.ordinal);
  }

  const std::shared_ptr<State> state_;
  const std::vector<Range> ranges_;
  const Position end_;
  size_t at_ = 0;
  std::unique_ptr<Cursor> cursor_;
};

}  // namespace

std::unique_ptr<Reader> make_reader(std::shared_ptr<State> state, Position from) {
  return std::make_unique<EmbeddedReader>(std::move(state), from);
}

std::unique_ptr<Reader> make_range_reader(std::shared_ptr<State> state, std::vector<Range> ranges,
                                          Position end) {
  return std::make_unique<RangeReader>(std::move(state), std::move(ranges), end);
}

}  // namespace tapeline::log::embedded
