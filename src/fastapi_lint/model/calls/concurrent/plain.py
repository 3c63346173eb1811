"""Calls whose result surely cannot be awaited: plain functions, and what libraries do at once. Judges nothing.

Known is what is declared, or plain on every way that a function is left; what is not known may be a coroutine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi_lint import catalog
from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.ways.endings import Endings
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    Coroutine,
    Function,
    FunctionObject,
    Instance,
    Method,
    Module,
    TupleOf,
    Type,
)
from fastapi_lint.model.types.vouching import Vouching

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project


_PLAIN = frozenset({
    "str", "bytes", "int", "float", "bool", "list", "dict", "set", "frozenset", "tuple", "generator", "async_generator",
    "pathlib.Path", "datetime.datetime", "datetime.date", "datetime.timedelta", "uuid.UUID", "decimal.Decimal",
    "requests.Response", "httpx.Response", "fastapi.Response", "fastapi.responses.JSONResponse",
    "fastapi.responses.HTMLResponse", "fastapi.responses.RedirectResponse",
})  # fmt: skip
_HARMLESS = frozenset({
    "object", "abc.ABC", "typing.Generic", "enum.Enum", "enum.StrEnum", "enum.IntEnum", "str", "int", "Exception",
    "typing.NamedTuple", "typing.TypedDict", "dict", "list",
})  # fmt: skip
_SESSIONS = ("sqlalchemy.ext.asyncio.AsyncSession", "sqlmodel.ext.asyncio.session.AsyncSession")
_SYNC_OF_SESSION = frozenset({"add", "add_all", "expunge", "expunge_all", "expire", "expire_all"})
"""What an asynchronous session does at once, without the database."""
_RESULTS = ("sqlalchemy.Result", "sqlalchemy.ScalarResult", "sqlalchemy.CursorResult", "sqlalchemy.MappingResult")
"""What a statement gives, of which an asynchronous session has read all rows before."""
_BUILTINS = frozenset({
    "len", "sum", "str", "int", "float", "bool", "repr", "sorted", "list", "dict", "set", "tuple", "isinstance",
    "round", "abs", "hash", "print", "enumerate", "range", "zip", "any", "all", "format", "hex", "ord", "chr", "divmod",
    "bytes",
})  # fmt: skip
_KEEPING = frozenset({"staticmethod", "classmethod", "typing.final", "typing_extensions.final", "typing.override"})
_DEEPEST = 20
A_GENERATOR = " generator"
SYNCHRONOUS = "it is synchronous"
"""What is said of a call of a library; what is said of a call that gives a generator ends in the other."""


def plain_result(project: Project, module: Module, call: f.Call) -> str:
    """What a call gives, for messages, when that surely cannot be awaited; else empty."""
    callee = project.callee(module, call)
    match callee:
        case FunctionObject(function=function, owner=owner):
            if _has_overload(function):
                return ""
            found = [_of_function(project, each) for each in project.effects.execution.implementations(function, owner)]
            return found[0] if found and all(found) else ""
        case ClassObject(cls=cls):
            return f"it makes an object of `{cls.name}`" if _is_plain(project, Instance(cls)) else ""
        case Method(cls=cls, name=name) if name in _SYNC_OF_SESSION:
            if any(project.types.is_subclass(cls, each) for each in _SESSIONS):
                return "it works at once, also in an asynchronous session"
        case Method(cls=cls) if any(project.types.is_subclass(cls, each) for each in _RESULTS):
            return "the rows are there already"
    name = project.types.name_of_type(callee) or ""
    entry = project.effects.synchronous(module, call)
    if catalog.awaitable(name) is not None or entry is None or "{method}" in entry.instead:
        return ""  # what has an asynchronous twin beside it may give a coroutine when it is asked to
    return SYNCHRONOUS


def is_certain(project: Project, function: Function, call: f.Call) -> bool:
    """Whether a method of a library is a synchronous one, and not only by an annotation that what is given contradicts.

    The object comes from where it is made, or the function uses it without `await` as well.
    """
    if not isinstance(call.func, f.Attr):
        return True
    where = (function.module, call.block, call.start)
    if project.types.shared(Vouching).is_made(call.func.value, where):
        return True
    return any(
        not other.awaited
        and isinstance(other.func, f.Attr)
        and other.func.value == call.func.value
        and other.use != "with"
        and project.effects.synchronous(function.module, other) is not None
        for other in function.calls
    )


def _of_function(project: Project, function: Function) -> str:
    """What calling a function of the project gives, when that surely cannot be awaited."""
    types = project.types
    if any(name not in _KEEPING for name in types.decorators(function)):
        return ""
    if function.is_generator:
        return f"`{function.name}` is {'an async' if function.is_async else 'a'}{A_GENERATOR}"
    if function.is_async or project.effects.execution.is_abstract(function):
        return ""
    values = [leave for leave in function.exits if leave.kind == "return" and leave.value is not None]
    given = [types.infer(leave.value, (function.module, leave.block, leave.start)) for leave in values]
    if any(_may_be_awaited(project, each) for each in given):
        return ""
    plain = f"`{function.name}` is a plain `def`" if function.name != "<lambda>" else "it is a plain lambda"
    returns = function.facts.returns
    nothing = f.Const(None)
    if returns is not None and returns != nothing:
        declared = types.annotation(returns, (function.module, function.facts.outer, function.facts.start))
        is_open = any(
            _is_open(project, leave.value, each, (function.module, leave.block, leave.start))
            for leave, each in zip(values, given, strict=True)
        )
        return plain if _is_plain(project, declared) and _does_something(function) and not is_open else ""
    if all(leave.value == nothing for leave in values):
        ends = types.shared(Endings)
        return plain if _does_something(function) and not ends.never_returns(function) else ""
    is_known = all(
        leave.value == nothing or _is_plain(project, each) or _is_made_plain(project, leave.value, function)
        for leave, each in zip(values, given, strict=True)
    )
    return plain if is_known else ""


def _is_open(project: Project, expr: f.Expr | None, value: Type, where: tuple[Module, int, int]) -> bool:
    """Whether a result comes from a call of something that is not known: it may be a coroutine, whatever is declared.

    What comes out of an object of a library that is no asynchronous one is none.
    """
    module = where[0]
    if value is None and isinstance(expr, f.Name):
        found = [each.entry for each in project.types.find_bindings(expr.id, where)]
        given = [each.value for each in found if isinstance(each, f.Assign) and isinstance(each.value, f.CallRef)]
        expr = given[0] if given else None
    if value is not None or not isinstance(expr, f.CallRef):
        return False
    owner: f.Expr = expr
    for _ in range(_DEEPEST):
        match owner:
            case f.CallRef(index=index):
                owner = module.facts.calls[index].func
            case f.Attr(value=inner):
                owner = inner
            case f.Name(id=name):
                bound = [each.entry for each in project.types.find_bindings(name, where)]
                values = [each.value for each in bound if isinstance(each, f.Assign)]
                if len(values) != len(bound) or not values or not isinstance(values[0], f.CallRef):
                    return True
                owner = values[0]
            case _:
                return True
        kind = project.infer(owner, *where)
        if isinstance(kind, Instance) and isinstance(kind.cls, str):
            return any(project.types.is_instance(kind, each) for each in _SESSIONS)
    return True


def _is_made_plain(project: Project, expr: f.Expr | None, function: Function) -> bool:
    """Whether an expression is a value of a built-in type, whatever it is made of."""
    match expr:
        case f.Const() | f.Raw() | f.Display() | f.Mapping() | f.Joined() | f.Compare() | f.Each():
            return True
        case f.Binary(left=left, right=right):
            return _is_made_plain(project, left, function) or _is_made_plain(project, right, function)
        case f.CallRef(index=index):
            call = function.module.facts.calls[index]
            if isinstance(call.func, f.Attr):
                return _is_read_at_once(project, function.module, call)
            return isinstance(call.func, f.Name) and project.called_name(function.module, call) in _BUILTINS
    return False


def _is_read_at_once(project: Project, module: Module, call: f.Call) -> bool:
    """Whether a call reads rows by a synchronous session. Nothing can be asked of what another one gives unawaited, so
    that it is no other, whatever its annotation says."""
    if not isinstance(call.func, f.Attr) or not isinstance(call.func.value, f.CallRef):
        return False
    entries = [project.effects.synchronous(module, each) for each in (call, module.facts.calls[call.func.value.index])]
    return any(
        entry is not None and entry.kind == "database" and entry.names[0].startswith(("sqlalchemy.", "sqlmodel."))
        for entry in entries
    )


def _may_be_awaited(project: Project, value: Type) -> bool:
    """Whether a value that is returned is known to be awaitable, whatever the annotation says."""
    return isinstance(value, Coroutine) or project.types.is_instance(value, "asyncio.Future", "asyncio.Task")


def _is_plain(project: Project, value: Type) -> bool:
    match value:
        case TupleOf():
            return True
        case Instance(cls=str(name)):
            return name in _PLAIN
        case Instance(cls=Class() as cls):
            order = project.types.mro(cls)
            known = all(
                isinstance(base, Class)
                or base in _HARMLESS
                or base == "sqlmodel.SQLModel"
                or catalog.is_subclass(base, "pydantic.BaseModel")
                for base in order
            )
            return known and not any(
                isinstance(base, Class) and ("__await__" in base.methods or "__getattr__" in base.methods)
                for base in order
            )
    return False


def _does_something(function: Function) -> bool:
    """Whether a body is more than a stub: `...`, `pass` and `raise` are written where others give the real thing."""
    module = function.module
    returns = any(leave.kind == "return" and leave.value is not None for leave in function.exits)
    return returns or bool(function.calls) or bool(module.assigns_in.get(function.index))


def _has_overload(function: Function) -> bool:
    return function.module.mentions("overload") and any(
        other.name == function.name
        and other.facts.cls == function.facts.cls
        and any(f.last_name(each) == "overload" for each in other.facts.decorators)
        for other in function.module.functions
    )
