#include "codec/finnhub.h"

#include <simdjson.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <vector>

#include "codec/fields.h"
#include "codec/usual_frame.h"
#include "model/names.h"

namespace tapeline::codec {

namespace {

namespace ondemand = simdjson::ondemand;
using model::RejectReason;

constexpr model::Names<7> kKindNames = {"trades",         "ping",    "error",   "news",
                                        "press_releases", "unknown", "rejected"};

/// Deeper nesting than any frame's is taken for an attack.
constexpr int kDepthMax = 32;

/// False when the result is an error.
template <typename T>
bool unwrap(simdjson::simdjson_result<T> result, T& value) {
  return std::move(result).get(value) == simdjson::SUCCESS;
}

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

std::string_view without_trailing_space(std::string_view text) {
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

/// The text of a scalar, or the bracket that opens a container.
std::string_view token_of(ondemand::value& value) {
  return without_trailing_space(value.raw_json_token());
}

bool starts_number(std::string_view token) {
  return token[0] == '-' || (token[0] >= '0' && token[0] <= '9');
}

bool is_literal(std::string_view token) {
  return token == "null" || token == "true" || token == "false";
}

/// RFC 8259, section 7, for what stands between the quotes; that it holds no bare control
/// character was seen before. Lone surrogates are allowed here: JSON's grammar has them.
bool escapes_are_well_formed(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') continue;
    if (++i == text.size()) return false;
    if (text[i] == 'u') {
      for (int digit = 0; digit < 4; ++digit)
        if (++i >= text.size() || !std::isxdigit(static_cast<unsigned char>(text[i]))) return false;
    } else if (std::strchr("\"\\/bfnrt", text[i]) == nullptr) {
      return false;
    }
  }
  return true;
}

/// A string's value, or that it has none: "\ud800" is JSON, but no Unicode text.
struct Text {
  std::string_view value;
  bool is_unicode = true;
};

/// What follows a token; the padding when nothing does.
char next_after(std::string_view token) {
  const char* at = token.data() + token.size();
  while (is_space(*at)) ++at;
  return *at;
}

/// False when the string is not JSON.
bool read_text(ondemand::value& value, std::string_view token, Text& text) {
  if (token.size() < 2 || token.back() != '"') return false;
  // A value is not taken here, and simdjson would read over one with a colon as over a key.
  if (next_after(token) == ':') return false;
  const std::string_view inside = token.substr(1, token.size() - 2);
  if (inside.find('\\') == std::string_view::npos) {
    text = {inside, true};
    return true;
  }
  if (!escapes_are_well_formed(inside)) return false;
  text = {};
  text.is_unicode = value.get_string().get(text.value) == simdjson::SUCCESS;
  return true;
}

/// simdjson 3.6 (Ubuntu 24.04) asks whether to replace what is no Unicode; 3.0 does not.
template <typename Field>
auto unescaped_key(Field& field) {
  if constexpr (requires { field.unescaped_key(false); })
    return field.unescaped_key(false);
  else
    return field.unescaped_key();
}

/// False when the key is not JSON. A key that is no Unicode text reads as empty.
bool read_key(ondemand::field& field, std::string_view& key) {
  // A short key without escapes, as nearly all are: no copy.
  const char* raw = field.key().raw();
  for (size_t size = 0; size <= 4; ++size) {
    if (raw[size] == '\\') break;
    if (raw[size] == '"') {
      key = {raw, size};
      return true;
    }
  }
  if (unescaped_key(field).get(key) == simdjson::SUCCESS) return true;
  const char* end = raw;
  while (*end != '"') end += *end == '\\' ? 2 : 1;
  key = {};
  return escapes_are_well_formed({raw, static_cast<size_t>(end - raw)});
}

/// Calls `read(key, value)` for each field of an object in order, until it returns false. False
/// then, and when the object is not JSON.
template <typename Container, typename Read>
bool read_object(Container& container, Read&& read) {
  ondemand::object object;
  if (container.get_object().get(object)) return false;
  for (auto result : object) {
    ondemand::field field;
    std::string_view key;
    if (!unwrap(result, field) || !read_key(field, key) || !read(key, field.value())) return false;
  }
  return true;
}

/// The same for the members of an array: `read(value)`.
template <typename Read>
bool read_array(ondemand::value& value, Read&& read) {
  ondemand::array array;
  if (value.get_array().get(array)) return false;
  for (auto result : array) {
    ondemand::value member;
    if (!unwrap(result, member) || !read(member)) return false;
  }
  return true;
}

/// Reads over a value of no interest. False when it is not JSON.
bool read_over(ondemand::value& value, int depth) {
  if (depth > kDepthMax) return false;
  const std::string_view token = token_of(value);
  if (token.empty()) return false;
  if (token[0] == '{')
    return read_object(value, [&](std::string_view, ondemand::value& field) {
      return read_over(field, depth + 1);
    });
  if (token[0] == '[')
    return read_array(value, [&](ondemand::value& member) { return read_over(member, depth + 1); });
  Text text;
  if (token[0] == '"') return read_text(value, token, text);
  return starts_number(token) ? model::is_number(token) : is_literal(token);
}

/// Nothing but white space stands behind the frame's object.
bool at_end(ondemand::document& document) {
  const char* next = nullptr;
  return document.current_location().get(next) == simdjson::OUT_OF_BOUNDS;
}

/// A field of an element: whether it is there and what it is.
struct Field {
  enum class Type { absent, text, number, other, twice };

