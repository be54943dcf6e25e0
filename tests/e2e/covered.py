"""What was covered and what was missed, worked out from the log's control records without the program.

In whole milliseconds: one that a gap touches in part is missed, one that a subscription covers in part is not covered.
"""

import datetime

import segments

EPOCH = datetime.datetime.fromtimestamp(0, datetime.UTC)
MS = datetime.timedelta(milliseconds=1)


def time_of(value):
    return value if isinstance(value, datetime.datetime) else datetime.datetime.fromisoformat(value)


def floor_ms(time):
    return (time - EPOCH) // MS


def ceiling_ms(time):
    return -(-(time - EPOCH) // MS)


def reaches(gap, start_ms, end_ms):
    """Whether a gap (its `from` and `to` are times, or their text) touches a part of the window."""
    first, end = map(time_of, (gap["from"], gap["to"]))
    return floor_ms(first) < end_ms and start_ms < ceiling_ms(end)


class Coverage:
    """Of one symbol, by a log that nobody writes."""

    def __init__(self, tapeline, symbol):
        self.gaps = []
        self.spans = []  # [from, to) of each subscription; nothing ends the last one
        for control in segments.controls_of(segments.read_all(tapeline.segments())):
            at = control["ingest_time"]
            if control["kind"] == "gap" and control["symbol"] in (None, symbol):
                self.gaps.append(control)
            elif control["kind"] == "subscribed" and control["symbol"] == symbol:
                self.spans.append([ceiling_ms(at), float("inf")])
            elif control["kind"] == "epoch_closed" and self.spans:
                self.spans[-1][1] = min(self.spans[-1][1], floor_ms(at))

    def touched(self, start_ms, end_ms):
        return any(reaches(gap, start_ms, end_ms) for gap in self.gaps)

    def covered_ms(self, start_ms, end_ms):
        return sum(
            any(first <= at < end for first, end in self.spans) and not self.touched(at, at + 1)
            for at in range(start_ms, end_ms)
        )
