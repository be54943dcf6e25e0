"""docs/promises.md and docs/proof.md point at tests and files that exist, and a test is named for each law of the design."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "promises.md").read_text("utf-8")
PROOF = (ROOT / "docs" / "proof.md").read_text("utf-8")

CPP_TEST = re.compile(r"^(?:TEST|TEST_F|TEST_P|TYPED_TEST_P|RC_GTEST_\w+)\(\s*(\w+)\s*,\s*(\w+)", re.MULTILINE)
PYTHON_TEST = re.compile(r"^def (test_\w+)\(", re.MULTILINE)
COMMANDS = ("make ", "scripts/", ".ci/run")


def rows():
    """(heading, cells) of each row of each table."""
    heading = ""
    for line in PAGE.splitlines():
        if line.startswith("## "):
            heading = line[3:]
        elif line.startswith("| ") and not line.startswith(("| promise", "| law", "| input")):
            yield heading, [cell.strip() for cell in line.strip("|").split("|")]


def quoted(cell):
    return re.findall(r"`([^`]+)`", cell)


@pytest.fixture(scope="module")
def known():
    """The names of all tests, as the page writes them."""
    names = {f"cases/{path.stem}" for path in (ROOT / "tests" / "engine").glob("*.txt")}
    for folder in ("src", "tests"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in (".cc", ".h"):
                names.update(".".join(found) for found in CPP_TEST.findall(path.read_text("utf-8")))
            elif path.suffix == ".py":
                names.update(f"{path.name}::{found}" for found in PYTHON_TEST.findall(path.read_text("utf-8")))
    return names


def test_every_promise_names_tests_that_exist(known):
    missing = []
    for heading, cells in rows():
        tests = quoted(cells[-1])
        if not tests:
            missing.append(f"{heading}: nothing fails when this is broken: {cells[0]}")
        missing += [
            f"{heading}: there is no test {name}"
            for name in tests
            if name not in known and not name.startswith(COMMANDS)
        ]
    assert not missing, "\n".join(missing)


def test_the_proof_names_tests_that_exist(known):
    names = [name for name in quoted(PROOF) if "::test_" in name or re.fullmatch(r"[A-Z]\w+\.[A-Z]\w+", name)]
    assert len(names) > 11
    assert not [name for name in names if name not in known]


def test_every_place_exists():
    places = [name for _, cells in rows() if len(cells) == 3 for name in quoted(cells[1])]
    assert len(places) > 40
    assert not [name for name in places if not (ROOT / name).exists()]


@pytest.mark.parametrize("law", [str(number) for number in range(1, 12)])
def test_every_law_is_named_by_a_test(law):
    named = re.compile(rf"law[ _]?{law}(?!\d)", re.IGNORECASE)
    tests = [*(ROOT / "src").rglob("*_test.cc"), *(ROOT / "tests").rglob("*.py"), *(ROOT / "tests").rglob("*.h")]
    assert any(named.search(path.read_text("utf-8")) for path in tests if path.name != Path(__file__).name)
    for page, text in (("promises", PAGE), ("proof", PROOF)):
        assert re.search(rf"^\| {law} \w+", text, re.MULTILINE), f"docs/{page}.md has no row for law {law}"
