"""Writes `# noqa` comments for findings into a text, so that a legacy code base starts out silent. Touches no files."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

from fastapi_lint.files.source import Source
from fastapi_lint.finding import Finding, Notice, Severity, letters
from fastapi_lint.suppressing.comments import closed_lines
from fastapi_lint.suppressing.suppression import UNUSED_CODE, Directive, directives, render

_NEVER = frozenset({"FAPI001", UNUSED_CODE})


def add_noqa(source: Source, findings: Iterable[Finding]) -> str:
    """The text of the source with a comment on the last possible line of each finding's statement head.

    An existing `# noqa: ...` there is extended. A head whose lines all end inside a string or with a backslash gets no
    comment, nor do syntax errors and unused suppressions. `findings` are those that are not suppressed yet.
    """
    closed: frozenset[int] | None = None
    wanted: dict[int, set[str]] = {}
    for finding in findings:
        if finding.code in _NEVER:
            continue
        if closed is None:
            closed = closed_lines(source.text, source.line_starts)
        first, last = finding.noqa_lines if finding.noqa_lines[0] > 0 else (finding.span.line, finding.span.line)
        line = next((line for line in range(last, first - 1, -1) if line not in closed), None)
        if line is not None and line <= len(source.line_starts):
            wanted.setdefault(line, set()).add(finding.code)
    text = source.text
    if not wanted:
        return text
    listing = {directive.line: directive for directive in directives(source) if _lists(directive)}
    for line in sorted(wanted, reverse=True):
        codes = sorted(wanted[line])
        if line in listing:
            entries = listing[line].entries or ()
            present = {entry.text.upper() for entry in entries}
            end = entries[-1].end
            text = text[:end] + "".join(f", {code}" for code in codes if code not in present) + text[end:]
        else:
            start = source.line_starts[line - 1]
            end = start + len(source.line(line))
            written = source.line(line).rstrip()
            text = f"{text[:start]}{written}{'  ' if written else ''}{render('noqa', codes)}{text[end:]}"
    return text


def to_tell_ruff(declared: Mapping[str, str], codes: Collection[str]) -> Notice | None:
    """That Ruff is to be told of codes, which it takes away as unknown; None if it knows them.

    `declared` are the texts of configurations by path. Ruff counts as there if it is configured.
    """
    for path, text in sorted(declared.items()):
        name = path.rpartition("/")[2]
        if "/" in path or name not in ("pyproject.toml", "ruff.toml", ".ruff.toml"):
            continue
        if name == "pyproject.toml" and not _RUFF.search(text):
            continue
        told = [word for found in _EXTERNAL.finditer(text) for word in _WORD.findall(found[1])]
        unknown = [each for each in sorted(set(map(letters, codes))) if not any(_begins(each, word) for word in told)]
        if unknown:
            table = "tool.ruff.lint" if path == "pyproject.toml" else "lint"
            words = ", ".join(f'"{each}"' for each in unknown)
            message = f"Ruff removes comments with codes that it does not know: add `external = [{words}]` to [{table}]"
            return Notice(message, path, level=Severity.INFO)
    return None


_RUFF = re.compile(r"^\[tool\.ruff[.\]]", re.MULTILINE)
_EXTERNAL = re.compile(r"^[ \t]{0,20}(?:lint\.)?external[ \t]{0,20}=[ \t]{0,20}\[([^\]]{0,2000})", re.MULTILINE)
_WORD = re.compile(r"[\"'](\w+)")


def _begins(prefix: str, word: str) -> bool:
    """Whether one of the two begins the other one."""
    return prefix.startswith(word) or word.startswith(prefix)


def _lists(directive: Directive) -> bool:
    return directive.kind == "noqa" and directive.entries is not None
