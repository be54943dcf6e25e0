import random
import subprocess
import sys

import harness
import pytest
from compare import compare

SMALL = harness.TESTS / "data" / "small.csv"


@pytest.fixture(scope="session")
def small():
    """The committed recording: 4,000 rows."""
    return SMALL


@pytest.fixture(scope="session")
def big(tmp_path_factory):
    """200,000 rows of the same kind, long enough to be killed in."""
    path = tmp_path_factory.mktemp("recording") / "big.csv"
    command = [sys.executable, harness.TESTS / "data" / "make_small.py", "--rows", "200000", "--seed", "7"]
    with open(path, "w", encoding="utf-8") as output:
        subprocess.run(command, check=True, stdout=output)
    return path


@pytest.fixture(scope="session")
def oracle_of(tmp_path_factory):
    """The oracle's bars of a file, computed once per session."""
    known = {}

    def bars(*files, intervals="1s,1m,5m", ledger=False):
        key = (tuple(map(str, files)), intervals, ledger)
        if key not in known:
            folder = tmp_path_factory.mktemp("oracle")
            known[key] = harness.oracle(*files, intervals=intervals, ledger=ledger, folder=folder)
        return known[key]

    return bars


@pytest.fixture
def assert_same_bars():
    def check(expected, actual):
        report = compare(expected, actual)
        assert not report, "\n" + report

    return check


@pytest.fixture
def rng(request):
    """Randomness that a failure can repeat: the seed is the test's own name."""
    return random.Random(request.node.name)
