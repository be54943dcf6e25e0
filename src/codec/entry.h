#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "codec/avro.h"
#include "model/control.h"
#include "model/trade.h"

/// The log's records in Avro binary: schemas/Entry.avsc. Hand-coded; checked against libavro and
/// fastavro.
namespace tapeline::codec {

/// 9999-12-31T23:59:59.999Z: the greatest event time that a record can hold.
inline constexpr model::EventTime kEventTimeMax{std::chrono::milliseconds(253'402'300'799'999)};

/// The conditions of a trade inside the bytes it was read from (or a caller's array, for writing).
/// Valid as long as those.
class ConditionsView {
 public:
  ConditionsView() = default;
  /// Views an array of names; for writing.
  explicit ConditionsView(std::span<const std::string_view> names) : names_(names) {}
  /// Views `count` Avro strings in `encoded`, checked before; for reading.
  ConditionsView(std::string_view encoded, uint32_t count) : encoded_(encoded), count_(count) {}

  size_t size() const { return names_.empty() ? count_ : names_.size(); }
  bool empty() const { return size() == 0; }

  /// Calls `each(std::string_view name)` in order.
  template <typename Each>
  void for_each(Each&& each) const {
    for (const std::string_view name : names_) each(name);
    std::string_view rest = encoded_;
    for (uint32_t i = 0; i < count_; ++i) each(next_name(rest));
  }

 private:
  static std::string_view next_name(std::string_view& rest);

  std::span<const std::string_view> names_;
  std::string_view encoded_;
  uint32_t count_ = 0;
};

/// A trade without allocations; views into the bytes it was read from.
struct TradeView {
  std::string_view symbol;
  model::Decimal price;
  model::Decimal volume;
  model::EventTime event_time;
  model::IngestTime ingest_time;
  ConditionsView conditions;
  std::string_view source;
  int64_t epoch = 0;
  int64_t sequence = 0;
  int64_t frame = 0;
  int32_t flags = 0;

  bool is_price_update() const { return volume.mantissa == 0; }
  model::Trade to_trade() const;
};

/// The engine's state as of a position, put first into each segment.
struct SnapshotView {
  int64_t as_of = 0;       ///< Raw position: the state after the record there.
  std::string_view state;  ///< The engine's, versioned and checksummed by itself.
};

enum class EntryKind { trade, control, vendor_bar, snapshot };

/// One record of the log; which member holds it is said by `kind`. `vendor_bar` is read over.
struct EntryView {
  EntryKind kind = EntryKind::trade;
  TradeView trade;
  model::Control control;
  SnapshotView snapshot;
};

/// Reads concatenated Entry datums. Hostile bytes give `corrupt`, never more.
class EntryReader {
 public:
  enum class Outcome { progressed, finished, corrupt };

  explicit EntryReader(std::string_view bytes) : rest_(bytes), size_(bytes.size()) {}

  /// `entry` is filled on `progressed`; its views live as long as the bytes.
  Outcome next(EntryView& entry);

  /// Bytes read so far; on `corrupt` the offset of the record that is.
  size_t offset() const { return size_ - rest_.size(); }

 private:
  void take_trade(avro::Cursor& in, TradeView& trade);

  std::string_view rest_;
  size_t size_;
  /// By symbol, roughly: the decimals that its last trades had. Affects speed only.
  struct ScaleHints {
    uint8_t price = 0;
    uint8_t volume = 0;
  };
  static constexpr size_t kHints = 64;
  std::array<ScaleHints, kHints> hints_{};
};

/// Collects datums for one append.
class EntryWriter {
 public:
  void add(const TradeView& trade);
  void add(const model::Control& control);
  void add(const SnapshotView& snapshot);

  uint32_t count() const { return count_; }
  size_t bytes() const { return bytes_.size(); }
  bool empty() const { return count_ == 0; }
  /// The datums; the writer is empty after.
  std::string take();

 private:
  std::string bytes_;
  uint32_t count_ = 0;
};

/// The text of schemas/Entry.avsc without needless space, for container headers.
std::string_view entry_schema();

inline std::string_view ConditionsView::next_name(std::string_view& rest) {
  avro::Cursor in(rest);
  const std::string_view name = in.text();
  rest = in.rest();
  return name;
}

}  // namespace tapeline::codec
