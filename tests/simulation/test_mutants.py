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


def test_a_tame_world_finds_no_mutant(tmp_path):
    """A program whose worlds are too tame with the mutant until the third, which breaks a law."""
    program = tmp_path / "simulation"
    program.write_text(
        "#!/bin/sh\n"
        "[ $# -gt 4 ] || exit 0\n"
        "law='the world is too tame: 3 trades of 1 symbols, 0 kinds of fault, 0 crashes'\n"
        "[ $4 -lt 3 ] || law='a bar differs'\n"
        'echo "seed $4 breaks the laws:\n  $law\n  again: ..."\n'
        "exit 1\n",
        "utf-8",
    )
    program.chmod(0o755)
    assert mutants.Simulation(program, seeds=2).find("any") is None
    assert mutants.Simulation(program, seeds=5).find("any") == mutants.Finding(3, "a bar differs")


def test_the_sentence_of_a_tame_world_is_the_simulations():
    assert f'"{mutants.TAME}' in (harness.TESTS / "simulation" / "world.cc").read_text("utf-8")


def test_the_program_has_none(binary):
    program = binary.read_bytes()
    assert listed()
    assert not [text for mutant in listed() for text in mutant if text.encode() in program]
