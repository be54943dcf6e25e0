#include "serve/status_json.h"

#include <fmt/format.h>

#include "serve/json.h"

namespace tapeline::serve {
namespace {

int64_t ms(model::IngestTime time) {
  return std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

/// "generation:ordinal": as one number it would not survive JavaScript's.
std::string text_of(Position position) {
  return fmt::format("{}:{}", position.generation(), position.ordinal());
}

void append_numbers(JsonWriter& json, std::string_view name, const Numbers& numbers) {
  json.key(name).begin_object();
  for (const auto& [key, value] : numbers) json.key(key).number(value);
  json.end_object();
}

std::optional<int64_t> ms(const std::optional<model::IngestTime>& time) {
  return time ? std::optional(ms(*time)) : std::nullopt;
}

void append_connection(JsonWriter& json, const Status::Connection& connection) {
  json.key("connection").begin_object();
  json.key("state").text(connection.state);
  json.key("detail").text(connection.detail);
  json.key("source").text(connection.source);
  json.key("epoch").number(connection.epoch);
  json.key("since_ms").number_or_null(ms(connection.since));
  json.key("last_frame_ms").number_or_null(ms(connection.last_frame));
  json.key("lag_ms").number_or_null(connection.lag_ms);
  json.end_object();
}

void append_log(JsonWriter& json, const Status::Log& log) {
  json.key("log").begin_object();
  json.key("durability").text(log.durability);
  json.key("bytes").number(static_cast<int64_t>(log.bytes));
  json.key("segments").number(static_cast<int64_t>(log.segments));
  json.key("pending_bytes").number(static_cast<int64_t>(log.pending_bytes));
  json.key("begin").text(text_of(log.begin));
  json.key("end").text(text_of(log.end));
  json.key("error").text(log.error);
  json.end_object();
}

}  // namespace

void append_status(std::string& out, const Status& status, const Identity& identity, const Hub& hub,
                   size_t sessions, WallTime now) {
  JsonWriter json(out);
  json.key("feed").text(identity.feed);
  json.key("label").text(identity.label);
  json.key("simulated").boolean(identity.simulated);
  json.key("version").text(status.version);
  json.key("clock").text(status.clock);
  json.key("time").time(now);
  json.key("time_ms").number(ms(now));
  json.key("started_ms").number(ms(status.started));
  json.key("feed_time_ms").number_or_null(ms(status.feed_time));
  json.key("intervals").begin_array();
  for (const model::Interval interval : status.intervals) json.text(model::to_text(interval));
  json.end_array();
  append_connection(json, status.connection);
  json.key("rates").begin_object();
  json.key("frames").real(status.rates.frames);
  json.key("trades").real(status.rates.trades);
  json.key("bars").real(status.rates.bars);
  json.end_object();
  append_numbers(json, "counters", status.counters);
  append_numbers(json, "rejects", status.rejects);
  append_log(json, status.log);
  json.key("store").begin_object();
  json.key("bytes").number(static_cast<int64_t>(status.store.bytes));
  json.key("through").text(text_of(status.store.through));
  json.key("error").text(status.store.error);
  json.end_object();
  json.key("engine").begin_object();
  json.key("bytes").number(static_cast<int64_t>(status.engine.bytes));
  json.key("behind").number(status.engine.behind);
  json.key("position").text(text_of(hub.position()));
  json.end_object();
  json.key("stream").begin_object();
  json.key("sessions").number(static_cast<int64_t>(sessions));
  json.key("gaps_seen").number(hub.gaps());
  json.end_object();
  json.key("ready").boolean(status.ready);
  json.key("not_ready").text(status.not_ready);
}

}  // namespace tapeline::serve
