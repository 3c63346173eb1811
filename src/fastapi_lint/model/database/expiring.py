"""What is read of the objects of a session behind its commit, where a function makes the session. Judges nothing.

In go the call that makes a session and its function; it is followed to the variables that may hold its objects: made
with it, made of such, or put into it. A commit in a loop counts from the beginning of the loop.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.index.facts import target_names
from fastapi_lint.model.calls.concurrent.using import leaves
from fastapi_lint.model.names.expressions import walk
from fastapi_lint.model.names.scanning import code_of
from fastapi_lint.model.names.symbols import Class, Function, FunctionObject, Instance, Module

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project


_DEEPEST = 8
_COMMITS = re.compile(rb"\.commit\(|\.begin\(|\byield\b")


def is_read_after_commit(project: Project, module: Module, call: f.Call) -> bool:
    """Whether a session that a call makes leaves its function, or something of it can be read behind a commit there."""
    function = module.enclosing(call.block)
    if function is None:
        return True
    name, start, end = _bound(function, call)
    if not name:
        return end < 0 or _COMMITS.search(module.source.utf8, function.facts.head_end, function.facts.end) is not None
    if any(leave.kind in ("return", "yield") and _gives(module, leave, name) for leave in function.exits):
        return True
    committed = _first_commit(function, call, name, project)
    if committed < 0:
        return False
    if any(_adds_parameter(function, each, name) for each in function.calls):
        return True  # whoever has given it may read it
    rest = code_of(function, committed)
    objects = {one for one in _objects(function, name, start, end, project) if not _is_refreshed(one, rest)}
    spared = {name, *_coroutines(function)}
    return any(re.search(rf"(?<![\w.]){re.escape(one)}\b", rest) for one in objects - spared)


def _coroutines(function: Function) -> Iterator[str]:
    """The variables that hold what is awaited further down, and no object."""
    calls = function.module.facts.calls
    for entry in function.module.assigns_in.get(function.index, ()):
        if isinstance(entry.target, f.Name) and isinstance(entry.value, f.CallRef) and calls[entry.value.index].later:
            yield entry.target.id


def _is_refreshed(name: str, rest: str) -> bool:
    return re.search(rf"\.refresh\(\s*{re.escape(name)}\b", rest) is not None


def _objects(function: Function, session: str, start: int, end: int, project: Project) -> set[str]:
    """The variables that may hold objects of a session: made with it, made of such, or put into it."""
    module = function.module
    made: list[tuple[f.Expr, f.Expr | None]] = [
        (e.target, e.value) for e in module.assigns_in.get(function.index, ()) if start < e.start < end
    ]
    made += [
        (block.target, block.test)
        for block in module.blocks_in.get(function.index, ())
        if block.kind in ("for", "comprehension") and block.target is not None and start < block.start < end
    ]
    found = {session}
    for call in function.calls:
        match call.func:
            case f.Attr(value=f.Name(id=held), attr="add" | "add_all" | "merge") if held == session:
                found |= _added(call, function, project) if call.args else set()
            case _ if any(arg.value == f.Name(session) for arg in call.args):  # a helper, which may put them into it
                found |= {arg.value.id for arg in call.args if isinstance(arg.value, f.Name)}
    for _ in range(3):  # a loop may use further up what it makes further down
        for target, value in made:
            if not found.isdisjoint(_names(value, module)):
                found.update(target_names(target))
    return found


def _added(call: f.Call, function: Function, project: Project) -> set[str]:
    """The variables that are put into a session, and objects of classes that are made a part of what is put into it."""
    where = (function.module, call.block, call.start)
    itself = {leaf.id for leaf in leaves(call.args[0].value) if isinstance(leaf, f.Name)}
    inside = _names(call.args[0].value, function.module) - itself
    values = {name: project.infer(f.Name(name), *where) for name in inside}
    return itself | {
        name for name, made in values.items() if isinstance(made, Instance) and isinstance(made.cls, Class)
    }


def _names(expr: f.Expr | None, module: Module, depth: int = 0) -> set[str]:
    """The names of variables in an expression, those of its calls included."""
    found: set[str] = set()
    for part in walk(expr) if depth < _DEEPEST else ():
        if isinstance(part, f.Name):
            found.add(part.id)
        elif isinstance(part, f.CallRef):
            call = module.facts.calls[part.index]
            for one in (call.func, *(arg.value for arg in call.args)):
                found |= _names(one, module, depth + 1)
    return found


def _bound(function: Function, call: f.Call) -> tuple[str, int, int]:
    """The variable under which a function has the session that a call makes, and where its objects are bound.

    No name for one that is kept otherwise; a negative end when it leaves the function at once.
    """
    module = function.module
    for block in module.blocks_in.get(function.index, ()):
        if block.kind == "with" and _is(block.test, module, call):
            return (block.target.id if isinstance(block.target, f.Name) else ""), block.start, block.end
    for entry in module.assigns_in.get(function.index, ()):
        if _is(entry.value, module, call):
            name = entry.target.id if isinstance(entry.target, f.Name) else ""
            return name, entry.start, function.facts.end if name else -1
    is_given = any(_is(leaf, module, call) for leave in function.exits for leaf in leaves(leave.value))
    return "", call.start, -1 if is_given else function.facts.end


def _is(expr: f.Expr | None, module: Module, call: f.Call) -> bool:
    return isinstance(expr, f.CallRef) and module.facts.calls[expr.index] is call


def _gives(module: Module, leave: f.Exit, name: str) -> bool:
    """Whether a return or yield gives the session away, or something that is made with it."""
    for leaf in leaves(leave.value):
        if leaf == f.Name(name):
            return True
        call = module.facts.calls[leaf.index] if isinstance(leaf, f.CallRef) else None
        if call is not None and not call.awaited and any(arg.value == f.Name(name) for arg in call.args):
            return True
    return False


def _first_commit(function: Function, made: f.Call, name: str, project: Project) -> int:
    """Where a function is for the first time behind a commit of the session, by itself or by a helper; else -1.

    Of a commit in a loop that is the beginning of the loop.
    """
    module = function.module
    for call in function.calls:
        if call.start <= made.start:
            continue
        match call.func:
            case f.Attr(value=f.Name(id=found), attr="commit" | "begin") if found == name:
                committed = call.end
            case _ if any(arg.value == f.Name(name) for arg in call.args) and _helper_commits(module, call, project):
                committed = call.end
            case _:
                continue
        if call.use == "with":  # it commits at the end of its block
            ends = [b.end for b in module.blocks_in.get(function.index, ()) if _is(b.test, module, call)]
            committed = max(ends, default=committed)
        loops = [block for block in module.block_chain(call.block) if block.kind in ("for", "while")]
        return loops[-1].start if loops else committed
    return -1


def _helper_commits(module: Module, call: f.Call, project: Project) -> bool:
    """Whether what gets the session may commit: it is not known, or it says so."""
    callee = project.callee(module, call)
    if not isinstance(callee, FunctionObject):
        return callee is None
    helper = callee.function
    return _COMMITS.search(helper.module.source.utf8, helper.facts.head_end, helper.facts.end) is not None


def _adds_parameter(function: Function, call: f.Call, name: str) -> bool:
    """Whether an object that the function has been given is put into the session."""
    params = {param.name for param in function.params}
    match call.func:
        case f.Attr(value=f.Name(id=found), attr="add" | "add_all" | "merge") if found == name:
            return any(isinstance(arg.value, f.Name) and arg.value.id in params for arg in call.args)
    return False
