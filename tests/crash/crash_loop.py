"""Kills Tapeline again and again and looks whether it kept its word; README.md says what is counted."""

import argparse
import collections
import contextlib
import csv
import decimal
import json
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS / "e2e"), str(TESTS / "oracle"), str(TESTS)]

import contents  # noqa: E402
import feeds  # noqa: E402
import harness  # noqa: E402
import ledger  # noqa: E402
import segments  # noqa: E402
import witnesses  # noqa: E402
from compare import compare  # noqa: E402

SYMBOLS = ("AAPL", "MSFT", "BINANCE:BTCUSDT", "BINANCE:ETHUSDT", "OANDA:EUR_USD")
INTERVALS = "1s,1m,5m,1d"
BASES = ("all", "eligible")
KILLS_PER_DIRECTORY = 25
# How often each point is passed before it kills, at most: what a short life reaches.
POINTS = {
    "file.half_written": 12,
    "file.written": 12,
    "file.synced": 12,
    "file.opened": 6,
    "file.truncated": 1,
    "file.renamed": 1,
    "file.removed": 1,
    "store.bars_written": 4,
    "store.before_commit": 4,
    "store.committed": 4,
}
LIFE_S = (0.1, 1.5)
POINT_WITHIN_S = 5
DEADLINE_S = 30
# Short segments, frequent commits: more of what can be interrupted.
SETTINGS = {
    **harness.QUICK_RETRY,
    "TAPELINE_LOG_SEGMENT_BYTES_MAX": "65536",
    "TAPELINE_PIPELINE_COMMIT_INTERVAL_MS": "50",
}
# Of the lives of a live receiver, so many have the settings that the program has by itself.
DEFAULTS_SHARE = 0.4
FIRST_BAR_AIM_MS = 1_000
# A machine that is busy with something else may miss the aim, but not this.
FIRST_BAR_LIMIT_MS = 5_000
# A window that ended this long before the newest trade: the simulated market's late ones are of 2 s at most.
SETTLED_MS = 5_000


class Findings:
    """What the loop has seen."""

    def __init__(self):
        self.kills = collections.Counter()
        self.wrong = collections.Counter(lost=0, doubled=0, different=0, unexplained=0, slow=0)
        self.looked_at = collections.Counter(shown=0, bars=0, sent=0)
        self.first_bar_ms = []
        self.notes = []

    def add(self, kind, count, note):
        if count:
            self.wrong[kind] += count
            self.notes.append(f"{kind}: {note}")

    def add_first_bar(self, took_ms):
        self.first_bar_ms.append(took_ms)
        note = f"the first correct bar took {took_ms:.0f} ms, the limit is {FIRST_BAR_LIMIT_MS} ms"
        self.add("slow", int(took_ms > FIRST_BAR_LIMIT_MS), note)

    def text(self):
        points = ", ".join(f"{name} {count}" for name, count in sorted(self.kills.items()))
        wrong = ", ".join(f"{count} {kind}" for kind, count in self.wrong.items())
        times = "not measured"
        if self.first_bar_ms:
            median, worst = statistics.median(self.first_bar_ms), max(self.first_bar_ms)
            aim = f"aim {FIRST_BAR_AIM_MS} ms, limit {FIRST_BAR_LIMIT_MS} ms"
            times = f"median {median:.0f} ms, worst {worst:.0f} ms ({aim}) of {len(self.first_bar_ms)}"
        seen = "{shown} trades and {bars} bars shown, {sent} trades sent".format(**self.looked_at)
        return f"{sum(self.kills.values())} kills ({points}); {seen}; {wrong}; first correct bar: {times}"


class Blow:
    """How one process is killed: at a named point, or at a moment."""

    def __init__(self, rng):
        self.point = rng.choice(list(POINTS)) if rng.random() < 0.6 else None
        self.count = rng.randint(1, POINTS[self.point]) if self.point else 0
        self.after_s = POINT_WITHIN_S if self.point else rng.uniform(*LIFE_S)

    def environment(self):
        return {"KILL_POINT": f"{self.point}:{self.count}"} if self.point else {}

    def strike(self, process, findings):
        """Waits for the point, or for the moment; a point that is not reached is a moment, too."""
        deadline = time.monotonic() + self.after_s
        while process.running() and time.monotonic() < deadline:
            time.sleep(0.001)
        ended = not process.running()
        process.kill()
        done = process.wait()
        if done.code == 0:
            return False
        assert done.code == -9, f"it ended by itself\n{done}"
        findings.kills[self.point if ended else "moment"] += 1
        return True


