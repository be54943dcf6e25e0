#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <map>

#include "app/commands/commands.h"
#include "app/commands/question.h"
#include "app/commands/tell.h"
#include "app/registry.h"
#include "app/rows.h"
#include "app/session.h"
#include "app/signals.h"
#include "codec/dead_letter.h"
#include "ingest/replay/letter_replayer.h"
#include "model/time.h"
#include "serve/json.h"
#include "serve/letters.h"

namespace tapeline::app {
namespace {

constexpr const char* kTableColumns =
    "id,time,reason,source,epoch,frame,sequence,bytes,replayed,begins";
constexpr size_t kHexBytesPerLine = 32;

/// Tells what is wrong and gives nothing.
std::optional<serve::LetterQuery> query_or_say(const DeadLetterArguments& arguments,
                                               const TimeRange& range) {
  serve::LetterQuery query;
  query.source = arguments.source;
  query.from = in_microseconds(range.from);
  query.to = in_microseconds(range.to);
  query.limit = static_cast<size_t>(arguments.query.limit);
  if (arguments.before > 0) query.before = arguments.before;
  if (arguments.reason.empty()) return query;
  query.reason = model::reject_reason(arguments.reason);
  if (query.reason) return query;
  std::string known;
  for (size_t i = 0; i <= static_cast<size_t>(model::kLastRejectReason); ++i)
    known.append(known.empty() ? "" : ", ")
        .append(model::to_string(static_cast<model::RejectReason>(i)));
  fmt::print(stderr, "tapeline: --reason: there is no reason '{}'; known are {}\n",
             arguments.reason, known);
  return std::nullopt;
}

/// Which dead letters entered the log later, by the store's checkpoint: at most a second old while
/// a process runs. Nothing when there is none that can be read; the next start writes one.
Result<std::optional<engine::ReplayedSets>> replayed_by_store(const TapeView& view) {
  auto reader = view.store->open_reader();
  if (!reader) return reader.error();
  auto checkpoint = reader.value()->checkpoint();
  if (!checkpoint) return checkpoint.error();
  std::optional<engine::ReplayedSets> sets;
  if (checkpoint.value())
    if (auto known = engine::replayed_in(*checkpoint.value()); known)
      sets = std::move(known).value();
  return sets;
}

void print_bytes(std::string_view bytes) {
  if (codec::is_plain_text(bytes)) {
    fmt::print("{}\n", bytes);
    return;
  }
  for (size_t at = 0; at < bytes.size(); at += kHexBytesPerLine)
    fmt::print("{}\n", serve::hex(bytes.substr(at, kHexBytesPerLine)));
}

void print_letter(const serve::Letter& letter) {
  const model::DeadLetter& of = letter.letter;
  const std::string element =
      of.sequence == 0 ? "as a whole" : fmt::format("element {}", of.sequence);
  std::string received;
  model::append_time(received, of.ingest_time);
  fmt::print("dead letter  {}\n", letter.id);
  fmt::print("reason       {}: {}\n", model::to_string(of.reason), model::sentence(of.reason));
  fmt::print("origin       {}, epoch {}, frame {}, {}\n", of.source, of.epoch, of.frame, element);
  fmt::print("received     {}\n", received);
  if (!of.detail.empty()) fmt::print("detail       {}\n", of.detail);
  fmt::print("replayed     {}\n", !letter.replayed ? "not known" : *letter.replayed ? "yes" : "no");
  fmt::print("bytes        {}{}\n\n", letter.bytes,
             codec::is_plain_text(of.raw) ? "" : ", in hexadecimal because they are no plain text");
  print_bytes(of.raw);
}

/// What a replay did, letter by letter.
class Tally {
 public:
  Tally(bool json, bool each) : json_(json), each_(each) {}

  void add(const serve::Letter& letter, const ingest::LetterOutcome& outcome) {
    ++letters_;
    entered_ += outcome.entered;
    known_ += outcome.known;
    for (const model::RejectReason reason : outcome.still) ++still_[static_cast<size_t>(reason)];
    if (json_)
      print_json(letter, outcome);
    else if (each_)
      print_line(letter, outcome);
  }

