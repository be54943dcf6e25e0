#pragma once

#include <memory>

#include "store/store.h"

namespace tapeline::store {

/// Keeps everything in memory: for tests and simulations, where it is the model that the others
/// are compared with.
std::unique_ptr<Store> make_memory_store();

}  // namespace tapeline::store
