#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "model/decimal.h"

/// The primitives of Avro's binary encoding. Little-endian machines only.
namespace tapeline::codec::avro {

static_assert(std::endian::native == std::endian::little);

/// Longest encoding of a long.
inline constexpr size_t kNumberBytesMax = 10;

inline char* put_number(char* at, int64_t value) {
  uint64_t zigzag = (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
  while (zigzag >= 0x80) {
    *at++ = static_cast<char>(zigzag | 0x80);
    zigzag >>= 7;
  }
  *at++ = static_cast<char>(zigzag);
  return at;
}

inline char* put_real(char* at, double value) {
  std::memcpy(at, &value, sizeof value);
  return at + sizeof value;
}

/// Strings and bytes are the same. Takes up to kNumberBytesMax more than the text.
inline char* put_text(char* at, std::string_view text) {
  at = put_number(at, static_cast<int64_t>(text.size()));
  // Memory may not be copied from nowhere, even none of it.
  if (!text.empty()) std::memcpy(at, text.data(), text.size());
  return at + text.size();
}

/// Appends to a string; for records that are rare.
class Appender {
 public:
  explicit Appender(std::string& out) : out_(out) {}

  void number(int64_t value) {
    char buffer[kNumberBytesMax];
    out_.append(buffer, static_cast<size_t>(put_number(buffer, value) - buffer));
  }
  void real(double value) {
    char buffer[sizeof value];
    put_real(buffer, value);
    out_.append(buffer, sizeof buffer);
  }
  void boolean(bool value) { out_.push_back(value ? 1 : 0); }
  void text(std::string_view value) {
    number(static_cast<int64_t>(value.size()));
    out_.append(value);
  }
  /// The index of a union ["null", X]. Tells whether X is to follow.
  bool present(bool is_present) {
    out_.push_back(is_present ? 2 : 0);
    return is_present;
  }
  void optional_number(const std::optional<int64_t>& value) {
    if (present(value.has_value())) number(*value);
  }

 private:
  std::string& out_;
};

/// Takes values off the front of bytes. Once they do not fit the bytes, every further value is
/// zero or empty and ok() is false; so a record is read in one go and checked at its end.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : at_(bytes.data()), end_(at_ + bytes.size()) {}

  bool ok() const { return !failed_; }
  bool at_end() const { return at_ == end_; }
  std::string_view rest() const { return {at_, static_cast<size_t>(end_ - at_)}; }
  const char* at() const { return at_; }
  void fail() {
    failed_ = true;
    at_ = end_;
  }

  int64_t number() {
    if (at_ != end_ && static_cast<signed char>(*at_) >= 0) [[likely]]
      return unzigzag(static_cast<uint8_t>(*at_++));
    return long_number();
  }
  double real() {
    double value = 0;
    if (end_ - at_ < static_cast<ptrdiff_t>(sizeof value)) [[unlikely]] {
      fail();
      return value;
    }
    std::memcpy(&value, at_, sizeof value);
    at_ += sizeof value;
    return value;
  }
  bool boolean() {
    if (at_ == end_ || static_cast<uint8_t>(*at_) > 1) [[unlikely]] {
      fail();
      return false;
    }
    return *at_++ != 0;
  }
  std::string_view text() {
    const int64_t size = number();
    if (size < 0 || size > end_ - at_) [[unlikely]] {
      fail();
      return {};
    }
    const std::string_view value(at_, static_cast<size_t>(size));
    at_ += size;
    return value;
  }
  /// The index of a union ["null", X]; true when X follows.
  bool present() {
    if (at_ == end_ || (*at_ != 0 && *at_ != 2)) [[unlikely]] {
      fail();
      return false;
    }
    return *at_++ != 0;
  }
  std::optional<int64_t> optional_number() {
    if (!present()) return std::nullopt;
    return number();
  }

 private:
  static int64_t unzigzag(uint64_t value) {
    return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
  }
  int64_t long_number();

  const char* at_;
  const char* end_;
  bool failed_ = false;
};

inline int64_t Cursor::long_number() {
  // Up to 8 bytes at once: seven bits of each byte before and of the first one without its top bit
  // are moved together by halves. 96 01 → 0x0196 → 0x0016 | 0x80 = 150.
  if (end_ - at_ >= 8) [[likely]] {
    uint64_t word;
    std::memcpy(&word, at_, sizeof word);
    const uint64_t stops = ~word & 0x8080808080808080;
    if (stops != 0) [[likely]] {
      word &= stops ^ (stops - 1);
      word &= 0x7f7f7f7f7f7f7f7f;
      word = ((word & 0x7f007f007f007f00) >> 1) | (word & 0x007f007f007f007f);
      word = ((word & 0xffff0000ffff0000) >> 2) | (word & 0x0000ffff0000ffff);
      word = ((word & 0xffffffff00000000) >> 4) | (word & 0x00000000ffffffff);
      at_ += (std::countr_zero(stops) >> 3) + 1;
      return unzigzag(word);
    }
  }
  uint64_t value = 0;
  for (int shift = 0; at_ != end_; shift += 7) {
    const auto byte = static_cast<uint8_t>(*at_++);
    // The tenth byte has room for one bit.
    if (shift == 63 && byte > 1) break;
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return unzigzag(value);
  }
  fail();
  return 0;
}

}  // namespace tapeline::codec::avro
