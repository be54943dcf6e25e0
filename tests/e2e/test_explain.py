"""`tapeline explain`: one bar with all that it is made of."""

import json
import sqlite3
import time
from decimal import Decimal

import harness
import pytest
from covered import Coverage, reaches
from fake_feed import FakeFeed
from test_bad_frames import frame
from test_eligible import MOVED

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


def explained(tapeline, *bar, basis="all"):
    return json.loads(explain(tapeline, *bar, "--json", "--limit", "0", "--basis", basis))


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


@pytest.mark.parametrize("basis", ["all", "eligible"])
def test_every_bar_of_the_store_is_explained_as_it_is(basis, replayed):
    columns = "symbol,interval_ms,start_ms,open,high,low,close,volume,count,digest"
    export = replayed.run(
        "export", "bars", "--data-dir", replayed.data, "--columns", columns, "--basis", basis
    ).stdout
    rows = [line.split(",") for line in export.splitlines()[1:]]
    for symbol, interval_ms, start_ms, *cells in rows[:: len(rows) // 12]:
        told = explained(replayed, symbol, int(interval_ms), int(start_ms), basis=basis)
        bar = told["bar"]
        assert bar["basis"] == told["basis"] == basis
        if bar["open"] is not None:
            check_gives(bar, told["trades"])
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


CONDITIONAL = "open and close only as the first or only trade of its day"


@pytest.mark.parametrize("recording", ["aapl_taq_20100507.csv.gz"], indirect=True)
def test_what_conditions_take_is_told_trade_by_trade(recording, tapeline):
    """Prints of 7 May 2010 that test_eligible.py names."""
    tapeline.replay(recording, intervals=INTERVALS, timeout=300)
    # Derivatively priced (4): it would open the second.
    told = explained(tapeline, "AAPL", 1000, 1273240191000, basis="eligible")
    assert (told["bar"]["open"], told["bar"]["excluded_count"], told["differences"]) == ("244.0525", 1, [])
    first = told["trades"][0]
    assert (first["price"], first["taken"], first["left_out"]) == ("245.0069", f"{CONDITIONAL} (it is not)", "")
    assert not {"open", "close"} & {*first["moved"], *first["gives"]} and "volume" in first["moved"]
    [told_of] = [condition for condition in told["conditions"] if condition["code"] == "32"]
    assert (told_of["takes"], told_of["trades"], told_of["excluded"]) == (CONDITIONAL, 1, 1) and told_of["name"]
    assert {trade["taken"] for trade in told["trades"][1:]} == {""}
    # In basis all nothing is taken from it.
    told = explained(tapeline, "AAPL", 1000, 1273240191000)
    assert told["trades"][0]["taken"] == "" and "open" in told["trades"][0]["gives"]
    assert {condition["excluded"] for condition in told["conditions"]} == {0}
    # The market center's official close (M) has no right at all.
    told = explained(tapeline, "AAPL", 1000, 1273262400000, basis="eligible")
    [official] = [trade for trade in told["trades"] if trade["left_out"]]
    assert (official["taken"], official["left_out"], official["moved"], official["gives"]) == ("everything", "conditions", [], [])
    assert "16" in official["conditions"] and official["price"] == "235.65" and told["bar"]["close"] == "235.63"
    page = explain(tapeline, "AAPL", 1000, 1273262400000, "--basis", "eligible")
    assert ", of what conditions let through" in page and "store     has it as the log says" in page
    assert "conditions of its trades\n" in page


NOT_THE_ONLY = (f"{CONDITIONAL} (it is not)", "")
OPENED_AND_WAS_HIGH = ("open,high,low,close,volume", "open,high", "volume", "high", *NOT_THE_ONLY)
OPENED = ("open,high,low,close,volume", "open", "volume", "", *NOT_THE_ONLY)
REPEATED = ("volume", "", "volume", "", *NOT_THE_ONLY)
NO_VOLUME = ("no open or close, no volume", "")

# Of each second of MOVED, its prints with such conditions: price, volume, codes; in basis all what each moved and gives;
# then the same of eligible, what conditions take from it, and why it is left out.
PRINTS = {
    1273239000000: [("243.51", "100", "20", "close,volume", "", "", "", *NO_VOLUME)],
    1273239001000: [("244", "306775", "20", "volume", "", "", "", *NO_VOLUME)],
    1273240191000: [("245.0069", "200", "1;32", *OPENED_AND_WAS_HIGH)],
    1273243192000: [("232.8031", "100", "1;32", "low,close,volume", "low,close", "low,volume", "low", *NOT_THE_ONLY)],
    1273244409000: [("236.191", "100", "1;32", *OPENED_AND_WAS_HIGH), ("236.191", "100", "1;32", *REPEATED)],
    1273247736000: [("240.7262", "323", "1;32", *OPENED_AND_WAS_HIGH)],
    1273253245000: [("237.1493", "100", "1;32", *OPENED_AND_WAS_HIGH), *[("237.1493", "100", "1;32", *REPEATED)] * 2],
    1273254008000: [("237.3326", "400", "1;32", *OPENED), ("237.3326", "300", "1;32", *REPEATED)],
    1273262400000: [("235.65", "100", "16", "close,volume", "close", "", "", "everything", "conditions")],
}


@pytest.mark.parametrize("recording", ["aapl_taq_20100507.csv.gz"], indirect=True)
def test_each_print_that_conditions_hold_back_says_what_it_moved_and_why_not_more(recording, tapeline):
    """Every second that test_eligible.py found moved: the named prints account for the whole difference."""
    tapeline.replay(recording, intervals=INTERVALS, timeout=300)
    seconds = {start_ms: fields for (interval_ms, start_ms), fields in MOVED.items() if interval_ms == 1000}
    assert seconds.keys() == PRINTS.keys()
    for start_ms, fields in seconds.items():
        every = explained(tapeline, "AAPL", 1000, start_ms)
        eligible = explained(tapeline, "AAPL", 1000, start_ms, basis="eligible")
        before = {trade["id"]["sequence"]: trade for trade in every["trades"]}
        held = [trade for trade in eligible["trades"] if trade["taken"]]
        assert [
            (
                trade["price"],
                trade["volume"],
                ";".join(trade["conditions"]),
                *(",".join(of[what]) for of in (before[trade["id"]["sequence"]], trade) for what in ("moved", "gives")),
                trade["taken"],
                trade["left_out"],
            )
            for trade in held
        ] == PRINTS[start_ms]
        for told, which in ((every, 0), (eligible, 1)):
            check_gives(told["bar"], told["trades"])
            assert {part: told["bar"][part] for part in fields if part != "count"} == {
                part: values[which] for part, values in fields.items() if part != "count"
            }
            moved = sum(Decimal(trade["volume"]) for trade in told["trades"] if "volume" in trade["moved"])
            assert moved == Decimal(told["bar"]["volume"])
        for part in {"open", "close"} & fields.keys():
            assert any(part in before[trade["id"]["sequence"]]["gives"] for trade in held)


def test_a_print_that_is_the_first_of_its_day_is_told_so(tapeline, tmp_path):
    file = tmp_path / "conditional.csv"
    moment = 1786456800000
    file.write_text(
        "symbol,price,volume,trade_timestamp_ms,conditions\n"
        f"AAPL,10,1,{moment},4\nAAPL,11,1,{moment + 100},\nAAPL,12,1,{moment + 200},Z;I\n"
    )
    tapeline.replay(file, intervals=INTERVALS)
    told = explained(tapeline, "AAPL", 1000, moment, basis="eligible")
    assert (told["bar"]["open"], told["bar"]["close"]) == ("10", "11")
    assert [trade["taken"] for trade in told["trades"]][:2] == [f"{CONDITIONAL} (it is)", ""]
    assert "open" in told["trades"][0]["gives"] and not told["trades"][2]["gives"]


def test_a_bar_of_eligible_that_is_lacking_or_wrong_is_said(replayed):
    [bar] = stored(replayed, "SELECT symbol, interval_ms, start_ms FROM bars WHERE basis = 'eligible' LIMIT 1")
    [file] = replayed.databases()
    one = "basis = 'eligible' AND symbol = ? AND interval_ms = ? AND start_ms = ?"
    with sqlite3.connect(file) as database:
        database.execute(f"UPDATE bars SET volume = '7' WHERE {one}", bar)
    assert "          volume is 7, should be " in explain(replayed, *bar, "--basis", "eligible")
    assert "store     has it as the log says" in explain(replayed, *bar)
    with sqlite3.connect(file) as database:
        database.execute(f"DELETE FROM bars WHERE {one}", bar)
    database.close()
    assert "          bar is absent, should be present" in explain(replayed, *bar, "--basis", "eligible")


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


@pytest.fixture
def feed():
    feed = FakeFeed()
    yield feed
    feed.close()


def test_a_bar_touched_by_a_gap_shows_coverage_and_gaps_as_page_json_and_resource(feed, make_tapeline):
    """Of a tape that was killed: each second and their minute, by the command and by the API."""
    tapeline = make_tapeline(**harness.QUICK_RETRY)

    def run(number):
        live = tapeline.run_live(feed.url, ["AAPL"])
        feed.wait_for_subscriptions(["AAPL"], number=number)
        return live

    def send():
        harness.wait_for_a_new_second()
        at_ms = time.time_ns() // 1_000_000
        feed.send(frame({"s": "AAPL", "p": 190.5, "t": at_ms, "v": 3, "c": ["1"]}))
        return at_ms // 1000 * 1000

    def bars(interval):
        return json.loads(live.get(f"/api/v1/bars?symbol=AAPL&interval={interval}")[1])["bars"]

    live = run(1)
    before_ms = send()
    harness.wait_until(lambda: bars("1s"), "the first bar, which is not shown before its trade is durable")
    live.kill()
    live = run(2)
    after_ms = send()
    harness.wait_until(
        lambda: [bar for bar in bars("1s") if bar["start_ms"] == after_ms and bar["final"]], "the last bar to be final", 30
    )
    gaps = json.loads(live.get("/api/v1/gaps")[1])["gaps"]
    assert {gap["cause"] for gap in gaps} == {"crash"}, gaps
    starts = [(1000, bar["start_ms"]) for bar in bars("1s")] + [(60_000, bar["start_ms"]) for bar in bars("1m")]
    resources = [json.loads(live.get(f"/api/v1/bars/AAPL/{NAMES[ms]}/{start}?limit=1000")[1]) for ms, start in starts]
    live.stop()
    by_log = Coverage(tapeline, "AAPL")
    assert len(gaps) == len(by_log.gaps)

    touched = {}
    for (interval_ms, start_ms), resource in zip(starts, resources, strict=True):
        end_ms = start_ms + interval_ms
        told = explained(tapeline, "AAPL", interval_ms, start_ms)
        reaching = [gap for gap in gaps if reaches(gap, start_ms, end_ms)]
        for answer in (told, resource):
            assert answer["gaps"] == reaching and not answer["more_gaps"]
            assert answer["bar"]["gap"] == bool(reaching) and answer["differences"] == []
        coverage = told["bar"]["coverage"]
        if interval_ms == 1000:
            covered = by_log.covered_ms(start_ms, end_ms)
            assert coverage == {"kind": "confirmed" if covered else "assumed", "ms": covered}
            assert resource["bar"]["coverage"] == coverage
        touched[interval_ms, start_ms] = bool(reaching)
        page = explain(tapeline, "AAPL", interval_ms, start_ms)
        mark = ", touched by a gap" if reaching else ""
        assert f"coverage  {coverage['ms']} of {interval_ms} ms, {coverage['kind']}{mark}\n" in page
        _, _, listed = page.partition(f"\ngaps: {len(reaching)}\n")
        rows = [line.split() for line in listed.splitlines()[1:]]
        assert [(row[0], row[1], row[2], row[-1]) for row in rows] == [
            (gap["source"], gap["from"], gap["to"], gap["cause"]) for gap in reaching
        ]
    assert touched[1000, before_ms] and not touched[1000, after_ms] and touched[60_000, before_ms // 60_000 * 60_000]


def test_what_is_not_known_of_conditions_is_said(tapeline, tmp_path):
    """Without 1d nobody knows the first trade of a day; and of some codes nobody knows what they mean."""
    file = tmp_path / "trades.csv"
    start_ms = 1723215600000
    file.write_text(
        "symbol,price,volume,trade_timestamp_ms,conditions\n"
        f"AAPL,10,1,{start_ms},code:32\nAAPL,11,1,{start_ms + 1},\nAAPL,12,1,{start_ms + 2},code:41\n"
    )
    tapeline.replay(file, intervals="1s")
    told = explained(tapeline, "AAPL", 1000, start_ms, basis="eligible")
    assert told["trades"][0]["taken"] == f"{CONDITIONAL} (not known without a regular session's 1d bar)"
    assert (told["bar"]["open"], told["bar"]["high"]) == ("11", "12")
    takes = {condition["code"]: condition["takes"] for condition in told["conditions"]}
    assert takes == {"32": CONDITIONAL, "41": "nothing (unverified: sources disagree)"}
