#include "model/files/condition_file.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "model/files/toml_reader.h"
#include "model/names.h"

namespace tapeline::embedded {
extern const std::string_view finnhub_conditions_toml;
}  // namespace tapeline::embedded

namespace tapeline::model {
namespace {

constexpr Names<3> kMarks = {"", "closing", "extended"};

struct Entry {
  Condition condition;
  ConditionName name;
};

/// `last` is true, false or "conditional".
uint8_t read_last(TomlEntry& entry) {
  if (entry.text_if("last")) {
    if (entry.text("last") != "conditional")
      entry.fail("last must be true, false or \"conditional\"");
    return Rights::kOnlyOfDay;
  }
  const auto may = entry.flag("last");
  if (!may) entry.fail("needs last: true, false or \"conditional\"");
  return may.value_or(false) ? Rights::kLast | Rights::kOnlyOfDay : 0;
}

uint8_t read_right(TomlEntry& entry, std::string_view key, uint8_t bit) {
  const auto may = entry.flag(key);
  if (!may) entry.fail("needs {}: true or false", key);
  return may.value_or(false) ? bit : 0;
}

Entry read(TomlEntry& entry) {
  Entry out;
  const auto code = entry.integer("code", 1, ConditionTable::kCodeMax);
  const auto name = entry.text("name");
  if (!code || !name || name->empty()) entry.fail("needs code and name");
  out.condition.code = out.name.code = static_cast<int>(code.value_or(0));
  out.name.name = name.value_or("");
  out.condition.rights = Rights(
      static_cast<uint8_t>(read_last(entry) | read_right(entry, "high_low", Rights::kHighLow) |
                           read_right(entry, "volume", Rights::kVolume)));
  if (const auto letter = entry.text("letter")) {
    if (letter->size() != 1 || letter->front() <= ' ' || letter->front() == ';')
      entry.fail("letter must be one character of ASCII, and no ';'");
    if (!letter->empty()) out.name.letter = letter->front();
  }
  if (const auto session = entry.text("session")) {
    const auto mark = value_of<SessionMark>(kMarks, *session);
    if (!mark || *mark == SessionMark::none)
      entry.fail("session must be \"extended\" or \"closing\"");
    out.condition.mark = mark.value_or(SessionMark::none);
  }
  out.name.unverified = entry.flag("unverified").value_or(false);
  if (out.name.unverified && !out.condition.rights.all())
    entry.fail("what is unverified may not exclude: it must have all rights");
  entry.finish();
  return out;
}

const ConditionFile& built_in() {
  static const ConditionFile file =
      parse_condition_file(embedded::finnhub_conditions_toml, "config/conditions/finnhub.toml")
          .value();
  return file;
}

}  // namespace

Result<ConditionFile> parse_condition_file(std::string_view toml, std::string_view name) {
  auto file = TomlFile::parse(toml, name);
  if (!file) return file.error();
  TomlFile& in = file.value();
  const auto table = in.root().text("name");
  const auto version = in.root().integer("version", 1, 999'999);
  if (!table || !version) in.root().fail("needs name and version");
  std::vector<Condition> conditions;
  ConditionFile out;
  for (TomlEntry& entry : in.entries("condition")) {
    Entry read_entry = read(entry);
    const char letter = read_entry.name.letter;
    if (letter != 0 &&
        std::ranges::find(out.names, letter, &ConditionName::letter) != out.names.end())
      entry.fail("letter {} is another code's already", letter);
    conditions.push_back(read_entry.condition);
    out.names.push_back(std::move(read_entry.name));
  }
  TAPELINE_TRY(in.finish());
  auto made = ConditionTable::make(*table, static_cast<int>(*version), std::move(conditions));
  if (!made) {
    return make_error(ErrorCode::invalid, "cannot read {}: {}", name, made.error().message());
  }
  out.table = std::move(made).value();
  std::ranges::sort(out.names, {}, &ConditionName::code);
  return out;
}

const ConditionTable& finnhub_conditions() {
  return built_in().table;
}

const std::vector<ConditionName>& condition_names() {
  return built_in().names;
}

}  // namespace tapeline::model
