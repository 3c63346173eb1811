"""On which ways the error of a bad token gets out of a request without anybody who handles it. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fastapi_lint.catalog.secrecy import tokens
from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.concurrent.outliving import root_of
from fastapi_lint.model.names.symbols import Class, ClassObject, External, Function, FunctionObject, Module, Type
from fastapi_lint.model.tokens.reading import TokenCall, token_calls
from fastapi_lint.model.types.inference.inference import Where
from fastapi_lint.model.values.environment import Bound
from fastapi_lint.tracking.queries import gathered, query

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_BASES = {
    "jwt": frozenset({"PyJWTError", "InvalidTokenError"}),
    "jose": frozenset({"JWTError", "JOSEError"}),
}
_PARTS = {
    "jwt": (frozenset({"ExpiredSignatureError"}), frozenset({"DecodeError", "InvalidSignatureError"})),
    "jose": (),
}
"""What several handlers have to take together, when none takes the base."""
_BROAD = frozenset({"Exception", "BaseException"})
_HARMLESS = frozenset({
    "staticmethod", "classmethod", "property", "functools.lru_cache", "functools.cache", "functools.wraps",
    "functools.cached_property", "typing.override", "typing_extensions.override",
})  # fmt: skip
_PASSING = ("sqlalchemy.", "sqlmodel.", "httpx.", "open", "threading.", "asyncio.")
"""Context managers that keep no error to themselves."""
_FAILURE = 500
_HIGHEST = 6
_MOST = 60


@dataclass(frozen=True)
class Way:
    """How a request comes to a call that reads a token: the functions, that which FastAPI calls first."""

    functions: tuple[Function, ...] = field(repr=False)


def verifying(module: Module, project: Project) -> Iterator[TokenCall]:
    """The calls of a module that check a token as they should, and raise when it is a bad one."""
    for read in token_calls(module, project):
        if read.token is not None and read.flaw in (None, "expiry"):
            if tokens.reader(project.called_name(module, read.call) or "") is not None:
                yield read


def package_of(read: TokenCall, project: Project) -> str:
    """The top package of a call that reads tokens."""
    return (project.called_name(read.module, read.call) or "").split(".", 1)[0]


def way_out(read: TokenCall, project: Project) -> Way | None:
    """The shortest way from a request to a token that is read, on which nobody handles its error."""
    package = package_of(read, project)
    function = read.module.enclosing(read.call.block)
    if function is None or package not in _BASES or _is_handled(function, read.call.block, package, project):
        return None
    if package in handled_by_apps(project) or _is_own(read, project):
        return None
    pending: list[tuple[Function, ...]] = [(function,)]
    seen = {function}
    for _ in range(_MOST):
        if not pending:
            break
        way = pending.pop(0)
        first = way[0]
        if not _is_bare(first, project):
            continue
        if first in project.routes.by_handler or first in project.dependencies.injected:
            if _is_checked_before(way, read, project):
                continue
            return Way(way)
        if len(way) > _HIGHEST:
            continue
        for module, call in project.routes.expansion.objects.callers(first.name)[:_MOST]:
            caller = module.enclosing(call.block)
            if module.is_test or caller is None or caller in seen:
                continue
            callee = project.callee(module, call)
            if not isinstance(callee, FunctionObject) or callee.function is not first:
                continue
            if not _is_handled(caller, call.block, package, project):
                seen.add(caller)
                pending.append((caller, *way))
    return None


def _is_own(read: TokenCall, project: Project) -> bool:
    """Whether a token was signed by the function itself, with a function of the project: it cannot be a bad one."""
    module, function = read.module, read.module.enclosing(read.call.block)
    if function is None or not isinstance(read.token, f.Name):
        return False
    before = [entry for entry in module.assigns_in.get(function.index, ()) if entry.start < read.call.start]
    made = [entry.value for entry in before if entry.target == read.token]
    if len(made) != 1 or not isinstance(made[0], f.CallRef):
        return False
    callee = project.callee(module, module.facts.calls[made[0].index])
    return isinstance(callee, FunctionObject) and any(
        tokens.encoder(project.called_name(callee.function.module, call) or "") is not None
        for call in callee.function.calls
        if f.last_name(call.func) == "encode"
    )


def _is_checked_before(way: tuple[Function, ...], read: TokenCall, project: Project) -> bool:
    """Whether a token that an endpoint gets from a dependency was verified by another one, which handles the error."""
    handler = way[0]
    injected = {each.name for each in project.dependencies.parameters(handler) if each.marker_call is not None}
    given: set[f.Expr] = {read.token} if len(way) == 1 and read.token is not None else set()
    for call in handler.calls if len(way) > 1 else ():
        callee = project.callee(handler.module, call)
        if isinstance(callee, FunctionObject) and callee.function is way[1]:
            given.update(arg.value for arg in call.args)
    if not any(root_of(each) in injected for each in given):
        return False
    for route in project.routes.by_handler.get(handler, ()):
        code = project.requests.of(route)
        if code is None or not any(_verifies(each, project) for each in set(code.functions) - set(code.own)):
            return False
    return handler in project.routes.by_handler


def _verifies(function: Function, project: Project) -> bool:
    """Whether a function verifies a token, and handles the error of a bad one."""
    return any(
        _is_handled(function, read.call.block, package_of(read, project), project)
        for read in verifying(function.module, project)
        if function.module.enclosing(read.call.block) is function
    )


def _is_bare(function: Function, project: Project) -> bool:
    """Whether what stands above a function is known not to handle its errors."""
    module = function.module
    registered = {route.call.start for route in project.routes.by_handler.get(function, ())}
    for decorator in function.facts.decorators:
        where = (module, function.facts.outer, function.facts.start)
        expr = decorator
        if isinstance(decorator, f.CallRef):
            call = module.facts.calls[decorator.index]
            if call.start in registered:
                continue
            expr = call.func
        match project.types.infer(expr, where):
            case External(name=name) if name in _HARMLESS:
                continue
            case FunctionObject(function=outer) if not _has_handler(outer):
                continue
        return False
    return True


def _has_handler(function: Function) -> bool:
    blocks = function.module.facts.blocks
    start, end = function.facts.start, function.facts.end
    return any(each.kind == "except" and start <= each.start < end for each in blocks)


def _is_handled(function: Function, index: int, package: str, project: Project) -> bool:
    """Whether somebody around a place of a function handles the error of a bad token, or may."""
    module = function.module
    blocks = module.facts.blocks
    while index >= 0 and blocks[index].kind not in ("function", "lambda", "class", "module"):
        block = blocks[index]
        if block.kind == "with" and isinstance(block.test, f.CallRef):
            call = module.facts.calls[block.test.index]
            if _is_context(call, module, package, project):
                return True
        if block.kind == "body":
            taken: set[str] = set()
            for number in module.clauses_of(block.parent):
                if not _raises_on(module, number) and not _answers_failure(function, number, project):
                    names = list(_taken(blocks[number], module, project))
                    if None in names:
                        return True
                    taken |= {name for name in names if name is not None}
            if _is_enough(taken, package):
                return True
        index = block.parent
    return False


def _is_context(call: f.Call, module: Module, package: str, project: Project) -> bool:
    """Whether a context manager keeps the error to itself, or may."""
    callee = project.callee(module, call)
    if project.types.name_of_type(callee) == "contextlib.suppress":
        types = (project.infer(arg.value, module, call.block, call.start) for arg in call.args)
        return any(_is_enough({_name(each) or ""}, package) for each in types)
    if isinstance(callee, FunctionObject):
        return _has_handler(callee.function)
    name = project.types.name_of_type(callee) or ""
    return not name.startswith(_PASSING)  # another `__exit__` may swallow it


def _taken(block: f.Block, module: Module, project: Project) -> Iterator[str | None]:
    """The names of what a handler takes; None for what is not known."""
    if block.test is None:
        yield "BaseException"
        return
    yield from _named(block.test, (module, max(block.parent, 0), block.start), project)


def _named(expr: f.Expr, where: Where, project: Project) -> Iterator[str | None]:
    """The names of one or several classes of errors; None for what is not known."""
    pending = [(expr, where)]
    for _ in range(20):
        if not pending:
            return
        expr, place = pending.pop()
        if isinstance(expr, f.Display):
            pending += [(item.value if isinstance(item, f.Star) else item, place) for item in expr.items]
            continue
        found = project.types.infer(expr, place)
        if found is None and isinstance(expr, (f.Name, f.Attr)):
            meant = list(project.values.definitions(expr, place))
            if len(meant) == 1:
                pending.append(meant[0])
                continue
        yield _name(found)


def _name(value: Type) -> str | None:
    """The name of an exception: with its package for those of libraries of tokens, else as it is."""
    match value:
        case External(name=name):
            top = name.split(".", 1)[0]
            return f"{top}:{name.rsplit('.', 1)[-1]}" if top in _BASES else name
        case ClassObject(cls=Class() as cls):
            return f"own:{cls.qualname}"
    return None


def _is_enough(taken: set[str], package: str) -> bool:
    if taken & _BROAD:
        return True
    own = {name.split(":", 1)[1] for name in taken if name.startswith(f"{package}:")}
    parts = _PARTS[package]
    return bool(own & _BASES[package]) or (bool(parts) and all(own & part for part in parts))


def _raises_on(module: Module, index: int) -> bool:
    """Whether a handler does nothing but raise the same error again."""
    block = module.facts.blocks[index]
    return any(
        leave.kind == "raise" and leave.block == index and (leave.value is None or leave.value == block.target)
        for leave in module.facts.exits
    )


@query
def handled_by_apps(project: Project) -> frozenset[str]:
    """The packages whose errors an exception handler or a middleware of an app takes."""
    found: set[str] = set()
    for function, types in project.failures.handlers.items():
        if _always_fails(function, function.facts.start, function.facts.end, project):
            continue
        names = {_name(each) for each in types}
        if None in names:
            return frozenset(_BASES)
        found |= {package for package in _BASES if _is_enough({name for name in names if name}, package)}
    return frozenset((*found, *_handled_by_middleware(project)))


@gathered
def _handled_by_middleware(project: Project, module: Module) -> Iterator[str]:
    """The packages whose errors the middleware in a module takes."""
    if module.is_test or not module.mentions("iddleware"):
        return
    for function in module.functions:
        if _is_middleware(function, project):
            for number in module.block_numbers_in.get(function.index, ()):
                block = module.facts.blocks[number]
                if block.kind == "except" and not _raises_on(module, number):
                    if _always_fails(function, block.start, block.end, project):
                        continue
                    names = set(_taken(block, module, project))
                    given = {name for name in names if name}
                    yield from (package for package in _BASES if None in names or _is_enough(given, package))


def _answers_failure(function: Function, index: int, project: Project) -> bool:
    """Whether a clause around a token that is read always leaves, with a failure of the server for what it takes."""
    block = function.module.facts.blocks[index]
    leaves = any(each.block == index and each.kind in ("raise", "return") for each in function.exits)
    return leaves and _always_fails(function, block.start, block.end, project)


def _always_fails(function: Function, start: int, end: int, project: Project) -> bool:
    """Whether all that a stretch of a handler answers to a bad token is a failure of the server, as without it."""
    answers = [each for each in project.answers.of(function) if start <= each.start < end]
    answers = [each for each in answers if not _is_for_others(function, each.block, project)]
    return bool(answers) and all(
        each.kind in ("response", "error") and _code(each.status, project) == _FAILURE for each in answers
    )


def _code(status: Bound | None, project: Project) -> int | None:
    """The status of an answer to a bad token: its error is of no other kind, and has no status of its own."""
    if status is None:
        return None
    expr, where, environment = project.answers.source(status)
    if isinstance(expr, f.Name):
        meant = list(project.values.definitions(expr, where))
        expr, where = meant[0] if len(meant) == 1 else (expr, where)
    match expr:
        case f.Choice(options=(_, other), test=f.CallRef(index=index), op="if") if _asks_for_others(
            where[0], where[0].facts.calls[index], project
        ):
            return _code((other, where, environment), project)
        case f.CallRef(index=index):
            call = where[0].facts.calls[index]
            if call.func == f.Name("getattr") and len(call.args) == 3:
                return _code((call.args[2].value, where, environment), project)
    return project.answers.code(status)


def _is_for_others(function: Function, index: int, project: Project) -> bool:
    """Whether a place of a handler is for errors of other kinds alone: `if isinstance(error, HTTPException):`."""
    module = function.module
    for block in module.block_chain(index):
        if block.kind == "if" and isinstance(block.test, f.CallRef):
            if _asks_for_others(module, module.facts.calls[block.test.index], project):
                return True
    return False


def _asks_for_others(module: Module, call: f.Call, project: Project) -> bool:
    """Whether a call asks whether something is an error that has nothing to do with tokens."""
    if call.func != f.Name("isinstance") or len(call.args) != 2:
        return False
    names = list(_named(call.args[1].value, (module, call.block, call.start), project))
    return all(name is not None and name not in _BROAD and name.split(":", 1)[0] not in _BASES for name in names)


def _is_middleware(function: Function, project: Project) -> bool:
    """Whether requests go through a function: an http middleware, `dispatch`, or an ASGI `__call__`."""
    if function.cls is not None:
        names = [param.name for param in function.params]
        return function.name == "dispatch" or (
            function.name == "__call__" and names[1:] == ["scope", "receive", "send"]
        )
    for decorator in function.facts.decorators:
        if isinstance(decorator, f.CallRef):
            if f.last_name(function.module.facts.calls[decorator.index].func) in ("middleware", "http_middleware"):
                return True
    return [param.name for param in function.params] == ["request", "call_next"]
