"""The socket path: recordings through the simulator's WebSocket into `tapeline run`, compared by the simulator's ledger."""

import json
import re

import feeds
import harness
import pytest
import recordings
import segments


def simulate(tapeline, folder, *arguments):
    """(process, address, ledger) of a simulator."""
    ledger = folder / "ledger.jsonl"
    process = tapeline.start("simulate", "--ledger", ledger, "--port", "0", *arguments)
    return process, process.wait_for(harness.SIMULATING).group(1), ledger


def elements_of(ledger):
    """(frames, elements of trade frames) in the ledger."""
    frames = elements = 0
    with open(ledger, encoding="utf-8") as file:
        for line in file:
            sent = json.loads(line)
            if "bytes" in sent:
                frames += 1
                elements += sent["bytes"].count('"s":') if '"data"' in sent["bytes"] else 0
    return frames, elements


def rows_in(file):
    with feeds.open_text(file) as lines:
        return sum(1 for _ in lines) - 1


def play(make_tapeline, tmp_path, file, symbols, *more, settings=None, pace=("--rate", "max")):
    """Plays the whole file, at full speed by default; returns the receiving instance, ended, and the ledger."""
    simulator, url, ledger = simulate(make_tapeline("simulator"), tmp_path, "--recording", file, *pace, *more)
    tapeline = make_tapeline("receiver", **(settings or {}))
    live = tapeline.run_live(url, symbols, "--exit-at-end")
    done = live.process.wait(500)
    assert done.code == 0, str(done)
    simulator.terminate()
    simulator.wait(30)
    return tapeline, ledger


@pytest.mark.parametrize("recording", recordings.NAMES, indirect=True)
def test_a_recording_through_the_socket(recording, make_tapeline, tmp_path, oracle_of, assert_same_bars):
    symbols = sorted({row["symbol"] for row in feeds.rows_of(recording)})
    rows = rows_in(recording)
    tapeline, ledger = play(make_tapeline, tmp_path, recording, symbols)
    assert elements_of(ledger)[1] == rows
    assert_same_bars(oracle_of(ledger, ledger=True), tapeline.export_bars())
    # Without faults nothing is lost or changed on the way: the recording itself gives the same bars.
    assert_same_bars(oracle_of(recording), tapeline.export_bars())


def test_the_small_recording_through_the_socket(small, make_tapeline, tmp_path, oracle_of, assert_same_bars):
    rows = feeds.rows_of(small)
    tapeline, ledger = play(make_tapeline, tmp_path, small, feeds.symbols_of(rows))
    assert_same_bars(oracle_of(ledger, ledger=True), tapeline.export_bars())
    assert_same_bars(oracle_of(small), tapeline.export_bars())


@pytest.mark.parametrize("recording", [recordings.FRAMES], indirect=True)
def test_captured_frames_through_the_socket(recording, make_tapeline, tmp_path, oracle_of, assert_same_bars):
    frames = [json.loads(line) for line in recording.read_text("utf-8").splitlines()]
    elements = [element for frame in frames if frame["type"] == "trade" for element in frame["data"]]
    symbols = sorted({element["s"] for element in elements})
    tapeline, ledger = play(make_tapeline, tmp_path, recording, symbols)
    assert_same_bars(oracle_of(ledger, ledger=True), tapeline.export_bars())


# After each of these every frame of the ledger has arrived: nothing is cut without a closing handshake.
MISBEHAVIOURS = [
    "duplicate=0.05",
    "duplicate=0.02,copies=10",
    "disorder=0.1",
    "malformed=0.1",
    "oversized=x5",
    "unknown_type=0.1,error=0.05",
    "ping=5ms",
    "burst=50ms/100ms",
    "silence=50ms/200ms",
    "pause=50ms/200ms",
    "unauthorized=x1",
    "too_many_requests=x2",
    "not_upgraded=x2",
    "half_open=x1",
    "duplicate=0.03,disorder=0.05,malformed=0.05,unknown_type=0.03,error=0.02,ping=20ms,not_upgraded=x1",
]


@pytest.mark.parametrize("misbehaviour", MISBEHAVIOURS)
def test_a_misbehaving_feed_gives_the_bars_of_what_it_sent(
    misbehaviour, small, make_tapeline, tmp_path, oracle_of, assert_same_bars
):
    symbols = feeds.symbols_of(feeds.rows_of(small))
    options = ["--misbehave", misbehaviour, "--seed", "3"]
    tapeline, ledger = play(make_tapeline, tmp_path, small, symbols, *options, settings=harness.QUICK_WATCHDOG)
    assert elements_of(ledger)[1] >= 4_000
    assert_same_bars(oracle_of(ledger, ledger=True), tapeline.export_bars())


# Connections end every few hundred frames; at this speed there is something left to send after each.
SLOWER = ("--speed", "300")


