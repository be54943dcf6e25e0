"""Laws that show only on a running program: nothing too late, quiet is not blind, bounded, secret; and its disk and clock."""

import csv
import io
import json
import os
import signal
import subprocess
import time

import harness
import pytest
import segments
from covered import Coverage
from fake_feed import FakeFeed
from test_bad_frames import frame
from websockets.sync.client import connect


def now_ms():
    return time.time_ns() // 1_000_000


def trade(**changes):
    return {"s": "AAPL", "p": 190.5, "t": now_ms(), "v": 3, "c": ["1"]} | changes


@pytest.fixture
def feed():
    feed = FakeFeed()
    yield feed
    feed.close()


@pytest.fixture
def live(feed, make_tapeline):
    tapeline = make_tapeline(**harness.QUICK_RETRY)
    live = tapeline.run_live(feed.url, ["AAPL", "MSFT"])
    feed.wait_for_subscriptions(["AAPL", "MSFT"])
    live.tapeline = tapeline
    return live


def bars(live, symbol, interval="1s"):
    status, body = live.get(f"/api/v1/bars?symbol={symbol}&interval={interval}")
    assert status == 200, body
    return json.loads(body)["bars"]


def finished(live, symbol):
    return [bar for bar in bars(live, symbol) if bar["final"]]


def test_law_5_a_trade_of_last_week_revises_its_stored_bar(feed, live):
    week_ago = now_ms() - 7 * 86_400_000
    feed.send(frame(trade(t=week_ago)))
    feed.send(frame(trade()))
    first = harness.wait_until(lambda: finished(live, "AAPL"), "a final bar", 30)[0]
    feed.send(frame(trade(t=week_ago, p=200, v=5)))
    revised = harness.wait_until(
        lambda: [
            bar for bar in bars(live, "AAPL") if bar["start"] == first["start"] and bar["revision"] > first["revision"]
        ],
        "the revision",
        30,
    )[0]
    assert (float(first["high"]), float(first["volume"])) == (190.5, 3)
    assert (float(revised["high"]), float(revised["volume"])) == (200, 8)


def test_law_5_a_late_trade_is_counted_and_its_bar_pushed(feed, live):
    hour_ago = now_ms() - 3_600_000
    feed.send(frame(trade(t=hour_ago)))
    feed.send(frame(trade()))
    first = harness.wait_until(lambda: finished(live, "AAPL"), "a final bar", 30)[0]

    def late():
        return json.loads(live.get("/api/v1/status")[1])["counters"]["late"]

    before = late()
    with connect("ws" + live.address.removeprefix("http") + "/api/v1/stream") as stream:
        stream.send(json.dumps({"op": "subscribe", "channel": "bars", "symbol": "AAPL", "interval": "1s"}))
        while json.loads(stream.recv(timeout=30))["type"] != "snapshot":
            pass
        feed.send(frame(trade(t=hour_ago, p=200, v=5)))
        revised = []
        while not revised:
            message = json.loads(stream.recv(timeout=30))
            revised = [bar for bar in message.get("bars", []) if bar["start"] == first["start"]]
    assert (revised[0]["high"], revised[0]["revision"], revised[0]["final"]) == ("200", first["revision"] + 1, True)
    harness.wait_until(lambda: late() == before + 1, "the late trade in the status", 30)


def test_law_5_what_is_put_aside_is_told_once_with_what_to_do(feed, live):
    """A machine whose clock is an hour late refuses the present; it says so, and not a line per trade."""
    for _ in range(50):
        feed.send(frame(trade(t=now_ms() + 3_600_000)))
    feed.send("hello")
    live.wait_for_counter(harness.REJECTED, 51)
    live.process.wait_for("malformed_json: put aside from finnhub", where="stderr")
    told = [line for line in live.process.stderr.splitlines() if "time_in_future" in line]
    assert len(told) == 1 and "check the clock of this machine" in told[0], told


