"""FAPI707: clients that are made anew for every request. What counts as a client is in the catalogue."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fastapi_lint import catalog
from fastapi_lint.finding import Finding, Related, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function, FunctionObject, Module
from fastapi_lint.model.calls import NO_SETTINGS, conditions, is_in_loop, only_value
from fastapi_lint.model.data import (
    Particular,
    Root,
    Usage,
    for_want_of,
    hands_back,
    is_kept,
    is_on_miss,
    nearest_root,
    only_tries,
    roots,
    usage_of,
)
from fastapi_lint.model.names import walk
from fastapi_lint.model.types import Where
from fastapi_lint.rule import Check, rule

_SHARED_ARGUMENTS = frozenset({
    "timeout", "headers", "follow_redirects", "http2", "limits", "trust_env", "decode_responses", "max_retries",
    "params",
})  # fmt: skip
"""What can be given to a single request as well, so that it is no reason for a client of one's own."""
_OWN_ARGUMENTS = frozenset({"connector", "transport", "mounts", "http_client", "app", "botocore_session", "*", "**"})
"""What makes a client another one on purpose."""
_ALTERNATIVE = "from_"
"""What the class methods are called like that make a client in another way (`Redis.from_url`)."""
_SHARING = frozenset({"from_pool"})
_PROXIES = frozenset({"proxy", "proxies"})
_SAME = frozenset({"httpx.Proxy", "os.environ.get", "os.getenv", "str"})
"""Calls that give the same proxy each time; a function of somebody's may give them out in turn."""
_TRANSPORTS = frozenset({"httpx.AsyncHTTPTransport", "httpx.HTTPTransport"})
_TRIES = re.compile(
    r"(?:^|_)test(?:_|$)|(?:^|_)(?:verify|check|validate|try)_(?:\w{1,60}_)?(?:connection|server|config|configuration|credentials)$"
)
"""Endpoints that try what they are given, if they tell no more than whether it works: the client has to be new."""
_STANDS_IN = re.compile(r"(?:^|_)(?:mock|fake|stub|dummy)(?:_|$)", re.IGNORECASE)
"""What makes a client for others to use, which may be none that asks anybody, if nobody is seen to ask with it."""
_ONCE = re.compile(r"(?<![a-z])(?:login|signin|callback|oauth2?|oidc|sso|install|setup|import)(?![a-z])", re.IGNORECASE)
"""Endpoints that run once for a user or an installation, if they are called after what they do."""
_BROUGHT = frozenset({"code", "state", "ticket", "token", "id_token", "error"})
"""What a browser brings along that comes back from where somebody has signed in."""
_REQUESTS = ("fastapi.Request", "starlette.requests.Request", "fastapi.Response", "starlette.responses.Response")
_SENDS = frozenset({"RedirectResponse", "set_cookie", "encode"})


@rule("FAPI707", needs_requests=True)
def client_per_request(module: Module, check: Check) -> Iterator[Finding]:
    """A client is made for every request.

    Why is this bad?
    A client keeps connections open to use them again, and some keep tokens or keys. Made for each request it never
    does: every call pays for DNS, TCP and TLS (or a login) once more, sockets in TIME_WAIT pile up under load, limits
    on connections have no effect, and a client that is not closed leaks what it has opened.

    Make it once in the lifespan, keep it in the state of the app (or in a cached factory), and hand it to endpoints
    with a dependency.

    Known limits
    Only clients that have something to lose count: those of the catalogue. A client whose address, credentials or
    transport depend on the request is left alone; headers and timeouts can be given to each call instead, unless
    another library drives the client. So are clients that are kept in an attribute, a global or a cache, or stand in
    for another one in an `except`, endpoints that are named for trying a connection (`test_connection`) and give
    nothing back of what came, and what only background workers, scripts, WebSockets, start-up code and tests do.
    Engines and pools of databases are another rule's (`engine-per-request`). One that a login or a callback makes and
    closes is information.

    References
    - [HTTPX: clients](https://www.python-httpx.org/advanced/clients/)
    - [Lifespan events](https://fastapi.tiangolo.com/advanced/events/)
    """
    if module.is_test:
        return
    project = check.project
    words = module.words_for(catalog.client_words())
    for function in module.functions:
        for call in function.calls:
            name = f.last_name(call.func)
            if not name or not (name[0].isupper() or name in words or name.startswith(_ALTERNATIVE)):
                continue
            entry = _entry(project.called_name(module, call) or "")
            if entry is None or entry.pool or is_kept(function, call) or is_on_miss(function, call):
                continue
            if _stands_in(function, call, check):
                continue
            usage = usage_of(project, function, call)
            if _is_particular(Particular(project, function), call, entry, usage):
                continue
            carries, wanted = hands_back(function, call), for_want_of(function, call)
            root = nearest_root(project, function, carries=carries, unless_given=wanted)
            if root is None or (carries and _STANDS_IN.search(function.name) and _is_dropped(root)):
                continue
            if _TRIES.search(root.function.name) and only_tries(project, root, function, call):
                continue
            is_rare = usage.is_closed and _is_rare(root, check)
            if is_rare:  # unless something else runs it, too
                others = roots(project, function, carries=carries, unless_given=wanted)
                root = next((each for each in others if not _is_rare(each, check)), root)
                is_rare = _is_rare(root, check)
            shown = module.source.slice(call.start, call.name_end)
            yield check.finding(
                (call.start, call.name_end),
                f"`{shown}` is made {_when(function, call, root, check)}",
                why=entry.why + ("" if not entry.handshake or usage.is_plain else f", {entry.handshake}"),
                instead=("cache the answer, or " if usage.is_constant else "") + entry.instead,
                severity=Severity.INFO if is_rare else None,
                related=_trail(function, root, check),
                chain=True,
            )


