"""Exceptions of the project that are raised with the text of another one, and whose handler answers with what they say.

Judges nothing: whether the text of the other one may be told, the rule has to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.attempts.clauses import is_tried
from fastapi_lint.model.names.symbols import Class, ClassObject, Function
from fastapi_lint.model.taint.errors.told import Told
from fastapi_lint.model.values.environment import NOWHERE
from fastapi_lint.tracking.queries import query

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_HTTP_ERROR = "starlette.exceptions.HTTPException"
"""Answers itself: whoever raises it makes the answer."""
_FIRST = frozenset({"message", "msg"})
"""What the text of an exception is called by name."""
_DEEPEST = 4


@dataclass(frozen=True)
class Wrapped:
    """An argument of the exception `cls` of the project that says what another one says: `told`.

    `sender` is the handler that answers with it, `status` the status of that answer or the one that the exception is
    given, None when neither is known.
    """

    arg: f.Arg
    told: Told
    cls: Class
    sender: Function
    status: int | None


@query
def _telling(project: Project) -> Mapping[Class, tuple[Function, int | None]]:
    """The exceptions of the project whose handlers answer with their texts, with handler and status."""
    found: dict[Class, tuple[Function, int | None]] = {}
    for handler, types in project.failures.handlers.items():
        own = [one.cls for one in types if isinstance(one, ClassObject)]
        for answer in project.answers.of(handler) if own else ():
            if answer.content is None or answer.kind == "stream":
                continue
            told = project.telling.told(answer.content)
            if any(one.what == "text" and one.function is handler and one.given is None for one in told):
                status = project.answers.code(answer.status) or (answer.default if answer.status is None else None)
                found.update((cls, (handler, status)) for cls in own if cls not in found)
    return found


def wrapped(project: Project, function: Function) -> Iterator[Wrapped]:
    """What a function raises of the texts of others, and a handler answers with, unless somebody may take it before."""
    raised = [one for one in function.exits if one.kind == "raise" and isinstance(one.value, f.CallRef)]
    telling = _telling(project) if raised else {}
    for leave in raised if telling else ():
        assert isinstance(leave.value, f.CallRef)
        call = function.module.facts.calls[leave.value.index]
        made = project.callee(function.module, call)
        if not isinstance(made, ClassObject) or not call.args or is_tried(function.module, leave.block):
            continue
        cls = next((one for one in project.types.mro(made.cls) if isinstance(one, Class) and one in telling), None)
        if cls is None or _HTTP_ERROR in project.types.mro(made.cls) or not _gets_out(project, function):
            continue
        sender, status = telling[cls]
        code = f.keyword(call, "status_code")
        if status is None and code is not None:
            status = project.values.status(code.value, (function.module, call.block, call.start))
        for position, arg in enumerate(call.args):
            if arg.name in _FIRST or (not arg.name and position == 0):
                where = (function.module, call.block, call.start)
                for told in project.telling.told((arg.value, where, NOWHERE)):
                    yield Wrapped(arg, told, made.cls, sender, status)


def _gets_out(project: Project, function: Function) -> bool:
    """Whether what a function raises comes to the handlers of the app: FastAPI calls it, or those that do, and on the
    way nobody tries."""
    todo, seen = [(function, 0)], {function}
    for current, depth in todo:
        if current in project.routes.by_handler or current in project.dependencies.injected:
            return True
        for use in project.callers.uses(current) if depth < _DEEPEST else ():
            caller, call = use.caller, use.call
            if caller is None or call is None or caller in seen or is_tried(use.module, call.block):
                continue
            seen.add(caller)
            todo.append((caller, depth + 1))
    return False
