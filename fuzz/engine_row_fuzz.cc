// Any bytes as the state of a stored bar, sealed with a right checksum: refused with a sentence
// that names the bar, or taken up, shown in both bases, and written as it is read again.

#include <cstdint>
#include <string>

#include "base/check.h"
#include "engine/row.h"
#include "engine/wire.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tapeline;
  store::BarRow row;
  row.bar.key = {"AAPL", model::Interval(60'000),
                 model::EventTime(std::chrono::milliseconds(1'704'292'200'000)), model::Basis::all};
  row.bar.end = row.bar.key.start + std::chrono::minutes(1);
  row.bar.first_id.source = "test";
  row.bar.final = true;
  row.state = engine::seal(engine::kRowMagic, engine::kRowVersion,
                           {reinterpret_cast<const char*>(data), size});
  engine::SourceTable sources;
  engine::Bar bar;
  if (const auto read = engine::decode_row(row, sources, bar); !read) {
    CHECK(read.error().message().find("AAPL") != std::string::npos, "{}", read.error().message());
    return 0;
  }
  bar.start_ms = row.bar.key.start.time_since_epoch().count();
  bar.end_ms = row.bar.end.time_since_epoch().count();
  const model::SessionRules sessions;
  const engine::Symbol symbol(0, row.bar.key.symbol, sessions);
  for (const int64_t interval_ms : {60'000, 86'400'000}) {
    bar.interval = engine::interval_index(model::Interval(interval_ms));
    const model::Bar all = engine::present(bar, symbol, sources);
    const model::Bar eligible = engine::present_eligible(bar, symbol, sources);
    CHECK(all.trade_count >= eligible.trade_count);
  }
  row.state = engine::encode_state(bar, sources);
  engine::Bar again;
  CHECK(engine::decode_row(row, sources, again).ok());
  CHECK(engine::encode_state(again, sources) == row.state);
  return 0;
}
