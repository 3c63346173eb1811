"""Whether a path is nothing but the key of an object in a store, which leads nowhere. Follows variables and callers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.expressions import evaluated, walk
from fastapi_lint.model.names.symbols import Function
from fastapi_lint.model.taint.arriving.sinks import Arrival

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_DEEPEST = 4
_LOGS = frozenset({"debug", "info", "warning", "error", "exception", "critical", "log"})
_MINIO = "minio.Minio"


def names_an_object(project: Project, arrival: Arrival) -> bool:
    """Whether a path that is joined is used as the key of an object, and for nothing else but a line of the log.

    It is followed through a variable, and to the callers of the function that returns it.
    """
    function = arrival.function
    return function is not None and _is_key(project, function, arrival.start, arrival.end, 0)


def _is_key(project: Project, function: Function, start: int, end: int, depth: int) -> bool:
    """Whether what stands at a place of a function is used as a key only."""
    if depth > _DEEPEST:
        return False
    module = function.module
    for entry in module.assigns_in.get(function.index, ()):
        if entry.start <= start and end <= entry.end:
            return isinstance(entry.target, f.Name) and _is_held_key(project, function, entry.target, depth)
    if any(one.kind == "return" and one.start <= start and end <= one.end for one in function.exits):
        return _is_returned_key(project, function, depth)
    for call in function.calls:
        for place, arg in enumerate(call.args):
            if arg.start <= start and end <= arg.end and _takes_key(project, function, call, place):
                return True
    return False


def _is_returned_key(project: Project, function: Function, depth: int) -> bool:
    """Whether a caller uses what a function returns as a key only: then it is one for the others, too.

    What opens it as a file all the same is found where it does so.
    """
    for use in project.callers.uses(function):
        call, caller = use.call, use.caller
        if call is not None and caller is not None and not use.module.is_test:
            if _is_key(project, caller, call.start, call.end, depth + 1):
                return True
    return False


def _is_held_key(project: Project, function: Function, name: f.Name, depth: int) -> bool:
    """Whether a variable is used as a key only."""
    used = list(_uses(project, function, name, depth))
    return any(used) and None not in used


def _uses(project: Project, function: Function, name: f.Name, depth: int) -> Iterator[bool | None]:
    """What each use of a variable is: a key (True), a line of the log (False), something else (None)."""
    in_calls = 0
    for call in function.calls:
        for place, arg in enumerate(call.args):
            if name not in walk(arg.value):
                continue
            in_calls += 1
            if isinstance(call.func, f.Attr) and call.func.attr in _LOGS:
                yield False
            else:
                yield True if arg.value == name and _takes_key(project, function, call, place) else None
    returned = [one for one in function.exits if one.kind == "return" and one.value == name]
    if returned:
        yield True if _is_returned_key(project, function, depth + 1) else None
    everywhere = sum(name in walk(expr) for expr, _, _ in evaluated(function))
    if everywhere > in_calls + len(returned):
        yield None


def _takes_key(project: Project, function: Function, call: f.Call, place: int) -> bool:
    """Whether an argument is the key of an object: by the names that the clients of S3 and MinIO have for it."""
    arg = call.args[place]
    if arg.name == "Key":
        return any(other.name == "Bucket" for other in call.args)
    if not isinstance(call.func, f.Attr) or (arg.name != "object_name" and (arg.name or place != 1)):
        return False
    owner = project.infer(call.func.value, function.module, call.block, call.start)
    return project.types.is_instance(owner, _MINIO)
