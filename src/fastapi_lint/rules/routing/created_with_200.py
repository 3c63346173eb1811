"""FAPI302: POST operations that create something and answer 200."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

import libcst as cst

from fastapi_lint.files.source import Source
from fastapi_lint.finding import Edit, Finding, Fix, Safety, Severity
from fastapi_lint.fixing.edits import importing, replace_argument_value, with_argument
from fastapi_lint.fixing.edits.calls import call_node
from fastapi_lint.index import facts as f
from fastapi_lint.model import (
    Class,
    ClassObject,
    External,
    Function,
    FunctionObject,
    Instance,
    Method,
    Module,
    Project,
    Route,
)
from fastapi_lint.model.calls import Step, Trail
from fastapi_lint.model.routing import placeholders, returns_response
from fastapi_lint.model.values import UNKNOWN
from fastapi_lint.rule import Check, rule

_VERBS = frozenset({"create", "add", "register", "new", "signup"})
_WORDS = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")
_ACTIONS = frozenset({
    "login", "signin", "logout", "signout", "token", "tokens", "auth", "authenticate", "authorize", "session", "oauth",
    "callback", "refresh", "verify", "verification", "verifications", "validate", "validation", "confirm", "check",
    "search", "query", "filter", "find", "list", "lookup", "count", "upload", "uploads", "webhook", "webhooks", "hook",
    "hooks", "notify", "send", "resend", "reset", "recover", "forgot", "run", "execute", "invoke", "trigger", "start",
    "stop", "restart", "pause", "resume", "cancel", "retry", "process", "predict", "generate", "completion",
    "completions", "chat", "embedding", "embeddings", "infer", "inference", "classify", "analyze", "analyse",
    "analysis", "parse", "convert", "transform", "translate", "calculate", "compute", "estimate", "preview", "test",
    "ping", "sync", "import", "export", "download", "publish", "subscribe", "unsubscribe", "enable", "disable",
    "activate", "deactivate", "approve", "reject", "accept", "decline", "assign", "unassign", "move", "copy", "merge",
    "update", "edit", "set", "save", "upsert", "patch", "delete", "deletion", "remove", "clear", "bulk", "batch", "get",
    "or", "fetch", "read", "load", "url", "presigned", "link", "checkout", "pay", "payment", "rpc", "graphql", "proxy",
    "action", "actions", "event", "events", "track", "log", "logs", "metrics", "report", "feedback", "heartbeat",
    "like", "unlike", "vote", "follow", "unfollow", "favorite", "favourite", "favorites", "toggle", "mark", "seed",
    "init", "setup", "migrate", "stream", "ask", "tts", "transcribe", "to", "job", "jobs", "task", "tasks", "otp",
    "code", "challenge", "apply", "deploy", "render", "ingest", "replace", "restore", "archive", "unarchive",
    "exchange", "impersonate", "invite", "attempt", "attempts", "interaction", "interactions", "permissions", "roles",
    "scopes", "tags", "settings", "config", "configuration", "preferences", "password", "reindex", "index", "scan",
    "evaluate", "score", "compare", "summarize", "summary",
})  # fmt: skip
"""Words of a path's last piece or of a handler's name that speak of doing something, not of a new resource."""
_MONGO = frozenset({"insert_one", "insert_many"})
_SESSION = frozenset({"add", "add_all", "bulk_save_objects", "bulk_insert_mappings"})
_SESSION_NAMES = frozenset({"session", "db", "db_session", "async_session", "_session", "_db", "dbsession"})
_CREATORS = frozenset({"create", "acreate", "bulk_create", "insert", "insert_many", "insert_one", "objects"})
_LIBRARIES = ("tortoise.", "peewee.", "ormar.", "django.", "beanie.", "gino.", "piccolo.", "mongoengine.", "odmantic.")
_FINDS = re.compile(r"upsert|(?:get|find|fetch|update|load)_or_|_or_(?:get|update|find)(?:_|$)|^merge$", re.IGNORECASE)
_MOST_STEPS = 4
_CONSTANTS = re.compile(rb"^from starlette\.status import", re.M)


@rule("FAPI302", severity=Severity.INFO, fix=Safety.UNSAFE)
def created_with_200(module: Module, check: Check) -> Iterator[Finding]:
    """A POST that creates a resource answers 200 instead of 201.

    Why is this bad?
    201 tells a client, a cache and a log that something new exists; 200 says only that the request went well. Generated
    clients and tests that follow the OpenAPI document inherit the difference.

    An operation creates when its handler, or a function it calls, inserts into the database, or when its name and path
    say so (`create_user` on `/users`).

    Fix safety
    The status code changes: clients that compare it with 200 must follow.

    Known limits
    Actions (login, search, send, run and the like), handlers that set the status themselves or return a response
    object, and paths that end in a placeholder are left alone. So are operations that document their 200 (in
    `responses=`) or answer 201 under another path, and those that may update what is there: they call something like
    `upsert` or `get_or_create`.

    References
    - [FastAPI: response status code](https://fastapi.tiangolo.com/tutorial/response-status-code/)
    - [RFC 9110: 201 Created](https://www.rfc-editor.org/rfc/rfc9110.html#name-201-created)
    """
    project = check.project
    reported: set[int] = set()
    for route in project.routes.by_module.get(module, ()):
        handler = route.handler
        if handler is None or route.methods != ("POST",) or route.has_unpacked or route.module.is_test:
            continue
        given = route.keyword("status_code")
        path = _path(route)
        if path is None or (given is not None and route.status_code != 200):
            continue
        if route.start in reported or not _may_create(handler.name, path):
            continue
        trail = _insertion(handler, project)
        if (trail is None and not (_says_so(handler.name, path) and _is_thing(handler.name, path))) or (
            trail is not None and not _is_collection(handler.name, path)
        ):
            continue
        if trail is None and any(f.last_name(call.func) == "add_task" for call in handler.calls):
            continue  # what is made comes later
        if _is_decided(handler, project) or _sets_status(handler, project) or _may_find(handler, trail):
            continue
        reported.add(route.start)
        reason = f"it inserts with `{trail.effect}`" if trail is not None else "as its name says"
        last = trail.steps[-1] if trail is not None else None
        yield check.finding(
            route,
            f"`{handler.name}` creates something ({reason}) but answers 200: clients cannot tell that it is new; "
            "set `status_code=201`",
            related=[check.related(last, "inserted here", module=last.module)] if last is not None else [],
            fix=partial(_fix, route, given),
        )


def _is_decided(handler: Function, project: Project) -> bool:
    """Whether somebody has thought about the status: it is 201 under some path, or the 200 is documented."""
    routes = project.routes.by_handler.get(handler, ())
    return any(route.status_code == 201 or _documents_200(route) for route in routes)


def _path(route: Route) -> str | None:
    """The longest known end of the path; None when not even the last piece is known."""
    path = route.path
    if not path.strip("/") and (router := route.router) is not None:
        path = router.prefix
        if not path.strip("/"):
            path = next((address.path for address in route.addresses), "")
    last = path.rstrip("/").rsplit("/", 1)[-1]
    return None if UNKNOWN in last else path


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORDS.findall(text)]


def _may_create(name: str, path: str) -> bool:
    last = path.rstrip("/").rsplit("/", 1)[-1]
    if placeholders(last) or "{" in last or ":" in last:
        return False
    words = _words(name)
    if last.startswith("add") and "{" in path:
        return False  # something that exists is put into something that exists
    return not (set(_words(last)) & _ACTIONS or set(words) & _ACTIONS)


def _says_so(name: str, path: str) -> bool:
    words = _words(name)
    last = _words(path.rstrip("/").rsplit("/", 1)[-1])
    if words[:1] == ["add"] and "{" in path:
        return False  # something that exists may be put into something that exists
    return bool(words) and (words[0] in _VERBS or bool(last and last[0] in _VERBS))


def _is_thing(name: str, path: str) -> bool:
    """Whether the last piece of the path is a collection, the thing that the name speaks of, or the verb itself."""
    last = _words(path.rstrip("/").rsplit("/", 1)[-1])
    if not last or last[0] in _VERBS:
        return True
    thing = last[-1]
    return (thing.endswith("s") and not thing.endswith("ss")) or any(
        word.rstrip("s") == thing.rstrip("s") for word in _words(name)[1:]
    )


def _is_collection(name: str, path: str) -> bool:
    """Whether what is posted to can be a collection: a plural, the router itself, or the thing that is created."""
    return _is_thing(name, path) or _says_so(name, path)


def _sets_status(handler: Function, project: Project) -> bool:
    """Whether the handler decides on the status itself."""
    for entry in handler.module.facts.assigns:
        sets = isinstance(entry.target, f.Attr) and entry.target.attr == "status_code"
        if sets and handler.module.facts.blocks[entry.block].function == handler.index:
            return True
    return returns_response(handler, project.types) or any(
        returns_response(one, project.types) for one in _answering(handler, project)
    )


def _documents_200(route: Route) -> bool:
    """Whether the operation says itself what its 200 means."""
    given = route.keyword("responses")
    return (
        given is not None
        and isinstance(given.value, f.Mapping)
        and any(isinstance(key, f.Const) and key.value in (200, "200") for key, _ in given.value.items)
    )


def _may_find(handler: Function, trail: Trail[str] | None) -> bool:
    """Whether the handler, or a function on the way to the insert, may give or change what is there already."""
    on_the_way = [step.function for step in trail.steps if step.function is not None] if trail is not None else []
    if any(_FINDS.search(each.name) for each in on_the_way):
        return True
    return any(_FINDS.search(f.last_name(call.func)) for call in handler.calls)


def _answering(handler: Function, project: Project) -> Iterator[Function]:
    """The project's functions whose result the handler returns as it is: one may answer with a response object."""
    for leaving in handler.exits:
        value = leaving.value.value if isinstance(leaving.value, f.Await) else leaving.value
        if leaving.kind == "return" and isinstance(value, f.CallRef):
            callee = project.callee(handler.module, handler.module.facts.calls[value.index])
            if isinstance(callee, FunctionObject):
                yield callee.function


def _insertion(handler: Function, project: Project) -> Trail[str] | None:
    """The way to the nearest insert; None when there is none, or when it is too far off to be the handler's purpose."""
    effects = project.effects
    trail = effects.search(handler, lambda each, _: _inserting(each, project), effects.inserting, through_await=True)
    if trail is None or trail.length > _MOST_STEPS:
        return None
    if trail.length > 1 and not (_about_creation(trail) and _VERBS & set(_words(handler.name))):
        return None
    return trail


def _inserting(function: Function, project: Project) -> tuple[Step, str] | None:
    for call in function.calls:
        if written := _inserts(function.module, call, project):
            return Step(function.module, call.start, call.name_end, None, call, written), written
    return None


def _about_creation(trail: Trail[str]) -> bool:
    """Whether the functions on the way speak of creating; else the insert may be a log entry or a session."""
    names = [step.function.name for step in trail.steps if step.function is not None]
    return any(word in _VERBS for name in names for word in _words(name)) and not any(
        word in _ACTIONS for name in names for word in _words(name)
    )


def _inserts(module: Module, call: f.Call, project: Project) -> str | None:
    """What inserts, as written, when a call does."""
    name = call.func.attr if isinstance(call.func, f.Attr) else call.func.id if isinstance(call.func, f.Name) else ""
    if name not in _MONGO and name not in _SESSION and name not in _CREATORS:
        return None
    written = module.source.slice(call.start, call.name_end)
    written = written if len(written) < 40 and "\n" not in written else name
    match project.callee(module, call):
        case Method(cls=cls, name=method):
            if method in _SESSION and cls.rsplit(".", 1)[-1] in ("Session", "AsyncSession", "scoped_session"):
                return written
            if method in _CREATORS and cls.startswith(_LIBRARIES):
                return written
            if method in _MONGO and cls.startswith(("pymongo.", "motor.")):
                return written
        case External(name=full) if full.startswith("sqlalchemy.") and full.endswith(".insert"):
            return written
        case External(name=full) if full.startswith(_LIBRARIES) and name in _CREATORS:
            return written
        case None if isinstance(call.func, f.Attr):
            receiver = call.func.value
            known = (
                receiver.id if isinstance(receiver, f.Name) else receiver.attr if isinstance(receiver, f.Attr) else ""
            )
            owner = project.infer(receiver, module, call.block, call.start)
            if owner is None and (name in _MONGO or (name in _SESSION and known in _SESSION_NAMES)):
                return written
            model = owner.cls if isinstance(owner, (ClassObject, Instance)) else None
            if name in _CREATORS and isinstance(model, Class):
                bases = [base for base in project.types.mro(model) if isinstance(base, str)]
                if any(base.startswith(_LIBRARIES) for base in bases):
                    return written
    return None


def _fix(route: Route, given: f.Arg | None) -> Fix | None:
    opened = call_node(route.module, route.call) if route.call.args else None
    found = _created(route.module, *opened) if opened is not None else None
    if opened is None or found is None:
        return None
    (source, node), (code, edits) = opened, found
    if given is None:
        made = with_argument(source, node, f"status_code={code}")
    else:
        made = (replace_argument_value(source, node.args[route.call.args.index(given)], code),)
    return Fix("Answer 201", Safety.UNSAFE, (*edits, *made))


def _created(module: Module, source: Source, node: cst.Call) -> tuple[str, tuple[Edit, ...]] | None:
    """201 as this module writes status codes, and what has to be imported for it."""
    constant = importing(source, "starlette.status", "HTTP_201_CREATED", at=node, also=("fastapi.status",))
    if constant is not None and (not constant[1] or _CONSTANTS.search(source.data)):
        return constant
    given = [arg.value for call in module.facts.calls for arg in call.args if arg.name == "status_code"]
    if any(isinstance(value, f.Const) and value.value != 200 for value in given):
        return "201", ()
    found = importing(source, "fastapi", "status", at=node)
    return None if found is None else (f"{found[0]}.HTTP_201_CREATED", found[1])
