"""The rules of the source tree, each a function from a checkout to its violations (sentences).

The rules are those of CONTRIBUTING.md. They read text only, so that they need no build and can be
tried on a small tree made for a test.
"""

import re
from pathlib import Path

# Where a third-party library may be included: prefix of the header -> folders or files below src/.
# Tests (*_test.cc) may use any library that the module's folder or the test kit allows.
EVERYWHERE = ("",)
THIRD_PARTY = {
    "fmt/": EVERYWHERE,
    "spdlog/": ("base/",),
    "prometheus/": ("base/",),
    "date/": ("base/", "model/", "engine/"),
    "simdjson.h": ("codec/",),
    "boost/": ("net/",),
    "openssl/": ("net/", "base/sha256."),
    "sqlite3.h": ("store/embedded/",),
    "snappy": ("log/embedded/",),
    "xxhash.h": ("codec/",),
    "zlib.h": ("codec/", "serve/"),
    "toml++/": ("app/", "model/files/"),
    "CLI/": ("app/",),
}
TEST_KIT = ("gtest/", "gmock/", "rapidcheck")
# Oracles of a module's tests: not part of the product, so no folder of it may include them.
TEST_ORACLES = {"avro.h": ("codec/",), "avro/": ("codec/",), "snappy": ("log/",), "sqlite3.h": ("store/",)}

# Headers of the C library and the operating system; those of C++ have neither dot nor slash.
PLATFORM = re.compile(
    r"[a-z0-9_]+|(sys|linux|netinet|arpa|net|asm)/[a-z0-9_]+\.h|"
    r"(assert|ctype|dirent|endian|errno|fcntl|immintrin|inttypes|limits|math|netdb|poll|pthread|pwd|"
    r"sched|semaphore|signal|stddef|stdint|stdio|stdlib|string|strings|time|unistd|cxxabi|execinfo|"
    r"x86intrin|emmintrin|smmintrin|tmmintrin|arm_neon)\.h"
)

# Folders that hold one implementation of an interface, and who may name them.
ADAPTERS = ("log/embedded/", "log/memory/", "store/embedded/", "store/memory/")
REGISTRY = "app/registry.cc"

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"]+)"|<([^>]+)>)', re.MULTILINE)


def sources(root):
    """Every C++ file below src/, as (path below src/, text)."""
    src = root / "src"
    for path in sorted(src.rglob("*")):
        if path.suffix in (".h", ".cc") and path.is_file():
            yield path.relative_to(src).as_posix(), path.read_text(encoding="utf-8")


def is_test(name):
    return name.endswith("_test.cc")


def dependencies(root):
    """module -> modules it may include, as src/CMakeLists.txt declares."""
    text = re.sub(r"#.*", "", (root / "src" / "CMakeLists.txt").read_text(encoding="utf-8"))
    allowed = {}
    for call in re.findall(r"tapeline_module\(([^)]*)\)", text):
        words = call.split()
        depends, keyword = [], None
        for word in words[1:]:
            if word in ("DEPENDS", "LIBRARIES"):
                keyword = word
            elif keyword == "DEPENDS":
                depends.append(word)
        allowed[words[0]] = depends
    return allowed


def ours(name, text):
    """Quoted includes of a file."""
    return [quoted for quoted, _ in INCLUDE.findall(text) if quoted]


def modules_follow_depends(root):
    allowed = dependencies(root)
    for name, text in sources(root):
        module = name.split("/")[0]
        if module not in allowed:
            yield f"src/{name}: the folder src/{module} is no module of src/CMakeLists.txt"
            continue
        for header in ours(name, text):
            # Helpers of tests and generated files live outside src/.
            if is_test(name) and not (root / "src" / header).exists():
                continue
            target = header.split("/")[0]
            if target not in allowed:
                yield f'src/{name}: includes "{header}", which names no module (write the path from src/)'
            elif target != module and target not in allowed[module]:
                yield f'src/{name}: includes "{header}", but {module} does not depend on {target}'


def depends_point_down(root):
    """A module depends only on modules declared before it, so the graph has no circle."""
    seen = set()
    for module, depends in dependencies(root).items():
        for other in depends:
            if other not in seen:
                yield f"src/CMakeLists.txt: {module} depends on {other}, which is not declared before it"
        seen.add(module)


