"""Dead letters: looked at, and put in after a fix, each once."""

import csv
import io
import json
import random
import signal
import time

import feeds
import harness
import pytest
import segments
from test_duplicates import DEDUPE, elements, play_three_times, suspects, total_suspects

REPLAYED = 8  # The mark of a trade, as in schemas/Trade.avsc.
FUTURE_MS_MAX = 250_000_000_000_000
LET_IN = ("--set", f"ingest.future_ms_max={FUTURE_MS_MAX}")
YEAR_9000_MS = 221_845_400_000_000
YEAR_50000_MS = 1_515_700_000_000_000  # Beyond what an Avro date is to most: never let in.


def with_far_rows(small, path, every):
    """The recording with each `every`th row moved to the year 9000; gives the path and how many they are."""
    rows = feeds.rows_of(small)
    far = [row | {"trade_timestamp_ms": str(YEAR_9000_MS + 7 * at)} for at, row in enumerate(rows)]
    return feeds.write_rows(path, [far[at] if at % every == 1 else row for at, row in enumerate(rows)]), len(
        rows[1::every]
    )


@pytest.fixture
def far(small, tmp_path):
    return with_far_rows(small, tmp_path / "far.csv", 100)


@pytest.fixture
def let_in(tmp_path):
    """The oracle's bars when times far ahead are no fault."""

    def bars(path, **options):
        return harness.oracle(path, future_bound_ms=FUTURE_MS_MAX, folder=tmp_path, **options)

    return bars


def dead_letters(tapeline, what, *arguments, code=0):
    return tapeline.run("dead-letters", what, *arguments, "--data-dir", tapeline.data, code=code)


def listed(tapeline, *arguments):
    lines = dead_letters(tapeline, "list", "--json", "--limit", "0", *arguments).stdout.splitlines()
    return [json.loads(line) for line in lines]


def outcomes(tapeline, *arguments):
    lines = dead_letters(tapeline, "replay", "--json", *arguments).stdout.splitlines()
    return [json.loads(line) for line in lines]


def logged(tapeline):
    return segments.trades_of(segments.read_all(tapeline.segments()))


def assert_marked_once(tapeline, count):
    marked = [segments.identity(trade) for trade in logged(tapeline) if trade["flags"] & REPLAYED]
    assert len(marked) == len(set(marked)) == count


def everything(tapeline):
    """What people see of a tape, to compare it before and after."""
    columns = "symbol,interval_ms,start_ms,open,high,low,close,volume,count,revision,final,suspect_duplicate_count"
    bars = tapeline.run("export", "bars", "--data-dir", tapeline.data, "--format", "csv", "--columns", columns)
    return bars.stdout, tapeline.export_trades()


def test_law_5_a_trade_of_the_year_9000_enters_once_it_is_let_in(
    far, tapeline, oracle_of, let_in, assert_same_bars
):
    recording, count = far
    tapeline.replay(recording)
    assert_same_bars(oracle_of(recording), tapeline.export_bars())
    assert [letter["reason"] for letter in listed(tapeline)] == ["time_in_future"] * count

    refused = dead_letters(tapeline, "replay", "--all").stdout
    assert f"{count} dead letters read again: 0 trades put in, 0 were in already, {count} still refused" in refused
    assert "time_in_future: The event time is further ahead of the clock than ingest.future_ms_max allows" in refused
    assert_same_bars(oracle_of(recording), tapeline.export_bars())

    done = dead_letters(tapeline, "replay", "--reason", "time_in_future", *LET_IN)
    assert f"{count} trades put in, 0 were in already, 0 still refused" in done.stdout
    assert_same_bars(let_in(recording), tapeline.export_bars())
    assert {letter["replayed"] for letter in listed(tapeline)} == {"yes"}
    assert_marked_once(tapeline, count)
    assert "true" in everything(tapeline)[0] and "false" not in everything(tapeline)[0], "every bar is final"

    before = everything(tapeline)
    again = dead_letters(tapeline, "replay", "--all", *LET_IN)
    assert f"0 trades put in, {count} were in already, 0 still refused" in again.stdout
    assert everything(tapeline) == before
    assert len(logged(tapeline)) == len(feeds.rows_of(recording))


def test_a_trade_of_the_year_50000_stays_and_is_told(small, tapeline, tmp_path):
    rows = feeds.rows_of(small)[:10]
    rows[5]["trade_timestamp_ms"] = str(YEAR_50000_MS)
    tapeline.replay(feeds.write_rows(tmp_path / "rows.csv", rows))
    done = dead_letters(tapeline, "replay", "1", *LET_IN).stdout
    assert done.splitlines()[0] == "1: still time_in_future"
    assert len(logged(tapeline)) == 9


