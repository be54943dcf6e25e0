#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/bars.h"
#include "engine/sources.h"
#include "engine/symbols.h"
#include "store/store.h"

/// A bar as others see it, and the state from which the engine takes it up again.
///
/// State, sealed as in wire.h (`kRowMagic`, `kRowVersion`):
///
///     recording   whether any record is of a recording
///     counts      whether the candidate of the regular session counts
///     certificate of a final bar
///     eligible    whether one follows; its count, excluded, of how many conditions, their codes
///                 and counts, last, ranged, high, low, volume, notional, whether a candidate
///                 follows, its key and price
///     partials    by session: session, trades, volume, notional, updates, suspects
///     trades,
///     updates     count; unless 0: first key, last key, open, close, high, low
///     key         event time, number of the source, epoch, sequence
///     sources     names of the sources numbered 1, 2, ...; 0 is that of the bar's first id
///
/// A row of basis `all` without a state is sealed: what was lost of it cannot be made anew, and no
/// record is merged into it any more.
///
/// Every number takes the bytes it needs; a bar of one trade is about 90 bytes. Its downside: no
/// other tool can merge bars from the store; they read the columns beside it.
namespace tapeline::engine {

inline constexpr std::string_view kRowMagic = "TLB";
inline constexpr uint8_t kRowVersion = 4;

/// The bar as of now: of stocks, a day shows the regular session; all else every session. An open
/// bar's certificate counts up to its newest record.
model::Bar present(const Bar& bar, const Symbol& symbol, const SourceTable& sources);

/// The certificate as of now, of what is covered up to `until_ms`.
Certificate certify(const Bar& bar, const Symbol& symbol, const SourceTable& sources,
                    int64_t until_ms);

/// The same of what conditions leave (basis `eligible`); for bars that are `restricted`.
model::Bar present_eligible(const Bar& bar, const Symbol& symbol, const SourceTable& sources);

std::string encode_state(const Bar& bar, const SourceTable& sources);

/// Fills `bar`, new and empty, from a row of its key. `corrupt` names the bar.
Result<> decode_row(const store::BarRow& row, SourceTable& sources, Bar& bar);

/// The bars that the state of a row of basis `all` alone says, under the row's key: that bar, and
/// the one of `eligible` if it is restricted. Into these, records are merged from here on. Of an
/// open bar the certificate means nothing. `corrupt` as above.
Result<std::vector<model::Bar>> bars_of_state(const store::BarRow& row);

}  // namespace tapeline::engine
