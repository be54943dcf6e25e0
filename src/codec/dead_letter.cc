#include "codec/dead_letter.h"

#include "codec/avro.h"
#include "codec/schema.h"
#include "codec/utf8.h"

namespace tapeline::embedded {
extern const std::string_view dead_letter_avsc;
}

namespace tapeline::codec {

void append(std::string& out, const model::DeadLetter& letter) {
  avro::Appender to(out);
  to.text(model::to_string(letter.reason));
  to.text(letter.source);
  to.number(letter.epoch);
  to.number(letter.sequence);
  to.number(letter.frame);
  to.number(letter.ingest_time.time_since_epoch().count());
  to.text(letter.raw);
  to.text(letter.detail);
}

std::optional<model::DeadLetter> take_dead_letter(std::string_view& bytes) {
  avro::Cursor in(bytes);
  model::DeadLetter letter;
  const auto reason = model::reject_reason(in.text());
  letter.source = in.text();
  letter.epoch = in.number();
  letter.sequence = in.number();
  letter.frame = in.number();
  letter.ingest_time = model::IngestTime(std::chrono::microseconds(in.number()));
  letter.raw = in.text();
  letter.detail = in.text();
  if (!in.ok() || !reason) return std::nullopt;
  letter.reason = *reason;
  bytes = in.rest();
  return letter;
}

bool is_plain_text(std::string_view bytes) {
  if (!is_utf8(bytes)) return false;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    if (byte < 0x20 || byte == 0x7f) return false;
    // U+0080 to U+009F are C2 80 to C2 9F.
    if (byte == 0xc2 && static_cast<unsigned char>(bytes[i + 1]) < 0xa0) return false;
  }
  return true;
}

std::string_view dead_letter_schema() {
  static const std::string text = minified(embedded::dead_letter_avsc);
  return text;
}

}  // namespace tapeline::codec
