"""What groups of rules cost: a cold run over a project with all recommended rules, and without those of a group.

    python benchmarks/costs.py [PROJECT ...] [--download FOLDER] [--repeat N] [--into FILE]

*Taint* are the rules that follow what a client sends (`model/taint`), *wave 2* those of the catalogue's second wave.
Two measures: *calls*, how many functions of Python and C a run calls (cProfile), which comes out the same each time
and does not depend on the machine or on what else it does; and *CPU*, the least of N runs in turn. The time of one
machine varies by more than what a group of rules takes, so N has to be large to say something.

Prints a section for `benchmarks/speed.md` to stdout, or puts it there (`--into`). Measures copies of the files, without
the projects' configuration. Nothing of the projects is imported or executed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
from speed import machine, program
from speed_runs import Cost, best, copied, lint, say
from speed_runs import measured as run
from speed_section import make

from fastapi_lint.catalog.identities import identities

HEADING = "## What groups of rules cost"
TAINT = ("FAPI507", "FAPI609", "FAPI615", "FAPI616", "FAPI619", "FAPI621", "FAPI622", "FAPI623", "FAPI624", "FAPI633")
ALL = "all rules"
COUNTING = """
import cProfile, sys
from fastapi_lint.cli.main import run_command_line
profile = cProfile.Profile()
profile.enable()
try:
    run_command_line(sys.argv[1:])
except SystemExit:
    pass
profile.disable()
print(sum(entry.callcount for entry in profile.getstats()), file=sys.stderr)
"""


class Row(msgspec.Struct, frozen=True):
    """What was measured of one project without a group of rules: calls, and CPU seconds."""

    name: str
    lines: int
    group: str
    calls: int
    cpu: float


def groups() -> Mapping[str, tuple[str, ...]]:
    """The groups of rules by name, in the order in which they are shown; none left out for the first."""
    second = tuple(sorted(code for code, row in identities().items() if row.wave == 2))
    return {ALL: (), "taint": TAINT, "wave 2": second}


def measured(name: str, root: Path, times: int) -> Iterator[Row]:
    """One project with all rules, and without each group: in turn, so that what the machine does hits all of them."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "project"
        _, lines = copied(root, folder)
        options = {group: ["--ignore", ",".join(codes)] if codes else [] for group, codes in groups().items()}
        calls = {group: counted(folder, given) for group, given in options.items()}
        say(f"{name}: {calls[ALL]:,} calls")
        costs: dict[str, list[Cost]] = {group: [] for group in options}
        for _ in range(times):
            for group, given in options.items():
                costs[group].append(run(lint("--no-cache", "-j", "1", *given), folder))
        for group in options:
            yield Row(name, lines, group, calls[group], best(costs[group]).cpu)


def counted(folder: Path, options: list[str]) -> int:
    """How many functions a cold run calls."""
    command = [sys.executable, "-c", COUNTING, *lint("--no-cache", "-j", "1", *options)[1:]]
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return int(done.stderr.splitlines()[-1])


def section(rows: list[Row], command: str) -> Iterator[str]:
    """What was measured, as lines of Markdown."""
    yield from (HEADING, "", f"Made by `{command}`.", "", machine(), "", program(), "")
    yield (
        "A cold run in one process, without a cache, with all recommended rules and without those of a group; *more* "
        "is what the group adds. Calls are those of functions of Python and C, which come out the same each time."
    )
    yield from ("", "| project | lines | rules left out | calls | more | CPU s | more |")
    yield "| --- | ---: | --- | ---: | ---: | ---: | ---: |"
    for row in rows:
        whole = next(each for each in rows if each.name == row.name and each.group == ALL)
        shown, calls, cpu = f"{row.name} | {row.lines:,}", f"{row.calls:,}", f"{row.cpu:.2f}"
        if row.group == ALL:
            yield f"| {shown} | none | {calls} | | {cpu} | |"
        else:
            more = [f"{part:+.1%}" for part in (whole.calls / row.calls - 1, whole.cpu / row.cpu - 1)]
            yield f"| {shown} | {row.group} | {calls} | {more[0]} | {cpu} | {more[1]} |"


if __name__ == "__main__":
    make("costs.py", __doc__, HEADING, measured, section)
