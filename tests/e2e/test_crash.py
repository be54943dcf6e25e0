"""kill -9 at any moment: nothing logged is lost, nothing is counted twice (laws 5 and 7)."""

import contextlib
import random
import sqlite3
import threading
import time

import feeds
import harness
import pytest
import segments
from test_replay import assert_every_row_once

SEEDS = range(4)
KILLS_MAX = 12


def replay_with_kills(tapeline, file, rng, whole_bytes, look=lambda: None, crashed=lambda: None, **options):
    """Kills the replay when its log has grown by a random share of `whole_bytes`, and a random moment later, until
    one ends by itself; returns how often it was killed. Progress, not time: a busy machine must not change the test."""
    for kills in range(KILLS_MAX):
        enough = log_bytes(tapeline) + rng.uniform(0.0, whole_bytes / 2)
        process = tapeline.start(*tapeline.replay_arguments(file, **options))
        while process.running() and log_bytes(tapeline) < enough:
            look()
            time.sleep(0.0005)
        time.sleep(rng.uniform(0.0, 0.01))
        killed = process.running()
        process.kill()
        done = process.wait()
        if not killed:
            assert done.code == 0, str(done)
            return kills
        crashed()
    tapeline.run(*tapeline.replay_arguments(file, **options))
    return KILLS_MAX


def whole_log_of(tapeline, file):
    """The size of the log of a replay that nothing disturbs."""
    tapeline.replay(file)
    return log_bytes(tapeline)


@pytest.fixture(scope="module")
def kills():
    """All kills of this module: one alone may miss, all of them may not."""
    total = []
    yield total
    assert sum(total) >= len(total), "hardly any replay was killed before its end: use a longer recording"


@pytest.mark.parametrize("seed", SEEDS)
def test_law_7_killed_replays_end_with_the_oracles_bars(seed, big, make_tapeline, oracle_of, assert_same_bars, kills):
    whole = whole_log_of(make_tapeline("whole"), big)
    tapeline = make_tapeline()
    kills.append(replay_with_kills(tapeline, big, random.Random(seed), whole))
    assert_same_bars(oracle_of(big), tapeline.export_bars())
    assert_every_row_once(feeds.rows_of(big), tapeline)


def log_bytes(tapeline):
    total = 0
    for path in tapeline.segments():
        with contextlib.suppress(FileNotFoundError):  # one without a record is removed at the next start
            total += path.stat().st_size
    return total


def test_law_3_neither_batch_nor_cache_nor_restarts_change_a_bar(small, make_tapeline, oracle_of, assert_same_bars):
    """Every record a batch and a commit of its own, nothing kept in memory, killed after every few records."""
    rng = random.Random(3)
    tapeline = make_tapeline("smallest", **harness.SMALLEST)
    restarts = 0
    while True:
        enough = log_bytes(tapeline) + rng.randrange(1, 20_000)
        process = tapeline.start(*tapeline.replay_arguments(small))
        while process.running() and log_bytes(tapeline) < enough:
            pass
        if not process.running():
            break
        process.kill()
        process.wait()
        restarts += 1
    assert process.wait().code == 0, str(process)
    assert restarts >= 10
    assert_same_bars(oracle_of(small), tapeline.export_bars())
    assert_every_row_once(feeds.rows_of(small), tapeline)


class Onlooker(threading.Thread):
    """Reads segments and store over and over beside the program, as fastavro and sqlite3 users do."""

    def __init__(self, tapeline):
        super().__init__(daemon=True)
        self.tapeline, self.done = tapeline, threading.Event()
        self.segment_reads = self.entries_most = self.store_reads = self.bars_most = 0
        self.problems = []

    def run(self):
        while not self.done.is_set() and not self.problems:
            try:
                self.read_segments()
                self.read_store()
            except Exception as problem:  # noqa: BLE001  (whatever it is, the test reports it)
                self.problems.append(repr(problem))

    def read_segments(self):
        entries = 0
        for path in self.tapeline.segments():
            try:
                some, _torn = segments.read_segment(path)
            except FileNotFoundError:
                continue
            entries += len(some)
            self.segment_reads += 1
        self.entries_most = max(self.entries_most, entries)

    def read_store(self):
        for path in self.tapeline.databases():
            with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as database:
                tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
                if "bars" in tables:
                    [(count,)] = database.execute("SELECT count(*) FROM bars").fetchall()
                    self.bars_most = max(self.bars_most, count)
                    self.store_reads += 1

    def stop(self):
        self.done.set()
        self.join()


def test_fastavro_and_sqlite_read_while_we_write_and_crash(big, tapeline, oracle_of, assert_same_bars, rng):
    onlooker = Onlooker(tapeline)
    onlooker.start()
    try:
        replay_with_kills(tapeline, big, rng, 3.0)
    finally:
        onlooker.stop()
    assert not onlooker.problems
    assert onlooker.segment_reads > 0 and onlooker.entries_most > 0
    assert onlooker.store_reads > 0
    # After a clean end nothing is torn and everything is there.
    assert_every_row_once(feeds.rows_of(big), tapeline)
    assert_same_bars(oracle_of(big), tapeline.export_bars())


def test_a_killed_export_harms_nothing(small, tapeline, oracle_of, assert_same_bars):
    tapeline.replay(small)
    for _ in range(5):
        process = tapeline.start("export", "bars", "--data-dir", tapeline.data, "--intervals", "1s", "--format", "csv")
        time.sleep(0.005)
        process.kill()
        process.wait()
    assert_same_bars(oracle_of(small), tapeline.export_bars())


def test_a_replay_stopped_politely_goes_on_where_it_was(big, tapeline, oracle_of, assert_same_bars, rng):
    for _ in range(3):
        process = tapeline.start(*tapeline.replay_arguments(big))
        time.sleep(rng.uniform(0.05, 0.4))
        process.terminate()
        process.wait(30)
    tapeline.replay(big)
    assert_same_bars(oracle_of(big), tapeline.export_bars())
    assert_every_row_once(feeds.rows_of(big), tapeline)


def test_a_torn_tail_is_cut(small, tapeline, oracle_of, assert_same_bars):
    """What a power cut leaves: the newest segment ends in the middle of a block."""
    tapeline.replay(small)
    newest = tapeline.segments()[-1]
    whole = newest.read_bytes()
    newest.write_bytes(whole + whole[-100:-20])
    tapeline.replay(small)
    assert_same_bars(oracle_of(small), tapeline.export_bars())
    assert_every_row_once(feeds.rows_of(small), tapeline)