def test_law_6_silence_closes_windows_for_each_symbol(feed, live):
    """No trade follows, neither of these symbols nor of others; only the clock says that the second is over."""
    feed.send(frame(trade(), trade(s="MSFT")))
    for symbol in ("AAPL", "MSFT"):
        harness.wait_until(lambda symbol=symbol: finished(live, symbol), f"a final bar of {symbol}", 30)


MARKS = "start_ms,final,gap,coverage_kind,coverage_ms"


def exported_marks(tapeline, symbol):
    """The certificate of each second of `symbol` as `export` prints it."""
    chosen = ("--intervals", "1s", "--symbol", symbol, "--columns", MARKS, "--format", "csv")
    text = tapeline.run("export", "bars", "--data-dir", tapeline.data, *chosen).stdout
    return list(csv.DictReader(io.StringIO(text)))


def test_law_6_a_lost_connection_is_not_an_empty_market(feed, live):
    """A bar before the loss, one right after it, and one of a second that is wholly covered again."""
    harness.wait_for_a_new_second()
    feed.send(frame(trade()))
    live.wait_for_counter(harness.ACCEPTED, 1)
    feed.hang_up()
    feed.wait_for_subscriptions(["AAPL", "MSFT"], number=2)
    feed.send(frame(trade()))
    live.wait_for_counter(harness.ACCEPTED, 2)
    gaps = harness.wait_until(lambda: json.loads(live.get("/api/v1/gaps")[1])["gaps"], "the gap", 10)
    assert {gap["cause"] for gap in gaps} == {"disconnect"}, gaps
    assert any(bar["gap"] for bar in bars(live, "AAPL")), "the bar does not say that it may be incomplete"
    harness.wait_for_a_new_second()
    last_ms = now_ms()
    covered_ms = last_ms // 1000 * 1000
    feed.send(frame(trade(t=last_ms)))
    harness.wait_until(
        lambda: [bar for bar in finished(live, "AAPL") if bar["start_ms"] == covered_ms], "the covered bar to be final", 30
    )
    live.stop()
    coverage = Coverage(live.tapeline, "AAPL")
    marks = exported_marks(live.tapeline, "AAPL")
    assert {bar["final"] for bar in marks} == {"true"}
    for bar in marks:
        start_ms = int(bar["start_ms"])
        covered = coverage.covered_ms(start_ms, start_ms + 1000)
        assert bar["gap"] == str(coverage.touched(start_ms, start_ms + 1000)).lower(), bar
        assert (bar["coverage_ms"], bar["coverage_kind"]) == (str(covered), "confirmed" if covered else "assumed"), bar
    assert marks[0]["gap"] == "true" and marks[-1] == {
        "start_ms": str(covered_ms),
        "final": "true",
        "gap": "false",
        "coverage_kind": "confirmed",
        "coverage_ms": "1000",
    }


def test_law_10_memory_is_bounded_whatever_symbols_come(feed, live):
    """A feed that invents 100,000 symbols: each is a label to nobody, and memory stays in bounds."""
    for start in range(0, 100_000, 500):
        feed.send(frame(*(trade(s=f"X{number}") for number in range(start, start + 500))))
    live.wait_for_counter(harness.ACCEPTED, 100_000, timeout=90)
    live.process.assert_peak_below(600 << 20)
    assert len(live.metrics()) < 1_000, "a label set grows with what the feed sends"


