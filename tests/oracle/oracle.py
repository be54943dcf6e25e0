#!/usr/bin/env python3
"""The oracle: bars computed slowly and plainly, to compare the product's with.

It needs Python 3.11's standard library and nothing else. It shares no code, schema or table with the product: what it
knows is written down below and in the bars computed by hand in `hand/`.

    python3 tests/oracle/oracle.py FILE... --intervals 1s,1m,5m [--from-ledger] > bars.csv

FILE is a recording (CSV with the header `symbol,price,volume,trade_timestamp_ms,conditions`) or Finnhub frames as JSON
lines, each plain or gzipped; with --from-ledger it is what `tapeline simulate --ledger` wrote, one JSON line per frame
sent. The rules, in the order in which they are applied:

1. Every element (CSV row, or member of `data` in a frame of type `trade`) is a trade or a reject with a reason. A reject
   never touches its neighbours. A frame that is not JSON is rejected whole.
2. Price is rounded half to even to 10 decimals and volume to 8; then the price must be positive and the volume not
   negative. The digits of each must fit a signed 64-bit integer, and each must survive the way to the nearest IEEE 754
   double and back to the shortest text.
3. A trade's identity is its connection and its place on it (in a recording: its row). The order of trades is by
   (event time, identity); the order in which they arrive has no meaning.
4. A trade of volume 0 is a price update. Open, high, low and close come from the window's trades; when it has none, from
   its price updates. Sums are exact; a sum of 10^20 or more (10^38 units of 10^-18) does not fit and is null.
5. A window is [start, start + interval) in UTC; a window without trade or update has no bar.

A day (`1d`) is the UTC day for crypto and 17:00 to 17:00 in New York for forex. The day of a stock is New York's calendar
day, and its bar is made of the regular session's trades alone: from 09:30 to a second after 16:00, on half days a second
after 13:00, on the days that the US market was open. A trade with condition 24 or 25 is never of it, one with 35 or 36 is
until the end of the hours after (20:00, on half days 17:00). A day whose trades are all of other sessions has a bar
without price.

With --basis eligible, a stock's trade moves only what its conditions let it (RIGHTS): open and close, high and low,
volume and notional; several conditions all must. A trade of extended hours between opening and close moves nothing. A
conditional one opens and closes only if it is the least of its day's regular trades that could. `count` is of trades
that move something; a bar with trades of which none may open and close has no price.
"""

import argparse
import collections
import csv
import datetime
import decimal
import functools
import gzip
import hashlib
import itertools
import json
import re
import sys
import time
import zoneinfo
from decimal import Decimal

HEADER = ["symbol", "interval_ms", "start_ms", "open", "high", "low", "close"]
HEADER += ["volume", "notional", "count", "price_update_count", "priced_by"]

INTERVALS_MS = {
    "1s": 1_000,
    "5s": 5_000,
    "15s": 15_000,
    "1m": 60_000,
    "5m": 300_000,
    "15m": 900_000,
    "30m": 1_800_000,
    "1h": 3_600_000,
    "4h": 14_400_000,
    "1d": 86_400_000,
}

NEW_YORK = zoneinfo.ZoneInfo("America/New_York")
FOREX_VENUES = ("OANDA", "IC MARKETS", "FXCM", "FOREX", "FOREX.COM")

# The letters of the tape that have a code, from the page that comes with the recordings.
LETTERS = {"@": "1", "F": "8", "I": "12", "T": "24", "U": "25", "M": "16", "O": "19", "Q": "20"}
LETTERS |= {"4": "32", "7": "37", "V": "26", "B": "3", "N": "17", "C": "5", "Z": "30", "R": "22"}
EXTENDED = {"24", "25"}
CLOSING = {"35", "36"}
CLOSING_GRACE_MS = 1_000
# Open and close, high and low, volume: yes, no, or c for the first or only trade of its day. Others have every right.
RIGHTS = """3 nny, 5 nny, 9 cyy, 10 nny, 11 nny, 12 nny, 16 nnn, 17 nny, 18 nyy, 20 nyn, 21 cyy, 22 nny, 25 nny, 26 nny,
27 nnn, 30 cyy, 31 nnn, 32 cyy, 37 nny, 38 nnn, 39 nnn, 40 nnn"""
RIGHTS = dict(entry.split() for entry in RIGHTS.replace("\n", " ").split(","))

