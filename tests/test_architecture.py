"""ARCHITECTURE.md as tests: who may import whom, and what each layer never does. Reads the source."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "fastapi_lint"

CHAIN = ("finding", "files", "catalog", "index", "tracking", "model", "fixing", "rule", "rules")
"""Each of these imports only what stands before it (and itself)."""

BRANCHES: dict[str, set[str]] = {
    "config": {"finding", "files", "catalog", "rule"},
    "engine": {"finding", "files", "model", "rule"},  # of incremental runs it knows its own `Plan` only
    "report": {"finding", "files", "rule"},  # the rule as data: SARIF carries its texts
    "suppressing": {"finding", "files", "config", "report"},  # a baseline knows findings by the reports' fingerprints
    "incremental": {*CHAIN[:-1], "engine"},
}
"""Packages beside the chain, and what they may import."""

ROOMS = (
    "versions", "names", "types", "values", "calls", "routing", "injection", "data", "database", "taint", "testing",
    "secrets", "tokens", "project",
    "application", "remedies", "listing", "reaching", "understanding", "pointing",
)  # fmt: skip
"""The rooms of the model, and its modules that stand alone: each imports only what stands before it.

A module that functions of rules ask with a project stands right of `project`, wherever its room is: for types alone it
may import that, as long as there is no circle.
"""

ENTRY_POINTS = {"__init__", "__main__", "engine", "rule", "finding", "api"}
"""The modules that stand loose at the top."""

FOR_TYPES = {"model/project": "parts of the model that ask all of it are given the project, which keeps them"}
"""What may be imported for type checkers alone although that closes a circle, with the reason."""

MOST_MODULES = 12
"""Modules in one folder, `__init__` not counted. (A family of rules has as many as it has rules.)"""

TOP = {
    "run": {"docs", "testing", "server", "cli"},
    "docs": {"testing", "server", "cli"},
    "testing": {"docs", "server", "cli"},
    "server": {"testing", "cli"},
    "cli": {"testing"},
}
"""Packages above all others, and what they may not import; nobody below imports them."""

FACE = {"cli", "__main__"}
"""What speaks to the user."""

DISK = {
    "run/disk", "run/cache", "run/discovery", "config/settings", "config/roots", "files/writing",
    "run/plugins/places", "suppressing/baseline", "docs/scaffold", "docs/plugin_scaffold",
    "testing/reading",
}  # fmt: skip
"""run and its hands: discovery finds, settings reads configuration, cache keeps facts, writing replaces files, places
finds plugins, baseline remembers findings; and the scaffolds and the reader of fixtures, which serve those who write
rules and no run."""


def place(path: Path) -> str:
    """A file below the package, as `run/story`."""
    return path.relative_to(PACKAGE).with_suffix("").as_posix()


def layer(path: Path) -> str:
    """The layer of a file: the module or package directly below `fastapi_lint`; "" is the package itself."""
    first = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return {"__init__": "", "__main__": "cli"}.get(first, first)


def room(path: Path) -> str:
    """The room of the model that a file is in, or its own name; "" is the model's face."""
    first = path.relative_to(PACKAGE / "model").parts[0].removesuffix(".py")
    return "" if first == "__init__" else first


TRACKING = "fastapi_lint.tracking"
MODULES = sorted(PACKAGE.rglob("*.py"))


def every_module(holds: Callable[[Path], None]) -> Callable[[], None]:
    """One test of what has to hold of every module; it names all of which it does not."""

    def test() -> None:
        wrong = []
        for path in MODULES:
            try:
                holds(path)
            except AssertionError as error:
                wrong.append(f"{path.relative_to(PACKAGE).as_posix()}: {error}")
        assert wrong == []

    test.__doc__, test.__name__ = holds.__doc__, holds.__name__
    return test


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """All nodes of a file, walked once for all tests."""
    return tuple(ast.walk(tree(path)))


