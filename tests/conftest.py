"""Says at the end of every run which recordings there were; with TAPELINE_REQUIRE_RECORDINGS set, their absence fails."""

import os

import pytest
import recordings

REQUIRE = "TAPELINE_REQUIRE_RECORDINGS"
ran = set()


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


def pytest_terminal_summary(terminalreporter):
    if ran:
        terminalreporter.write_line(f"recordings: ran {', '.join(sorted(ran))} of {recordings.folder()}")
    else:
        terminalreporter.write_line(f"recordings: none was run; looked for in {recordings.folder()}")
