"""The oracle's digest of a bar, against examples that the product is tested with too."""

import csv
import hashlib
import pathlib

import oracle

EXAMPLES = pathlib.Path(__file__).parent.parent / "golden" / "digests.csv"


def examples():
    with open(EXAMPLES, encoding="utf-8", newline="") as file:
        yield from csv.reader(file)


def test_law_4_the_oracle_gives_the_digests_of_the_examples():
    header, *rows = examples()
    assert header == [*oracle.HEADER, "basis", "digest"]
    assert len(rows) >= 8
    for *bar, basis, digest in rows:
        assert oracle.digest_of(bar, basis) == digest, bar


def test_the_digest_is_that_of_the_text_which_the_definition_shows():
    """docs/digest.md spells out one bar; it is the first of the examples."""
    page = (EXAMPLES.parent.parent.parent / "docs" / "digest.md").read_text("utf-8")
    text, digest = (part.split("\n", 1)[1] for part in page.split("```")[1:4:2])
    assert hashlib.sha256(text.removesuffix("\n").encode()).hexdigest()[:32] == digest.strip()
    _, first, *_ = examples()
    assert first[-1] == digest.strip()
