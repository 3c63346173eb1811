"""Uploads that an endpoint keeps in a file of a new name, and answers with that name. Judges nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.reach.starting import started
from fastapi_lint.model.calls.ways.endings import Endings
from fastapi_lint.model.names.expressions import stands_in, walk, with_copies
from fastapi_lint.model.names.symbols import ClassObject, Function, Module
from fastapi_lint.model.types.inference.inference import is_none
from fastapi_lint.model.values.freshness import FRESH_WORDS, fresh

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_UPLOADED = ("fastapi.UploadFile", "starlette.datastructures.UploadFile")
_OPENS = frozenset({"open", "aiofiles.open", "anyio.open_file", "pathlib.Path.open", "anyio.Path.open"})
_WRITES = frozenset({"write_bytes", "write_text"})
_MODES = frozenset({"wb", "xb", "w", "x"})
_TAKES_AWAY = frozenset({
    "remove", "unlink", "rmtree", "NamedTemporaryFile", "TemporaryDirectory", "mkdtemp", "mkstemp",
    "SpooledTemporaryFile",
})  # fmt: skip
_CALLED = frozenset({"open", "open_file", *_WRITES})
_NAMING = (
    "os.",
    "pathlib.",
    "shutil.",
    "aiofiles.",
    "anyio.",
    "logging.",
    "fastapi.",
    "starlette.",
    "uuid.",
    "secrets.",
)
_SHOWING = frozenset({"open", "str", "len", "print", "dict"})
_COPIES = 4


def takes_upload(project: Project, function: Function) -> bool:
    """Whether an endpoint is given an upload."""
    given = (each.type for each in project.dependencies.parameters(function))
    return any(project.types.is_instance(one, *_UPLOADED) for one in given)


def kept_upload(project: Project, function: Function) -> f.Call | None:
    """The call by which an endpoint writes a file whose name is new each time, where that is what it answers with.

    None where a file is taken away again, and where it is not written on every way.
    """
    module, opened = function.module, function.calls_named(_CALLED)
    if not opened or not any(word in module.text for word in FRESH_WORDS) or function.calls_named(_TAKES_AWAY):
        return None
    if not takes_upload(project, function):
        return None
    held = {
        f.CallRef(module.call_numbers[one.start, one.end]) for one in function.calls if _is_fresh(one, module, project)
    }
    names = with_copies(held, function, _COPIES)
    returned = [leave.value for leave in function.exits if leave.kind == "return" and not is_none(leave.value)]
    if not held or not returned or not all(stands_in(names, value, module) for value in returned):
        return None
    if any(started(function, project.types)) or any(_works(one, names, module, project) for one in function.calls):
        return None
    passes = project.types.shared(Endings).passes
    return next(
        (one for one in opened if _writes(one, names, module, project) and passes(function, one.block, one.start)), None
    )


def _works(call: f.Call, names: set[f.Expr], module: Module, project: Project) -> bool:
    """Whether a call may do more with a file than to name, write and show it: then it is that what is answered with."""
    if not any(part in names for arg in call.args for part in walk(arg.value)):
        return False
    callee = project.callee(module, call)
    name = project.called_name(module, call) or ""
    return not isinstance(callee, ClassObject) and not name.startswith(_NAMING) and name not in _SHOWING


def _is_fresh(call: f.Call, module: Module, project: Project) -> bool:
    return fresh(f.CallRef(module.call_numbers[call.start, call.end]), module, project.types) is call


def _writes(call: f.Call, names: set[f.Expr], module: Module, project: Project) -> bool:
    """Whether a call writes a file whose path has to do with one of some names."""
    name = project.called_name(module, call) or ""
    last = f.last_name(call.func)
    path = call.func.value if isinstance(call.func, f.Attr) and (last in _WRITES or ".Path." in name) else None
    if path is None and name in _OPENS and call.args:
        path = call.args[0].value
    if path is None or not stands_in(names, path, module):
        return False
    modes = [arg.value for arg in call.args if isinstance(arg.value, f.Const)]
    return last in _WRITES or any(mode.value in _MODES for mode in modes)