# Of the US stock market, 1998 to 2028. Good Friday as MMDD; closings that no rule tells.
GOOD_FRIDAYS = """0410 0402 0421 0413 0329 0418 0409 0325 0414 0406 0321 0410 0402 0422 0406 0329 0418 0403 0325 0414
0330 0419 0410 0402 0415 0407 0329 0418 0403 0326 0414"""
CLOSED_ONCE = """2001-09-11 2001-09-12 2001-09-13 2001-09-14 2004-06-11 2007-01-02 2012-10-29 2012-10-30 2018-12-05
2025-01-09"""
HALF_ONCE = "1999-12-31 2003-12-26"

PRICE_DECIMALS = 10
VOLUME_DECIMALS = 8
UNSCALED_LIMIT = 2**63
SUM_LIMIT = Decimal(10) ** 20
FUTURE_BOUND_MS = 60_000

# All arithmetic happens in this context: it has room for every sum and refuses to lose a digit.
EXACT = decimal.Context(prec=1000, Emin=-10_000, Emax=10_000, traps=[decimal.Inexact, decimal.InvalidOperation])
# The one place that rounds: a number with more decimals than its kind may have.
ROUNDING = decimal.Context(
    prec=1000, Emin=-10_000, Emax=10_000, rounding=decimal.ROUND_HALF_EVEN, traps=[decimal.InvalidOperation]
)

NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,4})?", re.ASCII)
INTEGER = re.compile(r"-?(0|[1-9][0-9]*)", re.ASCII)

# In the order that matters: trades sort by event time, then by identity (connection, place on it).
Trade = collections.namedtuple("Trade", "event_time connection place price volume conditions")


class Reject(Exception):
    """An element that is not a trade; its text is the reason."""


# ---------------------------------------------------------------------------------------------------------------------
# Numbers


@functools.lru_cache(maxsize=200_000)
def price_of(text):
    price = number(text, PRICE_DECIMALS, "price")
    if price <= 0:
        raise Reject("price not positive")
    return price


@functools.lru_cache(maxsize=200_000)
def volume_of(text):
    volume = number(text, VOLUME_DECIMALS, "volume")
    if volume < 0:
        raise Reject("volume negative")
    return volume


def number(text, decimals, what):
    if not NUMBER.fullmatch(text):
        raise Reject(f"{what} not a number")
    value = EXACT.create_decimal(text)
    if -value.as_tuple().exponent > decimals:
        value = value.quantize(Decimal(1).scaleb(-decimals), context=ROUNDING)
    if unscaled(value).copy_abs() >= UNSCALED_LIMIT:
        raise Reject(f"{what} out of range")
    if Decimal(repr(float(value))) != value:
        raise Reject(f"{what} has more digits than a double keeps")
    return value


def unscaled(value):
    """The digits as a whole number: 12.5 is 125, 1200 is 1200."""
    value = value.normalize(EXACT)
    return value if value.as_tuple().exponent >= 0 else value.scaleb(-value.as_tuple().exponent, context=EXACT)


def plain(value):
    """Exact decimal text: no exponent, no trailing zeros, no minus before zero; empty for null."""
    if value is None:
        return ""
    if value == 0:
        return "0"
    return format(value.normalize(EXACT), "f")


def exact_sum(values):
    total = functools.reduce(EXACT.add, values, Decimal(0))
    return total if total.copy_abs() < SUM_LIMIT else None


# ---------------------------------------------------------------------------------------------------------------------
# Elements


def check_symbol(symbol):
    if type(symbol) is not str:  # A NumberText is a str too.
        raise Reject("symbol not a string")
    if symbol == "":
        raise Reject("symbol empty")
    if any("\ud800" <= character <= "\udfff" for character in symbol):
        raise Reject("symbol not UTF-8")
    return symbol


