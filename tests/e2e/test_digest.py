"""The digest of a bar, as the product gives it, is the oracle's (docs/digest.md)."""

import json

import harness

INTERVALS = "1s,1m,1h"


def test_law_9_export_and_bars_give_the_oracles_digests(small, tapeline, tmp_path):
    tapeline.replay(small, intervals=INTERVALS)
    expected = harness.oracle(small, intervals=INTERVALS, digests=True, folder=tmp_path)
    columns = expected.splitlines()[0]
    exported = tapeline.run("export", "bars", "--data-dir", tapeline.data, "--columns", columns).stdout
    assert exported == expected
    shown = tapeline.run("bars", "--data-dir", tapeline.data, "--limit", "0", "--json").stdout
    digests = [line.rsplit(",", 1)[1] for line in expected.splitlines()[1:]]
    assert [json.loads(line)["digest"] for line in shown.splitlines()] == digests
