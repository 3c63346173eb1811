"""FAPI304: GET endpoints whose name says that they change something, and that write to the database."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Class, Function, FunctionObject, Instance, Route
from fastapi_lint.model.calls import written
from fastapi_lint.model.database import Write
from fastapi_lint.model.names import stands_in
from fastapi_lint.rule import Check, rule

_READING = frozenset({"GET", "HEAD"})
_VERBS = frozenset({
    "delete", "remove", "create", "add", "update", "set", "toggle", "activate", "deactivate", "approve", "cancel",
    "send", "run",
})  # fmt: skip
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_ALLOWED = frozenset({
    "callback", "oauth", "oauth2", "saml", "sso", "oidc", "token", "login", "logout", "verify", "verification",
    "confirm", "confirmation", "unsubscribe", "sync", "refresh", "webhook",
})  # fmt: skip
"""Words of what has to be a GET: links in mails, and what a browser is sent to; and of copies of remote state."""
_NOTES = frozenset({
    "log", "logs", "audit", "event", "events", "history", "visit", "view", "hit", "click", "counter", "activity",
    "access", "stat", "stats", "metric", "statistic", "seen",
})  # fmt: skip

_AWAY = frozenset({"delete", "remove"})
_GIVEN = frozenset({"", "fastapi.Path", "fastapi.Query"})
_FARTHEST = 8
"""How many calls lead from an endpoint to what it changes, and not to what is set up on the way."""


@rule("FAPI304", severity=Severity.INFO, since="0.2.0", needs_requests=True)
def side_effect_in_get(route: Route, check: Check) -> Iterator[Finding]:
    """A GET endpoint is named for a change, and writes to the database.

    Why is this bad?
    GET is asked for without anybody's wish: by crawlers, previews of links, prefetching browsers, caches and retries. A
    cross-site image or link is enough to delete something for a user who is signed in.

    Make it a POST, PUT, PATCH or DELETE.

    Known limits
    Reported are endpoints whose own name, or the last piece of whose path, begins with a verb of change (delete,
    remove, create, add, update, set, toggle, activate, approve, cancel, send, run), and that write themselves or by
    functions of the project, not more than eight calls away: what is farther is set up at its first use. What looks
    something up before it adds it, logs and counters (by the name of the class, unless the row is what is answered),
    callbacks of a login and links in mails (by a word in the name or an address, unless it deletes what a number stands
    for; or as they take `code` and `state`) are left alone.

    References
    - [RFC 9110: safe methods](https://www.rfc-editor.org/rfc/rfc9110.html#name-safe-methods)
    - [FastAPI: path operation](https://fastapi.tiangolo.com/tutorial/first-steps/#operation)
    """
    handler = route.handler
    if handler is None or route.kind != "http" or route.module.is_test or not route.methods:
        return
    if not _READING.issuperset(route.methods) or (verb := _verb(route, handler)) is None:
        return
    if _is_sent_back(handler, check) or (
        _is_allowed(route, handler) and not _takes_away_by_number(handler, verb, check)
    ):
        return
    code = check.project.requests.of(route)
    for function in code.own if code is not None else ():
        for write in check.project.transactions.writes(function):
            if _is_note(function, write, check) or _is_looked_up(function, write, check):
                continue
            way = code.way(function) if code is not None else []
            at = way[0][1] if way else write.call
            if at is None or len(way) > _FARTHEST:
                continue
            shown = written(handler.module, at) or f.last_name(at.func)
            others = _others(route, handler, check)
            yield check.finding(
                handler,
                f"`{handler.name}` is a GET{' as well' if others else ''}, and changes the database with `{shown}`",
                why="crawlers, prefetching browsers, previews of links and other sites ask for it as well",
                instead=f"leave it to its `{others}`"
                if others
                else f"make it a `{'DELETE' if verb in ('delete', 'remove') else 'POST'}`",
                module=handler.module,
                related=[check.related((write.call.start, write.call.name_end), "it writes here", module=write.module)],
            )
            return


def _verb(route: Route, handler: Function) -> str | None:
    """The verb of change with which a handler's name or the last piece of its path begins; None when there is none."""
    last = next((piece for piece in reversed(route.path.strip("/").split("/")) if piece and "{" not in piece), "")
    name, path = _words(handler.name), _words(last)
    for words in (name, path):
        if words and words[0] in _VERBS:
            return words[0]
    return None


def _is_allowed(route: Route, handler: Function) -> bool:
    """Whether a handler or its path says that it is asked for by links, by what a browser is sent back to, or for a
    copy of what is elsewhere."""
    texts = [handler.name, route.path, *(address.path for address in route.addresses)]
    return any(not _ALLOWED.isdisjoint(_words(each)) for each in texts)


def _takes_away_by_number(handler: Function, verb: str, check: Check) -> bool:
    """Whether a handler deletes what a number stands for, and no text comes in: a link in a mail brings one that nobody
    guesses, and so does who was sent back."""
    types = check.project.types
    given = [each.type for each in check.project.dependencies.parameters(handler) if each.marker in _GIVEN]
    sent = [kind for kind in given if kind is None or types.is_instance(kind, "int", "str", "uuid.UUID")]
    return verb in _AWAY and bool(sent) and all(types.is_instance(kind, "int") for kind in sent)


def _others(route: Route, handler: Function, check: Check) -> str:
    """The method by which the same handler answers under the same path as it should; empty without one."""
    registered = check.project.routes.by_handler.get(handler, ())
    same = (one for one in registered if one.key == route.key and one.path == route.path)
    return next((method for one in same for method in one.methods if method not in _READING), "")


def _is_sent_back(handler: Function, check: Check) -> bool:
    """Whether a handler takes what a login of OAuth 2 gives a browser on its way back: `code` and `state`."""
    names: set[str] = set()
    for parameter in check.project.dependencies.parameters(handler):
        alias = f.keyword(parameter.marker_call, "alias") if parameter.marker_call is not None else None
        given = alias.value.value if alias is not None and isinstance(alias.value, f.Const) else parameter.name
        names.add(str(given))
    return names >= {"code", "state"}


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORDS.findall(text)]


def _is_note(function: Function, write: Write, check: Check) -> bool:
    """Whether what is added only notes that something was done, and is nothing that is answered with."""
    if f.last_name(write.call.func) not in ("add", "add_all") or not write.call.args:
        return False
    added = write.call.args[0].value
    if any(leave.kind == "return" and stands_in((added,), leave.value, function.module) for leave in function.exits):
        return False
    value = check.project.infer(added, *write.where)
    if isinstance(value, Instance) and isinstance(value.cls, Class):
        return not _NOTES.isdisjoint(_words(value.cls.name))
    return True


def _is_looked_up(function: Function, write: Write, check: Check) -> bool:
    """Whether something is looked up before it is added: then it may be there already."""
    if f.last_name(write.call.func) not in ("add", "add_all"):
        return False
    value = check.project.infer(write.call.args[0].value, *write.where)
    if not isinstance(value, Instance) or value.origin is None:
        return True
    before = [call for call in function.calls if call.start < write.call.start]
    return any(
        check.project.loading.reads(function.module, call) or _is_given_back(function, call, check) for call in before
    )


def _is_given_back(function: Function, call: f.Call, check: Check) -> bool:
    """Whether a call of the project reads from the database, and what it finds is returned as it is."""
    module = function.module
    found = {
        entry.target
        for entry in module.assigns_in.get(function.index, ())
        if entry.start <= call.start < entry.end and isinstance(entry.target, f.Name)
    }
    if not any(leave.kind == "return" and leave.value in found for leave in function.exits):
        return False
    callee = check.project.callee(module, call)
    return isinstance(callee, FunctionObject) and check.project.loading.reading(callee.function) is not None
