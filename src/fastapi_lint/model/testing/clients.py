"""Clients by which tests reach an app in their own process: which app, whether it is started, what they request.

Judges nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Function, Instance, Module, Type
from fastapi_lint.model.testing.suites import conftests, fixture, fixture_call

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_SYNC = ("starlette.testclient.TestClient", "fastapi.testclient.TestClient")
_ASYNC = ("httpx.AsyncClient", "httpx2.AsyncClient")
_TRANSPORTS = ("httpx.ASGITransport", "httpx2.ASGITransport")
_STARTING = frozenset({"LifespanManager", "lifespan_context", "startup", "enter_context", "enter_async_context"})
_METHODS = frozenset({"get", "post", "put", "patch", "delete", "head", "options", "request"})


@dataclass(frozen=True, eq=False)
class InProcess:
    """A client of an app: the call that makes it, the app, and whether it is one of httpx (`is_async`)."""

    module: Module = field(repr=False)
    call: f.Call
    app: Instance
    is_async: bool

    @property
    def function(self) -> Function | None:
        """The function that makes it; None at the top of the module."""
        return self.module.enclosing(self.call.block)


def in_process(project: Project, module: Module) -> Iterator[InProcess]:
    """The clients that a module makes for apps of the project."""
    if not module.mentions("TestClient", "ASGITransport"):
        return
    for call in module.facts.calls:
        name = f.last_name(call.func)
        if not name[:1].isupper():
            continue
        called = project.types.instantiate(project.callee(module, call))
        if project.types.is_instance(called, *_SYNC):
            app = _argument(project, module, call, 0)
            if isinstance(app, Instance):
                yield InProcess(module, call, app, is_async=False)
        elif project.types.is_instance(called, *_ASYNC):
            transport = f.keyword(call, "transport")
            value = project.infer(transport.value, module, call.block, call.start) if transport is not None else None
            made = value.origin if isinstance(value, Instance) else None
            if made is not None and project.types.is_instance(value, *_TRANSPORTS):
                app = _argument(project, made.module, made.facts, 0)
                if isinstance(app, Instance):
                    yield InProcess(module, call, app, is_async=True)


def _argument(project: Project, module: Module, call: f.Call, index: int) -> Type:
    given = f.keyword(call, "app")
    if given is None and len(call.args) > index and call.args[index].name == "":
        given = call.args[index]
    value = project.infer(given.value, module, call.block, call.start) if given is not None else None
    return value if project.types.is_instance(value, "fastapi.FastAPI") else None


def users(project: Project, client: InProcess) -> Iterator[tuple[Function | None, f.Expr, Module]]:
    """Who has a client, and as what: its own function or module, the methods beside one that keeps it in `self`, and
    the tests that get it from a fixture."""
    module, function = client.module, client.function
    for entry in module.facts.assigns:
        if isinstance(entry.target, f.Name) and _is_itself(entry.value, client):
            yield function, entry.target, module
        elif isinstance(entry.target, f.Attr) and function is not None and _is_itself(entry.value, client):
            for method in function.cls.methods.values() if function.cls is not None else ():
                yield method, entry.target, module
    for block in module.facts.blocks:
        if block.kind == "with" and isinstance(block.target, f.Name) and _is_itself(block.test, client):
            yield function, block.target, module
    if function is None or fixture_call(project, function) is None:
        return
    for other in project.modules:
        if other is module or module in conftests(project, other):
            for test in other.functions:
                if test is not function and any(param.name == function.name for param in test.params):
                    if fixture(project, other, function.name) is function:
                        yield test, f.Name(function.name), other


def _is_itself(expr: f.Expr | None, client: InProcess) -> bool:
    return isinstance(expr, f.CallRef) and client.module.facts.calls[expr.index] is client.call


def requests_of(project: Project, client: InProcess) -> Iterator[tuple[str, str]]:
    """The requests that are made with a client: method and path, with `{x}` for parts that are not known."""
    for _, _, method, path in request_calls(project, client):
        yield method, path


def request_calls(project: Project, client: InProcess) -> Iterator[tuple[Module, f.Call, str, str]]:
    """As `requests_of`, each with the call that makes it, and the module of that."""
    for function, held, module in users(project, client):
        for call in module.facts.calls if function is None else function.calls:
            match call.func:
                case f.Attr(value=found, attr=method) if found == held and method in _METHODS and call.args:
                    if function is None and isinstance(held, f.Name) and _hides(module, call, held.id):
                        continue
                    path = _path(call.args[method == "request"].value) if len(call.args) > (method == "request") else ""
                    if path.startswith("/"):
                        verb = call.args[0].value if method == "request" else f.Const(method)
                        yield module, call, str(verb.value).upper() if isinstance(verb, f.Const) else "", path


def _hides(module: Module, call: f.Call, name: str) -> bool:
    """Whether the function around a call has another thing by a name of its module."""
    function = module.enclosing(call.block)
    return function is not None and (function.rebinds(name) or any(param.name == name for param in function.params))


def _path(expr: f.Expr) -> str:
    match expr:
        case f.Const(value=str(text)):
            return text.partition("?")[0]
        case f.Joined(parts=parts):
            texts = [str(part.value) if isinstance(part, f.Const) else "{x}" for part in parts]
            return "".join(texts).partition("?")[0]
    return ""


def is_started(project: Project, client: InProcess) -> bool:
    """Whether the app is started for a client: it is entered, or somebody runs the lifespan beside it."""
    if not client.is_async and client.call.use == "with":
        return True
    for function, held, module in users(project, client):
        if client.is_async:
            continue
        blocks = module.facts.blocks if function is None else module.blocks_in.get(function.index, ())
        if any(block.kind == "with" and block.test == held for block in blocks):
            return True
        calls = module.facts.calls if function is None else function.calls
        if any(call.func == f.Attr(held, "__enter__") for call in calls):
            return True
    for module in (client.module, *conftests(project, client.module)):
        for call in module.facts.calls:
            if f.last_name(call.func) in module.words_for(_STARTING) or _runs_lifespan(project, module, call):
                return True
    return False


def _runs_lifespan(project: Project, module: Module, call: f.Call) -> bool:
    callee = project.callee(module, call) if call.use == "with" else None
    function = getattr(callee, "function", None)
    return isinstance(function, Function) and function in project.lifespans
