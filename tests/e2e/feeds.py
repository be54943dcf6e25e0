"""Turns recordings into Finnhub frames, and reads recordings as plain rows."""

import csv
import gzip
import itertools
import json
import pathlib

PING = '{"type":"ping"}'
COLUMNS = ("symbol", "price", "volume", "trade_timestamp_ms", "conditions")


def open_text(path):
    path = pathlib.Path(path)
    return (
        gzip.open(path, "rt", encoding="utf-8", newline="")
        if path.suffix == ".gz"
        else open(path, encoding="utf-8", newline="")
    )


def rows_of(path):
    with open_text(path) as file:
        return list(csv.DictReader(file))


def write_rows(path, rows):
    lines = [",".join(COLUMNS), *(",".join(row[column] for column in COLUMNS) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def element_text(row):
    """One member of `data`; numbers stay the text they are. Crypto and forex have null conditions."""
    codes = [] if not row["conditions"] else row["conditions"].split(";")
    conditions = "null" if ":" in row["symbol"] else json.dumps(codes)
    symbol = json.dumps(row["symbol"])
    return f'{{"c":{conditions},"p":{row["price"]},"s":{symbol},"t":{row["trade_timestamp_ms"]},"v":{row["volume"]}}}'


def frame_text(elements):
    return '{"data":[' + ",".join(elements) + '],"type":"trade"}'


def frames_of(rows, rng, most=10):
    """Frames of 1 to `most` trades as the feed cuts them."""
    rest = iter(rows)
    while part := list(itertools.islice(rest, rng.randrange(1, most + 1))):
        yield frame_text(element_text(row) for row in part)


def symbols_of(rows):
    return sorted({row["symbol"] for row in rows})