def dotted(node: ast.expr) -> str:
    """`a.b.c` for a chain of names; other parts are written as they stand."""
    names = []
    inner = node
    while isinstance(inner, ast.Attribute):
        names.append(inner.attr)
        inner = inner.value
    # The same for what nearly all are, a hundred times faster.
    return ".".join([inner.id, *reversed(names)]) if isinstance(inner, ast.Name) else ast.unparse(node)


@cache
def imported(path: Path, *, types_apart: bool = False) -> tuple[str, ...]:
    """The full dotted names that a file imports, in functions too; `from x import y` as x.y.

    With `types_apart` those are left out that are for type checkers alone.
    """
    return tuple(_imported(path, types_apart=types_apart))


def _imported(path: Path, *, types_apart: bool) -> Iterator[str]:
    package = ["fastapi_lint", *path.relative_to(PACKAGE).parts[:-1]]
    guarded = [node for node in nodes(path) if isinstance(node, ast.If) and dotted(node.test) == "TYPE_CHECKING"]
    apart = {inner for node in guarded for inner in ast.walk(node)} if types_apart else set()
    for node in nodes(path):
        if node in apart:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*parts, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


@cache
def calls(path: Path) -> tuple[tuple[int, str], ...]:
    """Every call in a file: line and callee as written."""
    return tuple((node.lineno, dotted(node.func)) for node in nodes(path) if isinstance(node, ast.Call))


@cache
def ours(path: Path, *, types_apart: bool = False) -> frozenset[Path]:
    """The other files of the package that a file imports."""
    found = set()
    for name in imported(path, types_apart=types_apart):
        parts = name.split(".")
        for length in range(len(parts), 1, -1):
            target = PACKAGE.joinpath(*parts[1:length])
            if target.with_suffix(".py").is_file():
                found.add(target.with_suffix(".py"))
                break
            if (target / "__init__.py").is_file():
                found.add(target / "__init__.py")
                break
    return frozenset(found - {path, PACKAGE / "__init__.py"} if name_of_package(path) else found)


def name_of_package(path: Path) -> bool:
    """Every file may know the version, which is all that the package itself holds."""
    return path != PACKAGE / "__init__.py"


def used(path: Path) -> set[str]:
    """The other layers that a file imports.

    A module that imports nothing of ours (words that are alike, patterns of paths) is open to everybody.
    """
    return {layer(target) for target in ours(path) if any(ours(target))} - {layer(path)}


@cache
def allowed(name: str) -> set[str]:
    """The layers that a layer may import besides itself."""
    layers = {layer(module) for module in MODULES}
    if name in TOP:
        return layers - TOP[name]
    if name in CHAIN:
        return {*CHAIN[: CHAIN.index(name)]}
    return BRANCHES[name] if name in BRANCHES else layers - TOP.keys() - {"rules"}


@every_module
def test_modules_import_only_to_their_left(path: Path) -> None:
    wrong = used(path) - allowed(layer(path))
    assert not wrong, f"{layer(path) or 'the package'} may not import {sorted(wrong)}"


def test_rooms_of_the_model_import_only_to_their_left() -> None:
    wrong = []
    for path in (path for path in MODULES if layer(path) == "model"):
        for target in (target for target in ours(path, types_apart=True) if layer(target) == "model"):
            rooms = [room(path), room(target)]
            if all(rooms) and ROOMS.index(rooms[0]) < ROOMS.index(rooms[1]):
                wrong.append(f"{place(path)} may not import {place(target)}")
    assert wrong == []
    assert {room(path) for path in MODULES if layer(path) == "model"} == {"", *ROOMS}


def test_there_are_no_circles_between_modules() -> None:
    # Imports inside functions, and for type checkers alone, count: who cannot be read before the other is in a circle.
    known = {
        path: ours(path, types_apart=True) | {each for each in ours(path) if place(each) not in FOR_TYPES}
        for path in MODULES
    }
    pending = {path: set(targets) for path, targets in known.items()}
    while free := [path for path, needs in pending.items() if not needs & pending.keys()]:
        for path in free:
            del pending[path]
    assert sorted(place(path) for path in pending) == [], "in circles, or needing what is"


