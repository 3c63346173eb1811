"""Counts what each rule finds in real projects and draws findings for a judge to read. Judges nothing itself.

    python benchmarks/precision.py PROJECT [PROJECT ...] [--select FAPI302 ...] [--sample 20] [--seed 1]
                                   [--output COUNTS.md] [--findings SAMPLE.txt] [--store FOLDER]

Every project folder is its own root; nothing in it is configured by itself, changed, imported or executed. Folders with
copies of other people's packages are skipped. The sample goes round the projects, one finding drawn at random from each
in turn, so that a large project does not drown the others; the same seed over the same findings draws the same sample.
With `--store` the findings of each project are kept as JSON, and a project whose findings are there is not linted again
(`--again` does); the counts then say which state of the linter each came from. The exit code is 1 if a rule raised.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

import fastapi_lint
from fastapi_lint.config.settings import Settings
from fastapi_lint.run.story import Request, check, rules

VENDORED = ("myenv/", "node_modules/", "venv/", ".venv/", "site-packages/")


class Found(msgspec.Struct, frozen=True):
    """One finding: where, what it says, and the function around it; `lines` are the source lines around the place.

    `code` is followed by the severity where that is not the rule's own (`FAPI101 info`), as the two are judged apart.
    """

    code: str
    path: str
    line: int
    message: str
    symbol: str
    first: int
    lines: tuple[str, ...]


class Counted(msgspec.Struct, frozen=True):
    """The findings of one project, and the state of the linter that made them."""

    project: str
    state: str
    select: tuple[str, ...]
    files: int
    seconds: float
    found: tuple[Found, ...]
    problems: tuple[str, ...]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("projects", nargs="+", type=Path)
    parser.add_argument("--select", action="append", default=[], metavar="RULE", help="default: all")
    parser.add_argument("--sample", type=int, default=20, metavar="N", help="findings to draw for each rule")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--around", type=int, default=12, metavar="LINES", help="source lines before and after")
    parser.add_argument("--output", type=Path, help="write the counts here instead of printing them")
    parser.add_argument("--findings", type=Path, help="write the sample here instead of printing it")
    parser.add_argument("--store", type=Path, help="keep the findings of each project in this folder")
    parser.add_argument("--again", action="store_true", help="lint projects whose findings are stored, too")
    options = parser.parse_args(arguments)
    select = tuple(code for text in options.select for code in text.split(",")) or ("all",)
    results = []
    for project in options.projects:
        counted = None if options.again else stored(options.store, project, select)
        if counted is None:
            counted = lint(project.resolve(), select, options.around)
            if options.store is not None:
                options.store.mkdir(parents=True, exist_ok=True)
                place(options.store, project, select).write_bytes(msgspec.json.encode(counted))
        print(f"{counted.project}: {len(counted.found)} findings, {counted.seconds:.0f} s", file=sys.stderr, flush=True)
        results.append(counted)
    give(options.output, table(results))
    give(options.findings, "".join(drawn(results, options.sample, options.seed)))
    return int(any(counted.problems for counted in results))


def lint(root: Path, select: Sequence[str], around: int) -> Counted:
    """Lint one project with the rules selected, without configuration and cache."""
    started = time.perf_counter()
    settings = Settings(root=root, select=tuple(select), extend_exclude=VENDORED)
    outcome = check(Request(root=root, paths=(root,), settings=settings, cache=False))
    severities = {rule.code: rule.severity for rule in rules()}
    found = []
    for finding in outcome.findings:
        texts = outcome.sources[finding.path].text.splitlines()
        first = max(1, finding.span.line - around)
        lines = tuple(texts[first - 1 : finding.span.line + around])
        usual = finding.severity is severities.get(finding.code, finding.severity)
        code = finding.code if usual else f"{finding.code} {finding.severity.value}"
        found.append(Found(code, finding.path, finding.span.line, finding.message, finding.symbol, first, lines))
    problems = tuple(f"{n.code} {n.path}: {n.message}" for n in outcome.notices if n.code)
    seconds = round(time.perf_counter() - started, 1)
    return Counted(root.name, state(), tuple(select), outcome.files, seconds, tuple(found), problems)


def state() -> str:
    """A short digest of the linter's own source and catalogue: numbers of two states are not comparable."""
    digest = hashlib.sha256()
    sources = Path(fastapi_lint.__file__).parent
    for path in sorted(path for path in sources.rglob("*") if path.suffix in {".py", ".toml"} and path.is_file()):
        digest.update(path.relative_to(sources).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:8]


