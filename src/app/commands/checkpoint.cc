#include <fmt/format.h>

#include <cstdio>

#include "app/commands/commands.h"
#include "app/registry.h"
#include "engine/checkpoint.h"
#include "model/time.h"
#include "serve/json.h"

namespace tapeline::app {
namespace {

int failed(const Error& error) {
  fmt::print(stderr, "tapeline: {}\n", diag::redacted(error.message()));
  return kFailed;
}

/// What the next start makes of the checkpoint.
enum class CheckpointState {
  whole,    ///< It goes on from here.
  missing,  ///< There is none.
  empty,    ///< Reset: a position without a state.
  refused,  ///< Damaged, or of another program or version.
};

std::string_view to_string(CheckpointState state) {
  switch (state) {
    case CheckpointState::whole:
      return "whole";
    case CheckpointState::missing:
      return "missing";
    case CheckpointState::empty:
      return "reset";
    case CheckpointState::refused:
      return "refused";
  }
  return "refused";
}

struct Shown {
  CheckpointState state = CheckpointState::missing;
  store::Checkpoint checkpoint;
  engine::CheckpointContent content;
  std::string why;  ///< Of a refused one.
  Position log_end;
  int64_t age_ms = 0;  ///< Since its newest record.
};

Result<Shown> look(const Config& config, metrics::Registry& metrics) {
  auto view = open_tape_to_read(config, posix_file_system(), system_clock(), metrics);
  if (!view) return view.error();
  auto reader = view.value().store->open_reader();
  if (!reader) return reader.error();
  auto found = reader.value()->checkpoint();
  if (!found) return found.error();
  Shown shown;
  shown.log_end = view.value().log->end();
  if (!found.value()) return shown;
  shown.checkpoint = std::move(*found.value());
  if (shown.checkpoint.state.empty()) {
    shown.state = CheckpointState::empty;
    return shown;
  }
  auto content = engine::inspect_checkpoint(shown.checkpoint);
  if (!content) {
    shown.state = CheckpointState::refused;
    shown.why = content.error().message();
    return shown;
  }
  shown.state = CheckpointState::whole;
  shown.content = std::move(content).value();
  shown.age_ms = std::chrono::duration_cast<std::chrono::milliseconds>(system_clock().wall() -
                                                                       shown.content.newest)
                     .count();
  return shown;
}

std::string position_text(Position position) {
  return fmt::format("{}:{}", position.generation(), position.ordinal());
}

std::string_view next_start(CheckpointState state) {
  return state == CheckpointState::whole
             ? "goes on from here and reads what the log has behind it"
             : "takes the newest snapshot in the log, or the log's beginning, and reads on from "
               "there; bars keep what they have";
}

void print_json(const Shown& shown) {
  std::string out;
  serve::JsonWriter json(out);
  json.begin_object();
  json.key("state").text(to_string(shown.state));
  json.key("position");
  shown.state == CheckpointState::missing ? json.null()
                                          : json.text(position_text(shown.checkpoint.position));
  json.key("log_end").text(position_text(shown.log_end));
  json.key("bytes").number(static_cast<int64_t>(shown.checkpoint.state.size()));
  json.key("version").number(engine::kCheckpointVersion);
  if (shown.state == CheckpointState::refused) json.key("why").text(shown.why);
  if (shown.state == CheckpointState::whole) {
    const engine::CheckpointContent& content = shown.content;
    json.key("newest").time(content.newest);
    json.key("age_ms").number(shown.age_ms);
    json.key("open_bars").number(static_cast<int64_t>(content.open_bars));
    json.key("settings").begin_array();
    for (const std::string& setting : content.settings) json.text(setting);
    json.end_array();
    json.key("sources").begin_array();
    for (const auto& source : content.sources) {
      json.begin_object();
      json.key("source").text(source.name);
      json.key("epoch").number(source.epoch);
      json.key("sequence").number(source.sequence);
      json.key("open").boolean(source.open);
      json.key("ended").boolean(source.ended);
      json.end_object();
    }
    json.end_array();
    json.key("symbols").begin_array();
    for (const auto& symbol : content.symbols) {
      json.begin_object();
      json.key("symbol").text(symbol.name);
      json.key("state").text(symbol.state);
      json.key("open_bars").number(static_cast<int64_t>(symbol.open_bars));
      json.end_object();
    }
    json.end_array();
  }
  json.end_object();
  fmt::print("{}\n", out);
}

std::string_view source_state(const engine::CheckpointContent::OfSource& source) {
  if (source.ended) return "read to its end";
  return source.open ? "open" : "closed";
}

void print_table(const Shown& shown) {
  const auto line = [](std::string_view name, const std::string& value) {
    fmt::print("{:<12}{}\n", name, value);
  };
  line("state", std::string(to_string(shown.state)));
  if (shown.state == CheckpointState::refused) line("why", shown.why);
  if (shown.state != CheckpointState::missing) {
    line("position", position_text(shown.checkpoint.position));
    line("bytes", std::to_string(shown.checkpoint.state.size()));
  }
  line("log end", position_text(shown.log_end));
  line("version", fmt::format("{} is what this program reads", engine::kCheckpointVersion));
  if (shown.state == CheckpointState::whole) {
    const engine::CheckpointContent& content = shown.content;
    line("checksum", "right");
    line("newest", fmt::format("{}, {:.1f} s ago", model::time_text(content.newest),
                               static_cast<double>(shown.age_ms) / 1e3));
    for (const std::string& setting : content.settings) line("setting", setting);
    for (const auto& source : content.sources)
      line("source", fmt::format("{}  epoch {}  sequence {}  {}", source.name, source.epoch,
                                 source.sequence, source_state(source)));
    for (const auto& symbol : content.symbols)
      line("symbol",
           fmt::format("{}  {}  {} open bars", symbol.name, symbol.state, symbol.open_bars));
    line("open bars", std::to_string(content.open_bars));
  }
  line("next start", std::string(next_start(shown.state)));
}

}  // namespace

int show_checkpoint(Config& config, bool json) {
  metrics::Registry metrics;
  const auto shown = look(config, metrics);
  if (!shown) return failed(shown.error());
  json ? print_json(shown.value()) : print_table(shown.value());
  return kOk;
}

int reset_checkpoint(Config& config) {
  auto closed = open_closed_store(config, posix_file_system(), system_clock());
  if (!closed) return failed(closed.error());
  auto reader = closed.value().store->open_reader();
  if (!reader) return failed(reader.error());
  const auto found = reader.value()->checkpoint();
  if (!found) return failed(found.error());
  if (!found.value() || found.value()->state.empty()) {
    fmt::print("there is no checkpoint to drop in {}\n", closed.value().directory->path());
    return kOk;
  }
  auto writer = closed.value().store->open_writer();
  if (!writer) return failed(writer.error());
  // The position stays: up to it the store is written, and a log that ends before it lacks a part.
  store::Commit commit;
  commit.checkpoint = store::Checkpoint{found.value()->position, {}};
  if (const auto written = writer.value()->write(commit); !written) return failed(written.error());
  fmt::print("checkpoint at {} dropped in {}; the next start {}\n",
             position_text(found.value()->position), closed.value().directory->path(),
             next_start(CheckpointState::empty));
  return kOk;
}

}  // namespace tapeline::app