def check_event_time(milliseconds, latest_ms):
    if milliseconds < 0:
        raise Reject("event time before 1970")
    if milliseconds > latest_ms:
        raise Reject("event time in the future")
    return milliseconds


def trade_of_row(row, columns, connection, place, latest_ms):
    if len(row) != len(columns):
        raise Reject("row has a wrong number of fields")
    field = dict(zip(columns, row))
    symbol = check_symbol(field["symbol"])
    price = price_of(field["price"])
    volume = volume_of(field["volume"])
    if not INTEGER.fullmatch(field["trade_timestamp_ms"]):
        raise Reject("event time not an integer")
    event_time = check_event_time(int(field["trade_timestamp_ms"]), latest_ms)
    letters = [letter for letter in field.get("conditions", "").split(";") if letter]
    conditions = frozenset(LETTERS.get(letter, f"tape:{letter}") for letter in letters)
    return symbol, Trade(event_time, connection, place, price, volume, conditions)


class NumberText(str):
    """A JSON number, kept as the text that stood in the frame."""


def trade_of_element(element, connection, place, latest_ms):
    if not isinstance(element, dict):
        raise Reject("element not an object")
    for name in ("s", "p", "t", "v"):
        if name not in element:
            raise Reject(f"field {name} missing")
    symbol = check_symbol(element["s"])
    for name in ("p", "t", "v"):
        if not isinstance(element[name], NumberText):
            raise Reject(f"field {name} not a number")
    conditions = element.get("c")
    if conditions is not None:
        if not isinstance(conditions, list) or any(type(code) is not str for code in conditions):
            raise Reject("field c not a list of strings")
    price = price_of(str(element["p"]))
    volume = volume_of(str(element["v"]))
    if not INTEGER.fullmatch(element["t"]):
        raise Reject("event time not an integer")
    event_time = check_event_time(int(element["t"]), latest_ms)
    return symbol, Trade(event_time, connection, place, price, volume, frozenset(conditions or ()))


def elements_of_frame(text):
    """The members of `data` of a trade frame; none for a frame of another type."""

    def refuse(constant):
        raise ValueError(f"{constant} is not JSON")

    try:
        frame = json.loads(text, parse_int=NumberText, parse_float=NumberText, parse_constant=refuse)
    except ValueError as problem:
        raise Reject("frame not JSON") from problem
    if not isinstance(frame, dict):
        raise Reject("frame not an object")
    if frame.get("type") != "trade":
        return []
    if not isinstance(frame.get("data"), list):
        raise Reject("frame without data")
    return frame["data"]


# ---------------------------------------------------------------------------------------------------------------------
# Inputs


class Tape:
    """Everything read: the trades of each symbol, and how many elements were refused and why."""

    def __init__(self):
        self.trades = collections.defaultdict(list)
        self.accepted = 0
        self.rejected = collections.Counter()

    def take(self, make, *arguments):
        try:
            symbol, trade = make(*arguments)
        except Reject as reason:
            self.rejected[str(reason)] += 1
            return
        self.trades[symbol].append(trade)
        self.accepted += 1

    def take_frame(self, text, connection, places, latest_ms):
        try:
            elements = elements_of_frame(text)
        except Reject as reason:
            self.rejected[str(reason)] += 1
            return
        for element in elements:
            self.take(trade_of_element, element, connection, next(places), latest_ms)


def open_lines(path):
    """The file's bytes, unpacked when they are gzipped (told by content, not by name)."""
    with open(path, "rb") as file:
        gzipped = file.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if gzipped else open(path, "rb")


def is_frames(path):
    with open_lines(path) as file:
        return file.readline().lstrip().startswith(b"{")


def fields_of(line):
    """A row is a line. Bytes that are not UTF-8 become lone surrogates here and are refused with their row."""
    return next(csv.reader([line.decode("utf-8", "surrogateescape").rstrip("\r\n")]), [])


def read_recording(tape, path, latest_ms):
    with open_lines(path) as file:
        columns = fields_of(file.readline())
        for name in ("symbol", "price", "volume", "trade_timestamp_ms"):
            if name not in columns:
                sys.exit(f"oracle: {path} has no column {name}; it is no recording")
        for ordinal, line in enumerate(file, start=1):
            if line.strip():
                tape.take(trade_of_row, fields_of(line), columns, 0, ordinal, latest_ms)


