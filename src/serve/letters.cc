#include "serve/letters.h"

#include <deque>
#include <utility>

#include "codec/dead_letter.h"

namespace tapeline::serve {

bool wanted(const Letter& letter, const LetterQuery& query) {
  const model::DeadLetter& of = letter.letter;
  return letter.id < query.before && (!query.reason || of.reason == *query.reason) &&
         (query.source.empty() || of.source == query.source) && of.ingest_time >= query.from &&
         of.ingest_time < query.to;
}

std::optional<bool> is_replayed(const model::DeadLetter& letter,
                                const std::optional<ReplayedSets>& sets) {
  if (!sets) return std::nullopt;
  const auto place = model::replayed_as(letter);
  const auto set = sets->find(letter.source);
  return place && set != sets->end() &&
         set->second.overlaps(place->epoch, place->first, place->last);
}

Result<bool> for_each_letter(log::Source& log, Position from,
                             const std::function<bool(Letter&&)>& each) {
  auto reader = log.read(from);
  if (!reader) return reader.error();
  const Position end = log.end();
  bool whole = true;
  for (log::Batch batch; reader.value()->position() < end;) {
    auto outcome = reader.value()->next(batch, std::chrono::microseconds(0));
    if (!outcome && outcome.error().code() != ErrorCode::corrupt) return outcome.error();
    whole = whole && outcome.ok();
    if (!outcome) continue;
    if (outcome.value() != log::ReadOutcome::progressed) break;
    std::string_view rest = *batch.bytes;
    for (uint32_t i = 0; i < batch.count; ++i) {
      auto letter = codec::take_dead_letter(rest);
      if (!letter) {
        whole = false;
        break;
      }
      const Position position = batch.first.plus(i);
      if (position < from) continue;
      const uint64_t bytes = letter->raw.size();
      if (!each({.id = position.raw(), .letter = std::move(*letter), .bytes = bytes})) return whole;
    }
  }
  return whole;
}

Result<LetterPage> find_letters(log::Source& log, const LetterQuery& query) {
  std::deque<Letter> newest;
  LetterPage page;
  const auto whole = for_each_letter(log, Position(), [&](Letter&& letter) {
    if (letter.id >= query.before) return false;
    if (!wanted(letter, query)) return true;
    if (letter.letter.raw.size() > query.raw_bytes_max)
      letter.letter.raw.resize(query.raw_bytes_max);
    newest.push_back(std::move(letter));
    if (query.limit != 0 && newest.size() > query.limit) {
      newest.pop_front();
      page.more = true;
    }
    return true;
  });
  if (!whole) return whole.error();
  page.complete = whole.value();
  page.letters.assign(std::make_move_iterator(newest.begin()),
                      std::make_move_iterator(newest.end()));
  return page;
}

Result<Letter> find_letter(log::Source& log, int64_t id) {
  const Position begin = log.begin();
  const Position end = log.end();
  if (id < begin.raw() || id >= end.raw()) {
    if (begin >= end)
      return make_error(ErrorCode::not_found, "there is no dead letter {}: there are none", id);
    return make_error(ErrorCode::not_found,
                      "there is no dead letter {}: those kept have the numbers {} to {}", id,
                      begin.raw(), end.raw() - 1);
  }
  std::optional<Letter> found;
  const auto whole = for_each_letter(log, Position::from_raw(id), [&](Letter&& letter) {
    if (letter.id == id) found = std::move(letter);
    return false;
  });
  if (!whole) return whole.error();
  if (found) return std::move(*found);
  return make_error(ErrorCode::corrupt,
                    "dead letter {} cannot be read: its part of the log is damaged", id);
}

}  // namespace tapeline::serve
