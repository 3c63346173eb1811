"""FAPI619: file names and strings of clients in paths. Follows them within one function, and no further."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function, Module
from fastapi_lint.model.dependencies import Parameter
from fastapi_lint.model.symbols import External, FunctionObject, Instance
from fastapi_lint.model.texts import last_name
from fastapi_lint.model.types import Where
from fastapi_lint.rule import Check, rule

_UPLOAD = "fastapi.UploadFile"
_FIRST = frozenset({
    "open", "io.open", "codecs.open", "gzip.open", "bz2.open", "lzma.open", "os.open", "aiofiles.open", "anyio.open_file",
    "os.remove", "os.unlink", "os.rmdir", "os.mkdir", "os.makedirs", "os.listdir", "os.scandir", "os.removedirs",
    "aiofiles.os.remove", "aiofiles.os.unlink", "aiofiles.os.mkdir", "aiofiles.os.makedirs", "shutil.rmtree",
    "fastapi.responses.FileResponse", "starlette.responses.FileResponse", "zipfile.ZipFile", "tarfile.open",
})  # fmt: skip
"""Calls whose first argument names a file or folder."""
_BOTH = frozenset({
    "os.rename", "os.replace", "os.link", "os.symlink", "shutil.copy", "shutil.copy2", "shutil.copyfile",
    "shutil.copytree", "shutil.move", "aiofiles.os.rename", "aiofiles.os.replace",
})  # fmt: skip
_KEYWORDS = frozenset({"file", "path", "src", "dst", "filename", "name"})
_METHODS = frozenset({
    "open", "read_text", "read_bytes", "write_text", "write_bytes", "unlink", "rmdir", "mkdir", "touch", "iterdir", "glob",
    "rglob", "rename", "replace", "symlink_to",
})  # fmt: skip
"""Methods of Path that touch the file."""
_THREADS = frozenset({
    "asyncio.to_thread", "anyio.to_thread.run_sync", "fastapi.concurrency.run_in_threadpool",
    "starlette.concurrency.run_in_threadpool",
})  # fmt: skip
_PATHS = frozenset({"pathlib.Path", "pathlib.PurePath", "pathlib.PosixPath", "anyio.Path"})
_SAME = frozenset({
    "str", "os.fspath", "os.path.abspath", "os.path.realpath", "os.path.normpath", "os.path.expanduser",
    "urllib.parse.unquote", "os.path.join", "os.path.dirname", *_PATHS,
})  # fmt: skip
"""Functions whose result still leads where their argument does."""
_SAME_METHODS = frozenset({
    "strip", "lstrip", "rstrip", "lower", "upper", "casefold", "title", "removeprefix", "removesuffix", "replace",
    "joinpath", "resolve", "absolute", "expanduser", "as_posix", "with_suffix", "format",
})  # fmt: skip
_CLIENT = frozenset({"", "fastapi.Query", "fastapi.Path", "fastapi.Form"})
_CONSTRAINTS = ("pattern", "regex", "enum")
_GUARDED = re.compile(
    r"is_relative_to|\.relative_to\(|commonpath|commonprefix|secure_filename|safe_join|sanitiz|sanitis|pathvalidate|"
    r"""["']\.\.[/\\]*["']\s+(?:not\s+)?in\b|["'](?:/|\\\\)["']\s+(?:not\s+)?in\b|\bos\.(?:path\.)?sep\s+(?:not\s+)?in\b|"""
    r"\.parents\b|\.parts\b|\bin\s+\w+\.resolve\(\)\.parents"
)
_RESOLVED = re.compile(r"resolve\(|abspath\(|realpath\(|normpath\(")
_CHECKS = re.compile(
    r"valid|check|sanit|safe|secur|clean|verif|allowed|authori|permission|ensure|assert|normali|slug|escape|quote|uuid|"
    r"hash|match|search|isalnum|isidentifier|isdigit|isdecimal|isnumeric|isalpha|within|inside|belongs|contains|"
    r"is_relative|sub$|findall|int$|basename|resolve",
    re.IGNORECASE,
)
_LOOKS = re.compile(
    r"\.\.|basename|relative_to|\bre\.|[\"'][/\\]|resolve\(|realpath|abspath|\.name\b|secure|sanit|isalnum|\bnot in\b|uuid"
)
"""What the body of a function that checks or cleans a file name holds; one that looks at its ending does not."""
_HARMLESS = frozenset({
    "str", "len", "print", "repr", "bool", "Path", "join", "exists", "isfile", "isdir", "is_file", "is_dir", "splitext",
    "split", "rsplit", "endswith", "startswith", "format", "debug", "info", "warning", "warn", "error", "exception", "log",
    "critical", "HTTPException", "guess_type", "unquote", "append", "lower", "strip", "normpath", "expanduser", "dirname",
    "encode", "dict", "getLogger", "replace",
})  # fmt: skip
"""Calls that say nothing about whether a string is one that the server knows."""
_STORES = re.compile(
    r"(?:^|_)(?:key|keys|blob|object|s3|gcs|url|uri|bucket|route|endpoint|link|href)(?:_|$)", re.IGNORECASE
)
_DEPTH = 12


