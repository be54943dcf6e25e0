#include "codec/recording_file.h"

#include <fmt/format.h>
#include <xxhash.h>
#include <zlib.h>

#include <cstring>
#include <vector>

namespace tapeline::codec {
namespace {

constexpr size_t kChunkBytes = 256 << 10;

/// The uncompressed bytes of a file, in pieces.
class ByteSource {
 public:
  static Result<std::unique_ptr<ByteSource>> open(FileSystem& files, const std::string& path) {
    auto file = files.open_read(path);
    if (!file) return file.error();
    auto size = file.value()->size();
    if (!size) return size.error();
    auto source = std::make_unique<ByteSource>(path, std::move(file).value(), size.value());
    TAPELINE_TRY(source->begin());
    return source;
  }

  ByteSource(std::string path, std::unique_ptr<File> file, uint64_t size)
      : path_(std::move(path)), file_(std::move(file)), size_(size), raw_(kChunkBytes) {}

  ~ByteSource() {
    if (compressed_) inflateEnd(&stream_);
  }
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  /// Fills `out`; zero bytes at the end.
  Result<size_t> read(char* out, size_t capacity) {
    return compressed_ ? read_compressed(out, capacity) : read_plain(out, capacity);
  }

  uint64_t offset() const { return offset_; }
  uint64_t size() const { return size_; }

 private:
  Result<> begin() {
    unsigned char magic[2] = {};
    auto got = file_->read_at(0, std::as_writable_bytes(std::span(magic)));
    if (!got) return got.error();
    compressed_ = got.value() == 2 && magic[0] == 0x1f && magic[1] == 0x8b;
    // 15 bits of window, and 16 to expect a gzip header.
    if (compressed_ && inflateInit2(&stream_, 15 + 16) != Z_OK)
      return make_error(ErrorCode::failed, "cannot read {}: zlib does not start", path_);
    return {};
  }

  Result<size_t> read_plain(char* out, size_t capacity) {
    auto got = file_->read_at(offset_, std::as_writable_bytes(std::span(out, capacity)));
    if (got) offset_ += got.value();
    return got;
  }

  Result<size_t> read_compressed(char* out, size_t capacity) {
    stream_.next_out = reinterpret_cast<Bytef*>(out);
    stream_.avail_out = static_cast<uInt>(capacity);
    while (stream_.avail_out == capacity) {
      if (stream_.avail_in == 0) {
        auto got = file_->read_at(offset_, std::as_writable_bytes(std::span(raw_)));
        if (!got) return got.error();
        if (got.value() == 0) {
          if (between_members_) return 0;
          return damaged("it ends in the middle");
        }
        offset_ += got.value();
        stream_.next_in = reinterpret_cast<Bytef*>(raw_.data());
        stream_.avail_in = static_cast<uInt>(got.value());
      }
      if (between_members_) {
        inflateReset(&stream_);
        between_members_ = false;
      }
      const int outcome = inflate(&stream_, Z_NO_FLUSH);
      if (outcome == Z_STREAM_END) {
        // A gzip file may be several members, one after the other.
        between_members_ = true;
      } else if (outcome != Z_OK && outcome != Z_BUF_ERROR) {
        return damaged(stream_.msg != nullptr ? stream_.msg : "bad data");
      }
    }
    return capacity - stream_.avail_out;
  }

  Error damaged(std::string_view why) const {
    return make_error(ErrorCode::corrupt,
                      "cannot read {} any further: its gzip stream is damaged near byte {} ({}); "
                      "rows before that were read",
                      path_, offset_ - stream_.avail_in, why);
  }

  const std::string path_;
  const std::unique_ptr<File> file_;
  const uint64_t size_;
  std::vector<char> raw_;
  uint64_t offset_ = 0;
  bool compressed_ = false;
  bool between_members_ = false;
  z_stream stream_{};
};

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

class LineReader final : public RecordingFile {
 public:
  LineReader(std::string path, std::unique_ptr<ByteSource> source)
      : path_(std::move(path)), source_(std::move(source)), buffer_(kChunkBytes) {}

