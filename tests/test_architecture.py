"""ARCHITECTURE.md as tests: who may import whom, and what each layer never does. Reads the source."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "fastapi_lint"

PARTS = {
    "positions": "source",
    "__main__": "cli",
    "commands": "cli",
    "terminal": "cli",
}
"""Modules that are parts of another layer."""

CHAIN = ("finding", "source", "catalog", "index", "model", "edits", "rule", "rules")
"""Each of these imports only what stands before it (and itself)."""

BRANCHES: dict[str, set[str]] = {
    "fixer": {"finding", "source"},  # text only: a source for the places of its edits, never a tree or the project
    "engine": {*CHAIN[:-1]},
    "report": {"finding", "source", "rule"},  # the rule as data: SARIF carries its texts
}
"""Layers beside the chain, and what they may import."""

TOP = {"run": {"docs", "scaffold", "cli"}, "docs": {"cli", "scaffold"}, "scaffold": {"cli", "docs"}, "cli": set[str]()}
"""Layers above all others, and what they may not import; nobody below imports them."""

DISK = {"run", "baseline", "cache", "discovery", "settings", "writing", "scaffold"}
"""run and its hands: discovery finds, settings reads configuration, cache keeps facts, writing replaces files, baseline
remembers findings; and the scaffold, which serves contributors and no run."""


def layer(path: Path) -> str:
    """The layer of a file: the module or package directly below `fastapi_lint`; "" is the package itself."""
    first = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "" if first == "__init__" else PARTS.get(first, first)


MODULES = sorted(PACKAGE.rglob("*.py"))
every_module = pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def dotted(node: ast.expr) -> str:
    """`a.b.c` for a chain of names; other parts are written as they stand."""
    return ast.unparse(node)


def imported(path: Path) -> Iterator[str]:
    """The full dotted names that a file imports, in functions and for type checkers too; `from x import y` as x.y."""
    package = ["fastapi_lint", *path.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*parts, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def calls(path: Path) -> Iterator[tuple[int, str]]:
    """Every call in a file: line and callee as written."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            yield node.lineno, dotted(node.func)


def used(path: Path) -> set[str]:
    """The other layers that a file imports."""
    names = {name.split(".")[1] for name in imported(path) if name.startswith("fastapi_lint.")}
    return {PARTS.get(name, name) for name in names} & {layer(module) for module in MODULES} - {layer(path)}


def allowed(name: str) -> set[str]:
    """The layers that a layer may import besides itself.

    A module that imports nothing of ours (words that are alike, patterns of paths) is open to everybody.
    """
    layers = {layer(module) for module in MODULES}
    leaves = {
        each for each in layers - {*CHAIN} if not any(used(module) for module in MODULES if layer(module) == each)
    }
    if name in TOP:
        return layers - TOP[name]
    if name in CHAIN:
        return {*CHAIN[: CHAIN.index(name)]} | leaves
    return (BRANCHES[name] | leaves) if name in BRANCHES else layers - TOP.keys() - {"rules"}


@every_module
def test_modules_import_only_to_their_left(path: Path) -> None:
    wrong = used(path) - allowed(layer(path))
    assert not wrong, f"{layer(path) or 'the package'} may not import {sorted(wrong)}"


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
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and dotted(node) in {"sys.stdout", "sys.stderr", "sys.stdin"}
    ]
    assert said + streams == []


@every_module
def test_only_the_run_and_its_hands_touch_the_disk(path: Path) -> None:
    if layer(path) in DISK | {"cli"}:
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
    pure = {"os.path.join", "os.path.basename", "os.path.dirname", "os.path.splitext", "os.fspath"}
    assert [(line, name) for line, name in touched if name not in pure] == []


@every_module
def test_nothing_analysed_is_imported_or_executed(path: Path) -> None:
    # Our own rules and report formats are imported by name, and a rule's own annotation is evaluated; none of this sees
    # the analysed project. (compile alone runs nothing: the fixer asks it whether a text is Python.)
    by_name = {"rules", "engine", "run", "report", "later"}  # the last loads libcst when it is asked for
    own = {"importlib.import_module", "import_module"} if layer(path) in by_name else set()
    own |= {"eval"} if layer(path) == "rule" else set()
    forbidden = {"eval", "exec", "__import__", "importlib.import_module", "import_module"} - own
    modules = ("subprocess", "runpy", "imp", "pickle", "marshal", "shelve")
    assert [(line, name) for line, name in calls(path) if name in forbidden] == []
    assert [name for name in imported(path) if name.split(".")[0] in modules] == []


@every_module
def test_tree_sitter_lives_in_the_index_only(path: Path) -> None:
    uses = {name.split(".")[0] for name in imported(path)} & {"tree_sitter", "tree_sitter_python"}
    assert not uses or layer(path) == "index"


def test_the_model_remembers_by_reading() -> None:
    # What is kept by other means is about one module alone, or about none, or holds what does its own noting.
    alone = {
        "annotations", "client_strings", "deferral", "names", "paths", "project", "routers", "schemas", "symbols",
        "tables", "texts",
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
    assert loaded & {"libcst", "rich", "tree_sitter", "tree_sitter_python", "pathspec", "packaging", "asyncio"} == set()


def test_every_invariant_names_a_test_that_exists() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/\w+\.py)::(\w+)`", text)
    assert len(named) >= 8
    for file, test in named:
        functions = {node.name for node in ast.walk(tree(ROOT / file)) if isinstance(node, ast.FunctionDef)}
        assert test in functions, f"{file} has no {test}"
    section = text.partition("## Invariants")[2].partition("\n## ")[0]
    for item in re.split(r"^- ", section, flags=re.M)[1:]:
        assert "tests/" in item, f"this invariant names no test: {item.strip()}"
