"""Reads the log's segments with fastavro, as any other program would, also while they are being written.

fastavro looks neither at the checksums nor for a missing end (it fails there in several ways), so the framing of the
container is walked here first: an end in the middle of a block is what a reader beside the writer may meet and is cut
off; a whole block that is wrong is damage.
"""

import datetime
import io
import zlib

import cramjam
import fastavro

MAGIC = b"Obj\x01"
SYNC_BYTES = 16


class Cut(Exception):
    """The bytes end before the thing does."""


def take(file, size):
    data = file.read(size)
    if len(data) < size:
        raise Cut
    return data


def take_long(file):
    """Avro's variable-length zigzag number."""
    value = shift = 0
    while True:
        [byte] = take(file, 1)
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1)


def take_header(file):
    """(codec, sync marker)."""
    assert take(file, 4) == MAGIC, "no Avro object container"
    metadata = {}
    while (count := take_long(file)) != 0:
        if count < 0:
            take_long(file)  # the size in bytes, for those who skip
            count = -count
        for _ in range(count):
            name = take(file, take_long(file))
            metadata[name] = take(file, take_long(file))
    return metadata.get(b"avro.codec", b"null"), take(file, SYNC_BYTES)


def take_block(file, codec, sync):
    take_long(file)
    payload = take(file, take_long(file))
    marker = take(file, SYNC_BYTES)
    assert marker == sync, "a block does not end with the file's sync marker"
    if codec == b"snappy":
        stated = int.from_bytes(payload[-4:], "big")
        assert zlib.crc32(bytes(cramjam.snappy.decompress_raw(payload[:-4]))) == stated, "a block's checksum is wrong"


def whole_blocks(data):
    """How many of the bytes are header and whole blocks; 0 without a whole header."""
    file = io.BytesIO(data)
    end = 0
    try:
        codec, sync = take_header(file)
        end = file.tell()
        while end < len(data):
            take_block(file, codec, sync)
            end = file.tell()
    except Cut:
        pass
    return end


def read_segment(path):
    """(entries, torn): every entry of the whole blocks, and whether the file ends in the middle of one."""
    data = path.read_bytes()
    end = whole_blocks(data)
    entries = list(fastavro.reader(io.BytesIO(data[:end]))) if end else []
    return entries, end < len(data) or end == 0


def metadata(path):
    """What the segment's header says, as any Avro library gives it."""
    with open(path, "rb") as file:
        return fastavro.reader(file).metadata


def read_all(paths):
    """Entries of all segments in order; fails when any of them is torn."""
    entries = []
    for path in paths:
        some, torn = read_segment(path)
        assert not torn, f"{path} ends inside a block"
        entries.extend(some)
    return entries


def read_whole_blocks(paths):
    """Entries of every whole block in order: what a writer, killed or not, had put into the files."""
    return [entry for path in paths for entry in read_segment(path)[0]]


def trades_of(entries):
    return [entry["trade"] for entry in entries if entry.get("trade") is not None]


def controls_of(entries):
    return [entry["control"] for entry in entries if entry.get("control") is not None]


def identity(trade):
    return trade["source"], trade["epoch"], trade["sequence"]


def milliseconds(event_time):
    """fastavro gives logical times as datetime; as milliseconds since 1970."""
    if isinstance(event_time, int):
        return event_time
    return (event_time - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)) // datetime.timedelta(milliseconds=1)
