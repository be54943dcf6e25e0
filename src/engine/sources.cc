#include "engine/sources.h"

#include <algorithm>
#include <numeric>

namespace tapeline::engine {

Admission admit(const Source& source, int64_t epoch, int64_t sequence) {
  if (epoch < source.epoch_newest) return Admission::fenced;
  if (epoch != source.epoch_highest) {
    return epoch > source.epoch_highest ? Admission::fresh : Admission::duplicate;
  }
  return sequence > source.sequence_highest ? Admission::fresh : Admission::duplicate;
}

SourceId SourceTable::intern(std::string_view name) {
  if (last_ != kNoSource && sources_[last_].name == name) return last_;
  for (SourceId id = 0; id < sources_.size(); ++id) {
    if (sources_[id].name == name) return last_ = id;
  }
  Source& source = sources_.emplace_back();
  source.name = name;
  source.recording = name.starts_with("recording:");
  std::vector<SourceId> by_name(sources_.size());
  std::iota(by_name.begin(), by_name.end(), 0);
  std::sort(by_name.begin(), by_name.end(),
            [this](SourceId a, SourceId b) { return sources_[a].name < sources_[b].name; });
  ranks_.resize(sources_.size());
  for (uint32_t rank = 0; rank < by_name.size(); ++rank) ranks_[by_name[rank]] = rank;
  return last_ = static_cast<SourceId>(sources_.size() - 1);
}

}  // namespace tapeline::engine
