"""Recordings, directories, ports and settings that are wrong: one clear sentence, a code, nothing harmed."""

import contextlib
import gzip
import os
import resource
import shutil
import socket
import sqlite3
import subprocess

import feeds
import harness
import pytest
import segments


def refused(tapeline, *arguments, says, code=None):
    """Runs a command that must fail with a sentence on standard error (no stack, no bare errno)."""
    done = tapeline.run(*arguments, code=None)
    assert done.code not in (0, None) and done.code > 0, str(done)
    assert code is None or done.code == code, str(done)
    for part in [says] if isinstance(says, str) else says:
        assert part.lower() in done.stderr.lower(), f"expected {part!r} in\n{done}"
    return done


# Recordings.


def test_a_recording_that_is_not_there(tapeline, tmp_path):
    refused(tapeline, *tapeline.replay_arguments(tmp_path / "none.csv"), says=["none.csv", "no such file"])


def test_a_folder_instead_of_a_recording(tapeline, tmp_path):
    refused(tapeline, *tapeline.replay_arguments(tmp_path), says=str(tmp_path))


def test_something_that_is_no_recording(tapeline, tmp_path):
    file = tmp_path / "picture.csv"
    file.write_bytes(bytes(range(256)) * 100)
    refused(tapeline, *tapeline.replay_arguments(file), says="picture.csv")


def test_a_header_of_another_kind(tapeline, tmp_path):
    file = tmp_path / "other.csv"
    file.write_text("date,close\n2020-01-01,5\n")
    refused(tapeline, *tapeline.replay_arguments(file), says=["other.csv", "symbol"])


def test_an_empty_recording_is_no_error(tapeline, tmp_path):
    file = tmp_path / "empty.csv"
    file.write_text("symbol,price,volume,trade_timestamp_ms,conditions\n")
    tapeline.replay(file)
    assert len(tapeline.export_bars().splitlines()) == 1


def test_a_gzip_file_that_is_cut_off(tapeline, tmp_path, small):
    file = tmp_path / "cut.csv.gz"
    file.write_bytes(gzip.compress(small.read_bytes())[:-3000])
    refused(tapeline, *tapeline.replay_arguments(file), says="cut.csv.gz")


def test_bad_rows_leave_the_others_unharmed(tapeline, tmp_path, small, oracle_of, assert_same_bars):
    rows = small.read_text("utf-8").splitlines()
    bad = [
        "AAPL",
        "AAPL,-1,1,1723160910003,",
        "AAPL,x,1,1723160910003,",
        ",1,1,1723160910003,",
        "AAPL,1,-1,1723160910003,",
        "AAPL,1,1,1723160910003.5,",
        "AAPL,1,1,1516799999999999,",
        "AAPL,1,1,1723160910003,@,more",
        'AAPL,"1,1,1723160910003,',
    ]
    for place, row in enumerate(bad):
        rows.insert(100 + 300 * place, row)
    file = tmp_path / "bad.csv"
    file.write_text("\n".join(rows) + "\n", encoding="utf-8")
    done = tapeline.replay(file)
    assert_same_bars(oracle_of(small), tapeline.export_bars())
    assert str(len(bad)) in done.stdout + done.stderr, str(done)


def test_windows_line_ends_and_a_missing_last_one(tapeline, tmp_path, small, oracle_of, assert_same_bars):
    file = tmp_path / "windows.csv"
    file.write_bytes(small.read_bytes().replace(b"\n", b"\r\n").rstrip())
    tapeline.replay(file)
    assert_same_bars(oracle_of(small), tapeline.export_bars())


def test_a_symbol_that_is_not_utf8_is_refused_with_its_row(tapeline, tmp_path, small, oracle_of, assert_same_bars):
    file = tmp_path / "latin.csv"
    header, rest = small.read_bytes().split(b"\n", 1)
    file.write_bytes(header + b"\nM\xdcNCHEN,1,1,1723160910003,\n" + rest)
    tapeline.replay(file)
    assert_same_bars(oracle_of(small), tapeline.export_bars())


# The data directory.


def test_a_file_instead_of_a_data_directory(tapeline, small):
    tapeline.data.write_text("I am a file\n")
    refused(tapeline, *tapeline.replay_arguments(small), says=str(tapeline.data))