@dataclass(frozen=True)
class _Source:
    """Where a string comes from. `part`: a path parameter without slashes, of which only `..` leads elsewhere."""

    text: str
    what: str
    part: bool = False


@dataclass(frozen=True)
class _Taint:
    """A string of the client in a value; `whole`: as one component of a path, with nothing before or after it."""

    source: _Source
    whole: bool = True

    @property
    def escapes(self) -> bool:
        return self.whole or not self.source.part


@rule("FAPI619", severity=Severity.ERROR, words={"filename", "open", "Path", "path", "shutil", "FileResponse"})
def upload_path_traversal(function: Function, check: Check) -> Iterator[Finding]:
    """A client's file name or string forms a path unchecked.

    Why is this bad?
    `UploadFile.filename` is what the client says, and `../../etc/cron.d/job` is a file name too. The same goes for
    strings of the query and the path: joined to a folder they lead out of it, so that a client reads, overwrites or
    deletes files that are none of its business. An absolute path even replaces the folder it is joined to.

    Store uploads under names of your own, or keep only the last component (`Path(file.filename).name`); for paths, check
    that `(folder / path).resolve()` still `is_relative_to(folder)`.

    Known limits
    A string is followed within one function. A function that gets it and is called like a check, or looks like one,
    is trusted, and so is a look-up of the string before it forms a path. A path parameter without `:path` cannot hold
    a slash: it is reported, as a warning, where it is a whole component, since `..` leads one folder up; that
    backslashes separate folders on Windows is not taken into account.

    References
    - [FastAPI: UploadFile](https://fastapi.tiangolo.com/tutorial/request-files/#uploadfile)
    - [OWASP: path traversal](https://owasp.org/www-community/attacks/Path_Traversal)
    - [CWE-22](https://cwe.mitre.org/data/definitions/22.html)
    """
    module = function.module
    if module.is_test or function.name == "<lambda>":
        return
    flow = _Flow(function, check)
    if not flow.sources and ".filename" not in flow.text:
        return
    seen: set[_Source] = set()
    for taint, start, end, name, block in sorted(flow.sinks(), key=lambda sink: sink[1:3]):
        source = taint.source
        if source in seen or not taint.escapes or flow.is_guarded(source, start, (module, block, start)):
            continue
        seen.add(source)
        yield check.finding((start, end), _message(source, name, function), severity=_severity(source))


def _severity(source: _Source) -> Severity | None:
    return Severity.WARNING if source.part else None


def _message(source: _Source, name: str, function: Function) -> str:
    where = "forms a path" if not name else f"goes into `{name}` as a path"
    if source.part:
        return (
            f"{source.what} `{source.text}` {where} in `{function.name}` unchecked: as `..` it leads out of the folder; "
            "check it, or that the resolved path `is_relative_to()` the folder"
        )
    instead = f"use `Path({source.text}).name`, or a name of your own" if source.text.endswith(".filename") else (
        "check that the resolved path `is_relative_to()` the folder"
    )  # fmt: skip
    return (
        f"{source.what} `{source.text}` {where} in `{function.name}` unchecked: with `../` it leads to any file of the"
        f" server; {instead}"
    )


_Sink = tuple[_Taint, int, int, str, int]
"""What reaches a place, its byte range, the name of the call ("" for joins) and the block."""


