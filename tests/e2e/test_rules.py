"""Calendar and condition table from files of the user's: the next unscheduled closing needs no new program."""

import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CALENDAR = ROOT / "config/calendar/us.toml"
CONDITIONS = ROOT / "config/conditions/finnhub.toml"
FRIDAY_11_00_NEW_YORK = 1723215600000
TRADES = f"""symbol,price,volume,trade_timestamp_ms,conditions
AAPL,10,1,{FRIDAY_11_00_NEW_YORK},
AAPL,12,1,{FRIDAY_11_00_NEW_YORK + 1},code:14
"""


@pytest.fixture
def trades(tmp_path):
    file = tmp_path / "trades.csv"
    file.write_text(TRADES)
    return file


def day_of(tapeline, basis):
    [row] = tapeline.export_bars("1d", basis).splitlines()[1:]
    symbol, _, _, open_, _, _, close, *_ = row.split(",")
    return open_, close


def test_a_day_that_a_file_closes_has_no_regular_session(make_tapeline, trades, tmp_path):
    file = tmp_path / "mine.toml"
    closed = '\n[[date]]\nname = "a closing that nobody had announced"\ndate = 2024-08-09\nkind = "closed"\n'
    file.write_text(CALENDAR.read_text().replace('name = "us"', 'name = "mine"', 1) + closed)
    usual, mine = make_tapeline("usual"), make_tapeline("mine", TAPELINE_ENGINE_CALENDAR=str(file))
    for tapeline in (usual, mine):
        tapeline.replay(trades, intervals="1d")
    assert day_of(usual, "all") == ("10", "12")
    assert day_of(mine, "all") == ("", "")
    mine.run("verify", "--data-dir", mine.data)


def test_a_condition_of_a_file_restricts(make_tapeline, trades, tmp_path):
    file = tmp_path / "mine.toml"
    before, row, after = CONDITIONS.read_text().replace('name = "finnhub"', 'name = "mine"', 1).partition("code = 14\n")
    file.write_text(before + row + after.replace("last = true", "last = false", 1))
    usual, mine = make_tapeline("usual"), make_tapeline("mine", TAPELINE_ENGINE_CONDITIONS=str(file))
    for tapeline in (usual, mine):
        tapeline.replay(trades, intervals="1d")
    assert day_of(usual, "eligible") == ("10", "12")
    assert day_of(mine, "eligible") == ("10", "10")
    mine.run("verify", "--data-dir", mine.data)


@pytest.mark.parametrize(
    ("setting", "content", "told"),
    [
        ("engine.calendar", None, "rules.toml"),
        ("engine.calendar", 'name = "x"\nversion = "one"\n', "version"),
        ("engine.calendar", "no toml at all", "rules.toml"),
        ("engine.conditions", None, "rules.toml"),
        ("engine.conditions", 'name = "x"\nversion = 1\n[[condition]]\ncode = 900\n', "code"),
    ],
)
def test_a_file_that_says_nonsense_is_refused(setting, content, told, tapeline, trades, tmp_path):
    file = tmp_path / "rules.toml"
    if content is not None:
        file.write_text(content)
    done = tapeline.run("replay", trades, "--data-dir", tapeline.data, "--set", f"{setting}={file}", code=2)
    assert setting in done.stderr and told in done.stderr, done.stderr


def test_a_name_that_is_no_file_is_refused(tapeline, trades):
    done = tapeline.run("replay", trades, "--data-dir", tapeline.data, "--set", "engine.calendar=uk", code=2)
    assert "must be us, none, or the path of a file that ends in .toml" in done.stderr
