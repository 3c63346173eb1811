"""FAPI001: files that Python cannot read."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fastapi_lint.files.source import TooLarge, Unreadable
from fastapi_lint.finding import Finding, Severity, Span
from fastapi_lint.model import Module
from fastapi_lint.rule import Check, rule


@rule("FAPI001", severity=Severity.ERROR)
def syntax_error(module: Module, check: Check) -> Iterator[Finding]:
    """The file does not parse.

    Why is this bad?
    A file that Python cannot read fails at import. The linter still reports what it can read around the error, but
    rules that need the whole tree are silent there, and a router in the file may look as if it were missing.

    Undecodable bytes and NUL bytes are reported the same way. Syntax newer than the Python that runs the linter is
    fine: the linter has its own parsers.

    Known limits
    Templates of Python files may have any syntax: files below a folder that is named by a placeholder
    (`{{cookiecutter.name}}`), and those with Jinja's tags below a folder `template` or `templates`.

    References
    - [The Python Language Reference](https://docs.python.org/3/reference/)
    - [PEP 263: source code encodings](https://peps.python.org/pep-0263/)
    """
    source = module.source
    if _is_template(module):
        return
    try:
        _ = source.utf8
    except Unreadable as error:
        yield check.finding(Span(error.line, 1, error.line, 1), f"cannot be read as Python: {error}")
        return
    if not module.facts.errors and not module.is_broken:
        return
    try:
        _ = source.tree
    except TooLarge:
        return
    except Unreadable as error:
        yield check.finding(Span(error.line, 1, error.line, 1), f"cannot be checked: {error}")
    except Exception as error:
        yield check.finding(_place(module, error), f"invalid syntax{_expected(str(error))}")


def _is_template(module: Module) -> bool:
    """Whether a file is no Python yet, but what a generator makes Python of."""
    if "{{" in module.path:
        return True
    folders = module.path.split("/")[:-1]
    return ("template" in folders or "templates" in folders) and _TAGS.search(module.source.data) is not None


def _place(module: Module, error: Exception) -> Span:
    """Where the error is: what the tolerant parser could not place on one line, else where the strict one gave up."""
    source = module.source
    for start, end in module.facts.errors:
        span = source.span(start, end)
        if span.line == span.end_line:
            return span
    match = _ERROR_AT.search(str(error))
    line, column = (int(match[1]), int(match[2]) + 1) if match else (getattr(error, "raw_line", 1), 1)
    while line > 1 and not source.line(line)[: column - 1].strip():
        line -= 1  # it gave up at the first word of a line: what is missing is missing at the end of the one before
        column = len(source.line(line)) + 1
    return Span(line, column, line, column)


def _expected(reason: str) -> str:
    """What the parser would have accepted, when that is little enough to be of help."""
    listed = _EXPECTED.search(reason)
    if listed is None:
        return ""
    tokens = [token.strip() for token in listed[1].split("\n", 1)[0].split(", ") if token.strip()]
    return f": expected {' or '.join(f'`{token}`' for token in tokens)}" if 0 < len(tokens) <= 3 else ""


_TAGS = re.compile(rb"\{%-? \w+|\{\{ [\w.]+ \}\}")
_ERROR_AT = re.compile(r"error at (\d+):(\d+)")
_EXPECTED = re.compile(r"expected (?:one of )?([^\n]+)")
