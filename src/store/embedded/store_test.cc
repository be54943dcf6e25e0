#include "store/embedded/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <fstream>

#include "contract/store_samples.h"
#include "store/embedded/columns.h"
#include "store/embedded/schema.h"
#include "support/temporary_folder.h"

namespace tapeline::store {
namespace {

using testing::HasSubstr;

class EmbeddedStoreTest : public testing::Test {
 protected:
  Result<std::unique_ptr<Store>> open(const std::string& feed = "simulated",
                                      const Options& options = {}) {
    return open_embedded_store(path_, feed, clock_, options);
  }

  static Result<> write(Store& store, const BarRow& row) {
    auto writer = store.open_writer().value();
    Commit commit;
    commit.bars = {row};
    return writer->write(commit);
  }

  /// Runs a query as another program would, and returns the first column of the first row.
  std::string query(const std::string& sql) {
    sqlite3* connection = nullptr;
    EXPECT_EQ(sqlite3_open(path_.c_str(), &connection), SQLITE_OK);
    sqlite3_stmt* statement = nullptr;
    EXPECT_EQ(sqlite3_prepare_v2(connection, sql.c_str(), -1, &statement, nullptr), SQLITE_OK)
        << sqlite3_errmsg(connection);
    std::string text;
    if (sqlite3_step(statement) == SQLITE_ROW && sqlite3_column_text(statement, 0) != nullptr)
      text = reinterpret_cast<const char*>(sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    sqlite3_close(connection);
    return text;
  }

  test::TemporaryFolder folder_;
  const std::string path_ = folder_.file("bars.sqlite");
  ManualClock clock_{at_us(1'582'641'000'000'000)};
};

TEST_F(EmbeddedStoreTest, AnotherProgramReadsExactValuesWhileTheWriterIsOpen) {
  const auto store = open().value();
  const auto writer = store->open_writer().value();
  Commit commit;
  commit.bars = {sample_row("AAPL", kMinute, 1'582'641'000'000, 7)};
  ASSERT_TRUE(writer->write(commit).ok());
  EXPECT_EQ(query("SELECT open || ' ' || volume || ' ' || notional FROM bars"),
            "189.95 0.12345678 23.450615361");
  EXPECT_EQ(query("SELECT interval || ' ' || start || ' ' || \"end\" FROM bars_readable"),
            "1m 2020-02-25T14:30:00Z 2020-02-25T14:31:00Z");
  EXPECT_EQ(query("SELECT vwap_rounded FROM bars_readable"), "189.95");
  EXPECT_EQ(query("SELECT first_id || ' ' || last_id FROM bars"), "finnhub/3/1021 /3/1400");
  EXPECT_EQ(query("SELECT feed || ' ' || created || ' ' || format_version FROM meta"),
            "simulated 2020-02-25T14:30:00.000000Z 4");
  EXPECT_EQ(query("PRAGMA user_version"), "4");
  EXPECT_EQ(query("PRAGMA journal_mode"), "wal");
}

TEST_F(EmbeddedStoreTest, GapsAreReadable) {
  const auto store = open().value();
  Commit commit;
  commit.gaps = {sample_gap(1, "AAPL", 1'582'641'000'000'001, 1'582'641'002'500'001)};
  ASSERT_TRUE(store->open_writer().value()->write(commit).ok());
  EXPECT_EQ(query("SELECT \"from\" || ' ' || ms FROM gaps_readable"),
            "2020-02-25T14:30:00.000001Z 2500");
}

TEST_F(EmbeddedStoreTest, AnotherFeedIsRefused) {
  ASSERT_TRUE(open("simulated").ok());
  const auto refused = open("finnhub");
  EXPECT_EQ(refused.error().code(), ErrorCode::invalid);
  EXPECT_EQ(refused.error().message(),
            "store: " + path_ +
                " holds the feed 'simulated', not 'finnhub'; choose another data directory");
}

TEST_F(EmbeddedStoreTest, ANewerVersionIsRefused) {
  ASSERT_TRUE(open().ok());
  query("PRAGMA user_version=99");
  EXPECT_EQ(open().error().message(),
            "store: " + path_ +
                " has format version 99 and this program knows only up to 4; use the newer program "
                "that wrote it");
  EXPECT_THAT(open_embedded_store_to_read(path_, {}).error().message(),
              HasSubstr("use the newer program that wrote it"));
}

TEST_F(EmbeddedStoreTest, AForeignDatabaseIsRefusedAndLeftAlone) {
  query("CREATE TABLE recipes (id)");
  EXPECT_EQ(open().error().code(), ErrorCode::invalid);
  EXPECT_THAT(open().error().message(), HasSubstr("is a database of another program"));
  EXPECT_EQ(query("SELECT group_concat(name) FROM sqlite_schema"), "recipes");
}

TEST_F(EmbeddedStoreTest, AFileThatIsNoDatabaseIsRefusedAndLeftAlone) {
  const std::string content(20'000, 'x');
  std::ofstream(path_) << content;
  EXPECT_EQ(open().error().code(), ErrorCode::corrupt);
  EXPECT_THAT(open().error().message(), HasSubstr("the file is damaged: move it"));
  std::ifstream file(path_);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), content);
}

TEST_F(EmbeddedStoreTest, ADamagedPageIsReportedAsSuch) {
  {
    const auto store = open().value();
    Commit commit;
    for (int64_t i = 0; i < 2'000; ++i)
      commit.bars.push_back(sample_row("AAPL", kSecond, i * 1'000, 1));
    ASSERT_TRUE(store->open_writer().value()->write(commit).ok());
  }
  query("PRAGMA wal_checkpoint(TRUNCATE)");
  {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    const std::string noise(8'192, '\xa5');
    for (int page = 8; page < 40; ++page) {
      file.seekp(page * 8'192);
      file << noise;
    }
  }
  const auto store = open().value();
  const auto reader = store->open_reader().value();
  const auto read = reader->bars({}, [](const model::Bar&) { return true; });
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code(), ErrorCode::corrupt);
  EXPECT_THAT(read.error().message(), HasSubstr(path_));
}

TEST_F(EmbeddedStoreTest, AColumnThatWeDidNotWriteIsReportedWithItsName) {
  const auto store = open().value();
  const BarRow row = sample_row("AAPL", kSecond, 0, 1);
  ASSERT_TRUE(write(*store, row).ok());
  query("UPDATE bars SET close = '1e5'");
  const auto read = store->open_reader().value()->row(row.bar.key);
  EXPECT_EQ(read.error().code(), ErrorCode::corrupt);
  EXPECT_THAT(read.error().message(), HasSubstr("column close of the bar AAPL 1000 ms 0"));
}

TEST_F(EmbeddedStoreTest, AFullStoreSaysSoChangesNothingAndGoesOnWhenThereIsRoom) {
  Options small;
  small.bytes_max = 40 * 8'192;
  Commit large;
  for (int64_t i = 0; i < 5'000; ++i)
    large.bars.push_back(sample_row("AAPL", kSecond, i * 1'000, 1));
  large.checkpoint = Checkpoint{Position(1, 1), "state"};
  {
    const auto store = open("simulated", small).value();
    const auto writer = store->open_writer().value();
    const auto written = writer->write(large);
    ASSERT_FALSE(written.ok());
    EXPECT_EQ(written.error().code(), ErrorCode::full);
    EXPECT_THAT(written.error().message(), HasSubstr("raise store.bytes_max"));
    EXPECT_FALSE(store->open_reader().value()->checkpoint().value());
    Commit little;
    little.bars = {large.bars.front()};
    EXPECT_TRUE(writer->write(little).ok());
  }
  const auto store = open().value();
  EXPECT_TRUE(store->open_writer().value()->write(large).ok());
  EXPECT_TRUE(store->open_reader().value()->checkpoint().value());
}

TEST_F(EmbeddedStoreTest, ReadingOnlyNeedsAFileAndMakesNone) {
  const auto absent = open_embedded_store_to_read(path_, {});
  EXPECT_EQ(absent.error().code(), ErrorCode::not_found);
  EXPECT_FALSE(std::filesystem::exists(path_));
  ASSERT_TRUE(open().ok());
  const auto store = open_embedded_store_to_read(path_, {}).value();
  EXPECT_TRUE(store->open_reader().value()->symbols().ok());
  EXPECT_EQ(store->open_writer().error().code(), ErrorCode::invalid);
}

TEST_F(EmbeddedStoreTest, ALockHeldByAnotherProgramIsNamed) {
  Options impatient;
  impatient.busy_timeout_ms = 10;
  const auto store = open("simulated", impatient).value();
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  const auto written = write(*store, sample_row("A", kSecond, 0, 1));
  EXPECT_EQ(written.error().code(), ErrorCode::unavailable);
  EXPECT_THAT(written.error().message(), HasSubstr("another program holds a lock"));
  sqlite3_close(other);
  EXPECT_TRUE(write(*store, sample_row("A", kSecond, 0, 1)).ok());
}

TEST_F(EmbeddedStoreTest, MigrationsLeadAnOlderFileOn) {
  const char* const first[] = {"CREATE TABLE things (name TEXT); INSERT INTO things VALUES ('a')"};
  const char* const both[] = {first[0], "ALTER TABLE things ADD COLUMN size INTEGER DEFAULT 7"};
  {
    auto database = Database::open(path_, Database::Access::write).value();
    ASSERT_TRUE(migrate(*database, first).ok());
    EXPECT_EQ(database->number("PRAGMA user_version").value(), 1);
  }
  auto database = Database::open(path_, Database::Access::write).value();
  ASSERT_TRUE(migrate(*database, both).ok());
  EXPECT_EQ(database->number("SELECT size FROM things WHERE name = 'a'").value(), 7);
  EXPECT_EQ(database->number("PRAGMA user_version").value(), 2);
  EXPECT_EQ(migrate(*database, first).error().code(), ErrorCode::invalid);
}

TEST_F(EmbeddedStoreTest, AFailingMigrationLeavesTheFileAsItWas) {
  const char* const steps[] = {"CREATE TABLE things (name TEXT)",
                               "CREATE TABLE things (name TEXT)"};
  auto database = Database::open(path_, Database::Access::write).value();
  EXPECT_FALSE(migrate(*database, steps).ok());
  EXPECT_EQ(database->number("PRAGMA user_version").value(), 0);
  EXPECT_EQ(database->number("SELECT count(*) FROM sqlite_schema").value(), 0);
}

TEST(Columns, ReadsExactlyTheNumbersWePrint) {
  for (const char* text :
       {"0", "5", "-3.1", "129.575", "0.22682", "9223372036854775807", "0.000000000000000001"}) {
    const auto value = decimal_from_text(text);
    ASSERT_TRUE(value) << text;
    EXPECT_EQ(model::to_text(*value), text);
    const auto units = sum_units_from_text(text);
    ASSERT_TRUE(units) << text;
    EXPECT_EQ(model::to_text(model::Sum::from_units(units)), text);
  }
  for (const char* text :
       {"", "-", ".5", "1e5", "1.2.3", " 1", "1 ", "0x1", "0.0000000000000000001"}) {
    EXPECT_FALSE(decimal_from_text(text)) << text;
    EXPECT_FALSE(sum_units_from_text(text)) << text;
  }
  EXPECT_FALSE(decimal_from_text("9223372036854775808"));
  EXPECT_TRUE(sum_units_from_text("99999999999999999999.999999999999999999"));
  EXPECT_FALSE(sum_units_from_text("100000000000000000000"));
}

}  // namespace
}  // namespace tapeline::store
