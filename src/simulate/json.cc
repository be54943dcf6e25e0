#include "simulate/json.h"

#include <fmt/format.h>

#include <charconv>

#include "codec/utf8.h"

namespace tapeline::simulate::json {
namespace {

/// Walks over a text; after a failure it stays where it is and `ok` is false.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool ok() const { return ok_; }
  bool at_end() {
    skip_space();
    return at_ == text_.size();
  }

  bool take(char wanted) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }
  void expect(char wanted) { ok_ = ok_ && take(wanted); }

  /// The text of the next value.
  std::string_view value() {
    skip_space();
    const size_t begin = at_;
    if (at_ >= text_.size()) return fail();
    if (text_[at_] == '"') {
      skip_string();
    } else if (text_[at_] == '{' || text_[at_] == '[') {
      skip_nested();
    } else {
      at_ = std::min(text_.size(), text_.find_first_of(",]} \t\r\n", at_));
      if (at_ == begin) return fail();
    }
    return text_.substr(begin, at_ - begin);
  }

 private:
  void skip_space() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r'))
      ++at_;
  }

  void skip_string() {
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '\\') {
        ++at_;
      } else if (text_[at_] == '"') {
        ++at_;
        return;
      }
    }
    fail();
  }

  void skip_nested() {
    size_t depth = 0;
    while (at_ < text_.size() && ok_) {
      const char c = text_[at_];
      if (c == '"') {
        skip_string();
        continue;
      }
      ++at_;
      if (c == '{' || c == '[') ++depth;
      if ((c == '}' || c == ']') && --depth == 0) return;
    }
    fail();
  }

  std::string_view fail() {
    ok_ = false;
    at_ = text_.size();
    return {};
  }

  const std::string_view text_;
  size_t at_ = 0;
  bool ok_ = true;
};

std::string_view unquoted(std::string_view text) {
  return text.size() >= 2 && text.front() == '"' ? text.substr(1, text.size() - 2)
                                                 : std::string_view();
}

/// Reads the four digits behind `\u`.
std::optional<uint32_t> code_unit(std::string_view text, size_t at) {
  if (at + 4 > text.size()) return std::nullopt;
  uint32_t unit = 0;
  const char* const begin = text.data() + at;
  const auto [end, error] = std::from_chars(begin, begin + 4, unit, 16);
  if (error != std::errc() || end != begin + 4) return std::nullopt;
  return unit;
}

}  // namespace

bool for_each_member(
    std::string_view text,
    const std::function<bool(std::string_view name, std::string_view value)>& each) {
  Scanner scanner(text);
  if (!scanner.take('{')) return false;
  if (scanner.take('}')) return scanner.at_end();
  for (;;) {
    const std::string_view name = scanner.value();
    scanner.expect(':');
    const std::string_view value = scanner.value();
    if (!scanner.ok() || name.front() != '"' || !each(unquoted(name), value)) return false;
    if (scanner.take('}')) return scanner.at_end();
    scanner.expect(',');
  }
}

bool for_each_element(std::string_view text,
                      const std::function<bool(std::string_view value)>& each) {
  Scanner scanner(text);
  if (!scanner.take('[')) return false;
  if (scanner.take(']')) return scanner.at_end();
  for (;;) {
    const std::string_view value = scanner.value();
    if (!scanner.ok() || !each(value)) return false;
    if (scanner.take(']')) return scanner.at_end();
    scanner.expect(',');
  }
}

std::optional<std::string> to_string(std::string_view value) {
  if (value.size() < 2 || value.front() != '"' || value.back() != '"') return std::nullopt;
  const std::string_view text = unquoted(value);
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    if (++i == text.size()) return std::nullopt;
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kValues = "\"\\/\b\f\n\r\t";
    if (const size_t known = kNames.find(text[i]); known != std::string_view::npos) {
      out += kValues[known];
      continue;
    }
    if (text[i] != 'u') return std::nullopt;
    auto point = code_unit(text, i + 1);
    if (!point) return std::nullopt;
    i += 4;
    if (*point >= 0xd800 && *point < 0xdc00 && text.substr(i + 1, 2) == "\\u") {
      const auto low = code_unit(text, i + 3);
      if (!low || *low < 0xdc00 || *low > 0xdfff) return std::nullopt;
      point = 0x10000 + ((*point - 0xd800) << 10) + (*low - 0xdc00);
      i += 6;
    } else if (*point >= 0xd800 && *point < 0xe000) {
      return std::nullopt;
    }
    codec::append_utf8(out, *point);
  }
  return out;
}

void append_string(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  out += '"';
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k)
      group = group << 8 | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    for (size_t k = 0; k < 4; ++k) out += k <= count ? kDigits[group >> (18 - 6 * k) & 0x3f] : '=';
  }
  return out;
}

}  // namespace tapeline::simulate::json
