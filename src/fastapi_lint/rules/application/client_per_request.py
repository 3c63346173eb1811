"""FAPI707: clients and pools that are made anew for every request. What counts as a client is in the catalogue."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from fastapi_lint import catalog
from fastapi_lint.finding import Finding, Related
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function, Module, Project
from fastapi_lint.model.types import Where
from fastapi_lint.model.values import environment_read
from fastapi_lint.rule import Check, rule

_SHARED_ARGUMENTS = frozenset({
    "timeout", "headers", "follow_redirects", "http2", "limits", "trust_env", "decode_responses", "max_retries",
    "params",
})  # fmt: skip
"""What can be given to a single request as well, so that it is no reason for a client of one's own."""
_OWN_ARGUMENTS = frozenset(
    {"connector", "transport", "mounts", "http_client", "app", "botocore_session", "proxy", "proxies"}
)
"""What makes a client another one on purpose."""
_TRIES = re.compile(
    r"(?:^|_)test(?:_|$)|(?:^|_)(?:verify|check|validate|try)_(?:\w{1,60}_)?(?:connection|server|config|configuration|credentials)$"
)
"""Endpoints that try what they are given: the client has to be a new one."""
_STANDS_IN = re.compile(r"(?:^|_)(?:mock|fake|stub|dummy)(?:_|$)", re.IGNORECASE)
_MOST_STEPS = 3
_MOST_FUNCTIONS = 20_000


@dataclass
class _Reached:
    """How the functions that requests run are reached: the endpoint or dependency, and the function that calls it."""

    root: dict[Function, tuple[Function, str]] = field(default_factory=dict)
    caller: dict[Function, Function] = field(default_factory=dict)


@rule("FAPI707")
def client_per_request(module: Module, check: Check) -> Iterator[Finding]:
    """A client or connection pool is made for every request.

    Why is this bad?
    A client keeps connections open to use them again. Made for each request it never does: every call pays for DNS,
    TCP and TLS (or a login) once more, sockets in TIME_WAIT pile up under load, limits on connections have no effect,
    and a client that is not closed leaks what it has opened.

    Make it once in the lifespan, keep it in the state of the app (or in a cached factory), and hand it to endpoints
    with a dependency.

    Known limits
    A client whose address, credentials or transport depend on the request is left alone; headers and timeouts can be
    given to each call instead. So are clients that are kept in an attribute, a global or a cache, endpoints that try a
    connection (`test_connection`, `verify_server`), and what only background workers, scripts, WebSockets, start-up
    code and tests do. Calls are followed for three steps.

    References
    - [HTTPX: clients](https://www.python-httpx.org/advanced/clients/)
    - [Lifespan events](https://fastapi.tiangolo.com/advanced/events/)
    """
    project = check.project
    reached = _reach(module, project)
    for function, (root, kind) in reached.root.items():
        if _is_cached(function, project) or _TRIES.search(root.name) or _STANDS_IN.search(function.name):
            continue
        for call in function.calls:
            if not _may_be_client(call):
                continue
            entry = catalog.client(project.called_name(function.module, call) or "")
            if entry is None or _is_kept(function, call) or _is_particular(function, call, project):
                continue
            if _is_on_miss(function, call):
                continue
            shown = function.module.source.slice(call.start, call.name_end)
            where = (
                f"in {kind} `{root.name}`"
                if function is root
                else f"for every call of {kind} `{root.name}`, by `{function.qualname}`"
            )
            yield check.finding(
                (call.start, call.name_end),
                f"`{shown}` is made {where}: {entry.why}; make it once in the lifespan and inject it",
                module=function.module,
                related=_trail(function, reached, check),
                chain=True,
            )


def _may_be_client(call: f.Call) -> bool:
    called = f.last_name(call.func)
    return bool(called) and (called[0].isupper() or called in _FUNCTIONS)


_FUNCTIONS = frozenset({
    "from_url", "client", "resource", "from_env", "create_engine", "create_async_engine", "create_pool", "driver",
    "connect",
    "connect_robust",
})  # fmt: skip


