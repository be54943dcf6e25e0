"""`tapeline recompute` puts back what the log says, whatever became of the store, and can be killed at any moment."""

import json
import shutil
import sqlite3
import time

import harness
import pytest
from test_checkpoint import rows_of

EVERYTHING = ("--from", "2000-01-01", "--to", "2040-01-01")


def sql(tapeline, text, *values):
    with sqlite3.connect(tapeline.data / "bars.sqlite") as database:
        changed = database.execute(text, values).rowcount
    database.close()
    return changed


def recompute(tapeline, *more, code=0):
    return tapeline.run("recompute", "--data-dir", tapeline.data, *(more or EVERYTHING), code=code)


def told(tapeline, *more):
    """(changes, summary) of a run."""
    done = recompute(tapeline, *EVERYTHING, "--json", *more)
    *changes, summary = map(json.loads, done.stdout.splitlines())
    return changes, summary


def all_rows(tapeline):
    with sqlite3.connect(tapeline.data / "bars.sqlite") as database:
        rows = database.execute("SELECT * FROM bars ORDER BY 1, 2, 3, 4").fetchall()
    database.close()
    return rows


@pytest.fixture(scope="module")
def replayed(binary, small, tmp_path_factory):
    tapeline = harness.Tapeline(binary, tmp_path_factory.mktemp("recompute"), {})
    tapeline.replay(small)
    return tapeline


@pytest.fixture
def tape(replayed, make_tapeline):
    """A copy that a test may damage."""
    tapeline = make_tapeline("tape")
    shutil.copytree(replayed.data, tapeline.data)
    return tapeline


ONE = "WHERE symbol = 'AAPL' AND interval_ms = 60000 AND start_ms = 1723161900000 AND basis = '{basis}'"
DAMAGE = {
    "a price": f"UPDATE bars SET close = '1.5' {ONE}",
    "a sum": f"UPDATE bars SET volume = '746' {ONE}",
    "a count": f"UPDATE bars SET trade_count = trade_count + 1 {ONE}",
    "an exclusion": f"UPDATE bars SET excluded_count = excluded_count + 1 {ONE}",
    "excluding conditions": f"UPDATE bars SET excluded_by = '1:8' {ONE}",
    "a flag": f"UPDATE bars SET final = 0 {ONE}",
    "a revision": f"UPDATE bars SET revision = revision + 1 {ONE}",
    "an id": f"UPDATE bars SET first_id = last_id {ONE}",
    "no number": f"UPDATE bars SET high = 'high' {ONE}",
    "no state": f"UPDATE bars SET state = x'00' {ONE}",
    "deleted": f"DELETE FROM bars {ONE}",
    "a basis deleted": "DELETE FROM bars WHERE basis = '{basis}'",
    "all deleted": "DELETE FROM bars",
    "invented": "INSERT INTO bars SELECT symbol, interval_ms, basis, start_ms + 3600000, end_ms + 3600000, priced_by, open,"
    " high, low, close, volume, notional, trade_count, price_update_count, excluded_count, suspect_duplicate_count,"
    f" coverage_kind, coverage_ms, gap, first_id, last_id, revision, final, through, state, excluded_by FROM bars {ONE}",
    "invented symbol": "INSERT INTO bars SELECT 'FAKE', interval_ms, basis, start_ms, end_ms, priced_by, open, high, low,"
    " close, volume, notional, trade_count, price_update_count, excluded_count, suspect_duplicate_count,"
    f" coverage_kind, coverage_ms, gap, first_id, last_id, revision, final, through, state, excluded_by FROM bars {ONE}",
    "invented where conditions take nothing": "INSERT INTO bars SELECT symbol, interval_ms, 'eligible', start_ms, end_ms,"
    " priced_by, open, high, low, close, volume, notional, trade_count, price_update_count, excluded_count,"
    " suspect_duplicate_count, coverage_kind, coverage_ms, gap, first_id, last_id, revision, final, through, state,"
    " excluded_by FROM bars WHERE symbol LIKE '%:%' AND interval_ms = 60000 LIMIT 1",
    "moved ahead": f"UPDATE bars SET through = through + 1000000, close = '2' {ONE}",
    "every price": "UPDATE bars SET open = '1', high = '1', low = '1', close = '1'",
}


def damage(tapeline, name, basis="all"):
    assert sql(tapeline, DAMAGE[name].format(basis=basis)) > 0


