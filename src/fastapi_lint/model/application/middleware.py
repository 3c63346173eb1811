"""The middleware of apps: what is added to which app, how, and in which order it stands. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.bodies.binding import filled
from fastapi_lint.model.calls.raising import Raising
from fastapi_lint.model.names.expressions import called, walk
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    External,
    Function,
    FunctionObject,
    Instance,
    Module,
    Origin,
    Type,
)
from fastapi_lint.model.types.inference.inference import Where
from fastapi_lint.model.values.environment import NOWHERE
from fastapi_lint.model.values.expansion import Expansion

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project
    from fastapi_lint.model.routing.answering.answers import Answer

APPS = ("fastapi.FastAPI", "starlette.applications.Starlette")
_BASE = "starlette.middleware.base.BaseHTTPMiddleware"
_ADDING = frozenset({"add_middleware", "Middleware"})
_REFUSED = "starlette.authentication.AuthenticationError"
_GONE = frozenset({"asyncio.CancelledError", "starlette.requests.ClientDisconnect"})
CORS = "fastapi.middleware.cors.CORSMiddleware"


@dataclass(frozen=True, eq=False)
class Middleware:
    """One middleware that is added to an app.

    `how` is "call" (`add_middleware`), "decorator" (`@app.middleware("http")`) or "list" (an entry of `middleware=`).
    `what` is the class or function that is added, `arguments` those that are given along, `app` the call that makes the
    app; both may be unknown. `call` is the registration (for an entry its own call), `block` where it runs.
    """

    module: Module = field(repr=False)
    how: str
    call: f.Call
    what: Type
    arguments: tuple[f.Arg, ...]
    app: Origin | None
    block: int

    @property
    def start(self) -> int:
        return self.call.start

    @property
    def end(self) -> int:
        return self.call.name_end

    @property
    def name(self) -> str:
        """What is added, for messages."""
        match self.what:
            case External(name=name):
                return name.rsplit(".", 1)[-1]
            case ClassObject(cls=cls):
                return cls.name
            case FunctionObject(function=function):
                return function.name
        return "?"

    @property
    def function(self) -> Function | None:
        """The function through which requests go that are not passed on as ASGI messages: an http middleware, or the
        `dispatch` of a class of its own."""
        match self.what:
            case FunctionObject(function=function):
                return function
            case ClassObject(cls=cls):
                return cls.methods.get("dispatch")
        return None

    def is_a(self, project: Project, name: str) -> bool:
        """Whether a class of this name, or one derived from it, is added."""
        match self.what:
            case External(name=found):
                return project.types.is_subclass(found, name)
            case ClassObject(cls=cls):
                return project.types.is_subclass(cls, name)
        return False


def middleware_in(project: Project, module: Module) -> Iterator[Middleware]:
    """The middleware that a module adds to apps, in the order of its text; lists in their own order."""
    if not module.mentions("iddleware"):
        return
    decorated = {
        decorator.index: function
        for function in module.functions
        for decorator in function.facts.decorators
        if isinstance(decorator, f.CallRef)
    }
    by_name, by_keyword = module.calls_by_name, module.calls_by_keyword
    likely = {index for name in ("add_middleware", "middleware") for index in by_name.get(name, ())}
    for index in sorted(likely.union(by_keyword.get("middleware", ()))):
        call = module.facts.calls[index]
        where = (module, call.block, call.start)
        match call.func:
            case f.Attr(value=receiver, attr="add_middleware") if call.args:
                given = f.keyword(call, "middleware_class") or call.args[0]
                if project.types.is_instance(project.infer(receiver, *where), *APPS):
                    app, what = app_of(project, receiver, *where), project.infer(given.value, *where)
                    rest = tuple(arg for arg in call.args if arg is not given)
                    yield Middleware(module, "call", call, what, rest, app, call.block)
            case f.Attr(value=receiver, attr="middleware"):
                if not project.types.is_instance(project.infer(receiver, *where), *APPS):
                    continue
                app = app_of(project, receiver, *where)
                if (function := decorated.get(index)) is not None:
                    yield Middleware(module, "decorator", call, FunctionObject(function), (), app, call.block)
                for other in module.facts.calls:
                    if other.func == f.CallRef(index) and other.args:
                        what = project.infer(other.args[0].value, *where)
                        yield Middleware(module, "call", other, what, (), app, call.block)
            case f.Name() | f.Attr() if (listed := f.keyword(call, "middleware")) is not None:
                if project.types.is_instance(project.types.call_type(module, index), *APPS):
                    yield from _listed(project, module, listed.value, call, Origin(module, index))


def additions(project: Project, module: Module, cls: str) -> Iterator[f.Call]:
    """The calls of a module that put a middleware of a library in front of an app: `add_middleware`, `Middleware`, or
    its own constructor; what else they are given are its arguments."""
    last = cls.rpartition(".")[2]
    names = {last, *(one.alias for one in module.facts.imports if one.name == last)}
    for call in module.calls_named(module.words_for(_ADDING) | names):
        last_name = called(module, call)
        where = (module, call.block, call.start)
        if last_name in _ADDING and call.args:
            first = f.keyword(call, "middleware_class") or f.keyword(call, "cls") or call.args[0]
            if first.name in ("", "middleware_class", "cls") and project.name(first.value, *where) == cls:
                yield call
        elif last_name in names:
            if project.called_name(module, call) == cls:
                yield call


def _listed(project: Project, module: Module, value: f.Expr, call: f.Call, app: Origin) -> Iterator[Middleware]:
    """The entries of a list that is given as `middleware=`, or of the one that a name stands for."""
    found = [(value, (module, call.block, call.start))]
    if isinstance(value, (f.Name, f.Attr)):
        found = list(project.values.definitions(value, found[0][1]))
    for display, where in found if len(found) == 1 else ():
        for item in display.items if isinstance(display, f.Display) else ():
            made = [(item, where)]
            if isinstance(item, (f.Name, f.Attr)):
                made = list(project.values.definitions(item, where))
            for expr, (home, _, _) in made if len(made) == 1 else ():
                entry = home.facts.calls[expr.index] if isinstance(expr, f.CallRef) else None
                if entry and entry.args and project.called_name(home, entry) == "fastapi.middleware.Middleware":
                    what = project.infer(entry.args[0].value, home, entry.block, entry.start)
                    yield Middleware(home, "list", entry, what, entry.args[1:], app, call.block)


def app_of(project: Project, expr: f.Expr, module: Module, block: int, at: int) -> Origin | None:
    """The call that makes an app; for the parameter of a function, of the one app that all callers hand to it."""
    app = project.infer(expr, module, block, at)
    function = module.enclosing(block)
    if isinstance(app, Instance) and app.origin is None and function is not None and isinstance(expr, f.Name):
        param = next((param for param in function.params if param.name == expr.id), None)
        app = project.types.passed(function, param) if param is not None else None
    return app.origin if isinstance(app, Instance) else None


def stacks(project: Project, module: Module) -> Iterator[tuple[Middleware, ...]]:
    """The middleware of each app to which a module adds some in one straight run of statements, outermost first.

    What is added last is outermost; the entries of a list stand inside of it, the first of them outermost. A function
    that is handed the app adds where it is called. Apps whose middleware is added in several blocks, or under
    conditions, have no order that can be told.
    """
    by_app: dict[Origin, list[_Added]] = {}
    added_here = tuple(middleware_in(project, module))
    for one in _by_functions(project, module, added_here):
        by_app.setdefault(one.app, []).append(one)
    for each in added_here:
        if each.app is not None:
            known = by_app.setdefault(each.app, [])
            if all(each.call is not one.each.call for one in known):
                known.append(_Added(each.app, each.block, (each.start, 0), each))
    for every in by_app.values():
        own = {one.block for one in every if one.at[1] == 0}
        found = [one for one in every if not own or one.block in own]  # what functions add elsewhere may be left out
        blocks = {one.block for one in found}
        if len(blocks) == 1 and module.facts.blocks[min(blocks)].kind in ("module", "function"):
            added = sorted((one for one in found if one.each.how != "list"), key=lambda one: one.at, reverse=True)
            yield (*(one.each for one in added), *(one.each for one in found if one.each.how == "list"))


class _Added(NamedTuple):
    """A middleware of an app, with the block and the place in it where it is added: itself, or by a function."""

    app: Origin
    block: int
    at: tuple[int, int]
    each: Middleware


def _by_functions(project: Project, module: Module, added_here: tuple[Middleware, ...]) -> Iterator[_Added]:
    """What functions add that a module hands its app to, `setup_cors(app)`; not where one does all of it.

    `added_here` is what the module adds itself.
    """
    if not module.mentions("FastAPI"):
        return
    found: list[_Added] = []
    by_home: dict[Module, tuple[Middleware, ...]] = {module: added_here}
    for call in module.facts.calls:
        if not any(isinstance(arg.value, (f.Name, f.Attr)) for arg in call.args):
            continue
        callee = project.callee(module, call)
        if not isinstance(callee, FunctionObject) or not callee.function.module.mentions("iddleware"):
            continue
        function, where = callee.function, (module, call.block, call.start)
        given = Expansion.given(function, call, where, NOWHERE, filled(project.types, callee))
        if function.module not in by_home:
            by_home[function.module] = tuple(middleware_in(project, function.module))
        for each in by_home[function.module]:
            receiver = each.call.func.value if isinstance(each.call.func, f.Attr) else None
            if each.how == "list" or each.block != function.facts.block or not isinstance(receiver, f.Name):
                continue
            app = app_of(project, given[receiver.id][0], *where) if receiver.id in given else None
            if app is not None:
                found.append(_Added(app, call.block, (call.start, each.start), each))
    for one in found:
        places = {other.at[0] for other in found if other.app == one.app}
        if len(places) > 1 or any(each.app == one.app for each in added_here if each.block == one.block):
            yield one


def passes_on(each: Middleware, project: Project) -> bool | None:
    """Whether a middleware always hands requests on; False when it may answer by itself, None when not known.

    What it raises is no answer of it: the handlers of the app stand further in.
    """
    function = each.function or _of_messages(each)
    if function is None:
        return None
    if function.name == "__call__" and _sends_an_answer(function):
        return False
    answers = (each for each in project.answers.of(function) if each.kind in ("response", "stream"))
    return all(_is_for_nobody(each, function, project) or _is_rebuilt(each, function, project) for each in answers)


def _sends_an_answer(function: Function) -> bool:
    """Whether ASGI middleware begins an answer that it has not been sent: by a message that it writes out itself."""
    send = f.Name(function.params[-1].name)
    begins = (f.Const("type"), f.Const("http.response.start"))
    given = (arg.value for call in function.calls if call.func == send for arg in call.args)
    return any(begins in value.items for value in given if isinstance(value, f.Mapping))


def refuses(each: Middleware, project: Project) -> bool:
    """Whether an AuthenticationMiddleware may answer: its backend raises AuthenticationError, or is not known."""
    given = next((arg.value for arg in each.arguments if arg.name == "backend"), None)
    backend = project.infer(given, each.module, each.block, each.start) if given is not None else None
    if not isinstance(backend, Instance) or not isinstance(backend.cls, Class):
        return True
    method = project.types.member(backend.cls, "authenticate", backend)
    if not isinstance(method, FunctionObject):
        return True
    raising = Raising(project.types, project.effects.execution)
    return raising.raises(method.function, 0, method.function.facts.end, _REFUSED)


def _is_rebuilt(answer: Answer, function: Function, project: Project) -> bool:
    """Whether an answer is put together again from the one of the app behind, with the headers of that."""
    given = f.keyword(answer.call, "headers") if answer.call is not None and answer.is_direct else None
    if given is None:
        return False
    where = (answer.module, answer.block, answer.start)
    values = [(given.value, where), *project.values.definitions(given.value, where)]
    return any(_holds_inner_headers(value, place, function) for value, place in values)


def _holds_inner_headers(value: f.Expr, where: Where, function: Function) -> bool:
    """Whether a value is the headers of what `call_next` gave, or a copy or a dict of them."""
    module = where[0]
    params = {f.Name(param.name) for param in function.params}
    calls, assigns = module.facts.calls, module.assigns_in.get(function.index, ())

    def is_passed_on(made: f.Expr | None) -> bool:
        return isinstance(made, f.CallRef) and calls[made.index].func in params

    coming = {entry.target for entry in assigns if is_passed_on(entry.value)}  # and awaited further down
    inner = [
        entry.target
        for entry in assigns
        if isinstance(entry.value, f.Await) and (is_passed_on(entry.value.value) or entry.value.value in coming)
    ]
    parts = [value]
    if isinstance(value, f.CallRef):
        call = module.facts.calls[value.index]
        parts = [call.func, *(arg.value for arg in call.args)]
    wanted = [f.Attr(target, "headers") for target in inner]
    return any(part in wanted for each in parts for part in walk(each))


def _is_for_nobody(answer: Answer, function: Function, project: Project) -> bool:
    """Whether an answer is made where the client is seen to be gone: in the handler of a cancellation alone."""
    module = function.module
    for clause in module.block_chain(answer.block):
        if clause.kind == "except" and clause.test is not None:
            tests = clause.test.items if isinstance(clause.test, f.Display) else (clause.test,)
            if all(project.name(test, module, clause.parent, clause.start) in _GONE for test in tests):
                return True
    return False


def _of_messages(each: Middleware) -> Function | None:
    """The method by which a class of the project takes ASGI messages: `__call__(self, scope, receive, send)`."""
    method = each.what.cls.methods.get("__call__") if isinstance(each.what, ClassObject) else None
    return method if method is not None and len(method.params) == 4 else None


def writes_cors_headers(each: Middleware) -> bool:
    """Whether a middleware of the project writes the header of CORS itself."""
    function = each.function or _of_messages(each)
    return function is not None and writes_cors(function)


def writes_cors(function: Function) -> bool:
    """Whether a function writes the header of CORS itself."""
    written = [entry.target for entry in function.module.assigns_in.get(function.index, ())]
    for call in function.calls:
        written += [arg.value for arg in call.args]
    return any(_names_cors(value) for value in written)


def _names_cors(value: f.Expr) -> bool:
    match value:
        case f.Const(value=str(text)):
            return text.lower() == "access-control-allow-origin"
        case f.Sub(items=(key,)):
            return _names_cors(key)
        case f.Mapping(items=items):
            return any(key is not None and _names_cors(key) for key, _ in items)
    return False


def in_stack(project: Project, module: Module) -> Iterator[Function]:
    """The functions of a module through which requests go: http middleware, and `dispatch` of BaseHTTPMiddleware."""
    found = {each.function for each in middleware_in(project, module) if each.how != "list"}
    for cls in module.classes:
        if project.types.is_subclass(cls, _BASE) and "dispatch" in cls.methods:
            found.add(cls.methods["dispatch"])
    own = (function for function in found if function is not None and function.module is module)
    yield from sorted(own, key=lambda function: function.start)


def catches_errors(function: Function) -> bool:
    """Whether a middleware has a handler for every exception of the app behind it that does not always raise again."""
    blocks = function.module.blocks_in.get(function.index, ())
    broad = (None, f.Name("Exception"), f.Name("BaseException"))
    params = {param.name for param in function.params}
    onward = [call for call in function.calls if isinstance(call.func, f.Name) and call.func.id in params]
    for block in blocks:
        if block.kind == "except" and block.test in broad and not _raises(block, function):
            tried = [each for each in blocks if each.parent == block.parent and each.kind == "body"]
            if not onward or any(each.start <= call.start < each.end for each in tried for call in onward):
                return True
    return False


def _raises(block: f.Block, function: Function) -> bool:
    """Whether a block is sure to end with a `raise`."""
    inside = [leave for leave in function.exits if block.start <= leave.start < block.end]
    always = any(function.module.facts.blocks[leave.block] is block for leave in inside if leave.kind == "raise")
    return always and all(leave.kind == "raise" for leave in inside)
