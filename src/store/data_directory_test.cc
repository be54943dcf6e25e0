#include "store/data_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace tapeline::store {
namespace {

using testing::HasSubstr;

class DataDirectoryTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "directory_XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
    path_ = (root_ / "data").string();
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  Result<std::unique_ptr<DataDirectory>> open(const std::string& feed = "simulated",
                                              uint64_t free_bytes_min = 0) {
    return DataDirectory::open(posix_file_system(), clock_, {path_, feed, free_bytes_min});
  }
  Result<std::unique_ptr<DataDirectory>> open_to_read(const std::string& feed = "") {
    return DataDirectory::open_to_read(posix_file_system(), {path_, feed, 0});
  }
  void write(const std::string& name, const std::string& content) {
    std::filesystem::create_directories(path_);
    std::ofstream(path_ + "/" + name) << content;
  }
  std::string message() { return open().error().message(); }

  ManualClock clock_;
  std::filesystem::path root_;
  std::string path_;
};

TEST_F(DataDirectoryTest, IsMadeOnceAndOpenedAgain) {
  {
    const auto directory = open().value();
    EXPECT_EQ(directory->feed(), "simulated");
    EXPECT_TRUE(std::filesystem::is_directory(directory->log_folder()));
    EXPECT_TRUE(std::filesystem::is_directory(directory->dead_letter_folder()));
  }
  EXPECT_TRUE(open().ok());
  EXPECT_EQ(open_to_read().value()->feed(), "simulated");
}

TEST_F(DataDirectoryTest, AStartThatWasKilledIsTakenUp) {
  write("lock", "123");
  write("tapeline.directory.new", "tapel");
  EXPECT_TRUE(open().ok());
}

TEST_F(DataDirectoryTest, ASecondProcessIsRefusedWithTheHoldersId) {
  const auto holder = open().value();
  EXPECT_EQ(open().error().code(), ErrorCode::unavailable);
  EXPECT_EQ(message(), "data directory: " + path_ + "/lock is locked by process " +
                           std::to_string(::getpid()) +
                           "; stop that process, or choose another one with --data-dir");
  EXPECT_TRUE(open_to_read().ok());
}

TEST_F(DataDirectoryTest, AnotherFeedIsRefused) {
  ASSERT_TRUE(open("simulated").ok());
  EXPECT_EQ(open("finnhub").error().message(),
            "data directory: " + path_ +
                " holds the feed 'simulated', not 'finnhub'; choose another one with --data-dir");
  EXPECT_FALSE(open_to_read("finnhub").ok());
}

TEST_F(DataDirectoryTest, AForeignFolderIsRefusedAndLeftAlone) {
  write("thesis.txt", "mine");
  EXPECT_EQ(open().error().code(), ErrorCode::invalid);
  EXPECT_EQ(message(), "data directory: " + path_ +
                           " holds other things (thesis.txt) and no tapeline.directory; choose "
                           "another one with --data-dir");
  EXPECT_FALSE(std::filesystem::exists(path_ + "/lock"));
}

TEST_F(DataDirectoryTest, ANewerVersionIsRefused) {
  write("tapeline.directory", "tapeline data directory\nformat_version 2\nfeed simulated\n");
  EXPECT_EQ(message(), "data directory: " + path_ +
                           " has format version 2 and this program knows only up to 1; use the "
                           "newer program that wrote it");
}

TEST_F(DataDirectoryTest, ADamagedMarkIsRefused) {
  for (const char* text : {"", "tapeline data directory\n", "something else\nfeed x\n",
                           "tapeline data directory\nformat_version 1\nfeed simu"}) {
    write("tapeline.directory", text);
    EXPECT_EQ(open().error().code(), ErrorCode::corrupt) << text;
    EXPECT_THAT(message(), HasSubstr("is damaged"));
  }
}

TEST_F(DataDirectoryTest, AFileInItsPlaceIsRefused) {
  std::ofstream(path_) << "a file";
  EXPECT_EQ(open().error().code(), ErrorCode::failed);
  EXPECT_THAT(message(), HasSubstr("data directory: cannot create folder " + path_));
}

TEST_F(DataDirectoryTest, AFolderThatCannotBeReadIsRefused) {
  if (::geteuid() == 0) GTEST_SKIP() << "the superuser may read everything";
  write("tapeline.directory", "x");
  std::filesystem::permissions(path_, std::filesystem::perms::none);
  EXPECT_EQ(open().error().code(), ErrorCode::failed);
  EXPECT_THAT(message(), HasSubstr("give this user the right to read it"));
  std::filesystem::permissions(path_, std::filesystem::perms::owner_all);
}

TEST_F(DataDirectoryTest, ADiskWithoutRoomIsRefused) {
  const auto refused = open("simulated", UINT64_MAX);
  EXPECT_EQ(refused.error().code(), ErrorCode::full);
  EXPECT_THAT(refused.error().message(), HasSubstr("store.free_bytes_min asks for"));
}

TEST_F(DataDirectoryTest, ReadingNeedsADirectoryAndMakesNone) {
  EXPECT_EQ(open_to_read().error().code(), ErrorCode::not_found);
  EXPECT_FALSE(std::filesystem::exists(path_));
}

}  // namespace
}  // namespace tapeline::store
