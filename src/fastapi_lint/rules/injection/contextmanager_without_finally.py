"""FAPI229: context managers that clean up only when all goes well."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from fastapi_lint.finding import Finding, Fix, Safety, Severity
from fastapi_lint.fixing.edits.closing import closed_in_finally
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function
from fastapi_lint.model.injection import is_protected
from fastapi_lint.rule import Check, rule

_MANAGERS = frozenset({"contextlib.contextmanager", "contextlib.asynccontextmanager"})
_CLEANING = frozenset({
    "close", "aclose", "wait_closed", "release", "disconnect", "rollback", "terminate", "kill", "shutdown", "stop",
    "unlock", "unsubscribe", "reset", "cancel", "rmtree", "unlink", "rmdir", "cleanup", "dispose",
})  # fmt: skip
"""Last names of what gives something back, or makes it what it was."""


@rule("FAPI229", severity=Severity.INFO, fix=Safety.UNSAFE, since="0.2.0")
def contextmanager_without_finally(function: Function, check: Check) -> Iterator[Finding]:
    """What a context manager of the project cleans up behind its `yield` is skipped when the body raises.

    Why is this bad?
    The exception of the `with` block is raised at the `yield`: what stands behind it does not run, unless it is in a
    `finally`. Every failing request then keeps a connection, a lock or a temporary file.

    Fix safety
    The `yield` is put into `try`, and the last line, which closes what the function holds, into `finally`. It then runs
    in cases in which it did not.

    Known limits
    Known by their last names are calls that close, release, roll back, reset, stop or remove something. Functions with
    several `yield`s, lifespans, and dependencies (FAPI207) are left alone, and so is what only runs at start-up or is
    nowhere seen to be entered.

    References
    - [contextlib.contextmanager](https://docs.python.org/3/library/contextlib.html#contextlib.contextmanager)
    """
    if not function.is_generator or not function.facts.decorators or function.module.is_test:
        return
    yields = [entry for entry in function.exits if entry.kind in ("yield", "yield from")]
    if len(yields) != 1 or is_protected(yields[0], function):
        return
    behind = [call for call in function.calls if call.start > yields[0].end and _cleans_up(call, function)]
    if not behind or _MANAGERS.isdisjoint(check.project.types.decorators(function)):
        return
    project = check.project
    if function in project.dependencies.injected or project.is_lifespan(function):
        return
    if project.effects.serving.when(function) != "served":
        return
    if not any(use.is_complete for use in project.callers.uses(function)):
        return  # only handed on, as to what enters the parts of a lifespan
    written = " ".join(function.module.source.slice(behind[0].start, behind[0].end).split())
    yield check.finding(
        behind[0],
        f"`{written}` does not run when the `with` block raises",
        why=f"`{function.name}` gets the exception at its `yield`, and what stands behind it is skipped",
        instead="put the `yield` into `try` and this into `finally`",
        fix=partial(_fix, function, yields[0], behind[-1]),
    )


def _cleans_up(call: f.Call, function: Function) -> bool:
    """Whether a call gives something back, on every way that comes by the yield without an error."""
    if f.last_name(call.func) not in _CLEANING or not isinstance(call.func, f.Attr):
        return False
    if _stands_in(call, function, "finally", "except", "lambda"):
        return False
    return not any(each.func == call.func and _stands_in(each, function, "except") for each in function.calls)


def _stands_in(call: f.Call, function: Function, *kinds: str) -> bool:
    return any(block.kind in kinds for block in function.module.block_chain(call.block))


def _fix(function: Function, entry: f.Exit, call: f.Call) -> Fix | None:
    if not isinstance(call.func, f.Attr) or not isinstance(call.func.value, f.Name):
        return None
    written = function.module.source.slice(call.start, call.end)
    is_awaited = call.awaited and not call.later
    made = closed_in_finally(function, entry, call.func.value.id, f"await {written}" if is_awaited else written)
    return Fix("Clean up in `finally`", Safety.UNSAFE, made) if made else None
