#include "serve/hub.h"

#include "serve/limits.h"

namespace tapeline::serve {

void Hub::publish(const Publication& publication) {
  view_.put(publication.bars);
  for (const model::Trade& trade : publication.trades) {
    Tape& tape = tapes_[trade.symbol];
    if (tape.size() >= kSnapshotTrades) tape.pop_front();
    tape.push_back(trade);
  }
  for (const model::Control& control : publication.controls)
    if (control.kind == model::ControlKind::gap) ++gaps_;
  position_ = publication.position;
}

const Hub::Tape& Hub::tape(const std::string& symbol) const {
  static const Tape kEmpty;
  const auto at = tapes_.find(symbol);
  return at == tapes_.end() ? kEmpty : at->second;
}

}  // namespace tapeline::serve
