#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/dead_letter.h"

/// Dead letters in Avro binary: schemas/DeadLetter.avsc.
namespace tapeline::codec {

/// Appends one datum.
void append(std::string& out, const model::DeadLetter& letter);

/// Takes one datum off the front of `bytes`; nothing when they are none.
std::optional<model::DeadLetter> take_dead_letter(std::string_view& bytes);

/// Whether a terminal may print `bytes` as they are: UTF-8 without control characters (those of
/// Latin-1 and DEL included).
bool is_plain_text(std::string_view bytes);

/// The text of schemas/DeadLetter.avsc without needless space.
std::string_view dead_letter_schema();

}  // namespace tapeline::codec