class _Flow:
    """The strings of the client in one function."""

    def __init__(self, function: Function, check: Check) -> None:
        self.function = function
        self.module: Module = function.module
        self.check = check
        outer = function
        self.sources: dict[int, _Source] = {}
        while True:
            self.sources.update(_parameters(outer, check))
            if outer.parent is None:
                break
            outer = outer.parent
        self.text = self.module.source.slice(outer.facts.head_end, outer.facts.end)

    # ---------------------------------------------------------------- where strings arrive

    def sinks(self) -> Iterator[_Sink]:
        """Every place where a string of the client becomes a path or opens a file."""
        calls = [call for call in self.function.calls if call.args or isinstance(call.func, f.Attr)]
        for call in calls:
            yield from self._called(call)
        for assign in self.module.assigns_in.get(self.function.index, ()):
            if not _STORES.search(_target(assign.target)) and (taint := self._joined(assign.value, assign)):
                yield taint, assign.start, assign.end, "", assign.block
        for leave in self.function.exits:
            if leave.kind == "return" and (taint := self._joined(leave.value, leave)):
                yield taint, leave.start, leave.end, "", leave.block

    def _joined(self, value: f.Expr | None, at: f.Assign | f.Exit) -> _Taint | None:
        if isinstance(value, f.Binary) and value.op == "/" and self._is_path(value, (self.module, at.block, at.start)):
            return self.taint(value, (self.module, at.block, at.start))
        return None

    def _is_path(self, value: f.Expr, where: Where) -> bool:
        while isinstance(value, f.Binary) and value.op == "/":
            value = value.left
        types = self.check.project.types
        return types.is_instance(types.infer(value, where), *_PATHS)

    def _called(self, call: f.Call) -> Iterator[_Sink]:
        where = (self.module, call.block, call.start)
        last = last_name(call.func)
        if isinstance(call.func, f.Attr) and last in _METHODS:
            receiver = self.check.project.infer(call.func.value, *where)
            if self.check.project.types.is_instance(receiver, *_PATHS):
                if taint := self.taint(call.func.value, where):
                    yield taint, call.start, call.end, last, call.block
        name = self.check.project.called_name(self.module, call)
        args: tuple[f.Arg, ...] = call.args
        if name in _THREADS and args:
            name = self.check.project.name(args[0].value, *where)
            args = args[1:]
        if name is None:
            return
        if name in _FIRST or name in _BOTH:
            most = 2 if name in _BOTH else 1
            for index, arg in enumerate(args):
                if (arg.name == "" and index < most) or arg.name in _KEYWORDS - (
                    {"filename"} if "Response" in name else set()
                ):
                    if taint := self.taint(arg.value, where):
                        yield taint, arg.start, arg.end, name.rsplit(".", 1)[-1], call.block
        elif (name in _PATHS or name == "os.path.join" or name.endswith("Path.joinpath")) and not self._is_stored(call):
            for arg in args[0 if name.endswith("joinpath") else 1 :]:
                if taint := self.taint(arg.value, where):
                    yield taint, arg.start, arg.end, "", call.block

    def _is_stored(self, call: f.Call) -> bool:
        """Whether a path is one of an object store or a URL, as the variable says."""
        return any(
            assign.start <= call.start and call.end <= assign.end and _STORES.search(_target(assign.target))
            for assign in self.module.assigns_in.get(self.function.index, ())
        )

    # ---------------------------------------------------------------- what strings become

    def taint(self, expr: f.Expr | None, where: Where, depth: int = 0) -> _Taint | None:
        """The string of the client that an expression leads to; None when there is none, or it was made harmless."""
        if expr is None or depth > _DEPTH:
            return None
        match expr:
            case f.Name():
                return self._name(expr, where, depth)
            case f.Attr(value=value, attr="filename"):
                kind = self.check.project.infer(value, *where)
                if self.check.project.types.is_instance(kind, _UPLOAD):
                    written = f"{value.id}.filename" if isinstance(value, f.Name) else "filename"
                    return None if self._is_replaced(written) else _Taint(_Source(written, "the client's file name"))
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
                return self.taint(right, where, depth + 1) or self.taint(left, where, depth + 1)
            case f.Binary(op="%", right=right):
                items = right.items if isinstance(right, f.Display) else (right,)
                found = self._first(items, where, depth)
                return _Taint(found.source, False) if found else None
        return None

    def _first(self, options: tuple[f.Expr, ...], where: Where, depth: int) -> _Taint | None:
        return next((found for one in options if (found := self.taint(one, where, depth + 1))), None)

    def _name(self, expr: f.Name, where: Where, depth: int) -> _Taint | None:
        for binding in self.check.project.types.find_bindings(expr.id, where):
            entry = binding.entry
            if isinstance(entry, f.Param) and (source := self.sources.get(id(entry))):
                return _Taint(source)
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
        """Whether the function writes the attribute itself: `file.filename = ...`."""
        return re.search(rf"\b{re.escape(written)}\s*=(?!=)", self.text) is not None

    def _result(self, call: f.Call, where: Where, depth: int) -> _Taint | None:
        name = self.check.project.called_name(self.module, call)
        if name in _SAME:
            return self._first(tuple(arg.value for arg in call.args), where, depth)
        if isinstance(call.func, f.Attr) and call.func.attr in _SAME_METHODS:
            texts = [arg.value.value for arg in call.args if isinstance(arg.value, f.Const)]
            if call.func.attr == "replace" and (
                any(isinstance(text, str) and re.search(r"[/\\]|\.\.", text) for text in texts)
                or any(isinstance(arg.value, f.Attr) for arg in call.args)
            ):
                return None
            if found := self.taint(call.func.value, where, depth + 1):
                return found
            if call.func.attr in ("joinpath", "format"):
                found = self._first(tuple(arg.value for arg in call.args), where, depth)
                return _Taint(found.source, call.func.attr == "joinpath" and found.whole) if found else None
        return None

    def _stem(self, call: f.Call, where: Where, depth: int) -> _Taint | None:
        """What stands before the ending: `os.path.splitext(name)[0]`, `name.rsplit(".", 1)[0]`; folders are part of it."""
        if self.check.project.called_name(self.module, call) == "os.path.splitext" and call.args:
            found = self.taint(call.args[0].value, where, depth + 1)
        elif isinstance(call.func, f.Attr) and call.func.attr == "rsplit" and call.args[:1]:
            dot = isinstance(call.args[0].value, f.Const) and call.args[0].value.value == "."
            found = self.taint(call.func.value, where, depth + 1) if dot else None
        else:
            return None
        return _Taint(found.source, False) if found else None

    def _pieces(self, parts: tuple[f.Expr, ...], where: Where, depth: int) -> _Taint | None:
        for index, part in enumerate(parts):
            if found := self.taint(part, where, depth + 1):
                before = parts[index - 1] if index else None
                after = parts[index + 1] if index + 1 < len(parts) else None
                alone = (before is None or _ends(before, -1)) and (after is None or _ends(after, 0))
                return _Taint(found.source, found.whole and alone)
        return None

    # ---------------------------------------------------------------- what makes strings harmless

    def is_guarded(self, source: _Source, at: int, where: Where) -> bool:
        """Whether the function checks a string, or looks it up, as far as can be seen."""
        text = self.text
        if _GUARDED.search(text) or (".startswith(" in text and _RESOLVED.search(text)):
            return True
        written = re.escape(source.text)
        if re.search(rf"(?<!for )(?<!async for )(?<![\w.]){written}\s+(?:not\s+)?in\b", text):
            return True
        if re.search(
            rf"(?<![\w.]){written}\s*!=\s*(?![\"']{{2}}|None)|\[\s*{written}\s*\]|\bmatch\s+{written}\b", text
        ):
            return True
        return any(self._settles(call, source, at) for call in self.function.calls)

    def _settles(self, call: f.Call, source: _Source, at: int) -> bool:
        last = last_name(call.func)
        where = (self.module, call.block, call.start)
        if not last or last in _HARMLESS:
            return False
        is_check = _CHECKS.search(last) is not None
        is_lookup = call.start < at and not source.text.endswith(".filename") and not self._touches(call)
        if not is_check and not is_lookup:
            return False
        given = [arg.value for arg in call.args]
        if is_check and isinstance(call.func, f.Attr):
            given.append(call.func.value)
        if not any((taint := self.taint(value, where)) and taint.source == source for value in given):
            return False
        return is_lookup or self._is_check(call, last)

    def _touches(self, call: f.Call) -> bool:
        """Whether a call is one that takes paths, or builds the answer."""
        name = self.check.project.called_name(self.module, call) or ""
        return name in _FIRST or name in _BOTH or name in _SAME or name in _THREADS or name.endswith("Response")

    def _is_check(self, call: f.Call, last: str) -> bool:
        """Whether a call that is named like a check may be one; a function of the project is looked into."""
        callee = self.check.project.callee(self.module, call)
        if isinstance(callee, FunctionObject):
            facts = callee.function.facts
            return _LOOKS.search(callee.function.module.source.slice(facts.head_end, facts.end)) is not None
        if isinstance(callee, External) and callee.name in _SAME:
            return False
        return not (last == "resolve" and isinstance(call.func, f.Attr) and not call.args)


