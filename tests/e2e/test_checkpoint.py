"""The checkpoint is a convenience: whatever becomes of it, the bars are those of the log."""

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


PIECES = (0, 500, 1000, 1500, 4000)


def replay_piece(tapeline, small, number):
    """Each piece is a recording of its own, so a process and a source of its own; later ones are late for earlier bars."""
    header, *rows = small.read_text().splitlines(keepends=True)
    piece = tapeline.folder / f"{number}.csv"
    piece.write_text("".join([header, *rows[PIECES[number] : PIECES[number + 1]]]))
    tapeline.replay(piece)


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
