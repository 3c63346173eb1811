"""JUnit's XML: one suite a file, one failed test case a finding. Always valid XML 1.0."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from fastapi_lint.finding import Finding, Notice, Severity
from fastapi_lint.report.contents import Report
from fastapi_lint.report.excerpt import visible

# Line breaks and tabs are written as references, so that attributes keep them.
_REFERENCES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}
_SPECIAL = re.compile('[&<>"\n\r\t]')
_BREAKS = re.compile("([\n\r])")
_NOT_XML = re.compile("[\ufffe\uffff]")


def render(report: Report) -> str:
    """The findings as XML in ASCII-compatible UTF-8; without any, one passed test case says that the linter ran."""
    count = len(report.findings)
    errors = [notice for notice in report.notices if notice.level is Severity.ERROR]
    total = max(count + len(errors), 1)
    suites = _suites(report) if count or errors else _passed()
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        f'<testsuites name="fastapi-lint" tests="{total}" failures="{count}" errors="{len(errors)}">',
        *suites,
        *_errors(errors, report),
        *_notices((each for each in report.notices if each.level is not Severity.ERROR), report),
        "</testsuites>",
    ]
    return "\n".join(lines) + "\n"


def _suites(report: Report) -> Iterator[str]:
    for path, group in groupby(report.findings, key=lambda finding: finding.path):
        findings = list(group)
        count = len(findings)
        name = _xml(report.shown(path))
        yield f'  <testsuite name="{name}" tests="{count}" failures="{count}" errors="0" skipped="0">'
        for finding in findings:
            yield from _case(finding, name)
        yield "  </testsuite>"


def _case(finding: Finding, file: str) -> Iterator[str]:
    span = finding.span
    place = f"{span.line}:{span.column}"
    title = f"{finding.code} {finding.name} ({place})"
    message = _xml(finding.message)
    yield f'    <testcase name="{_xml(title)}" classname="{file}" file="{file}" line="{span.line}">'
    yield (
        f'      <failure type="{finding.severity.value}" message="{message}">'
        f"{file}:{place}: {_xml(finding.code)} {message}</failure>"
    )
    yield "    </testcase>"


def _errors(errors: Sequence[Notice], report: Report) -> Iterator[str]:
    """What could not be done: files that were not read or written, rules that failed."""
    if not errors:
        return
    count = len(errors)
    yield f'  <testsuite name="fastapi-lint errors" tests="{count}" failures="0" errors="{count}" skipped="0">'
    for notice in errors:
        file = _xml(report.shown(notice.path)) if notice.path else "fastapi-lint"
        name = _xml(": ".join(filter(None, (notice.code, notice.message))))
        at = f' file="{file}"' if notice.path else ""
        yield f'    <testcase name="{name}" classname="{file}"{at}>'
        yield f'      <error type="error" message="{name}">{file}: {name}</error>'
        yield "    </testcase>"
    yield "  </testsuite>"


def _passed() -> Iterator[str]:
    yield '  <testsuite name="fastapi-lint" tests="1" failures="0" errors="0" skipped="0">'
    yield '    <testcase name="no findings" classname="fastapi-lint"/>'
    yield "  </testsuite>"


def _notices(notices: Iterable[Notice], report: Report) -> Iterator[str]:
    lines = [": ".join(filter(None, (report.shown(each.path) if each.path else "", each.message))) for each in notices]
    if lines:
        yield '  <testsuite name="fastapi-lint notices" tests="0" failures="0" errors="0" skipped="0">'
        yield f"    <system-err>{_xml(chr(10).join(lines))}</system-err>"
        yield "  </testsuite>"


def _xml(text: str) -> str:
    """The text for an element or an attribute; characters that XML 1.0 has no place for become visible escapes."""
    text = "".join(part if part in "\n\r" else visible(part) for part in _BREAKS.split(text))
    text = _NOT_XML.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
    return _SPECIAL.sub(lambda match: _REFERENCES[match[0]], text)
