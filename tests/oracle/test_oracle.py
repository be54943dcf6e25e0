"""The oracle against bars computed by hand; the product is not involved."""

import gzip
import json
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).parent
HEADER = "symbol,interval_ms,start_ms,open,high,low,close,volume,notional,count,price_update_count,priced_by\n"
NAMES = {
    1000: "1s",
    5000: "5s",
    15000: "15s",
    60000: "1m",
    300000: "5m",
    900000: "15m",
    1800000: "30m",
    3600000: "1h",
    14400000: "4h",
    86400000: "1d",
}
PAGES = sorted(page for page in (HERE / "hand").glob("*.md") if page.name != "README.md")


def blocks_of(page, kind):
    """The texts of a page's fenced blocks of this kind."""
    parts = page.read_text(encoding="utf-8").split("```")[1::2]
    return [text.split("\n", 1)[1] for text in parts if text.split("\n", 1)[0] == kind]


def run_oracle(*arguments):
    command = [sys.executable, HERE / "oracle.py", "--now-ms", "1800000000000", "--summary", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(done.stderr)


def intervals_of(expected):
    intervals = {int(line.split(",")[1]) for line in expected.splitlines()}
    return ",".join(NAMES[interval] for interval in sorted(intervals))


def test_there_are_at_least_ten_hand_computed_pages():
    assert len(PAGES) >= 10


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_oracle_agrees_with_the_hand(page, tmp_path):
    [expected] = blocks_of(page, "expected")
    rejected = "".join(blocks_of(page, "rejected"))
    inputs = blocks_of(page, "input")
    assert inputs
    for number, text in enumerate(inputs):
        file = tmp_path / f"{number}.txt"
        file.write_text(text, encoding="utf-8")
        bars, summary = run_oracle(str(file), "--intervals", intervals_of(expected))
        assert bars == HEADER + expected
        assert "".join(f"{reason} {count}\n" for reason, count in summary["rejected"].items()) == rejected


def test_gzip_is_told_by_content(tmp_path):
    page = HERE / "hand" / "01-equal-milliseconds.md"
    file = tmp_path / "recording"
    file.write_bytes(gzip.compress(blocks_of(page, "input")[0].encode()))
    bars, _ = run_oracle(str(file), "--intervals", "1s,1m")
    assert bars == HEADER + blocks_of(page, "expected")[0]


def ledger_line(connection, frame, elements, sent_ms=1_700_000_000_000):
    text = json.dumps({"data": elements, "type": "trade"})
    return json.dumps({"connection": connection, "frame": frame, "sent_us": sent_ms * 1000, "bytes": text}) + "\n"


def trade(price, volume, event_time=1_699_999_980_000):
    return {"s": "AAPL", "p": price, "t": event_time, "v": volume}


def test_a_later_connection_comes_later_in_identity_order(tmp_path):
    # One millisecond over two connections: connection 1 opens and connection 2 closes, wherever their lines stand.
    file = tmp_path / "ledger.jsonl"
    file.write_text(
        ledger_line(2, 1, [trade(12, 1), trade(13, 1)])
        + ledger_line(1, 1, [trade(10, 1)])
        + json.dumps({"connection": 1, "frame": 2, "sent_us": 1, "bytes": '{"type":"ping"}'})
        + "\n"
        + ledger_line(1, 3, [trade(11, 1)])
    )
    bars, summary = run_oracle(str(file), "--from-ledger", "--intervals", "1m")
    assert bars == HEADER + "AAPL,60000,1699999980000,10,13,10,13,4,46,4,0,trades\n"
    assert summary == {"accepted": 4, "rejected": {}}


def test_a_ledger_measures_the_future_from_the_moment_of_sending(tmp_path):
    sent_ms = 1_699_999_980_000
    file = tmp_path / "ledger.jsonl"
    file.write_text(
        ledger_line(1, 1, [trade(10, 1), trade(11, 1, sent_ms + 5_000), trade(12, 1, sent_ms + 5_001)], sent_ms)
    )
    bars, summary = run_oracle(str(file), "--from-ledger", "--intervals", "1m", "--future-bound-ms", "5000")
    assert bars == HEADER + "AAPL,60000,1699999980000,10,11,10,11,2,21,2,0,trades\n"
    assert summary == {"accepted": 2, "rejected": {"event time in the future": 1}}


def test_two_recordings_of_one_symbol_are_refused(tmp_path):
    text = blocks_of(HERE / "hand" / "01-equal-milliseconds.md", "input")[0]
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(text)
    command = [sys.executable, HERE / "oracle.py", tmp_path / "a.csv", tmp_path / "b.csv"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "BINANCE:BTCUSDT is in" in done.stderr


def test_a_symbol_that_is_a_number_is_refused(tmp_path):
    file = tmp_path / "frames.jsonl"
    numbered = {**trade(11, 1), "s": 5}
    file.write_text(json.dumps({"type": "trade", "data": [trade(10, 1), numbered]}) + "\n")
    bars, summary = run_oracle(str(file), "--intervals", "1m")
    assert bars == HEADER + "AAPL,60000,1699999980000,10,10,10,10,1,10,1,0,trades\n"
    assert summary == {"accepted": 1, "rejected": {"symbol not a string": 1}}


def test_symbols_sort_by_their_bytes(tmp_path):
    file = tmp_path / "recording.csv"
    symbols = ["b", "B", "Ä", "A B", "A,B", "\U0001f600", "\uffee"]
    rows = ["symbol,price,volume,trade_timestamp_ms,conditions"]
    rows += [('"A,B"' if symbol == "A,B" else symbol) + ",1,1,1699999980000," for symbol in symbols]
    file.write_text("\n".join(rows) + "\n", encoding="utf-8")
    bars, _ = run_oracle(str(file), "--intervals", "1m")
    printed = [line.rsplit(",", 11)[0] for line in bars.splitlines()[1:]]
    assert printed == ["A B", '"A,B"', "B", "b", "Ä", "\uffee", "\U0001f600"]
