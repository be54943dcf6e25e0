"""`tapeline explain`: one bar with all that it is made of."""

import json
import sqlite3
from decimal import Decimal

import pytest

INTERVALS = "1s,1m,1h,1d"


@pytest.fixture
def replayed(small, tapeline):
    tapeline.replay(small, intervals=INTERVALS)
    return tapeline


def stored(tapeline, query):
    [file] = tapeline.databases()
    with sqlite3.connect(file) as database:
        rows = database.execute(query).fetchall()
    database.close()
    return rows


NAMES = {1000: "1s", 60_000: "1m", 3_600_000: "1h", 86_400_000: "1d"}


def explain(tapeline, symbol, interval_ms, start_ms, *arguments, code=0):
    return tapeline.run(
        "explain", symbol, NAMES[interval_ms], str(start_ms), "--data-dir", tapeline.data, *arguments, code=code
    ).stdout


def explained(tapeline, *bar):
    return json.loads(explain(tapeline, *bar, "--json", "--limit", "0"))


def check_gives(bar, trades):
    """What the bar shows is what the named trades have."""
    giver = {part: trade for trade in trades for part in trade["gives"]}
    assert set(giver) == {"open", "high", "low", "close"}
    assert {part: giver[part]["price"] for part in giver} == {part: bar[part] for part in giver}


def test_a_late_trade_is_named_with_its_revision_and_what_it_moved(replayed):
    query = "SELECT symbol, interval_ms, start_ms, revision, trade_count, price_update_count FROM bars"
    *bar, revision, trade_count, update_count = stored(replayed, query + " ORDER BY revision DESC, trade_count LIMIT 1")[0]
    assert revision > 0
    told = explained(replayed, *bar)
    trades = told["trades"]
    assert (told["late_total"], told["trades_total"], len(trades)) == (
        revision,
        trade_count + update_count,
        trade_count + update_count,
    )
    assert trades == sorted(trades, key=lambda trade: (trade["event_time_ms"], trade["id"]["sequence"]))
    check_gives(told["bar"], trades)
    assert sum(Decimal(trade["volume"]) for trade in trades) == Decimal(told["bar"]["volume"])
    # Each revision has its trade, in the order of arrival.
    revisions = [event for event in told["history"] if event["what"] == "revised"]
    late = {json.dumps(trade["id"]) for trade in trades if trade["late"]}
    assert [event["revision"] for event in revisions] == list(range(1, revision + 1))
    assert {json.dumps(event["id"]) for event in revisions} == late
    assert all(event["event_time"] and event["ingest_time"] for event in revisions)
    # What arrived first moved everything, and what moved a price last gives it.
    arrived = sorted(trades, key=lambda trade: int(trade["position"].split(":")[1]))
    assert {"open", "high", "low", "close"} <= set(arrived[0]["moved"])
    for part in ("open", "high", "low", "close"):
        mover = next(trade for trade in reversed(arrived) if part in trade["moved"])
        assert mover["price"] == told["bar"][part]


def test_every_bar_of_the_store_is_explained_as_it_is(replayed):
    columns = "symbol,interval_ms,start_ms,open,high,low,close,volume,count,digest"
    export = replayed.run("export", "bars", "--data-dir", replayed.data, "--columns", columns).stdout
    rows = [line.split(",") for line in export.splitlines()[1:]]
    for symbol, interval_ms, start_ms, *cells in rows[:: len(rows) // 12]:
        told = explained(replayed, symbol, int(interval_ms), int(start_ms))
        bar = told["bar"]
        shown = [bar[part] or "" for part in ("open", "high", "low", "close", "volume")]
        assert [*shown, str(bar["trade_count"]), bar["digest"]] == cells
        assert told["differences"] == [] and told["stored"] is not None and told["complete"]


def test_a_day_says_which_trades_are_not_of_its_session(replayed):
    [bar] = stored(replayed, "SELECT symbol, interval_ms, start_ms FROM bars WHERE interval_ms = 86400000 AND symbol = 'AAPL'")[:1]
    told = explained(replayed, *bar)
    outside = [trade for trade in told["trades"] if trade["left_out"]]
    assert outside and all(trade["left_out"].startswith("session ") for trade in outside)
    assert not any(trade["moved"] or trade["gives"] for trade in outside)
    assert len(told["trades"]) - len(outside) == told["bar"]["trade_count"] + told["bar"]["price_update_count"]


def test_people_get_a_page_with_a_note_where_rows_are_left_out(replayed):
    [bar] = stored(replayed, "SELECT symbol, interval_ms, start_ms FROM bars ORDER BY trade_count DESC LIMIT 1")
    page = explain(replayed, *bar, "--limit", "3")
    total = explained(replayed, *bar)["trades_total"]
    assert f"(3 of {total} trades; --limit 0 shows all)" in page
    assert "store     has it as the log says" in page and "digest    " in page
    # Any time in the window names the bar.
    assert explain(replayed, bar[0], bar[1], bar[2] + 1, "--limit", "3") == page


def test_what_the_store_has_wrong_is_said(replayed):
    [bar] = stored(replayed, "SELECT symbol, interval_ms, start_ms FROM bars WHERE trade_count > 3 LIMIT 1")
    [file] = replayed.databases()
    with sqlite3.connect(file) as database:
        database.execute("UPDATE bars SET high = '7' WHERE symbol = ? AND interval_ms = ? AND start_ms = ?", bar)
    database.close()
    page = explain(replayed, *bar)
    assert "store     differs from the log:\n          high is 7, should be " in page


def test_a_window_without_a_trade_has_no_bar(replayed):
    page = explain(replayed, "AAPL", 1000, 0)
    assert "no trade or price update of the log fell into it" in page and "store     has no such bar" in page
    replayed.run("explain", "AAPL", "2m", "0", "--data-dir", replayed.data, code=2)
    replayed.run("explain", "AAPL", "1m", "noon", "--data-dir", replayed.data, code=2)