def test_the_house_is_in_order() -> None:
    assert {path.stem for path in PACKAGE.glob("*.py")} <= ENTRY_POINTS
    assert {path.name for path in PACKAGE.iterdir() if path.is_file() and path.suffix != ".py"} == {"py.typed"}
    for folder in {path.parent for path in MODULES}:
        modules = [path.stem for path in folder.glob("*.py") if path.stem != "__init__"]
        assert (folder / "__init__.py").is_file()
        assert len(modules) <= MOST_MODULES or folder.parent.name == "rules", f"{folder} has {len(modules)} modules"
    assert len((PACKAGE / "engine.py").read_text(encoding="utf-8").splitlines()) <= 250


def test_tracking_could_be_lifted_out() -> None:
    names = [name for path in MODULES if layer(path) == "tracking" for name in imported(path)]
    assert [name for name in names if name.startswith("fastapi_lint.") and not name.startswith(f"{TRACKING}.")] == []


@every_module
def test_rules_know_no_other_rule(path: Path) -> None:
    if layer(path) != "rules":
        return
    assert [name for name in imported(path) if name.startswith("fastapi_lint.rules.")] == []


@every_module
def test_only_the_face_prints_and_exits(path: Path) -> None:
    if layer(path) == "cli":
        return
    forbidden = {
        "print",
        "exit",
        "quit",
        "sys.exit",
        "os._exit",
        "click.echo",
        "click.secho",
        "SystemExit",
        "input",
        "warnings.warn",
    }
    said = [(line, name) for line, name in calls(path) if name in forbidden]
    streams = [
        (node.lineno, dotted(node))
        for node in nodes(path)
        if isinstance(node, ast.Attribute) and dotted(node) in {"sys.stdout", "sys.stderr", "sys.stdin"}
    ]
    assert said + streams == []


@every_module
def test_only_the_run_and_its_hands_touch_the_disk(path: Path) -> None:
    if place(path) in DISK or layer(path) in FACE:
        return
    methods = re.compile(
        r"\.(read_text|read_bytes|write_text|write_bytes|mkdir|rmdir|unlink|touch|rename|rglob|iterdir|is_file|is_dir|exists"
        r"|stat|resolve|symlink_to|chmod)$"
    )
    resources = re.compile(
        r"^(importlib\.)?resources\.files\(|^files\("
    )  # the package's own data is part of the program
    touched = [
        (line, name)
        for line, name in calls(path)
        if name in {"open", "io.open"}
        or name.startswith(("os.", "shutil.", "tempfile."))
        or (methods.search(name) and not resources.match(name))
    ]
    pure = {"os.path.join", "os.path.basename", "os.path.dirname", "os.path.splitext", "os.fspath", "os.cpu_count"}
    assert [(line, name) for line, name in touched if name not in pure and name != "os.sched_getaffinity"] == []


@every_module
def test_nothing_analysed_is_imported_or_executed(path: Path) -> None:
    # Our own rules and report formats are imported by name, and a rule's own annotation is evaluated; none of this sees
    # the analysed project, of which `run/plugins/importing` imports what the configuration names. (compile alone runs
    # nothing: the fixer asks it whether a text is Python.)
    by_name = {"rules", "engine", "run", "report"}
    own = {"importlib.import_module", "import_module"} if layer(path) in by_name else set()
    own |= {"eval"} if layer(path) == "rule" else set()
    forbidden = {"eval", "exec", "__import__", "importlib.import_module", "import_module"} - own
    if layer(path) == "run" and place(path) not in IMPORTING:
        forbidden |= {"importlib.import_module", "import_module"}
    loads = [(line, name) for line, name in calls(path) if name.endswith((".exec_module", ".load_module"))]
    assert not loads or place(path) == "run/plugins/importing"
    modules = ("subprocess", "runpy", "imp", "pickle", "marshal", "shelve")
    assert [(line, name) for line, name in calls(path) if name in forbidden] == []
    assert [name for name in imported(path) if name.split(".")[0] in modules] == []


IMPORTING = {"run/registry", "run/lazy", "run/plugins/importing"}
"""What of the run imports by name: our rules, a library put off, and the plugins that the configuration names."""