def _stands_in(function: Function, call: f.Call, check: Check) -> bool:
    """Whether a client is made where another one of its library has failed, as far as is known."""
    module, blocks = function.module, function.module.facts.blocks
    top = (check.project.called_name(module, call) or "").split(".", 1)[0]
    for index in module.blocks_around(call.block):
        if blocks[index].kind == "except":
            tried = next(
                blocks[each] for each in module.children.get(blocks[index].parent, ()) if blocks[each].kind == "body"
            )
            inside = [each for each in function.calls if tried.start <= each.start < tried.end]
            return any(_may_use(module, each, top, check) for each in inside)
    return False


def _may_use(module: Module, call: f.Call, top: str, check: Check, depth: int = 1) -> bool:
    """Whether a call uses a client of a library, by itself or in a function of the project that it calls."""
    callee = check.project.callee(module, call)
    if isinstance(callee, FunctionObject):
        function = callee.function
        return depth == 0 or any(_may_use(function.module, each, top, check, depth - 1) for each in function.calls)
    name = check.project.called_name(module, call)
    return name is None or name.split(".", 1)[0] == top


def _entry(name: str) -> catalog.Client | None:
    """What is known of a client that a call makes: by its class, or by a class method of that."""
    owner, _, last = name.rpartition(".")
    is_alternative = last.startswith(_ALTERNATIVE) and last not in _SHARING
    return catalog.client(name) or (catalog.client(owner) if is_alternative else None)


def _is_particular(particular: Particular, call: f.Call, entry: catalog.Client, usage: Usage) -> bool:
    """Whether an argument that makes the client what it is comes from the request."""
    where = (particular.function.module, call.block, call.start)
    if isinstance(call.func, f.Attr) and particular.depends(call.func.value, where):
        return True  # of a session with its own credentials
    if any(arg.name in entry.kept_by and not particular.depends(arg.value, where) for arg in call.args):
        return True  # what would be lost is kept in there
    shared = frozenset[str]() if usage.is_handed_on else _SHARED_ARGUMENTS
    return any(
        arg.name in _OWN_ARGUMENTS
        or particular.depends(arg.value, where)
        or (arg.name in _PROXIES and _is_given_out(particular, arg.value, where[0]))
        for arg in call.args
        if arg.name not in shared and not _is_made_alike(particular, arg, where)
    )


def _is_given_out(particular: Particular, value: f.Expr, module: Module) -> bool:
    """Whether a call says which proxy is taken."""
    made = [module.facts.calls[part.index] for part in walk(value) if isinstance(part, f.CallRef)]
    return any(particular.project.called_name(module, call) not in _SAME for call in made)


def _is_made_alike(particular: Particular, arg: f.Arg, where: Where) -> bool:
    """Whether a transport is made in the function itself, each time the same, and not for an app of this process."""
    project, value, module = particular.project, arg.value, where[0]
    if isinstance(value, f.Name):
        value = only_value(project.types.find_bindings(value.id, where), value.id) or value
    call = module.facts.calls[value.index] if isinstance(value, f.CallRef) else None
    if arg.name != "transport" or call is None or module.enclosing(call.block) is not particular.function:
        return False
    if project.called_name(module, call) not in _TRANSPORTS:
        return False
    place = (module, call.block, call.start)
    return not any(particular.depends(one.value, place) for one in call.args)


def _when(function: Function, call: f.Call, root: Root, check: Check) -> str:
    where = f"{root.kind} `{root.function.name}`"
    branches = check.project.effects.branches
    places = [(function, call.block, call.start), *((caller, step.block, step.start) for caller, step in root.steps)]
    if any(
        at in conditions(each.module) or branches.is_conditional(each, NO_SETTINGS, block, at)
        for each, block, at in places
    ):
        by = "" if function is root.function else f", by `{function.qualname}`"
        return f"when {where} gets there{by}"
    turning = next((each for each, block, _ in places if is_in_loop(each, block)), None)
    if turning is not None:
        by = f" in `{turning.qualname}`" if turning is not root.function else ""
        by = by or (f", by `{function.qualname}`" if function is not root.function else "")
        return f"in {where}, at every turn of a loop{by}"
    if function is root.function:
        return f"in {where}"
    return f"for every call of {where}, by `{function.qualname}`"


def _is_dropped(root: Root) -> bool:
    """Whether nothing is done with what a function gives to who calls it."""
    return any(step.call is not None and step.call.use == "statement" for _, step in root.steps[-1:])


def _is_rare(root: Root, check: Check) -> bool:
    """Whether an endpoint runs once for a login or an installation: by its name or its path, unless it only reads."""
    texts = [root.function.name.replace("_", " "), *(route.path for route in root.routes)]
    if root.kind != "endpoint" or not any(_ONCE.search(text) for text in texts):
        return False
    return any(route.methods != ("GET",) for route in root.routes) or _may_sign_in(root.function, check)


def _may_sign_in(function: Function, check: Check) -> bool:
    """Whether an endpoint may send a browser to where somebody signs in, or get it back from there."""
    types = check.project.types
    for param in function.params:
        if param.name in _BROUGHT or types.is_instance(types.parameter(function, param), *_REQUESTS):
            return True
    names = [check.project.called_name(function.module, call) for call in function.calls]
    return any(name is None or name.rpartition(".")[2] in _SENDS for name in names)


def _trail(function: Function, root: Root, check: Check) -> list[Related]:
    """The functions from the endpoint down to the one that makes the client."""
    chain = [*root.functions, function] if root.steps else []
    return [check.related(each, f"`{each.qualname}`", module=each.module) for each in chain]
