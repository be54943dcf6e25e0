#include "app/publisher.h"

#include <algorithm>
#include <iterator>
#include <map>

namespace tapeline::app {
namespace {

template <typename T>
void append_newest(std::vector<T>& to, std::vector<T>& from, size_t most) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
  if (to.size() > most) to.erase(to.begin(), to.end() - static_cast<std::ptrdiff_t>(most));
}

/// The newest form of each bar, in order of key.
void fold(std::vector<model::Bar>& bars) {
  std::stable_sort(bars.begin(), bars.end(),
                   [](const model::Bar& a, const model::Bar& b) { return a.key < b.key; });
  auto kept = bars.begin();
  for (auto at = bars.begin(); at != bars.end(); ++at) {
    if (std::next(at) != bars.end() && std::next(at)->key == at->key) continue;
    if (kept != at) *kept = std::move(*at);
    ++kept;
  }
  bars.erase(kept, bars.end());
}

}  // namespace

Publisher::Publisher(net::Loop& loop, Deliver deliver)
    : loop_(loop), deliver_(std::move(deliver)) {}

void Publisher::put(engine::Changes changes) {
  const std::lock_guard lock(mutex_);
  append_newest(waiting_.bars, changes.bars, SIZE_MAX);
  if (waiting_.bars.size() > kBarsWaitingMax) fold(waiting_.bars);
  append_newest(waiting_.trades, changes.trades, engine::Engine::kTapeMax);
  append_newest(waiting_.controls, changes.controls, engine::Engine::kTapeMax);
  waiting_.position = changes.position;
  if (posted_) return;
  posted_ = true;
  loop_.post([this] { deliver(); });
}

void Publisher::deliver() {
  serve::Publication publication;
  {
    const std::lock_guard lock(mutex_);
    publication = std::exchange(waiting_, {});
    posted_ = false;
  }
  if (!deliver_) return;
  fold(publication.bars);
  deliver_(publication);
}

void Publisher::stop() {
  deliver_ = nullptr;
}

}  // namespace tapeline::app