  void print_summary(const std::string& folder) const {
    if (json_) return;
    fmt::print(
        "{} dead letters read again: {} trades put in, {} were in already, {} still refused; "
        "data in {}\n",
        letters_, entered_, known_, still(), folder);
    for (size_t i = 0; i < still_.size(); ++i) {
      const auto reason = static_cast<model::RejectReason>(i);
      if (still_[i] > 0)
        fmt::print("{:>8} {}: {}\n", still_[i], model::to_string(reason), model::sentence(reason));
    }
  }

 private:
  int64_t still() const {
    int64_t sum = 0;
    for (const int64_t count : still_) sum += count;
    return sum;
  }

  static void print_json(const serve::Letter& letter, const ingest::LetterOutcome& outcome) {
    std::string reasons;
    for (const model::RejectReason reason : outcome.still)
      reasons.append(reasons.empty() ? "\"" : ",\"").append(model::to_string(reason)).append("\"");
    fmt::print("{{\"id\":{},\"entered\":{},\"known\":{},\"still\":[{}]}}\n", letter.id,
               outcome.entered, outcome.known, reasons);
  }

  static void print_line(const serve::Letter& letter, const ingest::LetterOutcome& outcome) {
    std::string text;
    const auto say = [&](const std::string& part) {
      text.append(text.empty() ? "" : "; ").append(part);
    };
    if (outcome.entered > 0) say(fmt::format("{} put in", outcome.entered));
    if (outcome.known > 0) say(fmt::format("{} in already", outcome.known));
    for (const model::RejectReason reason : outcome.still)
      say(fmt::format("still {}", model::to_string(reason)));
    fmt::print("{}: {}\n", letter.id, text.empty() ? "holds no trades" : text);
  }