@pytest.mark.parametrize(
    ("name", "basis"),
    [(name, basis) for name, text in DAMAGE.items() for basis in ("all", "eligible") if basis == "all" or "{basis}" in text],
)
def test_each_kind_of_damage_is_repaired(name, basis, tape, small, oracle_of, assert_same_bars):
    whole = rows_of(tape)
    damage(tape, name, basis)
    assert rows_of(tape) != whole
    damaged = all_rows(tape)

    changes, summary = told(tape, "--dry-run")
    assert summary["changed"] > 0 and summary["dry_run"] and changes
    assert all_rows(tape) == damaged

    again, summary = told(tape)
    assert again == changes and summary["changed"] > 0 and summary["generation"] == 1
    assert rows_of(tape) == whole
    assert_same_bars(oracle_of(small, basis=basis), tape.export_bars(basis=basis))
    assert told(tape, "--dry-run")[1]["changed"] == 0


@pytest.mark.parametrize(("basis", "close"), [("all", "215.3408"), ("eligible", "215.2925")])
def test_it_says_column_before_and_after(basis, close, tape):
    damage(tape, "a price", basis)
    done = recompute(tape)
    header, line, summary = done.stdout.splitlines()
    assert header.split() == ["symbol", "interval", "start", "basis", "column", "before", "after"]
    assert line.split() == ["AAPL", "1m", "2024-08-09T00:05:00.000Z", basis, "close", "1.5", close]
    assert summary.endswith("1 of the store were different; the range is as in the log, under generation 1")


def test_only_the_range_and_the_symbol_are_touched(tape):
    sql(tape, "UPDATE bars SET close = '1' WHERE interval_ms = 60000 AND basis = 'all'")
    damaged = dict.fromkeys(rows_of(tape))
    recompute(tape, "--from", "1723161900000", "--to", "1723161900001", "--symbol", "AAPL")
    changed = [row for row in rows_of(tape) if row not in damaged]
    assert [(row[0], row[3]) for row in changed] == [("AAPL", 1723161900000)]


def test_a_part_of_a_day_is_made_anew_by_what_the_whole_day_says(make_tapeline):
    """Of two prints that count only as the first of their day the range holds the second, or the first."""
    tapeline = make_tapeline("day")
    ten = 1786456800000  # 2026-08-11T14:00Z, 10:00 in New York.
    two = ten + 4 * 3600 * 1000
    file = tapeline.folder / "conditional.csv"
    file.write_text(
        "symbol,price,volume,trade_timestamp_ms,conditions\n"
        f"AAPL,10,1,{ten},4\nAAPL,11,1,{ten + 100},\nAAPL,12,1,{two},4\nAAPL,13,1,{two + 2000},\n"
    )
    tapeline.replay(file, intervals="1s,1m,1h,1d")
    before = rows_of(tapeline)
    prices = "SELECT open FROM bars WHERE basis = 'eligible' AND interval_ms = 1000 ORDER BY start_ms"
    with sqlite3.connect(tapeline.data / "bars.sqlite") as database:
        assert database.execute(prices).fetchall() == [("10",), (None,)]
    database.close()
    for moment in (two, ten):
        assert sql(tapeline, "UPDATE bars SET open = '7' WHERE start_ms <= ? AND end_ms > ?", moment, moment) > 5
        recompute(tapeline, "--from", str(moment - 60000), "--to", str(moment + 60000))
        left = {row[1] for row in rows_of(tapeline) if row not in before}
        assert left <= {3600000, 86400000}, "windows that begin before the range"
        recompute(tapeline)
        with sqlite3.connect(tapeline.data / "bars.sqlite") as database:
            assert database.execute(prices).fetchall() == [("10",), (None,)]
        database.close()


def pieces(tapeline, small):
    header, *rows = small.read_text().splitlines(keepends=True)
    for name, part in (("first", rows[:2500]), ("second", rows[2500:])):
        (tapeline.folder / f"{name}.csv").write_text("".join([header, *part]))
    return tapeline.folder / "first.csv", tapeline.folder / "second.csv"


def test_late_trades_after_it_revise_what_was_made_anew(make_tapeline, small):
    """What was repaired goes on as if nothing had been: its position wins, and later records are merged once."""
    tapeline, undisturbed = make_tapeline("damaged", **harness.SMALLEST), make_tapeline("undisturbed", **harness.SMALLEST)
    first, second = pieces(tapeline, small)
    undisturbed.replay(first)
    undisturbed.replay(second)
    tapeline.replay(first)
    damage(tapeline, "every price")
    recompute(tapeline)
    assert tapeline.segments()[-1].name.startswith("00001-")
    tapeline.replay(second)
    assert rows_of(tapeline) == rows_of(undisturbed)
    damage(tapeline, "all deleted")
    recompute(tapeline)
    assert rows_of(tapeline) == rows_of(undisturbed)
    assert tapeline.segments()[-1].name.startswith("00002-")


