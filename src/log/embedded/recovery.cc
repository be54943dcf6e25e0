#include "log/embedded/recovery.h"

#include <algorithm>

#include "base/mutant.h"

namespace tapeline::log::embedded {
namespace {

/// Snappy packs at most some 21 to one, and a record has at least one byte.
constexpr uint64_t kRecordsPerByteMax = 32;

struct Block {
  uint64_t offset = 0;
  uint64_t ordinal = 0;
  BlockHead head;
};

/// Walks the heads of a segment from its beginning.
class Walk {
 public:
  Walk(SegmentFile& file, const std::vector<Anchor>& anchors, uint64_t offset, uint64_t ordinal)
      : file_(file), anchors_(anchors), offset_(offset), ordinal_(ordinal) {}

  Result<> run() {
    while (offset_ < file_.limit()) {
      Block block{offset_, ordinal_, {}};
      auto parse = file_.head_at(offset_, block.head);
      if (!parse) return parse.error();
      if (parse.value() == Parse::whole) {
        blocks.push_back(block);
        offset_ += block.head.bytes();
        ordinal_ += block.head.count;
        continue;
      }
      auto more = step_over_damage();
      if (!more) return more.error();
      if (!more.value()) break;
    }
    return {};
  }

  uint64_t end_offset() const { return offset_; }
  uint64_t end_ordinal() const { return ordinal_; }

  std::vector<Block> blocks;
  bool guessed = false;  ///< Some ordinals are moved on.

 private:
  /// False when no readable block follows.
  Result<bool> step_over_damage() {
    auto found = file_.find_block(offset_, anchors_);
    if (!found) return found.error();
    if (!found.value()) return false;
    const Found& next = *found.value();
    if (next.ordinal && *next.ordinal >= ordinal_) {
      ordinal_ = *next.ordinal;
    } else {
      ordinal_ += (next.offset - offset_) * kRecordsPerByteMax;
      guessed = true;
    }
    offset_ = next.offset;
    return true;
  }