  const bool json_;
  const bool each_;
  int64_t letters_ = 0;
  int64_t entered_ = 0;
  int64_t known_ = 0;
  std::array<int64_t, static_cast<size_t>(model::kLastRejectReason) + 1> still_{};
};

/// Opens for writing the directory that is there; it is never made, and holds what feed it may.
Result<std::unique_ptr<Session>> open_existing(const Config& config, metrics::Registry& metrics) {
  const std::string named = config.data.feed.empty() ? "simulated" : config.data.feed;
  auto directory = store::DataDirectory::open_to_read(
      posix_file_system(),
      {.path = config.data_directory(named), .feed = config.data.feed, .free_bytes_min = 0});
  if (!directory) return directory.error();
  auto session = Session::open(config, directory.value()->feed(), posix_file_system(),
                               system_clock(), metrics, nullptr);
  if (session || session.error().code() != ErrorCode::unavailable) return session;
  return Error(ErrorCode::unavailable, session.error().message() +
                                           " (dead letters enter through the one process that "
                                           "writes a directory; look at them at any time)");
}

/// Puts in what is wanted of `letters`. An error leaves what entered before.
Result<> replay_wanted(const serve::LetterQuery& query, std::vector<int64_t> ids,
                       log::Source& letters, ingest::LetterReplayer& replayer, Tally& tally,
                       const std::atomic<bool>& interrupted) {
  std::sort(ids.begin(), ids.end());
  Result<> outcome;
  const auto whole = serve::for_each_letter(letters, Position(), [&](serve::Letter&& letter) {
    const bool named = ids.empty() || std::binary_search(ids.begin(), ids.end(), letter.id);
    if (!named || !serve::wanted(letter, query)) return !interrupted;
    auto replayed = replayer.replay(letter.letter);
    if (!replayed) {
      outcome = replayed.error();
      return false;
    }
    tally.add(letter, replayed.value());
    return !interrupted;
  });
  if (!outcome) return outcome;
  if (!whole) return whole.error();
  if (!whole.value())
    fmt::print(stderr, "tapeline: a part of the dead letters is damaged and was passed over\n");
  return {};
}

}  // namespace

int list_dead_letters(Config& config, const DeadLetterArguments& arguments) {
  const auto question =
      question_or_say(arguments.query, letter_columns(), kStableLetterColumns, kTableColumns);
  if (!question) return kUsage;
  const auto query = query_or_say(arguments, question->range);
  if (!query) return kUsage;
  metrics::Registry metrics;
  const auto view = open_tape_to_read(config, posix_file_system(), system_clock(), metrics);
  if (!view) return failed(view.error());
  const auto replayed = replayed_by_store(view.value());
  if (!replayed) return failed(replayed.error());
  auto page = serve::find_letters(*view.value().dead_letters, *query);
  if (!page) return failed(page.error());
  RowWriter<serve::Letter> writer(question->format, question->columns);
  for (serve::Letter& letter : page.value().letters) {
    letter.replayed = serve::is_replayed(letter.letter, replayed.value());
    writer.add(letter);
  }
  if (!page.value().complete)
    fmt::print(stderr, "tapeline: a part of the dead letters is damaged and was passed over\n");
  return report({}, writer.finish());
}

int show_dead_letter(Config& config, const DeadLetterArguments& arguments) {
  metrics::Registry metrics;
  const auto view = open_tape_to_read(config, posix_file_system(), system_clock(), metrics);
  if (!view) return failed(view.error());
  auto letter = serve::find_letter(*view.value().dead_letters, arguments.ids.front());
  if (!letter) return failed(letter.error());
  const std::string& raw = letter.value().letter.raw;
  if (arguments.raw) {
    const bool written = std::fwrite(raw.data(), 1, raw.size(), stdout) == raw.size();
    return report({}, std::fflush(stdout) == 0 && written);
  }
  const auto replayed = replayed_by_store(view.value());
  if (!replayed) return failed(replayed.error());
  letter.value().replayed = serve::is_replayed(letter.value().letter, replayed.value());
  if (arguments.query.format != "table") {
    std::vector<Column<serve::Letter>> columns = letter_columns();
    columns.resize(kStableLetterColumns);
    RowWriter<serve::Letter> writer(RowFormat::jsonl, columns);
    writer.add(letter.value());
    return report({}, writer.finish());
  }
  print_letter(letter.value());
  return report({}, std::fflush(stdout) == 0);
}

int replay_dead_letters(Config& config, const DeadLetterArguments& arguments) {
  const bool chosen = arguments.all || !arguments.ids.empty() || !arguments.reason.empty() ||
                      !arguments.source.empty() || !arguments.query.from.empty() ||
                      !arguments.query.to.empty();
  if (!chosen) {
    fmt::print(stderr, "tapeline: say which: ids, --reason, --source, --from, --to, or --all\n");
    return kUsage;
  }
  const auto range = parse_time_range(arguments.query.from, arguments.query.to);
  if (!range) return kUsage;
  const auto query = query_or_say(arguments, *range);
  if (!query) return kUsage;

  std::atomic<bool> interrupted{false};
  const SignalWatcher signals([&] { interrupted = true; });
  metrics::Registry metrics;
  auto session = open_existing(config, metrics);
  if (!session) return failed(session.error());
  Session& tape = *session.value();
  const Clock& clock = system_clock();
  log::Source& letters = *tape.tape().dead_letter_log;
  for (const int64_t id : arguments.ids)
    if (const auto found = serve::find_letter(letters, id); !found) return failed(found.error());

  const ingest::StageOptions options = ingest::replay_stage_options(config.ingest, config.log);
  ingest::Stage stage(*tape.tape().log, *tape.tape().dead_letters, clock, metrics, options);
  tape.prepare_for_letters(config, stage);
  ingest::LetterReplayer replayer(stage, clock, options, [&](const std::string& source) {
    const auto* known = tape.source(source);
    return known == nullptr ? model::ReplayedSet() : known->replayed;
  });
  Tally tally(arguments.query.format != "table", !arguments.ids.empty());
  auto replayed = replay_wanted(*query, arguments.ids, letters, replayer, tally, interrupted);
  // What was put in before a failure is made durable too.
  if (const auto flushed = stage.flush(); replayed.ok() && !flushed) replayed = flushed;
  const std::string folder = tape.tape().directory->path();
  const auto closed = tape.close();
  tally.print_summary(folder);
  if (!replayed) return failed(replayed.error());
  if (!closed) return failed(closed.error());
  return interrupted ? kInterrupted : kOk;
}

}  // namespace tapeline::app
