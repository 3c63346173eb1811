"""FAPI001: files that Python cannot read."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity, Span
from fastapi_lint.model import Module
from fastapi_lint.rule import Check, rule
from fastapi_lint.source import Unreadable


@rule("FAPI001", severity=Severity.ERROR)
def syntax_error(module: Module, check: Check) -> Iterator[Finding]:
    """The file does not parse.

    Why is this bad?
    A file that Python cannot read fails at import. The linter still reports what it can read around the error, but
    rules that need the whole tree are silent there, and a router in the file may look as if it were missing.

    Undecodable bytes and NUL bytes are reported the same way. Syntax newer than the Python that runs the linter is
    fine: the linter has its own parsers.

    References
    - [The Python Language Reference](https://docs.python.org/3/reference/)
    - [PEP 263: source code encodings](https://peps.python.org/pep-0263/)
    """
    source = module.source
    try:
        source.text
    except Unreadable as error:
        yield check.finding(Span(error.line, 1, error.line, 1), f"cannot be read as Python: {error}")
        return
    if not module.facts.errors and not module.is_broken:
        return
    try:
        source.tree
    except Unreadable as error:
        yield check.finding(Span(error.line, 1, error.line, 1), f"cannot be checked: {error}")
    except Exception as error:
        line = getattr(error, "raw_line", 1)
        column = getattr(error, "raw_column", 0) + 1
        reason = str(getattr(error, "message", "") or "").removeprefix("parser error: ").strip()
        if not hasattr(error, "raw_line"):
            reason = f"{type(error).__name__}: {error}"
        yield check.finding(Span(line, column, line, column), f"invalid syntax: {_short(reason)}")


def _short(reason: str) -> str:
    """A parser's message without its own place and its list of everything that would have been possible."""
    reason = reason.split(": expected", 1)[0] if reason.startswith("error at") else reason
    return reason if len(reason) < 160 else reason[:157] + "..."