def _reach(module: Module, project: Project) -> _Reached:
    """What the endpoints and dependencies of a module run, nearest first; every function once."""
    reached = _Reached()
    if module.is_test:
        return reached
    for function in module.functions:
        routes = project.routes.by_handler.get(function, ())
        if any(route.kind == "http" and not route.module.is_test for route in routes):
            reached.root[function] = (function, "endpoint")
    for function in module.functions:
        if function not in reached.root and function in project.dependencies.injected:
            if project.effects.is_served(module):
                reached.root[function] = (function, "dependency")
    queue = [(function, 0) for function in reached.root]
    for function, depth in queue:
        if depth >= _MOST_STEPS or len(queue) > _MOST_FUNCTIONS or _is_cached(function, project):
            continue
        for step in project.effects.execution.steps(function):
            target = step.function
            if target is None or target in reached.root or target.module.is_test or project.is_lifespan(target):
                continue
            if step.call is not None and _is_kept(function, step.call):
                continue
            if not _is_followed(target, project):
                continue
            reached.root[target] = reached.root[function]
            reached.caller[target] = function
            queue.append((target, depth + 1))
    return reached


def _is_followed(function: Function, project: Project) -> bool:
    """Whether a called function runs each time, as far as its decorators say."""
    return not any(
        name == "?" or "cache" in name.lower() or "singleton" in name.lower()
        for name in project.types.decorators(function)
    )


def _is_cached(function: Function, project: Project) -> bool:
    names = project.types.decorators(function)
    return any("cache" in name.lower() or "singleton" in name.lower() for name in names)


def _is_kept(function: Function, call: f.Call) -> bool:
    """Whether the value of a call stays after the function: in an attribute, a global, a container, a cache.

    An `__init__` keeps it only in an object, which is made for the request itself.
    """
    module = function.module
    declared = {name for name, block in module.facts.globals if module.facts.blocks[block].function == function.index}
    if function.name in ("__init__", "__post_init__"):
        return bool(declared)
    locals_: set[str] = set()
    for entry in module.assigns_in.get(function.index, ()):
        if entry.value is None or not (entry.start <= call.start and call.end <= entry.end):
            continue
        match entry.target:
            case f.Name(id=name):
                if name in declared:
                    return True
                locals_.add(name)
            case f.Attr() | f.Sub():
                return True
    if not locals_:
        return False
    for entry in module.assigns_in.get(function.index, ()):
        if entry.start > call.start and isinstance(entry.target, f.Name) and isinstance(entry.value, f.CallRef):
            made = module.facts.calls[entry.value.index]
            if any(isinstance(arg.value, f.Name) and arg.value.id in locals_ for arg in made.args):
                locals_.add(entry.target.id)  # it lives in what was made of it
    for entry in module.assigns_in.get(function.index, ()):
        if entry.start <= call.start or not isinstance(entry.value, f.Name) or entry.value.id not in locals_:
            continue
        if isinstance(entry.target, (f.Attr, f.Sub)) or (
            isinstance(entry.target, f.Name) and entry.target.id in declared
        ):
            return True
    for other in function.calls:
        if (
            other.start > call.start
            and f.last_name(other.func)
            in (
                "setdefault",
                "set",
                "put",
                "setattr",
                "append",
                "add",
            )
            and any(isinstance(arg.value, f.Name) and arg.value.id in locals_ for arg in other.args)
        ):
            return True
    return False


def _is_on_miss(function: Function, call: f.Call) -> bool:
    """Whether a function looks into a cache that outlives it, returns what is there, and otherwise fills it behind the
    call: `if key in CACHE: return CACHE[key]`, ..., `CACHE[key] = ...`; or what it keeps in an attribute, likewise.
    """
    module = function.module
    before = module.source.slice(function.facts.head_end, call.start)
    if not any(leave.kind == "return" and leave.start < call.start for leave in function.exits):
        return False
    own = {entry.target.id for entry in module.assigns_in.get(function.index, ()) if isinstance(entry.target, f.Name)}
    for entry in module.assigns_in.get(function.index, ()):
        if entry.start < call.start:
            continue
        if isinstance(entry.target, f.Attr) and isinstance(entry.target.value, f.Name):
            kept = re.escape(f"{entry.target.value.id}.{entry.target.attr}")
            if re.search(rf"\bif [^\n:]{{0,200}}(?<![\w.]){kept}\b[^\n:]{{0,200}}:\s{{1,200}}return {kept}\s", before):
                return True
        if not isinstance(entry.target, f.Sub):
            continue
        match entry.target.value:
            case f.Name(id=name) if name not in own:
                cache = name
            case f.Attr(value=f.Name(id=owner), attr=name) if owner not in own:
                cache = f"{owner}.{name}"
            case _:
                continue
        if re.search(rf"(?<![\w.]){re.escape(cache)}(?:\[|\.get\()|\bin {re.escape(cache)}\b", before):
            return True
    return False


