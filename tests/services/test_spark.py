"""Spark reads the log's segments: always whole when they are closed, and up to the last whole block while we write.

What a Spark user has to write is READ_THE_LOG below; src/log/README.md explains it.
"""

import csv
import decimal
import io
import itertools
import re
import threading
from dataclasses import dataclass

import feeds
import harness
import pytest
import segments
from test_crash import log_bytes, replay_with_kills, whole_log_of

ENTRY_SCHEMA = (harness.ROOT / "schemas" / "Entry.avsc").read_text("utf-8")

# Beside each segment lies its index, which is no Avro file.
ONLY_SEGMENTS = {"pathGlobFilter": "*.avro"}
READ_THE_LOG = {
    **ONLY_SEGMENTS,
    "avroSchema": ENTRY_SCHEMA,  # else Spark takes it from a file, which may be a segment without its header yet
    "ignoreCorruptFiles": "true",  # ends each file before its first block that cannot be read
    "ignoreMissingFiles": "true",  # retention removes segments, a restart one without a record
}
# What Spark says of a segment that ends inside its header; inside its first block; inside a later one.
TORN_HEADER = ("Not an Avro data file", "java.io.EOFException")
TORN_FIRST_BLOCK = ("java.lang.NullPointerException",)
TORN_BLOCK = ("java.io.EOFException",)
# A restart cuts the torn block, or removes a segment without a record, while Spark reads it, and writes others there.
REPLACED = ("Invalid sync!", "Checksum failure", "FAILED_TO_UNCOMPRESS", "FileNotFoundException")
DOCUMENTED = (*TORN_HEADER, *TORN_FIRST_BLOCK, *TORN_BLOCK, *REPLACED)


@dataclass(frozen=True)
class Totals:
    """What is compared of some trades; exact, because a double's shortest text is the decimal that was sent."""

    price: decimal.Decimal
    volume: decimal.Decimal
    milliseconds: int
    symbols: int

    @staticmethod
    def of(row):
        price, volume = decimal.Decimal(row["price"]), decimal.Decimal(row["volume"])
        return Totals(price, volume, int(row["trade_timestamp_ms"]), len(row["symbol"]))

    def __add__(self, other):
        milliseconds = self.milliseconds + other.milliseconds
        return Totals(self.price + other.price, self.volume + other.volume, milliseconds, self.symbols + other.symbols)


NOTHING = Totals(decimal.Decimal(0), decimal.Decimal(0), 0, 0)


def totals_of_prefixes(rows):
    """The totals of the first 0, 1, 2 ... rows."""
    return list(itertools.accumulate(map(Totals.of, rows), initial=NOTHING))


def look(spark, paths, options):
    """What Spark makes of these files: (number of trades, their totals); fails unless they are the first of the log."""
    paths = [str(path) for path in paths]
    entries = spark.read.format("avro").options(**options).load(paths)
    [row] = (
        entries.where("trade IS NOT NULL")
        .select("trade.*")
        .selectExpr(
            "count(*) AS trades",
            "count(DISTINCT sequence) AS sequences",
            "coalesce(min(sequence), 1) AS first",
            "coalesce(max(sequence), 0) AS last",
            "coalesce(sum(CAST(price AS DECIMAL(28, 10))), 0) AS price",
            "coalesce(sum(CAST(volume AS DECIMAL(28, 10))), 0) AS volume",
            "coalesce(sum(unix_millis(event_time)), 0) AS milliseconds",
            "coalesce(sum(length(symbol)), 0) AS symbols",
        )
        .collect()
    )
    assert row.first == 1 and row.trades == row.sequences == row.last, f"not the first trades of the log: {row}"
    return row.trades, Totals(row.price, row.volume, row.milliseconds, row.symbols)


def look_without_care(spark, paths):
    """As `look`, with no option but the glob; Spark's complaint instead when it fails."""
    try:
        return look(spark, paths, ONLY_SEGMENTS), None
    except AssertionError:
        raise
    except Exception as problem:  # noqa: BLE001  (py4j's and Spark's own; the text tells)
        return None, str(problem)


def says(complaint, texts):
    return any(text in complaint for text in texts)


def closed_segments(tapeline):
    """All before the newest that has a record: one without may vanish, and then the last one grows again."""
    paths = tapeline.segments()
    while paths:
        newest = paths.pop()
        try:
            if segments.read_segment(newest)[0]:
                break
        except FileNotFoundError:
            continue
    return paths


