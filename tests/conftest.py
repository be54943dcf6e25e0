"""Says at the end of every run which recordings there were; with TAPELINE_REQUIRE_RECORDINGS set, their absence fails."""

import os
import random
import subprocess
import sys

import harness
import pytest
import recordings

SMALL = harness.TESTS / "data" / "small.csv"
REQUIRE = "TAPELINE_REQUIRE_RECORDINGS"
ran = set()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Before -m chooses: what plays a large recording is marked, so that slow builds can leave it out."""
    for item in items:
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        if parameters.get("recording") in recordings.NAMES:
            item.add_marker("large_recording")


@pytest.fixture
def recording(request):
    """The path of the recording named by the test's parameter."""
    name = request.param
    path = recordings.find(name)
    if path is None:
        missing = pytest.fail if os.environ.get(REQUIRE) else pytest.skip
        missing(recordings.why_missing(name))
    ran.add(name)
    return path


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
def binary():
    path = harness.find_binary()
    if path is None:
        pytest.skip("no tapeline binary: build it or set TAPELINE_BIN")
    assert path.is_file(), f"TAPELINE_BIN names {path}, which is no file"
    return path.resolve()


@pytest.fixture
def make_tapeline(binary, tmp_path):
    """Makes further instances, each with a data directory of its own, and ends what they started."""
    made = []

    def make(name="tapeline", **settings):
        made.append(harness.Tapeline(binary, tmp_path / name, settings))
        return made[-1]

    yield make
    for instance in made:
        instance.stop_all()


@pytest.fixture
def tapeline(make_tapeline):
    return make_tapeline()


@pytest.fixture
def rng(request):
    """Randomness that a failure can repeat: the seed is the test's own name."""
    return random.Random(request.node.name)


def pytest_terminal_summary(terminalreporter):
    if ran:
        terminalreporter.write_line(f"recordings: ran {', '.join(sorted(ran))} of {recordings.folder()}")
    else:
        terminalreporter.write_line(f"recordings: none was run; looked for in {recordings.folder()}")
