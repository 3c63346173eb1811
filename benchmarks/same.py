"""Compares what two source trees of the linter say of real projects, byte for byte: a move of code changes nothing.

    python benchmarks/same.py BEFORE_TREE AFTER_TREE PROJECT [PROJECT ...] [--keep FOLDER]

A tree is a checkout of this repository; its `src` runs in processes of its own, both trees at once. Of each project the
reports of all rules in `json` and `sarif` and the difference of `--diff --unsafe-fixes` are compared, with what goes to
stderr and the exit codes. The exit code is 1 when anything differs; the first lines that do are printed. `--keep` keeps
what a tree without uncommitted changes said, by its commit, so that one state is asked once. Nothing of a project is
imported, executed or changed, and its configuration is not read.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path

LINT = (
    sys.executable,
    "-m",
    "fastapi_lint",
    "check",
    ".",
    "--isolated",
    "--jobs",
    "1",
    "--exit-zero",
    "--select",
    "ALL",
)
ASKED: Mapping[str, tuple[str, ...]] = {
    "json": ("--output-format", "json"),
    "sarif": ("--output-format", "sarif"),
    "diff": ("--diff", "--unsafe-fixes"),
}
"""What is compared. The first run of a tree begins without a cache, and the others reuse what it has left."""

_HEAD = """\
| project | findings | json, bytes | sarif | diff | differ | CPU after ÷ before, s |
|---|--:|--:|--:|--:|---|--:|"""
_LINES_SHOWN = 12


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("projects", nargs="+", type=Path)
    parser.add_argument("--keep", type=Path, help="remember here what committed trees said")
    options = parser.parse_args()
    trees = (options.before.resolve(), options.after.resolve())
    wrong = 0
    print(_HEAD)
    for project in options.projects:
        with ThreadPoolExecutor(2) as pool:
            before, after = pool.map(partial(said, project=project.resolve(), keep=options.keep), trees)
        differing = [name for name in ASKED if before[name] != after[name]]
        wrong += len(differing)
        print(_row(project, before, after, differing), flush=True)
        for name in differing:
            print("\n".join(_difference(before[name], after[name])), file=sys.stderr, flush=True)
    return int(wrong > 0)


def said(tree: Path, project: Path, keep: Path | None) -> Mapping[str, bytes]:
    """All that a tree says of a project: the answers by the names in `ASKED`, and the CPU time as `cpu`."""
    kept = keep / commit / project.name if keep is not None and (commit := _commit(tree)) else None
    if kept is not None and (kept / "cpu").is_file():
        return {path.name: path.read_bytes() for path in kept.iterdir()}
    answers: dict[str, bytes] = {}
    spent = 0.0
    with tempfile.TemporaryDirectory() as cache:
        for name, asked in ASKED.items():
            answers[name], seconds = _run((*LINT, *asked, "--cache-dir", cache), tree, project)
            spent += seconds
    answers["cpu"] = f"{spent:.1f}".encode()
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        for name, data in answers.items():
            (kept / name).write_bytes(data)
    return answers


def _run(command: tuple[str, ...], tree: Path, project: Path) -> tuple[bytes, float]:
    """The exit code, stderr and stdout of a run, and the CPU seconds that it took."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        environment = {"PYTHONPATH": str(tree / "src"), "PATH": "", "PYTHONDONTWRITEBYTECODE": "1"}
        process = subprocess.Popen(command, cwd=project, env=environment, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        data = f"exit {process.returncode}\n".encode() + err.read() + out.read()
    return data, usage.ru_utime + usage.ru_stime


def _commit(tree: Path) -> str | None:
    """The commit that a tree shows exactly; None when something in it is not committed."""
    changed = subprocess.run(
        ["git", "status", "--porcelain", "--", "src"], cwd=tree, capture_output=True, text=True, check=True
    )
    commit = subprocess.run(["git", "rev-parse", "HEAD:src"], cwd=tree, capture_output=True, text=True, check=True)
    return None if changed.stdout else commit.stdout.strip()


def _row(project: Path, before: Mapping[str, bytes], after: Mapping[str, bytes], differing: list[str]) -> str:
    report = before["json"]
    findings = len(json.loads(report[report.index(b"\n[") :])) if b"\n[" in report else "?"
    sizes = " | ".join(f"{len(before[name]):,}" for name in ASKED)
    cpu = f"{after['cpu'].decode()} ÷ {before['cpu'].decode()}"
    return f"| {project.name} | {findings} | {sizes} | {', '.join(differing) or 'nothing'} | {cpu} |"


def _difference(before: bytes, after: bytes) -> Iterator[str]:
    lines = (data.decode("utf-8", "replace").splitlines() for data in (before, after))
    yield from (line[:300] for line in islice(difflib.unified_diff(*lines, lineterm="", n=1), _LINES_SHOWN))


if __name__ == "__main__":
    sys.exit(main())
