"""Bad input from the feed: each with its counter, the bytes kept, and the frames around it unharmed (laws 1 and 5)."""

import json
import time

import harness
import pytest
from fake_feed import FakeFeed

NOW_MS = time.time_ns() // 1_000_000
GOOD = {"s": "AAPL", "p": 190.5, "t": NOW_MS, "v": 3, "c": ["1", "12"]}


@pytest.fixture
def feed():
    feed = FakeFeed()
    yield feed
    feed.close()


def frame(*elements):
    return json.dumps({"data": list(elements), "type": "trade"})


def without(name):
    return frame({key: value for key, value in GOOD.items() if key != name})


def number(name, text):
    """A good element whose field `name` is this JSON text."""
    return frame(GOOD | {name: "@"}).replace('"@"', text)


NOT_UTF8 = frame(GOOD).encode().replace(b"AAPL", b"A\xff\xfeL")

# name: (frame, reason of the reject). Each frame holds at most one bad element.
BAD = {
    "no JSON": ("hello", "malformed_json"),
    "an empty frame": ("", "malformed_json"),
    "cut in an element": (frame(GOOD, GOOD)[:-40], "malformed_json"),
    "cut at the end": (frame(GOOD)[:-1], "malformed_json"),
    "NaN": (number("p", "NaN"), "malformed_json"),
    "a list instead of a frame": ("[1,2]", "malformed_json"),
    "a number instead of a frame": ("5", "malformed_json"),
    "not UTF-8": (NOT_UTF8, "not_utf8"),
    "no data": ('{"type":"trade"}', "missing_field"),
    "data is no list": ('{"type":"trade","data":5}', "mistyped_field"),
    "an element is a number": (frame(5), "mistyped_field"),
    "no symbol": (without("s"), "missing_field"),
    "no price": (without("p"), "missing_field"),
    "no time": (without("t"), "missing_field"),
    "no volume": (without("v"), "missing_field"),
    "the symbol is a number": (number("s", "5"), "mistyped_field"),
    "the price is a string": (number("p", '"190.5"'), "mistyped_field"),
    "the price is null": (number("p", "null"), "mistyped_field"),
    "the time is a string": (number("t", '"5"'), "mistyped_field"),
    "the volume is true": (number("v", "true"), "mistyped_field"),
    "conditions are a number": (number("c", "5"), "mistyped_field"),
    "a condition is a number": (number("c", "[5]"), "mistyped_field"),
    "an empty symbol": (number("s", '""'), "bad_symbol"),
    "the price is zero": (number("p", "0"), "bad_price"),
    "the price is negative": (number("p", "-190.5"), "bad_price"),
    "the price rounds to zero": (number("p", "0.00000000004"), "bad_price"),
    "the volume is negative": (number("v", "-1"), "bad_volume"),
    "the price is huge": (number("p", "1e300"), "price_out_of_range"),
    "the price has too many digits": (number("p", "123456789.0123456789"), "price_out_of_range"),
    "the volume is huge": (number("v", "1e19"), "volume_out_of_range"),
    "the time has a fraction": (number("t", "1699999980000.5"), "bad_time"),
    "the time is negative": (number("t", "-5"), "bad_time"),
    "the time is beyond 64 bits": (number("t", "99999999999999999999"), "time_in_future"),
    "tomorrow": (number("t", str(NOW_MS + 86_400_000)), "time_in_future"),
    "the year 50,000": (number("t", "1516799999999999"), "time_in_future"),
}

# Odd, but right.
ODD = {
    "conditions null": number("c", "null"),
    "conditions absent": without("c"),
    "conditions empty": number("c", "[]"),
    "volume zero": number("v", "0"),
    "exponents": number("p", "1.905E+2"),
    "float noise": number("p", "190.49999999999997"),
    "a tiny volume": number("v", "0.00000001"),
    "an unknown field": number("x", '{"deep":[1,{"s":"AAPL"}]}'),
    "a symbol with a space": number("s", '"IC MARKETS:1"'),
    "a symbol with an escape": number("s", '"A\\u0041PL"'),
    "an old time": number("t", "1"),
    "type first": '{"type":"trade","data":' + json.dumps([GOOD]) + "}",
    "white space": " \n" + json.dumps({"data": [GOOD], "type": "trade"}, indent=2) + "\n",
    "no elements": '{"data":[],"type":"trade"}',
    "a ping": '{"type":"ping"}',
}


@pytest.fixture
def live(feed, tapeline):
    live = tapeline.run_live(feed.url, ["AAPL", "IC MARKETS:1"])
    feed.wait_for_subscriptions(["AAPL", "IC MARKETS:1"])
    return live


def send_between_good_ones(feed, bad):
    feed.send(frame(GOOD))
    feed.send(bad, binary=isinstance(bad, bytes))  # as text it would be no WebSocket message at all
    feed.send(frame(GOOD | {"p": 191}))


