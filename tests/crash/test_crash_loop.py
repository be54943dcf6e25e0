"""A few kills of the crash loop; `make crash` makes as many as wanted."""

import crash_loop
import pytest


def test_law_7_nothing_is_lost_doubled_or_different_after_kills(binary, tmp_path):
    findings = crash_loop.run(binary, tmp_path, kills=12, seed=7)
    assert not any(findings.wrong.values()), "\n".join([findings.text(), *findings.notes])
    assert sum(findings.kills.values()) == 12
    assert all(findings.looked_at.values()), findings.text()


@pytest.mark.parametrize("point", ["file.half_written", "file.written", "file.opened", "store.committed"])
def test_a_kill_strikes_where_it_is_told_to(point, tapeline, small):
    tapeline.settings["KILL_POINT"] = f"{point}:1"
    done = tapeline.run(*tapeline.replay_arguments(small), code=None)
    assert done.code == -9, str(done)
