"""The crash loop's own checks see what they are for: made-up ledgers, logs and answers, each wrong in one way."""

import csv
import datetime
import decimal
import json

import contents
import crash_loop
import harness
import ledger
import pytest
import witnesses

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
OPENED_US = 1_000_000_000
TRADES = 6


def moment(microseconds):
    return EPOCH + datetime.timedelta(microseconds=microseconds)


@pytest.fixture
def connections(tmp_path):
    """One connection with two trades in each of three frames, as the simulator writes it down."""
    notes = [{"connection": 1, "event": "opened", "sent_us": OPENED_US}]
    for frame in range(TRADES // 2):
        data = ",".join(
            f'{{"c":["1","8"],"p":189.{number},"s":"AAPL","t":{1_000_000 + number},"v":100}}'
            for number in (2 * frame + 1, 2 * frame + 2)
        )
        text = f'{{"data":[{data}],"type":"trade"}}'
        notes.append({"connection": 1, "frame": frame + 1, "sent_us": sent_us(2 * frame + 1), "bytes": text})
    notes.append({"connection": 1, "frame": 4, "sent_us": OPENED_US + 9_000, "bytes": '{"type":"ping"}'})
    path = tmp_path / "ledger.jsonl"
    path.write_text("".join(json.dumps(note) + "\n" for note in notes))
    return ledger.read(path)


def sent_us(sequence):
    return OPENED_US + (sequence + 1) // 2 * 1_000


def logged(sequence):
    """What the log has of that connection's trade."""
    return {
        "symbol": "AAPL",
        "price": float(f"189.{sequence}"),
        "volume": 100.0,
        "event_time": moment((1_000_000 + sequence) * 1_000),
        "ingest_time": moment(sent_us(sequence) + 50),
        "conditions": ["1", "8"],
        "source": "simulated",
        "epoch": 1,
        "sequence": sequence,
    }


@pytest.fixture
def log():
    return [logged(sequence) for sequence in range(1, TRADES + 1)]


def kinds(connections, log, *gaps):
    return [kind for kind, _ in ledger.differences(connections, log, gaps)]


def test_a_log_of_all_that_was_sent_has_no_difference(connections, log):
    assert kinds(connections, log) == []


def test_an_end_is_missing_inside_a_gap_only(connections, log):
    gap = ledger.Gap(None, sent_us(5), sent_us(5) + 1)
    assert kinds(connections, log[:4]) == ["unexplained"] * 2
    assert kinds(connections, log[:4], gap) == []
    assert kinds(connections, log[:4], gap._replace(symbol="AAPL")) == []
    assert kinds(connections, log[:4], gap._replace(symbol="MSFT")) == ["unexplained"] * 2
    assert kinds(connections, log[:4], gap._replace(from_us=sent_us(5) + 1)) == ["unexplained"] * 2
    assert kinds(connections, log[:3], gap) == ["unexplained"], "the second half of a frame"


@pytest.mark.parametrize("hole", range(TRADES - 1))
def test_a_hole_is_found_inside_a_gap_too(connections, log, hole):
    del log[hole]
    assert kinds(connections, log, ledger.Gap(None, 0, float("inf"))) == ["unexplained"]


@pytest.mark.parametrize(
    "change", [{"symbol": "MSFT"}, {"price": 189.0}, {"volume": 99.0}, {"conditions": ["1"]}, {"event_time": moment(0)}]
)
def test_other_content_is_found(connections, log, change):
    log[2].update(change)
    assert kinds(connections, log) == ["different"]


def test_what_was_never_sent_is_found(connections, log):
    log.append(logged(TRADES + 1))
    assert kinds(connections, log) == ["different"]


def test_two_epochs_are_not_one_connection(connections, log):
    twice = [{**trade, "epoch": 2} for trade in log]
    assert kinds(connections, log + twice) == ["different"]


def bar(records, revision=0, final=False):
    key = {"symbol": "AAPL", "interval": "1s", "basis": "all", "start_ms": 1_000}
    return {**key, "trade_count": records, "price_update_count": 0, "revision": revision, "final": final}


@pytest.mark.parametrize("later", [bar(4, 1, True), bar(5, 0, True), bar(5, 1, False)])
def test_a_bar_that_goes_back_is_found(later):
    shown = witnesses.Shown()
    shown.take({"bars": [bar(2), bar(3)]})
    shown.take({"bars": [bar(5, 1, True)]})
    assert shown.wrong == []
    shown.take({"bars": [later]})
    assert len(shown.wrong) == 1


@pytest.mark.parametrize("has", [[], [bar(4, 1, True)], [bar(5, 0, True)], [bar(5, 1, False)]])
def test_a_bar_that_stays_behind_after_a_restart_is_found(has):
    class Api:
        def get(self, path):
            return 200, json.dumps({"bars": has})

    shown = {witnesses.key_of(bar(5)): witnesses.State(5, 1, True)}
    assert len(crash_loop.bars_behind(Api(), shown)) == 1
    has[:] = [bar(6, 1, True)]
    assert crash_loop.bars_behind(Api(), shown) == []


def test_a_trade_that_is_shown_in_two_ways_is_found():
    trade = {"symbol": "AAPL", "price": "189.1", "volume": "100", "event_time_ms": 1, "conditions": ["1"]}
    trade["id"] = {"source": "simulated", "epoch": 1, "sequence": 1}
    shown = witnesses.Shown()
    shown.take({"trades": [trade, {**trade, "price": "189.10"}]})
    assert shown.wrong == []
    shown.take({"trades": [{**trade, "conditions": []}]})
    assert len(shown.wrong) == 1


def test_a_shown_bar_needs_its_trades_at_the_end():
    header, row = "symbol,interval_ms,start_ms,count,price_update_count", "AAPL,1000,1000,3,1"
    key = ("AAPL", "1s", "all", 1_000)
    assert crash_loop.bars_with_fewer({key: witnesses.State(4, 0, False)}, f"{header}\n{row}\n") == []
    assert crash_loop.bars_with_fewer({key: witnesses.State(5, 0, False)}, f"{header}\n{row}\n")
    assert crash_loop.bars_with_fewer({key: witnesses.State(1, 0, False)}, f"{header}\n")


def test_what_was_known_must_be_there_as_it_was(log, tmp_path):
    known = {trade["sequence"]: contents.of_logged(trade) for trade in log}
    changed = {sequence: content for sequence, content in known.items() if sequence != 2}
    changed[3] = known[3]._replace(volume=decimal.Decimal(1))
    findings = crash_loop.Findings()
    directory = crash_loop.LiveDirectory(harness.Tapeline(None, tmp_path), None, findings, None)
    directory.hold(known, known, "shown")
    assert not any(findings.wrong.values())
    directory.hold(known, changed, "shown")
    assert findings.wrong == {"lost": 1, "doubled": 0, "different": 1, "unexplained": 0, "slow": 0}


def test_codes_reach_the_oracle_as_they_are(log, tmp_path):
    log[0]["conditions"] = ["16"]  # moves nothing of basis eligible
    bars = crash_loop.oracle_bars(crash_loop.write_log(log, tmp_path / "log.jsonl"), tmp_path)
    volumes = {basis: next(csv.DictReader(text.splitlines()))["volume"] for basis, text in bars.items()}
    assert volumes == {"all": "600", "eligible": "500"}


def test_a_first_bar_beyond_the_limit_is_found():
    findings = crash_loop.Findings()
    findings.add_first_bar(crash_loop.FIRST_BAR_LIMIT_MS)
    assert findings.wrong["slow"] == 0
    findings.add_first_bar(crash_loop.FIRST_BAR_LIMIT_MS + 1)
    assert findings.wrong["slow"] == 1
