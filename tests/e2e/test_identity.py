"""Trade ids: new ones over restarts whatever the clock says, old ones recognised whatever comes again."""

import io
import json
import pathlib
import shutil
import subprocess

import feeds
import harness
import pytest
import segments
from fake_feed import FakeFeed
from test_dead_letters import LET_IN, dead_letters, everything, with_far_rows

DAY_S = 86_400
TIME_MS = 1_582_641_000_000
SHIFT_SOURCE = pathlib.Path(__file__).parent / "clock_shift.c"


@pytest.fixture
def feed():
    feed = FakeFeed()
    yield feed
    feed.close()


@pytest.fixture(scope="session")
def clock_shift(tmp_path_factory):
    """A library that moves a program's wall clock."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler (cc) to build the moved clock with")
    library = tmp_path_factory.mktemp("clock") / "clock_shift.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, SHIFT_SOURCE, "-ldl"], check=True)
    return library


def test_epochs_grow_also_when_the_clock_is_set_back(
    feed, make_tapeline, tmp_path, clock_shift, oracle_of, assert_same_bars
):
    tapeline = make_tapeline()
    if harness.instrumented(tapeline.binary):
        pytest.skip("a sanitizer's library must be the first that is loaded")
    tapeline.settings["LD_PRELOAD"] = str(clock_shift)
    shifts = [0, -DAY_S, -400 * DAY_S, -DAY_S]
    for run, shift in enumerate(shifts):
        tapeline.settings["CLOCK_SHIFT_S"] = str(shift)
        live = tapeline.run_live(feed.url, ["AAPL"])
        feed.wait_for_subscriptions(["AAPL"], run + 1)
        for trade in range(3):
            element = {"s": "AAPL", "p": 190 + run, "t": TIME_MS + 100 * trade, "v": 1}
            feed.send(json.dumps({"data": [element], "type": "trade"}))
        live.wait_for_counter(harness.ACCEPTED, 3)
        live.kill() if run % 2 else live.stop()
    logged = segments.trades_of(segments.read_all(tapeline.segments()))
    assert [trade["epoch"] for trade in logged] == [1] * 3 + [2] * 3 + [3] * 3 + [4] * 3
    received = [trade["ingest_time"] for trade in logged]
    assert received[3] < received[0] and received[6] < received[3], "the clock was set back"
    tapeline.settings.pop("LD_PRELOAD")
    tapeline.run_live(feed.url, ["AAPL"]).stop()  # Bars of what a killed process left in the log.
    assert_same_bars(oracle_of(feed.write_ledger(tmp_path / "ledger.jsonl"), ledger=True), tapeline.export_bars())


def test_blocks_appended_twice_change_nothing(small, tapeline, tmp_path):
    """What a retry could do: every record of the log comes again, those of replayed dead letters too."""
    recording, count = with_far_rows(small, tmp_path / "far.csv", 100)
    tapeline.replay(recording)
    dead_letters(tapeline, "replay", "--all", *LET_IN)
    before = everything(tapeline)
    [segment] = tapeline.segments()
    data = segment.read_bytes()
    header = io.BytesIO(data)
    segments.take_header(header)
    segment.write_bytes(data + data[header.tell() :])
    again = dead_letters(tapeline, "replay", "--all", *LET_IN)
    assert f"0 trades put in, {count} were in already" in again.stdout
    assert len(segments.trades_of(segments.read_all(tapeline.segments()))) == 2 * len(feeds.rows_of(recording))
    assert everything(tapeline)[0] == before[0]
    for path in tapeline.data.glob("bars.sqlite*"):
        path.unlink()
    dead_letters(tapeline, "replay", "--all", *LET_IN)
    assert everything(tapeline)[0] == before[0], "from the beginning of the log likewise"
