"""Archives of clients that are unpacked: read of an upload, or of a file into which the function has written one.

That is with no filter, and nobody has looked at the names in them. Judges nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.bodies.arguments import given
from fastapi_lint.model.names.expressions import walk
from fastapi_lint.model.names.symbols import Function, Instance, Module
from fastapi_lint.model.taint.flows import Flows
from fastapi_lint.model.taint.strands import Entry, Step, Strand, strands
from fastapi_lint.model.types.inference.inference import Where

_DANGER = "archive"
_CONTENT = frozenset({"content", "body", "message", "form field", "file"})
_ALL = frozenset({"fully_trusted", "tarfile.fully_trusted_filter"})
_LOOKS = frozenset({"getmembers", "getnames", "getmember", "next"})
_OPENS = frozenset({"open", "io.open", "aiofiles.open", "anyio.open_file", "pathlib.Path.open"})
_TEMPORARY = frozenset({"tempfile.NamedTemporaryFile", "aiofiles.tempfile.NamedTemporaryFile"})
_SAME = frozenset({"str", "os.fspath", "pathlib.Path"})
_DEEPEST = 3


@dataclass(frozen=True)
class Unpacked:
    """An archive of a client that is unpacked: where that leaves the function, what unpacks it, and the way to there.

    `is_trusted`: a filter says that all of it is to be trusted; else there is none.
    """

    start: int
    end: int
    module: Module = field(repr=False)
    call: f.Call
    strand: Strand
    entry: Entry
    steps: tuple[Step, ...]
    is_trusted: bool


def unpacked(flows: Flows, function: Function) -> Iterator[Unpacked]:
    """The archives of clients that are unpacked as they are when a function runs."""
    if not flows.leading.leads(function, _DANGER):
        return
    for sunk in flows.sunk(function, _DANGER):
        call = sunk.arrival.call
        for piece in sunk.text:
            if isinstance(piece, Strand) and isinstance(piece.origin, Entry) and piece.origin.what in _CONTENT and call:
                if (how := _unfiltered(flows, sunk.arrival.module, call)) is not None:
                    steps = (*piece.steps, Step(sunk.arrival.module, call.start, call.name_end, "it is unpacked here"))
                    yield Unpacked(
                        sunk.start, sunk.end, sunk.arrival.module, call, piece, piece.origin, steps, how == "trusted"
                    )
    module = function.module
    for call in flows.sinks.likely(function, _DANGER):
        if flows.sinks.sink(module, call, _DANGER) is None or (how := _unfiltered(flows, module, call)) is None:
            continue
        for strand in _written(flows, function, call):
            if isinstance(strand.origin, Entry) and strand.origin.what in _CONTENT:
                steps = (*strand.steps, Step(module, call.start, call.name_end, "it is unpacked here"))
                yield Unpacked(call.start, call.end, module, call, strand, strand.origin, steps, how == "trusted")


# ---------------------------------------------------------------- what is looked at


def _unfiltered(flows: Flows, module: Module, call: f.Call) -> str | None:
    """How a call unpacks members whatever they are called: "trusted" by a filter, "" for want of one; else None."""
    values = flows.tracing.values
    if any(arg.name in ("*", "**", "members") for arg in call.args) or not isinstance(call.func, f.Attr):
        return None
    if (filtered := given(values, module, call, "filter")) is not None:
        name = flows.types.name_of_type(flows.types.infer(filtered.value, filtered.where))
        return "trusted" if {values.text(filtered.value, filtered.where), name} & _ALL else None
    if call.func.attr == "extractall" and len([arg for arg in call.args if arg.name == ""]) > 1:
        return None  # the members, by position
    return None if _is_looked_at(module, call, call.func.value) else ""


def _is_looked_at(module: Module, call: f.Call, archive: f.Expr) -> bool:
    """Whether a function has a look at the members of an archive, or lets another one do so, or sets a filter."""
    inner = module.facts.blocks[call.block].function
    if call.func == f.Attr(archive, "extract"):
        loop = next((block for block in module.block_chain(call.block) if block.kind == "for"), None)
        if loop is None:
            return True  # one member, by its name
        asks = any(loop.start < each.start < loop.end and each.kind == "choice" for each in module.blocks_in[inner])
        others = (other for other in module.calls_in.get(inner, ()) if other is not call)
        return asks or any(loop in module.block_chain(other.block) for other in others)
    for other in module.calls_in.get(inner, ()):
        if isinstance(other.func, f.Attr) and other.func.value == archive and other.func.attr in _LOOKS:
            return True
        if other is not call and any(arg.value == archive for arg in other.args):
            return True
    if any(
        block.test == archive and block.kind in ("for", "comprehension") for block in module.blocks_in.get(inner, ())
    ):
        return True
    return any(entry.target == f.Attr(archive, "extraction_filter") for entry in module.assigns_in.get(inner, ()))


# ---------------------------------------------------------------- what lies in a file


def _written(flows: Flows, function: Function, call: f.Call) -> Iterator[Strand]:
    """What a function has written into the file that it opens as an archive."""
    module = function.module
    assert isinstance(call.func, f.Attr)
    made = flows.types.infer(call.func.value, (module, call.block, call.start))
    origin = made.origin if isinstance(made, Instance) else None
    if origin is None or origin.module is not module or any(arg.name == "fileobj" for arg in origin.facts.args):
        return
    opened = origin.facts
    path = next((arg.value for arg in opened.args if arg.name in ("", "name")), None)
    if path is None or module.facts.blocks[opened.block].function != function.index:
        return
    path = _plain(flows, path, (module, opened.block, opened.start))
    for target, content, where in _writes(flows, function):
        if where[2] < opened.start and _plain(flows, target, where) == path:
            value = flows.tracing.checks.cleared(flows.tracing.value(content, where), where)
            yield from strands(value)


def _writes(flows: Flows, function: Function) -> Iterator[tuple[f.Expr, f.Expr, Where]]:
    """The paths to which a function writes, with what it writes there."""
    module = function.module
    for call in function.calls:
        where = (module, call.block, call.start)
        last = f.last_name(call.func)
        if isinstance(call.func, f.Attr) and last == "write_bytes" and call.args:
            yield call.func.value, call.args[0].value, where
        elif isinstance(call.func, f.Attr) and last == "write" and call.args:
            yield from ((path, call.args[0].value, where) for path in _path_of(flows, call.func.value, function))
        elif last == "copyfileobj" and len(call.args) > 1:
            yield from ((path, call.args[0].value, where) for path in _path_of(flows, call.args[1].value, function))


def _path_of(flows: Flows, file: f.Expr, function: Function) -> Iterator[f.Expr]:
    """The path of an open file: what it was opened with, the name of a temporary one."""
    module = function.module
    makers = [block.test for block in module.blocks_in.get(function.index, ()) if block.target == file]
    makers += [entry.value for entry in module.assigns_in.get(function.index, ()) if entry.target == file]
    for maker in makers:
        maker = maker.value if isinstance(maker, f.Await) else maker
        if not isinstance(maker, f.CallRef):
            continue
        call = module.facts.calls[maker.index]
        name = flows.types.name_of_type(flows.types.callee(module, call)) or ""
        if name in _TEMPORARY:
            yield f.Attr(file, "name")
        elif name in _OPENS:
            opened = call.func.value if name.endswith("Path.open") and isinstance(call.func, f.Attr) else None
            yield from [opened] if opened is not None else [arg.value for arg in call.args[:1]]


def _plain(flows: Flows, path: f.Expr, where: Where, depth: int = _DEEPEST) -> f.Expr:
    """A path without what only makes a text or an object of it, and as the variable was first set."""
    module = where[0]
    if depth > 0 and isinstance(path, f.CallRef):
        call = module.facts.calls[path.index]
        if len(call.args) == 1 and (flows.types.name_of_type(flows.types.callee(module, call)) or "") in _SAME:
            return _plain(flows, call.args[0].value, where, depth - 1)
    if depth > 0 and isinstance(path, f.Name):
        found = list(flows.tracing.values.definitions(path, where))
        if (
            len(found) == 1
            and found[0][1][0] is module
            and any(isinstance(p, (f.Name, f.Attr)) for p in walk(found[0][0]))
        ):
            return _plain(flows, found[0][0], found[0][1], depth - 1)
    return path