def read_frames(tape, path, latest_ms):
    places = itertools.count(1)
    with open_lines(path) as file:
        for line in file:
            if line.strip():
                tape.take_frame(line, 0, places, latest_ms)


def read_ledger(tape, path, future_bound_ms):
    """Frames of one connection stand in the order sent; those of several connections may be mixed."""
    places = collections.defaultdict(lambda: itertools.count(1))
    with open_lines(path) as file:
        for line in file:
            sent = json.loads(line)
            if "bytes" not in sent:
                continue
            connection = sent["connection"]
            latest_ms = sent["sent_us"] // 1000 + future_bound_ms
            tape.take_frame(sent["bytes"], connection, places[connection], latest_ms)


def read_all(paths, from_ledger, now_ms, future_bound_ms):
    tape = Tape()
    owner = {}
    for path in paths:
        before = {symbol: len(trades) for symbol, trades in tape.trades.items()}
        if from_ledger:
            read_ledger(tape, path, future_bound_ms)
        elif is_frames(path):
            read_frames(tape, path, now_ms + future_bound_ms)
        else:
            read_recording(tape, path, now_ms + future_bound_ms)
        for symbol, trades in tape.trades.items():
            if len(trades) == before.get(symbol, 0):
                continue
            # Which of two recordings comes first is decided by their digests, which the oracle does not compute.
            if owner.setdefault(symbol, path) != path:
                sys.exit(f"oracle: {symbol} is in {owner[symbol]} and in {path}; give such recordings one at a time")
    return tape


# ---------------------------------------------------------------------------------------------------------------------
# Bars


def bar_of(symbol, interval_ms, start_ms, members):
    """One row of the export; `members` are the window's trades in (event time, identity) order."""
    trades = [member for member in members if member.volume != 0]
    updates = [member for member in members if member.volume == 0]
    priced = trades or updates
    prices = [member.price for member in priced] or [None]
    volume = exact_sum(trade.volume for trade in trades)
    notional = exact_sum(EXACT.multiply(trade.price, trade.volume) for trade in trades)
    return [
        symbol,
        interval_ms,
        start_ms,
        plain(prices[0]),
        plain(max(prices)) if priced else "",
        plain(min(prices)) if priced else "",
        plain(prices[-1]),
        plain(volume),
        plain(notional),
        len(trades),
        len(updates),
        "trades" if trades else "updates" if updates else "none",
    ]


def eligible_bar_of(symbol, interval_ms, start_ms, members, firsts):
    """The same of what conditions let through; `firsts` are the conditional trades that open their day."""
    trades = [member for member in members if member.volume != 0]
    if not trades:
        return bar_of(symbol, interval_ms, start_ms, members)
    last = [trade for trade in trades if rights_of(trade)[0] == "y" or trade in firsts]
    ranged = [trade.price for trade in trades if rights_of(trade)[1] == "y"]
    counted = [trade for trade in trades if rights_of(trade)[2] == "y"]
    return [
        symbol,
        interval_ms,
        start_ms,
        plain(last[0].price) if last else "",
        plain(max(ranged)) if last else "",
        plain(min(ranged)) if last else "",
        plain(last[-1].price) if last else "",
        plain(exact_sum(trade.volume for trade in counted)),
        plain(exact_sum(EXACT.multiply(trade.price, trade.volume) for trade in counted)),
        sum(rights_of(trade) != "nnn" for trade in trades),
        len(members) - len(trades),
        "trades" if last else "none",
    ]


def rights_of(trade):
    """Of a stock's trade, three letters."""
    rights = ["y", "y", "y"]
    for condition in trade.conditions:
        for place, right in enumerate(RIGHTS.get(condition, "yyy")):
            rights[place] = min(rights[place], right, key="ncy".index)
    if trade.conditions & EXTENDED and is_in_regular_hours(trade):
        return "nnn"
    if rights[0] == "c" and not is_regular(trade):
        rights[0] = "n"
    return "".join(rights)