def test_law_3_bars_with_replayed_letters_are_rebuilt_from_the_log(far, tapeline):
    recording, _ = far
    tapeline.replay(recording)
    dead_letters(tapeline, "replay", "--all", *LET_IN)
    before = everything(tapeline)
    for path in tapeline.data.glob("bars.sqlite*"):
        path.unlink()
    assert outcomes(tapeline, "--all", *LET_IN)[0]["known"] == 1, "the log knows them without the store"
    assert everything(tapeline) == before


def test_law_7_killed_while_replaying_nothing_enters_twice(small, make_tapeline, tmp_path, let_in, assert_same_bars):
    recording, count = with_far_rows(small, tmp_path / "far.csv", 4)
    tapeline = make_tapeline("killed", **harness.SMALLEST)
    make_tapeline("quick").run("replay", recording, "--data-dir", tapeline.data)
    rng, kills = random.Random(11), 0
    size = log_bytes(tapeline)
    for _ in range(8):
        process = tapeline.start("dead-letters", "replay", "--all", "--data-dir", tapeline.data, *LET_IN)
        enough = log_bytes(tapeline) + rng.uniform(0, size / 30)
        while process.running() and log_bytes(tapeline) < enough:
            time.sleep(0.0005)
        kills += process.running()
        process.kill()
        process.wait()
    assert kills >= 4
    dead_letters(tapeline, "replay", "--all", *LET_IN)
    assert_marked_once(tapeline, count)
    assert_same_bars(let_in(recording), tapeline.export_bars())


def test_law_7_a_recording_resumed_by_other_settings_has_each_element_once(small, make_tapeline, tmp_path):
    """Killed among rows that are put aside; by the settings of the next start they would be let in."""
    rows = feeds.rows_of(small)[:20]
    far = [rows[0] | {"trade_timestamp_ms": str(YEAR_9000_MS + at)} for at in range(150_000)]
    recording = feeds.write_rows(tmp_path / "far.csv", [*rows[:10], *far, *rows[10:]])
    tapeline = make_tapeline("resumed")
    killed_at(tapeline, "file.written:20", "replay", recording, "--data-dir", tapeline.data)
    aside = len(tapeline.dead_letters_so_far())
    before = segments.trades_of(segments.read_whole_blocks(tapeline.segments()))
    assert 0 < aside < len(far) and len(before) <= 10
    tapeline.run("replay", recording, "--data-dir", tapeline.data, *LET_IN)
    assert len(logged(tapeline)) == len(far) + 20 - aside
    assert len(tapeline.dead_letters()) == aside
    for put_in in (aside, 0):
        assert f"{put_in} trades put in" in dead_letters(tapeline, "replay", "--all", *LET_IN).stdout
        ids = [segments.identity(trade) for trade in logged(tapeline)]
        assert len(ids) == len(set(ids)) == len(far) + 20
    bars = tapeline.run("export", "bars", "--data-dir", tapeline.data, "--intervals", "1d", "--format", "csv").stdout
    counts = [int(bar["count"]) + int(bar["price_update_count"]) for bar in csv.DictReader(io.StringIO(bars))]
    assert sum(counts) == len(far) + 20


def killed_at(tapeline, point, *arguments):
    """Runs until the process strikes itself there, as in src/base/kill_point.h."""
    tapeline.settings["KILL_POINT"] = point
    done = tapeline.run(*arguments, code=None)
    del tapeline.settings["KILL_POINT"]
    assert done.code == -signal.SIGKILL, str(done)


def assert_each_row_is_logged_or_aside(tapeline, rows):
    kept = [segments.identity(trade) for trade in logged(tapeline)]
    kept += [segments.identity(letter) for letter in tapeline.dead_letters()]
    assert len(kept) == len(set(kept)) == rows


