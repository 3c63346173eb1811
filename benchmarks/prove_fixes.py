"""Proves the fixes on real projects: copies each, fixes it with `--fix --unsafe-fixes`, and looks for harm.

    python benchmarks/prove_fixes.py PROJECT [PROJECT ...] [--output benchmarks/fixes.md] [--diffs FOLDER]

A project is a folder; it is copied and never changed, imported or executed. Harm is: a file that parsed and no longer
does, a second run that still fixes something, more findings of Ruff's E9, F821, F822 and F823 than before, or a notice
of the fixer. The exit code is 1 when there is any. `--diffs` keeps the difference of every project for reading.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import libcst as cst

from fastapi_lint import __version__
from fastapi_lint.config.settings import Settings
from fastapi_lint.files.source import Source, Unreadable
from fastapi_lint.fixing import fixer
from fastapi_lint.run.story import Outcome, Request, check

KEPT = re.compile(
    r".*\.pyi?\Z|pyproject\.toml\Z|.*requirements.*\.txt\Z|.*\.lock\Z|Pipfile.*\Z|setup\.cfg\Z|\.gitignore\Z"
)
SKIPPED = {".git", "node_modules", "__pycache__", "myenv", "venv", ".venv"}
RUFF = ("E9", "F821", "F822", "F823")


@dataclass(frozen=True)
class Proof:
    """What came of one project."""

    name: str
    files: int
    fixed: Mapping[str, int]
    changed: int
    problems: tuple[str, ...]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("projects", nargs="+", type=Path)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--diffs", type=Path)
    options = parser.parse_args(arguments)
    proofs = []
    for project in options.projects:
        proof = prove(project, options.diffs)
        fixes = sum(proof.fixed.values())
        print(f"{proof.name}: {fixes} fixes in {proof.changed} files, {len(proof.problems)} problems", flush=True)
        for problem in proof.problems:
            print(f"  {problem}")
        proofs.append(proof)
    if options.output:
        options.output.write_text(table(proofs), encoding="utf-8")
    return 1 if any(proof.problems for proof in proofs) else 0


def prove(project: Path, diffs: Path | None) -> Proof:
    """Fix a copy of a project and compare it with what it was."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve() / "copy"
        copy(project, root)
        before = read(root)
        undefined = ruff(root)
        outcome = run(root)
        after = read(root)
        problems = list(broken(before, after))
        problems += [f"notice: {each.path}: {each.message}" for each in outcome.notices if "fix" in each.message]
        again = run(root)
        problems += [f"the second run fixed {count} of {code}" for code, count in sorted(again.fixed.items())]
        worse = ruff(root) - undefined
        problems += [f"Ruff: {count} more of {key}" for key, count in sorted(worse.items())]
        changed = [path for path in before if before[path] != after.get(path)]
        if diffs is not None:
            diffs.mkdir(parents=True, exist_ok=True)
            text = "".join(fixer.diff(p, Source(p, before[p]).text, Source(p, after[p]).text) for p in changed)
            (diffs / f"{project.name}.diff").write_text(text, encoding="utf-8")
        return Proof(project.name, outcome.files, dict(outcome.fixed), len(changed), tuple(problems))


def copy(project: Path, root: Path) -> None:
    for folder, names, files in os.walk(project):
        names[:] = sorted(name for name in names if name not in SKIPPED)
        for name in files:
            source = Path(folder, name)
            if KEPT.match(name) and source.is_file() and not source.is_symlink():
                target = root / source.relative_to(project)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)


def run(root: Path) -> Outcome:
    settings = Settings(root=root)
    return check(Request(root=root, paths=(root,), settings=settings, fix=True, unsafe_fixes=True, cache=False))


def read(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*.py"))}


def broken(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> Iterator[str]:
    """Files that parsed before and do not now, and files that are gone."""
    for path, data in before.items():
        if path not in after:
            yield f"{path}: gone"
        elif after[path] != data and parses(path, data) and not parses(path, after[path]):
            yield f"{path}: does not parse any more"


def parses(path: str, data: bytes) -> bool:
    try:
        cst.parse_module(Source(path, data).text)
    except (cst.ParserSyntaxError, Unreadable, RecursionError):
        return False
    return True


def ruff(root: Path) -> Counter[str]:
    """How often Ruff finds what can be undefined now, by code."""
    options = ["--isolated", "--no-cache", "--exit-zero", "--output-format", "json", "--select", ",".join(RUFF)]
    command = [sys.executable, "-m", "ruff", "check", *options, "."]
    done = subprocess.run(command, cwd=root, capture_output=True, check=True)
    return Counter(str(item["code"]) for item in json.loads(done.stdout))


def table(proofs: Sequence[Proof]) -> str:
    """The report as Markdown."""
    lines = [
        "# Fixes on real projects",
        "",
        f"fastapi-lint {__version__}; every project is copied, fixed with `--fix --unsafe-fixes` (recommended rules),",
        "and checked: all files still parse, a second run fixes nothing, Ruff's E9, F821, F822 and F823 do not rise.",
        "",
        "```",
        "python benchmarks/prove_fixes.py PROJECT [PROJECT ...] --output benchmarks/fixes.md",
        "```",
        "",
        "| project | files | files changed | fixes | by rule | problems |",
        "|---|---:|---:|---:|---|---|",
    ]
    for proof in proofs:
        rules = ", ".join(f"{code} {count}" for code, count in sorted(proof.fixed.items()))
        problems = "; ".join(proof.problems) or "none"
        lines.append(
            f"| {proof.name} | {proof.files} | {proof.changed} | {sum(proof.fixed.values())} | {rules} | {problems} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
