#include "log/embedded/format.h"

#include <gtest/gtest.h>
#include <snappy.h>

#include "base/crc32.h"

namespace tapeline::log::embedded {
namespace {

const Header kHeader{
    R"("string")",
    Position(2, 77),
    {'0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'},
    0,
    "0123456789abcdef0123456789abcdef"};

TEST(SegmentFormat, AHeaderIsReadAsItWasWritten) {
  const std::string bytes = encode_header(kHeader) + "blocks";
  Header header;
  ASSERT_EQ(parse_header(bytes, header), Parse::whole);
  EXPECT_EQ(header.schema, kHeader.schema);
  EXPECT_EQ(header.first, kHeader.first);
  EXPECT_EQ(header.marker, kHeader.marker);
  EXPECT_EQ(header.log, kHeader.log);
  EXPECT_EQ(bytes.substr(header.bytes), "blocks");
}

TEST(SegmentFormat, AHeaderMayLackTheLogsIdentity) {
  Header without = kHeader;
  without.log.clear();
  Header header = kHeader;
  ASSERT_EQ(parse_header(encode_header(without), header), Parse::whole);
  EXPECT_EQ(header.log, "");
}

TEST(SegmentFormat, AHeaderIsThatOfAnAvroContainer) {
  const std::string bytes = encode_header(kHeader);
  EXPECT_EQ(bytes.substr(0, 4), std::string("Obj\x01", 4));
  EXPECT_NE(bytes.find("\x16"
                       "avro.schema\x10\"string\""),
            std::string::npos);
  EXPECT_NE(bytes.find("\x14"
                       "avro.codec\x0csnappy"),
            std::string::npos);
  EXPECT_TRUE(bytes.ends_with(std::string("\0", 1) + "0123456789abcdef"));
}

TEST(SegmentFormat, AHeaderCutAnywhereIsIncomplete) {
  const std::string bytes = encode_header(kHeader);
  Header header;
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_EQ(parse_header(bytes.substr(0, size), header), Parse::incomplete) << size;
}

TEST(SegmentFormat, AHeaderWithAnyBitFlippedIsNotWhole) {
  std::string bytes = encode_header(kHeader);
  Header header;
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
    EXPECT_NE(parse_header(bytes, header), Parse::whole) << bit;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
  }
}

TEST(SegmentFormat, ABlockIsAvrosWithSnappyAndItsChecksum) {
  BlockEncoder encoder;
  for (const size_t size : {size_t{1}, size_t{63}, size_t{64}, size_t{5000}, size_t{300'000}}) {
    std::string records;
    for (size_t i = 0; i < size; ++i) records += static_cast<char>(i * i % 251);
    const std::string block(encoder.encode(records, 1234, kHeader.marker));
    EXPECT_EQ(block.substr(0, 2), "\xa4\x13");  // 1234, zig-zag
    BlockHead head;
    ASSERT_EQ(parse_block_head(block, head), Parse::whole);
    EXPECT_EQ(head.count, 1234U);
    ASSERT_EQ(head.bytes(), block.size());
    EXPECT_EQ(block.substr(block.size() - kMarkerBytes),
              std::string(kHeader.marker.data(), kMarkerBytes));
    // As another program would read it.
    const std::string payload = block.substr(head.head, head.payload);
    std::string unpacked;
    ASSERT_TRUE(snappy::Uncompress(payload.data(), payload.size() - 4, &unpacked));
    EXPECT_EQ(unpacked, records);
    uint32_t stored = 0;
    for (const char byte : payload.substr(payload.size() - 4))
      stored = stored << 8 | static_cast<unsigned char>(byte);
    EXPECT_EQ(stored, crc32(records));
    EXPECT_EQ(decode_payload(payload), records);
  }
}

TEST(SegmentFormat, APayloadWithAnyBitFlippedIsRefused) {
  BlockEncoder encoder;
  const std::string block(encoder.encode("some records, some records, some more", 3, {}));
  BlockHead head;
  ASSERT_EQ(parse_block_head(block, head), Parse::whole);
  std::string payload = block.substr(head.head, head.payload);
  for (size_t bit = 0; bit < payload.size() * 8; ++bit) {
    payload[bit / 8] = static_cast<char>(payload[bit / 8] ^ (1 << bit % 8));
    EXPECT_EQ(decode_payload(payload), std::nullopt) << bit;
    payload[bit / 8] = static_cast<char>(payload[bit / 8] ^ (1 << bit % 8));
  }
}

TEST(SegmentFormat, HostileBlockHeadsAreRefused) {
  BlockHead head;
  EXPECT_EQ(parse_block_head("", head), Parse::incomplete);
  EXPECT_EQ(parse_block_head("\x02", head), Parse::incomplete);
  EXPECT_EQ(parse_block_head(std::string("\0\0", 2), head), Parse::damaged);  // No records.
  EXPECT_EQ(parse_block_head("\x01\x20", head), Parse::damaged);              // -1 records.
  EXPECT_EQ(parse_block_head("\x02\x08", head), Parse::damaged);  // No room for a record.
  EXPECT_EQ(parse_block_head("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", head), Parse::damaged);
  // A payload larger than any segment.
  EXPECT_EQ(parse_block_head("\x02\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", head), Parse::damaged);
}

TEST(SegmentFormat, AnUncompressedLengthBeyondReasonAllocatesNothing) {
  EXPECT_EQ(decode_payload("\xff\xff\xff\xff\x0f"
                           "abcd"
                           "\0\0\0\0"),
            std::nullopt);
}

TEST(SegmentName, IsReadAsItWasWritten) {
  EXPECT_EQ(segment_name(Position(0, 1)), "00000-000000000000001.avro");
  EXPECT_EQ(parse_segment_name("00000-000000000000001.avro"), Position(0, 1));
  const Position last(Position::kGenerationMax, Position::kOrdinalMax);
  EXPECT_EQ(parse_segment_name(segment_name(last)), last);
}

TEST(SegmentName, NothingElseIsOne) {
  for (const char* name :
       {"", "notes.txt", "00000-000000000000000.avro", "0000-0000000000000001.avro",
        "00000-00000000000000a.avro", "00000_000000000000001.avro", "00000-000000000000001.index",
        "99999-000000000000001.avro", "00000-999999999999999.avro", "00000-000000000000001.avro2",
        "-0001-000000000000001.avro"})
    EXPECT_EQ(parse_segment_name(name), std::nullopt) << name;
}

}  // namespace
}  // namespace tapeline::log::embedded
