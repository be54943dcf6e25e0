"""Reads the log's segments with fastavro, as any other program would, also while they are being written."""

import fastavro


class Torn(Exception):
    """The file ends inside a block; everything before it was read."""


def read_segment(path):
    """(entries, torn): every entry of the whole blocks, and whether the file ends in the middle of one.

    A block that is whole but wrong (checksum, schema, marker) raises: only a missing end may be missing.
    """
    entries = []
    with open(path, "rb") as file:
        try:
            blocks = fastavro.block_reader(file)
            for block in blocks:
                entries.extend(block)
        except (EOFError, IndexError, StopIteration):
            return entries, True
        except ValueError as problem:
            # fastavro says so when it finds no header, which is the case while the file is a few bytes old.
            if file.seek(0, 2) < 512 and "header" in str(problem).lower():
                return entries, True
            raise
    return entries, False


def read_all(paths):
    """Entries of all segments in order; fails when any of them is torn."""
    entries = []
    for path in paths:
        some, torn = read_segment(path)
        assert not torn, f"{path} ends inside a block"
        entries.extend(some)
    return entries


def trades_of(entries):
    return [entry["trade"] for entry in entries if entry.get("trade") is not None]


def controls_of(entries):
    return [entry["control"] for entry in entries if entry.get("control") is not None]


def identity(trade):
    return trade["source"], trade["epoch"], trade["sequence"]
