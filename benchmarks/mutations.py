"""Makes correct code of real projects wrong in one place, and counts what the rule for that mistake finds of it.

    python benchmarks/mutations.py PROJECT [PROJECT ...] [--select FAPI202 ...] [--most 3] [--seed 1]
                                   [--output TABLE.md] [--missed MISSED.txt] [--store FOLDER]

For rules that find nothing in any project, of which precision and recall can say nothing. Each rule has an operator
(`mutation_injection.py`, `mutation_effects.py`) that looks for places by syntax alone, outside tests and tools, and
gives edits that make such a place wrong, with the lines where the rule is due. Of each rule and project at most
`--most` places are drawn, the same for the same seed. A project is linted once as it is, with the rules that have
operators and no configuration; then each mutant is linted as an editor would after the edit, in memory: nothing in a
project is changed, imported or executed. A mutant is *found* when the rule has a new finding at most three lines from
where it is due (anywhere, if another file is to blame), *missed* otherwise; `elsewhere` counts other new findings of
that rule. Missed ones are written with their difference, for a reader to say whether the code is really wrong there.
With `--store` what became of the mutants of a project is kept as JSON, and such a project is not tried again.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import msgspec
import mutation_effects as effects
import mutation_injection as injection
from mutation_places import File, Mutant, Project, read
from precision import VENDORED, state

import fastapi_lint
from fastapi_lint.config.settings import Settings
from fastapi_lint.files.source import Source
from fastapi_lint.finding import Finding
from fastapi_lint.run import story
from fastapi_lint.run.session import Session

Operator = Callable[[Project, File], Iterator[Mutant]]

NEAR = 3
"""Lines between where a finding is due and where it may stand."""


def _operators() -> dict[str, Operator]:
    """The operators by the code that their docstrings start with."""
    found = {}
    for module in (injection, effects):
        for value in vars(module).values():
            documentation = getattr(value, "__doc__", None) or ""
            if documentation.startswith("FAPI") and callable(value):
                found[documentation[:7]] = value
    return dict(sorted(found.items()))


OPERATORS = _operators()


@dataclass(frozen=True)
class Tried:
    """One mutant, and what became of it."""

    code: str
    project: str
    path: str
    line: int
    difference: str
    found: bool
    elsewhere: tuple[str, ...]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("projects", nargs="+", type=Path)
    parser.add_argument("--select", action="append", default=[], metavar="RULE", help="default: all with operators")
    parser.add_argument("--most", type=int, default=3, metavar="N", help="mutants of each rule and project")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, help="write the table here instead of printing it")
    parser.add_argument("--missed", type=Path, help="write the missed mutants here instead of printing them")
    parser.add_argument("--store", type=Path, help="keep what became of the mutants of each project in this folder")
    options = parser.parse_args(arguments)
    codes = [code for text in options.select for code in text.split(",")] or list(OPERATORS)
    tried: list[Tried] = []
    for folder in options.projects:
        started = time.perf_counter()
        kept = options.store and options.store / f"{folder.resolve().name}-{options.most}-{options.seed}.json"
        if kept and kept.exists():
            new = msgspec.json.decode(kept.read_bytes(), type=list[Tried])
        else:
            new = list(try_project(folder.resolve(), codes, options.most, options.seed))
            if kept:
                kept.parent.mkdir(parents=True, exist_ok=True)
                kept.write_bytes(msgspec.json.encode(new))
        tried += new
        missed = sum(not each.found for each in new)
        seconds = time.perf_counter() - started
        print(f"{folder.name}: {len(new)} mutants, {missed} missed, {seconds:.0f} s", file=sys.stderr, flush=True)
    give(options.output, table(tried, codes, [folder.name for folder in options.projects]))
    give(options.missed, "".join(told(each) for each in tried if not each.found or each.elsewhere))
    return 0


def try_project(root: Path, codes: Sequence[str], most: int, seed: int) -> Iterator[Tried]:
    """Lint a project, and each mutant of it."""
    settings = Settings(root=root, select=(*codes,), extend_exclude=VENDORED)
    request = story.Request(root=root, paths=(root,), settings=settings, cache=False, jobs=1)
    for part, found in story.projects(request):
        session, _ = story.lasting(part, found)
        texts = {path: source.text for path, source in session.sources.items() if _is_text(source)}
        project = read(texts)
        before = Counter(map(_identity, session.check().findings))
        for code in codes:
            mutants = [(file, each) for file in project.files for each in OPERATORS[code](project, file)]
            random.Random(f"{seed} {code} {root.name} {part.place}").shuffle(mutants)
            sound = ((file, each) for file, each in mutants if _parses(each.text(file.text)))
            for file, mutant in islice(sound, most):
                yield _try(session, before, code, root.name, file, mutant)
        session.tidy()


def _try(session: Session, before: Counter[tuple[str, ...]], code: str, name: str, file: File, mutant: Mutant) -> Tried:
    text = mutant.text(file.text)
    original = session.sources[file.path]
    findings = session.check_again({file.path: Source(file.path, text.encode())}).findings
    session.put({file.path: original})
    session.tidy()
    left = Counter(before)
    new: list[Finding] = []
    for finding in findings:
        if finding.code == code and left[_identity(finding)] > 0:
            left[_identity(finding)] -= 1
        elif finding.code == code:
            new.append(finding)
    due = mutant.lines(file.text)
    first, last = due or (0, 0)
    near = [
        each
        for each in new
        if due is None or (each.path == file.path and first - NEAR <= each.span.line <= last + NEAR)
    ]
    elsewhere = tuple(f"{each.path}:{each.span.line} {each.message}" for each in new if each not in near)
    lines = difflib.unified_diff(file.text.splitlines(), text.splitlines(), lineterm="", n=2)
    return Tried(code, name, file.path, first, "\n".join(lines), bool(near), elsewhere)


def _identity(finding: Finding) -> tuple[str, ...]:
    return finding.code, finding.path, finding.symbol, finding.message


def _is_text(source: Source) -> bool:
    try:
        return bool(source.text) or True
    except ValueError:
        return False


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    return True


def table(tried: Sequence[Tried], codes: Sequence[str], projects: Sequence[str]) -> str:
    """A row for each rule."""
    lines = [
        f"fastapi-lint {fastapi_lint.__version__}, state {state()}; {len(projects)} projects: {', '.join(projects)}.",
        "",
        "| rule | projects | mutants | found | missed | elsewhere |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for code in codes:
        own = [each for each in tried if each.code == code]
        found = sum(each.found for each in own)
        elsewhere = sum(len(each.elsewhere) for each in own)
        places = len({each.project for each in own})
        lines.append(f"| {code} | {places} | {len(own)} | {found} | {len(own) - found} | {elsewhere} |")
    found = sum(each.found for each in tried)
    elsewhere = sum(len(each.elsewhere) for each in tried)
    lines.append(f"| all | {len(projects)} | {len(tried)} | {found} | {len(tried) - found} | {elsewhere} |")
    return "\n".join(lines) + "\n"


def told(each: Tried) -> str:
    """A mutant that was missed, or that made findings elsewhere."""
    outcome = "found" if each.found else "MISSED"
    head = f"=== {outcome} {each.code} {each.project} {each.path}:{each.line}"
    return "\n".join([head, *(f"elsewhere: {text}" for text in each.elsewhere), each.difference, "", ""])


def give(path: Path | None, text: str) -> None:
    if path is None:
        print(text)
    else:
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