def test_law_1_every_bad_element_has_its_reason(feed, live, tapeline, tmp_path, oracle_of, assert_same_bars):
    """All of them on one connection: what a bad one breaks shows in those after it."""
    expected, failures = {}, []
    for name, (bad, reason) in BAD.items():
        before = live.counter(harness.REJECTED, reason=reason)
        send_between_good_ones(feed, bad)
        expected[reason] = expected.get(reason, 0) + 1
        try:
            live.wait_for_counter(harness.REJECTED, before + 1, timeout=5, reason=reason)
        except AssertionError:
            rejected = {
                dict(labels)["reason"]: value
                for (found, labels), value in live.metrics().items()
                if found in harness.REJECTED and value
            }
            failures.append(f"{name}: expected {reason}; rejects so far: {rejected}")
    assert not failures, "\n".join(failures)
    live.wait_for_counter(harness.ACCEPTED, 2 * len(BAD), timeout=10)
    assert live.counter(harness.ACCEPTED) == 2 * len(BAD)
    assert live.counter(harness.REJECTED) == len(BAD)
    assert len(feed.connections) == 1, "a bad frame cost the connection"
    live.stop()
    kept = [letter["reason"] for letter in tapeline.dead_letters()]
    assert kept == [reason for _, reason in BAD.values()]
    assert_same_bars(oracle_of(feed.write_ledger(tmp_path / "ledger.jsonl"), ledger=True), tapeline.export_bars())


def test_odd_input_is_taken(feed, live, tapeline, tmp_path, oracle_of, assert_same_bars):
    elements = 0
    for odd in ODD.values():
        send_between_good_ones(feed, odd)
        elements += 2 + odd.count('"v":')
    live.wait_for_counter(harness.ACCEPTED, elements, timeout=10)
    assert live.counter(harness.REJECTED) == 0
    live.stop()
    assert_same_bars(oracle_of(feed.write_ledger(tmp_path / "ledger.jsonl"), ledger=True), tapeline.export_bars())


def test_one_bad_element_rejects_that_element_only(feed, live, tapeline):
    feed.send(frame(GOOD, GOOD | {"p": -1}, GOOD | {"p": 192}))
    live.wait_for_counter(harness.ACCEPTED, 2)
    live.stop()
    assert tapeline.logged_trades() == 2


def test_the_bytes_of_a_bad_frame_are_kept(feed, live, tapeline):
    bad = {name: BAD[name][0] for name in ("no JSON", "cut in an element", "not UTF-8")}
    for text in bad.values():
        feed.send(text, binary=isinstance(text, bytes))
    live.wait_for_counter(harness.REJECTED, len(bad))
    live.stop()
    sent = [text if isinstance(text, bytes) else text.encode() for text in bad.values()]
    assert [letter["raw"] for letter in tapeline.dead_letters()] == sent


def test_text_that_is_not_utf8_ends_the_connection_as_the_protocol_demands(feed, make_tapeline):
    tapeline = make_tapeline(**harness.QUICK_RETRY)
    live = tapeline.run_live(feed.url, ["AAPL"])
    feed.wait_for_subscriptions(["AAPL"], number=1)
    feed.send(NOT_UTF8)
    feed.wait_for_subscriptions(["AAPL"], number=2)
    feed.send(frame(GOOD))
    live.wait_for_counter(harness.ACCEPTED, 1)
    assert "not UTF-8" in live.process.stderr


def test_unknown_types_are_counted_and_ignored(feed, live):
    for unknown in ('{"type":"weather","data":[]}', '{"data":[]}', '{"type":5}', "{}"):
        send_between_good_ones(feed, unknown)
    live.wait_for_counter(harness.ACCEPTED, 8)
    assert live.counter("tapeline_ingest_frames_total", kind="unknown") == 4


def test_an_oversized_frame_is_refused_and_the_stream_goes_on(feed, live, tapeline):
    feed.send(frame(GOOD))
    feed.send(frame(GOOD | {"x": "y" * (64 << 20)}))
    live.wait_for_counter(harness.REJECTED, 1, reason="oversized_frame")
    feed.send(frame(GOOD))
    live.wait_for_counter(harness.ACCEPTED, 2)
    assert len(feed.connections) == 1, "it cost the connection"
    live.process.assert_peak_below(200 << 20)


def test_a_repeated_frame_is_kept(feed, live, tapeline, tmp_path, oracle_of, assert_same_bars):
    """dedupe = mark: a frame repeated byte for byte is kept, its trades are marked."""
    for _ in range(3):
        feed.send(frame(GOOD))
    live.wait_for_counter(harness.ACCEPTED, 3)
    live.stop()
    assert_same_bars(oracle_of(feed.write_ledger(tmp_path / "ledger.jsonl"), ledger=True), tapeline.export_bars())


def test_error_frames_are_shown_and_harm_nothing(feed, live, tapeline):
    feed.send('{"msg":"Invalid symbol AAPL","type":"error"}')
    feed.send('{"msg":"Something new","type":"error"}')
    feed.send('{"type":"error"}')
    feed.send('{"type":"news","data":[{"headline":"x"}]}')
    feed.send(frame(GOOD))
    live.wait_for_counter(harness.ACCEPTED, 1)
    live.process.wait_for("Invalid symbol AAPL", where="stderr")
    live.process.wait_for("Something new", where="stderr")


def test_a_flood_is_taken_whole_in_bounded_memory(feed, live, tapeline):
    """200,000 trades as fast as the socket takes them."""
    elements = [GOOD | {"t": NOW_MS - 1000 + place} for place in range(100)]
    for round_number in range(2_000):
        feed.send(frame(*(element | {"p": 100 + round_number / 100} for element in elements)))
    live.wait_for_counter(harness.ACCEPTED, 200_000, timeout=120)
    live.process.assert_peak_below(300 << 20)
    live.stop()
