"""Whether an operation without an insert in sight may create something all the same. Judges nothing."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.reach.starting import started
from fastapi_lint.model.data.making.drawing import may_make_new
from fastapi_lint.model.names.symbols import External, Function, FunctionObject, Method, OneOf
from fastapi_lint.model.routing.answering.wording import words

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_NOTICES = frozenset({"mail", "email", "emails", "mails", "notify", "notification", "notifications", "log", "audit"})
"""Words of work behind the answer that only tells somebody about it."""
_FRAMEWORK = frozenset({
    "fastapi", "starlette", "pydantic", "pydantic_core", "sqlalchemy", "sqlmodel", "typing_extensions", "loguru",
    "structlog", "anyio", "asyncer", "passlib", "bcrypt", "slugify", "dateutil", "pytz", "fastapi_cache", "cachetools",
    "sentry_sdk", "opentelemetry", "logfire", "annotated_types", "email_validator",
})  # fmt: skip
_ASKS = frozenset({"post", "put", "request", "send", "invoke", "send_request", "call"})
"""Methods by which a client that is not known hands something on to another service."""
_FOREIGN_STEPS = 3
_FINDS = re.compile(r"upsert|(?:get|find|fetch|update|load)_or_|_or_(?:get|update|find)(?:_|$)|^merge$", re.IGNORECASE)


def may_find(name: str) -> bool:
    """Whether a function says in its name that it may find what is there (`get_or_create`)."""
    return _FINDS.search(name) is not None


def may_be_meant(project: Project, handler: Function) -> bool:
    """Whether a handler without an insert in sight may create something all the same, when its name says so.

    Not when it starts something that goes on behind the answer (a notice aside), when it is another service that does
    the work, when something in it gives or changes what is there (`get_or_create`), or when it is seen to read rows and
    to make nothing.
    """
    for call, what in started(handler, project.types):
        if _NOTICES.isdisjoint(words(what)) or _inserts(project, handler, call):
            return False
    if any(_is_foreign(project, each, 0) for each in (handler, *_injected(project, handler))):
        return False
    return project.loading.reading(handler) is None or _changes(handler) or may_make_new(project, handler)


def _inserts(project: Project, handler: Function, call: f.Call) -> bool:
    """Whether the function that a call of the handler starts inserts something, whatever it is called."""
    given = call.args[0].value if call.args and call in handler.calls else None
    meant = project.infer(given, handler.module, call.block, call.start) if given is not None else None
    return isinstance(meant, FunctionObject) and project.inserts.insertion(meant.function) is not None


def _changes(handler: Function) -> bool:
    """Whether a handler sets attributes or entries of something."""
    entries = handler.module.assigns_in.get(handler.index, ())
    return any(not isinstance(entry.target, f.Name | f.Display) for entry in entries)


def _injected(project: Project, handler: Function) -> list[Function]:
    """The functions whose results are all that a handler has: its dependencies."""
    found = [depends.function for depends in project.dependencies.of_function(handler)]
    return [each for each in found if each is not None and not handler.calls]


def _is_foreign(project: Project, function: Function, depth: int) -> bool:
    """Whether a function leaves its work to a library other than the framework's, or may find what is there."""
    for call in function.calls:
        name, callee = f.last_name(call.func), project.callee(function.module, call)
        if may_find(name) and not (isinstance(callee, FunctionObject) and callee.function.calls):
            return True
        for option in callee.options if isinstance(callee, OneOf) else (callee,):
            match option:
                case External(name=full) | Method(cls=full):
                    root = full.partition(".")[0]
                    if "." in full and root not in sys.stdlib_module_names and root not in _FRAMEWORK:
                        return True
                case FunctionObject(function=inner) if depth < _FOREIGN_STEPS:
                    if _is_foreign(project, inner, depth + 1):
                        return True
                case None if name in _ASKS and isinstance(call.func, f.Attr):
                    return True
    return False
