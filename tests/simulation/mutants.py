"""Puts each bug of src/base/mutant.h into the simulation and looks for the seed that finds it; see README.md."""

import argparse
import concurrent.futures
import dataclasses
import os
import pathlib
import re
import subprocess
import sys
import threading
import time

# A world that takes this long goes on for ever.
DEADLINE_S = 120
LEAST = 24
# A world in which little happened breaks no law.
TAME = "the world is too tame"


@dataclasses.dataclass(frozen=True)
class Finding:
    seed: int
    law: str


class Simulation:
    """The simulation with mutants, one process for each world: a bug may end it or never end."""

    def __init__(self, program, seeds):
        self.program = program
        self.seeds = seeds
        self.sound_ = {}
        self.lock_ = threading.Lock()
        self.worlds = 0

    def mutants(self):
        """Name and sentence of each, in order."""
        listed = subprocess.run([self.program, "--mutants"], capture_output=True, text=True, check=True).stdout
        return dict(line.split("\t") for line in listed.splitlines())

    def refuses_unknown(self, known):
        ran = subprocess.run([self.program, "--mutant", "unheard_of"], capture_output=True, text=True, check=False)
        return ran.returncode == 2 and all(name in ran.stderr for name in known)

    def broken_law(self, seed, mutant=None):
        """What the laws say of one world; None when nothing is broken."""
        command = [self.program, "--seeds", "1", "--from", str(seed)]
        if mutant:
            command += ["--mutant", mutant]
        with self.lock_:
            self.worlds += 1
        try:
            ran = subprocess.run(
                command, capture_output=True, text=True, errors="replace", timeout=DEADLINE_S, check=False
            )
        except subprocess.TimeoutExpired:
            return f"does not end within {DEADLINE_S} s"
        if ran.returncode == 0:
            return None
        if ran.returncode == 1:
            law = re.search(r"^  (.*)$", ran.stdout, re.MULTILINE)[1]
            return None if law.startswith(TAME) else law
        if ran.returncode < 0:
            words = ran.stderr.strip().splitlines()
            return f"stops: {words[-1] if words else f'signal {-ran.returncode}'}"
        raise RuntimeError(f"{' '.join(command)}: {ran.stderr}")

    def sound(self, seed):
        """Whether the laws hold in a world without a bug put in: only such a world can show one."""
        with self.lock_:
            if seed in self.sound_:
                return self.sound_[seed]
        sound = self.broken_law(seed) is None
        with self.lock_:
            self.sound_[seed] = sound
        return sound

    def find(self, mutant):
        """The first world that shows the bug; None when none does."""
        for seed in range(1, self.seeds + 1):
            law = self.broken_law(seed, mutant)
            if law is not None and self.sound(seed):
                return Finding(seed, law)
        return None

    def unsound(self):
        return sorted(seed for seed, sound in self.sound_.items() if not sound)


def shortened(text, width=100):
    return text if len(text) <= width else text[: width - 1] + "…"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", type=pathlib.Path, help="tapeline_simulation of the preset `mutants`")
    parser.add_argument("names", nargs="*", metavar="MUTANT", help="only these")
    parser.add_argument("--seeds", type=int, default=500, help="a mutant that survives so many is not found (500)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="worlds at once")
    arguments = parser.parse_intermixed_args()

    simulation = Simulation(arguments.program.resolve(), arguments.seeds)
    known = simulation.mutants()
    if len(known) < LEAST or not simulation.refuses_unknown(known):
        sys.exit(f"mutants: {arguments.program} has {len(known)} mutants, at least {LEAST} are wanted")
    if unknown := [name for name in arguments.names if name not in known]:
        sys.exit(f"mutants: there is no {', '.join(unknown)}; there are: {', '.join(known)}")
    names = arguments.names or list(known)

    begun = time.monotonic()
    print(f"{'mutant':<26} {'seed':>4}  law")
    survivors = []
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for name, finding in zip(names, pool.map(simulation.find, names)):
            if finding:
                print(f"{name:<26} {finding.seed:>4}  {shortened(finding.law)}", flush=True)
            else:
                survivors.append(name)
                print(f"{name:<26}    -  SURVIVES: {known[name]}", flush=True)

    unsound = simulation.unsound()
    if unsound:
        print(f"seeds that do not count, because they break a law without a mutant too: {unsound}")
    print(
        f"mutants: {len(names) - len(survivors)} of {len(names)} caught within {arguments.seeds} seeds; "
        f"{simulation.worlds} worlds in {time.monotonic() - begun:.0f} s"
    )
    sys.exit(1 if survivors else 0)


if __name__ == "__main__":
    main()
