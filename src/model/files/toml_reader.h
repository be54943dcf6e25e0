#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

/// Reading the rule files of config/: every key has a type and a range, and a key that nobody
/// asked for is wrong. All that is wrong is said at once.
namespace tapeline::model {

struct TomlTable;  ///< The library's, kept out of headers.

/// One table of a file. Values are asked for by key; `finish` then refuses what was not asked for.
class TomlEntry {
 public:
  TomlEntry(std::shared_ptr<const TomlTable> table, std::string place,
            std::shared_ptr<std::vector<std::string>> problems);

  std::optional<std::string> text(std::string_view key);
  /// Nothing, and nothing wrong, when the value is of another type.
  std::optional<std::string> text_if(std::string_view key);
  std::optional<int64_t> integer(std::string_view key, int64_t least, int64_t greatest);
  std::optional<bool> flag(std::string_view key);
  std::optional<std::vector<std::string>> texts(std::string_view key);
  std::optional<std::vector<int64_t>> integers(std::string_view key, int64_t least,
                                               int64_t greatest);
  std::optional<std::chrono::sys_days> date(std::string_view key);

  template <typename... Args>
  void fail(fmt::format_string<Args...> format, Args&&... args) {
    add(fmt::format(format, std::forward<Args>(args)...));
  }

  void finish();

 private:
  friend class TomlFile;

  void add(const std::string& problem);

  std::shared_ptr<const TomlTable> table_;
  std::string place_;  ///< "line 12, holiday \"Good Friday\""
  std::shared_ptr<std::vector<std::string>> problems_;
  std::vector<std::string> asked_;
};

class TomlFile {
 public:
  /// `invalid` when it is no TOML, or longer than kBytesMax; with line and column.
  static Result<TomlFile> parse(std::string_view toml, std::string_view name);

  static constexpr size_t kBytesMax = 1 << 20;

  TomlEntry& root() { return root_; }
  /// The tables [[key]], in order; none when there is no such key.
  std::deque<TomlEntry>& entries(std::string_view key);

  /// To be called last: `invalid` with everything that is wrong.
  Result<> finish();

 private:
  TomlFile(std::string name, std::shared_ptr<const TomlTable> table,
           std::shared_ptr<std::vector<std::string>> problems);

  std::string name_;
  std::shared_ptr<std::vector<std::string>> problems_;
  TomlEntry root_;
  std::deque<std::deque<TomlEntry>> lists_;
};

}  // namespace tapeline::model
