"""`tapeline verify` finds what is wrong in a store or a log, and nothing in what is right."""

import json
import sqlite3
import time

import harness
import pytest
from fake_feed import FakeFeed
from test_bad_frames import frame

EQUAL, FAILED, DIFFERENT, UNVERIFIABLE = 0, 1, 4, 5
INTERVALS = "1s,1m,1h,1d"


@pytest.fixture
def replayed(small, tapeline):
    tapeline.replay(small, intervals=INTERVALS)
    return tapeline


def verify(tapeline, *arguments, code):
    return tapeline.run("verify", "--data-dir", tapeline.data, *arguments, code=code).stdout


def edit(tapeline, statement, *values):
    """Changes the store behind the program's back; some rows must have changed."""
    [file] = tapeline.databases()
    with sqlite3.connect(file) as database:
        assert database.execute(statement, values).rowcount >= 1, statement
    database.close()


def ask(tapeline, query):
    [file] = tapeline.databases()
    with sqlite3.connect(file) as database:
        rows = database.execute(query).fetchall()
    database.close()
    return rows


def one_bar(tapeline, where="1", basis="all"):
    """(symbol, interval_ms, start_ms, basis) of a bar in the middle of the store."""
    query = f"SELECT symbol, interval_ms, start_ms, basis FROM bars WHERE basis = '{basis}' AND {where} ORDER BY 1, 2, 3"
    rows = ask(tapeline, query)
    return rows[len(rows) // 2]


ONE = "WHERE symbol = ? AND interval_ms = ? AND start_ms = ? AND basis = ?"
both_bases = pytest.mark.parametrize("basis", ["all", "eligible"])


def test_a_replayed_recording_is_as_its_log_says(replayed):
    count, restricted = ask(replayed, "SELECT count(*), sum(basis = 'eligible') FROM bars")[0]
    told = verify(replayed, code=EQUAL)
    assert told.startswith(f"{count} bars compared with ") and told.endswith(" of the log: no difference\n"), told
    assert 0 < restricted < count / 2


@pytest.mark.parametrize("recording", ["aapl_taq_20100507.csv.gz"], indirect=True)
def test_a_recorded_day_is_as_its_log_says_in_both_bases(recording, tapeline):
    """7 May 2010 of AAPL: half its trades carry conditions."""
    tapeline.replay(recording, intervals=INTERVALS, timeout=300)
    counts = dict(ask(tapeline, "SELECT basis, count(*) FROM bars GROUP BY basis"))
    assert counts["eligible"] > 10, counts
    told = verify(tapeline, code=EQUAL)
    assert told.startswith(f"{sum(counts.values())} bars compared with "), told
    # Derivatively priced (4), and what opens the bar without it.
    bar = one_bar(tapeline, "interval_ms = 1000 AND start_ms = 1273240191000", "eligible")
    edit(tapeline, f"UPDATE bars SET open = '245.0069' {ONE}", *bar)
    [found] = json.loads(verify(tapeline, "--json", code=DIFFERENT))["differences"]
    assert (found["basis"], found["column"], found["stored"], found["expected"]) == ("eligible", "open", "245.0069", "244.0525")


@both_bases
@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("end_ms", "end_ms + 1"),
        ("priced_by", "'updates'"),
        ("open", "'0.5'"),
        ("high", "'99999.5'"),
        ("low", "'0.0001'"),
        ("close", "'0.5'"),
        ("volume", "'12345'"),
        ("notional", "'1.25'"),
        ("trade_count", "trade_count + 1"),
        ("price_update_count", "price_update_count + 1"),
        ("excluded_count", "excluded_count + 1"),
        ("suspect_duplicate_count", "1"),
        ("excluded_by", "'15:1'"),
        ("coverage_kind", "'confirmed'"),
        ("coverage_ms", "1"),
        ("gap", "1"),
        ("first_id", "'recording:0/0/1'"),
        ("last_id", "'/0/999999999'"),
        ("revision", "revision + 1"),
        ("final", "0"),
    ],
)
def test_a_changed_cell_is_found(column, change, basis, replayed):
    bar = one_bar(replayed, "priced_by = 'trades' AND trade_count > 2", basis)
    edit(replayed, f"UPDATE bars SET {column} = {change} {ONE}", *bar)
    report = json.loads(verify(replayed, "--json", code=DIFFERENT))
    found = report["differences"]
    assert report["different"] == 1 and column in {difference["column"] for difference in found}, found
    assert {(difference["symbol"], difference["start_ms"], difference["basis"]) for difference in found} == {
        (bar[0], bar[2], basis)
    }


