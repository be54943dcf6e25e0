#pragma once

#include <cstdint>
#include <string_view>

namespace tapeline {

/// The CRC-32 of zlib, gzip and Avro's snappy codec (polynomial 0xEDB88320). `seed` is the result
/// for the bytes before `bytes`, to go on with.
uint32_t crc32(std::string_view bytes, uint32_t seed = 0);

}  // namespace tapeline
