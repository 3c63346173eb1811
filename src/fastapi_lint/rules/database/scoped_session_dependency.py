"""FAPI525: dependencies that hand out the session of a thread. Looks at where a dependency takes its session from."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function, FunctionObject, Instance, Module, Type
from fastapi_lint.model.calls import shown
from fastapi_lint.model.types import Where
from fastapi_lint.rule import Check, rule

_REGISTRY = "sqlalchemy.orm.scoped_session"
_DEEPEST = 6
_STATES = frozenset({"registry", "__call__"})


@rule("FAPI525", severity=Severity.ERROR, since="0.2.0")
def scoped_session_dependency(function: Function, check: Check) -> Iterator[Finding]:
    """A dependency hands out the session of a `scoped_session`, which belongs to a thread.

    Why is this bad?
    A `scoped_session` keeps one session for each thread. FastAPI runs the dependency, the endpoint and the code behind
    the `yield` in whichever thread is free, and all `async def` code in one: requests that overlap get one session,
    commit each other's changes, and close it while the other one uses it.

    Make the session with the `sessionmaker` itself: `with SessionLocal() as session: yield session`.

    Known limits
    A registry with a `scopefunc`, and `async_scoped_session`, are left alone: they may have the scope of the request.

    References
    - [SQLAlchemy: contextual sessions](https://docs.sqlalchemy.org/en/20/orm/contextual.html)
    """
    if function.module.is_test or function not in check.project.dependencies.injected:
        return
    kinds = ("yield", "yield from") if function.is_generator else ("return",)
    places = [
        (leave.value, (function.module, leave.block, leave.start), (leave.start, leave.end))
        for leave in function.exits
        if leave.kind in kinds and leave.value is not None
    ]
    if function.name == "__init__":
        places = [
            (entry.value, (function.module, entry.block, entry.start), (entry.start, entry.end))
            for entry in function.module.assigns_in.get(function.index, ())
            if entry.value is not None and isinstance(entry.target, f.Attr)
        ]
    for expr, where, at in places:
        found = _taken(expr, where, check, 0)
        if found is not None:
            name, place = found
            who = function.cls.name if function.cls is not None else function.name
            yield check.finding(
                place if place is not None and where[0] is function.module else at,
                f"`{who}` hands out the session of `{name}`, one for each thread",
                why="requests that overlap in a thread, or on the event loop, get the same session and transaction",
                instead="make it with the `sessionmaker` itself, and close it behind the `yield`",
            )
            return


def _taken(expr: f.Expr | None, where: Where, check: Check, depth: int) -> tuple[str, tuple[int, int] | None] | None:
    """The registry from which an expression has its session, and the call that takes it, if that is seen there."""
    module = where[0]
    if depth > _DEEPEST or expr is None:
        return None
    if _is_registry(check.project.infer(expr, *where)) and isinstance(expr, (f.Name, f.Attr)):
        return shown(module, expr), None
    match expr:
        case f.CallRef(index=index):
            return _of_call(module, module.facts.calls[index], check, depth)
        case f.Choice(options=options):
            return next((found for each in options if (found := _taken(each, where, check, depth + 1))), None)
        case f.Name(id=name):
            for binding in check.project.types.find_bindings(name, where):
                if module.facts.blocks[binding.block].function < 0:
                    continue
                entry = binding.entry
                value = entry.value if isinstance(entry, f.Assign) and entry.target == expr else None
                place = (module, binding.block, binding.start)
                if isinstance(entry, f.Block):
                    value, place = entry.test, (module, max(entry.parent, 0), entry.start)
                if value is not None and (found := _taken(value, place, check, depth + 1)):
                    return found
    return None


def _of_call(module: Module, call: f.Call, check: Check, depth: int) -> tuple[str, tuple[int, int] | None] | None:
    at = (call.start, call.end)
    callee = check.project.callee(module, call)
    if _is_registry(callee):
        return shown(module, call.func), at
    if isinstance(call.func, f.Attr) and call.func.attr in _STATES:
        if _is_registry(check.project.infer(call.func.value, module, call.block, call.start)):
            return shown(module, call.func.value), at
    if isinstance(callee, FunctionObject):
        inner = callee.function
        kinds = ("yield",) if inner.is_generator else ("return",)
        for leave in inner.exits:
            if leave.kind in kinds:
                found = _taken(leave.value, (inner.module, leave.block, leave.start), check, depth + 1)
                if found is not None:
                    return found[0], at
    return None


def _is_registry(value: Type) -> bool:
    """Whether a value is a registry whose sessions belong to threads."""
    if not isinstance(value, Instance) or value.cls != _REGISTRY or value.origin is None:
        return False
    given = value.origin.facts.args
    positional = [arg for arg in given if arg.name == ""]
    return len(positional) < 2 and all(arg.name in ("", "session_factory") for arg in given)