def test_law_5_letters_that_a_crash_took_are_put_aside_again(small, make_tapeline, tmp_path):
    """The log of the trades lasts longer than that of the dead letters: its disk was full, or the power failed."""
    recording, count = with_far_rows(small, tmp_path / "far.csv", 3)
    tapeline = make_tapeline("resumed", **harness.SMALLEST)
    killed_at(tapeline, "file.written:400", "replay", recording, "--data-dir", tapeline.data)
    assert count // 20 < len(tapeline.dead_letters_so_far()) < count, "killed too soon or too late"
    newest = tapeline.dead_letter_segments()[-1]
    with open(newest, "r+b") as file:
        file.truncate(newest.stat().st_size // 2)
    tapeline.replay(recording)
    rows = len(feeds.rows_of(recording))
    assert_each_row_is_logged_or_aside(tapeline, rows)
    assert f"{count} trades put in" in dead_letters(tapeline, "replay", "--all", *LET_IN).stdout
    assert len(logged(tapeline)) == rows


LETTERS_MAX = 1 << 20
LETTERS_SEGMENT = LETTERS_MAX // 4
BOUNDED = {"TAPELINE_DEAD_LETTERS_BYTES_MAX": str(LETTERS_MAX), "TAPELINE_LOG_RETENTION_EVERY_MS": "50"}
BAD_ROWS = 20_000  # About three times the limit.


@pytest.fixture
def bad_rows(tmp_path):
    rng = random.Random(5)
    rows = (f"A,{rng.randbytes(60).hex()},1,1700000000000,\n" for _ in range(BAD_ROWS))
    path = tmp_path / "bad.csv"
    path.write_text("symbol,price,volume,trade_timestamp_ms,conditions\n" + "".join(rows), "utf-8")
    return path


def letter_bytes(tapeline):
    return sum(path.stat().st_size for path in tapeline.dead_letter_segments())


def assert_the_newest_are_kept(tapeline):
    ids = [letter["id"] for letter in listed(tapeline)]
    assert ids == list(range(ids[0], BAD_ROWS + 1)), "the oldest are gone, and nothing else"
    assert 1 < ids[0] < BAD_ROWS * 9 // 10
    assert LETTERS_MAX - LETTERS_SEGMENT < letter_bytes(tapeline) <= LETTERS_MAX
    assert len(tapeline.dead_letters()) == len(ids)


def test_law_5_what_a_replay_puts_aside_is_bounded(bad_rows, make_tapeline):
    tapeline = make_tapeline(**BOUNDED)
    done = tapeline.replay(bad_rows)
    assert f"{BAD_ROWS} rejected" in done.stdout
    assert_the_newest_are_kept(tapeline)


def test_law_5_what_a_run_puts_aside_is_bounded_while_it_runs(bad_rows, make_tapeline):
    tapeline = make_tapeline(**BOUNDED)
    arguments = ("run", "--replay", bad_rows, "--speed", "max", "--port", "0", "--data-dir", tapeline.data)
    live = harness.Live(tapeline.start(*arguments))
    live.wait_for_counter(harness.REJECTED, BAD_ROWS)
    assert live.counter("tapeline_ingest_dead_letters_dropped_total") == 0
    harness.wait_until(lambda: letter_bytes(tapeline) <= LETTERS_MAX, "few enough dead letters")
    live.stop()
    assert_the_newest_are_kept(tapeline)


def log_bytes(tapeline):
    return sum(path.stat().st_size for path in tapeline.segments())


@pytest.mark.parametrize("per_frame", ["1", "7"])
def test_collapsed_frames_put_in_give_the_bars_of_everything_sent(
    per_frame, small, make_tapeline, tmp_path, oracle_of, assert_same_bars
):
    tapeline, ledger, frames = play_three_times(make_tapeline, tmp_path, small, "repeat_later=1", per_frame, "collapse")
    collapsed = sum(len(json.loads(letter["raw"])["data"]) for letter in tapeline.dead_letters())
    still = dead_letters(tapeline, "replay", "--all").stdout
    assert f"0 trades put in, 0 were in already, {len(listed(tapeline))} still refused" in still
    tapeline.settings[DEDUPE] = "mark"
    done = dead_letters(tapeline, "replay", "--reason", "duplicate_frame").stdout
    assert f"{collapsed} trades put in" in done
    assert len(logged(tapeline)) == elements(frames)
    assert_same_bars(oracle_of(ledger, ledger=True), tapeline.export_bars())
    assert total_suspects(tapeline) == collapsed > 0
    marked = make_tapeline("marked")
    recording = tmp_path / "frames.jsonl"
    recording.write_text("".join(text + "\n" for text in frames), "utf-8")
    marked.replay(recording)
    assert suspects(marked) == suspects(tapeline)


BAD = [
    b'{"data":[{"p":1.5,"s":"A\\u001b","t":1700000000000,"v":1},{"p":-1,"s":"B","t":1700000000000,"v":1}],"type":"trade"}',
    b'{"type":"strange"}',
    b"\xff\xfe no text",
    "{\"data\":[\"caf\u00e9 \u202e\"".encode(),
]


@pytest.fixture
def bad(make_tapeline, tmp_path):
    """A tape of a few broken frames."""
    recording = tmp_path / "bad.jsonl"
    recording.write_bytes(b'{"type":"ping"}\n' + b"".join(frame + b"\n" for frame in BAD))
    tapeline = make_tapeline()
    tapeline.replay(recording)
    return tapeline


def test_the_list_shows_where_each_letter_comes_from(bad):
    letters = listed(bad)
    reasons = ["bad_symbol", "bad_price", "unknown_type", "not_utf8", "malformed_json"]
    assert [letter["reason"] for letter in letters] == reasons
    assert [letter["id"] for letter in letters] == [1, 2, 3, 4, 5]
    assert [(letter["frame"], letter["sequence"]) for letter in letters] == [(2, 1), (2, 2), (3, None), (4, None), (5, None)]
    assert {letter["source"].split(":")[0] for letter in letters} == {"recording"}
    assert [letter["text"] for letter in letters[2:]] == [BAD[1].decode(), "", BAD[3].decode()]
    assert letters[3]["hex"] == BAD[2].hex()
    assert [letter["bytes"] for letter in letters[2:]] == [len(frame) for frame in BAD[1:]]

    table = dead_letters(bad, "list").stdout
    assert table.splitlines()[0].split()[:4] == ["id", "time", "reason", "source"]
    assert "\x1b" not in table
    rows = list(csv.DictReader(io.StringIO(dead_letters(bad, "list", "--csv").stdout)))
    assert [row["reason"] for row in rows] == reasons


def test_the_list_is_filtered_and_paged(bad):
    assert [letter["id"] for letter in listed(bad, "--reason", "unknown_type")] == [3]
    assert listed(bad, "--source", "finnhub") == []
    assert listed(bad, "--to", "2020-01-01") == []
    assert len(listed(bad, "--from", "2020-01-01")) == 5
    newest = dead_letters(bad, "list", "--limit", "2", "--columns", "id").stdout.split()
    assert newest == ["id", "4", "5"]
    assert dead_letters(bad, "list", "--limit", "2", "--before", "4", "--columns", "id").stdout.split() == ["id", "2", "3"]


def test_a_letter_is_shown_with_reason_origin_and_bytes(bad):
    shown = dead_letters(bad, "show", "3").stdout
    assert "reason       unknown_type: The frame's type is none that this program knows." in shown
    assert "frame 3, as a whole" in shown
    assert shown.endswith('\n\n{"type":"strange"}\n')
    assert "element 2" in dead_letters(bad, "show", "2").stdout
    assert dead_letters(bad, "show", "4").stdout.endswith(BAD[2].hex() + "\n")
    assert json.loads(dead_letters(bad, "show", "4", "--json").stdout)["hex"] == BAD[2].hex()


def test_raw_writes_the_bytes_as_they_came(bad):
    process = bad.start("dead-letters", "show", "4", "--raw", "--data-dir", bad.data)
    assert process.wait().code == 0
    assert process.stdout_path.read_bytes() == BAD[2]


def test_what_is_named_is_told_one_by_one(bad):
    done = dead_letters(bad, "replay", "3", "2").stdout.splitlines()
    assert done[:2] == ["2: still bad_price", "3: still unknown_type"]


def test_wrong_arguments_are_explained(bad, make_tapeline):
    assert "there is no dead letter 9: those kept have the numbers 1 to 5" in dead_letters(bad, "show", "9", code=1).stderr
    assert "there is no dead letter 9" in dead_letters(bad, "replay", "9", code=1).stderr
    assert "there is no reason 'late'; known are malformed_json" in dead_letters(
        bad, "list", "--reason", "late", code=2
    ).stderr
    assert "say which: ids, --reason, --source, --from, --to, or --all" in dead_letters(bad, "replay", code=2).stderr
    empty = make_tapeline("empty")
    assert str(empty.data) in dead_letters(empty, "replay", "--all", code=1).stderr
    assert not empty.data.exists()


def test_a_running_process_keeps_its_directory_and_shows_its_letters(make_tapeline, tmp_path):
    recording = tmp_path / "bad.jsonl"
    recording.write_bytes(b"".join(frame + b"\n" for frame in BAD))
    tapeline = make_tapeline()
    live = harness.Live(tapeline.start("run", "--replay", recording, "--port", "0", "--data-dir", tapeline.data))
    harness.wait_until(lambda: len(tapeline.dead_letters_so_far()) == 5, "five dead letters")
    refused = dead_letters(tapeline, "replay", "--all", code=1).stderr
    assert f"process {live.process.pid}" in refused
    assert "dead letters enter through the one process that writes a directory" in refused
    assert len(listed(tapeline)) == 5
    live.stop()
    assert "5 dead letters read again" in dead_letters(tapeline, "replay", "--all").stdout
