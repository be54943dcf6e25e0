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

Result<> check_log(const std::string& place, const std::string& bound, const std::string& found) {
  if (bound.empty() || found.empty() || bound == found) return {};
  return make_error(ErrorCode::invalid,
                    "store: {} was written beside another log ({}) than the one here ({}): put the "
                    "log and the store of one data directory together again, or remove the store, "
                    "so that its bars are made anew from this log",
                    place, bound, found);
}

}  // namespace tapeline::store
