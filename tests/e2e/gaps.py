"""What gaps of the API (or of `gaps --json`) take from a window of time, worked out without the program."""

import datetime

EPOCH = datetime.datetime.fromtimestamp(0, datetime.UTC)
MS = datetime.timedelta(milliseconds=1)


def milliseconds(text):
    """(floor, ceiling) of a time in milliseconds since 1970."""
    since = datetime.datetime.fromisoformat(text) - EPOCH
    return since // MS, -(-since // MS)


def missed_ms(gaps, start_ms, end_ms):
    """How many milliseconds of the window some gap touches; a millisecond touched in part counts whole."""
    missed = set()
    for gap in gaps:
        first, end = milliseconds(gap["from"])[0], milliseconds(gap["to"])[1]
        missed |= {*range(max(first, start_ms), min(end, end_ms))}
    return len(missed)
