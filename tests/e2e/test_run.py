"""`tapeline run` as a person uses it: without a token, with a recording, stopped and started, looked into while it runs."""

import contextlib
import json
import re
import sqlite3
import subprocess
import sys

import harness
import pytest
from harness import Live

README = (harness.ROOT / "README.md").read_text("utf-8")


def run(tapeline, *more):
    return Live(tapeline.start("run", "--port", "0", "--data-dir", tapeline.data, *more))


def ask(live, path):
    status, body = live.get(path)
    assert status == 200, body
    return json.loads(body)


def simulated_symbol_with_bars(live):
    """A symbol of the simulated market that has a stored bar."""

    def look():
        for symbol in ask(live, "/api/v1/symbols")["symbols"]:
            name = symbol["symbol"]
            if any(bar["final"] for bar in ask(live, f"/api/v1/bars?symbol={name.replace(':', '%3A')}&interval=1s")["bars"]):
                return name
        return None

    return harness.wait_until(look, "a final bar of the simulated market", 30, 0.2)


def test_without_a_token_the_market_is_simulated_and_says_so_everywhere(tapeline):
    live = run(tapeline)
    assert "simulated market, not real prices" in live.process.stdout
    symbol = simulated_symbol_with_bars(live)
    query = f"symbol={symbol.replace(':', '%3A')}&interval=1s"
    for path in ("status", "symbols", "gaps", f"bars?{query}", f"trades?{query.split('&')[0]}"):
        answer = ask(live, f"/api/v1/{path}")
        assert (answer["feed"], answer["simulated"]) == ("simulated", True), path
    live.stop()
    refused = tapeline.run(*tapeline.live_arguments("ws://127.0.0.1:1", ["AAPL"]), code=1)
    assert "simulated" in refused.stderr, "real data would be mixed in"


@pytest.mark.parametrize("clock", ["feed", "wall"])
def test_a_recording_is_played_and_its_bars_are_the_oracles(clock, tapeline, small, oracle_of, assert_same_bars):
    tapeline.settings["TAPELINE_INGEST_REPLAY_CLOCK"] = clock
    done = tapeline.run(
        "run", "--replay", small, "--speed", "max", "--exit-at-end", "--port", "0", "--data-dir", tapeline.data
    )
    assert "listening on" in done.stdout
    assert_same_bars(oracle_of(small), tapeline.export_bars())


@pytest.mark.parametrize("end", ["interrupt", "kill"])
def test_stopped_and_started_again_history_is_there_and_the_interruption_is_a_gap(end, tapeline):
    live = run(tapeline)
    symbol = simulated_symbol_with_bars(live).replace(":", "%3A")
    before = [bar for bar in ask(live, f"/api/v1/bars?symbol={symbol}&interval=1s")["bars"] if bar["final"]][0]
    getattr(live.process, end)()
    assert live.process.wait().code == {"interrupt": 0, "kill": -9}[end]
    again = run(tapeline)
    after = {bar["start"]: bar for bar in ask(again, f"/api/v1/bars?symbol={symbol}&interval=1s")["bars"]}
    assert after[before["start"]]["trade_count"] >= before["trade_count"]
    cause = {"interrupt": "shutdown", "kill": "crash"}[end]
    harness.wait_until(
        lambda: cause in {gap["cause"] for gap in ask(again, "/api/v1/gaps")["gaps"]}, f"a gap with cause {cause}", 30
    )


def test_the_readmes_own_look_at_the_data_works_while_it_runs(tapeline):
    """The SQL and the Python of the README, on the directory of a running program."""
    live = run(tapeline)
    symbol = simulated_symbol_with_bars(live)
    sql = re.search(r'"(select .*?)"\n', README, re.DOTALL).group(1)
    sql = sql.replace("'AAPL'", f"'{symbol}'").replace("'1m'", "'1s'")
    [database] = tapeline.databases()

    def rows():
        with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            return connection.execute(sql).fetchall()

    assert all(len(row) == 6 for row in harness.wait_until(rows, "rows of the README's query"))
    script = re.search(r'python3 -c "\n(.*?)"  ', README, re.DOTALL).group(1)
    script = re.sub(r"os\.path\.expanduser\('[^']*'\)", repr(f"{tapeline.data}/log/*.avro"), script)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "'symbol'" in done.stdout
    assert live.process.running()


def test_symbols_of_the_settings_are_looked_up_when_that_is_wanted(tapeline):
    live = run(tapeline, "--symbols", "AAPL,NOPE", "--set", "feed.validate_symbols=true")
    live.process.wait_for("the feed knows no symbol NOPE", where="stderr")

    def states():
        return {one["symbol"]: one["state"] for one in ask(live, "/api/v1/symbols")["symbols"]}

    harness.wait_until(lambda: states().get("AAPL") == "subscribed", "AAPL to be subscribed", 30)
    assert "NOPE" not in states()
    live.stop()
