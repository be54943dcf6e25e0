"""A small vocabulary for tests that drive the `tapeline` binary from outside.

    tapeline.run("export", "bars", ...)      runs to its end: .code, .stdout, .stderr
    tapeline.start("run", ...)               runs beside the test: .wait_for(text), .kill(), .terminate(), .wait()

Each test has a folder of its own for everything the program writes; nothing of the user's environment reaches it.
"""

import functools
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import segments

TESTS = pathlib.Path(__file__).resolve().parent.parent
ROOT = TESTS.parent
BUILDS = ("dev", "release")
DEADLINE_S = 120

# The names that tests rely on.
ACCEPTED = "tapeline_ingest_trades_total"
REJECTED = ("tapeline_ingest_elements_rejected_total", "tapeline_ingest_frames_rejected_total")

# Every record is a batch, a block and a commit of its own, groups and segments are short, nothing stays in memory.
SMALLEST = {
    "TAPELINE_ENGINE_CACHE_BYTES_MAX": "0",
    "TAPELINE_PIPELINE_COMMIT_RECORDS_MAX": "1",
    "TAPELINE_INGEST_BATCH_BYTES": "1",
    "TAPELINE_LOG_BLOCK_BYTES": "1",
    "TAPELINE_LOG_PENDING_BYTES_MAX": "4096",
    "TAPELINE_LOG_SEGMENT_BYTES_MAX": "16384",
    "TAPELINE_LOG_TAIL_BYTES_MAX": "0",
}
QUICK_RETRY = {
    "TAPELINE_FEED_BACKOFF_FIRST_MS": "100",
    "TAPELINE_FEED_BACKOFF_MAX_MS": "1000",
    "TAPELINE_FEED_BACKOFF_REFUSED_MS": "1000",
}
QUICK_WATCHDOG = {**QUICK_RETRY, "TAPELINE_FEED_WATCHDOG_MS": "1000"}
QUICK_CONNECT = {"TAPELINE_FEED_CONNECT_TIMEOUT_MS": "1000"}
CA_FILE = "TAPELINE_FEED_CA_FILE"

TOKEN = "token-that-nobody-may-see"
LISTENING = re.compile(r"tapeline: listening on (http://[0-9.:a-z\[\]]+)")
SIMULATING = re.compile(r"tapeline: simulating on (wss?://[0-9.:a-z\[\]]+)")

SAMPLE = re.compile(r"^([a-zA-Z_:][^ #]*(?:\{[^\n]*\})?) ([^ \n]+)$", re.MULTILINE)
LABEL = re.compile(r'([a-zA-Z_]+)="((?:[^"\\]|\\.)*)"')


def find_binary():
    """$TAPELINE_BIN, or the first build found; None when nothing is built."""
    chosen = os.environ.get("TAPELINE_BIN")
    if chosen:
        return pathlib.Path(chosen)
    built = (ROOT / "build" / preset / "src" / "tapeline" for preset in BUILDS)
    beside = (ROOT / "build" / preset / "tapeline" for preset in BUILDS)
    return next((path for path in (*beside, *built) if path.is_file()), None)


@functools.cache
def instrumented(binary):
    """Whether it was built with sanitizers: what it takes of time and memory says nothing then."""
    data = pathlib.Path(binary).read_bytes()
    return b"__asan_init" in data or b"__tsan_init" in data


def clean_environment(folder, extra):
    """What the program sees: no token, no settings of the user's, every home and cache inside the test's folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TAPELINE_", "FINNHUB_", "XDG_"))}
    return {**kept, "HOME": str(folder), "TMPDIR": str(folder), "LC_ALL": "C.UTF-8", **extra}


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until(condition, what, timeout=DEADLINE_S, pause=0.02):
    """The first true value of `condition`, which is asked again and again; fails with `what` after the timeout."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"waited {timeout} s in vain: {what() if callable(what) else what}"
        time.sleep(pause)


def wait_for_a_new_second():
    time.sleep(1 - time.time() % 1)