@contextlib.contextmanager
def settings_of(tapeline, extra):
    before = dict(tapeline.settings)
    tapeline.settings.update(extra)
    yield
    tapeline.settings = before


def identities(trades):
    return [segments.identity(trade) for trade in trades]


def oracle_bars(recording, folder):
    return {basis: harness.oracle(recording, intervals=INTERVALS, basis=basis, folder=folder) for basis in BASES}


def compare_bars(expected, tapeline, findings):
    """Exports the bars of every basis and holds them against the oracle's."""
    for basis, bars in expected.items():
        difference = compare(bars, tapeline.export_bars(INTERVALS, basis=basis))
        findings.add("different", 1 if difference else 0, f"basis {basis} of {tapeline.data}: {difference}")


class Feed:
    """A simulated market that outlives every receiver."""

    def __init__(self, binary, folder, seed):
        self.tapeline = harness.Tapeline(binary, folder)
        self.ledger = folder / "ledger.jsonl"
        arguments = ["--ledger", self.ledger, "--port", "0", "--seed", str(seed), "--rate", "1500"]
        self.process = self.tapeline.start("simulate", *arguments)
        self.url = self.process.wait_for(harness.SIMULATING).group(1)

    def stop(self):
        self.process.terminate()
        self.process.wait(DEADLINE_S)


def settled_bar(trades):
    """(symbol, start_ms, open, high, low, close, count) of a 1s window that later trades leave alone; None if none."""
    if not trades:
        return None
    newest = max(segments.milliseconds(trade["event_time"]) for trade in trades)
    windows = collections.defaultdict(list)
    for trade in trades:
        ms = segments.milliseconds(trade["event_time"])
        start = ms - ms % 1000
        if trade["volume"] > 0 and start + 1000 <= newest - SETTLED_MS:
            windows[trade["symbol"], start].append((ms, segments.identity(trade), contents.plain(trade["price"])))
    if not windows:
        return None
    (symbol, start), members = max(windows.items(), key=lambda window: window[0][1])
    members.sort()
    prices = [member[2] for member in members]
    return symbol, start, prices[0], max(prices), min(prices), prices[-1], len(prices)


def bar_is(live, expected):
    symbol, start, *values = expected
    name = symbol.replace(":", "%3A")
    status, body = live.get(f"/api/v1/bars?symbol={name}&interval=1s&from={start}&to={start + 1000}&limit=1")
    if status != 200 or not json.loads(body)["bars"]:
        return False
    bar = json.loads(body)["bars"][0]
    got = [*(decimal.Decimal(str(bar[price])) for price in ("open", "high", "low", "close")), bar["trade_count"]]
    return bar["start_ms"] == start and got == values