class Looks:
    """Spark users beside the writer, one after the other; each sees at least what those before saw."""

    def __init__(self, spark, tapeline, expected):
        self.spark, self.tapeline, self.expected = spark, tapeline, expected
        self.seen = []
        self.closed = self.careless = self.torn = 0

    def once(self):
        self.with_care()
        self.without_care()
        self.at_closed_ones()

    def check(self, found):
        trades, totals = found
        assert totals == self.expected[trades], f"the first {trades} trades are not those of the recording"
        return trades

    def at_torn_end(self):
        """Between a crash and the next start."""
        self.with_care()
        found, complaint = look_without_care(self.spark, [self.tapeline.data / "log"])
        assert found is None and says(complaint, DOCUMENTED), complaint
        self.torn += 1

    def with_care(self):
        trades = self.check(look(self.spark, [self.tapeline.data / "log"], READ_THE_LOG))
        assert trades >= max(self.seen, default=0), f"{trades} trades after {max(self.seen)} had been there"
        self.seen.append(trades)

    def without_care(self):
        found, complaint = look_without_care(self.spark, [self.tapeline.data / "log"])
        if found is None:
            assert says(complaint, DOCUMENTED), complaint
            self.torn += 1
        else:
            self.check(found)
            self.careless += 1

    def at_closed_ones(self):
        if paths := closed_segments(self.tapeline):
            found, complaint = look_without_care(self.spark, paths)
            assert found is not None, complaint
            self.check(found)
            self.closed += 1


def sums_of_export(tapeline):
    rows = list(csv.DictReader(io.StringIO(tapeline.export_trades())))
    return len(rows), sum(map(Totals.of, rows), NOTHING)


class CrashingWriter(threading.Thread):
    """Replays beside the test, is killed now and then, and after each crash goes on when the test has looked at it."""

    def __init__(self, tapeline, file, rng, whole_bytes, speed):
        super().__init__(daemon=True)
        self.tapeline, self.rng = tapeline, rng
        self.torn, self.looked_at = threading.Event(), threading.Event()
        self.arguments = (tapeline, file, rng, whole_bytes)
        self.options = {"crashed": self.crashed, "speed": speed}
        self.kills = None

    def run(self):
        self.kills = replay_with_kills(*self.arguments, **self.options)

    def crashed(self):
        """A kill seldom hits the moment in which half a block is written: the half is added here."""
        newest = self.tapeline.segments()[-1]
        file = io.BytesIO(newest.read_bytes())
        try:
            segments.take_header(file)
            begin = file.tell()
            # Within the count that a block begins with, Spark takes the end for the file's.
            segments.take_long(file)
            least = file.tell() - begin + 1
        except segments.Cut:
            return
        file.seek(begin)
        with open(newest, "ab") as torn:  # what is there stays there: a look may be under way
            torn.write(file.read(self.rng.randrange(least, segments.SYNC_BYTES)))
        self.looked_at.clear()
        self.torn.set()
        assert self.looked_at.wait(harness.DEADLINE_S), "the test looks no more"

    def look(self, looks):
        if self.torn.is_set():
            looks.at_torn_end()
            self.torn.clear()
            self.looked_at.set()
        else:
            looks.once()


