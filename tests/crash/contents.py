"""What a trade says, the same whether it was sent, logged or shown."""

import collections
import decimal
import functools

import segments

Content = collections.namedtuple("Content", "symbol event_time_ms price volume conditions")


@functools.lru_cache(maxsize=100_000)
def plain(number):
    """A double as the decimal that its shortest text is."""
    return decimal.Decimal(repr(number))


def of_logged(trade):
    numbers = segments.milliseconds(trade["event_time"]), plain(trade["price"]), plain(trade["volume"])
    return Content(trade["symbol"], *numbers, tuple(trade["conditions"]))


def of_shown(trade):
    """A trade of the API or of the push stream."""
    numbers = trade["event_time_ms"], decimal.Decimal(trade["price"]), decimal.Decimal(trade["volume"])
    return Content(trade["symbol"], *numbers, tuple(trade["conditions"]))


def of_sent(element):
    """A member of `data`; its numbers were parsed as decimals."""
    numbers = int(element["t"]), decimal.Decimal(element["p"]), decimal.Decimal(element["v"])
    return Content(element["s"], *numbers, tuple(element["c"] or ()))
