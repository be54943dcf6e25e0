"""What retention removes: the log says so first, and what comes for it later is a dead letter, never a wrong bar."""

import json
import time

import harness
import pytest
import segments
from fake_feed import FakeFeed
from segments import milliseconds
from test_bad_frames import frame

# Segments of some tens of trades, looked through all the time.
SHORT = {
    **harness.QUICK_RETRY,
    "TAPELINE_LOG_SEGMENT_BYTES_MAX": "4096",
    "TAPELINE_LOG_BLOCK_BYTES": "1",
    "TAPELINE_LOG_RETENTION_BYTES_MAX": "20000",
    "TAPELINE_LOG_RETENTION_EVERY_MS": "50",
    "TAPELINE_PIPELINE_COMMIT_RECORDS_MAX": "5",
}
BEYOND = {"reason": "beyond_retention"}


def now_ms():
    return time.time_ns() // 1_000_000


def trade(**changes):
    return {"s": "AAPL", "p": 190.5, "t": now_ms(), "v": 3, "c": ["1"]} | changes


@pytest.fixture
def feed():
    feed = FakeFeed()
    yield feed
    feed.close()


def begin(tapeline):
    return int(tapeline.segments()[0].name.split("-")[1].split(".")[0])


def cuts(tapeline):
    entries = segments.read_whole_blocks(tapeline.segments())
    return [one for one in segments.controls_of(entries) if one["kind"] == "retention_cut"]


def before_of(cut):
    """The ordinal of the first record that stays."""
    return int(cut["detail"].removeprefix("before 0:"))


def is_removed(tapeline, ms):
    """Whether the log says that AAPL's trades of that time are removed, and what it says is done."""
    try:
        said = cuts(tapeline)
    except FileNotFoundError:  # It was removed since it was listed.
        return False
    for number, cut in enumerate(said):
        if cut["symbol"] != "AAPL" or not milliseconds(cut["from"]) <= ms <= milliseconds(cut["to"]):
            continue
        ends = [before_of(later) for later in said[number:] if later["symbol"] is None]
        return bool(ends) and begin(tapeline) >= ends[0]
    return False


def stored(live, start_ms):
    path = f"/api/v1/bars?symbol=AAPL&interval=1s&from={start_ms}&to={start_ms + 1000}"
    status, body = live.get(path)
    assert status == 200, body
    return json.loads(body)["bars"]


def test_law_5_what_comes_for_removed_times_is_a_dead_letter(feed, make_tapeline):
    tapeline = make_tapeline(**SHORT)
    live = tapeline.run_live(feed.url, ["AAPL"])
    feed.wait_for_subscriptions(["AAPL"])
    old = now_ms() // 1000 * 1000 - 3_600_000
    feed.send(frame(trade(t=old + 100)))
    feed.send(frame(trade(t=old + 900)))

    def removed():
        feed.send(frame(*(trade(p=100 + number % 7) for number in range(20))))
        return is_removed(tapeline, old + 500)

    harness.wait_until(removed, "the cut of the two old trades", 60, pause=0.2)
    before = harness.wait_until(lambda: stored(live, old), "the bar of an hour ago", 30)
    feed.send(frame(trade(t=old + 500, p=999)))
    live.wait_for_counter(harness.REJECTED, 1, **BEYOND)
    # Older than all that was ever removed: its bar lacks nothing.
    feed.send(frame(trade(t=old - 5_000, p=998)))
    older = harness.wait_until(lambda: stored(live, old - 5_000), "a bar that lacks nothing", 30)
    assert (older[0]["high"], older[0]["trade_count"]) == ("998", 1)
    assert stored(live, old) == before
    live.kill()

    # The next process knows it from what is left of the log.
    live = tapeline.run_live(feed.url, ["AAPL"])
    feed.wait_for_subscriptions(["AAPL"], number=2)
    feed.send(frame(trade(t=old + 500, p=997)))
    live.wait_for_counter(harness.REJECTED, 1, **BEYOND)
    status = json.loads(live.get("/api/v1/status")[1])
    assert "beyond_retention" in json.dumps(status["rejects"])
    assert stored(live, old) == before
    live.stop()

    done = tapeline.run("dead-letters", "list", "--json", "--limit", "0", "--data-dir", tapeline.data)
    letters = [json.loads(line) for line in done.stdout.splitlines()]
    assert [letter["reason"] for letter in letters] == ["beyond_retention"] * 2
    assert all(letter["source"] == "finnhub" and letter["sequence"] > 0 for letter in letters)
    shown = tapeline.run("dead-letters", "show", str(letters[0]["id"]), "--raw", "--data-dir", tapeline.data).stdout
    assert json.loads(shown)["p"] == 999
    again = tapeline.run("dead-letters", "replay", "--all", "--data-dir", tapeline.data).stdout
    assert "0 trades put in" in again and "2 still refused" in again
    verified = tapeline.run("verify", "--data-dir", tapeline.data, code=None)
    assert verified.code in (0, 5), str(verified)
    assert "no difference" in verified.stdout + verified.stderr


def test_the_log_says_what_is_removed_before_it_is(feed, make_tapeline):
    tapeline = make_tapeline(**SHORT)
    live = tapeline.run_live(feed.url, ["AAPL"])
    feed.wait_for_subscriptions(["AAPL"])

    def removed():
        feed.send(frame(*(trade() for _ in range(20))))
        return begin(tapeline) > 100

    harness.wait_until(removed, "a removed beginning", 60, pause=0.2)
    live.kill()
    said = cuts(tapeline)
    positions = [before_of(one) for one in said if one["symbol"] is None]
    # The kill may come between two removals of one cut.
    assert positions and 100 < begin(tapeline) <= max(positions)
    of_symbol = [one for one in said if one["symbol"] == "AAPL"]
    assert of_symbol and all(one["from"] <= one["to"] for one in of_symbol)
    # The first segment that is left begins with a state to start from.
    first = segments.read_segment(tapeline.segments()[0])[0][0]
    assert first.get("snapshot") is not None
