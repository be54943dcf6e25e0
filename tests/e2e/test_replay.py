"""Recordings through ingest, log, engine and store: the export equals the oracle in every byte."""

import datetime
import gzip
import json
import zoneinfo

import feeds
import pytest
import recordings

ALL_INTERVALS = "1s,5s,15s,1m,5m,15m,30m,1h,4h"


@pytest.mark.parametrize("recording", [*recordings.NAMES, recordings.FRAMES], indirect=True)
def test_a_recording_gives_the_oracles_bars(recording, tapeline, oracle_of, assert_same_bars):
    tapeline.replay(recording, timeout=300)
    assert_same_bars(oracle_of(recording), tapeline.export_bars())


def small_as(form, small, folder, rng):
    """The small recording in another form; the bars are the same."""
    if form == "csv":
        return small
    if form == "csv.gz":
        path = folder / "small.csv.gz"
        path.write_bytes(gzip.compress(small.read_bytes()))
        return path
    lines = [*feeds.frames_of(feeds.rows_of(small), rng), feeds.PING, '{"msg":"Invalid symbol X","type":"error"}']
    text = "\n".join(lines) + "\n"
    path = folder / f"small.{form}"
    path.write_bytes(gzip.compress(text.encode()) if form.endswith(".gz") else text.encode())
    return path


@pytest.mark.parametrize("form", ["csv", "csv.gz", "jsonl", "jsonl.gz"])
def test_every_form_of_a_recording_gives_the_same_bars(
    form, small, tapeline, tmp_path, rng, oracle_of, assert_same_bars
):
    file = small_as(form, small, tmp_path, rng)
    expected = oracle_of(small, intervals=ALL_INTERVALS)
    assert_same_bars(expected, oracle_of(file, intervals=ALL_INTERVALS))
    tapeline.replay(file, intervals=ALL_INTERVALS)
    assert_same_bars(expected, tapeline.export_bars(ALL_INTERVALS))


def test_days_of_crypto_and_forex(small, tapeline, tmp_path, oracle_of, assert_same_bars):
    """The UTC day, and 17:00 to 17:00 in New York."""
    rows = [row for row in feeds.rows_of(small) if ":" in row["symbol"]]
    file = feeds.write_rows(tmp_path / "days.csv", rows)
    tapeline.replay(file, intervals="1m,1d")
    assert_same_bars(oracle_of(file, intervals="1m,1d"), tapeline.export_bars("1m,1d"))


@pytest.mark.parametrize("recording", ["aapl_taq_20100507.csv.gz"], indirect=True)
def test_the_day_of_a_recorded_stock(recording, tapeline, oracle_of, assert_same_bars):
    """Its whole seconds stamp the closing auction 16:00:00.000: part of the day, as what has condition T is not."""
    tapeline.replay(recording, intervals="1h,1d", timeout=300)
    expected = oracle_of(recording, intervals="1h,1d")
    assert_same_bars(expected, tapeline.export_bars("1h,1d"))
    day = next(line.split(",") for line in expected.splitlines() if ",86400000," in line)
    last_hour = [line.split(",") for line in expected.splitlines() if ",3600000," in line][-1]
    assert day[6] == last_hour[6], "the day closes with the prints of 16:00:00.000"


def test_days_of_stocks(tapeline, tmp_path, rng, oracle_of, assert_same_bars):
    """The regular session of each day, by the calendar: a holiday, half days, closings, weekends, both clock changes."""
    days = ["1999-12-31", "2001-09-10", "2001-09-11", "2002-07-03", "2002-07-05", "2013-07-03", "2018-12-05"]
    days += ["2025-01-09", "2025-11-27", "2025-11-28", "2025-11-29", "2026-03-06", "2026-03-08", "2026-03-09"]
    days += ["2026-10-30", "2026-11-01", "2026-11-02"]
    lines = ["symbol,price,volume,trade_timestamp_ms,conditions"]
    price = 0
    for day in days:
        midnight = datetime.datetime.fromisoformat(day).replace(tzinfo=zoneinfo.ZoneInfo("America/New_York"))
        for clock in ("03:59", "09:29", "09:30", "12:59", "13:00", "15:59", "16:00", "16:30", "17:00", "19:59", "20:00"):
            hour, minute = clock.split(":")
            moment = int(midnight.replace(hour=int(hour), minute=int(minute)).timestamp() * 1000)
            for after_ms in (0, 1, 999, 1_000):
                price += 1
                lines.append(f"AAPL,{price},1,{moment + after_ms},{rng.choice(['', '@', '@;T', 'U', 'I', '6'])}")
    file = tmp_path / "stocks.csv"
    file.write_text("\n".join(lines) + "\n")
    tapeline.replay(file, intervals="1h,1d")
    assert_same_bars(oracle_of(file, intervals="1h,1d"), tapeline.export_bars("1h,1d"))


def test_export_gives_the_intervals_asked_for(small, tapeline, oracle_of, assert_same_bars):
    tapeline.replay(small)
    assert_same_bars(oracle_of(small, intervals="1m"), tapeline.export_bars("1m"))