class LiveDirectory:
    """One data directory that a live receiver is killed on again and again."""

    def __init__(self, tapeline, feed, findings, rng):
        self.tapeline, self.feed, self.findings, self.rng = tapeline, feed, findings, rng
        self.must_be_there = {}  # identity -> content
        self.bars = {}  # what was shown of each
        self.trades = []

    def live_and_die(self):
        blow = Blow(self.rng)
        own = {} if self.rng.random() < DEFAULTS_SHARE else SETTINGS
        begun = time.monotonic()
        process = self.start({**own, **blow.environment()})
        looking = []
        with contextlib.suppress(AssertionError, OSError):  # it may die before it listens
            live = harness.Live(process)
            looking = self.witnesses_of(live)
            self.measure_first_bar(live, begun)
        blow.strike(process, self.findings)
        self.look([witness.testimony() for witness in looking])

    def start(self, extra):
        with settings_of(self.tapeline, {"FINNHUB_API_TOKEN": "crash", **extra}):
            return self.tapeline.start(*self.tapeline.live_arguments(self.feed.url, SYMBOLS))

    def witnesses_of(self, live):
        return [kind(live.address, SYMBOLS) for kind in (witnesses.Subscriber, witnesses.Asker)]

    def measure_first_bar(self, live, begun):
        expected = settled_bar(self.trades)
        if expected is None:
            return
        while not bar_is(live, expected):
            if time.monotonic() - begun > DEADLINE_S:
                return self.findings.add("different", 1, f"after a restart the API has no bar {expected}")
            time.sleep(0.001)
        self.findings.add_first_bar((time.monotonic() - begun) * 1000)

    def wait_for_bars(self, live):
        """Every bar that any life showed is at least as it was shown, soon after the last start."""
        deadline = time.monotonic() + FIRST_BAR_LIMIT_MS / 1000
        while (late := bars_behind(live, self.bars)) and time.monotonic() < deadline:
            time.sleep(witnesses.PAUSE_S)
        note = f"after the last start bars are behind: {late[:3]} of {self.tapeline.data}"
        self.findings.add("different", len(late), note)

    def look(self, testimonies):
        """Everything that was durable or shown before is still there, as it was; what is there now must stay."""
        self.trades = segments.trades_of(segments.read_whole_blocks(self.tapeline.segments()))
        there = {segments.identity(trade): contents.of_logged(trade) for trade in self.trades}
        self.findings.add("doubled", len(self.trades) - len(there), str(self.tapeline.data))
        self.hold(self.must_be_there, there, "logged before")
        for shown in testimonies:
            self.hold(shown.trades, there, "shown")
            self.findings.add("different", len(shown.wrong), f"{shown.wrong[:3]} of {self.tapeline.data}")
            for key, state in shown.bars.items():
                self.bars[key] = witnesses.greater(state, self.bars.get(key))
            self.findings.looked_at.update(shown=len(shown.trades), bars=len(shown.bars))
        self.must_be_there = there

    def hold(self, known, there, how):
        missing = sorted(known.keys() - there.keys())
        self.findings.add("lost", len(missing), f"{missing[:3]}, {how}, of {self.tapeline.data}")
        common = sorted(known.keys() & there.keys())
        changed = [(name, known[name], there[name]) for name in common if known[name] != there[name]]
        self.findings.add("different", len(changed), f"{changed[:3]}, {how}, of {self.tapeline.data}")

    def finish(self):
        """A last life, whose end is polite, and what is to be held against the whole."""
        begun = time.monotonic()
        live = harness.Live(self.start({}))
        looking = self.witnesses_of(live)
        self.measure_first_bar(live, begun)
        self.wait_for_bars(live)
        testimonies = [witness.testimony(trades=True) for witness in looking]
        live.stop()
        self.look(testimonies)
        expected = oracle_bars(write_log(self.trades, self.tapeline.folder / "log.jsonl"), self.tapeline.folder)
        compare_bars(expected, self.tapeline, self.findings)
        fewer = bars_with_fewer(self.bars, expected["all"])
        self.findings.add("lost", len(fewer), f"of bars that were shown: {fewer[:3]} of {self.tapeline.data}")
        connections = ledger.read(self.feed.ledger)
        self.findings.looked_at.update(sent=sum(len(connection.sent) for connection in connections))
        gaps = self.gaps_to_the_end()
        for kind, note in ledger.differences(connections, self.trades, gaps):
            self.findings.add(kind, 1, f"{note}, of {self.tapeline.data}")

    def gaps_to_the_end(self):
        """The gap that a polite end leaves is recorded by the start that follows it."""
        live = harness.Live(self.start({}))
        self.tapeline.wait_for_logged(len(self.trades) + 1)
        live.stop()
        return ledger.gaps_of(segments.controls_of(segments.read_whole_blocks(self.tapeline.segments())))


def bars_behind(live, shown):
    """(key, as it was shown, as the API has it now) of those of the shown bars that are less by now."""
    now = {}
    for symbol, interval, basis in {key[:3] for key in shown}:
        query = {"symbol": symbol, "interval": interval, "basis": basis, "limit": 10_000, "from": 0}
        status, body = live.get(f"/api/v1/bars?{urllib.parse.urlencode(query)}")
        assert status == 200, body
        now.update((witnesses.key_of(bar), witnesses.state_of(bar)) for bar in json.loads(body)["bars"])
    nothing = witnesses.State(0, 0, False)
    behind = ((key, state, now.get(key, nothing)) for key, state in shown.items())
    return [(key, state, has) for key, state, has in behind if witnesses.less(has, state)]


