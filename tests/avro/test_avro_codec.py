"""The bytes of our hand-coded Avro codec mean to fastavro what they should, and the other way round.

The datums are the golden files that the codec's own tests write and compare with (tests/avro/golden.h); what each must
mean stands here.
"""

import datetime
import decimal
import io
import pathlib
import subprocess
import sys

import fastavro
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden" / "avro"


def utc(milliseconds=0, microseconds=0):
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return epoch + datetime.timedelta(milliseconds=milliseconds, microseconds=microseconds)


def entry(**members):
    return {"trade": None, "control": None, "vendor_bar": None, "snapshot": None, **members}


ENTRIES = {
    "trade": entry(trade={
        "symbol": "TSLA", "price": 122.09, "volume": 4.0,
        "event_time": utc(milliseconds=1672348887196), "ingest_time": utc(microseconds=1672348887301456),
        "conditions": ["1", "8", "24", "12"],
        "source": "finnhub", "epoch": 3, "sequence": 2, "frame": 1, "flags": 0,
    }),
    "price_update": entry(trade={
        "symbol": "IC MARKETS:1", "price": 1.06618, "volume": 0.0,
        "event_time": utc(milliseconds=1713756721306), "ingest_time": utc(microseconds=1713756721400000),
        "conditions": [],
        "source": "recording:00112233445566778899aabbccddeeff", "epoch": 0, "sequence": 2**33, "frame": 2**33, "flags": 5,
    }),
    "gap": entry(control={
        "kind": "gap", "source": "finnhub", "epoch": 3, "ingest_time": utc(microseconds=1672348890000000),
        "symbol": "TSLA",
        "from": utc(microseconds=1672348887000000), "to": utc(microseconds=1672348889000000),
        "lag_ms": -5, "detail": "disconnect",
    }),
    "epoch_opened": entry(control={
        "kind": "epoch_opened", "source": "simulated", "epoch": 1, "ingest_time": utc(microseconds=1),
        "symbol": None, "from": None, "to": None, "lag_ms": None, "detail": "wall",
    }),
    "snapshot": entry(snapshot={"as_of": 17, "state": b"\0state\xff"}),
}

BARS = {
    "trades": {
        "symbol": "BINANCE:BTCUSDT", "interval_ms": 60000,
        "start": utc(milliseconds=1699999980000), "end": utc(milliseconds=1700000040000),
        "basis": "all", "priced_by": "trades",
        "open": 57000.1, "high": 57000.2, "low": 57000.1, "close": 57000.2,
        "volume": decimal.Decimal("1.5"), "notional": decimal.Decimal("85500.25"), "vwap": 57000.1666666666667,
        "trade_count": 2, "price_update_count": 1, "excluded_count": 0, "excluded_by": {}, "suspect_duplicate_count": 1,
        "coverage_kind": "confirmed", "coverage_ms": 60000, "gap": True,
        "first_id": {"source": "finnhub", "epoch": 3, "sequence": 1},
        "last_id": {"source": "finnhub", "epoch": 3, "sequence": 9},
        "revision": 2, "final": True, "through": 12,
    },
    "none": {
        "symbol": "AAPL", "interval_ms": 1000,
        "start": utc(milliseconds=1699999980000), "end": utc(milliseconds=1699999981000),
        "basis": "eligible", "priced_by": "none",
        "open": None, "high": None, "low": None, "close": None,
        "volume": None, "notional": decimal.Decimal(0), "vwap": None,
        "trade_count": 0, "price_update_count": 0, "excluded_count": 4, "excluded_by": {"12": 4}, "suspect_duplicate_count": 0,
        "coverage_kind": "unknown", "coverage_ms": None, "gap": False,
        "first_id": {"source": "", "epoch": 0, "sequence": 0},
        "last_id": {"source": "", "epoch": 0, "sequence": 0},
        "revision": 0, "final": False, "through": 0,
    },
}

DEAD_LETTERS = {
    "future": {
        "reason": "time_in_future", "source": "finnhub", "epoch": 3, "sequence": 17, "frame": 5,
        "ingest_time": utc(microseconds=1672348887301456), "raw": b'{"p":\xff\0}', "detail": "2516584-01-01 is ahead",
    },
}

FILES = [("Entry", "entries", ENTRIES), ("Bar", "bars", BARS), ("DeadLetter", "dead_letters", DEAD_LETTERS)]
CASES = [(schema, file, name, values[name]) for schema, file, values in FILES for name in values]


def schema_of(name):
    return fastavro.parse_schema(fastavro.schema.load_schema(ROOT / "schemas" / f"{name}.avsc"))


def golden(file):
    lines = (GOLDEN / f"{file}.txt").read_text(encoding="utf-8").splitlines()
    return {name: bytes.fromhex(text) for name, text in (line.split(" ") for line in lines)}


@pytest.mark.parametrize(("schema", "file", "name", "value"), CASES, ids=[f"{c[0]}-{c[2]}" for c in CASES])
def test_fastavro_reads_and_writes_the_same_bytes(schema, file, name, value):
    parsed = schema_of(schema)
    datum = golden(file)[name]

    source = io.BytesIO(datum)
    assert fastavro.schemaless_reader(source, parsed) == value
    assert source.read() == b"", "bytes are left over"

    written = io.BytesIO()
    fastavro.schemaless_writer(written, parsed, value)
    assert written.getvalue() == datum


def test_every_golden_datum_is_known_here():
    for _, file, values in FILES:
        assert golden(file).keys() == values.keys()


@pytest.mark.parametrize("path", sorted((ROOT / "schemas").glob("*.avsc")), ids=lambda path: path.stem)
def test_schemas_are_documented_field_by_field(path):
    def check(record):
        assert record.get("doc"), record["name"]
        for field in record["fields"]:
            assert field.get("doc"), f"{record['name']}.{field['name']} has no doc"
            types = field["type"] if isinstance(field["type"], list) else [field["type"]]
            for kind in types:
                if isinstance(kind, dict) and kind["type"] == "record":
                    check(kind)
            if types[0] == "null":
                assert field["default"] is None

    schema = fastavro.schema.load_schema(path)
    check(schema)
    assert fastavro.parse_schema(schema)["name"] == f"tapeline.{path.stem}"


def test_the_root_record_holds_its_members_as_their_files_say():
    subprocess.run([sys.executable, str(ROOT / "schemas" / "inline_entry.py"), "--check"], check=True)
