#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/bar.h"

/// Bars in Avro binary: schemas/Bar.avsc.
namespace tapeline::codec {

/// Appends one datum; `vwap` is derived.
void append(std::string& out, const model::Bar& bar);

/// Takes one datum off the front of `bytes`; nothing when they are none.
std::optional<model::Bar> take_bar(std::string_view& bytes);

/// The text of schemas/Bar.avsc without needless space.
std::string_view bar_schema();

}  // namespace tapeline::codec
