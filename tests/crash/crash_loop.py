"""Kills Tapeline again and again and looks whether it kept its word; README.md says what is counted."""

import argparse
import bisect
import collections
import contextlib
import decimal
import json
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS / "e2e"), str(TESTS / "oracle"), str(TESTS)]

import feeds  # noqa: E402
import harness  # noqa: E402
import segments  # noqa: E402
from compare import compare  # noqa: E402
from websockets.exceptions import WebSocketException  # noqa: E402
from websockets.sync.client import connect  # noqa: E402

SYMBOLS = ("AAPL", "MSFT", "BINANCE:BTCUSDT", "BINANCE:ETHUSDT", "OANDA:EUR_USD")
INTERVALS = "1s,1m,5m"
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
# A window that ended this long before the newest trade: the simulated market's late ones are of 2 s at most.
SETTLED_MS = 5_000


class Findings:
    """What the loop has seen."""

    def __init__(self):
        self.kills = collections.Counter()
        self.wrong = collections.Counter(lost=0, doubled=0, different=0, unexplained=0)
        self.first_bar_ms = []
        self.notes = []

    def add(self, kind, count, note):
        if count:
            self.wrong[kind] += count
            self.notes.append(f"{kind}: {note}")

    def text(self):
        points = ", ".join(f"{name} {count}" for name, count in sorted(self.kills.items()))
        wrong = ", ".join(f"{count} {kind}" for kind, count in self.wrong.items())
        times = "not measured"
        if self.first_bar_ms:
            median, worst = statistics.median(self.first_bar_ms), max(self.first_bar_ms)
            times = f"median {median:.0f} ms, worst {worst:.0f} ms of {len(self.first_bar_ms)}"
        return f"{sum(self.kills.values())} kills ({points}); {wrong}; first correct bar: {times}"


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


def logged(tapeline):
    """Entries of every whole block: what a write had put into the files."""
    entries = []
    for path in tapeline.segments():
        entries.extend(segments.read_segment(path)[0])
    return entries


def identities(trades):
    return [segments.identity(trade) for trade in trades]