class Finished:
    """A process that has ended."""

    def __init__(self, command, code, stdout, stderr):
        self.command, self.code, self.stdout, self.stderr = command, code, stdout, stderr

    def __str__(self):
        return f"{' '.join(self.command)}\nexit code {self.code}\n{self.stdout[-2000:]}\n{self.stderr[-4000:]}"


class Process:
    """A process beside the test; its output goes to files, so that it never waits for us to read it."""

    def __init__(self, command, folder, environment):
        self.command = [str(part) for part in command]
        number = len(list(folder.glob("*.stdout")))
        self.stdout_path = folder / f"{number}.stdout"
        self.stderr_path = folder / f"{number}.stderr"
        with open(self.stdout_path, "wb") as out, open(self.stderr_path, "wb") as err:
            self.popen = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment, cwd=folder
            )
        self.pid = self.popen.pid

    @property
    def stdout(self):
        return self.stdout_path.read_text("utf-8", "replace")

    @property
    def stderr(self):
        return self.stderr_path.read_text("utf-8", "replace")

    def running(self):
        return self.popen.poll() is None

    def wait_for(self, pattern, timeout=DEADLINE_S, where="stdout"):
        """The match of a regular expression in the output; fails at once when the process ends without it."""

        def look():
            ended = not self.running()
            found = re.search(pattern, getattr(self, where))
            assert found or not ended, f"ended before {pattern!r} appeared\n{self}"
            return found

        return wait_until(look, lambda: f"{pattern!r} in {where} of\n{self}", timeout)

    def kill(self):
        """kill -9: the process gets no chance to tidy up."""
        self._signal(signal.SIGKILL)

    def terminate(self):
        self._signal(signal.SIGTERM)

    def interrupt(self):
        self._signal(signal.SIGINT)

    def _signal(self, number):
        if self.running():
            self.popen.send_signal(number)

    def wait(self, timeout=DEADLINE_S):
        try:
            self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {timeout} s\n{self}") from None
        return Finished(self.command, self.popen.returncode, self.stdout, self.stderr)

    def resident_bytes(self):
        """What it holds in memory now."""
        pages = int(pathlib.Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def peak_bytes(self):
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)) * 1024

    def assert_peak_below(self, most):
        """Of a build with sanitizers, which hold several times as much, nothing is asked."""
        assert instrumented(self.command[0]) or self.peak_bytes() < most, f"{self.peak_bytes() >> 20} MiB\n{self}"

    def __str__(self):
        code = "running" if self.running() else f"exit code {self.popen.returncode}"
        return f"{' '.join(self.command)}\n{code}\n{self.stdout[-2000:]}\n{self.stderr[-4000:]}"


class Tapeline:
    """The binary, with a data directory and settings in the environment."""

    def __init__(self, binary, folder, settings=None):
        self.binary, self.folder = binary, folder
        self.data = folder / "data"
        self.output = folder / "output"
        self.output.mkdir(parents=True, exist_ok=True)
        self.settings = dict(settings or {})
        self.processes = []

    def environment(self):
        return clean_environment(self.folder, self.settings)

    def start(self, *arguments):
        process = Process([self.binary, *arguments], self.output, self.environment())
        self.processes.append(process)
        return process

    def run(self, *arguments, code=0, timeout=DEADLINE_S):
        """Runs to the end and expects this exit code (None: any)."""
        done = self.start(*arguments).wait(timeout)
        assert code is None or done.code == code, str(done)
        return done

    def stop_all(self):
        for process in self.processes:
            process.kill()
            process.popen.wait()

    # The stable batch form of docs/command-line.md.

    def replay_arguments(self, *files, intervals="1s,1m,5m", speed="max"):
        return ["replay", *files, "--speed", speed, "--data-dir", self.data, "--intervals", intervals]

    def replay(self, *files, timeout=DEADLINE_S, **options):
        return self.run(*self.replay_arguments(*files, **options), timeout=timeout)

    def export_bars(self, intervals="1s,1m,5m", basis="all"):
        chosen = ("--intervals", intervals, "--basis", basis, "--format", "csv")
        return self.run("export", "bars", "--data-dir", self.data, *chosen).stdout

    def export_trades(self):
        return self.run("export", "trades", "--data-dir", self.data, "--format", "csv").stdout

    # Live.

    def run_live(self, url, symbols, *more, token=TOKEN):
        """Starts `tapeline run` against the feed at `url`; returns it when it listens."""
        self.settings.setdefault("FINNHUB_API_TOKEN", token)
        return Live(self.start(*self.live_arguments(url, symbols), *more))

    def live_arguments(self, url, symbols):
        return ["run", "--data-dir", self.data, "--port", "0", "--url", url, "--symbols", ",".join(symbols)]

    def logged_trades(self):
        """How many trades the log holds, seen by fastavro."""
        return len(segments.trades_of(segments.read_whole_blocks(self.segments())))

    def wait_for_logged(self, count, timeout=DEADLINE_S):
        wait_until(
            lambda: self.logged_trades() >= count,
            lambda: f"{count} trades in the log; {self.logged_trades()} are there",
            timeout,
        )

    # What lies in the data directory, for other programs' eyes.

    def segments(self):
        return sorted((self.data / "log").glob("*.avro"))

    def dead_letter_segments(self):
        return sorted((self.data / "dead_letters").glob("*.avro"))

    def dead_letters(self):
        """What was put aside, as fastavro reads it; nobody writes."""
        return segments.read_all(self.dead_letter_segments())

    def dead_letters_so_far(self):
        """The same while a process writes, or after it was killed."""
        return segments.read_whole_blocks(self.dead_letter_segments())

    def databases(self):
        return sorted(path for path in self.data.rglob("*") if path.is_file() and is_sqlite(path))


