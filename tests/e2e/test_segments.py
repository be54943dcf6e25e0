"""The reader of segments must know a missing end from damage, or the crash tests would prove nothing."""

import io

import fastavro
import pytest
import segments

SCHEMA = fastavro.parse_schema(
    {"type": "record", "name": "Entry", "fields": [{"name": "trade", "type": ["null", "string"], "default": None}]}
)
ENTRIES = [{"trade": f"trade {number}"} for number in range(60)]


def container():
    """Three blocks of twenty entries and the offset behind each."""
    file = io.BytesIO()
    writer = fastavro.write.Writer(file, SCHEMA, codec="snappy", sync_interval=1 << 30)
    ends = [file.tell()]
    for start in range(0, 60, 20):
        for entry in ENTRIES[start : start + 20]:
            writer.write(entry)
        writer.flush()
        ends.append(file.tell())
    return file.getvalue(), ends


def test_cut_at_every_byte_it_gives_the_whole_blocks_before(tmp_path):
    whole, ends = container()
    path = tmp_path / "segment.avro"
    for size in range(len(whole) + 1):
        path.write_bytes(whole[:size])
        entries, torn = segments.read_segment(path)
        blocks = sum(end <= size for end in ends[1:])
        assert entries == ENTRIES[: 20 * blocks], size
        assert torn == (size not in ends), size  # a header alone is whole


def test_damage_is_not_taken_for_a_missing_end(tmp_path):
    whole, ends = container()
    path = tmp_path / "segment.avro"
    for place in range(ends[1] + 6, ends[2] - 20):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x40]) + whole[place + 1 :])
        with pytest.raises(Exception):  # noqa: B017  (which one is the library's affair)
            segments.read_segment(path)