def stages_do_not_meet(root):
    stages = {"ingest", "engine", "serve", "simulate"}
    for module, depends in dependencies(root).items():
        if module in stages:
            for other in sorted(stages.intersection(depends)):
                yield f"src/CMakeLists.txt: stage {module} depends on stage {other}; they meet in app only"


def matches(header, prefix):
    return header == prefix or (header.startswith(prefix) and not prefix.endswith(".h"))


def third_party_stays_inside(root):
    for name, text in sources(root):
        for _, header in INCLUDE.findall(text):
            if not header or PLATFORM.fullmatch(header):
                continue
            if is_test(name):
                kit = any(matches(header, prefix) for prefix in TEST_KIT)
                oracle = any(
                    matches(header, prefix) and name.startswith(folders)
                    for prefix, folders in TEST_ORACLES.items()
                )
                if kit or oracle:
                    continue
            folders = next((f for p, f in THIRD_PARTY.items() if matches(header, p)), None)
            if folders is None:
                yield f"src/{name}: includes <{header}>, which tests/architecture/rules.py does not know"
            elif not name.startswith(folders):
                yield f"src/{name}: includes <{header}>, which only {', '.join(folders)} may"


def adapters_are_named_in_the_registry_only(root):
    for name, text in sources(root):
        for header in ours(name, text):
            adapter = next((a for a in ADAPTERS if header.startswith(a)), None)
            if adapter is None or name.startswith(adapter) or name == REGISTRY:
                continue
            if is_test(name):
                # The in-memory one is what tests of other modules are for; a real one only in its own.
                if adapter.endswith("/memory/") or name.split("/")[0] == adapter.split("/")[0]:
                    continue
            yield f'src/{name}: includes "{header}"; only {REGISTRY} and the tests of its module name an implementation'


def modules_have_their_kit(root):
    for module in dependencies(root):
        folder = root / "src" / module
        files = [p for p in folder.rglob("*") if p.suffix in (".h", ".cc")] if folder.is_dir() else []
        if not files:
            continue
        if not (folder / "README.md").exists():
            yield f"src/{module}: has no README.md (purpose, main classes, threads, promises)"
        for path in files:
            declares = re.search(r"\bdeclare(_\w+)?\(\s*settings::Declarer&", path.read_text(encoding="utf-8"))
            if declares and path.stem not in ("options", "options_test") and module not in ("base", "app"):
                yield f"src/{path.relative_to(root / 'src').as_posix()}: declares settings; these belong in options.h"


def headers_are_guarded_and_first(root):
    """A source includes its header first, which proves that the header compiles alone."""
    names = {name for name, _ in sources(root)}
    for name, text in sources(root):
        if name.endswith(".h") and "#pragma once" not in text:
            yield f"src/{name}: has no #pragma once"
        header = name[:-3] + ".h"
        if name.endswith(".cc") and not is_test(name) and header in names:
            first = INCLUDE.search(text)
            if first is None or first.group(1) != header:
                yield f'src/{name}: must include "{header}" first'


# Words in pieces, so that this file does not contain what it looks for.
REGISTRY_HOSTS = ["registry." + "npmjs.org", "registry." + "yarnpkg.com", "files.python" + "hosted.org", "pypi." + "org",
                  "artifact" + "registry", "npm.pkg." + "github.com", "proxy.golang" + ".org"]
MACHINE_PATH = re.compile(r"(?<![\w.~$}-])/(?:" + "work|root|home|Users" + r")/[\w.-]+")


def no_file_names_a_machine(root, files):
    for name in files:
        path = root / name
        if not path.is_file() or path.is_symlink():
            continue
        data = path.read_bytes()
        if b"\0" in data[:8192]:
            continue
        for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
            found = MACHINE_PATH.search(line)
            if found:
                yield f"{name}:{number}: names a path of one machine, {found.group()}"
            for host in REGISTRY_HOSTS:
                if host in line:
                    yield f"{name}:{number}: names a package registry, {host}"


TREE_RULES = [
    modules_follow_depends,
    depends_point_down,
    stages_do_not_meet,
    third_party_stays_inside,
    adapters_are_named_in_the_registry_only,
    modules_have_their_kit,
    headers_are_guarded_and_first,
]