def test_law_11_no_answer_file_or_line_shows_the_token(feed, make_tapeline):
    tapeline = make_tapeline(**harness.QUICK_RETRY, TAPELINE_DIAG_LEVEL="debug")
    feed.refuse(401, 429, 200)
    live = tapeline.run_live(feed.url, ["AAPL"])
    live.process.wait_for("401", where="stderr")
    paths = (
        "/metrics",
        "/healthz",
        "/readyz",
        "/api/v1/status",
        "/api/v1/config",
        "/api/v1/symbols",
        "/api/v1/gaps",
        "/nowhere",
    )
    texts = [live.get(path)[1] for path in paths]
    assert '"***"' in texts[4], "the settings are shown, the token masked"
    feed.wait_for_subscriptions(["AAPL"])
    feed.hang_up()
    feed.wait_for_subscriptions(["AAPL"], number=2)
    feed.send('{"type":"error","msg":"bad key ' + harness.TOKEN + '"}')
    feed.send(frame(trade()))
    live.wait_for_counter(harness.ACCEPTED, 1)
    texts += [live.get(path)[1] for path in paths]
    done = live.stop()
    texts += [done.stdout, done.stderr]
    texts += [tapeline.run(*arguments, code=None).stdout for arguments in (["config", "--effective"], ["check"])]
    assert not [text for text in texts if harness.TOKEN in text]
    files = [path for path in tapeline.data.rglob("*") if path.is_file()]
    assert files and not [path for path in files if harness.TOKEN.encode() in path.read_bytes()]


def test_law_11_a_token_inside_the_address_is_refused_and_not_repeated(tapeline):
    """As in the address of Finnhub's own examples."""
    done = tapeline.run("run", "--url", f"wss://ws.finnhub.io?token={harness.TOKEN}", code=2)
    assert "feed.url" in done.stderr and "feed.token (FINNHUB_API_TOKEN)" in done.stderr
    assert harness.TOKEN not in done.stdout + done.stderr


# The disk and the clock of a running program.


@pytest.fixture
def tiny_disk(tmp_path):
    place = tmp_path / "tiny"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", place], capture_output=True, text=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"cannot mount a small file system: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def fill(place):
    """A file that leaves no room on the disk of `place`."""
    ballast = place / "ballast"
    with open(ballast, "wb", buffering=0) as file:
        try:
            while file.write(b"x" * 65536) > 0:
                pass
        except OSError:
            pass
    return ballast


def test_law_8_a_disk_that_fills_while_running_pauses_intake_until_there_is_room(
    feed, tiny_disk, make_tapeline, tmp_path, oracle_of, assert_same_bars
):
    tapeline = make_tapeline(**harness.QUICK_RETRY, TAPELINE_STORE_FREE_BYTES_MIN="1048576")
    tapeline.data = tiny_disk / "data"
    live = tapeline.run_live(feed.url, ["AAPL"])
    feed.wait_for_subscriptions(["AAPL"])
    feed.send(frame(trade()))
    live.wait_for_counter(harness.ACCEPTED, 1)
    ballast = fill(tiny_disk)
    for number in range(300):
        feed.send(frame(*(trade(p=100 + number / 100, x="y" * 50) for _ in range(20))))
    live.process.wait_for(r"(?i)no space left|disk is full", where="stderr", timeout=30)
    assert live.get("/healthz")[0] == 200
    ballast.unlink()
    live.wait_for_counter(harness.ACCEPTED, 6001, timeout=60)
    live.stop()
    assert_same_bars(oracle_of(feed.write_ledger(tmp_path / "ledger.jsonl"), ledger=True), tapeline.export_bars())


def test_law_6_a_program_that_was_suspended_says_so_and_goes_on(feed, make_tapeline):
    """As a laptop that slept: the process stands still while time goes on."""
    tapeline = make_tapeline(**harness.QUICK_WATCHDOG)
    live = tapeline.run_live(feed.url, ["AAPL"])
    feed.wait_for_subscriptions(["AAPL"])
    feed.send(frame(trade()))
    live.wait_for_counter(harness.ACCEPTED, 1)
    os.kill(live.process.pid, signal.SIGSTOP)
    time.sleep(12)
    os.kill(live.process.pid, signal.SIGCONT)
    feed.wait_for_subscriptions(["AAPL"], number=2)
    feed.send(frame(trade()))
    live.wait_for_counter(harness.ACCEPTED, 2)
    live.stop()
    assert "stood still" in live.process.stderr, str(live.process)
    controls = segments.controls_of(segments.read_all(tapeline.segments()))
    assert any("frozen" in control["detail"] for control in controls if control["kind"] == "gap"), controls
