#include "store/store.h"

namespace tapeline::store {

Result<bool> holds_bars(Reader& reader) {
  BarQuery any;
  any.limit = 1;
  bool found = false;
  TAPELINE_TRY(reader.bars(any, [&](const model::Bar&) {
    found = true;
    return false;
  }));
  return found;
}

}  // namespace tapeline::store
