#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "log/log.h"

/// Records for tests of the log: `Note{text: string, at: long}` in Avro. `at` is both its ingest
/// and its event time, in microseconds.
namespace tapeline::test {

inline void put_long(std::string& out, int64_t value) {
  auto rest = (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
  for (; rest >= 0x80; rest >>= 7) out += static_cast<char>(rest | 0x80);
  out += static_cast<char>(rest);
}

inline std::optional<int64_t> get_long(std::string_view& in) {
  uint64_t raw = 0;
  for (int shift = 0; shift < 64 && !in.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(in.front());
    in.remove_prefix(1);
    raw |= uint64_t{byte & 0x7FU} << shift;
    if (byte < 0x80) return static_cast<int64_t>(raw >> 1) ^ -static_cast<int64_t>(raw & 1);
  }
  return std::nullopt;
}

struct Note {
  std::string text;
  int64_t at = 0;
};

inline std::string encode(const Note& note) {
  std::string out;
  put_long(out, static_cast<int64_t>(note.text.size()));
  out += note.text;
  put_long(out, note.at);
  return out;
}

/// Takes one note off the front; nothing if there is no whole one.
inline std::optional<Note> take_note(std::string_view& in) {
  const auto size = get_long(in);
  if (!size || *size < 0 || static_cast<uint64_t>(*size) > in.size()) return std::nullopt;
  Note note{std::string(in.substr(0, static_cast<size_t>(*size))), 0};
  in.remove_prefix(static_cast<size_t>(*size));
  const auto at = get_long(in);
  if (!at) return std::nullopt;
  note.at = *at;
  return note;
}

inline std::vector<Note> notes_of(const log::Batch& batch) {
  std::vector<Note> notes;
  std::string_view rest = *batch.bytes;
  while (auto note = take_note(rest)) notes.push_back(std::move(*note));
  return notes;
}

inline log::Times times_of(int64_t at) {
  return {at, at, at};
}

inline log::RecordFormat note_format() {
  log::RecordFormat format;
  format.schema =
      R"({"type":"record","name":"Note","fields":[{"name":"text","type":"string"},{"name":"at","type":"long"}]})";
  format.skip = [](std::string_view records, uint32_t count) -> std::optional<size_t> {
    std::string_view rest = records;
    for (; count > 0; --count)
      if (!take_note(rest)) return std::nullopt;
    return records.size() - rest.size();
  };
  format.inspect = [](std::string_view records, uint32_t count) {
    log::Times times;
    for (; count > 0; --count)
      if (const auto note = take_note(records)) times.merge(times_of(note->at));
    return times;
  };
  return format;
}

}  // namespace tapeline::test
