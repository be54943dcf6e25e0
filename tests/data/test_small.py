"""The committed recording is what its script writes, and has what its description promises."""

import collections
import csv
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
SMALL = HERE / "small.csv"


def rows():
    with open(SMALL, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_script_writes_the_committed_bytes():
    written = subprocess.run([sys.executable, HERE / "make_small.py"], check=True, capture_output=True).stdout
    assert written == SMALL.read_bytes()
    assert len(written) < 200_000


def test_it_has_the_hard_things():
    recording = rows()
    per_millisecond = collections.Counter((row["symbol"], row["trade_timestamp_ms"]) for row in recording)
    shared = sum(count for count in per_millisecond.values() if count > 1)
    assert shared > len(recording) / 3

    newest, late = {}, 0
    for row in recording:
        time, symbol = int(row["trade_timestamp_ms"]), row["symbol"]
        late += time < newest.get(symbol, 0)
        newest[symbol] = max(time, newest.get(symbol, 0))
    assert 0.08 < late / len(recording) < 0.12

    repeats = len(recording) - len({tuple(row.values()) for row in recording})
    assert repeats > 50
    updates = {row["symbol"] for row in recording if row["volume"] == "0"}
    assert {"OANDA:EUR_USD", "IC MARKETS:1"} <= updates
    assert any(len(row["volume"].partition(".")[2]) == 8 for row in recording)
    assert any(len(row["price"].partition(".")[2]) == 10 for row in recording)
    assert any(";" in row["conditions"] for row in recording)
    assert sum(int(row["trade_timestamp_ms"]) % 1000 in (0, 999) for row in recording) > 20