def test_a_directory_that_is_somebody_elses(tapeline, small):
    tapeline.data.mkdir()
    (tapeline.data / "thesis.docx").write_text("do not touch\n")
    refused(tapeline, *tapeline.replay_arguments(small), says=str(tapeline.data))
    assert [path.name for path in tapeline.data.iterdir()] == ["thesis.docx"]


def test_export_without_data(tapeline):
    refused(tapeline, "export", "bars", "--data-dir", tapeline.data, "--format", "csv", says=str(tapeline.data))
    assert not tapeline.data.exists()


def test_a_directory_of_another_feed(tapeline, small):
    tapeline.replay(small)
    before = tapeline.export_bars()
    tapeline.settings["FINNHUB_API_TOKEN"] = harness.TOKEN
    refused(
        tapeline,
        *tapeline.live_arguments(f"ws://127.0.0.1:{harness.free_port()}", ["AAPL"]),
        says=["recording", "finnhub"],
    )
    assert tapeline.export_bars() == before


def test_a_directory_of_a_newer_version(tapeline, small):
    tapeline.replay(small)
    [database] = tapeline.databases()
    with contextlib.closing(sqlite3.connect(database)) as connection:
        [(version,)] = connection.execute("PRAGMA user_version").fetchall()
        assert version > 0
        connection.execute(f"PRAGMA user_version = {version + 1000}")
    refused(tapeline, "export", "bars", "--data-dir", tapeline.data, "--format", "csv", says=["version", "newer"])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write everywhere")
def test_a_directory_without_permission(tapeline, small):
    tapeline.data.mkdir(mode=0o500)
    refused(tapeline, *tapeline.replay_arguments(small), says=[str(tapeline.data), "permission"])


def test_a_second_process_on_the_same_directory(tapeline, big, oracle_of, assert_same_bars):
    first = tapeline.start(*tapeline.replay_arguments(big))
    harness.wait_until(lambda: tapeline.segments() or not first.running(), "the first segment")
    assert first.running(), f"too quick for this test\n{first}"
    refused(tapeline, *tapeline.replay_arguments(big), says=[str(tapeline.data), "another"])
    assert first.wait().code == 0
    assert_same_bars(oracle_of(big), tapeline.export_bars())


def test_a_full_disk_stops_with_a_sentence_and_goes_on_later(tapeline, big, oracle_of, assert_same_bars):
    """No file may grow beyond a megabyte: writes fail as on a full disk (with EFBIG for ENOSPC)."""
    limit = 1 << 20
    tapeline.data.parent.mkdir(exist_ok=True)
    done = subprocess.run(
        [tapeline.binary, *map(str, tapeline.replay_arguments(big))],
        env=tapeline.environment(),
        cwd=tapeline.output,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        restore_signals=False,  # Python ignores SIGXFSZ, and so does its child: the write returns an error
    )
    assert done.returncode > 0, done.stderr
    assert "large" in done.stderr.lower() or "full" in done.stderr.lower(), done.stderr[-3000:]
    tapeline.replay(big)
    assert_same_bars(oracle_of(big), tapeline.export_bars())


@pytest.fixture
def tiny_disk(tmp_path):
    """A file system of 4 MiB."""
    place = tmp_path / "tiny"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", place], capture_output=True, text=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"cannot mount a small file system: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_really_full_disk(tiny_disk, tapeline, big, oracle_of, assert_same_bars):
    tapeline.data = tiny_disk / "data"
    done = refused(tapeline, *tapeline.replay_arguments(big), says="space")
    assert str(tiny_disk) in done.stderr
    larger = tapeline.folder / "data"
    shutil.copytree(tapeline.data, larger)
    tapeline.data = larger
    tapeline.replay(big)
    assert_same_bars(oracle_of(big), tapeline.export_bars())


def test_damage_in_the_log_is_named_and_the_rest_is_kept(tapeline, big):
    """A bit flips in the middle of the log, and the store is lost: everything outside the damage comes back."""
    tapeline.replay(big)
    before = len(tapeline.export_bars("1s").splitlines())
    segment = max(tapeline.segments(), key=lambda path: path.stat().st_size)
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 0x10
    segment.write_bytes(data)
    for database in tapeline.databases():
        for path in database.parent.glob(database.name + "*"):
            path.unlink()
    done = tapeline.run(*tapeline.replay_arguments(big), code=None)
    assert segment.name in done.stderr, str(done)
    assert "corrupt" in done.stderr.lower() or "damage" in done.stderr.lower(), str(done)
    after = len(tapeline.export_bars("1s").splitlines())
    assert after > before // 2
    assert "corruption" in tapeline.run("gaps", "--data-dir", tapeline.data).stdout