def test_a_state_that_says_something_else_than_its_row_is_found(replayed):
    """The engine goes on from the state: a wrong one would spoil the bar at the next late trade."""
    bar = one_bar(replayed, "interval_ms = 3600000 AND trade_count > 2")
    # That of a shorter bar: its trades lie in the window of the longer one.
    shorter = f"interval_ms = 1000 AND basis = 'all' AND symbol = '{bar[0]}' AND start_ms / 3600000 = {bar[2] // 3600000}"
    [[other]] = ask(replayed, f"SELECT hex(state) FROM bars WHERE {shorter} LIMIT 1")
    edit(replayed, f"UPDATE bars SET state = ? {ONE}", bytes.fromhex(other), *bar)
    found = json.loads(verify(replayed, "--json", code=DIFFERENT))["differences"]
    assert {difference["column"] for difference in found} == {"state"}
    assert any(difference["stored"].startswith("trade_count ") for difference in found)
    edit(replayed, f"UPDATE bars SET state = x'00' {ONE}", *bar)
    [found] = json.loads(verify(replayed, "--json", code=DIFFERENT))["differences"]
    assert (found["column"], found["stored"]) == ("state", "damaged")


def test_a_state_that_says_something_else_of_conditions_is_found(make_tapeline, tmp_path):
    """The same trades with other conditions: the bar of all is the same, and that of eligible would not be."""
    tapes = [make_tapeline("with"), make_tapeline("without")]
    for tapeline, letters in zip(tapes, ("4", ""), strict=True):
        file = tmp_path / f"{letters}.csv"
        file.write_text(f"symbol,price,volume,trade_timestamp_ms,conditions\nAAPL,10,1,1786456800000,\nAAPL,11,1,1786456800100,{letters}\n")
        tapeline.replay(file, intervals="1s,1d")
    [[other]] = ask(tapes[1], "SELECT hex(state) FROM bars WHERE interval_ms = 1000")
    bar = one_bar(tapes[0], "interval_ms = 1000")
    edit(tapes[0], f"UPDATE bars SET state = ? {ONE}", bytes.fromhex(other), *bar)
    [found] = json.loads(verify(tapes[0], "--json", code=DIFFERENT))["differences"]
    assert (found["basis"], found["column"], found["stored"]) == ("eligible", "state", "no restricted trade")


@both_bases
def test_a_deleted_bar_is_found(basis, replayed):
    bar = one_bar(replayed, basis=basis)
    edit(replayed, f"DELETE FROM bars {ONE}", *bar)
    report = json.loads(verify(replayed, "--json", code=DIFFERENT))
    [found] = report["differences"]
    assert (found["symbol"], found["start_ms"], found["basis"], found["column"]) == (bar[0], bar[2], basis, "bar")
    assert found["stored"] == "absent"


@both_bases
@pytest.mark.parametrize("change", ["start_ms = start_ms + 86400000000, end_ms = end_ms + 86400000000", "symbol = 'Z'"])
def test_an_invented_bar_is_found(change, basis, replayed):
    bar = one_bar(replayed, basis=basis)
    [file] = replayed.databases()
    with sqlite3.connect(file) as database:
        database.execute(f"CREATE TEMP TABLE copy AS SELECT * FROM bars {ONE}", bar)
        database.execute(f"UPDATE copy SET {change}")
        database.execute("INSERT INTO bars SELECT * FROM copy")
    database.close()
    report = json.loads(verify(replayed, "--json", code=DIFFERENT))
    [found] = report["differences"]
    assert (found["basis"], found["column"], found["expected"]) == (basis, "bar", "absent")


