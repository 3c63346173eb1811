"""FAPI206: a dependency with yield that keeps the endpoint's exception for itself."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function
from fastapi_lint.model.calls import catches_all, ends_quietly, suppresses
from fastapi_lint.rule import Check, rule


@rule("FAPI206", severity=Severity.ERROR)
def dependency_swallows_exception(function: Function, check: Check) -> Iterator[Finding]:
    """A dependency with `yield` catches every exception of the endpoint and raises none.

    Why is this bad?
    FastAPI throws what the endpoint raises into its dependencies, at the `yield`. One that catches it and goes on
    makes the error disappear: `HTTPException(404)` does not become a 404, exception handlers never see it, and since
    FastAPI 0.110 the client gets a 500 with "No response object was returned", which tells nobody what failed.

    Clean up and `raise`; or, when there is nothing to do but clean up, write `finally` instead of `except`.

    Known limits
    Handlers that raise on some path, or call something of which it is not known whether it raises, are left alone. So
    are narrow exception types, and projects whose FastAPI is older than 0.110, which raised the exception again.

    References
    - [Dependencies with yield and except](https://fastapi.tiangolo.com/tutorial/dependencies/dependencies-with-yield/#always-raise-in-dependencies-with-yield-and-except)
    - [FastAPI release notes: 0.110.0](https://fastapi.tiangolo.com/release-notes/#01100-2024-02-24)
    """
    if not function.is_generator or function not in check.project.dependencies.injected:
        return
    module = function.module
    if check.project.versions.for_path(module.path).never_at_least("fastapi", "0.110", default=False):
        return
    blocks = module.facts.blocks
    reported: set[int] = set()
    for entry in function.exits:
        if entry.kind != "yield":
            continue
        found = _swallowing(function, entry, check)
        if found is not None and found not in reported:
            reported.add(found)
            handler = blocks[found]
            colon = module.text.index(b":", handler.start)
            types = module.text[handler.start : colon].decode()
            yield check.finding(
                (handler.start, colon),
                f"`{types}` around the `yield` of `{function.name}` swallows exceptions",
                why="what the endpoint raises is lost, HTTPException included: the client gets a 500 that says nothing",
                instead="end the handler with `raise`, or use `finally`",
                related=[check.related(entry, "the endpoint's exception arrives here")],
            )


def _swallowing(function: Function, entry: f.Exit, check: Check) -> int | None:
    """The innermost handler around a yield that catches everything and lets nothing out."""
    blocks = function.module.facts.blocks
    block = entry.block
    while blocks[block].kind not in ("function", "lambda", "module", "class"):
        parent = blocks[block].parent
        if blocks[block].kind in ("except", "finally", "else"):
            return None  # a second yield, which is another mistake
        if blocks[block].kind == "with" and suppresses(check.project, blocks[block], function):
            return None
        if blocks[block].kind == "body" and blocks[parent].kind == "try":
            for index in function.module.clauses_of(parent):
                if catches_all(check.project.types, function.module, blocks[index]):
                    return index if ends_quietly(check.project, index, parent, function) else None
        block = parent
    return None
