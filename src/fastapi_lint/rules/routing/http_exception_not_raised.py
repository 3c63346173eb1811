"""FAPI311: an HTTPException that is returned or dropped. Follows helpers to their callers."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Edit, Finding, Fix, Safety, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import (
    Class,
    ClassObject,
    Coroutine,
    External,
    Function,
    FunctionObject,
    Instance,
    Project,
    Type,
)
from fastapi_lint.rule import Check, rule

_HTTP = "starlette.exceptions.HTTPException"


@rule("FAPI311", severity=Severity.ERROR, fix=Safety.UNSAFE)
def http_exception_not_raised(function: Function, check: Check) -> Iterator[Finding]:
    """An HTTPException is returned or dropped instead of raised.

    Why is this bad?
    Only a raised exception stops the request and becomes an error response. A returned one is serialised like any other
    value: the client gets 200 (or a 500 from the response model), and callers go on as if all was well. One that is
    built as a statement of its own does nothing at all; a check that ends that way lets everyone pass.

    Fix safety
    `return` becomes `raise`. The fix is unsafe because the response changes, and because an `except` around the
    statement may now catch the exception.

    Known limits
    Endpoints and dependencies are judged by themselves. A helper that returns an HTTPException is reported only if all
    its known callers drop the result or return it from an endpoint; one that says so in its annotation never is.

    References
    - [Handling errors](https://fastapi.tiangolo.com/tutorial/handling-errors/)
    """
    project, module = check.project, function.module
    if function.name == "<lambda>":
        return
    role = _role(function, project)
    helper: bool | None = None
    for leaving in function.exits:
        if leaving.kind != "return" or not _candidate(leaving.value, role, function):
            continue
        where = (module, leaving.block, leaving.start)
        made = next(
            (m for option in _options(leaving.value) if _is_http(m := project.types.infer(option, where), project)),
            None,
        )
        if made is None:
            continue
        if not role:
            if helper is None:
                helper = _is_mistaken_helper(function, project)
            if not helper:
                continue
        edit = Edit(module.source.span(leaving.start, leaving.start + len("return")), "raise")
        direct = isinstance(leaving.value, (f.CallRef, f.Name)) and not module.facts.errors
        fix = Fix("Raise it", Safety.UNSAFE, (edit,)) if direct else None
        name = _class_name(made)
        yield check.finding(
            leaving,
            f"`{name}` is returned by {role or 'the helper'} `{function.name}`, not raised",
            why=_CONSEQUENCE[role],
            instead=f"write `raise {name}(...)`",
            fix=fix,
        )
    for call in function.calls:
        if call.use != "statement" or call.awaited or not _builds(call, project, function):
            continue
        if module.is_test and any(block.kind == "with" for block in module.block_chain(call.block)):
            continue  # with pytest.raises(...): building it is what is tested
        name = project.called_name(module, call) or "HTTPException"
        name = name.rsplit(".", 1)[-1]
        start = module.source.span(call.start, call.start)
        fix = None if module.facts.errors else Fix("Raise it", Safety.UNSAFE, (Edit(start, "raise "),))
        yield check.finding(
            (call.start, call.name_end),
            f"`{name}` is built and dropped in `{function.name}`",
            why="nothing is raised, and the request goes on",
            instead=f"write `raise {name}(...)`",
            fix=fix,
        )


_CONSEQUENCE = {
    "endpoint": "the client gets it as the body of a successful response, or a 500",
    "dependency": "it is injected as the dependency's value and the endpoint runs as if the check had passed",
    "": "every caller drops it or answers with it, and the request goes on",
}


def _role(function: Function, project: Project) -> str:
    if function in project.routes.by_handler:
        return "endpoint"
    return "dependency" if function in project.dependencies.used else ""


def _candidate(value: f.Expr | None, role: str, function: Function) -> bool:
    """Whether a returned expression is worth asking about: outside endpoints only what looks like a constructor."""
    for option in _options(value):
        if role and isinstance(option, (f.CallRef, f.Name, f.Await)):
            return True
        if isinstance(option, f.CallRef) and f.last_name(function.module.facts.calls[option.index].func)[:1].isupper():
            return True
    return False


def _options(value: f.Expr | None) -> tuple[f.Expr, ...]:
    return value.options if isinstance(value, f.Choice) else (value,) if value is not None else ()


def _is_http(value: Type, project: Project) -> bool:
    return not isinstance(value, Coroutine) and project.types.is_instance(value, _HTTP)


def _class_name(value: Type) -> str:
    if isinstance(value, Instance):
        return value.cls.name if isinstance(value.cls, Class) else value.cls.rsplit(".", 1)[-1]
    return "HTTPException"


def _builds(call: f.Call, project: Project, function: Function) -> bool:
    """Whether a call is that of the exception class itself."""
    if not f.last_name(call.func)[:1].isupper():
        return False
    match project.callee(function.module, call):
        case ClassObject(cls=cls):
            return project.types.is_subclass(cls, _HTTP)
        case External(name=name):
            return project.types.is_subclass(name, _HTTP)
    return False


def _is_mistaken_helper(function: Function, project: Project) -> bool:
    """Whether all known callers drop the result, or an endpoint or dependency returns it; False without callers."""
    if function.facts.returns is not None and _names_exception(function.facts.returns, function, project):
        return False
    uses = list(_uses(function, project))
    return bool(uses) and all(uses)


def _names_exception(annotation: f.Expr, function: Function, project: Project) -> bool:
    where = (function.module, function.facts.outer, function.facts.start)
    match annotation:
        case f.Binary(left=left, right=right):
            return _names_exception(left, function, project) or _names_exception(right, function, project)
        case f.Sub(items=items):
            return any(_names_exception(item, function, project) for item in items)
        case f.Const(value=str(text)):
            return "Exception" in text or "Error" in text
    declared = project.types.annotation(annotation, where)
    return project.types.is_instance(declared, "BaseException", "Exception", _HTTP) or declared is None


def _uses(function: Function, project: Project) -> Iterator[bool]:
    """For each known call of a function: whether its result is dropped, or answered with."""
    word = function.name.encode()
    for module in project.modules:
        if word not in module.source.data:
            continue
        for index, call in enumerate(module.facts.calls):
            if f.last_name(call.func) != function.name:
                continue
            callee = project.callee(module, call)
            if not isinstance(callee, FunctionObject) or callee.function is not function:
                if callee is None:
                    yield False  # may be a call of it whose use is not understood
                continue
            if call.use == "statement":
                yield True
                continue
            caller = module.enclosing(call.block)
            returned = caller is not None and any(
                e.kind == "return" and _inner(e.value) == f.CallRef(index) for e in caller.exits
            )
            yield returned and caller is not None and bool(_role(caller, project))


def _inner(value: f.Expr | None) -> f.Expr | None:
    return value.value if isinstance(value, f.Await) else value
