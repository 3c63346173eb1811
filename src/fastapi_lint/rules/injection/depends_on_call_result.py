"""FAPI202: Depends that is given the result of a call. Asks the model whether that can be called."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Edit, Finding, Fix, Safety, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Class, ClassObject, Coroutine, Function, FunctionObject, Instance, Module
from fastapi_lint.model.calls import not_callable
from fastapi_lint.model.database import is_async_session, is_sync_session
from fastapi_lint.model.names import Partial, Type
from fastapi_lint.model.types import DEPENDS
from fastapi_lint.rule import Check, rule

_SCOPED = ("sqlalchemy.orm.scoped_session", "sqlalchemy.ext.asyncio.async_scoped_session")


@rule("FAPI202", severity=Severity.ERROR, fix=Safety.SAFE)
def depends_on_call_result(module: Module, check: Check) -> Iterator[Finding]:
    """`Depends` gets the result of a call instead of something that can be called.

    Why is this bad?
    `Depends(get_db())` calls `get_db` once, while the module is imported, and hands its result to FastAPI, which wants
    to call something for every request. A session, a dict, a generator or a coroutine cannot be called: the application
    does not start.

    Write `Depends(get_db)`. When the dependency takes arguments of yours, let it be a function that returns the
    dependency, or a class with `__call__`.

    Known limits
    Objects are looked at where a call in the `Depends`, or the only value of a variable, makes them. Calls that give a
    callable (a factory, a class with `__call__`, a security scheme, `functools.partial`) are what they should be, and
    calls whose result cannot be inferred are left alone. The parentheses are dropped only when
    there is nothing in them, and what they call is a function or class of the project.

    References
    - [Dependencies](https://fastapi.tiangolo.com/tutorial/dependencies/#import-depends)
    - [Parameterized dependencies](https://fastapi.tiangolo.com/advanced/advanced-dependencies/)
    """
    if not module.mentions("Depends", "Security"):
        return
    calls = module.facts.calls
    for call in calls:
        given = next((a for i, a in enumerate(call.args) if a.name == "dependency" or (i == 0 and not a.name)), None)
        if given is None or not isinstance(given.value, (f.CallRef, f.Name, f.Attr)):
            continue
        if check.project.called_name(module, call) not in DEPENDS:
            continue
        if isinstance(given.value, f.CallRef):
            inner = calls[given.value.index]
            if kind := _what(module, given.value, inner, check):
                yield _finding(module, call, inner, kind, check)
        else:
            yield from _variable(module, call, given, check)


def _variable(module: Module, call: f.Call, given: f.Arg, check: Check) -> Iterator[Finding]:
    """An object of the project that stands in a variable and cannot be called."""
    made = check.project.infer(given.value, module, call.block, call.start)
    if not isinstance(made, Instance) or isinstance(made.cls, str):
        return
    for value, where in check.project.values.definitions(given.value, (module, call.block, call.start)):
        if isinstance(value, f.CallRef) and not_callable(check.project, where[0], value) is not None:
            marker = module.source.slice(call.name_start, call.name_end)
            name = module.source.slice(given.start, given.end).partition("=")[2].strip() if given.name else ""
            name = name or module.source.slice(given.start, given.end)
            origin = where[0].facts.calls[value.index]
            yield check.finding(
                given,
                f"`{marker}` gets `{name}`, {_described(made)}",
                why="FastAPI cannot call it, and the application does not start",
                instead=f"give `{made.cls.name}` a `__call__`, or depend on one of its methods",
                related=[check.related(origin, "it is made here", module=where[0])],
            )


def _what(module: Module, expr: f.CallRef, inner: f.Call, check: Check) -> str:
    """What a call surely gives, when that cannot be called; "" for anything else."""
    types = check.project.types
    made = types.call_type(module, expr.index)
    callee = types.callee(module, inner)
    if isinstance(callee, FunctionObject) and _may_give_callable(callee.function, check):
        return ""
    if types.is_instance(made, *_SCOPED):
        return ""
    if is_sync_session(types, made) or is_async_session(types, made):
        return "a session"
    if isinstance(made, Coroutine):
        return "" if isinstance(made.result, (FunctionObject, ClassObject, Partial)) else "a coroutine"
    if not_callable(check.project, module, expr) is None:
        return ""
    return _described(made)


def _described(made: Type) -> str:
    match made:
        case Instance(cls="generator" | "async_generator"):
            return "a generator"
        case Instance(cls=Class() as cls):
            return f"an object of `{cls.name}`, which has no `__call__`"
        case Instance(cls=str(name)):
            return f"an object of `{name.rsplit('.', 1)[-1]}`"
    return "its result"


def _may_give_callable(function: Function, check: Check) -> bool:
    """Whether a return statement gives something callable, whatever the annotation says."""
    for entry in function.exits:
        if entry.kind == "return" and entry.value is not None:
            value = check.project.infer(entry.value, function.module, entry.block, entry.start)
            if isinstance(value, (FunctionObject, ClassObject, Partial)) or isinstance(entry.value, f.Lambda):
                return True
    return False


def _finding(module: Module, call: f.Call, inner: f.Call, kind: str, check: Check) -> Finding:
    marker = module.source.slice(call.name_start, call.name_end)
    called = module.source.slice(inner.start, inner.name_end)
    fix = None
    if _needs_nothing(module, inner, check):
        instead = f"write `{marker}({called})`"
        if not module.facts.errors and not module.source.slice(inner.name_end, inner.end).strip("() "):
            edit = Edit(module.source.span(inner.name_end, inner.end), "")
            fix = Fix(f"Depend on `{called}` itself", Safety.SAFE, (edit,))
    elif kind == "a session":
        instead = "depend on a function that yields a session and closes it"
    else:
        instead = f"depend on a function without arguments of yours that calls `{called}`, or let it return a function"
    return check.finding(
        inner,
        f"`{called}(...)` runs once, at import, and `{marker}` gets {kind}",
        why="FastAPI cannot call it, and the application does not start",
        instead=instead,
        fix=fix,
    )


def _needs_nothing(module: Module, inner: f.Call, check: Check) -> bool:
    """Whether the callable could be the dependency itself: it is the project's, is called without arguments, and is no
    settings class, whose fields FastAPI would read from the query."""
    callee = check.project.callee(module, inner)
    if inner.args or (isinstance(callee, ClassObject) and check.project.schemas.is_settings(callee.cls)):
        return False
    return isinstance(callee, (FunctionObject, ClassObject))
