#include "base/settings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "base/check.h"
#include "base/nearest.h"

namespace tapeline::settings {
namespace {

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t") - first + 1));
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> items;
  while (!text.empty()) {
    const auto comma = text.find(',');
    if (std::string item = trimmed(text.substr(0, comma)); !item.empty())
      items.push_back(std::move(item));
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  return items;
}

}  // namespace

void Declarer::section(std::string_view name, std::string_view sentence) {
  sections_.push_back({std::string(name), std::string(sentence)});
}

void Declarer::add(Setting setting) {
  if (!sections_.empty()) setting.key = sections_.back().name + "." + setting.key;
  setting.fallback = setting.get();
  settings_.push_back(std::move(setting));
}

void Declarer::boolean(std::string_view key, bool& member, std::string_view sentence) {
  add({.key = std::string(key),
       .kind = Kind::boolean,
       .unit = "",
       .range = "true or false",
       .sentence = std::string(sentence),
       .fallback = "",
       .set = [&member](std::string_view text) -> std::string {
         if (text != "true" && text != "false") return "must be true or false";
         member = text == "true";
         return {};
       },
       .get = [&member] { return std::string(member ? "true" : "false"); }});
}

void Declarer::integer(std::string_view key, int64_t& member, int64_t least, int64_t greatest,
                       std::string_view unit, std::string_view sentence) {
  add({.key = std::string(key),
       .kind = Kind::integer,
       .unit = std::string(unit),
       .range = fmt::format("{} to {}", least, greatest),
       .sentence = std::string(sentence),
       .fallback = "",
       .set = [&member, least, greatest](std::string_view text) -> std::string {
         int64_t value = 0;
         const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
         if (error != std::errc() || end != text.data() + text.size() || value < least ||
             value > greatest)
           return fmt::format("must be a whole number from {} to {}", least, greatest);
         member = value;
         return {};
       },
       .get = [&member] { return fmt::format("{}", member); }});
}

void Declarer::real(std::string_view key, double& member, double least, double greatest,
                    std::string_view unit, std::string_view sentence) {
  add({.key = std::string(key),
       .kind = Kind::real,
       .unit = std::string(unit),
       .range = fmt::format("{} to {}", least, greatest),
       .sentence = std::string(sentence),
       .fallback = "",
       .set = [&member, least, greatest](std::string_view text) -> std::string {
         double value = 0;
         const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
         if (error != std::errc() || end != text.data() + text.size() ||
             !(value >= least && value <= greatest))
           return fmt::format("must be a number from {} to {}", least, greatest);
         member = value;
         return {};
       },
       .get = [&member] { return fmt::format("{}", member); }});
}

void Declarer::text(std::string_view key, std::string& member, std::string_view sentence) {
  add({.key = std::string(key),
       .kind = Kind::text,
       .unit = "",
       .range = "text",
       .sentence = std::string(sentence),
       .fallback = "",
       .set = [&member](std::string_view text) -> std::string {
         member = text;
         return {};
       },
       .get = [&member] { return member; }});
}

void Declarer::choice(std::string_view key, std::string& member, std::vector<std::string> choices,
                      std::string_view sentence) {
  std::string range = fmt::format("one of {}", fmt::join(choices, ", "));
  add({.key = std::string(key),
       .kind = Kind::text,
       .unit = "",
       .range = range,
       .sentence = std::string(sentence),
       .fallback = "",
       .set = [&member, choices = std::move(choices), range](std::string_view text) -> std::string {
         if (std::find(choices.begin(), choices.end(), text) == choices.end())
           return "must be " + range;
         member = text;
         return {};
       },
       .get = [&member] { return member; }});
}

void Declarer::list(std::string_view key, std::vector<std::string>& member,
                    std::string_view sentence) {
  add({.key = std::string(key),
       .kind = Kind::list,
       .unit = "",
       .range = "names separated by commas",
       .sentence = std::string(sentence),
       .fallback = "",
       .set = [&member](std::string_view text) -> std::string {
         member = split(text);
         return {};
       },
       .get = [&member] { return fmt::format("{}", fmt::join(member, ",")); }});
}

void Declarer::secret(std::string_view key, std::string& member, std::string_view sentence) {
  text(key, member, sentence);
  settings_.back().secret = true;
}

void Declarer::refine(std::string_view key, std::function<std::string()> check) {
  for (Setting& setting : settings_) {
    if (setting.key != key) continue;
    setting.set = [set = std::move(setting.set), check = std::move(check)](std::string_view text) {
      std::string wrong = set(text);
      return wrong.empty() ? check() : wrong;
    };
    return;
  }
  CHECK(false, "no setting {} is declared", key);
}

const Setting* Declarer::find(std::string_view key) const {
  const auto at = std::find_if(settings_.begin(), settings_.end(),
                               [&](const Setting& setting) { return setting.key == key; });
  return at == settings_.end() ? nullptr : &*at;
}

std::string Declarer::nearest(std::string_view key) const {
  std::vector<std::string> keys;
  for (const Setting& setting : settings_) keys.push_back(setting.key);
  return nearest_word(key, keys);
}

}  // namespace tapeline::settings