# Fast: one segment, which Spark cuts into two parts, of large blocks. Slow: many small blocks in several segments.
WRITERS = {
    "fast": ({"TAPELINE_LOG_BLOCK_BYTES": "1048576"}, "max"),
    "slow": ({"TAPELINE_LOG_SEGMENT_BYTES_MAX": "1000000"}, "3000"),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_spark_reads_while_we_write_and_crash(writer, spark, big, make_tapeline, rng):
    settings, speed = WRITERS[writer]
    expected = totals_of_prefixes(feeds.rows_of(big))
    rows = len(expected) - 1
    undisturbed = make_tapeline("undisturbed")
    whole = whole_log_of(undisturbed, big)
    # Spark's first look takes long; the writer shall not be through by then.
    assert look(spark, [undisturbed.data / "log"], READ_THE_LOG) == (rows, expected[rows])

    tapeline = make_tapeline("looked-at", **settings)
    looks = Looks(spark, tapeline, expected)
    writing = CrashingWriter(tapeline, big, rng, whole, speed)
    writing.start()
    harness.wait_until(lambda: log_bytes(tapeline), "a log")
    while writing.is_alive():
        writing.look(looks)
    assert writing.kills, "the writer failed, or was never killed"
    print(f"killed {writing.kills} times, {looks.torn} looks without care failed, {looks.careless} did not: {looks.seen}")
    assert any(0 < trades < rows for trades in looks.seen), "no look found the log half written"
    assert looks.torn > 0
    assert looks.closed > 0 or writer == "fast"

    # The writer ended well: everything is there, without any care too, and as Tapeline itself exports it.
    found, complaint = look_without_care(spark, [tapeline.data / "log"])
    assert found is not None, complaint
    assert looks.check(found) == rows
    assert found == look(spark, [tapeline.data / "log"], READ_THE_LOG) == sums_of_export(tapeline)


def ends_of(data):
    """Where the header and each block of a segment end."""
    file = io.BytesIO(data)
    codec, sync = segments.take_header(file)
    ends = [file.tell()]
    while ends[-1] < len(data):
        segments.take_block(file, codec, sync)
        ends.append(file.tell())
    return ends


def cuts_of(data, rng):
    """Lengths at which a reader may meet the segment while it is written: inside header, blocks and markers, between."""
    ends = ends_of(data)
    header, first, second, *_ = ends
    assert len(ends) > 4
    inside = {rng.randrange(second + 1, len(data)) for _ in range(4)}
    return sorted({0, 3, header // 2, header, first - 1, first, first + 1, len(data) - 16, len(data) - 1, *inside})


@pytest.fixture
def segment(small, make_tapeline):
    """A segment of several blocks."""
    tapeline = make_tapeline(TAPELINE_LOG_BLOCK_BYTES="65536")
    tapeline.replay(small)
    [path] = tapeline.segments()
    return path


def test_spark_ends_a_torn_segment_before_the_torn_block(spark, segment, small, tmp_path, rng):
    data, expected = segment.read_bytes(), totals_of_prefixes(feeds.rows_of(small))
    torn = tmp_path / "torn" / segment.name
    torn.parent.mkdir()
    ends = ends_of(data)
    for cut in cuts_of(data, rng):
        torn.write_bytes(data[:cut])
        trades = len(segments.trades_of(segments.read_segment(torn)[0]))
        assert look(spark, [torn.parent], READ_THE_LOG) == (trades, expected[trades]), f"cut at {cut}"
        found, complaint = look_without_care(spark, [torn.parent])
        if cut in ends or cut - 1 in ends:  # one byte is too little for Avro to see a block in it
            assert found == (trades, expected[trades]), f"cut at {cut}: {complaint}"
        else:
            assert found is None, f"cut at {cut}"
            said = TORN_HEADER if cut < ends[0] else TORN_FIRST_BLOCK if cut < ends[1] else TORN_BLOCK
            assert says(complaint, said), f"cut at {cut}: {complaint}"


def test_spark_takes_the_index_for_a_segment_without_the_glob(spark, segment):
    """Why READ_THE_LOG has it; when Spark no longer needs it, the README can do without."""
    assert segment.with_suffix(".index").exists()
    with pytest.raises(Exception, match="Not an Avro data file"):
        spark.read.format("avro").load(str(segment.parent)).count()


def test_spark_reads_as_the_readme_says(spark, segment, small):
    text = (harness.ROOT / "src" / "log" / "README.md").read_text("utf-8")
    [code] = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names = {"spark": spark}
    torn = segment.read_bytes()[:-1]
    trades = len(segments.trades_of(segments.read_segment(segment)[0]))
    assert trades == len(feeds.rows_of(small))
    code = code.replace("DATA_DIR/log", str(segment.parent)).replace("schemas/", f"{harness.ROOT}/schemas/")
    exec(code, names)  # noqa: S102  (our own page)
    assert names["trades"].count() == trades
    segment.write_bytes(torn)
    exec(code, names)  # noqa: S102
    assert 0 < names["trades"].count() < trades


def read_with_java(spark, path):
    """The trades that Avro's own reader gives, and its complaint at the end."""
    java = spark._jvm  # noqa: SLF001  (PySpark brings Avro's reader and a way to call it)
    trades, complaint = [], None
    try:
        file = java.java.io.File(str(path))
        reader = java.org.apache.avro.file.DataFileReader(file, java.org.apache.avro.generic.GenericDatumReader())
        while reader.hasNext():
            trade = reader.next().get("trade")
            if trade is not None:
                trades.append((trade.get("sequence"), str(trade.get("symbol")), trade.get("price")))
        reader.close()
    except Exception as problem:  # noqa: BLE001  (py4j's; the text tells)
        complaint = str(problem)
    return trades, complaint


def test_avros_java_reader_ends_quietly_before_a_torn_block(spark, segment, small, tmp_path):
    rows = [(n, row["symbol"], float(row["price"])) for n, row in enumerate(feeds.rows_of(small), 1)]
    assert read_with_java(spark, segment) == (rows, None)
    data, torn = segment.read_bytes(), tmp_path / segment.name
    header, first, *_ = ends_of(data)
    for cut in (header, first - 1, first + 1, first + 100, len(data) - 1):
        torn.write_bytes(data[:cut])
        trades = len(segments.trades_of(segments.read_segment(torn)[0]))
        assert read_with_java(spark, torn) == (rows[:trades], None), f"cut at {cut}"
    torn.write_bytes(data[: header - 1])
    trades, complaint = read_with_java(spark, torn)
    assert not trades and says(complaint, TORN_HEADER)
