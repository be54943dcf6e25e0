#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

/// Settings declared once. A module's `options.h` has a struct of plain members and a function
/// `void declare(settings::Declarer&, Options&)` naming each member's key, unit, range and
/// sentence; the member's initial value is the default. The application reads file, environment
/// and command line through these declarations, and prints the annotated default from them.
namespace tapeline::settings {

enum class Kind { boolean, integer, real, text, list };

/// One setting. `set` parses and stores a value; it returns an empty string, or what is wrong
/// with the value ("must be 1 to 65535").
struct Setting {
  std::string key;  ///< With section: "log.segment_bytes_max".
  Kind kind;
  std::string unit;      ///< "bytes", "ms", "1/min"; empty if it has none.
  std::string range;     ///< For people: "1 to 65535", "one of fsync, os, none".
  std::string sentence;  ///< What it does.
  std::string fallback;  ///< The default, as text.
  bool secret = false;   ///< Masked wherever it is shown, and registered for redaction.
  std::function<std::string(std::string_view text)> set;
  std::function<std::string()> get;  ///< The present value as text; lists joined with ','.
};

/// Collects the settings of all modules. Members must outlive it.
class Declarer {
 public:
  /// Following keys are put below `section` ("log" gives "log.<key>").
  void section(std::string_view name, std::string_view sentence);

  void boolean(std::string_view key, bool& member, std::string_view sentence);
  void integer(std::string_view key, int64_t& member, int64_t least, int64_t greatest,
               std::string_view unit, std::string_view sentence);
  void real(std::string_view key, double& member, double least, double greatest,
            std::string_view unit, std::string_view sentence);
  void text(std::string_view key, std::string& member, std::string_view sentence);
  /// One of `choices`.
  void choice(std::string_view key, std::string& member, std::vector<std::string> choices,
              std::string_view sentence);
  void list(std::string_view key, std::vector<std::string>& member, std::string_view sentence);
  void secret(std::string_view key, std::string& member, std::string_view sentence);

  /// A further check of the setting `key`, after its value was stored: an empty string, or what is
  /// wrong with it.
  void refine(std::string_view key, std::function<std::string()> check);

  struct Section {
    std::string name;
    std::string sentence;
  };
  const std::vector<Section>& sections() const { return sections_; }
  const std::vector<Setting>& all() const { return settings_; }
  const Setting* find(std::string_view key) const;

  /// The known key with the least edit distance to `key`; empty when none is near.
  std::string nearest(std::string_view key) const;

 private:
  void add(Setting setting);

  std::vector<Section> sections_;
  std::vector<Setting> settings_;
};

}  // namespace tapeline::settings
