"""Holds the log of a live receiver against the ledger of the market that sent to it."""

import bisect
import collections
import decimal
import json

import contents
import segments

# Opened at this time; what was sent on it, in order, as (time, content): the place, from 1, is the trade's sequence.
Connection = collections.namedtuple("Connection", "opened_us sent")
# A gap of one symbol, or of all (None).
Gap = collections.namedtuple("Gap", "symbol from_us to_us")


def microseconds(moment):
    return segments.milliseconds(moment) * 1000 + getattr(moment, "microsecond", 0) % 1000


def read(path):
    """The ledger's connections, by time of opening."""
    found = {}
    for line in path.read_text("utf-8").splitlines():
        note = json.loads(line)
        if note.get("event") == "opened":
            found[note["connection"]] = Connection(note["sent_us"], [])
        elif "bytes" in note:
            frame = json.loads(note["bytes"], parse_float=decimal.Decimal)
            sent = [(note["sent_us"], contents.of_sent(element)) for element in frame.get("data", ())]
            found[note["connection"]].sent.extend(sent)
    return sorted(found.values(), key=lambda connection: connection.opened_us)


def gaps_of(controls):
    return [Gap(c["symbol"], microseconds(c["from"]), microseconds(c["to"])) for c in controls if c["kind"] == "gap"]


def differences(connections, trades, gaps):
    """(kind, note) of each trade in which the log is not the ledger less the gaps.

    Each epoch of the log is one connection, on which frames come in order: what the log lacks of it is its end, inside
    a gap. A hole before a trade that is there is never explained.
    """
    openings = [connection.opened_us for connection in connections]
    epochs = collections.defaultdict(list)
    for trade in trades:
        epochs[trade["source"], trade["epoch"]].append(trade)
    received = {}  # place of the connection -> sequence -> content
    for epoch, members in epochs.items():
        place = bisect.bisect_right(openings, min(microseconds(trade["ingest_time"]) for trade in members)) - 1
        if place < 0 or place in received:
            yield "different", f"epoch {epoch} is on no connection of its own"
            continue
        received[place] = {trade["sequence"]: contents.of_logged(trade) for trade in members}
    # What was sent before the log's first epoch, no receiver lived to tell of.
    for place in range(min(received, default=0), len(connections)):
        yield from on_connection(connections[place], received.get(place, {}), gaps)


def on_connection(connection, logged, gaps):
    where = f"on the connection of {connection.opened_us}"
    last = max(logged, default=0)
    for sequence, (sent_us, content) in enumerate(connection.sent, start=1):
        if sequence in logged:
            if logged[sequence] != content:
                yield "different", f"trade {sequence} {where} is {logged[sequence]}, sent was {content}"
        elif sequence < last:
            yield "unexplained", f"trade {sequence} of {last} received {where}, {content}, is not in the log"
        elif not any(gap.symbol in (None, content.symbol) and gap.from_us <= sent_us <= gap.to_us for gap in gaps):
            yield "unexplained", f"trade {sequence} {where}, sent at {sent_us}, {content}, lies in no gap"
    for sequence in sorted(logged.keys() - range(1, len(connection.sent) + 1)):
        yield "different", f"trade {sequence} {where}, {logged[sequence]}, was never sent"
