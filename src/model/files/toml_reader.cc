#include "model/files/toml_reader.h"

#include <fmt/ranges.h>
#include <toml++/toml.h>

#include <algorithm>

namespace tapeline::model {

/// The root keeps the whole file alive; a table within it points inside.
struct TomlTable {
  std::shared_ptr<const toml::table> file;
  const toml::table* at = nullptr;
};

TomlEntry::TomlEntry(std::shared_ptr<const TomlTable> table, std::string place,
                     std::shared_ptr<std::vector<std::string>> problems)
    : table_(std::move(table)), place_(std::move(place)), problems_(std::move(problems)) {}

void TomlEntry::add(const std::string& problem) {
  problems_->push_back(fmt::format("{}: {}", place_, problem));
}

std::optional<std::string> TomlEntry::text(std::string_view key) {
  asked_.emplace_back(key);
  const toml::node* node = table_->at->get(key);
  if (node == nullptr) return std::nullopt;
  if (const auto value = node->value_exact<std::string>()) return value;
  fail("{} must be a text", key);
  return std::nullopt;
}

std::optional<std::string> TomlEntry::text_if(std::string_view key) {
  const toml::node* node = table_->at->get(key);
  return node == nullptr ? std::nullopt : node->value_exact<std::string>();
}

std::optional<int64_t> TomlEntry::integer(std::string_view key, int64_t least, int64_t greatest) {
  asked_.emplace_back(key);
  const toml::node* node = table_->at->get(key);
  if (node == nullptr) return std::nullopt;
  const auto value = node->value_exact<int64_t>();
  if (value && *value >= least && *value <= greatest) return value;
  fail("{} must be a whole number from {} to {}", key, least, greatest);
  return std::nullopt;
}

std::optional<bool> TomlEntry::flag(std::string_view key) {
  asked_.emplace_back(key);
  const toml::node* node = table_->at->get(key);
  if (node == nullptr) return std::nullopt;
  if (const auto value = node->value_exact<bool>()) return value;
  fail("{} must be true or false", key);
  return std::nullopt;
}

std::optional<std::vector<std::string>> TomlEntry::texts(std::string_view key) {
  asked_.emplace_back(key);
  const toml::node* node = table_->at->get(key);
  if (node == nullptr) return std::nullopt;
  std::vector<std::string> out;
  if (const toml::array* array = node->as_array()) {
    for (const toml::node& item : *array) {
      if (const auto value = item.value_exact<std::string>()) out.push_back(*value);
    }
    if (out.size() == array->size()) return out;
  }
  fail("{} must be a list of texts", key);
  return std::nullopt;
}

std::optional<std::vector<int64_t>> TomlEntry::integers(std::string_view key, int64_t least,
                                                        int64_t greatest) {
  asked_.emplace_back(key);
  const toml::node* node = table_->at->get(key);
  if (node == nullptr) return std::nullopt;
  std::vector<int64_t> out;
  if (const toml::array* array = node->as_array()) {
    for (const toml::node& item : *array) {
      const auto value = item.value_exact<int64_t>();
      if (value && *value >= least && *value <= greatest) out.push_back(*value);
    }
    if (out.size() == array->size()) return out;
  }
  fail("{} must be a list of whole numbers from {} to {}", key, least, greatest);
  return std::nullopt;
}

std::optional<std::chrono::sys_days> TomlEntry::date(std::string_view key) {
  asked_.emplace_back(key);
  const toml::node* node = table_->at->get(key);
  if (node == nullptr) return std::nullopt;
  if (const auto value = node->value_exact<toml::date>()) {
    const std::chrono::year_month_day day(std::chrono::year(value->year),
                                          std::chrono::month(value->month),
                                          std::chrono::day(value->day));
    if (day.ok()) return std::chrono::sys_days(day);
  }
  fail("{} must be a date such as 2001-09-11", key);
  return std::nullopt;
}

void TomlEntry::finish() {
  for (const auto& [key, node] : *table_->at) {
    if (std::ranges::find(asked_, key.str()) == asked_.end()) {
      fail("unknown key {}; known are {}", key.str(), fmt::join(asked_, ", "));
    }
  }
}

TomlFile::TomlFile(std::string name, std::shared_ptr<const TomlTable> table,
                   std::shared_ptr<std::vector<std::string>> problems)
    : name_(std::move(name)),
      problems_(std::move(problems)),
      root_(std::move(table), "at its head", problems_) {}

Result<TomlFile> TomlFile::parse(std::string_view toml, std::string_view name) {
  if (toml.size() > kBytesMax) {
    return make_error(ErrorCode::invalid, "cannot read {}: {} bytes, more than {}", name,
                      toml.size(), kBytesMax);
  }
  try {
    auto file = std::make_shared<const toml::table>(toml::parse(toml));
    auto root = std::make_shared<const TomlTable>(TomlTable{file, file.get()});
    return TomlFile(std::string(name), std::move(root),
                    std::make_shared<std::vector<std::string>>());
  } catch (const toml::parse_error& error) {
    return make_error(ErrorCode::invalid, "cannot read {}: line {}, column {}: {}", name,
                      error.source().begin.line, error.source().begin.column, error.description());
  }
}

std::deque<TomlEntry>& TomlFile::entries(std::string_view key) {
  root_.asked_.emplace_back(key);
  std::deque<TomlEntry>& out = lists_.emplace_back();
  const toml::node* node = root_.table_->at->get(key);
  if (node == nullptr) return out;
  const toml::array* array = node->as_array();
  if (array == nullptr || !std::ranges::all_of(*array, &toml::node::is_table)) {
    root_.fail("{} must be tables, [[{}]]", key, key);
    return out;
  }
  for (const toml::node& node_of : *array) {
    const toml::table* table = node_of.as_table();
    const auto name = table->get_as<std::string>("name");
    std::string place = fmt::format("line {}, {}{}", table->source().begin.line, key,
                                    name == nullptr ? "" : fmt::format(" \"{}\"", name->get()));
    out.emplace_back(std::make_shared<const TomlTable>(TomlTable{root_.table_->file, table}),
                     std::move(place), problems_);
  }
  return out;
}

Result<> TomlFile::finish() {
  root_.finish();
  if (problems_->empty()) return {};
  return make_error(ErrorCode::invalid, "cannot read {}: {}", name_, fmt::join(*problems_, "; "));
}

}  // namespace tapeline::model
