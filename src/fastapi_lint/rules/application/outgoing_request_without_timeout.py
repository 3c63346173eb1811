"""FAPI728: requests to other services, made for clients, that may wait for ever themselves."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from fastapi_lint.finding import Finding, Fix, Safety
from fastapi_lint.fixing.edits import replace_argument_value, with_argument
from fastapi_lint.fixing.edits.calls import call_node
from fastapi_lint.index import facts as f
from fastapi_lint.model import Class, External, Function, Instance, Method, Module, Project
from fastapi_lint.model.application import role_of
from fastapi_lint.model.calls import Given, bound_names, given
from fastapi_lint.model.data import Root, nearest_root
from fastapi_lint.model.names import Partial, Type
from fastapi_lint.model.taint import leads_nowhere
from fastapi_lint.model.types import Where, is_none
from fastapi_lint.rule import Check, rule

_VERBS = frozenset({"get", "post", "put", "patch", "delete", "head", "options", "request"})
_MAKERS = frozenset(
    {"httpx.Client", "httpx.AsyncClient", "httpx2.Client", "httpx2.AsyncClient", "aiohttp.ClientSession"}
)
_LASTS = _VERBS | {"urlopen", "Client", "AsyncClient", "ClientSession"}
_LIMITS = frozenset({
    "asyncio.timeout", "asyncio.timeout_at", "anyio.fail_after", "anyio.move_on_after", "async_timeout.timeout",
})  # fmt: skip
_TIMEOUTS = {"httpx.Timeout": "timeout", "httpx2.Timeout": "timeout", "aiohttp.ClientTimeout": "total"}
_SECONDS = "10"
_ROLES = ("endpoint", "dependency", "websocket")
"""For what a task runs."""


@rule("FAPI728", fix=Safety.UNSAFE, words={"requests", "urlopen", "timeout", "httpx", "aiohttp"}, needs_requests=True)
def outgoing_request_without_timeout(function: Function, check: Check) -> Iterator[Finding]:
    """A request to another service, made for a client, has no time limit.

    Why is this bad?
    A peer that accepts the connection and says nothing is waited for until somebody restarts the server. Each such call
    holds a thread of the pool, or the request: forty of them, and no synchronous endpoint answers any more. `requests`
    and `urllib` have no limit of their own, and `timeout=None` takes those of HTTPX and aiohttp away.

    Fix safety
    The fix adds the limit that the module uses elsewhere; where there is none, it only shows one. It is unsafe because
    a request that takes longer raises an exception then.

    Known limits
    Functions that requests do not reach are left alone, and so are calls whose options are not known, sessions with an
    adapter or a class of their own, streams, calls inside of `asyncio.timeout()` or `wait_for()`, addresses of files
    (`file:`, by how they begin or by a test before), and tests.

    References
    - [Requests: timeouts](https://requests.readthedocs.io/en/latest/user/advanced/#timeouts)
    - [HTTPX: timeouts](https://www.python-httpx.org/advanced/timeouts/)
    - [urllib.request.urlopen](https://docs.python.org/3/library/urllib.request.html#urllib.request.urlopen)
    """
    module = function.module
    if module.is_test:
        return
    names = _LASTS.union(one.alias for one in module.facts.imports if one.alias and one.name in _LASTS)
    names |= check.project.about(_bound)
    for call in function.calls:
        if f.last_name(call.func) not in names and not any(f.last_name(arg.value) in names for arg in call.args):
            continue
        where = (module, call.block, call.start)
        target, args = check.project.taint.tracing.callee(call, where)
        waits = _waits(target, call, args, where, check)
        if not waits or _is_limited(module, call, check) or _is_stream(function, call, target):
            continue
        if target == External("urllib.request.urlopen") and _is_of_a_file(args, where, check):
            continue
        root = nearest_root(check.project, function, carries=False)
        if root is None and role_of(check.project, function) not in _ROLES:
            continue
        value = _timeout(module, call, check)
        is_direct = check.project.callee(module, call) == target
        shown = module.source.slice(call.start, call.name_end) if is_direct else _shown(target)
        yield check.finding(
            (call.start, call.name_end),
            f"`{shown}` waits without a limit, {_for_whom(function, root)}",
            why="a peer that hangs holds a thread or the request for ever",
            instead="give it a `timeout`",
            related=[
                check.related(each, f"`{each.qualname}`", module=each.module)
                for each in (root.functions if root else ())
            ],
            chain=True,
            fix=partial(_fix, module, call, value) if is_direct and not _takes_more_than_seconds(target) else None,
        )


def _bound(project: Project) -> frozenset[str]:
    """The names of partials of what sends requests."""
    return bound_names(project.modules, _LASTS)


def _takes_more_than_seconds(target: Type) -> bool:
    """Whether a limit is no number: a request of aiohttp takes a `ClientTimeout`."""
    return isinstance(target, Method) and target.cls == "aiohttp.ClientSession"


def _for_whom(function: Function, root: Root | None) -> str:
    """Who waits: the endpoint or dependency; a background task by its own name."""
    if root is None:
        named = function.parent if function.name == "<lambda>" and function.parent is not None else function
        return f"in `{named.name}`, which requests run"
    return f"{'in' if root.function is function else 'for'} {root.kind} `{root.function.name}`"


def _shown(target: Type) -> str:
    """What is handed to a thread, by its name."""
    match target:
        case External(name=name):
            return name
        case Method(cls=cls, name=name):
            return f"{cls.rpartition('.')[2]}.{name}"
    return "it"


def _waits(target: Type, call: f.Call, args: tuple[f.Arg, ...], where: Where, check: Check) -> bool:
    """Whether a call sends a request, or makes what sends them, and there is no limit to how long that takes."""
    name = check.project.types.name_of_type(target) or ""
    value = _timeout(where[0], call, check)
    if value is not None:
        return name.startswith(("requests.", "httpx.", "httpx2.", "aiohttp.", "urllib.request.")) and _is_endless(
            value, check
        )
    match target:
        case External(name="urllib.request.urlopen"):
            positional = [arg for arg in args if arg.name in ("", "*")]
            return len(positional) < 3 and not any(arg.name == "*" for arg in positional) and not _has_default(check)
        case External(name=name):
            package, _, last = name.rpartition(".")
            return package in ("requests", "requests.api") and last in _VERBS
        case Method(cls=cls, name=method) if cls.startswith("requests.") and cls.endswith("Session"):
            return method in _VERBS and not _has_own_limit(call, where, check)
        case Method(cls=cls, name=method) if cls in _MAKERS:
            return method in _VERBS and _is_made_endless(call, where, check)
    return False


def _is_made_endless(call: f.Call, where: Where, check: Check) -> bool:
    """Whether the client that a call is made on is kept, and was made without a limit (`timeout=None`)."""
    kind = check.project.infer(call.func.value, *where) if isinstance(call.func, f.Attr) else None
    made = kind.origin if isinstance(kind, Instance) else None
    value = _timeout(made.module, made.facts, check) if made is not None else None
    if made is None or value is None or not _is_endless(value, check):
        return False
    maker = made.module.enclosing(made.facts.block)
    if maker is None:
        return True
    is_reported = (
        nearest_root(check.project, maker, carries=True) is not None or role_of(check.project, maker) in _ROLES
    )
    return not is_reported  # made for each request, it is spoken of where it is made


def _is_of_a_file(args: tuple[f.Arg, ...], where: Where, check: Check) -> bool:
    """Whether nobody is waited for: the address is one of a file, or a test before has found that it is."""
    address = next((arg.value for arg in args if arg.name in ("", "url")), None)
    tracing = check.project.taint.tracing
    return address is not None and leads_nowhere(tracing, tracing.holding, address, where)


def _timeout(module: Module, call: f.Call, check: Check) -> Given | None:
    """The limit that a call gives, or the partial that it hands to a thread has bound."""
    value = given(check.project.values, module, call, "timeout")
    if value is None and call.args:
        handed = check.project.infer(call.args[0].value, module, call.block, call.start)
        if isinstance(handed, Partial) and handed.made is not None:
            return given(check.project.values, handed.made.module, handed.made.facts, "timeout")
    return value


def _is_endless(value: Given, check: Check) -> bool:
    if is_none(value.value):
        return True
    if isinstance(value.value, f.Name):  # a constant of the module
        found = check.project.types.find_bindings(value.value.id, value.where)
        entry = found[0].entry if len(found) == 1 else None
        blocks = value.where[0].facts.blocks
        return isinstance(entry, f.Assign) and is_none(entry.value) and blocks[found[0].block].function < 0
    if isinstance(value.value, f.CallRef):
        module = value.where[0]
        call = module.facts.calls[value.value.index]
        keyword = _TIMEOUTS.get(check.project.called_name(module, call) or "")
        if keyword is not None and len(call.args) == 1:
            return call.args[0].name in ("", keyword) and is_none(call.args[0].value)
    return False


def _has_default(check: Check) -> bool:
    """Whether sockets of the program have a limit of their own."""
    return any(
        check.project.called_name(module, module.facts.calls[index]) == "socket.setdefaulttimeout"
        for module, index in check.project.modules.calls_by_name.get("setdefaulttimeout", ())
    )


def _has_own_limit(call: f.Call, where: Where, check: Check) -> bool:
    """Whether a session may add a limit: by its class, by an adapter of the project, by what replaces its methods."""
    if not isinstance(call.func, f.Attr):
        return True
    project, receiver = check.project, call.func.value
    kind = project.infer(receiver, *where)
    if isinstance(kind, Instance) and isinstance(kind.cls, Class):
        bases = [base for base in project.types.mro(kind.cls) if isinstance(base, Class)]
        if any({"request", "send", "__init__"} & base.methods.keys() for base in bases):
            return True
    origin = kind.origin if isinstance(kind, Instance) else None
    for module, index in project.modules.calls_by_name.get("mount", ()):
        mount = module.facts.calls[index]
        if not isinstance(mount.func, f.Attr) or len(mount.args) < 2:
            continue
        adapter = project.infer(mount.args[1].value, module, mount.block, mount.start)
        if isinstance(adapter, Instance) and not isinstance(adapter.cls, Class):
            continue  # one of the library, which has no limit
        owner = project.infer(mount.func.value, module, mount.block, mount.start)
        other = owner.origin if isinstance(owner, Instance) else None
        if project.types.is_instance(owner, "requests.Session") and (origin is None or other in (None, origin)):
            return True
    return any(
        isinstance(assign.target, f.Attr)
        and assign.target.attr in ("request", "send")
        and assign.target.value == receiver
        for assign in where[0].facts.assigns
    )


def _is_limited(module: Module, call: f.Call, check: Check) -> bool:
    """Whether somebody around limits the time: `async with asyncio.timeout(5)`, `wait_for(..., 5)`."""
    for block in module.block_chain(call.block):
        if block.kind == "with" and isinstance(block.test, f.CallRef):
            if check.project.called_name(module, module.facts.calls[block.test.index]) in _LIMITS:
                return True
    function = module.facts.blocks[call.block].function
    return any(
        f.last_name(other.func) == "wait_for" and other.start < call.start and call.end <= other.end
        for other in module.calls_in.get(function, ())
    )


def _is_stream(function: Function, call: f.Call, target: Type) -> bool:
    """Whether what is read goes on for as long as there is something to tell."""
    stream = f.keyword(call, "stream")
    if stream is not None and stream.value != f.Const(False):
        return True
    is_made = isinstance(target, External) and target.name in _MAKERS
    text = function.module.text[function.facts.start : function.facts.end]
    return b"event-stream" in text or (is_made and (b".stream(" in text or b"stream=" in text or b"sse" in text))


def _fix(module: Module, call: f.Call, value: Given | None) -> Fix | None:
    found = call_node(module, call)
    if found is None or any(arg.name in ("*", "**") for arg in call.args):
        return None
    source, node = found
    timed = (module.facts.calls[index] for index in module.calls_by_keyword.get("timeout", ()))
    others = (f.keyword(each, "timeout") for each in timed if f.last_name(each.func) in _LASTS)
    used = next((each for each in others if each is not None and _is_number(each.value)), None)
    seconds = module.source.slice(used.start, used.end).partition("=")[2].strip() if used is not None else _SECONDS
    safety = Safety.UNSAFE if used is not None else Safety.DISPLAY
    if value is None:
        return Fix(f"Wait {seconds} seconds at most", safety, with_argument(source, node, f"timeout={seconds}"))
    if value.arg not in call.args:
        return None
    edit = replace_argument_value(source, node.args[call.args.index(value.arg)], seconds)
    return Fix(f"Wait {seconds} seconds at most", safety, (edit,))


def _is_number(value: f.Expr) -> bool:
    return isinstance(value, f.Const) and isinstance(value.value, (int, float)) and not isinstance(value.value, bool)