  /// Tells the format by the first line that is not empty.
  Result<> begin() {
    Line line;
    auto got = read_line(line);
    if (!got) return got.error();
    if (!got.value())
      return make_error(
          ErrorCode::invalid,
          "{} is empty: a recording is a CSV with the header "
          "symbol,price,volume,trade_timestamp_ms,conditions or one JSON frame a line",
          path_);
    // A byte order mark is no part of the first line.
    const bool marked = line.text.starts_with(kByteOrderMark);
    if (marked) line.text.remove_prefix(kByteOrderMark.size());
    if (line.text.starts_with("symbol,price,volume,trade_timestamp_ms")) {
      format_ = RecordingFormat::csv;
    } else if (line.text.starts_with('{')) {
      format_ = RecordingFormat::frames;
      // The first line is data: hand it out again.
      begin_ = line_begin_ + (marked ? kByteOrderMark.size() : 0);
    } else {
      return make_error(ErrorCode::invalid,
                        "{} is no recording: its first line is neither the header "
                        "symbol,price,volume,trade_timestamp_ms,conditions nor a JSON frame",
                        path_);
    }
    return {};
  }

  Result<bool> next(Line& line) override { return read_line(line); }
  RecordingFormat format() const override { return format_; }
  uint64_t bytes_read() const override { return source_->offset(); }
  uint64_t bytes_total() const override { return source_->size(); }

 private:
  Result<bool> read_line(Line& line) {
    for (;;) {
      auto got = read_any_line(line);
      if (!got || !got.value() || !line.text.empty() || line.oversized) return got;
    }
  }

  Result<bool> read_any_line(Line& line) {
    size_t searched = begin_;
    for (;;) {
      if (const void* found = std::memchr(buffer_.data() + searched, '\n', end_ - searched)) {
        const size_t at = static_cast<size_t>(static_cast<const char*>(found) - buffer_.data());
        hand_out(line, at);
        begin_ = at + 1;
        return true;
      }
      searched = end_;
      if (finished_) {
        if (begin_ == end_) return false;
        hand_out(line, end_);
        begin_ = end_;
        return true;
      }
      TAPELINE_TRY(fill(searched));
    }
  }

  void hand_out(Line& line, size_t end) {
    line_begin_ = begin_;
    line.text = std::string_view(buffer_.data() + begin_, end - begin_);
    line.oversized = std::exchange(overflowed_, false);
    if (line.text.ends_with('\r')) line.text.remove_suffix(1);
  }

  /// Reads more behind what is kept. `searched` moves with the bytes. Of a line beyond the limit
  /// only its first part stays.
  Result<> fill(size_t& searched) {
    if (begin_ > 0) {
      std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
      searched -= begin_;
      end_ -= begin_;
      begin_ = 0;
    }
    if (end_ > kLineBytesMax) {
      end_ = kLineBytesMax;
      searched = end_;
      overflowed_ = true;
    }
    if (buffer_.size() < end_ + kChunkBytes) buffer_.resize(end_ + kChunkBytes);
    auto got = source_->read(buffer_.data() + end_, kChunkBytes);
    if (!got) return got.error();
    end_ += got.value();
    finished_ = got.value() == 0;
    return {};
  }

  const std::string path_;
  const std::unique_ptr<ByteSource> source_;
  std::vector<char> buffer_;
  size_t begin_ = 0;  ///< Of the bytes not handed out yet.
  size_t end_ = 0;
  size_t line_begin_ = 0;
  bool finished_ = false;
  bool overflowed_ = false;
  RecordingFormat format_ = RecordingFormat::csv;
};

}  // namespace

Result<std::unique_ptr<RecordingFile>> RecordingFile::open(FileSystem& files,
                                                           const std::string& path) {
  auto source = ByteSource::open(files, path);
  if (!source) return source.error();
  auto reader = std::make_unique<LineReader>(path, std::move(source).value());
  TAPELINE_TRY(reader->begin());
  return std::unique_ptr<RecordingFile>(std::move(reader));
}

Result<std::string> recording_digest(FileSystem& files, const std::string& path) {
  auto source = ByteSource::open(files, path);
  if (!source) return source.error();
  const std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state(XXH3_createState(),
                                                                              XXH3_freeState);
  XXH3_128bits_reset(state.get());
  std::vector<char> chunk(kChunkBytes);
  for (;;) {
    auto got = source.value()->read(chunk.data(), chunk.size());
    if (!got) return got.error();
    if (got.value() == 0) break;
    XXH3_128bits_update(state.get(), chunk.data(), got.value());
  }
  const XXH128_hash_t hash = XXH3_128bits_digest(state.get());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

}  // namespace tapeline::codec
