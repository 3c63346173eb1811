"""Exceptions of the project that are raised with the text of another one, and whose handler answers with what they say.

Judges nothing: whether the text of the other one may be told, the rule has to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.attempts.clauses import is_tried
from fastapi_lint.model.names.symbols import Class, ClassObject, Function, FunctionObject, Instance
from fastapi_lint.model.taint.errors.speaking import SPEAKING
from fastapi_lint.model.taint.errors.told import Told
from fastapi_lint.model.values.environment import NOWHERE, Bound
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


@dataclass(frozen=True)
class _Teller:
    """A handler that answers with what exceptions say: with their texts, and with what they keep in `attributes`.

    `by` is the attribute of the exception that says the status, "" when none does.
    """

    handler: Function
    status: int | None
    by: str
    is_text: bool
    attributes: tuple[str, ...]


@query
def _telling(project: Project) -> Mapping[Class, _Teller]:
    """The exceptions of the project whose handlers answer with what they say."""
    found: dict[Class, _Teller] = {}
    for handler, types in project.failures.handlers.items():
        own = [one.cls for one in types if isinstance(one, ClassObject)]
        for answer in project.answers.of(handler) if own else ():
            if answer.content is None or answer.kind == "stream":
                continue
            by = _of_exception(project, handler, answer.status[0]) if answer.status is not None else ""
            status = answer.default if answer.status is None else None
            if answer.status is not None and not by:
                status = project.answers.code(answer.status)
            is_text = _tells(project, handler, answer.content)
            for cls in own:
                attributes = tuple(_answered(project, handler, cls, answer.content))
                if (is_text or attributes) and cls not in found:
                    found[cls] = _Teller(handler, status, by, is_text, attributes)
    return found


def _of_exception(project: Project, handler: Function, status: f.Expr) -> str:
    """The attribute of the exception that a handler was given which a status is: each class may have its own."""
    param = project.failures.parameter(handler)
    is_own = param is not None and isinstance(status, f.Attr) and status.value == f.Name(param.name)
    return f.last_name(status) if is_own else ""


def _tells(project: Project, handler: Function, content: Bound) -> bool:
    """Whether a content says what the exception says that a handler was given."""
    told = project.telling.told(content)
    return any(one.what == "text" and one.function is handler and one.given is None for one in told)


def _answered(project: Project, handler: Function, cls: Class, content: Bound) -> Iterator[str]:
    """The attributes of an exception that an answer says, besides those that are its text.

    Each is taken for the text of the exception in turn, which itself says nothing then.
    """
    expr, where, environment = content
    param = project.failures.parameter(handler)
    init = project.types.member(cls, "__init__", Instance(cls))
    if param is None or not isinstance(init, FunctionObject) or not init.function.params:
        return
    itself, module = f.Name(init.function.params[0].name), init.function.module
    kept = [entry.target for entry in module.assigns_in.get(init.function.index, ())]
    for attr in dict.fromkeys(one.attr for one in kept if isinstance(one, f.Attr) and one.value == itself):
        if attr not in SPEAKING and handler.module.mentions(attr):
            only: dict[str, Bound] = {
                param.name: (f.Const(""), where, NOWHERE),
                f"{param.name}.{attr}": (f.Name(param.name), where, NOWHERE),
            }
            if _tells(project, handler, (expr, where, environment.with_bound(only))):
                yield attr


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
        teller = telling[cls]
        status = teller.status
        code = f.keyword(call, "status_code")
        where = (function.module, call.block, call.start)
        if status is None and code is not None:
            status = project.values.status(code.value, where)
        if status is None and code is None and teller.by:
            value, place = next(iter(project.values.members(made.cls, teller.by)), (None, where))
            status = project.values.status(value, place)
        kept = {
            told
            for attr in teller.attributes
            for told in project.telling.told((f.Attr(leave.value, attr), where, NOWHERE))
        }
        for position, arg in enumerate(call.args):
            is_first = teller.is_text and (arg.name in _FIRST or (not arg.name and position == 0))
            for told in project.telling.told((arg.value, where, NOWHERE)) if is_first or kept else ():
                if is_first or told in kept:
                    yield Wrapped(arg, told, made.cls, teller.handler, status)


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