  Type type = Type::absent;
  std::string_view value;  ///< Of a number its digits.

  bool missing() const { return type == Type::absent; }
};

/// False when the value is not JSON.
bool read_field(ondemand::value& value, Field& field) {
  const std::string_view token = token_of(value);
  if (token.empty()) return false;
  const bool seen = !field.missing();
  if (token[0] == '"') {
    Text text;
    if (!read_text(value, token, text)) return false;
    // No text at all is refused like empty text.
    field = {Field::Type::text, text.value};
  } else if (starts_number(token)) {
    if (!model::is_number(token)) return false;
    field = {Field::Type::number, token};
  } else {
    if (!read_over(value, 2)) return false;
    field.type = Field::Type::other;
  }
  if (seen) field.type = Field::Type::twice;
  return true;
}

/// The fields of an element before they are judged.
struct Fields {
  Field symbol, price, time, volume;
  bool has_conditions = false;
  bool conditions_mistyped = false;
};

Refusal refuse_by_types(const Fields& fields) {
  for (const Field* field : {&fields.symbol, &fields.price, &fields.time, &fields.volume})
    if (field->missing()) return RejectReason::missing_field;
  if (fields.symbol.type != Field::Type::text || fields.conditions_mistyped)
    return RejectReason::mistyped_field;
  for (const Field* field : {&fields.price, &fields.time, &fields.volume})
    if (field->type != Field::Type::number) return RejectReason::mistyped_field;
  return std::nullopt;
}

}  // namespace

std::string_view to_string(FrameKind kind) {
  return model::name_of(kKindNames, kind);
}

class FinnhubParser::Impl {
 public:
  Impl(FrameLimits limits, FrameReading reading) : limits_(limits), reading_(reading) {}

  Frame parse(std::string_view frame, model::EventTime latest);

 private:
  /// What the members of the frame's object said.
  struct Members {
    Field type, message;
    Field::Type data = Field::Type::absent;  ///< `other` is the array it should be.
  };

  static Frame of_kind(FrameKind kind, std::string_view text = {}) {
    return {kind, RejectReason::malformed_json, text, {}};
  }
  static Frame rejected(RejectReason reason) { return {FrameKind::rejected, reason, {}, {}}; }

  Frame judge_usual(model::EventTime latest);

