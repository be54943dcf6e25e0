#include "contract/store_contract.h"

#include <gtest/gtest.h>

#include "store/embedded/store.h"
#include "store/memory/store.h"
#include "support/temporary_folder.h"

namespace tapeline::store {
namespace {

class MemoryPlace final : public StorePlace {
 public:
  std::unique_ptr<Store> open() override { return make_memory_store(); }
  bool durable() const override { return false; }
};

class EmbeddedPlace final : public StorePlace {
 public:
  std::unique_ptr<Store> open() override {
    return open_embedded_store(folder_.file("bars.sqlite"), "simulated", clock_, {}).value();
  }
  bool durable() const override { return true; }

 private:
  test::TemporaryFolder folder_;
  ManualClock clock_;
};

INSTANTIATE_TEST_SUITE_P(Memory, StoreContract,
                         testing::Values([] { return std::make_unique<MemoryPlace>(); }));
INSTANTIATE_TEST_SUITE_P(Embedded, StoreContract,
                         testing::Values([] { return std::make_unique<EmbeddedPlace>(); }));

}  // namespace
}  // namespace tapeline::store
