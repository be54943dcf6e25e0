#include "model/control.h"

#include "model/names.h"

namespace tapeline::model {

namespace {

constexpr Names<12> kKinds = {
    "epoch_opened",    "epoch_closed",  "subscribed",    "unsubscribed",
    "refused",         "tick",          "gap",           "setting",
    "recording_ended", "clock_stepped", "retention_cut", "recomputed",
};

constexpr Names<8> kCauses = {
    "disconnect", "crash", "shutdown", "refused", "frozen", "overload", "corruption", "retention",
};

}  // namespace

std::string_view to_string(ControlKind kind) {
  return name_of(kKinds, kind);
}

std::optional<ControlKind> control_kind(std::string_view name) {
  return value_of<ControlKind>(kKinds, name);
}

std::string_view to_string(GapCause cause) {
  return name_of(kCauses, cause);
}

std::optional<GapCause> gap_cause(std::string_view name) {
  return value_of<GapCause>(kCauses, name);
}

}  // namespace tapeline::model
