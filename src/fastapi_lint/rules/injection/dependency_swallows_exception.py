"""FAPI206: a dependency with yield that keeps the endpoint's exception for itself."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import External, Function, FunctionObject, Method
from fastapi_lint.model.calls import catches_all
from fastapi_lint.rule import Check, rule

_HARMLESS = frozenset({
    "rollback", "close", "aclose", "remove", "reset", "invalidate", "abort", "cancel", "expunge_all", "expire_all",
    "release", "debug", "info", "warning", "warn", "error", "exception", "critical", "log", "print", "print_exc",
    "format_exc", "capture_exception", "str", "repr", "type", "set_status", "record_exception", "append", "bind", "opt",
    "format",
})  # fmt: skip
"""Last names of calls after which a handler goes on."""


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
        if blocks[block].kind == "with" and _suppresses(blocks[block], function, check):
            return None
        if blocks[block].kind == "body" and blocks[parent].kind == "try":
            for index in function.module.clauses_of(parent):
                if catches_all(check.project.types, function.module, blocks[index]):
                    return index if _goes_on(index, parent, function, check) else None
        block = parent
    return None


def _suppresses(block: f.Block, function: Function, check: Check) -> bool:
    """Whether a `with` may keep exceptions for itself: what it is, is not known."""
    if not isinstance(block.test, f.CallRef):
        return False
    name = check.project.called_name(function.module, function.module.facts.calls[block.test.index])
    return name == "contextlib.suppress"


def _goes_on(handler: int, attempt: int, function: Function, check: Check) -> bool:
    """Whether a handler surely ends without an exception, and nothing behind the `try` raises it."""
    module = function.module
    start, end = module.facts.blocks[handler].start, module.facts.blocks[handler].end
    behind = module.facts.blocks[attempt].start
    for entry in function.exits:
        if start <= entry.start < end and entry.kind != "return":
            return False
        if entry.start >= behind and entry.kind == "raise" and not _is_in_sibling(entry, attempt, function):
            return False
    calls = [call for call in function.calls if start <= call.start < end]
    return all(_is_harmless(call, function, check) for call in calls)


def _is_in_sibling(entry: f.Exit, attempt: int, function: Function) -> bool:
    """Whether a raise stands in the `try` itself: in its body or another handler, not in `finally` or behind it."""
    blocks = function.module.facts.blocks
    block = entry.block
    while block >= 0 and blocks[block].kind not in ("function", "module"):
        if blocks[block].parent == attempt:
            return blocks[block].kind in ("body", "except", "else")
        block = blocks[block].parent
    return False


def _is_harmless(call: f.Call, function: Function, check: Check) -> bool:
    """Whether a call in a handler is known not to raise on purpose."""
    match check.project.callee(function.module, call):
        case FunctionObject(function=target):
            return not any(entry.kind == "raise" for entry in target.exits) and all(
                f.last_name(inner.func) in _HARMLESS for inner in target.calls
            )
        case External() | Method() | None:
            return f.last_name(call.func) in _HARMLESS
    return False