def firsts_of(trades):
    """Of each day the least trade that may open it, where that is a conditional one."""
    firsts = set()
    day_end = 0
    for trade in trades:  # In order; after a day's least, the next day.
        if trade.event_time < day_end or trade.volume == 0:
            continue
        last = rights_of(trade)[0]
        if last == "n" or not is_regular(trade):
            continue
        day_end = stock_day(stock_day(trade.event_time) + 36 * 3_600_000)
        if last == "c":
            firsts.add(trade)
    return firsts


def window_start(symbol, interval_ms, event_time):
    """Where the window of this time begins."""
    if interval_ms != INTERVALS_MS["1d"]:
        return event_time // interval_ms * interval_ms
    venue, colon, _ = symbol.partition(":")
    if not colon:
        return stock_day(event_time)
    return forex_day(event_time) if venue in FOREX_VENUES else event_time // interval_ms * interval_ms


def forex_day(event_time):
    """The last 17:00 in New York at or before this time."""
    local = datetime.datetime.fromtimestamp(event_time // 1000, NEW_YORK)
    turn = datetime.datetime(local.year, local.month, local.day, 17, tzinfo=NEW_YORK)
    if turn > local:
        turn -= datetime.timedelta(days=1)  # on the clock: also across a change to or from summer time
    return int(turn.timestamp()) * 1000


def stock_day(event_time):
    """The last midnight in New York at or before this time."""
    local = datetime.datetime.fromtimestamp(event_time // 1000, NEW_YORK)
    return int(local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0).timestamp()) * 1000


def nth_weekday(year, month, weekday, nth):
    """The nth Monday (0) to Sunday (6) of a month, from 1; the last for -1."""
    days = [datetime.date(year, month, 1) + datetime.timedelta(days) for days in range(31)]
    return [day for day in days if day.month == month and day.weekday() == weekday][nth - (nth > 0)]


def kept_on(day):
    """A fixed holiday on a Saturday is kept on Friday, on a Sunday on Monday."""
    return day + datetime.timedelta({5: -1, 6: 1}.get(day.weekday(), 0))


@functools.cache
def closed_days(year):
    new_year = datetime.date(year, 1, 1)
    # A Saturday's new year is not kept: the Friday before ends the year.
    days = {new_year} if new_year.weekday() == 5 else {kept_on(new_year)}
    days |= {nth_weekday(year, 1, 0, 3), nth_weekday(year, 2, 0, 3), nth_weekday(year, 5, 0, -1)}
    days |= {nth_weekday(year, 9, 0, 1), nth_weekday(year, 11, 3, 4)}
    days |= {kept_on(datetime.date(year, 7, 4)), kept_on(datetime.date(year, 12, 25))}
    if year >= 2022:
        days.add(kept_on(datetime.date(year, 6, 19)))
    good_friday = GOOD_FRIDAYS.split()[year - 1998]
    days.add(datetime.date(year, int(good_friday[:2]), int(good_friday[2:])))
    return days | {datetime.date.fromisoformat(text) for text in CLOSED_ONCE.split()}


@functools.cache
def half_days(year):
    days = {nth_weekday(year, 11, 3, 4) + datetime.timedelta(1), datetime.date(year, 12, 24)}
    fourth = datetime.date(year, 7, 4).strftime("%a")
    if fourth in ("Tue", "Wed", "Fri") or (fourth == "Thu" and year >= 2013):
        days.add(datetime.date(year, 7, 3))
    elif fourth == "Thu":
        days.add(datetime.date(year, 7, 5))
    return days | {datetime.date.fromisoformat(text) for text in HALF_ONCE.split()}


def is_regular(trade):
    """Whether a stock's trade is of the regular session of its day in New York."""
    # Half past nine and the closing hours are never near a change of the clocks, so the day's own clock tells them.
    local = datetime.datetime.fromtimestamp(trade.event_time // 1000, NEW_YORK)
    of_day_ms = (local.hour * 3600 + local.minute * 60 + local.second) * 1000 + trade.event_time % 1000
    day = local.date()
    if 1998 <= day.year <= 2028:
        if day.weekday() > 4 or day in closed_days(day.year):
            return False
        half = day in half_days(day.year)
    else:
        if day.weekday() > 4:
            return False
        half = False
    if trade.conditions & EXTENDED or of_day_ms < 34_200_000:
        return False
    if of_day_ms < (13 if half else 16) * 3_600_000 + CLOSING_GRACE_MS:
        return True
    return bool(trade.conditions & CLOSING) and of_day_ms < (17 if half else 20) * 3_600_000


def is_in_regular_hours(trade):
    """Between opening and close by the clock, whatever its conditions say."""
    plain_trade = trade._replace(conditions=frozenset())
    later = plain_trade._replace(event_time=trade.event_time + CLOSING_GRACE_MS)
    return is_regular(plain_trade) and is_regular(later)


def bars_of(tape, intervals_ms, basis="all"):
    for symbol in sorted(tape.trades, key=lambda name: name.encode("utf-8")):
        trades = tape.trades[symbol]
        trades.sort(key=lambda trade: trade[:3])
        make = bar_of
        if basis == "eligible" and ":" not in symbol:
            make = functools.partial(eligible_bar_of, firsts=firsts_of(trades))
        for interval_ms in sorted(intervals_ms):
            window = functools.partial(window_start, symbol, interval_ms)
            regular_only = interval_ms == INTERVALS_MS["1d"] and ":" not in symbol
            for start_ms, members in itertools.groupby(trades, key=lambda trade: window(trade.event_time)):
                shown = filter(is_regular, members) if regular_only else members
                yield make(symbol, interval_ms, start_ms, list(shown))


def digest_of(bar, basis="all"):
    """The digest of a row of the export, as docs/digest.md defines it."""
    symbol, interval_ms, start_ms, open_, high, low, close, volume, notional, count, update_count, priced_by = bar
    lines = ["tapeline-bar-1", interval_ms, start_ms, basis, priced_by, open_, high, low, close, volume, notional]
    text = "".join(f"{line}\n" for line in [*lines, count, update_count]) + symbol
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:32]


def write_bars(bars, output, digests=False, basis="all"):
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow([*HEADER, "digest"] if digests else HEADER)
    writer.writerows([*bar, digest_of(bar, basis)] if digests else bar for bar in bars)


# ---------------------------------------------------------------------------------------------------------------------


def parse_intervals(text):
    names = text.split(",")
    unknown = [name for name in names if name not in INTERVALS_MS]
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown interval {unknown[0]}; known: {', '.join(INTERVALS_MS)}")
    return sorted({INTERVALS_MS[name] for name in names})


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument(
        "--intervals", type=parse_intervals, default="1s,1m,5m", help="comma-separated (default 1s,1m,5m)"
    )
    parser.add_argument("--from-ledger", action="store_true", help="the files are ledgers of the simulator")
    parser.add_argument(
        "--now-ms", type=int, default=time.time_ns() // 1_000_000, help="the wall clock, for recordings"
    )
    parser.add_argument("--future-bound-ms", type=int, default=FUTURE_BOUND_MS, help="how far ahead a time may lie")
    parser.add_argument("--basis", choices=("all", "eligible"), default="all", help="which trades count")
    parser.add_argument("--digests", action="store_true", help="add each bar's digest as a last column")
    parser.add_argument("--output", help="write here instead of standard output")
    parser.add_argument("--summary", action="store_true", help="one JSON line on standard error: accepted, rejected")
    options = parser.parse_args(arguments)

    tape = read_all(options.files, options.from_ledger, options.now_ms, options.future_bound_ms)
    # csv writes a str as it is; the bytes must be UTF-8 and LF whatever the machine's locale says.
    path = options.output if options.output else sys.stdout.fileno()
    with open(path, "w", encoding="utf-8", newline="", closefd=options.output is not None) as output:
        write_bars(bars_of(tape, options.intervals, options.basis), output, options.digests, options.basis)
    if options.summary:
        json.dump({"accepted": tape.accepted, "rejected": dict(sorted(tape.rejected.items()))}, sys.stderr)
        sys.stderr.write("\n")


if __name__ == "__main__":
    main()
