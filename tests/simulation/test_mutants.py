"""The list of bugs to put in (src/base/mutant.h) is what the sources hold, and what people run holds none of them."""

import collections
import re

import harness
import mutants

SRC = harness.ROOT / "src"
LIST = SRC / "base" / "mutant.h"


def listed():
    return re.findall(r'^  mutant\((\w+), "([^"]+)"\)', LIST.read_text("utf-8"), re.MULTILINE)


def test_every_mutant_stands_in_one_place():
    names = [name for name, _ in listed()]
    places = collections.Counter()
    for path in sorted(SRC.rglob("*.cc")):
        places.update(re.findall(r"mutated\(Mutant::(\w+)\)", path.read_text("utf-8")))
    assert len(names) >= mutants.LEAST
    assert places == collections.Counter(names)


def test_the_program_has_none(binary):
    program = binary.read_bytes()
    assert listed()
    assert not [text for mutant in listed() for text in mutant if text.encode() in program]
