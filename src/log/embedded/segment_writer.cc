#include "log/embedded/segment_writer.h"

#include <cstring>

#include "base/mutant.h"
#include "base/units.h"
#include "log/embedded/segment_file.h"

namespace tapeline::log::embedded {
namespace {

std::span<const std::byte> as_bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

}  // namespace

Result<> SegmentWriter::start(Position first) {
  Header header{schema_, first, {}, 0, log_};
  for (size_t i = 0; i < kMarkerBytes; i += sizeof(uint64_t)) {
    const uint64_t random = random_.next();
    std::memcpy(header.marker.data() + i, &random, sizeof random);
  }
  const std::string path = folder_ + "/" + segment_name(first);
  const std::string bytes = encode_header(header);
  header.bytes = bytes.size();
  TAPELINE_TRY(remove_index_of(path));
  auto file = files_.open_append(path);
  if (!file) return file.error();
  auto written = file.value()->append(as_bytes_of(bytes));
  if (written && durable_) written = file.value()->sync();
  if (written && durable_ && !mutated(Mutant::folder_unsynced))
    written = files_.sync_folder(folder_);
  if (!written) {
    // Left behind, it would claim the records that the present segment takes after `repair`.
    if (!files_.remove(path)) orphan_ = path;
    return written.error();
  }
  file_ = std::move(file.value());
  path_ = path;
  header_ = std::move(header);
  bytes_ = header_.bytes;
  index_.reset();
  return {};
}

Result<> SegmentWriter::resume(const std::string& path, const Header& header, uint64_t bytes,
                               uint64_t synced_bytes) {
  TAPELINE_TRY(remove_index_of(path));
  auto file = files_.open_append(path);
  if (!file) return file.error();
  auto size = file.value()->size();
  if (!size) return size.error();
  if (size.value() > bytes && !mutated(Mutant::torn_tail_kept))
    TAPELINE_TRY(file.value()->truncate(bytes));
  // A killed process may have written and not synced, or died of a sync that failed, after which
  // the system would say that all is well. From here on it counts as durable.
  if (durable_ && !mutated(Mutant::start_unsynced)) {
    if (!mutated(Mutant::taken_as_rewritten))
      TAPELINE_TRY(file.value()->write_again(synced_bytes, bytes - synced_bytes));
    TAPELINE_TRY(file.value()->sync());
    // The name, too, may be known to the system only.
    TAPELINE_TRY(files_.sync_folder(folder_));
  }
  file_ = std::move(file.value());
  path_ = path;
  header_ = header;
  bytes_ = bytes;
  return {};
}

Result<> SegmentWriter::append(std::string_view records, uint32_t count) {
  const std::string_view block = encoder_.encode(records, count, header_.marker);
  TAPELINE_TRY(file_->append(as_bytes_of(block)));
  bytes_ += block.size();
  return {};
}

Result<> SegmentWriter::sync() {
  if (!durable_ || (mutated(Mutant::sync_dropped) && bytes_ % 4 == 0)) return {};
  auto synced = file_->sync();
  sync_failed_ = !synced;
  return synced;
}

Result<> SegmentWriter::append_index(const std::vector<Span>& spans) {
  if (spans.empty()) return {};
  if (!index_) return make_error(ErrorCode::failed, "the index of {} is not open", path_);
  std::string bytes;
  for (const Span& span : spans) bytes += encode_span(span);
  auto written = index_->append(as_bytes_of(bytes));
  if (!written) index_.reset();
  return written;
}

Result<> SegmentWriter::remove_index_of(const std::string& segment_path) {
  const std::string path = index_path(segment_path);
  if (!files_.exists(path)) return {};
  return files_.remove(path);
}

Result<> SegmentWriter::make_index(const std::vector<Span>& spans) {
  auto file = files_.open_append(index_path(path_));
  if (!file) return file.error();
  TAPELINE_TRY(file.value()->append(as_bytes_of(encode_index_head())));
  index_ = std::move(file.value());
  return append_index(spans);
}

Result<> SegmentWriter::repair(uint64_t bytes) {
  if (!orphan_.empty()) {
    TAPELINE_TRY(files_.remove(orphan_));
    orphan_.clear();
  }
  if (sync_failed_) return copy(bytes);
  if (!mutated(Mutant::torn_write_kept)) TAPELINE_TRY(file_->truncate(bytes));
  bytes_ = bytes;
  return {};
}

Result<> SegmentWriter::copy(uint64_t bytes) {
  const std::string fresh = path_ + ".new";
  if (files_.exists(fresh)) TAPELINE_TRY(files_.remove(fresh));
  auto source = files_.open_read(path_);
  if (!source) return source.error();
  auto target = files_.open_append(fresh);
  if (!target) return target.error();
  TAPELINE_TRY(target.value()->append(as_bytes_of(encode_header(header_))));

  SegmentFile reader(std::move(source.value()), bytes);
  Header header;
  auto parse = reader.read_header(header);
  if (!parse) return parse.error();
  std::string block;
  for (uint64_t offset = header_.bytes; offset < bytes; offset += block.size()) {
    BlockHead head;
    auto found = reader.head_at(offset, head);
    if (!found) return found.error();
    auto stored = reader.stored_at(offset, head);
    if (!stored) return stored.error();
    if (found.value() != Parse::whole ||
        !decode_payload(stored.value().substr(head.head, head.payload)))
      return make_error(ErrorCode::corrupt,
                        "log: cannot go on after a failed sync: {} is no longer what was written "
                        "at byte {}; check the disk, then start again",
                        path_, offset);
    block = stored.value();
    TAPELINE_TRY(target.value()->append(as_bytes_of(block)));
  }
  TAPELINE_TRY(target.value()->sync());
  TAPELINE_TRY(files_.rename(fresh, path_));
  TAPELINE_TRY(files_.sync_folder(folder_));
  file_ = std::move(target.value());
  bytes_ = bytes;
  sync_failed_ = false;
  return {};
}

}  // namespace tapeline::log::embedded