# -------------------------------------------------------------------- parameters


def _parameters(function: Function, check: Check) -> Iterator[tuple[int, _Source]]:
    """The parameters that FastAPI fills with strings of the query, the path or a form."""
    project = check.project
    routes = project.routes.by_handler.get(function, ())
    if not routes and (function.name == "<lambda>" or function not in project.dependencies.used):
        return
    paths = " ".join(route.path for route in routes)
    for parameter in project.dependencies.parameters(function):
        if parameter.marker not in _CLIENT or not _is_free(parameter, check):
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
        yield id(parameter.fact), _Source(name, what, part)


def _is_free(parameter: Parameter, check: Check) -> bool:
    """Whether a parameter takes any string: no pattern, no validator, no choice."""
    types = check.project.types
    if not isinstance(parameter.type, Instance) or parameter.type.cls not in ("str", "pathlib.Path"):
        return False
    if parameter.fact.kind in ("args", "kwargs") or any(parameter.keyword(one) for one in _CONSTRAINTS):
        return False
    where = (parameter.function.module, parameter.function.facts.outer, parameter.start)
    metadata = list(types.metadata(parameter.fact.annotation, where))
    return len(metadata) <= (1 if parameter.in_annotation else 0)


def _target(target: f.Expr) -> str:
    return target.id if isinstance(target, f.Name) else target.attr if isinstance(target, f.Attr) else ""


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
