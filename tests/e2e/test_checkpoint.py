"""The checkpoint is a convenience: whatever becomes of it, the bars are those of the log."""

import base64
import json
import re
import sqlite3

import harness
import pytest
import segments

FIELDS = {"state", "position", "log_end", "bytes", "version"}


def show(tapeline):
    return json.loads(tapeline.run("checkpoint", "show", "--data-dir", tapeline.data, "--json").stdout)


def change_store(tapeline, sql, *values):
    with sqlite3.connect(tapeline.data / "bars.sqlite") as database:
        database.execute(sql, values)
    database.close()


def checkpoint_of(tapeline):
    with sqlite3.connect(tapeline.data / "bars.sqlite") as database:
        row = database.execute("SELECT position, state FROM checkpoint").fetchone()
    database.close()
    return row


def rows_of(tapeline):
    """Everything of every bar but `through`, which is bookkeeping."""
    with sqlite3.connect(tapeline.data / "bars.sqlite") as database:
        columns = [name for (_, name, *_) in database.execute("PRAGMA table_info(bars)") if name != "through"]
        rows = database.execute(f"SELECT {','.join(columns)} FROM bars ORDER BY 1, 2, 3, 4").fetchall()
    database.close()
    return rows


# Columns of those rows: what stands before the certificate is made of records alone.
TRADE_COUNT, CERTIFICATE = 12, 16

PIECES = (0, 500, 1000, 1500, 4000)


def replay_piece(tapeline, small, number, code=0):
    """Each piece is a recording of its own, so a process and a source of its own; later ones are late for earlier bars."""
    header, *rows = small.read_text().splitlines(keepends=True)
    piece = tapeline.folder / f"{number}.csv"
    piece.write_text("".join([header, *rows[PIECES[number] : PIECES[number + 1]]]))
    return tapeline.run(*tapeline.replay_arguments(piece), code=code)


def later(tapeline, small):
    replay_piece(tapeline, small, 3)


@pytest.fixture
def stopped(make_tapeline, small):
    """A directory of many short segments, each begun with a snapshot."""
    tapeline = make_tapeline(**harness.SMALLEST)
    for number in range(3):
        replay_piece(tapeline, small, number)
    assert len(tapeline.segments()) > 5
    return tapeline


@pytest.fixture
def undisturbed(make_tapeline, small):
    tapeline = make_tapeline("undisturbed", **harness.SMALLEST)
    for number in range(4):
        replay_piece(tapeline, small, number)
    return tapeline


def flip(state, at):
    return state[:at] + bytes([state[at] ^ 1]) + state[at + 1 :]


