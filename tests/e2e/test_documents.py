"""The documents say what the program does: their examples are run, and the list of settings is the program's own."""

import json
import os
import re
import shutil
import subprocess

import harness
import pytest

DOCS = harness.ROOT / "docs"
CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)


def examples(text):
    """(command, output) of each `$ command` in the document, in their order."""
    for block in CONSOLE.findall(text):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            yield command, output


def matches(expected, actual):
    """Equal, where ... stands for anything within a line."""
    pattern = r"[^\n]*".join(re.escape(part) for part in expected.split("..."))
    return re.fullmatch(pattern, actual) is not None


def people_see(text):
    """Without the program's report about itself, which is JSON when no terminal reads it."""
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith('{"time"'))


def test_the_examples_of_the_command_line_give_what_is_printed(tapeline, small):
    document = (DOCS / "command-line.md").read_text("utf-8")
    folder = tapeline.folder / "examples"
    folder.mkdir()
    shutil.copy(small, folder / "day.csv")
    environment = tapeline.environment()
    environment["PATH"] = f"{tapeline.binary.parent}:{environment['PATH']}"
    failures, commands = [], set()
    for command, expected in examples(document):
        done = subprocess.run(
            command,
            shell=True,
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        actual = people_see(done.stdout)
        commands.update(re.findall(r"tapeline (\w+)", command))
        if not matches(expected, actual):
            failures.append(f"$ {command}\n{actual}instead of\n{expected}")
    assert not failures, "\n".join(failures)
    assert {"run", "replay", "simulate", "bars", "trades", "gaps", "export", "check"} <= commands


def test_the_list_of_settings_is_what_config_prints(tapeline):
    printed = tapeline.run("config").stdout
    document = DOCS / "settings.md"
    if os.environ.get("TAPELINE_UPDATE_GOLDEN"):
        before, fence, _ = document.read_text("utf-8").partition("```toml\n")
        document.write_text(f"{before}{fence}{printed}```\n", "utf-8")
    assert f"```toml\n{printed}```\n" in document.read_text("utf-8"), (
        "docs/settings.md is out of date: run this test with TAPELINE_UPDATE_GOLDEN=1"
    )


def test_every_command_has_a_section(tapeline):
    listed = re.findall(r"^  (\w+) {2,}\w", tapeline.run("--help").stdout.split("Subcommands:")[1], re.MULTILINE)
    headings = " ".join(re.findall(r"^## (.*)", (DOCS / "command-line.md").read_text("utf-8"), re.MULTILINE))
    assert len(listed) >= 9
    assert not [command for command in listed if command not in re.split(r"[ ,]+", headings)]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["--version"], 0), (["--help"], 0), (["export", "bars", "--data-dir", "nowhere"], 1), (["runn"], 2), ([], 2)],
)
def test_the_exit_codes_are_those_documented(arguments, code, tapeline):
    tapeline.run(*arguments, code=code)


def test_an_interrupted_replay_ends_with_3_and_goes_on(tapeline, big, oracle_of, assert_same_bars):
    process = tapeline.start(*tapeline.replay_arguments(big))
    harness.wait_until(lambda: tapeline.segments() or not process.running(), "the first segment")
    process.interrupt()
    assert process.wait().code == 3, str(process)
    tapeline.replay(big)
    assert_same_bars(oracle_of(big), tapeline.export_bars())


def test_the_predecessors_names_are_documented():
    names = re.findall(
        r'\{"(FINNHUB_\w+)", "([\w.]+)"\}', (harness.ROOT / "src/app/configuration.cc").read_text("utf-8")
    )
    document = (DOCS / "migrating.md").read_text("utf-8")
    assert len(names) == 3
    for name, key in names:
        assert re.search(rf"`{name}`.*`{re.escape(key)}`", document), f"{name} = {key} is not in docs/migrating.md"


def test_make_lists_its_targets_and_ci_calls_test():
    text = (harness.ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^\.PHONY: (\S+)", text, re.MULTILINE))
    listed = subprocess.run(["make", "-C", harness.ROOT], capture_output=True, text=True, check=True).stdout
    assert {"run", "test", "asan", "tsan", "fuzz", "bench", "coverage", "lint"} <= targets
    assert not [target for target in targets if not re.search(rf"^ *make {target} +\w", listed, re.MULTILINE)]
    assert re.search(r"^step make test$", (harness.ROOT / ".ci" / "run").read_text("utf-8"), re.MULTILINE)


def test_each_preset_is_there():
    presets = json.loads((harness.ROOT / "CMakePresets.json").read_text("utf-8"))
    names = {preset["name"] for preset in presets["configurePresets"]}
    assert {"dev", "release", "asan", "tsan", "fuzz", "mutants", "bench", "coverage"} <= names


def test_every_link_of_the_documents_leads_somewhere():
    broken = []
    for path in [*harness.ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(harness.ROOT / "src").rglob("README.md")]:
        for target in re.findall(r"\]\(([^)#\s]+)", path.read_text("utf-8")):
            if "://" not in target and target != "NNNN-title.md" and not (path.parent / target).exists():
                broken.append(f"{path.relative_to(harness.ROOT)}: {target}")
    for name in ("LICENSE", "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/adr/README.md"):
        if not (harness.ROOT / name).is_file():
            broken.append(name)
    assert not broken, "\n".join(broken)
