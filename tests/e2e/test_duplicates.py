"""Frames that the feed repeats, as Finnhub did in April 2020, and equal trades that are no repetitions."""

import collections
import csv
import io
import json

import feeds
import pytest
import recordings
import segments
from test_socket import play

REPEATED = 4  # The mark of a trade, as in schemas/Trade.avsc.
WINDOW_MS = 5_000
COLUMNS = "symbol,interval_ms,start_ms,count,price_update_count,suspect_duplicate_count"
THREE_TIMES = ["duplicate=1", "repeat_later=1"]  # In a row, and among up to eight later frames.
DEDUPE = "TAPELINE_INGEST_DEDUPE"


def judged(frames):
    """(frame, whether it repeats one of the last five seconds of its connection) by the plainest way there is."""
    newest, seen = 0, []
    for text in frames:
        times = [element["t"] for element in json.loads(text)["data"]]
        newest = max(newest, *times)
        seen = [(when, other) for when, other in seen if when + WINDOW_MS >= newest]
        yield text, any(other == text for _, other in seen)
        seen.append((newest, text))


def sent(ledger):
    """Trade frames in the order in which they were sent; there was one connection."""
    lines = [json.loads(line) for line in ledger.read_text("utf-8").splitlines()]
    return [line["bytes"] for line in lines if '"data"' in line.get("bytes", "")]


def elements(frames):
    return sum(len(json.loads(frame)["data"]) for frame in frames)


def suspects(tapeline, interval="1m"):
    done = tapeline.run(
        "export", "bars", "--data-dir", tapeline.data, "--intervals", interval, "--format", "csv", "--columns", COLUMNS
    )
    return done.stdout


def total_suspects(tapeline):
    return sum(int(row["suspect_duplicate_count"]) for row in csv.DictReader(io.StringIO(suspects(tapeline))))


def play_three_times(make_tapeline, tmp_path, small, how, per_frame, dedupe):
    options = ["--misbehave", how, "--seed", "5", "--trades-per-frame", per_frame]
    symbols = feeds.symbols_of(feeds.rows_of(small))
    tapeline, ledger = play(make_tapeline, tmp_path, small, symbols, *options, settings={DEDUPE: dedupe})
    frames = sent(ledger)
    assert elements(frames) == 3 * len(feeds.rows_of(small))
    return tapeline, ledger, frames


@pytest.mark.parametrize("per_frame", ["1", "10"])
@pytest.mark.parametrize("how", THREE_TIMES)
def test_a_delivery_of_three_times_is_kept_and_counted(
    how, per_frame, small, make_tapeline, tmp_path, oracle_of, assert_same_bars
):
    tapeline, ledger, frames = play_three_times(make_tapeline, tmp_path, small, how, per_frame, "mark")
    assert_same_bars(oracle_of(ledger, ledger=True), tapeline.export_bars())
    expected = elements(text for text, repeats in judged(frames) if repeats)
    assert expected > 1.8 * len(feeds.rows_of(small))  # Later copies may come after the window.
    assert total_suspects(tapeline) == expected
    trades = segments.trades_of(segments.read_all(tapeline.segments()))
    assert sum(trade["flags"] & REPEATED != 0 for trade in trades) == expected


@pytest.mark.parametrize("per_frame", ["1", "10"])
@pytest.mark.parametrize("how", THREE_TIMES)
def test_collapsed_frames_are_counted_and_their_bytes_kept(
    how, per_frame, small, make_tapeline, tmp_path, oracle_of, assert_same_bars
):
    tapeline, _, frames = play_three_times(make_tapeline, tmp_path, small, how, per_frame, "collapse")
    verdicts = list(judged(frames))
    once = tmp_path / "once.jsonl"
    once.write_text("".join(text + "\n" for text, repeats in verdicts if not repeats), "utf-8")
    assert_same_bars(oracle_of(once), tapeline.export_bars())
    letters = tapeline.dead_letters()
    assert {letter["reason"] for letter in letters} == {"duplicate_frame"}
    assert [letter["raw"].decode() for letter in letters] == [text for text, repeats in verdicts if repeats]
    assert total_suspects(tapeline) == 0


def test_with_dedupe_off_nothing_is_marked(small, make_tapeline, tmp_path, oracle_of, assert_same_bars):
    tapeline, ledger, _ = play_three_times(make_tapeline, tmp_path, small, "duplicate=1", "1", "off")
    assert_same_bars(oracle_of(ledger, ledger=True), tapeline.export_bars())
    assert total_suspects(tapeline) == 0


def test_law_3_suspects_are_a_function_of_the_log(small, make_tapeline, tmp_path):
    """By socket, by file, and rebuilt from the log by another setting: the marks are in the records."""
    live, _, frames = play_three_times(make_tapeline, tmp_path, small, "repeat_later=1", "3", "mark")
    recording = tmp_path / "frames.jsonl"
    recording.write_text("".join(text + "\n" for text in frames), "utf-8")
    replayed = make_tapeline("replayed")
    replayed.replay(recording)
    first = suspects(replayed)
    assert suspects(live) == first
    for path in replayed.data.glob("bars.sqlite*"):
        path.unlink()
    replayed.settings[DEDUPE] = "off"
    replayed.replay(recording)
    assert suspects(replayed) == first


def test_the_log_says_by_which_rule_frames_were_judged(small, make_tapeline):
    tapeline = make_tapeline("tapeline", TAPELINE_INGEST_DEDUPE="off")
    tapeline.replay(small)
    controls = segments.controls_of(segments.read_all(tapeline.segments()))
    assert "ingest.dedupe=off" in [control["detail"] for control in controls if control["kind"] == "setting"]


@pytest.mark.parametrize("recording", [recordings.NAMES[0]], indirect=True)
def test_equal_trades_are_separate_trades(recording, make_tapeline, tmp_path):
    """24,719 rows of the recording equal an earlier one: all stay, by file, and a frame each by socket."""

    def as_row(row):
        return tuple(row[column] for column in feeds.COLUMNS[:4])

    rows = collections.Counter(as_row(row) for row in feeds.rows_of(recording))
    assert sum(count - 1 for count in rows.values()) == 24_719
    by_file = make_tapeline("by-file")
    by_file.replay(recording, timeout=300)
    symbols = sorted({symbol for symbol, *_ in rows})
    by_socket, _ = play(make_tapeline, tmp_path, recording, symbols, "--trades-per-frame", "1")
    for tapeline in (by_file, by_socket):
        exported = csv.DictReader(io.StringIO(tapeline.export_trades()))
        assert collections.Counter(as_row(row) for row in exported) == rows
    assert total_suspects(by_file) == 0
    assert total_suspects(by_socket) > 20_000