def bars_with_fewer(shown, exported):
    """Those of the shown bars that have fewer trades and price updates in an export of basis all."""
    counts = {}
    for row in csv.DictReader(exported.splitlines()):
        key = row["symbol"], int(row["interval_ms"]), int(row["start_ms"])
        counts[key] = int(row["count"]) + int(row["price_update_count"])
    return [
        (key, state, counts.get((key[0], witnesses.INTERVAL_MS[key[1]], key[3]), 0))
        for key, state in shown.items()
        if key[2] == "all" and counts.get((key[0], witnesses.INTERVAL_MS[key[1]], key[3]), 0) < state.records
    ]


def write_log(trades, path):
    """The log's trades for the oracle, in the order of their identities: frames of one trade, codes as they are."""
    with open(path, "w", encoding="utf-8") as file:
        for trade in sorted(trades, key=segments.identity):
            price, volume = (format(contents.plain(trade[name]).normalize(), "f") for name in ("price", "volume"))
            row = {"symbol": trade["symbol"], "trade_timestamp_ms": segments.milliseconds(trade["event_time"])}
            row.update(price=price, volume=volume, conditions=";".join(trade["conditions"]))
            file.write(feeds.frame_text([feeds.element_text(row)]) + "\n")
    return path


def kill_replay(tapeline, recording, expected, findings, rng, kills):
    """Kills one replay up to `kills` times, lets it end and compares; returns how often it was killed."""
    before, struck = set(), 0
    while struck < kills:
        blow = Blow(rng)
        with settings_of(tapeline, blow.environment()):
            process = tapeline.start(*tapeline.replay_arguments(recording, intervals=INTERVALS))
        if not blow.point:
            blow.after_s /= 5  # it does not take long
        if not blow.strike(process, findings):
            break
        struck += 1
        there = set(identities(segments.trades_of(segments.read_whole_blocks(tapeline.segments()))))
        findings.add("lost", len(before - there), str(tapeline.data))
        before = there
    tapeline.replay(recording, intervals=INTERVALS)
    names = identities(segments.trades_of(segments.read_whole_blocks(tapeline.segments())))
    findings.add("lost", len(before - set(names)), str(tapeline.data))
    findings.add("doubled", len(names) - len(set(names)), str(tapeline.data))
    compare_bars(expected, tapeline, findings)
    return struck


def make_recording(folder, seed):
    path = folder / "recording.csv"
    command = [sys.executable, TESTS / "data" / "make_small.py", "--rows", "40000", "--seed", str(seed)]
    with open(path, "w", encoding="utf-8") as output:
        subprocess.run(command, check=True, stdout=output)
    return path


def run(binary, folder, kills, seed):
    """Half of the kills on replays, half on live receivers."""
    rng = random.Random(seed)
    findings = Findings()
    recording = make_recording(folder, seed)
    expected = oracle_bars(recording, folder)
    number = struck = 0
    while struck < kills // 2:
        number += 1
        assert number < 10 * kills, "replays end before they can be killed: use a longer recording"
        tapeline = harness.Tapeline(binary, folder / f"replay-{number}", SETTINGS)
        struck += kill_replay(tapeline, recording, expected, findings, rng, min(10, kills // 2 - struck))
    left = kills - struck
    while left > 0:
        number += 1
        here = folder / f"live-{number}"
        feed = Feed(binary, here / "feed", seed + number)
        try:
            directory = LiveDirectory(harness.Tapeline(binary, here / "live"), feed, findings, rng)
            before = sum(findings.kills.values())
            while sum(findings.kills.values()) - before < min(left, KILLS_PER_DIRECTORY):
                directory.live_and_die()
            left -= sum(findings.kills.values()) - before
            directory.finish()
        finally:
            for process in directory.tapeline.processes:
                process.kill()
                process.popen.wait()
            feed.stop()
    return findings


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=pathlib.Path, help="keep what was written in this new folder")
    arguments = parser.parse_args()
    binary = harness.find_binary()
    if binary is None:
        sys.exit("crash: no tapeline binary: build it or set TAPELINE_BIN")
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or pathlib.Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        findings = run(binary.resolve(), folder, arguments.kills, arguments.seed)
    for note in findings.notes[:20]:
        print(f"crash: {note}", file=sys.stderr)
    print(f"crash: seed {arguments.seed}: {findings.text()}")
    sys.exit(1 if any(findings.wrong.values()) else 0)


if __name__ == "__main__":
    main()
