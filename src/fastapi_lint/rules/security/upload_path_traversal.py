"""FAPI619: file names and strings of clients in paths. Follows them in a function and one step into what it calls."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function
from fastapi_lint.model.names import External, FunctionObject
from fastapi_lint.model.taint import PATHS, SAME, ClientStrings, Source, Taint
from fastapi_lint.model.types import Where
from fastapi_lint.rule import Check, rule

_FIRST = frozenset({
    "open", "io.open", "codecs.open", "gzip.open", "bz2.open", "lzma.open", "os.open", "aiofiles.open",
    "anyio.open_file", "os.remove", "os.unlink", "os.rmdir", "os.mkdir", "os.makedirs", "os.listdir", "os.scandir",
    "os.removedirs", "aiofiles.os.remove", "aiofiles.os.unlink", "aiofiles.os.mkdir", "aiofiles.os.makedirs",
    "shutil.rmtree", "fastapi.responses.FileResponse", "starlette.responses.FileResponse", "zipfile.ZipFile",
    "tarfile.open",
})  # fmt: skip
"""Calls whose first argument names a file or folder."""
_BOTH = frozenset({
    "os.rename", "os.replace", "os.link", "os.symlink", "shutil.copy", "shutil.copy2", "shutil.copyfile",
    "shutil.copytree", "shutil.move", "aiofiles.os.rename", "aiofiles.os.replace",
})  # fmt: skip
_KEYWORDS = frozenset({"file", "path", "src", "dst", "filename", "name"})
_METHODS = frozenset({
    "open", "read_text", "read_bytes", "write_text", "write_bytes", "unlink", "rmdir", "mkdir", "touch", "iterdir",
    "glob", "rglob", "rename", "replace", "symlink_to",
})  # fmt: skip
"""Methods of Path that touch the file."""
_FOLDERS = frozenset({
    "rmdir", "mkdir", "makedirs", "listdir", "scandir", "removedirs", "rmtree", "copytree", "move", "iterdir", "glob",
    "rglob", "rename", "replace", "symlink", "symlink_to",
})  # fmt: skip
"""Last names of what works on folders, too: all others fail for `..`."""
_THREADS = frozenset({
    "asyncio.to_thread", "anyio.to_thread.run_sync", "fastapi.concurrency.run_in_threadpool",
    "starlette.concurrency.run_in_threadpool",
})  # fmt: skip
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
    r"\.\.|basename|relative_to|\bre\.|[\"'][/\\]|resolve\(|realpath|abspath|\.name\b|secure|sanit|isalnum|"
    r"\bnot in\b|uuid"
)
"""What the body of a function that checks or cleans a file name holds; one that looks at its ending does not."""
_HARMLESS = frozenset({
    "str", "len", "print", "repr", "bool", "Path", "join", "exists", "isfile", "isdir", "is_file", "is_dir", "splitext",
    "split", "rsplit", "endswith", "startswith", "format", "debug", "info", "warning", "warn", "error", "exception",
    "log", "critical", "HTTPException", "guess_type", "unquote", "append", "lower", "strip", "normpath", "expanduser",
    "dirname", "joinpath", "encode", "dict", "getLogger", "replace",
})  # fmt: skip
"""Calls that say nothing about whether a string is one that the server knows."""
_STORES = re.compile(
    r"(?:^|_)(?:key|keys|blob|object|s3|gcs|url|uri|bucket|route|endpoint|link|href)(?:_|$)", re.IGNORECASE
)


@rule("FAPI619", severity=Severity.ERROR, words={"filename", "open", "Path", "path", "shutil", "FileResponse"})
def upload_path_traversal(function: Function, check: Check) -> Iterator[Finding]:
    """A client's file name or string forms a path unchecked.

    Why is this bad?
    `UploadFile.filename` is what the client says, and `../../etc/cron.d/job` is a file name too. The same goes for
    strings of the query and the path: joined to a folder they lead out of it, so that a client reads, overwrites or
    deletes files that are none of its business. An absolute path even replaces the folder it is joined to.

    Store uploads under names of your own, or keep only the last component (`Path(file.filename).name`); for paths,
    check that `(folder / path).resolve()` still `is_relative_to(folder)`.

    Known limits
    A string is followed within one function, and into functions of the project that it calls with the string itself,
    one step deep. A function that gets it and is called like a check, or looks like one, is trusted, and so is a
    look-up of the string before it forms a path. A path parameter without `:path` cannot hold
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
    flow = _Flow(function, check.project)
    if not flow.sources and not module.mentions(".filename"):
        return
    seen: set[Source] = set()
    for taint, start, end, name, block in sorted(flow.sinks(), key=lambda sink: sink[1:3]):
        source = taint.source
        if source in seen or not _escapes(taint, name) or flow.is_guarded(source, start, (module, block, start)):
            continue
        seen.add(source)
        severity = Severity.WARNING if source.part or taint.prefixed else None
        yield check.finding((start, end), _message(taint, name, function.name), severity=severity)
    for taint, call, callee, parameter in flow.handed():
        source = taint.source
        if source in seen or not taint.escapes or flow.is_guarded(source, call.start, (module, call.block, call.start)):
            continue
        inside = _Flow(callee, check.project, {parameter.start: Source(parameter.name, source.what, source.part)})
        found = _first_sink(inside, parameter.name)
        if found is None:
            continue
        seen.add(source)
        sink, start, end, name = found
        through = Taint(source, prefixed=taint.prefixed or sink.prefixed)
        severity = Severity.WARNING if source.part or through.prefixed else None
        related = check.related((start, end), f"`{parameter.name}` becomes a path here", module=callee.module)
        yield check.finding(call, _message(through, name, callee.name), severity=severity, related=[related])