def place(store: Path, project: Path, select: Sequence[str]) -> Path:
    return store / f"{project.resolve().name}-{'-'.join(select)}.json"


def stored(store: Path | None, project: Path, select: Sequence[str]) -> Counted | None:
    if store is None or not (path := place(store, project, select)).exists():
        return None
    return msgspec.json.decode(path.read_bytes(), type=Counted)


def by_rule(results: Sequence[Counted]) -> dict[str, dict[str, list[Found]]]:
    """The findings by code and project."""
    found: defaultdict[str, dict[str, list[Found]]] = defaultdict(dict)
    for counted in results:
        for one in counted.found:
            found[one.code].setdefault(counted.project, []).append(one)
    return dict(sorted(found.items()))


def table(results: Sequence[Counted]) -> str:
    """The counts as Markdown: a row for each rule, then one for each project."""
    states = ", ".join(f"{name} ({n} projects)" for name, n in Counter(one.state for one in results).items())
    files = sum(one.files for one in results)
    lines = [
        f"fastapi-lint {fastapi_lint.__version__}, state {states}; {len(results)} projects, {files} files.",
        "",
        "| rule | findings | projects with findings | by project |",
        "|---|---:|---:|---|",
    ]
    for code, projects in by_rule(results).items():
        counts = Counter({name: len(found) for name, found in projects.items()})
        text = ", ".join(f"{name} {count}" for name, count in counts.most_common())
        lines.append(f"| {code} | {counts.total()} | {len(counts)} | {text} |")
    lines += ["", "| project | files | findings | seconds | state | problems |", "|---|---:|---:|---:|---|---|"]
    for counted in results:
        problems = "; ".join(counted.problems) or "none"
        lines.append(
            f"| {counted.project} | {counted.files} | {len(counted.found)} | {counted.seconds:.0f} "
            f"| {counted.state} | {problems} |"
        )
    return "\n".join(lines) + "\n"


def drawn(results: Sequence[Counted], size: int, seed: int) -> Iterator[str]:
    """The sample of every rule as text: the place, the message, and the lines around with the place marked."""
    for code, projects in by_rule(results).items():
        total = sum(map(len, projects.values()))
        sample = draw(projects, size, random.Random(f"{seed} {code}"))
        yield f"==== {code}: {len(sample)} of {total}, {len(projects)} projects\n\n"
        for number, (project, one) in enumerate(sample, 1):
            yield f"---- {code} #{number} {project} {one.path}:{one.line} in {one.symbol or 'the module'}\n"
            yield f"{one.message}\n"
            for line, text in enumerate(one.lines, one.first):
                yield f"{'>' if line == one.line else ' '}{line:5} {text[:160]}\n"
            yield "\n"


def draw(projects: Mapping[str, Sequence[Found]], size: int, random: random.Random) -> list[tuple[str, Found]]:
    """At most `size` findings: round after round, one from each project that has any left."""
    left = {name: random.sample(list(found), len(found)) for name, found in sorted(projects.items())}
    sample: list[tuple[str, Found]] = []
    while left and len(sample) < size:
        for name in random.sample(sorted(left), len(left)):
            sample.append((name, left[name].pop()))
            if not left[name]:
                del left[name]
    return sample[:size]


def give(path: Path | None, text: str) -> None:
    if path is None:
        sys.stdout.write(text)
    else:
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