def test_a_bar_of_eligible_where_conditions_take_nothing_is_invented(replayed):
    bar = one_bar(replayed, "symbol LIKE '%:%'")
    [file] = replayed.databases()
    with sqlite3.connect(file) as database:
        database.execute(f"CREATE TEMP TABLE copy AS SELECT * FROM bars {ONE}", bar)
        database.execute("UPDATE copy SET basis = 'eligible'")
        database.execute("INSERT INTO bars SELECT * FROM copy")
    database.close()
    [found] = json.loads(verify(replayed, "--json", code=DIFFERENT))["differences"]
    assert (found["basis"], found["column"], found["expected"]) == ("eligible", "bar", "absent")


@both_bases
def test_a_skipped_revision_is_found(basis, replayed):
    """The bar as it was before its last late trade: whole in itself, and wrong."""
    bar = one_bar(replayed, "revision > 0", basis)
    edit(replayed, f"UPDATE bars SET revision = revision - 1 {ONE}", *bar)
    assert " revision " in verify(replayed, code=DIFFERENT)


@both_bases
def test_a_bar_whose_late_trade_was_not_merged_is_found(basis, small, tapeline, tmp_path):
    """A store that was put back to where it stood before a late trade, while its checkpoint says that it went on."""
    rows = small.read_text("utf-8").splitlines()
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    first.write_text("\n".join(rows[:2000]) + "\n", "utf-8")
    odd_lot = next(row for row in rows[1:] if row.startswith("AAPL,") and row.endswith("I"))
    second.write_text("\n".join([rows[0], odd_lot]) + "\n", "utf-8")
    tapeline.replay(first)
    before = ask(tapeline, f"SELECT * FROM bars WHERE basis = '{basis}'")
    tapeline.replay(second)
    verify(tapeline, code=EQUAL)
    [file] = tapeline.databases()
    with sqlite3.connect(file) as database:
        database.executemany(f"INSERT OR REPLACE INTO bars VALUES ({','.join('?' * len(before[0]))})", before)
    database.close()
    found = json.loads(verify(tapeline, "--json", code=DIFFERENT))["differences"]
    assert {difference["basis"] for difference in found} == {basis}
    assert {"revision", "trade_count"} <= {difference["column"] for difference in found}


def test_the_range_and_the_symbol_limit_what_is_compared(replayed):
    symbol, _, start_ms, _ = bar = one_bar(replayed, "interval_ms = 1000")
    edit(replayed, f"UPDATE bars SET high = '99999.5' {ONE}", *bar)
    verify(replayed, "--to", str(start_ms), code=EQUAL)
    verify(replayed, "--from", str(start_ms + 1), code=EQUAL)
    verify(replayed, "--symbol", symbol, "--from", str(start_ms), "--to", str(start_ms + 1), code=DIFFERENT)
    other = next(name for [name] in ask(replayed, "SELECT DISTINCT symbol FROM bars") if name != symbol)
    verify(replayed, "--symbol", other, code=EQUAL)


def test_damage_in_the_log_is_found(replayed):
    """The trades of one block are gone: its bars can no longer be what the store says."""
    path = replayed.segments()[-1]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    told = verify(replayed, code=DIFFERENT)
    assert "damage: " in told and told.endswith("; the log is damaged, which may be why\n"), told[-500:]


def test_a_log_whose_end_is_missing_is_found(replayed):
    path = replayed.segments()[-1]
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    path.with_suffix(".index").unlink(missing_ok=True)
    told = verify(replayed, code=DIFFERENT)
    assert "the log's end is missing" in told, told[-500:]


