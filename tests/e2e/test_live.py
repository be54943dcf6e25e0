"""Live against a feed under the test's control: frames to bars, hang-ups, kills, gaps."""

import itertools
import json
import random
import sqlite3
import time
from decimal import Decimal

import feeds
import harness
import oracle
import pytest
import segments
from fake_feed import FakeFeed


@pytest.fixture
def feed():
    feed = FakeFeed()
    yield feed
    feed.close()


@pytest.fixture
def market(small):
    """The first 1,200 rows of the small recording."""
    return feeds.rows_of(small)[:1200]


def elements_in(frames):
    return sum(frame.count('"s":') for frame in frames)


def test_frames_give_the_oracles_bars(feed, market, tapeline, tmp_path, rng, oracle_of, assert_same_bars):
    symbols = feeds.symbols_of(market)
    live = tapeline.run_live(feed.url, symbols)
    feed.wait_for_subscriptions(symbols)
    for number, frame in enumerate(feeds.frames_of(market, rng)):
        feed.send(frame)
        if number % 50 == 0:
            feed.send(feeds.PING)
    tapeline.wait_for_logged(len(market))
    live.stop()
    assert_same_bars(oracle_of(feed.write_ledger(tmp_path / "ledger.jsonl"), ledger=True), tapeline.export_bars())


def test_one_connection_with_the_key_and_one_message_per_symbol(feed, market, tapeline):
    symbols = feeds.symbols_of(market)
    tapeline.run_live(feed.url, symbols)
    connection = feed.wait_for_subscriptions(symbols)
    _, path, _ = feed.handshakes[0]
    assert f"token={harness.TOKEN}" in path
    assert sorted(message["symbol"] for message in connection.messages) == symbols
    assert all(set(message) == {"type", "symbol"} for message in connection.messages)
    assert len(feed.connections) == 1


def test_after_a_hang_up_it_subscribes_again_and_records_the_gap(
    feed, market, tapeline, tmp_path, rng, oracle_of, assert_same_bars
):
    symbols = feeds.symbols_of(market)
    frames = list(feeds.frames_of(market, rng))
    half = len(frames) // 2
    live = tapeline.run_live(feed.url, symbols)
    feed.wait_for_subscriptions(symbols, 1)
    for frame in frames[:half]:
        feed.send(frame)
    tapeline.wait_for_logged(elements_in(frames[:half]))
    feed.hang_up()
    feed.wait_for_subscriptions(symbols, 2)
    for frame in frames[half:]:
        feed.send(frame)
    tapeline.wait_for_logged(len(market))
    live.stop()
    assert_same_bars(oracle_of(feed.write_ledger(tmp_path / "ledger.jsonl"), ledger=True), tapeline.export_bars())
    entries = segments.read_all(tapeline.segments())
    epochs = [trade["epoch"] for trade in segments.trades_of(entries)]
    assert epochs == sorted(epochs) and len(set(epochs)) == 2
    gaps = [control for control in segments.controls_of(entries) if control["kind"] == "gap"]
    assert any("disconnect" in control["detail"] for control in gaps)


