#include "model/trade.h"

#include "model/names.h"

namespace tapeline::model {

namespace {

constexpr auto kReasonCount = static_cast<size_t>(kLastRejectReason) + 1;

constexpr Names<kReasonCount> kNames = {
    "malformed_json", "not_utf8",           "oversized_frame",     "unknown_type",
    "missing_field",  "mistyped_field",     "bad_symbol",          "bad_price",
    "bad_volume",     "price_out_of_range", "volume_out_of_range", "bad_time",
    "time_in_future", "malformed_row",      "duplicate_frame",     "beyond_retention",
};

constexpr Names<kReasonCount> kSentences = {
    "The frame is not JSON, or not an object as the feed sends.",
    "The bytes are not UTF-8.",
    "The frame is larger than the limit.",
    "The frame's type is none that this program knows.",
    "The element lacks one of the fields s, p, t, v.",
    "A field has another type than the feed documents, or stands there twice.",
    "The symbol is empty, too long or holds control characters.",
    "The price is not a positive number.",
    "The volume is not a number of zero or more.",
    "The price has more digits than this program or an IEEE 754 double carries.",
    "The volume has more digits than this program or an IEEE 754 double carries.",
    "The event time is not a whole number of milliseconds since 1970.",
    "The event time is further ahead of the clock than ingest.future_ms_max allows; check the "
    "clock of this machine.",
    "The row does not have the columns of the header.",
    "The frame repeats an earlier one of its connection byte for byte, and ingest.dedupe is "
    "collapse.",
    "The trade is older than what the log still holds (log.retention_days, "
    "log.retention_bytes_max): "
    "its bars stay as they are.",
};

}  // namespace

std::string_view to_string(RejectReason reason) {
  return name_of(kNames, reason);
}

std::string_view sentence(RejectReason reason) {
  return name_of(kSentences, reason);
}

std::optional<RejectReason> reject_reason(std::string_view name) {
  return value_of<RejectReason>(kNames, name);
}

}  // namespace tapeline::model
