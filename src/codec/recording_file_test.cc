#include "codec/recording_file.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace tapeline::codec {
namespace {

constexpr std::string_view kHeader = "symbol,price,volume,trade_timestamp_ms,conditions\n";

class RecordingFileTest : public testing::Test {
 protected:
  RecordingFileTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "recordingXXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~RecordingFileTest() override { std::filesystem::remove_all(folder_); }

  std::string plain(std::string_view content) {
    const std::string path = folder_ + "/plain";
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }

  std::string gzip(std::string_view content, const char* mode = "wb") {
    const std::string path = folder_ + "/packed";
    const gzFile file = gzopen(path.c_str(), mode);
    gzwrite(file, content.data(), static_cast<unsigned>(content.size()));
    gzclose(file);
    return path;
  }

  static std::vector<std::string> lines(const std::string& path) {
    auto file = RecordingFile::open(posix_file_system(), path);
    std::vector<std::string> found;
    RecordingFile::Line line;
    while (file.value()->next(line).value()) found.emplace_back(line.text);
    return found;
  }

  std::string folder_;
};

TEST_F(RecordingFileTest, AByteOrderMarkIsNoPartOfTheFirstLine) {
  const std::string mark = "\xef\xbb\xbf";
  EXPECT_EQ(lines(plain(mark + std::string(kHeader) + "A,1,2,3,\n")),
            (std::vector<std::string>{"A,1,2,3,"}));
  EXPECT_EQ(lines(plain(mark + "{\"a\":1}\n{\"b\":2}\n")),
            (std::vector<std::string>{"{\"a\":1}", "{\"b\":2}"}));
  EXPECT_FALSE(RecordingFile::open(posix_file_system(), plain(mark + "\n")).ok());
}

TEST_F(RecordingFileTest, ReadsRowsWithAnyLineEndAndWithoutTheLastOne) {
  const auto path = plain(std::string(kHeader) + "A,1,2,3,\r\n\nB,4,5,6,");
  EXPECT_EQ(lines(path), (std::vector<std::string>{"A,1,2,3,", "B,4,5,6,"}));
}

TEST_F(RecordingFileTest, ReadsFramesAndKeepsTheFirst) {
  EXPECT_EQ(lines(plain("{\"type\":\"ping\"}\n{}\n")),
            (std::vector<std::string>{"{\"type\":\"ping\"}", "{}"}));
}

TEST_F(RecordingFileTest, ReadsGzipOfSeveralMembers) {
  gzip(std::string(kHeader) + "A,1,2,3,\n");
  EXPECT_EQ(lines(gzip("B,4,5,6,\n", "ab")), (std::vector<std::string>{"A,1,2,3,", "B,4,5,6,"}));
}

TEST_F(RecordingFileTest, LinesLongerThanTheBufferAreWhole) {
  const std::string lengthy(700'000, 'x');
  const auto found = lines(plain(std::string(kHeader) + lengthy + "\nB\n"));
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0], lengthy);
  EXPECT_EQ(found[1], "B");
}

TEST_F(RecordingFileTest, OversizedLinesAreCutAndSaidSoAndTheNextIsUnharmed) {
  const std::string monster(RecordingFile::kLineBytesMax + 1'000'000, 'x');
  auto file = RecordingFile::open(posix_file_system(),
                                  plain(std::string(kHeader) + "A\n" + monster + "\nB\n"));
  RecordingFile::Line line;
  ASSERT_TRUE(file.value()->next(line).value());
  EXPECT_FALSE(line.oversized);
  ASSERT_TRUE(file.value()->next(line).value());
  EXPECT_TRUE(line.oversized);
  ASSERT_TRUE(file.value()->next(line).value());
  EXPECT_EQ(line.text, "B");
  EXPECT_FALSE(line.oversized);
  EXPECT_FALSE(file.value()->next(line).value());
}

TEST_F(RecordingFileTest, TruncatedGzipIsReportedAfterItsRows) {
  std::string rows(kHeader);
  for (int i = 0; i < 50'000; ++i) rows += std::to_string(i * 7919 % 50'000) + ",1,2,3,\n";
  const auto path = gzip(rows);
  std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
  auto file = RecordingFile::open(posix_file_system(), path);
  RecordingFile::Line line;
  int count = 0;
  auto got = file.value()->next(line);
  for (; got.ok() && got.value(); got = file.value()->next(line)) ++count;
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.error().code(), ErrorCode::corrupt);
  EXPECT_NE(got.error().message().find("ends in the middle"), std::string::npos);
  EXPECT_GT(count, 100);
}

TEST_F(RecordingFileTest, RefusesWhatIsNoRecordingInOneSentence) {
  auto file = RecordingFile::open(posix_file_system(), plain("time;price\n"));
  ASSERT_FALSE(file.ok());
  EXPECT_EQ(file.error().code(), ErrorCode::invalid);
  EXPECT_NE(file.error().message().find("is no recording: its first line is neither the header"),
            std::string::npos);
  EXPECT_EQ(RecordingFile::open(posix_file_system(), folder_ + "/none").error().code(),
            ErrorCode::not_found);
}

TEST_F(RecordingFileTest, DigestIsOfTheUncompressedBytes) {
  const std::string content = std::string(kHeader) + "A,1,2,3,\n";
  const auto packed = recording_digest(posix_file_system(), gzip(content)).value();
  EXPECT_EQ(packed, recording_digest(posix_file_system(), plain(content)).value());
  EXPECT_EQ(packed.size(), 32u);
  EXPECT_NE(packed, recording_digest(posix_file_system(), plain(content + "B,1,2,3,\n")).value());
}

}  // namespace
}  // namespace tapeline::codec