class Live:
    """A `tapeline run` that listens."""

    def __init__(self, process):
        self.process = process
        self.address = process.wait_for(LISTENING).group(1)

    def get(self, path, timeout=30):
        """(status, body) of a request; an error status is an answer too."""
        try:
            with urllib.request.urlopen(self.address + path, timeout=timeout) as answer:
                return answer.status, answer.read().decode("utf-8")
        except urllib.error.HTTPError as problem:
            return problem.code, problem.read().decode("utf-8", "replace")

    def metrics(self):
        """{(name, frozenset of labels): value}"""
        status, text = self.get("/metrics")
        assert status == 200, text
        return {key_of_sample(name): float(value) for name, value in SAMPLE.findall(text)}

    def counter(self, names, **labels):
        """The sum of the samples of these names whose labels include these."""
        names = {names} if isinstance(names, str) else set(names)
        wanted = set(labels.items())
        return sum(value for (found, have), value in self.metrics().items() if found in names and wanted <= have)

    def wait_for_counter(self, names, least, timeout=30, **labels):
        wait_until(
            lambda: self.counter(names, **labels) >= least,
            lambda: f"{names} {labels} at least {least}; it is {self.counter(names, **labels)}\n{self.process}",
            timeout,
            0.05,
        )

    def stop(self):
        """Politely: everything received is logged and stored."""
        self.process.terminate()
        done = self.process.wait(30)
        assert done.code == 0, str(done)
        return done

    def kill(self):
        self.process.kill()
        self.process.wait()


def key_of_sample(text):
    name, _, labels = text.partition("{")
    return name, frozenset(LABEL.findall(labels))


def is_sqlite(path):
    try:
        with open(path, "rb") as file:
            return file.read(16) == b"SQLite format 3\0"
    except FileNotFoundError:  # it was removed or renamed since it was listed
        return False


def oracle(
    *files, intervals="1s,1m,5m", ledger=False, digests=False, basis="all", future_bound_ms=None, folder
):
    """The export that the oracle expects for these files."""
    output = folder / "oracle.csv"
    command = [sys.executable, TESTS / "oracle" / "oracle.py", *files, "--intervals", intervals, "--output", output]
    flags = ["--basis", basis, *(["--from-ledger"] if ledger else []), *(["--digests"] if digests else [])]
    flags += ["--future-bound-ms", str(future_bound_ms)] if future_bound_ms else []
    done = subprocess.run([*command, *flags], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return output.read_text("utf-8")


def diagnostics(text):
    """The JSON lines among what a process wrote to standard error."""
    events = []
    for line in text.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict):
            events.append(event)
    return events
