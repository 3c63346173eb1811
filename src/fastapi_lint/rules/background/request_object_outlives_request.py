"""FAPI812: files and bodies of a request in work that outlives it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function, FunctionObject, Instance, Type
from fastapi_lint.model.calls import Started, bound, only_value
from fastapi_lint.model.names import evaluated, walk
from fastapi_lint.rule import Check, rule

Kind = Literal["file", "request"]
_FILES = ("fastapi.UploadFile", "starlette.datastructures.UploadFile")
_REQUESTS = ("fastapi.Request", "starlette.requests.Request")
_OF_FILE = frozenset({"read", "seek", "write", "close", "file"})
_OF_REQUEST = frozenset({"body", "stream", "form", "json"})
_DEEPEST = 4


@rule("FAPI812", severity=Severity.ERROR, since="0.2.0")
def request_object_outlives_request(function: Function, check: Check) -> Iterator[Finding]:
    """Work that outlives the request reads an uploaded file, or the body, of the request.

    Why is this bad?
    FastAPI closes uploaded files when the answer is sent, and the server takes the connection back. A task or thread
    that is started and not awaited reads afterwards: `ValueError: I/O operation on closed file`, an empty body, or a
    wait for data that never comes. It works in a test whose file is small and whose task is fast.

    Read what is needed before, and give the work bytes, names and ids. `BackgroundTasks` run before the file is closed.

    Known limits
    A task that the endpoint may wait for is left alone. Who gets a `Request` is reported when it reads the body there.
    Helpers of the project that start such work are followed.

    References
    - [Request files](https://fastapi.tiangolo.com/tutorial/request-files/)
    - [Starlette: request files](https://www.starlette.io/requests/#request-files)
    """
    if function.module.is_test or not function.params:
        return
    project = check.project
    if function not in project.routes.by_handler and function not in project.dependencies.injected:
        return
    for started in project.outliving.started(function):
        yield from _found(function, started, check)


def _found(function: Function, started: Started, check: Check) -> Iterator[Finding]:
    """The first thing of the request that the work reads."""
    for expr, start, end in started.handed:
        found = _brought(function, started, expr, check)
        if found is None:
            continue
        name, kind = found
        work = f"a {started.kind} that outlives it"
        if kind == "file":
            title = f"the uploaded file `{name}` goes into {work}"
            why = f"it is closed when the answer is sent, and the {started.kind} reads from a closed file"
        else:
            title = f"{work} reads the body of `{name}`"
            why = "the connection is gone when it does"
        call = started.call
        yield check.finding(
            (start, end) if call.start <= start < call.end else (call.start, call.name_end),
            title,
            why=why,
            instead="read it before, and hand over what was read",
        )
        return


def _brought(function: Function, started: Started, expr: f.Expr, check: Check) -> tuple[str, Kind] | None:
    """The name of the file or request that an expression hands over, if the work reads it."""
    where = (function.module, started.call.block, started.call.start)
    root = expr.value if isinstance(expr, f.Attr) else expr
    if isinstance(root, f.Name):
        kind = _kind(check.project.infer(root, *where), check)
        if isinstance(expr, f.Attr):
            return (root.id, "file") if kind == "file" and expr.attr in ("file", "read") else None
        if kind is not None:
            return (root.id, kind) if _is_read(function, started, root, kind, check) else None
        value = only_value(check.project.types.find_bindings(root.id, where), root.id)
        if isinstance(value, f.Attr) and value.attr == "file" and isinstance(value.value, f.Name):
            if _kind(check.project.infer(value.value, *where), check) == "file":
                return root.id, "file"
    if isinstance(expr, f.Sub) and isinstance(expr.value, f.Name):  # one of several
        if _kind(check.project.infer(expr.value, *where), check) == "file":
            return (expr.value.id, "file") if _is_read(function, started, expr, "file", check) else None
    if isinstance(expr, (f.Name, f.Lambda)):
        closure = check.project.infer(expr, *where)
        if isinstance(closure, FunctionObject) and closure.function.parent is function:
            return _captured(function, closure.function, check)
    return None


def _kind(value: Type, check: Check) -> Kind | None:
    types = check.project.types
    if types.is_instance(value, *_FILES):
        return "file"
    if isinstance(value, Instance) and value.cls in ("list", "tuple", "set") and value.args:
        return "file" if types.is_instance(value.args[0], *_FILES) else None
    return "request" if types.is_instance(value, *_REQUESTS) else None


def _captured(function: Function, closure: Function, check: Check) -> tuple[str, Kind] | None:
    """The file or request of a function that a nested one reads."""
    own = {param.name for param in closure.params}
    for param in function.params:
        kind = _kind(check.project.types.parameter(function, param), check)
        if kind is not None and param.name not in own and not closure.rebinds(param.name):
            if _reads(closure, param.name, kind, check, 0):
                return param.name, kind
    return None


# ---------------------------------------------------------------- what reads


def _is_read(function: Function, started: Started, name: f.Expr, kind: Kind, check: Check) -> bool:
    """Whether the work reads what it is given under a name; of a file that is taken for granted where it is unknown."""
    targets = list(_takers(function, started, name, check))
    if not targets:
        return kind == "file"
    return any(_reads(target, inner, kind, check, 0) for target, inner in targets)


def _takers(function: Function, started: Started, name: f.Expr, check: Check) -> Iterator[tuple[Function, str]]:
    """The functions of the project that get something, with the parameters by which they do."""
    module, call = function.module, started.call
    calls = [call] if started.helper is not None else []
    for arg in call.args:
        value = arg.value
        if isinstance(value, f.Name):
            made = [e.value for e in module.assigns_in.get(function.index, ()) if e.target == value]
            value = made[-1] if made and made[-1] is not None else value
        if isinstance(value, f.CallRef):
            calls.append(module.facts.calls[value.index])
        elif isinstance(value, (f.Name, f.Attr, f.Lambda)):  # a thread or an executor calls it with what stands behind
            given = check.project.infer(value, module, call.block, call.start)
            if isinstance(given, FunctionObject):
                yield from _by_position(given.function, call, arg, name)
    for each in calls:
        callee = check.project.callee(module, each)
        if isinstance(callee, FunctionObject):
            yield from ((callee.function, inner) for inner, expr in bound(callee.function, each) if expr == name)


def _by_position(target: Function, call: f.Call, arg: f.Arg, name: f.Expr) -> Iterator[tuple[Function, str]]:
    given: list[f.Expr] = [each.value for each in call.args[call.args.index(arg) + 1 :] if each.name == ""]
    display = f.keyword(call, "args")
    if display is not None and isinstance(display.value, f.Display):
        given = list(display.value.items)
    yield from ((target, inner) for inner, expr in zip(target.positional, given, strict=False) if expr == name)
    named = f.keyword(call, "kwargs")
    for key, value in named.value.items if named is not None and isinstance(named.value, f.Mapping) else ():
        if value == name and isinstance(key, f.Const):
            yield target, str(key.value)


def _reads(function: Function, name: str, kind: Kind, check: Check, depth: int) -> bool:
    """Whether a function, or one that it hands a file or request on to, reads from it."""
    if depth > _DEEPEST:
        return False
    own, attributes = f.Name(name), _OF_FILE if kind == "file" else _OF_REQUEST
    for expr, _, _ in evaluated(function, nested=True):
        for part in walk(expr):
            if isinstance(part, f.Attr) and part.attr in attributes:
                if part.value == own or (isinstance(part.value, f.Sub) and part.value.value == own):
                    return True
    for block in function.module.blocks_in.get(function.index, ()):
        if block.kind in ("for", "comprehension") and block.test == own and isinstance(block.target, f.Name):
            if kind == "file" and _reads(function, block.target.id, kind, check, depth + 1):
                return True
    for call in function.calls:
        if any(arg.value == own for arg in call.args):
            callee = check.project.callee(function.module, call)
            if isinstance(callee, FunctionObject):
                given = [inner for inner, expr in bound(callee.function, call) if expr == own]
                if any(_reads(callee.function, inner, kind, check, depth + 1) for inner in given):
                    return True
    return False