def _escapes(taint: Taint, called: str) -> bool:
    """Whether what a call (or a join: "") gets can lead out of the folder."""
    return taint.escapes and (not taint.source.part or taint.inner or called in _FOLDERS)


def _first_sink(flow: _Flow, name: str) -> tuple[Taint, int, int, str] | None:
    """Where a parameter that holds a client's string becomes a path unchecked, if it does."""
    for taint, start, end, called, block in sorted(flow.sinks(), key=lambda sink: sink[1:3]):
        source = taint.source
        if (
            source.text == name
            and _escapes(taint, called)
            and not flow.is_guarded(source, start, (flow.module, block, start))
        ):
            return taint, start, end, called
    return None


def _message(taint: Taint, name: str, function: str) -> str:
    source = taint.source
    where = "forms a path" if not name else f"goes into `{name}` as a path"
    if source.part:
        return (
            f"{source.what} `{source.text}` {where} in `{function}` unchecked: as `..` it leads out of the folder;"
            " check it, or that the resolved path `is_relative_to()` the folder"
        )
    where_to = "to another folder, on Windows at the least" if taint.prefixed else "to any file of the server"
    instead = f"use `Path({source.text}).name`, or a name of your own" if source.text.endswith(".filename") else (
        "check that the resolved path `is_relative_to()` the folder"
    )  # fmt: skip
    return f"{source.what} `{source.text}` {where} in `{function}` unchecked: with `../` it leads {where_to}; {instead}"


_Sink = tuple[Taint, int, int, str, int]
"""What reaches a place, its byte range, the name of the call ("" for joins) and the block."""


