#include "codec/usual_frame.h"

#include <array>
#include <cstdint>
#include <cstring>

namespace tapeline::codec {
namespace {

/// Bytes that stand in a text for themselves, in ASCII.
constexpr std::array<bool, 256> make_plain() {
  std::array<bool, 256> plain{};
  for (size_t byte = 0x20; byte < 0x7f; ++byte) plain[byte] = byte != '"' && byte != '\\';
  return plain;
}
constexpr auto kPlain = make_plain();

/// Goes over the frame from left to right; what does not fit leaves it where it is.
class Cutter {
 public:
  explicit Cutter(std::string_view frame) : at_(frame.data()), end_(frame.data() + frame.size()) {}

  const char* at() const { return at_; }
  bool at_end() const { return at_ == end_; }

  template <size_t size>
  bool take(const char (&wanted)[size]) {
    constexpr size_t kLength = size - 1;
    if (static_cast<size_t>(end_ - at_) < kLength || std::memcmp(at_, wanted, kLength) != 0)
      return false;
    at_ += kLength;
    return true;
  }

  /// What stands between quotes.
  bool take_text(std::string_view& text) {
    if (!take("\"")) return false;
    const char* const begin = at_;
    while (at_ != end_ && kPlain[static_cast<uint8_t>(*at_)]) ++at_;
    text = {begin, static_cast<size_t>(at_ - begin)};
    return take("\"");
  }

  /// -?(0|[1-9][0-9]*)(\.[0-9]+)?
  bool take_number(std::string_view& text) {
    const char* const begin = at_;
    if (at_ != end_ && *at_ == '-') ++at_;
    if (at_ == end_) return false;
    if (*at_ == '0') {
      ++at_;
    } else if (!take_digits()) {
      return false;
    }
    if (at_ != end_ && *at_ == '.') {
      ++at_;
      if (!take_digits()) return false;
    }
    text = {begin, static_cast<size_t>(at_ - begin)};
    return true;
  }

 private:
  bool take_digits() {
    const char* const begin = at_;
    while (at_ != end_ && static_cast<uint8_t>(*at_ - '0') < 10) ++at_;
    return at_ != begin;
  }

  const char* at_;
  const char* const end_;
};

bool take_conditions(Cutter& cutter, std::vector<std::string_view>& conditions) {
  if (cutter.take("null") || cutter.take("[]")) return true;
  if (!cutter.take("[")) return false;
  do {
    std::string_view condition;
    if (!cutter.take_text(condition)) return false;
    conditions.push_back(condition);
  } while (cutter.take(","));
  return cutter.take("]");
}

bool take_element(Cutter& cutter, UsualElement& element,
                  std::vector<std::string_view>& conditions) {
  const char* const begin = cutter.at();
  element.conditions_begin = conditions.size();
  if (!cutter.take("{")) return false;
  if (cutter.take("\"c\":") && !(take_conditions(cutter, conditions) && cutter.take(",")))
    return false;
  const bool taken = cutter.take("\"p\":") && cutter.take_number(element.price) &&
                     cutter.take(",\"s\":") && cutter.take_text(element.symbol) &&
                     cutter.take(",\"t\":") && cutter.take_number(element.time) &&
                     cutter.take(",\"v\":") && cutter.take_number(element.volume) &&
                     cutter.take("}");
  element.raw = {begin, static_cast<size_t>(cutter.at() - begin)};
  return taken;
}

}  // namespace

bool cut_usual_frame(std::string_view frame, std::vector<UsualElement>& elements,
                     std::vector<std::string_view>& conditions) {
  elements.clear();
  conditions.clear();
  Cutter cutter(frame);
  if (!cutter.take("{\"data\":[")) return false;
  do {
    if (!take_element(cutter, elements.emplace_back(), conditions)) return false;
  } while (cutter.take(","));
  return cutter.take("],\"type\":\"trade\"}") && cutter.at_end();
}

}  // namespace tapeline::codec
