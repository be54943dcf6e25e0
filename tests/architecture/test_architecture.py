"""The source tree keeps its rules, and each rule sees a violation planted for it."""

import subprocess
from pathlib import Path

import pytest
import rules

ROOT = Path(__file__).resolve().parents[2]


def tracked_files():
    command = ["git", "ls-files", "-co", "--exclude-standard"]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()


@pytest.mark.parametrize("rule", rules.TREE_RULES, ids=lambda rule: rule.__name__)
def test_tree_keeps(rule):
    assert list(rule(ROOT)) == []


def test_no_file_names_a_machine():
    assert list(rules.no_file_names_a_machine(ROOT, tracked_files())) == []


CMAKE = """
tapeline_module(base LIBRARIES fmt::fmt)
tapeline_module(log DEPENDS base LIBRARIES Snappy::snappy)
tapeline_module(net DEPENDS base)
tapeline_module(engine DEPENDS base log)  # a comment, with DEPENDS net
tapeline_module(ingest DEPENDS base log net)
tapeline_module(
  app
  DEPENDS
  base
  log
  engine)
"""

CLEAN = {
    "src/CMakeLists.txt": CMAKE,
    "src/base/README.md": "Base.",
    "src/base/clock.h": "#pragma once\n#include <chrono>\n",
    "src/base/clock.cc": '#include "base/clock.h"\n\n#include <fmt/format.h>\n#include <time.h>\n',
    "src/log/README.md": "Log.",
    "src/log/log.h": '#pragma once\n#include "base/clock.h"\n',
    "src/log/embedded/writer.h": '#pragma once\n#include "log/log.h"\n',
    "src/log/embedded/writer.cc": '#include "log/embedded/writer.h"\n#include <snappy.h>\n#include <sys/stat.h>\n',
    "src/log/contract_test.cc": '#include <gtest/gtest.h>\n#include "log/embedded/writer.h"\n',
    "src/engine/README.md": "Engine.",
    "src/engine/engine_test.cc": '#include "log/memory/log.h"\n#include <rapidcheck.h>\n',
    "src/log/memory/log.h": "#pragma once\n",
    "src/app/README.md": "App.",
    "src/app/registry.cc": '#include "log/embedded/writer.h"\n',
}


def plant(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("rule", rules.TREE_RULES, ids=lambda rule: rule.__name__)
def test_clean_tree_has_no_finding(rule, tmp_path):
    plant(tmp_path, CLEAN)
    assert list(rule(tmp_path)) == []


VIOLATIONS = [
    (rules.modules_follow_depends, {"src/engine/a.cc": '#include "net/http.h"\n'}, "engine does not depend on net"),
    (rules.modules_follow_depends, {"src/base/a.cc": '#  include "log/log.h"\n'}, "base does not depend on log"),
    (rules.modules_follow_depends, {"src/log/a.cc": '#include "log.h"\n'}, "names no module"),
    (rules.modules_follow_depends, {"src/utils/a.cc": ""}, "no module"),
    (rules.depends_point_down, {"src/CMakeLists.txt": "tapeline_module(base DEPENDS log)\ntapeline_module(log)"},
     "base depends on log"),
    (rules.stages_do_not_meet, {"src/CMakeLists.txt": "tapeline_module(engine)\ntapeline_module(ingest DEPENDS engine)"},
     "stage ingest depends on stage engine"),
    (rules.third_party_stays_inside, {"src/base/a.cc": "#include <boost/asio.hpp>\n"}, "which only net/ may"),
    (rules.third_party_stays_inside, {"src/log/a.cc": "#include <sqlite3.h>\n"}, "which only store/embedded/ may"),
    (rules.third_party_stays_inside, {"src/log/a.cc": "#include <gtest/gtest.h>\n"}, "does not know"),
    (rules.third_party_stays_inside, {"src/log/a.cc": "#include <curl/curl.h>\n"}, "does not know"),
    (rules.adapters_are_named_in_the_registry_only, {"src/app/a.cc": '#include "log/embedded/writer.h"\n'},
     "only app/registry.cc"),
    (rules.adapters_are_named_in_the_registry_only, {"src/log/a.cc": '#include "log/memory/log.h"\n'},
     "only app/registry.cc"),
    (rules.adapters_are_named_in_the_registry_only, {"src/engine/a_test.cc": '#include "log/embedded/writer.h"\n'},
     "only app/registry.cc"),
    (rules.modules_have_their_kit, {"src/net/http.h": "#pragma once\n"}, "src/net: has no README.md"),
    (rules.modules_have_their_kit, {"src/log/a.h": "void declare(settings::Declarer&, A&);\n"},
     "belong in options.h"),
    (rules.headers_are_guarded_and_first, {"src/base/a.h": "\n"}, "no #pragma once"),
    (rules.headers_are_guarded_and_first,
     {"src/base/a.h": "#pragma once\n", "src/base/a.cc": '#include <vector>\n#include "base/a.h"\n'},
     'must include "base/a.h" first'),
]


@pytest.mark.parametrize("rule, files, finding", VIOLATIONS)
def test_planted_violation_is_found(rule, files, finding, tmp_path):
    plant(tmp_path, CLEAN | files)
    found = list(rule(tmp_path))
    assert len(found) == 1, found
    assert finding in found[0]


@pytest.mark.parametrize("line, finding", [
    ("see /" + "home/somebody/tapeline", "a path of one machine"),
    ('"resolved": "https://registry.' + 'npmjs.org/esbuild"', "a package registry"),
])
def test_planted_machine_name_is_found(line, finding, tmp_path):
    plant(tmp_path, {"docs/a.md": "fine\n" + line + "\n"})
    found = list(rules.no_file_names_a_machine(tmp_path, ["docs/a.md"]))
    assert len(found) == 1, found
    assert found[0].startswith("docs/a.md:2: ") and finding in found[0]


def test_places_that_are_no_machine_are_left_alone(tmp_path):
    plant(tmp_path, {"a.md": "../shared/data ~/work/x https://example.org/home/x /api/v1/work /var/lib\n"})
    assert list(rules.no_file_names_a_machine(tmp_path, ["a.md"])) == []