def test_a_lost_store_is_rebuilt_from_the_log(tapeline, small, oracle_of, assert_same_bars):
    tapeline.replay(small)
    for database in tapeline.databases():
        for path in database.parent.glob(database.name + "*"):
            path.unlink()
    tapeline.replay(small)
    assert_same_bars(oracle_of(small), tapeline.export_bars())
    assert len(segments.trades_of(segments.read_all(tapeline.segments()))) == len(feeds.rows_of(small))


# Arguments.


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["run", "--replay", "none.csv"], 1, ["none.csv", "no such file", "give the path of a recording"]),
        (["replay", "none.csv"], 1, ["none.csv", "no such file", "give the path of a recording"]),
        (["run", "--replay", "none.csv", "--url", "ws://127.0.0.1:1"], 2, ["--url", "--replay"]),
        (["replay"], 2, ["tapeline replay needs files"]),
        (["run", "--url", "127.0.0.1:8765"], 2, ["feed.url = 127.0.0.1:8765", "must be ws://"]),
        (["run", "--url", "https://finnhub.io"], 2, ["feed.url", "must be ws://"]),
        (["run", "--port", "http"], 2, ["serve.port = http", "whole number from 0 to 65535"]),
        (["replay", "none.csv", "--speed", "0"], 2, ["--speed 0", "positive number", "max"]),
        (["simulate", "--recording", "none.csv"], 1, ["none.csv", "no such file"]),
        (["run", "--symbols", ""], 2, ["--symbols", "names no symbol"]),
        (["simulate", "--misbehave", "duplicat=1"], 2, ["duplicat", "duplicate"]),
        (["simulate", "--rate", "-5"], 2, ["simulate.rate", "-5"]),
        (["bars", "--intervals", "7m"], 2, ["7m", "5m"]),
        (["bars", "--from", "soon"], 2, ["soon", "RFC 3339"]),
        (["bars", "--from", "2026-11-21", "--to", "2026-11-20"], 2, ["--to 2026-11-20", "--from 2026-11-21"]),
        (["bars", "--basis", "vendor"], 2, ["--basis", "vendor", "all", "eligible"]),
        (["bars", "--limit", "-4"], 2, ["--limit: -4 is no whole number from 0"]),
        (["export", "bars", "--columns", "hight"], 2, ["hight", "high"]),
        (["run", "--set", "serve.address=0.0.0.0"], None, ["serve.token", "127.0.0.1"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_wrong_arguments_are_explained_and_nothing_is_made(arguments, code, says, tapeline):
    refused(tapeline, *arguments, "--data-dir", tapeline.data, says=says, code=code)
    if "serve.address=0.0.0.0" not in arguments:
        assert not tapeline.data.exists()


# Ports and settings.


def test_a_port_in_use(tapeline):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused(tapeline, "run", "--data-dir", tapeline.data, "--port", port, says=[port, "in use"])


def test_an_unknown_setting_is_refused_with_the_nearest(tapeline):
    known = [line.split("=")[0].strip(" #") for line in tapeline.run("config").stdout.splitlines() if " = " in line]
    assert "segment_bytes_max" in known
    refused(
        tapeline, "config", "--set", "log.segment_byte_max=1", says=["log.segment_byte_max", "log.segment_bytes_max"]
    )


def test_all_problems_are_reported_at_once(tapeline):
    refused(
        tapeline,
        "config",
        "--set",
        "log.segment_bytes_max=-5",
        "--set",
        "log.durability=sometimes",
        "--set",
        "no.such=1",
        says=["log.segment_bytes_max", "log.durability", "fsync", "no.such"],
    )


def test_an_unknown_interval(tapeline, small):
    refused(tapeline, *tapeline.replay_arguments(small, intervals="7m"), says=["7m", "5m"])


def test_a_configuration_file_that_is_no_toml(tapeline, tmp_path):
    file = tmp_path / "tapeline.toml"
    file.write_text("[log\nsegment_bytes_max = 5\n")
    refused(tapeline, "config", "--config", file, says="tapeline.toml:1: ")