def live_with_kills(feed, tapeline, rows, rng, frames_between):
    """kill -9 after every few frames, once they are logged; the feed goes on with the next connection."""
    symbols = feeds.symbols_of(rows)
    frames = list(feeds.frames_of(rows, rng, most=3))
    sent = 0
    for start in range(0, len(frames), frames_between):
        live = tapeline.run_live(feed.url, symbols)
        feed.wait_for_subscriptions(symbols, start // frames_between + 1)
        for frame in frames[start : start + frames_between]:
            feed.send(frame)
            sent += elements_in([frame])
        tapeline.wait_for_logged(sent)
        live.kill()


@pytest.mark.parametrize("settings", [{}, harness.SMALLEST], ids=["defaults", "cache 0, batch 1"])
def test_law_7_killed_after_every_few_records(
    settings, feed, market, make_tapeline, tmp_path, oracle_of, assert_same_bars
):
    tapeline = make_tapeline("killed", **settings)
    rows = market[:60]
    live_with_kills(feed, tapeline, rows, random.Random(1), frames_between=2)
    assert len(feed.connections) >= 10
    tapeline.run_live(feed.url, feeds.symbols_of(rows)).stop()
    assert_same_bars(oracle_of(feed.write_ledger(tmp_path / "ledger.jsonl"), ledger=True), tapeline.export_bars())
    entries = segments.read_all(tapeline.segments())
    logged = segments.trades_of(entries)
    assert len({segments.identity(trade) for trade in logged}) == len(logged) == len(rows)
    gaps = [control for control in segments.controls_of(entries) if control["kind"] == "gap"]
    assert sum("crash" in control["detail"] for control in gaps) >= 10


def recording_of_log(entries, path):
    """The log's trades as a recording whose rows stand in the order of their identities."""
    rows = ["symbol,price,volume,trade_timestamp_ms,conditions"]
    for trade in sorted(segments.trades_of(entries), key=segments.identity):
        numbers = (oracle.plain(Decimal(repr(trade[name]))) for name in ("price", "volume"))
        rows.append(",".join([trade["symbol"], *numbers, str(segments.milliseconds(trade["event_time"])), ""]))
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("commit_interval_ms", [1_000, 20])
def test_law_7_killed_in_a_flood_the_bars_are_those_of_the_log(
    commit_interval_ms, feed, small, make_tapeline, tmp_path, oracle_of, assert_same_bars
):
    """Nobody waits for anything: frames are under way, half written, not yet stored when the program dies."""
    tapeline = make_tapeline(TAPELINE_PIPELINE_COMMIT_INTERVAL_MS=str(commit_interval_ms))
    rng = random.Random(commit_interval_ms)
    rows = feeds.rows_of(small)
    symbols = feeds.symbols_of(rows)
    frames = itertools.cycle(feeds.frames_of(rows, rng))
    sent = {}
    for number in range(1, 6):
        live = tapeline.run_live(feed.url, symbols)
        connection = feed.wait_for_subscriptions(symbols, number)
        sent[number] = 0
        deadline = time.monotonic() + rng.uniform(0.05, 0.4)
        while time.monotonic() < deadline:
            frame = next(frames)
            feed.send(frame, connection)
            sent[number] += elements_in([frame])
        live.kill()
    tapeline.run_live(feed.url, symbols).stop()
    entries = segments.read_all(tapeline.segments())
    logged = segments.trades_of(entries)
    assert_a_prefix_of_each_connection_is_logged(logged, sent)
    assert_same_bars(oracle_of(recording_of_log(entries, tmp_path / "log.csv")), tapeline.export_bars())


def assert_a_prefix_of_each_connection_is_logged(logged, sent):
    sequences = {}
    for trade in logged:
        sequences.setdefault(trade["epoch"], []).append(trade["sequence"])
    assert sequences
    for number, epoch in enumerate(sorted(sequences), start=1):
        assert sequences[epoch] == list(range(1, len(sequences[epoch]) + 1)), f"epoch {epoch} has holes or repeats"
        assert len(sequences[epoch]) <= sent[number]


def test_a_kill_is_a_gap_that_people_can_see(feed, market, tapeline):
    rows = market[:30]
    live_with_kills(feed, tapeline, rows, random.Random(1), frames_between=100)
    tapeline.run_live(feed.url, feeds.symbols_of(rows)).stop()
    assert "crash" in tapeline.run("gaps", "--data-dir", tapeline.data).stdout


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_connection_that_brought_nothing_is_followed_by_a_gap_from_its_opening(end, feed, market, tapeline, rng):
    """A quiet market: nothing came, so there is no last frame that the gap could begin at."""
    begin_us = time.time_ns() // 1_000
    live = tapeline.run_live(feed.url, ["AAPL"])
    feed.wait_for_subscriptions(["AAPL"])

    def controls(kind):
        entries = [entry for path in tapeline.segments() for entry in segments.read_segment(path)[0]]
        return [control for control in segments.controls_of(entries) if control["kind"] == kind]

    harness.wait_until(lambda: controls("subscribed"), "a subscription in the log")
    getattr(live, end)()
    rows = [row for row in market if row["symbol"] == "AAPL"][:10]
    live = tapeline.run_live(feed.url, ["AAPL"])
    feed.wait_for_subscriptions(["AAPL"], 2)
    for frame in feeds.frames_of(rows, rng):
        feed.send(frame)
    tapeline.wait_for_logged(len(rows))
    live.stop()
    gaps = controls("gap")
    assert gaps and all(gap["from"].timestamp() * 1e6 > begin_us - 10_000_000 for gap in gaps), gaps
    assert sum(int(line.split(",")[9]) for line in tapeline.export_bars("1s").splitlines()[1:]) == len(rows)


def one_trade(symbol):
    return json.dumps({"data": [{"p": 10, "s": symbol, "t": time.time_ns() // 1_000_000, "v": 1}], "type": "trade"})


def answer(live, query):
    status, body = live.get(f"/api/v1/{query}")
    assert status == 200, body
    return json.loads(body)


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_refused_symbol_is_a_gap_from_its_subscription_also_over_a_restart(end, feed, tapeline):
    """The feed acknowledges nothing: until it refused a symbol, that one only seemed to be covered."""
    live = tapeline.run_live(feed.url, ["AAPL", "OANDA:EUR_USD"])
    feed.wait_for_subscriptions(["AAPL", "OANDA:EUR_USD"])

    def controls(*kinds):
        entries = [entry for path in tapeline.segments() for entry in segments.read_segment(path)[0]]
        return [control for control in segments.controls_of(entries) if control["kind"] in kinds]

    def spans():
        return [(gap["from"], gap["to"]) for gap in controls("gap") if gap["detail"] == "refused"]

    feed.send('{"msg":"Invalid symbol OANDA:EUR_USD","type":"error"}')
    harness.wait_until(spans, "the gap of the refused symbol in the log")
    harness.wait_until(lambda: answer(live, "gaps?symbol=OANDA:EUR_USD")["gaps"], "the gap in the API")
    refused_us = time.time_ns() // 1_000

    def goes_on():
        feed.send(one_trade("AAPL"))
        bars = answer(live, "bars?symbol=AAPL&interval=1s")["bars"]
        return [bar for bar in bars if bar["final"] and bar["start_ms"] * 1_000 >= refused_us]

    harness.wait_until(goes_on, "a final bar of after the refusal", pause=0.25)
    getattr(live, end)()
    live = tapeline.run_live(feed.url, ["AAPL"])
    feed.wait_for_subscriptions(["AAPL", "OANDA:EUR_USD"], 2)
    harness.wait_until(lambda: len(controls("subscribed")) >= 4, "both are asked for again")
    live.stop()
    [first, *_] = [record for record in controls("subscribed") if record["symbol"] == "OANDA:EUR_USD"]
    whole = [gap for gap in controls("gap") if gap["symbol"] is None and gap["detail"] in ("shutdown", "crash")]
    reached = first["ingest_time"]
    for begin, until in sorted(spans()):
        assert (begin - reached).total_seconds() < 0.001, f"a hole before {begin}"
        reached = max(reached, until)
    assert whole and min(gap["from"] for gap in whole) <= reached, (spans(), whole)


def test_a_bar_of_a_symbol_that_is_refused_later_says_that_it_may_be_incomplete(feed, tapeline):
    """One that never traded has no bars. One that did may lack trades since the last, as API, export and store tell."""
    symbols = ["AAPL", "BINANCE:ETHUSDT"]
    live = tapeline.run_live(feed.url, symbols)
    feed.wait_for_subscriptions(symbols)
    for symbol in symbols:
        feed.send(one_trade(symbol))
    tapeline.wait_for_logged(2)
    feed.send('{"msg":"Invalid symbol BINANCE:ETHUSDT","type":"error"}')

    def shown(symbol):
        return [bar["gap"] for bar in answer(live, f"bars?symbol={symbol}&interval=1s")["bars"]]

    harness.wait_until(lambda: shown("BINANCE:ETHUSDT") == [True], "the mark in the API")
    assert shown("AAPL") == [False]
    gaps = harness.wait_until(lambda: answer(live, "gaps")["gaps"], "the gap in the API")
    assert {(gap["symbol"], gap["cause"]) for gap in gaps} == {("BINANCE:ETHUSDT", "refused")}
    live.stop()
    chosen = ("--intervals", "1s", "--columns", "symbol,gap", "--format", "csv")
    exported = tapeline.run("export", "bars", "--data-dir", tapeline.data, *chosen).stdout
    assert exported.splitlines()[1:] == ["AAPL,false", "BINANCE:ETHUSDT,true"]
    [file] = tapeline.databases()
    with sqlite3.connect(file) as database:
        stored = database.execute("SELECT symbol, gap FROM bars WHERE interval_ms = 1000 AND basis = 'all' ORDER BY 1")
        assert stored.fetchall() == [("AAPL", 0), ("BINANCE:ETHUSDT", 1)]
    database.close()


def test_history_is_there_after_a_restart(feed, market, tapeline, rng):
    symbols = feeds.symbols_of(market)
    live = tapeline.run_live(feed.url, symbols)
    feed.wait_for_subscriptions(symbols)
    for frame in feeds.frames_of(market, rng):
        feed.send(frame)
    tapeline.wait_for_logged(len(market))
    live.kill()
    again = tapeline.run_live(feed.url, symbols)
    status, body = again.get("/api/v1/bars?symbol=AAPL&interval=1m")
    assert status == 200 and '"1m"' in body or '"60000"' in body or "open" in body


def test_law_11_the_token_is_nowhere(feed, market, make_tapeline, rng):
    tapeline = make_tapeline(**harness.QUICK_RETRY)
    symbols = feeds.symbols_of(market)
    feed.refuse(401)
    live = tapeline.run_live(feed.url, symbols)
    feed.wait_for_subscriptions(symbols)
    for frame in feeds.frames_of(market[:100], rng):
        feed.send(frame)
    tapeline.wait_for_logged(100)
    answers = [live.get(path)[1] for path in ("/metrics", "/api/v1/status", "/healthz", "/readyz")]
    done = live.stop()
    shown = [done.stdout, done.stderr, *answers]
    assert not any(harness.TOKEN in text for text in shown)
    kept = [path for path in tapeline.data.rglob("*") if path.is_file() and harness.TOKEN.encode() in path.read_bytes()]
    assert not kept