def test_an_interval_added_later_is_filled_and_stays_right(make_tapeline, small, oracle_of, assert_same_bars):
    tapeline, undisturbed = make_tapeline("added"), make_tapeline("undisturbed")
    first, second = pieces(tapeline, small)
    undisturbed.replay(first)
    undisturbed.replay(second)
    tapeline.replay(first, intervals="1m")
    tapeline.replay(first, intervals="1s,1m,5m")
    assert not tapeline.export_bars("1s").splitlines()[1:]
    recompute(tapeline)
    assert_same_bars(oracle_of(first), tapeline.export_bars())
    tapeline.run("verify", "--data-dir", tapeline.data)
    tapeline.replay(second)
    assert rows_of(tapeline) == rows_of(undisturbed)
    tapeline.run("verify", "--data-dir", tapeline.data)
    # Without the store, from the log alone.
    for path in tapeline.data.glob("bars.sqlite*"):
        path.unlink()
    tapeline.replay(second)
    assert rows_of(tapeline) == rows_of(undisturbed)


def test_a_running_directory_is_refused(tape, small):
    process = tape.start("run", "--data-dir", tape.data, "--feed", "recording", "--port", "0", "--replay", small)
    process.wait_for(harness.LISTENING)
    done = recompute(tape, code=1)
    assert str(process.pid) in done.stderr
    process.terminate()
    process.wait()
    missing = tape.run("recompute", "--data-dir", tape.folder / "nowhere", *EVERYTHING, code=1)
    assert "nowhere" in missing.stderr and not (tape.folder / "nowhere").exists()


def test_killed_between_log_and_store_the_next_start_finishes_it(tape, small, make_tapeline):
    """The log's record is durable before the store is written; here the store is the one of before."""
    whole = rows_of(tape)
    damage(tape, "every price")
    before = tape.folder / "before.sqlite"
    shutil.copy(tape.data / "bars.sqlite", before)
    recompute(tape)
    for path in tape.data.glob("bars.sqlite*"):
        path.unlink()
    shutil.copy(before, tape.data / "bars.sqlite")
    other = make_tapeline("rerun")
    shutil.copytree(tape.data, other.data)

    tape.replay(small)
    assert rows_of(tape) == whole
    narrow = ("--from", "1723161900000", "--to", "1723161900001", "--symbol", "AAPL")
    recompute(other, *narrow)  # What was left undone is done with it.
    assert rows_of(other) == whole


def test_killed_at_any_moment_a_rerun_finishes_it(tape, small):
    whole = rows_of(tape)
    damage(tape, "every price")
    damaged = rows_of(tape)
    for after_ms in range(0, 60, 4):
        process = tape.start("recompute", "--data-dir", tape.data, *EVERYTHING)
        time.sleep(after_ms / 1000)
        process.kill()
        process.wait()
        assert rows_of(tape) in (damaged, whole)
    recompute(tape)
    assert rows_of(tape) == whole
    tape.replay(small)
    assert rows_of(tape) == whole
    assert not list(tape.data.glob("recompute.sqlite*"))


def test_what_retention_has_cut_is_unverifiable_and_the_rest_is_made_anew(make_tapeline, small):
    tapeline = make_tapeline("cut", **harness.SMALLEST)
    first, second = pieces(tapeline, small)
    tapeline.replay(first)
    tapeline.replay(second)
    whole = rows_of(tapeline)
    for path in tapeline.segments()[:8]:
        path.unlink()
        path.with_suffix(".index").unlink(missing_ok=True)
    done = recompute(tapeline, code=5)
    assert "unverifiable" in done.stderr and rows_of(tapeline) == whole
    floor = done.stderr.rpartition("take one from ")[2].split()[0]
    sql(tapeline, "UPDATE bars SET close = '1' WHERE interval_ms = 1000")
    done = recompute(tapeline, "--from", floor, "--to", "2040-01-01")
    damaged = {row[:4] for row in whole if row[1] == 1000}
    ms = [row[3] for row in rows_of(tapeline) if row[:4] in damaged and row in set(whole)]
    assert ms, "some bars lie behind the cut"
    for row, right in zip(rows_of(tapeline), whole, strict=True):
        assert row == right or row[3] < min(ms)


def test_a_damaged_log_is_not_recomputed_from(tape):
    segment = tape.segments()[0]
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 1
    segment.write_bytes(data)
    before = all_rows(tape)
    done = recompute(tape, code=1)
    assert "cannot be read" in done.stderr and all_rows(tape) == before


def test_wrong_arguments(tape):
    for wrong in (["--from", "x", "--to", "2040-01-01"], ["--from", "2040-01-01", "--to", "2000-01-01"], []):
        tape.run("recompute", "--data-dir", tape.data, *wrong, code=2)