class _Flow(ClientStrings):
    """The strings of the client in one function: where they arrive, and whether they are checked on the way."""

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

    def _joined(self, value: f.Expr | None, at: f.Assign | f.Exit) -> Taint | None:
        if isinstance(value, f.Binary) and value.op == "/" and self._is_path(value, (self.module, at.block, at.start)):
            return self.taint(value, (self.module, at.block, at.start))
        return None

    def _is_path(self, value: f.Expr, where: Where) -> bool:
        while isinstance(value, f.Binary) and value.op == "/":
            value = value.left
        types = self.project.types
        return types.is_instance(types.infer(value, where), *PATHS)

    def _called(self, call: f.Call) -> Iterator[_Sink]:
        where = (self.module, call.block, call.start)
        last = f.last_name(call.func)
        if isinstance(call.func, f.Attr) and last in _METHODS:
            receiver = self.project.infer(call.func.value, *where)
            is_path = self.project.types.is_instance(receiver, *PATHS)
            if is_path and (taint := self.taint(call.func.value, where)):
                yield taint, call.start, call.end, last, call.block
        name = self.project.called_name(self.module, call)
        args: tuple[f.Arg, ...] = call.args
        if name in _THREADS and args:
            name = self.project.name(args[0].value, *where)
            args = args[1:]
        if name is None:
            return
        if name in _FIRST or name in _BOTH:
            for arg in _named(name, args):
                if taint := self.taint(arg.value, where):
                    yield taint, arg.start, arg.end, name.rsplit(".", 1)[-1], call.block
        elif name in PATHS or name == "os.path.join" or name.endswith("Path.joinpath"):
            for arg in args[0 if name.endswith("joinpath") else 1 :]:
                if (taint := self.taint(arg.value, where)) and not self._is_stored(call):
                    taint = taint if arg is args[-1] else replace(taint, inner=True)
                    yield taint, arg.start, arg.end, "", call.block

    def _is_stored(self, call: f.Call) -> bool:
        """Whether a path is one of an object store or a URL, as the variable says."""
        return any(
            assign.start <= call.start and call.end <= assign.end and _STORES.search(_target(assign.target))
            for assign in self.module.assigns_in.get(self.function.index, ())
        )

    # ---------------------------------------------------------------- where strings are handed on

    def handed(self) -> Iterator[tuple[Taint, f.Call, Function, f.Param]]:
        """The calls that hand a string of the client to a function of the project, and the parameter that it fills."""
        if not self.sources and ".filename" not in self.text:
            return
        for call in self.function.calls:
            if not call.args:
                continue
            where = (self.module, call.block, call.start)
            callee, args = self.project.callee(self.module, call), call.args
            if isinstance(callee, External) and callee.name in _THREADS and args:
                callee, args = self.project.infer(args[0].value, *where), args[1:]
            if not isinstance(callee, FunctionObject) or callee.function.module.is_test:
                continue
            is_bound = callee.owner is not None and "staticmethod" not in self.project.types.decorators(callee.function)
            for arg, parameter in _filled(callee.function, args, is_bound=is_bound):
                if _may_be_text(parameter.annotation) and (taint := self.taint(arg.value, where)):
                    yield taint, call, callee.function, parameter

    # ---------------------------------------------------------------- what makes strings harmless

    def is_guarded(self, source: Source, at: int, where: Where) -> bool:
        """Whether the function checks a string, or looks it up, as far as can be seen."""
        text = self.text
        if _GUARDED.search(text) or (".startswith(" in text and _RESOLVED.search(text)):
            return True
        written = re.escape(source.text)
        if re.search(rf"\w\.\w+\s*==\s*{written}\b(?!\.)", text):
            return True  # a query asks for it
        if re.search(rf"(?<!for )(?<!async for )(?<![\w.]){written}\s+(?:not\s+)?in\b", text):
            return True
        if re.search(
            rf"(?<![\w.]){written}\s*!=\s*(?![\"']{{2}}|None)|\[\s*{written}\s*\]|\bmatch\s+{written}\b", text
        ):
            return True
        return any(self._settles(call, source, at) for call in self.function.calls)

    def _settles(self, call: f.Call, source: Source, at: int) -> bool:
        last = f.last_name(call.func)
        where = (self.module, call.block, call.start)
        if not last or last in _HARMLESS:
            return False
        is_check = _CHECKS.search(last) is not None
        is_lookup = call.end <= at and not source.text.endswith(".filename") and not self._touches(call)
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
        name = self.project.called_name(self.module, call) or ""
        return name in _FIRST or name in _BOTH or name in SAME or name in _THREADS or name.endswith("Response")

    def _is_check(self, call: f.Call, last: str) -> bool:
        """Whether a call that is named like a check may be one; a function of the project is looked into."""
        callee = self.project.callee(self.module, call)
        if isinstance(callee, FunctionObject):
            facts = callee.function.facts
            return _LOOKS.search(callee.function.module.source.slice(facts.head_end, facts.end)) is not None
        if isinstance(callee, External) and callee.name in SAME:
            return False
        return not (last == "resolve" and isinstance(call.func, f.Attr) and not call.args)


def _filled(callee: Function, args: tuple[f.Arg, ...], *, is_bound: bool) -> Iterator[tuple[f.Arg, f.Param]]:
    """The arguments of a call with the parameters that they fill, up to the first `*`."""
    params = [one for one in callee.facts.params if one.kind not in ("args", "kwargs")]
    by_name = {one.name: one for one in params if one.kind != "positional-only"}
    positions = [one for one in params if one.kind != "keyword-only"][is_bound:]
    for index, arg in enumerate(args):
        if arg.name == "*":
            return
        if arg.name == "" and index < len(positions):
            yield arg, positions[index]
        elif arg.name in by_name:
            yield arg, by_name[arg.name]


def _may_be_text(annotation: f.Expr | None) -> bool:
    return annotation is None or f.last_name(annotation) in ("str", "Path", "PurePath", "")


def _named(name: str, args: tuple[f.Arg, ...]) -> Iterator[f.Arg]:
    """The arguments of a call that name files: by position or keyword (`filename` of a response is for the client)."""
    most = 2 if name in _BOTH else 1
    for index, arg in enumerate(args):
        by_name = arg.name in _KEYWORDS and not (arg.name == "filename" and name.endswith("Response"))
        if by_name or (arg.name == "" and index < most):
            yield arg


def _target(target: f.Expr) -> str:
    return target.id if isinstance(target, f.Name) else target.attr if isinstance(target, f.Attr) else ""