def test_disconnected_again_and_again(small, make_tapeline, tmp_path, oracle_of, assert_same_bars):
    """As on any feed, what is not subscribed yet is not sent; what was sent has arrived."""
    symbols = feeds.symbols_of(feeds.rows_of(small))
    options = ["--misbehave", "duplicate=0.05,disorder=0.05,malformed=0.05,disconnect=200f", "--seed", "3"]
    tapeline, ledger = play(
        make_tapeline, tmp_path, small, symbols, *options, settings=harness.QUICK_RETRY, pace=SLOWER
    )
    assert elements_of(ledger)[1] >= 2_000
    assert_same_bars(oracle_of(ledger, ledger=True), tapeline.export_bars())
    assert_every_interruption_is_a_gap(tapeline)


def test_what_an_aborted_connection_loses_lies_in_a_gap(small, make_tapeline, tmp_path):
    symbols = feeds.symbols_of(feeds.rows_of(small))
    options = ["--misbehave", "abort=200f", "--seed", "3"]
    tapeline, ledger = play(
        make_tapeline, tmp_path, small, symbols, *options, settings=harness.QUICK_RETRY, pace=SLOWER
    )
    assert tapeline.logged_trades() <= elements_of(ledger)[1]
    assert_every_interruption_is_a_gap(tapeline)


def assert_every_interruption_is_a_gap(tapeline):
    entries = segments.read_all(tapeline.segments())
    logged = segments.trades_of(entries)
    assert len({segments.identity(trade) for trade in logged}) == len(logged)
    epochs = {trade["epoch"] for trade in logged}
    gaps = [control for control in segments.controls_of(entries) if control["kind"] == "gap"]
    assert len(epochs) > 3
    assert sum("disconnect" in control["detail"] for control in gaps) >= len(epochs) - 1


def test_law_6_a_feed_that_pings_and_sends_no_trades_is_a_gap(make_tapeline, tmp_path):
    """Frozen: the connection lives, the market is open, and trades are lost."""
    misbehave = ("--misbehave", "pause=4s/30s,ping=500ms")
    simulator, url, _ = simulate(make_tapeline("simulator"), tmp_path, "--seed", "1", *misbehave)
    tapeline = make_tapeline("receiver", TAPELINE_FEED_STALE_MS="3000", **harness.QUICK_RETRY)
    live = tapeline.run_live(url, ["BINANCE:BTCUSDT"])
    live.wait_for_counter("tapeline_feed_trades_stopped_total", 1, timeout=60)
    live.wait_for_counter("tapeline_feed_connects_total", 2)
    live.stop()
    simulator.terminate()
    simulator.wait(30)
    entries = segments.read_all(tapeline.segments())
    last = max(trade["ingest_time"] for trade in segments.trades_of(entries) if trade["epoch"] == 1)
    controls = segments.controls_of(entries)
    frozen = [control for control in controls if control["kind"] == "gap" and control["detail"] == "frozen"]
    [closed] = [control for control in controls if control["kind"] == "epoch_closed" and control["epoch"] == 1]
    opened = [control for control in controls if control["kind"] == "epoch_opened" and control["epoch"] == 2]
    silent = float(re.match(r"frozen: no trade for ([\d.]+) s", closed["detail"])[1])
    assert 3 <= silent < 60, closed
    assert (closed["ingest_time"] - last).total_seconds() >= 3
    # All that had come by a tick was read, and what came then was sent at most the latency bound (2 s) before.
    assert 2 <= (last - frozen[0]["from"]).total_seconds() < 60, (last, frozen)
    assert frozen[-1]["to"] >= opened[0]["ingest_time"], "it lasts until the next opening"
    assert "frozen" in tapeline.run("gaps", "--data-dir", tapeline.data).stdout


def test_a_fixed_seed_gives_a_fixed_ledger(make_tapeline, tmp_path):
    """The generated market is reproducible: two runs with one seed send the same bytes, another seed does not."""

    def frames(name, seed):
        folder = tmp_path / name
        folder.mkdir()
        simulator, url, ledger = simulate(make_tapeline(f"simulator-{name}"), folder, "--seed", seed, "--rate", "2000")
        receiver = make_tapeline(f"receiver-{name}")
        live = receiver.run_live(url, ["BINANCE:BTCUSDT", "AAPL"])
        live.wait_for_counter(harness.ACCEPTED, 200, timeout=60)
        live.stop()
        simulator.terminate()
        simulator.wait(30)
        lines = [json.loads(line) for line in ledger.read_text("utf-8").splitlines()]
        return [line["bytes"] for line in lines if '"data"' in line.get("bytes", "")]

    def without_times(lines):
        shapes = []
        for line in lines:
            shapes.append([(element["s"], element["p"], element["v"]) for element in json.loads(line)["data"]])
        return shapes

    one, same, other = frames("one", "5"), frames("same", "5"), frames("other", "6")
    common = min(len(one), len(same))
    assert without_times(one[:common]) == without_times(same[:common])
    assert without_times(one[:common]) != without_times(other[:common])