  // Each returns false when the JSON is broken.
  bool read_members(ondemand::document& document, model::EventTime latest, Members& members);
  bool read_data(ondemand::document& document, ondemand::value& value, model::EventTime latest,
                 Members& members);
  bool read_element(ondemand::value& value, model::EventTime latest, Element& element);
  bool read_conditions(ondemand::value& value, Fields& fields);

  Refusal judge(const Fields& fields, model::EventTime latest, TradeView& trade) const;
  Frame judge(const Members& members);
  void point_to_conditions();

  const FrameLimits limits_;
  const FrameReading reading_;
  std::vector<UsualElement> usual_;
  ondemand::parser parser_;
  std::vector<char> padded_;
  std::vector<Element> elements_;
  std::vector<std::string_view> conditions_;
  /// Of each element its conditions in the list: where they begin. The list moves while it grows.
  std::vector<size_t> conditions_begin_;
};

FinnhubParser::FinnhubParser(FrameLimits limits, FrameReading reading)
    : impl_(std::make_unique<Impl>(limits, reading)) {}
FinnhubParser::~FinnhubParser() = default;

Frame FinnhubParser::parse(std::string_view frame, model::EventTime latest) {
  return impl_->parse(frame, latest);
}

Frame FinnhubParser::Impl::parse(std::string_view frame, model::EventTime latest) {
  elements_.clear();
  conditions_.clear();
  conditions_begin_.clear();
  if (frame.size() > limits_.frame_bytes_max) return rejected(RejectReason::oversized_frame);
  if (reading_ == FrameReading::usual_first && cut_usual_frame(frame, usual_, conditions_))
    return judge_usual(latest);
  conditions_.clear();

  // simdjson reads some bytes beyond the end.
  const size_t room = frame.size() + simdjson::SIMDJSON_PADDING;
  if (padded_.size() < room) padded_.resize(room);
  std::ranges::copy(frame, padded_.begin());
  std::fill_n(padded_.begin() + static_cast<ptrdiff_t>(frame.size()), simdjson::SIMDJSON_PADDING,
              '\0');

  ondemand::document document;
  const auto error = parser_.iterate(padded_.data(), frame.size(), padded_.size()).get(document);
  if (error == simdjson::UTF8_ERROR) return rejected(RejectReason::not_utf8);
  if (error) return rejected(RejectReason::malformed_json);

  Members members;
  if (!read_members(document, latest, members) || !at_end(document))
    return rejected(RejectReason::malformed_json);
  return judge(members);
}

Frame FinnhubParser::Impl::judge_usual(model::EventTime latest) {
  for (const UsualElement& cut : usual_) {
    Element& element = elements_.emplace_back();
    Fields fields;
    fields.symbol = {Field::Type::text, cut.symbol};
    fields.price = {Field::Type::number, cut.price};
    fields.time = {Field::Type::number, cut.time};
    fields.volume = {Field::Type::number, cut.volume};
    element.raw = cut.raw;
    element.reject = judge(fields, latest, element.trade);
    conditions_begin_.push_back(cut.conditions_begin);
  }
  point_to_conditions();
  Frame frame = of_kind(FrameKind::trades);
  frame.elements = elements_;
  return frame;
}

bool FinnhubParser::Impl::read_members(ondemand::document& document, model::EventTime latest,
                                       Members& members) {
  return read_object(document, [&](std::string_view key, ondemand::value& value) {
    if (key == "data") return read_data(document, value, latest, members);
    if (key == "type") return read_field(value, members.type);
    if (key == "msg") return read_field(value, members.message);
    return read_over(value, 1);
  });
}

bool FinnhubParser::Impl::read_data(ondemand::document& document, ondemand::value& value,
                                    model::EventTime latest, Members& members) {
  const bool seen = members.data != Field::Type::absent;
  if (token_of(value) != "[" || seen) {
    members.data = seen ? Field::Type::twice : Field::Type::text;
    return read_over(value, 1);
  }
  members.data = Field::Type::other;
  return read_array(value, [&](ondemand::value& member) {
    Element& element = elements_.emplace_back();
    const char* begin = member.raw_json_token().data();
    if (!read_element(member, latest, element)) return false;
    // A scalar is not yet taken: its token ends it. A container ends before what comes next.
    const char* end = nullptr;
    if (*begin != '{' && *begin != '[')
      end = begin + token_of(member).size();
    else if (document.current_location().get(end))
      return false;
    element.raw = without_trailing_space({begin, static_cast<size_t>(end - begin)});
    return true;
  });
}

bool FinnhubParser::Impl::read_element(ondemand::value& value, model::EventTime latest,
                                       Element& element) {
  Fields fields;
  conditions_begin_.push_back(conditions_.size());
  if (token_of(value) != "{") {
    element.reject = RejectReason::mistyped_field;
    return read_over(value, 2);
  }
  const auto read = [&](std::string_view key, ondemand::value& field) {
    if (key == "p") return read_field(field, fields.price);
    if (key == "s") return read_field(field, fields.symbol);
    if (key == "t") return read_field(field, fields.time);
    if (key == "v") return read_field(field, fields.volume);
    if (key == "c") return read_conditions(field, fields);
    return read_over(field, 2);
  };
  if (!read_object(value, read)) return false;
  element.reject = judge(fields, latest, element.trade);
  return true;
}

bool FinnhubParser::Impl::read_conditions(ondemand::value& value, Fields& fields) {
  if (fields.has_conditions) fields.conditions_mistyped = true;
  fields.has_conditions = true;
  const std::string_view token = token_of(value);
  if (token == "null") return true;
  if (token != "[") {
    fields.conditions_mistyped = true;
    return read_over(value, 2);
  }
  return read_array(value, [&](ondemand::value& member) {
    Field condition;
    if (!read_field(member, condition)) return false;
    if (condition.type == Field::Type::text)
      conditions_.push_back(condition.value);
    else
      fields.conditions_mistyped = true;
    return true;
  });
}

Refusal FinnhubParser::Impl::judge(const Fields& fields, model::EventTime latest,
                                   TradeView& trade) const {
  Refusal refusal = refuse_by_types(fields);
  if (!refusal) refusal = read_symbol(fields.symbol.value, limits_.symbol_bytes_max, trade);
  if (!refusal) refusal = read_price(fields.price.value, trade);
  if (!refusal) refusal = read_volume(fields.volume.value, trade);
  if (!refusal) refusal = read_event_time(fields.time.value, latest, trade);
  return refusal;
}

Frame FinnhubParser::Impl::judge(const Members& members) {
  if (members.type.type == Field::Type::twice) return rejected(RejectReason::mistyped_field);
  const std::string_view type =
      members.type.type == Field::Type::text ? members.type.value : std::string_view();
  if (type == "trade") {
    if (members.data == Field::Type::absent) return rejected(RejectReason::missing_field);
    if (members.data != Field::Type::other) return rejected(RejectReason::mistyped_field);
    point_to_conditions();
    Frame frame = of_kind(FrameKind::trades);
    frame.elements = elements_;
    return frame;
  }
  if (type == "ping") return of_kind(FrameKind::ping);
  if (type == "news") return of_kind(FrameKind::news);
  if (type == "pr") return of_kind(FrameKind::press_releases);
  if (type != "error") return of_kind(FrameKind::unknown, type);
  const bool has_text = members.message.type == Field::Type::text;
  return of_kind(FrameKind::error, has_text ? members.message.value : std::string_view());
}

void FinnhubParser::Impl::point_to_conditions() {
  conditions_begin_.push_back(conditions_.size());
  const std::span<const std::string_view> all(conditions_);
  for (size_t i = 0; i < elements_.size(); ++i) {
    const size_t begin = conditions_begin_[i];
    elements_[i].trade.conditions =
        ConditionsView(all.subspan(begin, conditions_begin_[i + 1] - begin));
  }
}

}  // namespace tapeline::codec
