"""Whether a piece of a function only computes: it waits for nothing, writes nothing, and all that it calls is known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Class, ClassObject, External, Function, FunctionObject, Instance, Method

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_PURE = (
    "ast.", "base64.", "binascii.", "collections.", "copy.", "datetime.", "decimal.", "email.utils.", "enum.",
    "fractions.", "functools.", "hashlib.", "html.", "ipaddress.", "itertools.", "json.", "math.", "operator.",
    "pydantic.", "re.", "statistics.", "string.", "struct.", "time.gmtime", "time.mktime", "time.strptime",
    "unicodedata.", "urllib.parse.", "uuid.", "xml.etree.", "zlib.", "zoneinfo.",
)  # fmt: skip
"""Modules that turn values into others."""
_LOOKS = frozenset({
    "getattr", "hasattr", "isinstance", "callable", "str", "repr", "len", "list", "dict", "set", "tuple", "sorted",
    "os.getenv", "os.environ.get", "bool", "type", "id", "max", "min", "sum", "any", "all", "zip", "enumerate", "range",
})  # fmt: skip
"""Functions that look at objects or the environment, and do not fail with what they are given."""
_WRITES = frozenset({"open", "input", "exec", "eval", "print", "__import__", "breakpoint"})
_OF_VALUES = frozenset({
    "strip", "lstrip", "rstrip", "lower", "upper", "title", "split", "rsplit", "splitlines", "partition", "rpartition",
    "replace", "encode", "decode", "startswith", "endswith", "removeprefix", "removesuffix", "join", "items", "keys",
    "values", "append", "setdefault", "isoformat", "astimezone", "total_seconds", "quantize", "isdigit",
})  # fmt: skip
"""Methods of texts, containers and dates: of a value whose type is not known as well."""
_DEEPEST = 3
"""Functions that are called by one another, at most."""
_CONSTRUCTING = ("from_", "parse", "decode", "validate")
_CONTAINERS = ("str", "bytes", "dict", "list", "set", "tuple", "datetime.", "decimal.", "int", "float")


def only_computes(project: Project, function: Function, start: int, end: int) -> bool:
    """Whether a piece of a function turns values into others, and no more: nothing in it waits, and whatever is called
    does the same: functions of the project, methods of values, and what is known of libraries."""
    return _computes(project, function, start, end, _DEEPEST)


def _computes(project: Project, function: Function, start: int, end: int, depth: int) -> bool:
    if depth < 0:
        return False
    for call in _calls(function, start, end):
        if call.awaited or not _is_pure(project, function, call, depth):
            return False
    return not _waits(project, function, start, end)


def only_looks(project: Project, function: Function, start: int, end: int) -> bool:
    """Whether a piece of a function reads and sets attributes and items alone, so that hardly anything in it fails."""
    if not all(looks(project, function, call) for call in _calls(function, start, end)):
        return False
    return not _waits(project, function, start, end)


def looks(project: Project, function: Function, call: f.Call) -> bool:
    """Whether a call reads an object, the environment, or a text or container that is at hand."""
    if call.awaited:
        return False
    return project.called_name(function.module, call) in _LOOKS or _is_of_values(project, function, call)


def _calls(function: Function, start: int, end: int) -> Iterator[f.Call]:
    return (call for call in function.calls if start <= call.start < end)


def _waits(project: Project, function: Function, start: int, end: int) -> bool:
    """Whether something blocks, or a block is entered or walked through asynchronously."""
    blocks = function.module.blocks_in.get(function.index, ())
    if any(start <= each.start < end and (each.is_async or each.kind == "with") for each in blocks):
        return True
    return any(step.start >= start and step.start < end for step, _ in project.effects.blocking(function))


def _is_pure(project: Project, function: Function, call: f.Call, depth: int) -> bool:
    callee = project.callee(function.module, call)
    match callee:
        case FunctionObject() | ClassObject() | Instance(cls=Class()):
            run = project.effects.execution.may_run(callee)
            return run is not None and all(
                not each.is_async and _computes(project, each, each.facts.start, each.facts.end, depth - 1)
                for each in run
            )
        case External(name=name):
            return name.startswith(_PURE) or _makes(name) or ("." not in name and name not in _WRITES)
        case Method(cls=cls):
            return cls.startswith((*_PURE, *_CONTAINERS))
    return _is_of_values(project, function, call)


def _makes(name: str) -> bool:
    """Whether a name is that of another constructor of a class, by how both are written: `Id.from_text`."""
    owner, _, method = name.rpartition(".")
    return owner.rpartition(".")[2][:1].isupper() and method.startswith(_CONSTRUCTING)


def _is_of_values(project: Project, function: Function, call: f.Call) -> bool:
    callee = project.callee(function.module, call)
    if isinstance(callee, Method):
        return callee.cls.startswith(_CONTAINERS)
    return callee is None and isinstance(call.func, f.Attr) and call.func.attr in _OF_VALUES