def test_repeating_a_replay_adds_nothing(small, tapeline, oracle_of, assert_same_bars):
    tapeline.replay(small)
    trades = tapeline.export_trades()
    tapeline.replay(small)
    assert_same_bars(oracle_of(small), tapeline.export_bars())
    assert tapeline.export_trades() == trades


def exported_again(tapeline, make_tapeline, folder):
    """A second tape, replayed from the first one's export of trades."""
    file = folder / "exported.csv"
    file.write_text(tapeline.export_trades(), "utf-8")
    again = make_tapeline("again")
    again.replay(file, timeout=300)
    return again


@pytest.mark.parametrize("recording", ["aapl_taq_20100507.csv.gz"], indirect=True)
def test_exported_trades_of_a_recording_are_the_recording(recording, tapeline, make_tapeline, tmp_path):
    """Half its trades have conditions. One symbol, so that the rows keep their order."""
    tapeline.replay(recording, timeout=300)
    with feeds.open_text(recording) as text:
        assert tapeline.export_trades() == text.read()


def test_exported_trades_replay_to_the_same_trades_and_bars(small, tapeline, make_tapeline, tmp_path):
    tapeline.replay(small)
    again = exported_again(tapeline, make_tapeline, tmp_path)
    assert again.export_trades() == tapeline.export_trades()
    for basis in ("all", "eligible"):
        assert again.export_bars(basis=basis) == tapeline.export_bars(basis=basis)


def test_exported_frames_replay_to_the_same_codes(tapeline, make_tapeline, tmp_path):
    """What the feed sends has codes that no letter of the tape stands for, and texts of any kind."""
    codes = [["1", "12"], ["2"], ["4", "24"], [], ["99", "foo;bar", "100%", "tape:@", "a\nb", ""], ["32"]]
    frames = tmp_path / "frames.jsonl"
    rows = [{"s": "AAPL", "p": 10 + n, "v": 1, "t": 1786456800000 + n, "c": c} for n, c in enumerate(codes)]
    frames.write_text(json.dumps({"type": "trade", "data": rows}) + "\n", "utf-8")
    tapeline.replay(frames)
    again = exported_again(tapeline, make_tapeline, tmp_path)
    columns = ("--columns", "symbol,price,volume,trade_timestamp_ms,codes")
    told = [each.run("export", "trades", "--data-dir", each.data, *columns).stdout for each in (tapeline, again)]
    assert told[0] == told[1] and "foo;bar" in told[0]
    for basis in ("all", "eligible"):
        assert again.export_bars(basis=basis) == tapeline.export_bars(basis=basis)


def test_recordings_add_up(small, tapeline, tmp_path, oracle_of, assert_same_bars):
    """Disjoint symbols in three files: two in one command, the third later."""
    rows = feeds.rows_of(small)
    parts = [("BINANCE:",), ("OANDA:", "IC MARKETS:"), ("AAPL", "BRK.B")]
    files = []
    for number, prefixes in enumerate(parts):
        some = [row for row in rows if row["symbol"].startswith(prefixes)]
        files.append(feeds.write_rows(tmp_path / f"{number}.csv", some))
    tapeline.replay(*files[:2])
    tapeline.replay(files[2])
    assert_same_bars(oracle_of(small), tapeline.export_bars())


def test_law_4_every_permutation_gives_the_same_bars(small, make_tapeline, tmp_path, rng, assert_same_bars):
    """Of rows that share no millisecond with their symbol's others, the order in the file has no meaning at all."""
    unique = {(row["symbol"], row["trade_timestamp_ms"]): row for row in feeds.rows_of(small)}
    rows = list(unique.values())
    exports = []
    for number in range(3):
        file = feeds.write_rows(tmp_path / f"{number}.csv", rows)
        instance = make_tapeline(str(number))
        instance.replay(file)
        exports.append(instance.export_bars())
        rng.shuffle(rows)
    for export in exports[1:]:
        assert_same_bars(exports[0], export)


def test_a_replay_with_a_speed_gives_the_same_bars(small, tapeline, tmp_path, oracle_of, assert_same_bars):
    rows = feeds.rows_of(small)
    first_ms = min(int(row["trade_timestamp_ms"]) for row in rows)
    minute = [row for row in rows if int(row["trade_timestamp_ms"]) < first_ms + 60_000]
    file = feeds.write_rows(tmp_path / "minute.csv", minute)
    tapeline.replay(file, speed="60")
    assert_same_bars(oracle_of(file), tapeline.export_bars())


def test_law_2_every_row_is_in_the_log_once(small, tapeline):
    rows = feeds.rows_of(small)
    tapeline.replay(small)
    assert_every_row_once(rows, tapeline)


def assert_every_row_once(rows, tapeline):
    # Imported here: the other tests of this file need no fastavro.
    import segments

    logged = segments.trades_of(segments.read_all(tapeline.segments()))
    assert len({segments.identity(trade) for trade in logged}) == len(logged)
    in_order = sorted(logged, key=lambda trade: trade["sequence"])
    assert [trade["sequence"] for trade in in_order] == list(range(1, len(rows) + 1))
    for trade, row in zip(in_order, rows):
        assert trade["symbol"] == row["symbol"]
        assert trade["price"] == float(row["price"])
        assert trade["volume"] == float(row["volume"])
        assert segments.milliseconds(trade["event_time"]) == int(row["trade_timestamp_ms"])
