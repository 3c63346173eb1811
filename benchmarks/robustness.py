"""Runs the linter over code that nobody here wrote, and tells what broke: crashes, failing rules, runs without an end.

    python benchmarks/robustness.py [--group NAME=FOLDER ...] [--packages NAME=SITE ...] [--names FILE]
                                    [--each NAME ...] [--output FILE]

`--group` makes every folder in FOLDER (FOLDER itself, when its name ends with a slash) a project; `--packages` every
package of a folder with unpacked wheels, such as `site-packages`, that FILE names, one a line. The projects of the
groups that `--each` names get a table of their own. All rules are selected, no configuration is read, no cache is used,
fixes are computed but nothing is written, and nothing is imported or executed. Each project is linted in a process of
its own, which is given `--timeout` seconds. The exit code is 1 when anything broke.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from fastapi_lint import __version__

SOURCES = Path(__file__).resolve().parent.parent / "src"


@dataclass(frozen=True)
class Result:
    """What came of one project; `seconds` are processor time, `problems` whatever must not happen."""

    files: int = 0
    lines: int = 0
    findings: int = 0
    unreadable: int = 0
    fixed: int = 0
    seconds: float = 0.0
    problems: tuple[str, ...] = ()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--group", action="append", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--packages", action="append", default=[], metavar="NAME=SITE")
    parser.add_argument("--names", type=Path, default=Path(__file__).with_name("popular.txt"))
    parser.add_argument("--each", action="append", default=[], metavar="NAME")
    parser.add_argument("--timeout", type=float, default=1800.0)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.one is not None:
        print(json.dumps(asdict(lint(options.one))))
        return 0
    results: dict[str, dict[str, Result]] = {}
    for group, project in projects(options.group, options.packages, options.names):
        result = contained(project, options.timeout)
        results.setdefault(group, {})[project.name] = result
        print(
            f"{group}/{project.name}: {result.files} files, {result.findings} findings, {result.seconds:.1f} s",
            flush=True,
        )
        for problem in result.problems:
            print(f"  {problem}", flush=True)
        if options.output is not None:  # a long run that is stopped has said what it found
            options.output.write_text(table(results, options.each), encoding="utf-8")
    return int(any(result.problems for group in results.values() for result in group.values()))


def projects(groups: Sequence[str], packages: Sequence[str], names: Path) -> Iterator[tuple[str, Path]]:
    """The group and folder of every project, in order of name."""
    for text in groups:
        group, _, folder = text.partition("=")
        if folder.endswith("/"):
            yield group, Path(folder).resolve()
        else:
            yield from ((group, path) for path in sorted(Path(folder).resolve().iterdir()) if path.is_dir())
    for text in packages:
        group, _, folder = text.partition("=")
        for name in names.read_text(encoding="utf-8").split():
            if (path := Path(folder).resolve() / name).is_dir():
                yield group, path


def contained(project: Path, timeout: float) -> Result:
    """One project in a process of its own, so that whatever happens there is a result."""
    command = [sys.executable, "-X", "faulthandler", __file__, "--one", str(project)]
    environment = {"PYTHONPATH": str(SOURCES), "PATH": "", "PYTHONUTF8": "1", "PYTHONHASHSEED": "0"}
    started = time.perf_counter()
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=timeout)
    except subprocess.TimeoutExpired:
        return Result(seconds=timeout, problems=(f"did not end within {timeout:.0f} s",))
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        problem = f"ended with {done.returncode}: {last}"
        return Result(seconds=time.perf_counter() - started, problems=(problem,))
    found = json.loads(done.stdout)
    return Result(**{**found, "problems": tuple(found["problems"])})


def lint(project: Path) -> Result:
    """Lint a folder as its own root, with every rule, and compute the unsafe fixes without writing them."""
    from fastapi_lint.config.settings import Settings
    from fastapi_lint.finding import Severity
    from fastapi_lint.run.story import Request, check

    settings = Settings(root=project, select=("all",), exclude=(".git",))
    outcome = check(Request(project, (project,), settings, unsafe_fixes=True, diff=True, jobs=1, cache=False))
    problems = [
        f"{notice.path}: {notice.message}" if notice.path else notice.message
        for notice in outcome.notices
        if notice.code or notice.level is Severity.ERROR or "fixes did not" in notice.message
    ]
    return Result(
        files=outcome.files,
        lines=sum(source.data.count(b"\n") for source in outcome.sources.values()),
        findings=len(outcome.findings),
        unreadable=len({finding.path for finding in outcome.findings if finding.code == "FAPI001"}),
        fixed=sum(outcome.fixed.values()),
        seconds=time.process_time(),
        problems=tuple(problems),
    )


_NUMBERS = ("files", "lines", "unreadable", "findings", "fixed")
_HEADS = ("Files", "Lines", "Not Python 3", "Findings left", "Fixes")


def table(results: dict[str, dict[str, Result]], each: Sequence[str] = ()) -> str:
    """The results as `benchmarks/robustness.md` shows them; `each` are the groups whose projects are listed."""
    rows = []
    for group, found in results.items():
        slowest = max(found, key=lambda name: found[name].seconds)
        numbers = (sum(getattr(result, field) for result in found.values()) for field in _NUMBERS)
        longest = f"{found[slowest].seconds:.0f} s ({slowest})"
        problems = sum(len(result.problems) for result in found.values())
        rows.append((group, len(found), *numbers, longest, problems))
    shown = _markdown(("What", "Projects", *_HEADS, "Longest run", "Problems"), rows)
    for group in each:
        found = results.get(group, {})
        rows = [
            (name, *(getattr(result, field) for field in _NUMBERS), f"{result.seconds:.0f} s", len(result.problems))
            for name, result in found.items()
        ]
        shown += f"\n## {group}, one by one\n\n{_markdown(('Project', *_HEADS, 'Run', 'Problems'), rows)}"
    broken = "".join(
        f"- {group}, {name}: {problem}\n"
        for group, found in results.items()
        for name, result in found.items()
        for problem in result.problems
    )
    version = ".".join(map(str, sys.version_info[:2]))
    return (
        "# Robustness\n\n"
        "Code that nobody here wrote, linted with every rule, fixes computed and not written, each project in its\n"
        f"own process: fastapi-lint {__version__}, Python {version}. A problem is a crash, a rule that raised, a fix\n"
        "that was taken back or never came to an end, or a run over the limit. Made by `benchmarks/robustness.py`,\n"
        "which says how it is called; the times are processor time of one process, on a busy machine, and only show\n"
        "that every run ends.\n\n"
        f"{shown}\n## Problems\n\n{broken or 'None.'}"
    ).rstrip() + "\n"


def _markdown(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [heads, ["---", *("---:" for _ in heads[1:])]]
    lines += [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
