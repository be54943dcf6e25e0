#include "engine/events.h"

#include "base/diag.h"

namespace tapeline::engine {

Events::Events(metrics::Registry& registry)
    : memory_(registry.gauge("tapeline_engine_memory_bytes", "Memory of the engine's state.")) {
  const auto record = [&](int64_t Counters::*total, const char* outcome) {
    series_.push_back({total, registry.counter("tapeline_engine_records_total",
                                               "Records read from the log, by outcome.",
                                               {{"outcome", outcome}})});
  };
  record(&Counters::trades, "trade");
  record(&Counters::price_updates, "price_update");
  record(&Counters::duplicates, "duplicate");
  record(&Counters::fenced, "fenced");
  record(&Counters::controls, "control");
  record(&Counters::others, "other");
  record(&Counters::undecodable, "undecodable");
  const auto total = [&](int64_t Counters::*member, const char* name, const char* help) {
    series_.push_back({member, registry.counter(name, help)});
  };
  total(&Counters::controls_refused, "tapeline_engine_controls_refused_total",
        "Control records without what their kind needs, or with a bad setting.");
  total(&Counters::ticks_held, "tapeline_engine_ticks_held_total",
        "Ticks that closed no window because the feed lagged beyond its bound.");
  total(&Counters::late, "tapeline_engine_late_records_total",
        "Records that revised at least one final bar.");
  total(&Counters::bars_finalized, "tapeline_engine_bars_finalized_total",
        "Bars whose end the watermark passed.");
  total(&Counters::store_lookups, "tapeline_engine_store_lookups_total",
        "Bars asked of the store to be merged with.");
  total(&Counters::bars_not_made, "tapeline_engine_bars_not_made_total",
        "Times that records were kept out of a bar: retention removed trades of its window and "
        "the store does not have it, or it is sealed.");
}

void Events::records_undecodable(Position first, int64_t count) {
  diag::error(kRecordsUndecodable,
              "engine: {} records from position {}:{} cannot be decoded and are left out of every "
              "bar; was the log written by another program or version?",
              count, first.generation(), first.ordinal());
}

void Events::records_missing(Position expected, Position found) {
  diag::warning(kRecordsMissing,
                "engine: the log goes on at position {}:{}, not at {}:{}; the records between were "
                "removed by retention or lost to damage",
                found.generation(), found.ordinal(), expected.generation(), expected.ordinal());
}

void Events::control_refused(Position position, std::string_view kind, std::string_view why) {
  diag::warning(kControlRefused, "engine: the {} record at position {}:{} has no effect: {}", kind,
                position.generation(), position.ordinal(), why);
}

void Events::applied(const Counters& totals, size_t memory_bytes) {
  for (Series& series : series_) {
    const int64_t grown = totals.*series.total - before_.*series.total;
    if (grown > 0) series.counter.add(static_cast<double>(grown));
  }
  before_ = totals;
  memory_.set(static_cast<double>(memory_bytes));
}

}  // namespace tapeline::engine
