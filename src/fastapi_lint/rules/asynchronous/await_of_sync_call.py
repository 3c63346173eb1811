"""FAPI111: `await` of what cannot be awaited. Whether a result is known well enough is decided here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from fastapi_lint import catalog
from fastapi_lint.finding import Edit, Finding, Fix, Safety, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Class, ClassObject, Coroutine, Function, FunctionObject, Instance, Method, Module, Type
from fastapi_lint.model.calls import Endings, expects, never_runs
from fastapi_lint.model.names import TupleOf
from fastapi_lint.model.types import Vouching
from fastapi_lint.rule import Check, rule

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
_FAKES = ("unittest.mock", "mock", "pytest_mock")
_PUTTING = frozenset({"monkeypatch", "mocker"})
"""Fixtures of pytest that put other objects in place."""
_AWAIT = re.compile(rb"\bawait[ \t]+\Z")
_NEAR = 60
_DEEPEST = 20
_GENERATOR = " generator"
_SYNCHRONOUS = "it is synchronous"


@rule("FAPI111", severity=Severity.ERROR, fix=Safety.UNSAFE, words={"await"}, since="0.2.0")
def await_of_sync_call(function: Function, check: Check) -> Iterator[Finding]:
    """An `await` stands before a call whose result cannot be awaited.

    Why is this bad?
    A plain `def` gives its result at once. `await` then gets a value or None, and the line raises `TypeError: object
    NoneType can't be used in 'await' expression`, after the call has done its work: the row is written, the mail is
    sent, and the client gets 500.

    Fix safety
    `await` is taken away. The fix is unsafe because the code behind the line has never run. There is none where the
    call waits for a network or a disk: it belongs in a thread, or its asynchronous counterpart in its place; nor where
    an object is made and dropped, which would do nothing without `await` either.

    Known limits
    Known are functions of the project whose result is declared, or plain on every way, and calls of libraries that
    wait by themselves (requests, a synchronous session, `redis.Redis`). Left alone are functions below decorators that
    are not known, overloads, methods that subclasses override, what a handler for TypeError expects, parameters of
    which only the annotation says what they hold, and tests that put mocks in place.

    References
    - [Python: await](https://docs.python.org/3/reference/expressions.html#await-expression)
    - [Concurrency and async / await](https://fastapi.tiangolo.com/async/)
    """
    module = function.module
    if not function.is_async or (module.is_test and _has_fakes(module)):
        return
    blocking: set[int] | None = None
    for call in function.calls:
        if not call.awaited or never_runs(module, call.block) or expects(module, call.block, "TypeError"):
            continue
        what = _plain_result(module, call, check)
        if not what or (what == _SYNCHRONOUS and not _is_certain(function, call, check)):
            continue
        if blocking is None:
            trails = check.project.effects.chains(function)
            blocking = {trail.first.call.start for trail in trails if trail.first.call is not None}
        effects = check.project.effects
        entry = effects.synchronous(module, call)
        blocks = entry is not None or call.start in blocking
        written = effects.written(module, call)
        made = _dropped(module, call, check)
        has_fix = not blocks and made is None and not what.endswith(_GENERATOR)
        yield check.finding(
            (call.start, call.name_end),
            f"`{written}(...)` cannot be awaited: {what}",
            why="the line raises TypeError when the call is done" + (", which blocks the event loop" if blocks else ""),
            instead=_instead(entry, what, blocks) if made is None else _of_class(made),
            fix=partial(_fix, module, call, written) if has_fix else None,
        )


def _instead(entry: catalog.Entry | None, what: str, blocks: bool) -> str:
    if entry is not None and entry.instead:
        return f"use {entry.instead}"
    if blocks:
        return "hand it to a thread with `run_in_threadpool`"
    return "go through it in a loop" if what.endswith(_GENERATOR) else "take the `await` away"


def _dropped(module: Module, call: f.Call, check: Check) -> Class | None:
    """The class of an object that is made and dropped at once: without `await`, the line would do nothing."""
    callee = check.project.callee(module, call) if call.use == "statement" else None
    return callee.cls if isinstance(callee, ClassObject) and "__init__" not in callee.cls.methods else None


def _of_class(cls: Class) -> str:
    """What may be meant by an object that is awaited: one of the coroutines of its class."""
    names = [name for name, method in cls.methods.items() if method.is_async and not name.startswith("_")]
    return f"await one of its methods, as `{cls.name}.{names[0]}(...)`" if names else "call what does the work"


def _has_fakes(module: Module) -> bool:
    """Whether a module of tests puts other objects into the place of what it calls."""
    return any(entry.module.startswith(_FAKES) or entry.name == "mock" for entry in module.facts.imports) or any(
        param.name in _PUTTING for function in module.functions for param in function.params
    )


def _plain_result(module: Module, call: f.Call, check: Check) -> str:
    """What a call gives, for messages, when that surely cannot be awaited; else empty."""
    project = check.project
    callee = project.callee(module, call)
    match callee:
        case FunctionObject(function=function, owner=owner):
            if _has_overload(function):
                return ""
            found = [_of_function(each, check) for each in project.effects.execution.implementations(function, owner)]
            return found[0] if found and all(found) else ""
        case ClassObject(cls=cls):
            return f"it makes an object of `{cls.name}`" if _is_plain(Instance(cls), check) else ""
        case Method(cls=cls, name=name) if name in _SYNC_OF_SESSION:
            if any(project.types.is_subclass(cls, each) for each in _SESSIONS):
                return "it works at once, also in an asynchronous session"
        case Method(cls=cls) if any(project.types.is_subclass(cls, each) for each in _RESULTS):
            return "the rows are there already"
    name = project.types.name_of_type(callee) or ""
    entry = project.effects.synchronous(module, call)
    if catalog.awaitable(name) is not None or entry is None or "{method}" in entry.instead:
        return ""  # what has an asynchronous twin beside it may give a coroutine when it is asked to
    return _SYNCHRONOUS


def _is_certain(function: Function, call: f.Call, check: Check) -> bool:
    """Whether a method of a library is a synchronous one, and not only by an annotation that what is given contradicts.

    The object comes from where it is made, or the function uses it without `await` as well.
    """
    if not isinstance(call.func, f.Attr):
        return True
    where = (function.module, call.block, call.start)
    if check.project.types.shared(Vouching).is_made(call.func.value, where):
        return True
    return any(
        not other.awaited
        and isinstance(other.func, f.Attr)
        and other.func.value == call.func.value
        and other.use != "with"
        and check.project.effects.synchronous(function.module, other) is not None
        for other in function.calls
    )


def _of_function(function: Function, check: Check) -> str:
    """What calling a function of the project gives, when that surely cannot be awaited."""
    types = check.project.types
    if any(name not in _KEEPING for name in types.decorators(function)):
        return ""
    if function.is_generator:
        return f"`{function.name}` is {'an async' if function.is_async else 'a'}{_GENERATOR}"
    if function.is_async or check.project.effects.execution.is_abstract(function):
        return ""
    values = [leave for leave in function.exits if leave.kind == "return" and leave.value is not None]
    given = [types.infer(leave.value, (function.module, leave.block, leave.start)) for leave in values]
    if any(_may_be_awaited(each, check) for each in given):
        return ""
    plain = f"`{function.name}` is a plain `def`" if function.name != "<lambda>" else "it is a plain lambda"
    returns = function.facts.returns
    nothing = f.Const(None)
    if returns is not None and returns != nothing:
        declared = types.annotation(returns, (function.module, function.facts.outer, function.facts.start))
        is_open = any(
            _is_open(leave.value, each, (function.module, leave.block, leave.start), check)
            for leave, each in zip(values, given, strict=True)
        )
        return plain if _is_plain(declared, check) and _does_something(function) and not is_open else ""
    if all(leave.value == nothing for leave in values):
        ends = types.shared(Endings)
        return plain if _does_something(function) and not ends.never_returns(function) else ""
    is_known = all(
        leave.value == nothing or _is_plain(each, check) or _is_made_plain(leave.value, function, check)
        for leave, each in zip(values, given, strict=True)
    )
    return plain if is_known else ""


def _is_open(expr: f.Expr | None, value: Type, where: tuple[Module, int, int], check: Check) -> bool:
    """Whether a result comes from a call of something that is not known: it may be a coroutine, whatever is declared.

    What comes out of an object of a library that is no asynchronous one is none.
    """
    module = where[0]
    if value is None and isinstance(expr, f.Name):
        found = [each.entry for each in check.project.types.find_bindings(expr.id, where)]
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
                bound = [each.entry for each in check.project.types.find_bindings(name, where)]
                values = [each.value for each in bound if isinstance(each, f.Assign)]
                if len(values) != len(bound) or not values or not isinstance(values[0], f.CallRef):
                    return True
                owner = values[0]
            case _:
                return True
        kind = check.project.infer(owner, *where)
        if isinstance(kind, Instance) and isinstance(kind.cls, str):
            return any(check.project.types.is_instance(kind, each) for each in _SESSIONS)
    return True


def _is_made_plain(expr: f.Expr | None, function: Function, check: Check) -> bool:
    """Whether an expression is a value of a built-in type, whatever it is made of."""
    match expr:
        case f.Const() | f.Raw() | f.Display() | f.Mapping() | f.Joined() | f.Compare() | f.Each():
            return True
        case f.Binary(left=left, right=right):
            return _is_made_plain(left, function, check) or _is_made_plain(right, function, check)
        case f.CallRef(index=index):
            call = function.module.facts.calls[index]
            return isinstance(call.func, f.Name) and check.project.called_name(function.module, call) in _BUILTINS
    return False


def _may_be_awaited(value: Type, check: Check) -> bool:
    """Whether a value that is returned is known to be awaitable, whatever the annotation says."""
    return isinstance(value, Coroutine) or check.project.types.is_instance(value, "asyncio.Future", "asyncio.Task")


def _is_plain(value: Type, check: Check) -> bool:
    match value:
        case TupleOf():
            return True
        case Instance(cls=str(name)):
            return name in _PLAIN
        case Instance(cls=Class() as cls):
            order = check.project.types.mro(cls)
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
    return any(
        other.name == function.name
        and other.facts.cls == function.facts.cls
        and any(f.last_name(each) == "overload" for each in other.facts.decorators)
        for other in function.module.functions
    )


def _fix(module: Module, call: f.Call, written: str) -> Fix | None:
    """`await` taken away, where it stands on the line of the call and right before it."""
    before = module.text[max(0, call.start - _NEAR) : call.start]
    found = _AWAIT.search(before)
    if found is None or module.facts.errors:
        return None
    place = module.source.span(call.start - len(found[0]), call.start)
    return Fix(f"Call `{written}` without await", Safety.UNSAFE, (Edit(place, ""),))