SPOILED = {
    "first byte": lambda state: flip(state, 0),
    "version": lambda state: state[:3] + bytes([state[3] + 1]) + state[4:],
    "middle": lambda state: flip(state, len(state) // 2),
    "last byte": lambda state: flip(state, len(state) - 1),
    "cut": lambda state: state[: len(state) // 2],
    "nothing": lambda state: b"",
    "long": lambda state: state + b"\0",
}


@pytest.mark.parametrize("name", SPOILED)
def test_a_spoiled_checkpoint_is_dropped_and_the_bars_are_the_logs(name, stopped, undisturbed, small):
    position, state = checkpoint_of(stopped)
    change_store(stopped, "UPDATE checkpoint SET state = ?", SPOILED[name](state))
    assert show(stopped)["state"] == ("reset" if name == "nothing" else "refused")
    later(stopped, small)
    assert show(stopped)["state"] == "whole"
    assert rows_of(stopped) == rows_of(undisturbed)


def test_without_a_checkpoint_the_bars_are_the_logs(stopped, undisturbed, small):
    change_store(stopped, "DELETE FROM checkpoint")
    assert show(stopped)["state"] == "missing"
    later(stopped, small)
    assert rows_of(stopped) == rows_of(undisturbed)


def test_every_byte_of_a_checkpoint_is_covered_by_its_checksum(stopped):
    position, state = checkpoint_of(stopped)
    for at in range(0, len(state), 37):
        change_store(stopped, "UPDATE checkpoint SET state = ?", flip(state, at))
        assert show(stopped)["state"] == "refused", at
    change_store(stopped, "UPDATE checkpoint SET state = ?, position = position - 1", state)
    shown = show(stopped)
    assert shown["state"] == "refused" and "another position" in shown["why"]


def test_a_checkpoint_beyond_the_log_is_refused_with_what_to_do(stopped, small):
    change_store(stopped, "UPDATE checkpoint SET position = position + 100000")
    done = stopped.run(*stopped.replay_arguments(small), code=1)
    assert "part of the log is missing" in done.stderr and "move the data directory away" in done.stderr


def begins_with_snapshot(path):
    return segments.read_segment(path)[0][0].get("snapshot") is not None


def without_beginning(tapeline):
    """What retention leaves: segments from one on that begins with a snapshot."""
    paths = tapeline.segments()
    kept_from = next(i for i, path in enumerate(paths) if begins_with_snapshot(path))
    assert kept_from > 0
    for path in paths[:kept_from]:
        path.unlink()
        path.with_suffix(".index").unlink(missing_ok=True)


@pytest.mark.parametrize("name", ["whole", "nothing", "middle", "version", "missing"])
def test_after_retention_cut_the_log_no_bar_of_before_is_lost_or_rewritten(name, stopped, undisturbed, small):
    before = rows_of(stopped)
    without_beginning(stopped)
    position, state = checkpoint_of(stopped)
    if name == "missing":
        change_store(stopped, "DELETE FROM checkpoint")
    elif name != "whole":
        change_store(stopped, "UPDATE checkpoint SET state = ?", SPOILED[name](state))
    nothing = stopped.folder / "nothing.csv"
    nothing.write_text(small.read_text().splitlines(keepends=True)[0])
    stopped.replay(nothing)
    assert rows_of(stopped) == before
    later(stopped, small)
    assert rows_of(stopped) == rows_of(undisturbed)


def spoil_snapshots(tapeline):
    """No segment's first block can be read any more, and so no snapshot; (symbol, milliseconds) of the trades with them."""
    trades = []
    for path in tapeline.segments():
        if not begins_with_snapshot(path):
            continue
        data = bytearray(path.read_bytes())
        with open(path, "rb") as file:
            segments.take_header(file)
            at = file.tell()
            count = segments.take_long(file)
        trades += segments.trades_of(segments.read_segment(path)[0][:count])
        data[at + 8] ^= 1
        path.write_bytes(data)
    return [(trade["symbol"], segments.milliseconds(trade["event_time"])) for trade in trades]


def without_bars_of(trades, rows):
    return [row for row in rows if not any(row[0] == symbol and row[3] <= ms < row[4] for symbol, ms in trades)]


@pytest.mark.parametrize("log", ["whole", "cut"])
@pytest.mark.parametrize("left", ["checkpoint", "snapshots", "nothing"])
@pytest.mark.parametrize("how", ["middle", "version"])
def test_whatever_is_left_of_the_state_no_bar_is_wrong(how, left, log, stopped, undisturbed, small):
    """Damage or another version, of the checkpoint and of every snapshot, with and without the log's beginning."""
    if log == "cut":
        without_beginning(stopped)
    _, state = checkpoint_of(stopped)
    spoiled = spoil_snapshots(stopped) if left != "snapshots" else []
    if left != "checkpoint":
        change_store(stopped, "UPDATE checkpoint SET state = ?", SPOILED[how](state))
    if left == "nothing" and log == "cut":
        before = rows_of(stopped)
        replay_piece(stopped, small, 3, code=1)
        refused = stopped.run(*stopped.replay_arguments(small), code=1).stderr
        assert "neither the store's checkpoint nor a snapshot in the log tells the state" in refused
        assert "restore the data directory from a copy" in refused
        assert rows_of(stopped) == before
        return
    later(stopped, small)
    assert show(stopped)["state"] == "whole"
    made, whole = rows_of(stopped), rows_of(undisturbed)
    if left == "nothing":
        # The spoiled blocks took these records with them, and a gap says so; no other bar's content may differ.
        assert [row[:4] for row in made] == [row[:4] for row in whole]
        assert all(got[TRADE_COUNT] <= all_of[TRADE_COUNT] for got, all_of in zip(made, whole, strict=True))
        made, whole = ([row[:CERTIFICATE] for row in without_bars_of(spoiled, rows)] for rows in (made, whole))
        assert len(whole) > 100
    assert made == whole


def test_a_checkpoint_of_the_version_before_is_read(make_tapeline, small):
    """Its bytes are those that version 2 wrote of the same rows."""
    golden = json.loads((harness.TESTS / "golden" / "checkpoint-version-2.json").read_text())
    bars = []
    for name in ("upgraded", "new"):
        tapeline = make_tapeline(name)
        rows = small.read_text().splitlines(keepends=True)
        first = tapeline.folder / "first.csv"
        first.write_text("".join(rows[: 1 + golden["rows"]]))
        tapeline.replay(first)
        if name == "upgraded":
            assert checkpoint_of(tapeline)[0] == golden["position"]
            state = base64.b64decode("".join(golden["state"]))
            change_store(tapeline, "UPDATE checkpoint SET state = ?", state)
            assert show(tapeline)["state"] == "whole"
        second = tapeline.folder / "second.csv"
        second.write_text("".join([rows[0], *rows[1 + golden["rows"] : 500]]))
        assert "checkpoint_dropped" not in tapeline.replay(second).stderr
        bars.append(rows_of(tapeline))
    assert bars[0] == bars[1]


def test_a_lost_store_beside_a_cut_log_gives_whole_bars_only(stopped, undisturbed, small):
    without_beginning(stopped)
    for path in stopped.data.glob("bars.sqlite*"):
        path.unlink()
    replay_piece(stopped, small, 3)
    made, whole = rows_of(stopped), rows_of(undisturbed)
    assert 0 < len(made) < len(whole)
    content = {row[:12]: row for row in whole}
    assert all(row[:12] in content for row in made), "a bar lacks trades that retention removed"


ANOTHER_LOG = (
    "was written beside another log (",
    "put the log and the store of one data directory together again, or remove the store",
)


@pytest.mark.parametrize("command", ["replay", "verify", "bars", "recompute", "export"])
def test_a_store_of_another_log_is_refused_with_what_to_do(command, stopped, make_tapeline, small):
    """Also when its log is long enough for the checkpoint's position."""
    other = make_tapeline("other", **harness.SMALLEST)
    for number in range(3):
        replay_piece(other, small, number)
    for path in stopped.data.glob("bars.sqlite*"):
        path.unlink()
    for path in other.data.glob("bars.sqlite*"):
        (stopped.data / path.name).write_bytes(path.read_bytes())
    arguments = {
        "replay": stopped.replay_arguments(small),
        "verify": ["verify", "--data-dir", stopped.data],
        "bars": ["bars", "AAPL", "--data-dir", stopped.data],
        "recompute": ["recompute", "--from", "2000-01-01", "--to", "2100-01-01", "--data-dir", stopped.data],
        "export": ["export", "bars", "--data-dir", stopped.data, "--format", "csv"],
    }[command]
    done = stopped.run(*arguments, code=1)
    assert all(part in done.stderr for part in ANOTHER_LOG), str(done)
    for path in stopped.data.glob("bars.sqlite*"):
        path.unlink()
    later(stopped, small)
    assert show(stopped)["state"] == "whole"


def test_every_segment_names_its_log(stopped):
    names = {segments.metadata(path)["tapeline.log"] for path in stopped.segments()}
    assert len(names) == 1 and re.fullmatch(r"[0-9a-f]{32}", names.pop())


def bars_touched_by(tapeline, small, number):
    """Some stored bars that the rows of a piece fall into."""
    rows = small.read_text().splitlines()[1 + PIECES[number] : 1 + PIECES[number + 1]]
    touched = {(row.split(",")[0], int(row.split(",")[3]) // 300_000 * 300_000) for row in rows}
    with sqlite3.connect(tapeline.data / "bars.sqlite") as database:
        stored = database.execute("SELECT symbol, start_ms FROM bars WHERE interval_ms = 300000").fetchall()
    database.close()
    return sorted(touched & set(stored))


@pytest.mark.parametrize("column", ["state = x'00'", "open = 'nonsense'"])
def test_a_damaged_bar_is_named_and_made_anew_from_the_log(column, stopped, undisturbed, small):
    symbol, start = bars_touched_by(stopped, small, 3)[0]
    where = "WHERE symbol = ? AND start_ms = ? AND interval_ms = 300000 AND basis = 'all'"
    change_store(stopped, f"UPDATE bars SET {column} {where}", symbol, start)
    told = replay_piece(stopped, small, 3, code=1).stderr
    assert "start again, and the damaged bars are made anew" in told
    assert f"the stored bar {symbol} 5m" in told
    told = replay_piece(stopped, small, 3).stderr
    assert f"the stored bar {symbol} 5m" in told and "made anew from the log" in told
    assert rows_of(stopped) == rows_of(undisturbed)


def test_a_damaged_bar_that_the_log_no_longer_holds_is_sealed_and_the_rest_goes_on(stopped, undisturbed, small):
    symbol, start = bars_touched_by(stopped, small, 3)[0]
    where = "WHERE symbol = ? AND start_ms = ? AND interval_ms = 300000 AND basis = 'all'"
    without_beginning(stopped)
    change_store(stopped, f"UPDATE bars SET state = x'00' {where}", symbol, start)
    told = replay_piece(stopped, small, 3, code=None).stderr
    told += replay_piece(stopped, small, 3).stderr
    assert f"the stored bar {symbol} 5m" in told and "cannot be made anew" in told
    with sqlite3.connect(stopped.data / "bars.sqlite") as database:
        assert database.execute(f"SELECT gap, state FROM bars {where}", (symbol, start)).fetchone() == (1, b"")
    database.close()

    def rest(rows):
        return [row for row in rows if (row[0], row[1], row[3]) != (symbol, 300_000, start)]

    assert rest(rows_of(stopped)) == rest(rows_of(undisturbed))


def test_show_says_what_it_holds(stopped, small):
    shown = show(stopped)
    assert set(shown) > FIELDS and shown["state"] == "whole"
    assert shown["position"] == f"0:{int(shown['log_end'].partition(':')[2]) - 1}"
    assert shown["bytes"] == len(checkpoint_of(stopped)[1])
    assert "engine.intervals=1s,1m,5m" in shown["settings"]
    assert [(source["sequence"], source["ended"]) for source in shown["sources"]] == [(500, True)] * 3
    assert {symbol["symbol"] for symbol in shown["symbols"]} >= {"AAPL"}
    assert sum(symbol["open_bars"] for symbol in shown["symbols"]) == shown["open_bars"]
    assert 0 <= shown["age_ms"] < 600_000
    table = stopped.run("checkpoint", "show", "--data-dir", stopped.data).stdout
    assert re.search(r"^position +0:\d+$", table, re.MULTILINE)
    assert re.search(r"^checksum +right$", table, re.MULTILINE)
    assert re.search(r"^source +recording:[0-9a-f]+ +epoch 0 +sequence 500 +read to its end$", table, re.MULTILINE)


def test_reset_drops_it_and_says_what_will_happen(stopped, undisturbed, small):
    done = stopped.run("checkpoint", "reset", "--data-dir", stopped.data)
    assert re.fullmatch(
        r"checkpoint at 0:\d+ dropped in .*; the next start takes the newest snapshot in the log, or the log's "
        r"beginning, and reads on from there; bars keep what they have\n",
        done.stdout,
    )
    assert show(stopped)["state"] == "reset"
    assert "there is no checkpoint to drop" in stopped.run("checkpoint", "reset", "--data-dir", stopped.data).stdout
    later(stopped, small)
    assert show(stopped)["state"] == "whole"
    assert rows_of(stopped) == rows_of(undisturbed)


def test_reset_is_refused_while_it_runs_and_makes_nothing(stopped, tmp_path):
    process = stopped.start("run", "--data-dir", stopped.data, "--feed", "recording", "--port", "0", "--replay",
                            stopped.folder / "2.csv")
    process.wait_for(harness.LISTENING)
    done = stopped.run("checkpoint", "reset", "--data-dir", stopped.data, code=1)
    assert str(process.pid) in done.stderr
    assert show(stopped)["state"] == "whole"
    process.terminate()
    process.wait()
    done = stopped.run("checkpoint", "reset", "--data-dir", tmp_path / "nowhere", code=1)
    assert "nowhere" in done.stderr and not (tmp_path / "nowhere").exists()
