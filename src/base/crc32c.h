#pragma once

#include <cstdint>
#include <string_view>

namespace tapeline {

/// CRC-32C (Castagnoli, reflected, as iSCSI and SSE 4.2 have it): "123456789" gives 0xE3069283.
/// Finds damage, not malice.
uint32_t crc32c(std::string_view bytes);

}  // namespace tapeline
