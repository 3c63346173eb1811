"""FAPI001: files that Python cannot read."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fastapi_lint.files.source import TooLarge, Unreadable
from fastapi_lint.finding import Finding, Severity, Span
from fastapi_lint.model import Module
from fastapi_lint.model.names import Refusal, certain, expected_there, place_of_error, refusal, suspicious
from fastapi_lint.rule import Check, rule


@rule("FAPI001", severity=Severity.ERROR)
def syntax_error(module: Module, check: Check) -> Iterator[Finding]:
    """The file does not parse.

    Why is this bad?
    A file that Python cannot read fails at import. The linter still reports what it can read around the error, but
    rules that need the whole tree are silent there, and a router in the file may look as if it were missing.

    Undecodable bytes and NUL bytes are reported the same way. Syntax newer than the Python that runs the linter is
    fine: the linter has its own parsers. Where they agree that something is wrong, Python's words say what.

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
        yield _finding(Span(error.line, 1, error.line, 1), f"cannot be read as Python: {error}", check)
        return
    if not module.facts.errors and not module.is_broken:
        lines = frozenset(line for place in suspicious(module) for line in _lines(module, place))
        said = (refusal(module, lines) if lines else None) or certain(module)
        if said is not None:
            yield _finding(_span(said), f"invalid syntax: {said.words}", check)
        return
    try:
        _ = source.tree
    except TooLarge:
        return
    except Unreadable as error:
        yield _finding(Span(error.line, 1, error.line, 1), f"cannot be checked: {error}", check)
    except Exception as error:
        place = place_of_error(module, error)
        lines = frozenset({place.line, *(line for each in module.facts.errors for line in _lines(module, each))})
        said = refusal(module, lines)
        if said is not None:
            yield _finding(_span(said), f"invalid syntax: {said.words}", check)
        else:
            yield _finding(place, f"invalid syntax{expected_there(str(error))}", check)


def _finding(span: Span, title: str, check: Check) -> Finding:
    return check.finding(
        span, title, why="the import of the file fails", instead="correct it: what else is found here may be incomplete"
    )


def _span(said: Refusal) -> Span:
    return Span(said.line, said.column, said.line, said.column)


def _lines(module: Module, place: tuple[int, int]) -> range:
    """The lines of a place in the facts."""
    span = module.source.span(*place)
    return range(span.line, span.end_line + 1)


def _is_template(module: Module) -> bool:
    """Whether a file is no Python yet, but what a generator makes Python of."""
    if "{{" in module.path:
        return True
    folders = module.path.split("/")[:-1]
    return ("template" in folders or "templates" in folders) and _TAGS.search(module.source.data) is not None


_TAGS = re.compile(rb"\{%-? \w+|\{\{ [\w.]+ \}\}")
