#pragma once

#include <memory>
#include <utility>

#include "net/asio/byte_stream.h"

namespace tapeline::net::internal {

/// Two byte streams, each of which reads what the other writes, without sockets: for tests and
/// simulations. A direction holds at most `capacity` bytes; writing more waits for the reader.
/// Completions are posted to `executor`.
std::pair<std::unique_ptr<ByteStream>, std::unique_ptr<ByteStream>> make_memory_pair(
    Executor executor, size_t capacity = 64 << 10);

}  // namespace tapeline::net::internal