def _is_particular(function: Function, call: f.Call, project: Project) -> bool:
    """Whether an argument that makes the client what it is comes from the call of the function."""
    where = (function.module, call.block, call.start)
    if isinstance(call.func, f.Attr) and _depends(call.func.value, where, function, project):
        return True  # of a session with its own credentials
    return any(
        arg.name in ("*", "**", *_OWN_ARGUMENTS) or _depends(arg.value, where, function, project)
        for arg in call.args
        if arg.name not in _SHARED_ARGUMENTS
    )


def _depends(expr: f.Expr, where: Where, function: Function, project: Project, depth: int = 0) -> bool:
    """Whether an expression may have another value at the next request."""
    module = where[0]

    def inner(part: f.Expr) -> bool:
        return _depends(part, where, function, project, depth + 1)

    match expr:
        case f.Const() | f.Raw():
            return False
        case f.Name(id=name):
            found = project.types.find_bindings(name, where)
            for binding in found:
                if module.facts.blocks[binding.block].function < 0:
                    continue
                entry = binding.entry
                if isinstance(entry, f.Import):
                    continue
                if isinstance(entry, f.Assign) and entry.value is not None and entry.op == "=" and depth < 6:
                    if isinstance(entry.value, f.CallRef) and not _is_fixed(module, entry.value, project):
                        return True  # an object that is made here, and may be changed before it is used
                    if _depends(entry.value, (module, entry.block, entry.start), function, project, depth + 1):
                        return True
                    continue
                if isinstance(entry, f.Param) and _is_settings(function, entry, project):
                    continue
                return True
            return False
        case f.Attr(value=value):
            return inner(value)
        case f.Joined(parts=items) | f.Display(items=items) | f.Choice(options=items):
            return any(inner(item) for item in items)
        case f.Binary(left=left, right=right):
            return inner(left) or inner(right)
        case f.Mapping(items=pairs):
            return any(inner(value) for _, value in pairs)
        case f.CallRef(index=index):
            made = module.facts.calls[index]
            receiver = isinstance(made.func, f.Attr) and inner(made.func.value)
            return depth > 6 or receiver or any(inner(arg.value) for arg in made.args)
        case f.Sub(value=value, items=items):
            return inner(value) or any(inner(item) for item in items)
    return True


def _is_fixed(module: Module, value: f.CallRef, project: Project) -> bool:
    """Whether a call gives settings, or reads the environment."""
    call = module.facts.calls[value.index]
    if environment_read(module, call) is not None:
        return True
    made = project.types.call_type(module, value.index)
    return (
        project.types.is_instance(made, "pydantic_settings.BaseSettings", "pydantic.BaseSettings")
        or (f.last_name(call.func).lower().endswith(("settings", "config")) and not call.args)
        or f.last_name(call.func) in ("Timeout", "ClientTimeout", "Limits", "Config", "Session")
    )


def _is_settings(function: Function, param: f.Param, project: Project) -> bool:
    """Whether a parameter is the application's settings, the same at every request."""
    value = project.types.parameter(function, param)
    return project.types.is_instance(value, "pydantic_settings.BaseSettings", "pydantic.BaseSettings")


def _trail(function: Function, reached: _Reached, check: Check) -> list[Related]:
    """The functions from the endpoint down to the one that makes the client."""
    chain = [function]
    while chain[-1] in reached.caller and len(chain) <= _MOST_STEPS + 1:
        chain.append(reached.caller[chain[-1]])
    if len(chain) == 1:
        return []
    return [check.related(each, f"`{each.qualname}`", module=each.module) for each in reversed(chain)]
