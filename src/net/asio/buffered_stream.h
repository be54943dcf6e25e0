#pragma once

#include <memory>

#include "net/asio/byte_stream.h"

namespace tapeline::net::internal {

/// Reads ahead and writes behind, so that many small messages take few system calls. A write is
/// done once its bytes are copied; at most kBufferBytes wait in each direction. What is written is
/// sent when the turn's other work is done, and before a shutdown.
inline constexpr size_t kBufferBytes = 64 << 10;

std::unique_ptr<ByteStream> make_buffered_stream(Executor executor,
                                                 std::unique_ptr<ByteStream> inner);

}  // namespace tapeline::net::internal
