#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "model/decimal.h"

/// The engine's own compact binary form, for states that only it reads: integers as base-128
/// varints (signed ones zigzag first), texts with their length before them.
namespace tapeline::engine {

class StateWriter {
 public:
  void byte(uint8_t value) { out_.push_back(static_cast<char>(value)); }
  void flag(bool value) { byte(value ? 1 : 0); }
  void varint(uint64_t value);
  void zigzag(int64_t value);
  void text(std::string_view value);
  void decimal(const model::Decimal& value);
  void sum(const model::Sum& value);

  std::string& bytes() { return out_; }

 private:
  std::string out_;
};

/// Reads what StateWriter wrote. The first thing that does not fit makes `ok` false for good;
/// values read after that are zero and empty, so that callers check once at the end (and before
/// using a count). Views point into the bytes given.
class StateReader {
 public:
  explicit StateReader(std::string_view bytes) : rest_(bytes) {}

  uint8_t byte();
  bool flag() { return byte() != 0; }
  uint64_t varint();
  int64_t zigzag();
  std::string_view text();
  model::Decimal decimal();
  model::Sum sum();

  /// A number of elements of at least `element_bytes_min` each: fails when they cannot be there.
  size_t count(size_t element_bytes_min);

  void fail() { ok_ = false, rest_ = {}; }
  bool ok() const { return ok_; }
  bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

/// `magic`, `version`, `payload`, and the CRC-32C of all before it (4 bytes, least first).
std::string seal(std::string_view magic, uint8_t version, std::string_view payload);

enum class Opened { fine, foreign, other_version, damaged };

/// Checks a sealed state; on `fine`, `payload` views into `sealed`.
Opened unseal(std::string_view magic, uint8_t version, std::string_view sealed,
              std::string_view& payload);

}  // namespace tapeline::engine
