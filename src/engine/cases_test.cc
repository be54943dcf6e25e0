// Runs tests/engine/*.txt, whose grammar is in tests/engine/README.md, once for each way to commit
// and restart.
#include <gtest/gtest.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "engine/world.h"
#include "model/time.h"

namespace tapeline::engine {
namespace {

using model::Control;
using model::ControlKind;
using testing::Habits;
using testing::World;

using Words = std::vector<std::string>;

std::vector<std::filesystem::path> case_files() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::string(TAPELINE_SOURCE_DIR) + "/tests/engine")) {
    if (entry.path().extension() == ".txt") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

/// One case in one way. Every failure names file and line.
class Runner {
 public:
  explicit Runner(const Habits& habits) : world_(habits), plain_(habits.name == all_plain()) {}

  void run(const std::filesystem::path& path) {
    std::ifstream file(path);
    ASSERT_TRUE(file.good()) << path;
    std::string line;
    for (int number = 1; std::getline(file, line); ++number) {
      SCOPED_TRACE(path.filename().string() + ":" + std::to_string(number) + ": " + line);
      std::istringstream words(line.substr(0, line.find('#')));
      Words list;
      for (std::string word; words >> word;) list.push_back(word);
      if (!list.empty()) run_line(list);
      if (::testing::Test::HasFatalFailure()) return;
    }
  }

  std::string final_bars() { return testing::describe(world_.committed_bars()); }

 private:
  static std::string_view all_plain() { return testing::all_habits().front().name; }

  void run_line(const Words& words) {
    const std::string& verb = words[0];
    if (verb == "expect") return expect(words);
    if (verb == "date") {
      date_ = words.at(1);
    } else if (verb == "source") {
      source_ = words.at(1);
      epoch_ = words.size() > 2 ? std::stoll(words[2]) : 1;
    } else if (verb == "trade") {
      trade(words, words.at(4), 5);
    } else if (verb == "update") {
      trade(words, "0", 4);
    } else if (verb == "restart") {
      world_.restart();
    } else if (verb == "commit") {
      world_.commit();
    } else if (verb == "damage") {
      world_.add_damaged();
    } else {
      control(words);
    }
  }

  void trade(const Words& words, const std::string& volume, size_t options_at) {
    auto options = read_options(words, options_at);
    int64_t& next = next_sequence_[source_];
    codec::TradeView view;
    view.symbol = words.at(1);
    view.event_time = event_time(words.at(2));
    view.price = decimal(words.at(3), model::kPriceDecimalsMax);
    view.volume = decimal(volume, model::kVolumeDecimalsMax);
    view.ingest_time = model::IngestTime(view.event_time);
    view.source = source_;
    view.epoch = options.contains("epoch") ? std::stoll(options["epoch"]) : epoch_;
    view.sequence = options.contains("sequence") ? std::stoll(options["sequence"]) : ++next;
    next = std::max(next, view.sequence);
    std::vector<std::string_view> conditions;
    if (options.contains("condition")) {
      std::string_view rest = options["condition"];
      while (!rest.empty()) {
        conditions.push_back(rest.substr(0, rest.find(',')));
        rest.remove_prefix(std::min(rest.size(), conditions.back().size() + 1));
      }
    }
    view.conditions = codec::ConditionsView(conditions);
    if (options.contains("flags")) view.flags = flags(options["flags"]);
    world_.add(view);
  }

  void control(const Words& words) {
    const std::string& verb = words[0];
    Control record;
    record.source = source_;
    record.epoch = epoch_;
    size_t options_at = 2;
    if (verb == "advance") {
      record.kind = ControlKind::tick;
      record.to = time(words.at(1)) + std::chrono::milliseconds(latency_ms_ + disorder_ms_);
    } else if (verb == "tick") {
      record.kind = ControlKind::tick;
      record.to = time(words.at(1));
    } else if (verb == "setting") {
      record.kind = ControlKind::setting;
      record.detail = words.at(1);
      for (size_t i = 2; i < words.size(); ++i) record.detail += " " + words[i];
      options_at = words.size();
      remember(record.detail);
    } else if (verb == "gap" || verb == "stepped") {
      record.kind = verb == "gap" ? ControlKind::gap : ControlKind::clock_stepped;
      record.from = time(words.at(1));
      record.to = time(words.at(2));
      if (verb == "gap") record.detail = "disconnect";
      options_at = 3;
    } else if (verb == "opened" || verb == "closed") {
      record.kind = verb == "opened" ? ControlKind::epoch_opened : ControlKind::epoch_closed;
      record.ingest_time = time(words.at(1));
      record.detail = "wall";
    } else if (verb == "ended") {
      record.kind = ControlKind::recording_ended;
    } else {
      const auto kind = model::control_kind(verb);
      ASSERT_TRUE(kind) << "unknown command";
      record.kind = *kind;
      record.symbol = words.at(1);
      record.ingest_time = time(words.at(2));
      options_at = 3;
    }
    for (const auto& [key, value] : read_options(words, options_at)) {
      if (key == "lag_ms") record.lag_ms = std::stoll(value);
      if (key == "heard") record.from = time(value);
      if (key == "epoch") record.epoch = std::stoll(value);
      if (key == "symbol") record.symbol = value;
      if (key == "clock") record.detail = value;
    }
    world_.add(record);
  }

  void expect(const Words& words) {
    const std::string& what = words.at(1);
    if (what == "counter") return expect_counter(words);
    if (what == "gaps") {
      world_.commit();
      const auto gaps =
          world_.reader().gaps("", model::IngestTime::min(), model::IngestTime::max(), 0);
      EXPECT_EQ(std::to_string(gaps.value().size()), words.at(2));
      return;
    }
    if (what == "symbol") return expect_symbol(words);
    const bool absent = what == "no";
    const size_t at = absent ? 3 : 2;
    const model::BarKey key{words.at(at), model::parse_interval(words.at(at + 1)).value(),
                            event_time(words.at(at + 2)),
                            what == "eligible" ? model::Basis::eligible : model::Basis::all};
    const auto bars = key.basis == model::Basis::eligible ? world_.eligible_bars() : world_.bars();
    const auto found = bars.find(key);
    if (absent) {
      EXPECT_EQ(found, bars.end());
      return;
    }
    ASSERT_NE(found, bars.end()) << "no such bar; there are\n" << testing::describe(bars);
    const model::Bar& bar = found->second;
    if (what != "bar" && what != "eligible") {
      EXPECT_EQ(bar.final ? "final" : "open", what);
    }
    for (const auto& [field, value] : read_options(words, at + 3)) {
      EXPECT_EQ(field_of(bar, field), value) << field << " of " << testing::describe(bar);
    }
  }

  /// Counters begin anew with each engine, so they mean something in the plain way only.
  void expect_counter(const Words& words) {
    if (!plain_) return;
    world_.settle();
    const Counters& counters = world_.engine().counters();
    const std::map<std::string, int64_t> known = {
        {"records", counters.records},
        {"trades", counters.trades},
        {"price_updates", counters.price_updates},
        {"duplicates", counters.duplicates},
        {"fenced", counters.fenced},
        {"undecodable", counters.undecodable},
        {"controls_refused", counters.controls_refused},
        {"ticks_held", counters.ticks_held},
        {"late", counters.late},
        {"bars_finalized", counters.bars_finalized},
    };
    for (const auto& [name, value] : read_options(words, 2)) {
      ASSERT_TRUE(known.contains(name)) << name;
      EXPECT_EQ(std::to_string(known.at(name)), value) << name;
    }
  }

  void expect_symbol(const Words& words) {
    world_.commit();
    const auto rows = world_.reader().symbols().value();
    const auto found = std::find_if(rows.begin(), rows.end(), [&](const store::SymbolRow& row) {
      return row.symbol == words.at(2);
    });
    ASSERT_NE(found, rows.end());
    EXPECT_EQ(found->state, words.at(3));
    EXPECT_EQ(found->venue_class, words.at(4));
  }

  static std::string field_of(const model::Bar& bar, const std::string& field) {
    const auto price = [](const std::optional<model::Decimal>& value) {
      return value ? model::to_text(*value) : std::string("null");
    };
    const auto sum = [](const model::Sum& value) {
      const std::string text = model::to_text(value);
      return text.empty() ? std::string("null") : text;
    };
    const auto id = [](const model::TradeId& of) {
      return of.source + "/" + std::to_string(of.epoch) + "/" + std::to_string(of.sequence);
    };
    if (field == "open") return price(bar.open);
    if (field == "high") return price(bar.high);
    if (field == "low") return price(bar.low);
    if (field == "close") return price(bar.close);
    if (field == "volume") return sum(bar.volume);
    if (field == "notional") return sum(bar.notional);
    if (field == "count") return std::to_string(bar.trade_count);
    if (field == "excluded") return std::to_string(bar.excluded_count);
    if (field == "updates") return std::to_string(bar.price_update_count);
    if (field == "suspects") return std::to_string(bar.suspect_duplicate_count);
    if (field == "by") return std::string(model::to_string(bar.priced_by));
    if (field == "revision") return std::to_string(bar.revision);
    if (field == "covered") return bar.coverage_ms ? std::to_string(*bar.coverage_ms) : "null";
    if (field == "kind") return std::string(model::to_string(bar.coverage_kind));
    if (field == "gap") return bar.gap ? "yes" : "no";
    if (field == "first") return id(bar.first_id);
    if (field == "last") return id(bar.last_id);
    if (field == "hours") {
      return std::to_string((bar.end - bar.key.start) / std::chrono::hours(1));
    }
    ADD_FAILURE() << "unknown field " << field;
    return {};
  }

  static std::map<std::string, std::string> read_options(const Words& words, size_t from) {
    std::map<std::string, std::string> out;
    for (size_t i = from; i < words.size(); ++i) {
      const size_t equals = words[i].find('=');
      EXPECT_NE(equals, std::string::npos) << words[i];
      if (equals != std::string::npos)
        out[words[i].substr(0, equals)] = words[i].substr(equals + 1);
    }
    return out;
  }

  void remember(const std::string& setting) {
    const size_t equals = setting.find('=');
    if (setting.starts_with(kLatencyBoundKey)) latency_ms_ = std::stoll(setting.substr(equals + 1));
    if (setting.starts_with(kDisorderKey)) disorder_ms_ = std::stoll(setting.substr(equals + 1));
  }

  /// "09:30", "09:30:00.100", or with a date before it and a T between.
  model::IngestTime time(const std::string& text) const {
    std::string whole = text.find('T') == std::string::npos ? date_ + "T" + text : text;
    if (std::count(whole.begin(), whole.end(), ':') == 1) whole += ":00";
    const auto time = model::parse_time(whole + "Z");
    EXPECT_TRUE(time) << "no time: " << text;
    return time.value_or(model::IngestTime{});
  }
  model::EventTime event_time(const std::string& text) const {
    return std::chrono::floor<std::chrono::milliseconds>(time(text));
  }

  static int32_t flags(const std::string& text) {
    if (text == "repeated") return model::kRepeated;
    if (text == "replayed") return model::kReplayed;
    ADD_FAILURE() << "unknown flag " << text;
    return 0;
  }

  static model::Decimal decimal(const std::string& text, int decimals_max) {
    const model::ParsedDecimal parsed = model::parse_decimal(text, decimals_max);
    EXPECT_EQ(parsed.outcome, model::ParseOutcome::exact) << text;
    return parsed.value;
  }

  World world_;
  const bool plain_;
  std::string date_ = "2024-01-03";
  std::string source_ = "test";
  int64_t epoch_ = 1;
  int64_t latency_ms_ = kLatencyBoundDefaultMs;
  int64_t disorder_ms_ = kDisorderDefaultMs;
  std::map<std::string, int64_t> next_sequence_;
};

std::string run_case(const std::filesystem::path& path, const Habits& habits) {
  SCOPED_TRACE(std::string("habits ") + habits.name);
  Runner runner(habits);
  runner.run(path);
  return runner.final_bars();
}

TEST(EngineCases, AreThere) {
  EXPECT_GE(case_files().size(), 25u);
}

/// Law 3: the same log gives the same bars in any batch size and cache size, after any number of
/// commits and restarts. Every case shows it, and its own expectations hold in each way.
class EngineCase : public ::testing::TestWithParam<std::filesystem::path> {};

TEST_P(EngineCase, HoldsInEveryWayToCommitAndRestart) {
  std::string plain;
  for (const Habits& habits : testing::all_habits()) {
    const std::string bars = run_case(GetParam(), habits);
    if (plain.empty()) plain = bars;
    EXPECT_EQ(bars, plain) << "the bars at the end differ with habits " << habits.name;
    if (HasFailure()) return;
  }
}

std::string name_of(const ::testing::TestParamInfo<std::filesystem::path>& info) {
  std::string name = info.param.stem().string();
  std::replace_if(
      name.begin(), name.end(),
      [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(All, EngineCase, ::testing::ValuesIn(case_files()), name_of);

}  // namespace
}  // namespace tapeline::engine
