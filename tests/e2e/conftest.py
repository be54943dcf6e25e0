import harness
import pytest
from compare import compare


@pytest.fixture(scope="session")
def oracle_of(tmp_path_factory):
    """The oracle's bars of a file, computed once per session."""
    known = {}

    def bars(*files, intervals="1s,1m,5m", ledger=False, basis="all"):
        key = (tuple(map(str, files)), intervals, ledger, basis)
        if key not in known:
            folder = tmp_path_factory.mktemp("oracle")
            known[key] = harness.oracle(*files, intervals=intervals, ledger=ledger, basis=basis, folder=folder)
        return known[key]

    return bars


@pytest.fixture
def assert_same_bars():
    def check(expected, actual):
        report = compare(expected, actual)
        assert not report, "\n" + report

    return check
