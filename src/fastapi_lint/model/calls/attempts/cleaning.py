"""Attempts that only clean up, or tell somebody: nobody needs to know that they failed. Goes by the names of calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.index.facts import target_names
from fastapi_lint.model.calls.bodies.computing import looks
from fastapi_lint.model.names.symbols import Class, ClassObject, Function, FunctionObject, Instance, ModuleObject

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project


_CLEANING = frozenset({
    "close", "aclose", "dispose", "wait_closed", "remove", "unlink", "rmtree", "rmdir", "cancel", "rollback",
    "disconnect", "send", "send_text", "send_json", "send_bytes", "debug", "info", "warning", "warn", "error",
    "exception", "critical", "log", "print", "inc", "dec", "observe", "labels", "gauge", "increment", "timing",
    "histogram", "record", "terminate", "kill", "shutdown", "stop", "quit", "discard", "unsubscribe", "flush",
    "release", "cleanup", "expunge", "invalidate", "incr", "set_attribute", "add_event", "capture_exception",
    "capture_message", "__exit__", "__aexit__",
})  # fmt: skip
"""Last names of calls of which nobody needs to know that they failed."""
_TAKING = frozenset(
    {"close", "remove", "cancel", "disconnect", "stop", "discard", "unsubscribe", "release", "terminate"}
)
"""First words of methods with longer names that do the same."""
_OF_LIBRARIES = frozenset({("set", "prometheus_client"), ("reset", "contextvars")})
_QUEUES = ("dramatiq.", "kafka.", "aiokafka.", "confluent_kafka.", "taskiq.")
_QUESTIONS = frozenset({
    "inspect.isawaitable", "inspect.iscoroutine", "asyncio.iscoroutine", "asyncio.coroutines.iscoroutine",
    "asyncio.isfuture", "getattr", "hasattr", "callable", "isinstance", "os.path.exists", "os.path.lexists",
    "os.path.isfile", "os.path.isdir", "os.path.islink", "os.listdir", "os.scandir", "glob.glob", "glob.iglob",
    "pathlib.Path.exists", "pathlib.Path.is_file", "pathlib.Path.is_dir", "pathlib.Path.is_symlink",
    "pathlib.Path.iterdir", "pathlib.Path.glob", "pathlib.Path.rglob",
})  # fmt: skip
"""Calls that only look at an object: whether it can be closed and that has to be awaited, whether a file is there."""


def only_cleans(project: Project, function: Function, body: f.Block) -> bool:
    """Whether a `try` imports what may be missing, yields to somebody else, calls nothing but what cleans up, or stands
    in a `finally`, where an error would hide the one that leads there."""
    module = function.module
    if any(around.kind == "finally" for around in module.block_chain(body.parent)):
        return True
    for entry in module.facts.imports:
        if body.start <= entry.start < body.end and project.modules.imported_from(module, entry) is None:
            return True  # a library; code of the project is there
    if any(leave.kind.startswith("yield") and body.start <= leave.start < body.end for leave in function.exits):
        return True
    inside = [call for call in function.calls if body.start <= call.start < body.end]
    outer = [
        call for call in inside if not any(o.start <= call.start and call.end < o.end and o is not call for o in inside)
    ]
    asking = [call for call in outer if project.called_name(module, call) in _QUESTIONS]
    doing = [call for call in outer if call not in asking and not looks(project, function, call)]
    if not doing:
        return any(body.start <= entry.start < body.end for entry in module.facts.imports)
    return all(_cleans(project, function, call.func) and not _writes_rows(project, function, call) for call in doing)


def _writes_rows(project: Project, function: Function, call: f.Call) -> bool:
    """Whether a function of the project changes the database, whatever it is called: that is work."""
    callee = project.callee(function.module, call)
    return isinstance(callee, FunctionObject) and (
        project.inserts.insertion(callee.function) is not None or bool(project.transactions.writes(callee.function))
    )


def _cleans(project: Project, function: Function, func: f.Expr) -> bool:
    """Whether what is called cleans up, by its name or by that of what a local variable was taken from."""
    if f.last_name(func) == "send" and _is_queue(project, function, func):
        return False
    answers = [_is_for_cleaning(project, function, value) for value in _taken(function, func)]
    if f.last_name(func) in _CLEANING or _is_of_library(project, function, func):
        return False not in answers
    return bool(answers) and all(answers)


def _is_queue(project: Project, function: Function, func: f.Expr) -> bool:
    """Whether a method belongs to what takes work for others: a message that is not sent there is never done."""
    if not isinstance(func, f.Attr):
        return False
    owner = project.infer(func.value, function.module, function.facts.block, function.facts.end)
    return isinstance(owner, Instance) and isinstance(owner.cls, str) and owner.cls.startswith(_QUEUES)


def _is_of_library(project: Project, function: Function, func: f.Expr) -> bool:
    """Whether a method of a library takes something away by its name (`remove_job`), or sets a labelled metric."""
    if not isinstance(func, f.Attr):
        return False
    if func.attr == "set" and isinstance(func.value, f.CallRef):
        return f.last_name(function.module.facts.calls[func.value.index].func) == "labels"
    owner = project.infer(func.value, function.module, function.facts.block, function.facts.end)
    if isinstance(owner, Instance) and isinstance(owner.cls, str):
        if (func.attr, owner.cls.partition(".")[0]) in _OF_LIBRARIES:
            return True
    if func.attr.partition("_")[0] not in _TAKING or isinstance(getattr(owner, "cls", None), Class):
        return False
    return not isinstance(owner, (ModuleObject, ClassObject))


def _taken(function: Function, func: f.Expr) -> list[f.Expr]:
    """The values of a local variable that is called."""
    if not isinstance(func, f.Name):
        return []
    entries = function.module.assigns_in.get(function.index, ())
    bound = [entry for entry in entries if func.id in target_names(entry.target)]
    return [entry.value or f.Unknown() for entry in bound]


def _is_for_cleaning(project: Project, function: Function, value: f.Expr) -> bool | None:
    """Whether a value is a method that cleans up (`pool.close`, `getattr(pool, "close", None)`); None if not known."""
    match value:
        case f.Choice(options=options):
            answers = [_is_for_cleaning(project, function, option) for option in options]
            return False if False in answers else None if None in answers else True
        case f.Attr(attr=attr):
            return attr in _CLEANING
        case f.Const(value=None):
            return True
        case f.CallRef(index=index):
            call = function.module.facts.calls[index]
            if project.called_name(function.module, call) == "getattr" and len(call.args) > 1:
                name = call.args[1].value
                return isinstance(name, f.Const) and name.value in _CLEANING
    return None
