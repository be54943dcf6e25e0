"""Those who look at a live receiver until it dies and remember what it showed."""

import collections
import http.client
import itertools
import json
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import contents
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

WAIT_S = 30
# Between two questions: what is left of the processor belongs to the receiver.
PAUSE_S = 0.005
INTERVAL_MS = {"1s": 1_000, "1m": 60_000}
BARS = (("1s", "all"), ("1m", "all"), ("1m", "eligible"))
GONE = (OSError, TimeoutError, EOFError, WebSocketException, http.client.HTTPException)

# What may only grow in a bar, trade after trade.
State = collections.namedtuple("State", "records revision final")


def key_of(bar):
    return bar["symbol"], bar["interval"], bar["basis"], bar["start_ms"]


def state_of(bar):
    return State(bar["trade_count"] + bar["price_update_count"], bar["revision"], bar["final"])


def less(state, before):
    return any(now < then for now, then in zip(state, before))


def greater(state, before):
    return State(*map(max, state, before or state))


class Shown:
    """Trades by identity, bars by key, and each contradiction in what one witness was shown."""

    def __init__(self):
        self.trades, self.bars, self.wrong = {}, {}, []

    def take(self, answer):
        """An answer of the API or a message of the push stream."""
        for trade in answer.get("trades", ()):
            name = trade["id"]["source"], trade["id"]["epoch"], trade["id"]["sequence"]
            content = contents.of_shown(trade)
            if self.trades.setdefault(name, content) != content:
                self.wrong.append(f"trade {name} was shown as {self.trades[name]}, then as {content}")
        for bar in answer.get("bars", ()):
            key, state = key_of(bar), state_of(bar)
            before = self.bars.get(key)
            if before and less(state, before):
                self.wrong.append(f"bar {key} went back from {before} to {state}")
            self.bars[key] = greater(state, before)


class Witness(threading.Thread):
    """Looks until the receiver is gone, or until its testimony is wanted."""

    def __init__(self, address, symbols):
        super().__init__(daemon=True)
        self.address, self.symbols, self.shown = address, symbols, Shown()
        self.failure, self.left = None, threading.Event()
        self.start()

    def run(self):
        try:
            self.look()
        except urllib.error.HTTPError as problem:  # an OSError, but an answer
            self.failure = problem
        except GONE:
            pass
        except Exception as problem:
            self.failure = problem

    def testimony(self, trades=False):
        """What it was shown; with `trades` of a receiver that lives, not before it was shown one."""
        deadline = time.monotonic() + WAIT_S
        while trades and self.is_alive() and not self.shown.trades and time.monotonic() < deadline:
            time.sleep(PAUSE_S)
        self.left.set()
        self.join(WAIT_S)
        assert not self.is_alive(), "a witness still waits for a receiver that is dead"
        if self.failure:
            raise self.failure
        assert self.shown.trades or not trades, "a witness was shown no trade"
        return self.shown


class Subscriber(Witness):
    """Reads the push stream."""

    def look(self):
        with connect("ws" + self.address.removeprefix("http") + "/api/v1/stream", max_size=None) as stream:
            for symbol in self.symbols:
                stream.send(json.dumps({"op": "subscribe", "channel": "trades", "symbol": symbol}))
                for interval, basis in BARS:
                    topic = {"channel": "bars", "symbol": symbol, "interval": interval, "basis": basis}
                    stream.send(json.dumps({"op": "subscribe", **topic}))
            while not self.left.is_set():
                self.shown.take(json.loads(stream.recv(timeout=WAIT_S)))


class Asker(Witness):
    """Asks the API again and again."""

    def look(self):
        names = [urllib.parse.quote(symbol, safe="") for symbol in self.symbols]
        paths = [f"/api/v1/trades?symbol={name}&limit=200" for name in names]
        for name, (interval, basis) in itertools.product(names, BARS):
            paths.append(f"/api/v1/bars?symbol={name}&interval={interval}&basis={basis}&limit=50")
        for path in itertools.cycle(paths):
            if self.left.is_set():
                return
            with urllib.request.urlopen(self.address + path, timeout=WAIT_S) as answer:
                self.shown.take(json.loads(answer.read()))
            time.sleep(PAUSE_S)
