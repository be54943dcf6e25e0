#include "base/file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace tapeline {
namespace {

class FileTest : public testing::Test {
 protected:
  FileTest() {
    std::string pattern = testing::TempDir() + "tapeline_file_XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  ~FileTest() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  static std::span<const std::byte> bytes(std::string_view text) {
    return std::as_bytes(std::span(text));
  }
  std::string content(const std::string& name) {
    return files_.read_all(path(name), 1'000'000).value();
  }

  FileSystem& files_ = posix_file_system();
  std::string folder_;
};

TEST_F(FileTest, AppendsReadsAndTruncates) {
  auto file = files_.open_append(path("a")).value();
  ASSERT_TRUE(file->append(bytes("hello ")).ok());
  ASSERT_TRUE(file->append(bytes("world")).ok());
  EXPECT_EQ(file->size().value(), 11U);

  std::string out(100, '\0');
  const auto got = file->read_at(6, std::as_writable_bytes(std::span(out)));
  EXPECT_EQ(out.substr(0, got.value()), "world");

  ASSERT_TRUE(file->truncate(5).ok());
  ASSERT_TRUE(file->append(bytes("!")).ok());
  ASSERT_TRUE(file->sync().ok());
  EXPECT_EQ(content("a"), "hello!");
}

TEST_F(FileTest, WritesAgainWhatIsThereAndRefusesWhatIsNot) {
  auto file = files_.open_append(path("a")).value();
  ASSERT_TRUE(file->append(bytes("hello world")).ok());
  ASSERT_TRUE(file->write_again(6, 5).ok());
  EXPECT_EQ(content("a"), "hello world");
  const auto shorter = file->write_again(6, 8);
  ASSERT_FALSE(shorter.ok());
  EXPECT_EQ(shorter.error().code(), ErrorCode::failed);
  EXPECT_EQ(shorter.error().message(),
            "cannot write " + path("a") +
                " again: it ends at byte 11, 3 bytes before what is to be made durable");
  EXPECT_EQ(content("a"), "hello world");
}

TEST_F(FileTest, AnAbsentFileIsNotFound) {
  const auto absent = files_.open_read(path("absent"));
  ASSERT_FALSE(absent.ok());
  EXPECT_EQ(absent.error().code(), ErrorCode::not_found);
  EXPECT_EQ(absent.error().message(),
            "cannot open " + path("absent") + ": No such file or directory");
}

TEST_F(FileTest, AFullDiskSaysSo) {
  auto full = files_.open_append("/dev/full");
  ASSERT_TRUE(full.ok());
  const auto outcome = full.value()->append(bytes("x"));
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().code(), ErrorCode::full);
  EXPECT_EQ(outcome.error().message(),
            "cannot write to /dev/full: No space left on device; free space on that disk, then "
            "start again");
}

TEST_F(FileTest, ReadAllRefusesMoreThanItsBound) {
  ASSERT_TRUE(files_.write_all(path("a"), "12345").ok());
  EXPECT_EQ(files_.read_all(path("a"), 5).value(), "12345");
  const auto more = files_.read_all(path("a"), 4);
  ASSERT_FALSE(more.ok());
  EXPECT_EQ(more.error().code(), ErrorCode::full);
}

TEST_F(FileTest, WriteAllReplacesAndLeavesNoDraft) {
  ASSERT_TRUE(files_.write_all(path("a"), "old").ok());
  // A draft left by a crash is not in the way.
  ASSERT_TRUE(files_.open_append(path("a.new")).value()->append(bytes("torn")).ok());
  ASSERT_TRUE(files_.write_all(path("a"), "new").ok());
  EXPECT_EQ(content("a"), "new");
  EXPECT_EQ(files_.list(folder_).value(), std::vector<std::string>{"a"});
}

TEST_F(FileTest, FoldersAreMadeListedAndSynced) {
  ASSERT_TRUE(files_.create_folder(path("x/y")).ok());
  ASSERT_TRUE(files_.create_folder(path("x/y")).ok());
  ASSERT_TRUE(files_.write_all(path("x/b"), "").ok());
  ASSERT_TRUE(files_.rename(path("x/b"), path("x/a")).ok());
  EXPECT_EQ(files_.list(path("x")).value(), (std::vector<std::string>{"a", "y"}));
  EXPECT_TRUE(files_.sync_folder(path("x")).ok());
  ASSERT_TRUE(files_.remove(path("x/a")).ok());
  EXPECT_FALSE(files_.exists(path("x/a")));
  EXPECT_EQ(files_.list(path("absent")).error().code(), ErrorCode::not_found);
  EXPECT_GT(files_.free_bytes(folder_).value(), 0U);
}

TEST_F(FileTest, ALockHasOneHolderAndNamesIt) {
  {
    const auto held = files_.lock(path("lock"));
    ASSERT_TRUE(held.ok());
    const auto second = files_.lock(path("lock"));
    ASSERT_FALSE(second.ok());
    EXPECT_EQ(second.error().code(), ErrorCode::unavailable);
    EXPECT_EQ(second.error().message(),
              path("lock") + " is locked by process " + std::to_string(::getpid()));
  }
  EXPECT_TRUE(files_.lock(path("lock")).ok());
}

}  // namespace
}  // namespace tapeline
