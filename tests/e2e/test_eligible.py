"""Bars of basis `eligible`: what trade conditions let through, against the oracle's own table and rules."""

import collections
import csv
import datetime
import io
import zoneinfo

import feeds
import pytest

ALL = "1s,1m,5m,1d"
FIELDS = ("open", "high", "low", "close", "volume", "count", "priced_by")

# What conditions move on 7 May 2010 of AAPL: by interval and start, of basis `all` and of `eligible`.
MOVED = {
    # Q, the market center's official open, repeats a trade of the tape: 100 shares, then the 306,775 of the opening
    # cross, which has a print of its own (O). Its volume goes; it may be a high, and here is none.
    (1_000, 1273239000000): {"volume": ("19120", "19020")},
    (1_000, 1273239001000): {"volume": ("617400", "310625")},
    # Derivatively priced (4): not the first of the day, so no open and no close; high, low and volume stay.
    (1_000, 1273240191000): {"open": ("245.0069", "244.0525")},
    (1_000, 1273243192000): {"close": ("232.8031", "235.23")},
    (1_000, 1273244409000): {"open": ("236.191", "234.52")},
    (1_000, 1273247736000): {"open": ("240.7262", "240.59")},
    (1_000, 1273253245000): {"open": ("237.1493", "236.585")},
    (1_000, 1273254008000): {"open": ("237.3326", "237.32")},
    # M, the market center's official close: no trade of the tape, and no right at all.
    (1_000, 1273262400000): {"close": ("235.65", "235.63"), "volume": ("3650", "3550"), "count": ("11", "10")},
    # The day: M's close goes, and the volume of M and both Q.
    (86_400_000, 1273204800000): {
        "close": ("235.65", "235.63"),
        "volume": ("58516190", "58209215"),
        "count": ("335691", "335690"),
    },
}


def rows_of(text):
    """The export's rows by interval and start."""
    return {(int(row["interval_ms"]), int(row["start_ms"])): row for row in csv.DictReader(io.StringIO(text))}


@pytest.mark.parametrize("recording", ["aapl_taq_20100507.csv.gz"], indirect=True)
def test_what_conditions_moved_on_a_recorded_day(recording, tapeline, oracle_of, assert_same_bars):
    """7 May 2010: an official open and close that repeat trades of the tape, and 27 derivatively priced prints."""
    tapeline.replay(recording, intervals=ALL, timeout=300)
    everything, eligible = tapeline.export_bars(ALL), tapeline.export_bars(ALL, basis="eligible")
    assert_same_bars(oracle_of(recording, intervals=ALL), everything)
    assert_same_bars(oracle_of(recording, intervals=ALL, basis="eligible"), eligible)
    before, after = rows_of(everything), rows_of(eligible)
    assert before.keys() == after.keys()
    moved = collections.defaultdict(dict)
    for key, row in before.items():
        for field in FIELDS:
            if row[field] != after[key][field]:
                moved[key][field] = (row[field], after[key][field])
    assert {key: fields for key, fields in moved.items() if key[0] in (1_000, 86_400_000)} == MOVED

    # Official opens and the close (M and Q), each also of its second; prints that are derivatively priced.
    columns = ("--basis", "eligible", "--intervals", "1d", "--columns", "excluded_count,excluded_by")
    told = tapeline.run("export", "bars", "--data-dir", tapeline.data, *columns).stdout.splitlines()[1]
    total, by = told.split(",")
    by = dict(part.split(":") for part in by.split(" "))
    letters = collections.Counter()
    with feeds.open_text(recording) as text:
        for row in csv.DictReader(text):
            letters.update(set(row["conditions"].split(";")))
    assert by == {code: str(letters[letter]) for code, letter in (("16", "M"), ("20", "Q"), ("32", "4"))}
    assert int(total) == sum(map(int, by.values()))


def test_a_bar_counts_what_each_condition_excluded(tapeline, tmp_path):
    """A trade may have several; 24 (T) among regular trades takes everything."""
    file = tmp_path / "several.csv"
    moment = 1786456800000
    conditions = ["", "I", "I;4", "I;I", "T;@", "F"]
    rows = [f"AAPL,10,1,{moment + n},{letters}" for n, letters in enumerate(conditions)]
    file.write_text("\n".join(["symbol,price,volume,trade_timestamp_ms,conditions", *rows]) + "\n")
    tapeline.replay(file, intervals="1s,1d")
    columns = ("--columns", "interval,excluded_count,excluded_by")
    export = ("export", "bars", "--data-dir", tapeline.data, *columns, "--basis")
    assert tapeline.run(*export, "eligible").stdout.splitlines()[1:] == ["1s,4,12:3 24:1 32:1", "1d,3,12:3 32:1"]
    assert tapeline.run(*export, "all").stdout.splitlines()[1:] == ["1s,0,", "1d,0,"]


def test_conditions_of_many_kinds(tapeline, tmp_path, rng, oracle_of, assert_same_bars):
    """Every letter, alone and together, around the edges of sessions; late and out of order."""
    lines = []
    for day in ("2025-11-26", "2025-11-27", "2025-11-28", "2026-03-09"):
        midnight = datetime.datetime.fromisoformat(day).replace(tzinfo=zoneinfo.ZoneInfo("America/New_York"))
        for clock in ("08:00", "09:29", "09:30", "09:31", "12:59", "13:00", "15:59", "16:00", "16:01"):
            hour, minute = clock.split(":")
            moment = int(midnight.replace(hour=int(hour), minute=int(minute)).timestamp() * 1000)
            for _ in range(12):
                letters = rng.sample("@FITUMOQ47VBNCZR6", rng.choice((0, 0, 1, 1, 2, 3)))
                price, volume = rng.randint(100, 120), rng.randint(1, 500)
                after_ms = rng.choice((0, 0, 1, 500, 999, 1_000, 59_999))
                lines.append(f"AAPL,{price},{volume},{moment + after_ms},{';'.join(letters)}")
    rng.shuffle(lines)
    file = tmp_path / "conditions.csv"
    file.write_text("\n".join(["symbol,price,volume,trade_timestamp_ms,conditions", *lines]) + "\n")
    tapeline.replay(file, intervals="1s,1m,1h,1d")
    for basis in ("all", "eligible"):
        expected = oracle_of(file, intervals="1s,1m,1h,1d", basis=basis)
        assert_same_bars(expected, tapeline.export_bars("1s,1m,1h,1d", basis=basis))


def test_days_that_begin_with_conditional_prints(tapeline, tmp_path, rng, oracle_of, assert_same_bars):
    """Only conditional prints at first; firm ones come late, some before them."""
    lines = []
    for day in range(3, 28):
        moment = int(datetime.datetime(2026, 8, day, 14, tzinfo=datetime.UTC).timestamp() * 1000)
        for _ in range(rng.randint(1, 6)):
            letter = rng.choice(("Z", "4", "Z;I", "", "I"))
            lines.append(f"AAPL,{rng.randint(100, 120)},10,{moment + rng.randint(0, 9) * 700},{letter}")
    rng.shuffle(lines)
    file = tmp_path / "conditional.csv"
    file.write_text("\n".join(["symbol,price,volume,trade_timestamp_ms,conditions", *lines]) + "\n")
    tapeline.replay(file, intervals=ALL)
    assert_same_bars(oracle_of(file, intervals=ALL, basis="eligible"), tapeline.export_bars(ALL, basis="eligible"))