def test_what_retention_removed_cannot_be_verified(small, make_tapeline):
    # However slow the machine, no group of records is larger than a segment.
    tapeline = make_tapeline(
        TAPELINE_LOG_SEGMENT_BYTES_MAX="16384", TAPELINE_INGEST_BATCH_BYTES="1024", TAPELINE_LOG_PENDING_BYTES_MAX="4096"
    )
    tapeline.replay(small)
    first, *rest = tapeline.segments()
    assert len(rest) >= 2
    first.unlink()
    report = json.loads(verify(tapeline, "--json", code=UNVERIFIABLE))
    count = ask(tapeline, "SELECT count(*) FROM bars")[0][0]
    # A recording's trades are older than any cut, so that any bar may have lost some.
    assert (report["outcome"], report["bars"], report["unverifiable"]) == ("unverifiable", 0, count)


def test_what_cannot_be_read_is_told_apart(tapeline, small):
    tapeline.run("verify", "--data-dir", tapeline.folder / "nowhere", code=FAILED)
    tapeline.run("verify", "--data-dir", tapeline.data, "--from", "yesterday", code=2)
    tapeline.replay(small)
    [file] = tapeline.databases()
    file.write_bytes(b"no database at all" * 1000)
    verify(tapeline, code=FAILED)


def test_a_store_without_a_checkpoint_is_verified_as_far_as_its_bars_go(replayed):
    edit(replayed, "DELETE FROM checkpoint")
    verify(replayed, code=EQUAL)
    edit(replayed, f"DELETE FROM bars {ONE}", *one_bar(replayed))
    verify(replayed, code=DIFFERENT)


@pytest.fixture
def feed():
    feed = FakeFeed()
    yield feed
    feed.close()


def test_a_live_tape_with_late_trades_gaps_and_kills_is_as_its_log_says(feed, make_tapeline):
    """Also while it is written: what the store says of each bar is compared as of that bar's own position."""
    tapeline = make_tapeline(**harness.QUICK_RETRY)
    sent = 0
    for number in range(3):
        live = tapeline.run_live(feed.url, ["AAPL", "BINANCE:BTCUSDT"])
        feed.wait_for_subscriptions(["AAPL", "BINANCE:BTCUSDT"], number=number * 2 + 1)
        for _ in range(20):
            now_ms = time.time_ns() // 1_000_000
            late_ms = now_ms - 3_600_000 * (number + 1)
            trades = [
                {"s": symbol, "p": 100 + sent % 7, "t": at, "v": sent % 3, "c": None}
                for symbol in ("AAPL", "BINANCE:BTCUSDT")
                for at in (now_ms, late_ms)
            ]
            feed.send(frame(*trades))
            sent += 1
            time.sleep(0.05)
        verify(tapeline, code=EQUAL)
        feed.hang_up()
        feed.wait_for_subscriptions(["AAPL", "BINANCE:BTCUSDT"], number=number * 2 + 2)
        verify(tapeline, code=EQUAL)
        live.kill()
        verify(tapeline, code=EQUAL)
    live = tapeline.run_live(feed.url, ["AAPL", "BINANCE:BTCUSDT"])
    live.stop()
    told = verify(tapeline, code=EQUAL)
    assert not told.startswith("0 bars")
    [kinds] = ask(tapeline, "SELECT sum(revision > 0), sum(gap), sum(coverage_kind <> 'unknown') FROM bars")
    assert all(kinds), f"nothing was late, touched by a gap, or covered: {kinds}"


def test_a_simulated_market_is_verified_while_it_runs(make_tapeline):
    tapeline = make_tapeline()
    live = harness.Live(tapeline.start("run", "--port", "0", "--data-dir", tapeline.data))
    live.wait_for_counter(harness.ACCEPTED, 200)
    for _ in range(5):
        verify(tapeline, code=EQUAL)
        time.sleep(0.7)
    live.stop()
    verify(tapeline, code=EQUAL)
