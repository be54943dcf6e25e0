#include "log/embedded/source.h"

#include <algorithm>

#include "log/embedded/reader.h"
#include "log/record_format.h"

namespace tapeline::log::embedded {

Position StateSource::begin() const {
  const std::lock_guard lock(state_->mutex);
  return state_->begin();
}

Position StateSource::end() const {
  const std::lock_guard lock(state_->mutex);
  return state_->end;
}

Result<std::unique_ptr<Reader>> StateSource::read(Position from) {
  const std::lock_guard lock(state_->mutex);
  if (from == Position{}) from = state_->begin();
  TAPELINE_TRY(check_readable(from, state_->begin(), state_->end));
  return make_reader(state_, from);
}

Result<std::unique_ptr<Reader>> StateSource::read_events(int64_t from_us, int64_t to_us) {
  std::deque<std::shared_ptr<Segment>> segments;
  Position end;
  {
    const std::lock_guard lock(state_->mutex);
    segments = state_->segments;
    end = state_->end;
  }
  std::vector<Range> ranges;
  for (const auto& segment : segments) {
    {
      const std::lock_guard lock(state_->mutex);
      if (segment->times && !overlaps(*segment->times, from_us, to_us)) continue;
    }
    auto spans = spans_of(*segment);
    // Retention may have removed it meanwhile.
    if (!spans && spans.error().code() == ErrorCode::not_found) continue;
    if (!spans) return spans.error();
    for (const Span& span : spans.value()) {
      if (!overlaps(span.times, from_us, to_us)) continue;
      if (!ranges.empty() && ranges.back().segment == segment &&
          ranges.back().end_ordinal == span.ordinal)
        ranges.back().end_ordinal = span.end_ordinal;
      else
        ranges.push_back({segment, span.ordinal, span.end_ordinal});
    }
  }
  return make_range_reader(state_, std::move(ranges), end);
}

Result<std::vector<Span>> StateSource::spans_of(Segment& segment) {
  uint64_t bytes = 0;
  uint64_t end_ordinal = 0;
  {
    const std::lock_guard lock(state_->mutex);
    if (!segment.index.empty()) return segment.index.all();
    bytes = segment.bytes;
    end_ordinal = segment.end_ordinal;
  }
  if (end_ordinal == segment.first.ordinal()) return std::vector<Span>();
  std::vector<Span> spans = load_index(*state_, segment, bytes);
  if (spans.empty() || spans.back().end_offset != bytes) {
    auto rebuilt = rebuild_index(*state_, segment, bytes, end_ordinal, store_indexes_);
    if (!rebuilt) return rebuilt.error();
    spans = std::move(rebuilt.value());
    state_->events.index_rebuilt(index_path(segment.path));
  }
  Times times;
  for (const Span& span : spans) times.merge(span.times);
  const std::lock_guard lock(state_->mutex);
  segment.times = times;
  return spans;
}

Result<Times> StateSource::times_of(Segment& segment) {
  {
    const std::lock_guard lock(state_->mutex);
    if (segment.times) return *segment.times;
  }
  auto spans = spans_of(segment);
  if (!spans) return spans.error();
  Times times;
  for (const Span& span : spans.value()) times.merge(span.times);
  return times;
}

namespace {

/// Takes the times of closed segments from index files that are whole.
void load_times(State& state) {
  for (size_t i = 0; i + 1 < state.segments.size(); ++i) {
    Segment& segment = *state.segments[i];
    const std::vector<Span> spans = load_index(state, segment, segment.bytes);
    if (spans.empty() || spans.back().end_offset != segment.bytes) continue;
    // Right also when the segment behind is missing.
    segment.end_ordinal = spans.back().end_ordinal;
    segment.times.emplace();
    for (const Span& span : spans) segment.times->merge(span.times);
  }
}

Result<Examined> examine_file(const State& state, const Segment& segment) {
  auto file = state.files.open_read(segment.path);
  if (!file) return file.error();
  SegmentFile blocks(std::move(file.value()), segment.bytes);
  return examine(state, segment, blocks, load_index(state, segment, segment.bytes));
}

/// The last segments of older generations have nobody behind them to tell their end.
Result<> find_ends(State& state) {
  for (size_t i = 0; i + 1 < state.segments.size(); ++i) {
    Segment& segment = *state.segments[i];
    if (segment.end_ordinal != 0) continue;
    auto examined = examine_file(state, segment);
    if (!examined) return examined.error();
    segment.bytes = examined.value().bytes;
    segment.end_ordinal = examined.value().end_ordinal;
  }
  return {};
}

/// As the newest segment says whose header can be read.
Result<std::string> find_identity(const State& state) {
  for (auto at = state.segments.rbegin(); at != state.segments.rend(); ++at) {
    auto file = state.files.open_read((*at)->path);
    if (!file && file.error().code() == ErrorCode::not_found) continue;
    if (!file) return file.error();
    SegmentFile segment(std::move(file.value()), (*at)->bytes);
    Header header;
    auto parse = segment.read_header(header);
    if (!parse) return parse.error();
    if (parse.value() == Parse::whole) return header.log;
  }
  return std::string();
}

}  // namespace

Result<Loaded> load(const EmbeddedSetup& setup) {
  Loaded loaded;
  loaded.state = std::make_shared<State>(setup.files, setup.folder, setup.format,
                                         Events(setup.metrics, setup.name));
  State& state = *loaded.state;
  state.end = Position(setup.generation, 1);
  TAPELINE_TRY(list_segments(state));
  while (!state.segments.empty()) {
    Segment& last = *state.segments.back();
    auto examined = examine_file(state, last);
    if (!examined) return examined.error();
    loaded.last = std::move(examined.value());
    const uint64_t end_ordinal = std::max(last.end_ordinal, loaded.last.end_ordinal);
    if (!loaded.last.empty) {
      // An empty segment behind was begun where this one had ended.
      loaded.last.sealed = loaded.last.sealed || end_ordinal != loaded.last.end_ordinal;
      loaded.torn_bytes = last.bytes - loaded.last.bytes;
      last.bytes = loaded.last.bytes;
      last.end_ordinal = end_ordinal;
      last.index = loaded.last.index;
      state.end = Position(last.first.generation(), end_ordinal);
      break;
    }
    loaded.empty_segments.push_back(last.path);
    const Position first = last.first;
    state.segments.pop_back();
    state.end = first;
    if (!state.segments.empty() && state.segments.back()->first.generation() == first.generation())
      state.segments.back()->end_ordinal = first.ordinal();
  }
  TAPELINE_TRY(find_ends(state));
  load_times(state);
  auto identity = find_identity(state);
  if (!identity) return identity.error();
  state.identity = std::move(identity).value();
  return loaded;
}

}  // namespace tapeline::log::embedded