IDENTITY: dict[str, str] = {}
"""Files that may use `id(...)`, each with the reason: within one call and on one module alone."""


@every_module
def test_nothing_goes_by_the_identity_of_an_object(path: Path) -> None:
    # Facts are made once for equal content, and equal expressions of all files may be one object (`names/places.py`).
    if layer(path) not in {"model", "rules", "rule", "engine", "incremental", "tracking"}:
        return
    uses = [
        node.lineno
        for node in nodes(path)
        if isinstance(node, ast.Name) and node.id == "id" and isinstance(node.ctx, ast.Load)
    ]
    assert bool(uses) == (place(path) in IDENTITY), f"`id` in lines {uses}: key by place, or say in IDENTITY why not"


@every_module
def test_tree_sitter_lives_in_the_index_only(path: Path) -> None:
    uses = {name.split(".")[0] for name in imported(path)} & {"tree_sitter", "tree_sitter_python"}
    assert not uses or layer(path) == "index"


@every_module
def test_the_protocol_of_editors_lives_in_the_server_only(path: Path) -> None:
    # It is an extra: whoever has it not installed can do everything else.
    uses = {name.split(".")[0] for name in imported(path)} & {"pygls", "lsprotocol"}
    assert not uses or layer(path) == "server"
    named = {each for each in imported(path) if each.startswith("fastapi_lint.server")}
    assert not named or layer(path) == "server" or place(path) == "cli/server"


def test_the_model_memoizes_by_tracking() -> None:
    # What is kept by other means is about one module alone, or about none, or holds what does its own noting.
    alone = {
        "annotations", "conditional", "deferral", "expressions", "handles", "literals", "nodes", "objects",
        "opening", "paths", "project", "purposed", "readers", "routers", "schemas", "texts",
    }  # fmt: skip
    kept_by = re.compile(r"^\s*@(?:functools\.)?(?:lru_cache|cached_property|cache)\b", re.MULTILINE)
    holding = {path.stem for path in (PACKAGE / "model").rglob("*.py") if kept_by.search(path.read_text("utf-8"))}
    assert holding == alone
    rules = [path for path in (PACKAGE / "rules").rglob("*.py") if re.search(r"\blru_cache\(", path.read_text("utf-8"))]
    assert rules == []


@every_module
def test_every_module_says_what_it_is(path: Path) -> None:
    text = ast.get_docstring(tree(path)) or ""
    assert text.split("\n\n")[0].rstrip().endswith(".")
    assert not {*path.stem.split("_")} & {"manager", "helper", "helpers", "util", "utils", "base", "core"}


def test_version_needs_no_heavy_import() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "fastapi_lint", "--version"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    loaded = {line.rpartition("|")[2].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert "fastapi_lint" in loaded
    assert (
        loaded & {"libcst", "rich", "tree_sitter", "tree_sitter_python", "pathspec", "packaging", "asyncio", "pygls"}
        == set()
    )


def test_every_file_that_the_page_names_exists() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:\w+/)*\w+(?:/|\.py|\.toml|\.json))`", text)
    assert len(named) >= 60
    # What stands in the row of a room of the model is told from there.
    rooms = [place for place in (PACKAGE / "model").iterdir() if place.is_dir()]
    places = [*(PACKAGE / name for name in ("", "model", "tracking", "incremental", "server")), *rooms]
    real = [name for name in named if not re.search(r"\b[A-Z]+\b", name)]
    assert [name for name in real if not any((at / name).exists() for at in (ROOT, *places))] == []


def test_every_invariant_names_a_test_that_exists() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/\w+\.py)::(\w+)`", text)
    assert len(named) >= 8
    for file, test in named:
        functions = {node.name for node in nodes(ROOT / file) if isinstance(node, ast.FunctionDef)}
        assert test in functions, f"{file} has no {test}"
    section = text.partition("## Invariants")[2].partition("\n## ")[0]
    for item in re.split(r"^- ", section, flags=re.M)[1:]:
        assert "tests/" in item, f"this invariant names no test: {item.strip()}"