class Witness(threading.Thread):
    """Subscribes to trades and asks for them; remembers the identity of each one shown."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.address, self.seen = address, set()
        self.start()

    def run(self):
        with contextlib.suppress(OSError, WebSocketException, TimeoutError, EOFError):
            with connect("ws" + self.address.removeprefix("http") + "/api/v1/stream") as stream:
                for symbol in SYMBOLS:
                    stream.send(json.dumps({"op": "subscribe", "channel": "trades", "symbol": symbol}))
                while True:
                    message = json.loads(stream.recv(timeout=DEADLINE_S))
                    for trade in message.get("trades", ()):
                        self.seen.add((trade["id"]["source"], trade["id"]["epoch"], trade["id"]["sequence"]))


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

    def connections(self):
        """By time of opening: (opened_us, [(sent_us, trades in the frame)])."""
        found = {}
        for line in self.ledger.read_text("utf-8").splitlines():
            note = json.loads(line)
            if note.get("event") == "opened":
                found[note["connection"]] = (note["sent_us"], [])
            elif "bytes" in note and '"data"' in note["bytes"]:
                count = len(json.loads(note["bytes"])["data"])
                found[note["connection"]][1].append((note["sent_us"], count))
        return sorted(found.values(), key=lambda connection: connection[0])


def microseconds(moment):
    return segments.milliseconds(moment) * 1000 + getattr(moment, "microsecond", 0) % 1000


def plain(number):
    return decimal.Decimal(repr(number))


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
            windows[trade["symbol"], start].append((ms, segments.identity(trade), plain(trade["price"])))
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
        self.must_be_there = set()
        self.trades = []

    def live_and_die(self):
        blow = Blow(self.rng)
        begun = time.monotonic()
        with settings_of(self.tapeline, {"FINNHUB_API_TOKEN": "crash", **blow.environment()}):
            process = self.tapeline.start(*self.tapeline.live_arguments(self.feed.url, SYMBOLS))
        witness = None
        with contextlib.suppress(AssertionError, OSError):  # it may die before it listens
            live = harness.Live(process)
            witness = Witness(live.address)
            self.measure_first_bar(live, begun)
        blow.strike(process, self.findings)
        shown = set()
        if witness:
            witness.join(DEADLINE_S)
            shown = witness.seen
        self.look(shown)

    def measure_first_bar(self, live, begun):
        expected = settled_bar(self.trades)
        if expected is None:
            return
        while not bar_is(live, expected):
            if time.monotonic() - begun > DEADLINE_S:
                return self.findings.add("different", 1, f"after a restart the API has no bar {expected}")
            time.sleep(0.001)
        self.findings.first_bar_ms.append((time.monotonic() - begun) * 1000)

    def look(self, shown):
        """Everything that was durable or shown before is still there; what is there now must stay."""
        self.trades = segments.trades_of(logged(self.tapeline))
        names = identities(self.trades)
        there = set(names)
        missing = (self.must_be_there | shown) - there
        self.findings.add("lost", len(missing), f"{sorted(missing)[:3]} of {self.tapeline.data}")
        self.findings.add("doubled", len(names) - len(there), str(self.tapeline.data))
        self.must_be_there = there

    def finish(self):
        with settings_of(self.tapeline, {"FINNHUB_API_TOKEN": "crash"}):
            live = harness.Live(self.tapeline.start(*self.tapeline.live_arguments(self.feed.url, SYMBOLS)))
            live.stop()
        self.look(set())
        entries = logged(self.tapeline)
        expected = harness.oracle(
            recording_of(self.trades, self.tapeline.folder / "log.csv"), intervals=INTERVALS, folder=self.tapeline.folder
        )
        difference = compare(expected, self.tapeline.export_bars(INTERVALS))
        self.findings.add("different", 1 if difference else 0, f"{self.tapeline.data}: {difference}")
        self.explain_missing(segments.controls_of(entries))

    def explain_missing(self, controls):
        """Every trade of the ledger that is not in the log was sent inside a recorded gap."""
        gaps = [(microseconds(c["from"]), microseconds(c["to"])) for c in controls if c["kind"] == "gap"]
        # The last, polite end is no gap yet: the next start would write it.
        closed = [microseconds(c["ingest_time"]) for c in controls if c["kind"] == "epoch_closed"]
        gaps.append((closed[-1], float("inf")))
        connections = self.feed.connections()
        openings = [opened for opened, _ in connections]
        received = collections.Counter()  # connection -> highest sequence
        for trade in self.trades:
            place = bisect.bisect_right(openings, microseconds(trade["ingest_time"])) - 1
            received[place] = max(received[place], trade["sequence"])
        first = min(received, default=0)
        for place, (_, frames) in enumerate(connections[first:], start=first):
            sequence = 0
            for sent_us, count in frames:
                sequence += count
                if sequence > received[place] and not any(begin <= sent_us <= end for begin, end in gaps):
                    self.findings.add("unexplained", 1, f"frame sent at {sent_us} on connection {place} of {openings[place]}")


def recording_of(trades, path):
    """The log's trades as a recording whose rows stand in the order of their identities."""
    rows = []
    for trade in sorted(trades, key=segments.identity):
        row = {"symbol": trade["symbol"], "trade_timestamp_ms": str(segments.milliseconds(trade["event_time"]))}
        row.update({name: format(plain(trade[name]).normalize(), "f") for name in ("price", "volume")})
        rows.append({**row, "conditions": ""})
    return feeds.write_rows(path, rows)


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
        there = set(identities(segments.trades_of(logged(tapeline))))
        findings.add("lost", len(before - there), str(tapeline.data))
        before = there
    tapeline.replay(recording, intervals=INTERVALS)
    names = identities(segments.trades_of(logged(tapeline)))
    findings.add("lost", len(before - set(names)), str(tapeline.data))
    findings.add("doubled", len(names) - len(set(names)), str(tapeline.data))
    difference = compare(expected, tapeline.export_bars(INTERVALS))
    findings.add("different", 1 if difference else 0, f"{tapeline.data}: {difference}")
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
    expected = harness.oracle(recording, intervals=INTERVALS, folder=folder)
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
            directory = LiveDirectory(harness.Tapeline(binary, here / "live", SETTINGS), feed, findings, rng)
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