  SegmentFile& file_;
  const std::vector<Anchor>& anchors_;
  uint64_t offset_;
  uint64_t ordinal_;
};

Result<std::optional<Records>> read_block(const State& state, SegmentFile& file,
                                          const Block& block) {
  auto payload = file.payload_at(block.offset, block.head);
  if (!payload) return payload.error();
  return checked_records(state, payload.value(), block.head.count);
}

/// Drops blocks from the end until one is readable.
Result<> drop_torn(const State& state, SegmentFile& file, std::vector<Block>& blocks) {
  while (!blocks.empty()) {
    auto records = read_block(state, file, blocks.back());
    if (!records) return records.error();
    if (records.value()) break;
    blocks.pop_back();
  }
  return {};
}

/// Reads the blocks from `index` on: puts counts and ordinals right and adds to the index those
/// behind its last span.
Result<> read_newest(const State& state, SegmentFile& file, std::vector<Block>& blocks,
                     uint64_t indexed_end, TimeIndex& index) {
  uint64_t shift = 0;
  uint64_t end_offset = indexed_end;
  for (Block& block : blocks) {
    block.ordinal += shift;
    if (block.offset < indexed_end) continue;
    if (block.offset != end_offset) index.finish();
    end_offset = block.offset + block.head.bytes();
    auto records = read_block(state, file, block);
    if (!records) return records.error();
    Times times;
    if (records.value()) {
      shift += records.value()->count - block.head.count;
      block.head.count = records.value()->count;
      times = state.format.inspect(records.value()->bytes, records.value()->count);
    }
    index.add(block.offset, block.head.bytes(), block.ordinal, block.head.count, times);
  }
  return {};
}

/// So few bytes are at most a header: the crash came while the file was made.
bool holds_nothing(const State& state, const Segment& segment, const SegmentFile& file) {
  const Header expected{
      state.format.schema, segment.first, {}, 0, std::string(kIdentityBytes, '0')};
  return file.limit() <= encode_header(expected).size();
}

/// Behind the blocks that the index vouches for: it is written after they are durable, and a reader
/// checks them again. So a start takes as long as the blocks behind it, not as the segment.
Result<Anchor> where_to_begin(bool headed, const Header& header, const Segment& segment,
                              SegmentFile& file, const std::vector<Span>& spans) {
  if (!headed) return Anchor{0, segment.first.ordinal()};
  if (!spans.empty()) {
    auto ends = file.marker_before(spans.back().end_offset);
    if (!ends) return ends.error();
    if (ends.value()) return Anchor{spans.back().end_offset, spans.back().end_ordinal};
  }
  return Anchor{header.bytes, segment.first.ordinal()};
}

}  // namespace

Result<Examined> examine(const State& state, const Segment& segment, SegmentFile& file,
                         std::vector<Span> spans) {
  Examined result;
  auto parse = file.read_header(result.header);
  if (!parse) return parse.error();
  const std::vector<Anchor> anchors = anchors_of(spans);
  const bool headed = parse.value() == Parse::whole && result.header.first == segment.first;
  if (!headed) {
    result.empty = holds_nothing(state, segment, file);
    result.end_ordinal = segment.first.ordinal();
    if (result.empty) return result;
    result.sealed = true;
  }
  auto begin = where_to_begin(headed, result.header, segment, file, spans);
  if (!begin) return begin.error();
  Walk walk(file, anchors, begin.value().offset, begin.value().ordinal);
  TAPELINE_TRY(walk.run());
  TAPELINE_TRY(drop_torn(state, file, walk.blocks));
  if (mutated(Mutant::whole_block_cut) && !walk.blocks.empty() && walk.end_offset() < file.limit())
    walk.blocks.pop_back();
  result.sealed = result.sealed || walk.guessed;
  if (!headed && walk.blocks.empty()) {
    result.bytes = file.limit();
    result.end_ordinal += file.limit() * kRecordsPerByteMax;
    return result;
  }

  const Block* const last = walk.blocks.empty() ? nullptr : &walk.blocks.back();
  result.bytes = last ? last->offset + last->head.bytes() : begin.value().offset;
  while (!spans.empty() && spans.back().end_offset > result.bytes) spans.pop_back();
  const uint64_t indexed_end = spans.empty() ? 0 : spans.back().end_offset;
  result.synced_bytes = indexed_end;
  result.index.set(std::move(spans));
  TAPELINE_TRY(read_newest(state, file, walk.blocks, indexed_end, result.index));
  result.end_ordinal = last ? last->ordinal + last->head.count : begin.value().ordinal;
  return result;
}

Result<> list_segments(State& state) {
  auto names = state.files.list(state.folder);
  if (!names) return names.error();
  for (const std::string& name : names.value()) {
    const auto first = parse_segment_name(name);
    if (!first) continue;
    auto segment = std::make_shared<Segment>(*first, state.folder + "/" + name);
    auto file = state.files.open_read(segment->path);
    // Retention of the writing process may have removed it since the folder was listed.
    if (!file && file.error().code() == ErrorCode::not_found && state.segments.empty()) continue;
    if (!file) return file.error();
    auto size = file.value()->size();
    if (!size) return size.error();
    segment->bytes = size.value();
    state.segments.push_back(std::move(segment));
  }
  for (size_t i = 1; i < state.segments.size(); ++i)
    state.segments[i - 1]->end_ordinal =
        state.segments[i]->first.generation() == state.segments[i - 1]->first.generation()
            ? state.segments[i]->first.ordinal()
            : 0;
  return {};
}

Result<std::vector<Span>> rebuild_index(const State& state, const Segment& segment, uint64_t bytes,
                                        uint64_t end_ordinal, bool store) {
  auto opened = state.files.open_read(segment.path);
  if (!opened) return opened.error();
  SegmentFile file(std::move(opened.value()), bytes);
  Header header;
  auto parse = file.read_header(header);
  if (!parse) return parse.error();
  const std::vector<Anchor> anchors{{bytes, end_ordinal}};
  Walk walk(file, anchors, header.bytes, segment.first.ordinal());
  TAPELINE_TRY(walk.run());
  TimeIndex index;
  TAPELINE_TRY(read_newest(state, file, walk.blocks, 0, index));
  index.finish();
  if (store) {
    std::string content = encode_index_head();
    for (const Span& span : index.complete()) content += encode_span(span);
    TAPELINE_TRY(state.files.write_all(index_path(segment.path), content));
  }
  return index.complete();
}

}  // namespace tapeline::log::embedded
