#pragma once

#include <string_view>

#include "base/result.h"
#include "model/market_calendar.h"

namespace tapeline::model {

/// A calendar from the TOML of config/calendar: rules for every year, and single dates that
/// override them. `name` stands in the errors, each of which says which entry is wrong and how.
///
///     [[holiday]] | [[half_day]]
///       month, day             | month, weekday, nth (-1: the last) | easter (days after Easter)
///       days_after             added to what the rule says
///       on                     only when it falls on one of these weekdays
///       saturday, sunday       "friday", "monday": when it is kept instead
///       since, until           first and last year
///     [[date]]  date, kind ("closed", "half", "full"), source
Result<MarketCalendar> parse_calendar_file(std::string_view toml, std::string_view name);

}  // namespace tapeline::model
