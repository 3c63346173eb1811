"""What a report comes to, as plain text: how much was found, where most of it is, and what to do next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from fastapi_lint.finding import Finding, Safety, Severity, counted
from fastapi_lint.report.contents import Report
from fastapi_lint.report.excerpt import visible

MANY = 50
"""From more findings than this on, a report ends with where to begin."""
TOP = 5

_NOUNS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "info"}


def summary(report: Report) -> tuple[str, str]:
    """The line that sums up, in two parts: what is to be seen first, and the rest."""
    files = f"{counted(report.files, 'file')} checked"
    if report.apps or report.routes:
        files += f", {counted(report.apps, 'app')}, {counted(report.routes, 'route')}"
    notices = f" {counted(len(report.notices), 'notice')}." if report.notices else ""
    if not report.findings and (failed := sum(notice.level is Severity.ERROR for notice in report.notices)):
        return "", f"Found nothing ({files}), but {counted(failed, 'error')}: not everything was done.{notices}"
    if report.left:
        return "", f"{counted(report.left, 'finding')} left ({files}).{notices}"
    if not report.findings:
        return "All clear", f": {files}.{notices}"
    found = counted(len(report.findings), "finding")
    touched = counted(len({finding.path for finding in report.findings}), "file")
    rest = f" in {touched} ({files}): {_severities(report.findings)}.{_fixable(report.findings)}{notices}"
    return f"Found {found}", rest


def most(report: Report) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Above `MANY` findings, tables with a heading each: the rules and the files that have most of them."""
    if len(report.findings) <= MANY:
        return
    names = {finding.code: finding.name for finding in report.findings}
    rules = Counter(finding.code for finding in report.findings)
    fixes = Counter(finding.code for finding in report.findings if is_fixable(finding))
    files = Counter(finding.path for finding in report.findings)
    rows = [
        f"{count:>6}  {code} {visible(names[code])}{f' ({fixes[code]} fixable)' if fixes[code] else ''}"
        for code, count in _top(rules)
    ]
    yield f"What is found most, of {counted(len(rules), 'rule')} (--statistics shows all)", tuple(rows)
    rows = [f"{count:>6}  {visible(report.shown(path))}" for path, count in _top(files)]
    yield f"Where most is found, of {counted(len(files), 'file')}", tuple(rows)


def steps(report: Report) -> Iterator[tuple[str, str]]:
    """Above `MANY` findings, what to do next: commands, and what each of them does."""
    if len(report.findings) <= MANY:
        return
    safe = sum(is_fixable(finding) for finding in report.findings)
    if safe:
        yield "fastapi-lint --fix", f"removes {safe} of them"
    errors = Counter(finding.code for finding in report.findings if finding.severity is Severity.ERROR)
    chosen = sorted(code for code, _ in _top(errors))
    first = sum(finding.code in chosen for finding in report.findings)
    if chosen and first < len(report.findings):
        yield f"fastapi-lint --select {','.join(chosen)}", f"shows {first} of them: begin with the errors"
    yield "fastapi-lint --write-baseline baseline.json", "remembers them all: from then on only new ones are reported"


def is_fixable(finding: Finding) -> bool:
    """Whether `--fix` takes it away."""
    return finding.fix is not None and finding.fix.safety is Safety.SAFE


def _top(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda row: (-row[1], row[0]))[:TOP]


def _severities(findings: Iterable[Finding]) -> str:
    kinds = [finding.severity for finding in findings]
    return ", ".join(counted(kinds.count(kind), noun) for kind, noun in _NOUNS.items() if kind in kinds)


def _fixable(findings: Iterable[Finding]) -> str:
    kinds = [finding.fix.safety for finding in findings if finding.fix]
    safe, unsafe = kinds.count(Safety.SAFE), kinds.count(Safety.UNSAFE)
    if safe and unsafe:
        return f" {safe} fixable with --fix, {unsafe} more with --unsafe-fixes."
    if safe:
        return f" {safe} fixable with --fix."
    return f" {unsafe} fixable with --unsafe-fixes." if unsafe else ""
