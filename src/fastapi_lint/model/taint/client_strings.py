"""Which strings of clients reach an expression of a function: file names, query and path parameters. Judges nothing.

Follows them through variables, text and Path objects within one function (nested ones see those around them). What
cuts the folders off, or replaces the separators, ends it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.injection.dependencies import Parameter
from fastapi_lint.model.names.symbols import Function, Instance, Module
from fastapi_lint.model.types.alternatives import options
from fastapi_lint.model.types.inference.inference import Where

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_UPLOAD = "fastapi.UploadFile"
PATHS = frozenset({"pathlib.Path", "pathlib.PurePath", "pathlib.PosixPath", "anyio.Path"})
SAME = frozenset({
    "str", "os.fspath", "os.path.abspath", "os.path.realpath", "os.path.normpath", "os.path.expanduser",
    "urllib.parse.unquote", "os.path.join", "os.path.dirname", *PATHS,
})  # fmt: skip
"""Functions whose result still leads where their argument does."""
_KEEPING = frozenset({
    "strip", "lstrip", "rstrip", "lower", "upper", "casefold", "title", "removeprefix", "removesuffix", "replace",
    "joinpath", "resolve", "absolute", "expanduser", "as_posix", "with_suffix", "format",
})  # fmt: skip
_CLIENT = frozenset({"", "fastapi.Query", "fastapi.Path", "fastapi.Form"})
_CONSTRAINTS = ("pattern", "regex", "enum")
_DEPTH = 12


@dataclass(frozen=True)
class Source:
    """Where a string comes from. `part`: a path parameter without slashes, of which only `..` leads elsewhere."""

    text: str
    what: str
    part: bool = False


@dataclass(frozen=True)
class Taint:
    """A string of the client in a value; `whole`: as one component of a path, with nothing before or after it.

    `prefixed`: other text stands before it in the same component, which then is no folder that exists. `inner`: more
    components follow.
    """

    source: Source
    whole: bool = True
    prefixed: bool = False
    inner: bool = False

    @property
    def escapes(self) -> bool:
        return self.whole or not self.source.part


class ClientStrings:
    """The strings of the client in one function. `sources` are the parameters that hold one, by their start.

    `given` are parameters of the function that hold one because of how a call fills them.
    """

    def __init__(
        self, function: Function, project: Project, given: Mapping[int, Source] = MappingProxyType({})
    ) -> None:
        self.function = function
        self.module: Module = function.module
        self.project = project
        self._replaced: dict[str, bool] = {}
        outer = function
        self.sources: dict[int, Source] = dict(given)
        while True:
            self.sources.update(_parameters(outer, project))
            if outer.parent is None:
                break
            outer = outer.parent
        self._outer = outer

    @cached_property
    def text(self) -> str:
        """The body of the outermost function around this one."""
        return self.module.source.slice(self._outer.facts.head_end, self._outer.facts.end)

    # ---------------------------------------------------------------- what strings become

    def taint(self, expr: f.Expr | None, where: Where, depth: int = 0) -> Taint | None:
        """The string of the client that an expression leads to; None when there is none, or it was made harmless."""
        if expr is None or depth > _DEPTH:
            return None
        match expr:
            case f.Name():
                return self._name(expr, where, depth)
            case f.Attr(value=value, attr="filename"):
                kind = self.project.infer(value, *where)
                if self.project.types.is_instance(kind, _UPLOAD):
                    written = f"{value.id}.filename" if isinstance(value, f.Name) else "filename"
                    return None if self._is_replaced(written) else Taint(Source(written, "the client's file name"))
            case f.Attr(value=value, attr="parent"):
                return self.taint(value, where, depth + 1)
            case f.CallRef(index=index):
                return self._result(self.module.facts.calls[index], where, depth)
            case f.Sub(value=f.CallRef(index=index), items=(f.Const(value=0),)):
                return self._stem(self.module.facts.calls[index], where, depth)
            case f.Choice(options=options):
                return self._first(options, where, depth)
            case f.Joined(parts=parts):
                return self._pieces(parts, where, depth)
            case f.Binary(op="+", left=left, right=right):
                return self._pieces((*_added(left), *_added(right)), where, depth)
            case f.Binary(op="/", left=left, right=right):
                return self.taint(right, where, depth + 1) or _followed(self.taint(left, where, depth + 1))
            case f.Binary(op="%", right=right):
                items = right.items if isinstance(right, f.Display) else (right,)
                found = self._first(items, where, depth)
                return replace(found, whole=False) if found else None
        return None

    def _first(self, options: tuple[f.Expr, ...], where: Where, depth: int) -> Taint | None:
        return next((found for one in options if (found := self.taint(one, where, depth + 1))), None)

    def _name(self, expr: f.Name, where: Where, depth: int) -> Taint | None:
        for binding in self.project.types.find_bindings(expr.id, where):
            entry = binding.entry
            if isinstance(entry, f.Param) and (source := self.sources.get(entry.start)):
                return Taint(source)
            if not isinstance(entry, f.Assign) or entry.op not in ("=", ":=") or entry.start > where[2]:
                continue
            place = (self.module, entry.block, entry.start)
            if isinstance(entry.target, f.Name):
                found = self.taint(entry.value, place, depth + 1)
            elif _is_first(entry.target, expr.id) and isinstance(entry.value, f.CallRef):
                found = self._stem(self.module.facts.calls[entry.value.index], place, depth)
            else:
                found = None
            if found:
                return found
        return None

    def _is_replaced(self, written: str) -> bool:
        """Whether the function puts something harmless there itself: `file.filename = f"{uuid4()}.png"`."""
        if written not in self._replaced:
            self._replaced[written] = False  # what stands there while the new value is looked at
            if re.search(rf"\b{re.escape(written)}\s*=(?!=)", self.text):
                self._replaced[written] = not any(
                    self.taint(entry.value, (self.module, entry.block, entry.start))
                    for entry in self.module.assigns_in.get(self.function.index, ())
                    if isinstance(entry.target, f.Attr) and entry.target.attr == "filename"
                )
        return self._replaced[written]

    def _result(self, call: f.Call, where: Where, depth: int) -> Taint | None:
        name = self.project.called_name(self.module, call)
        if name in SAME:
            found = self._first(tuple(arg.value for arg in call.args), where, depth)
            is_last = len(call.args) < 2 or self.taint(call.args[-1].value, where, depth + 1)
            return found if is_last else _followed(found)
        if isinstance(call.func, f.Attr) and call.func.attr in _KEEPING:
            texts = [arg.value.value for arg in call.args if isinstance(arg.value, f.Const)]
            if call.func.attr == "replace" and (
                any(isinstance(text, str) and (text == "." or re.search(r"[/\\]|\.\.", text)) for text in texts[:1])
                or any(isinstance(arg.value, f.Attr) for arg in call.args)
            ):
                return None
            if found := self.taint(call.func.value, where, depth + 1):
                return _followed(found) if call.func.attr == "joinpath" else found
            if call.func.attr in ("joinpath", "format"):
                found = self._first(tuple(arg.value for arg in call.args), where, depth)
                is_joined = call.func.attr == "joinpath"
                return replace(found, whole=is_joined and found.whole) if found else None
        return None

    def _stem(self, call: f.Call, where: Where, depth: int) -> Taint | None:
        """What stands before the ending, folders included: `os.path.splitext(name)[0]`, `name.rsplit(".", 1)[0]`."""
        if self.project.called_name(self.module, call) == "os.path.splitext" and call.args:
            found = self.taint(call.args[0].value, where, depth + 1)
        elif isinstance(call.func, f.Attr) and call.func.attr == "rsplit" and call.args[:1]:
            dot = isinstance(call.args[0].value, f.Const) and call.args[0].value.value == "."
            found = self.taint(call.func.value, where, depth + 1) if dot else None
        else:
            return None
        return replace(found, whole=False) if found else None

    def _pieces(self, parts: tuple[f.Expr, ...], where: Where, depth: int) -> Taint | None:
        for index, part in enumerate(parts):
            if found := self.taint(part, where, depth + 1):
                before = parts[index - 1] if index else None
                after = parts[index + 1] if index + 1 < len(parts) else None
                prefixed = before is not None and not _ends(before, -1)
                alone = not prefixed and (after is None or _ends(after, 0))
                inner = found.inner or (alone and after is not None)
                return Taint(found.source, found.whole and alone, found.prefixed or prefixed, inner)
        return None


# -------------------------------------------------------------------- parameters


def _parameters(function: Function, project: Project) -> Iterator[tuple[int, Source]]:
    """The parameters that FastAPI fills with strings of the query, the path or a form."""
    routes = project.routes.by_handler.get(function, ())
    if not routes and (function.name == "<lambda>" or function not in project.dependencies.used):
        return
    paths = " ".join(route.path for route in routes)
    for parameter in project.dependencies.parameters(function):
        if parameter.marker not in _CLIENT or not _is_free(parameter, project):
            continue
        name = parameter.name
        tail = f"{{{name}:path}}" in paths
        part = not tail and (
            f"{{{name}" in paths
            or parameter.marker == "fastapi.Path"
            or (not routes and parameter.marker == "" and parameter.fact.default is None)
        )
        what = (
            "path parameter"
            if part or tail
            else "form field"
            if parameter.marker == "fastapi.Form"
            else "query parameter"
        )
        yield parameter.fact.start, Source(name, what, part)


def _is_free(parameter: Parameter, project: Project) -> bool:
    """Whether a parameter takes any string: no pattern, no validator, no choice."""
    types = project.types
    if not isinstance(parameter.type, Instance) or parameter.type.cls not in ("str", "pathlib.Path"):
        return False
    if parameter.fact.kind in ("args", "kwargs") or any(parameter.keyword(one) for one in _CONSTRAINTS):
        return False
    where = (parameter.function.module, parameter.function.facts.outer, parameter.start)
    if any(isinstance(one, f.Sub) for one, _ in options(types, parameter.fact.annotation, where)):
        return False  # Literal
    metadata = list(types.metadata(parameter.fact.annotation, where))
    return len(metadata) <= (1 if parameter.in_annotation else 0)


def _followed(taint: Taint | None) -> Taint | None:
    """The same with more components behind it."""
    return replace(taint, inner=True) if taint else None


def _is_first(target: f.Expr, name: str) -> bool:
    return isinstance(target, f.Display) and bool(target.items) and target.items[0] == f.Name(name)


def _added(expr: f.Expr) -> tuple[f.Expr, ...]:
    if isinstance(expr, f.Binary) and expr.op == "+":
        return (*_added(expr.left), *_added(expr.right))
    return expr.parts if isinstance(expr, f.Joined) else (expr,)


def _ends(expr: f.Expr, index: int) -> bool:
    """Whether a piece is a text with a slash at its start (0) or end (-1), or stands for the separator."""
    if isinstance(expr, f.Const) and isinstance(expr.value, str):
        return expr.value[index : index + 1 or None] in ("/", "\\")
    return isinstance(expr, f.Attr) and expr.attr == "sep"
