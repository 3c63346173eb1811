"""FAPI510: one session in several concurrent tasks. Finds what is started together; what runs alone is no concern."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function
from fastapi_lint.model.data import is_async_connection, is_async_session, is_sync_connection, is_sync_session
from fastapi_lint.model.names import Class, FunctionObject, Instance, Type
from fastapi_lint.model.types import Where
from fastapi_lint.rule import Check, rule

_TOGETHER = frozenset({"asyncio.gather", "asyncio.wait", "asyncio.as_completed", "asyncio.tasks.gather"})
_STARTERS = frozenset({"create_task", "ensure_future", "start_soon"})
_THREADS = frozenset({"to_thread", "run_in_threadpool", "run_sync"})
_SCOPED = ("sqlalchemy.orm.scoped_session", "sqlalchemy.ext.asyncio.async_scoped_session")


@dataclass(frozen=True)
class _Use:
    """A coroutine that is started beside others: the session it uses by the text of the code, how often, and where."""

    session: str
    repeated: bool
    start: int
    end: int


@rule("FAPI510", severity=Severity.ERROR)
def session_shared_between_tasks(function: Function, check: Check) -> Iterator[Finding]:
    """One session is used by several tasks at the same time.

    Why is this bad?
    A session is one conversation with the database: a second statement cannot start while the first is on its way.
    Tasks that share an `AsyncSession` raise `InvalidRequestError` ("concurrent operations are not permitted") or
    "another operation is in progress", depending on who comes first, which means under load and not in the tests. One
    task may also commit or roll back what the other has half done.

    Give every task its own session from the factory, or run the statements one after the other: on one connection they
    cannot overlap anyway.

    Known limits
    Seen are `asyncio.gather`, `wait`, `as_completed`, task groups and `create_task`, with sessions that are passed to
    the coroutines, whose methods are called, or that the object holds whose methods are called.

    References
    - [SQLAlchemy: AsyncSession with concurrent tasks](https://docs.sqlalchemy.org/en/20/orm/extensions/asyncio.html#using-asyncsession-with-concurrent-tasks)
    """
    if not function.is_async or not function.module.mentions(
        "gather", "create_task", "ensure_future", "start_soon", "as_completed", "asyncio.wait"
    ):
        return
    started: list[_Use] = []
    for call in function.calls:
        called = f.last_name(call.func)
        if called in ("gather", "wait", "as_completed"):
            if check.project.called_name(function.module, call) in _TOGETHER:
                yield from _shared(
                    [use for arg in call.args for use in _from(arg, function, call, check)], call, function, check
                )
        elif called in _STARTERS and not call.awaited and call.args:
            started.extend(_started(call, function, check))
    if started:
        yield from _shared(started, None, function, check)


def _shared(uses: list[_Use], call: f.Call | None, function: Function, check: Check) -> Iterator[Finding]:
    """The finding for a session that two of the coroutines use, or one that is started again and again."""
    by_session: dict[str, list[_Use]] = {}
    for use in uses:
        by_session.setdefault(use.session, []).append(use)
    for session, found in by_session.items():
        if call is None and len(found) > 1 and _waits_between(function, found):
            continue
        if len(found) > 1 or found[0].repeated:
            many = f"{len(found)} tasks" if len(found) > 1 else "the tasks of a loop"
            at = (call.start, call.name_end) if call is not None else (found[-1].start, found[-1].end)
            yield check.finding(
                at,
                f"`{session}` is used by {many} at once in `{function.name}`: a session can do one thing at a time; "
                "open a session in each of them, or await them one after the other",
                related=[check.related((use.start, use.end), f"uses `{session}`") for use in found],
            )


def _waits_between(function: Function, found: list[_Use]) -> bool:
    """Whether the tasks started one by one are awaited before the next is."""
    source = function.module.source
    return any(re.search(r"\bawait\b", source.slice(one.end, other.start)) for one, other in pairwise(found))


def _from(arg: f.Arg, function: Function, call: f.Call, check: Check) -> Iterator[_Use]:
    """The uses among the coroutines that one argument of gather stands for."""
    where = (function.module, call.block, call.start)
    yield from _coroutines(arg.value, where, function, check, (arg.start, arg.end))


def _coroutines(
    value: f.Expr, where: Where, function: Function, check: Check, place: tuple[int, int], depth: int = 0
) -> Iterator[_Use]:
    match value:
        case f.CallRef(index=index):
            yield from _uses(function.module.facts.calls[index], function, check, repeated=False)
        case f.Each(element=f.CallRef(index=index)):
            yield from _uses(function.module.facts.calls[index], function, check, repeated=True)
        case f.Display(items=items):
            for item in items:
                yield from _coroutines(
                    item.value if isinstance(item, f.Star) else item, where, function, check, place, depth + 1
                )
        case f.Name(id=name) if depth < 3:
            for entry in function.module.assigns_in.get(function.index, ()):
                if entry.target == f.Name(name) and entry.value is not None and entry.start < place[0]:
                    yield from _coroutines(entry.value, where, function, check, place, depth + 1)
            for added in function.calls:
                match added.func:
                    case f.Attr(value=f.Name(id=found), attr="append" | "add") if found == name and added.args:
                        inner = added.args[0].value
                        if isinstance(inner, f.CallRef) and added.start < place[0]:
                            coroutine = function.module.facts.calls[inner.index]
                            yield from _uses(coroutine, function, check, repeated=_in_loop(function, added.block))


def _started(call: f.Call, function: Function, check: Check) -> Iterator[_Use]:
    """The uses by a task of its own: `create_task(f(session))`, `group.start_soon(f, session)`."""
    repeated = _in_loop(function, call.block)
    first = call.args[0].value
    if f.last_name(call.func) == "start_soon":
        yield from _uses(call, function, check, repeated=repeated)
    elif isinstance(first, f.CallRef):
        yield from _uses(function.module.facts.calls[first.index], function, check, repeated=repeated)


def _uses(coroutine: f.Call, function: Function, check: Check, *, repeated: bool) -> Iterator[_Use]:
    """The sessions that one call uses: its receiver, its arguments, and what its receiver holds."""
    module = function.module
    where = (module, coroutine.block, coroutine.start)
    if f.last_name(coroutine.func) in _STARTERS and f.last_name(coroutine.func) != "start_soon":
        if coroutine.args and isinstance(coroutine.args[0].value, f.CallRef):
            yield from _uses(module.facts.calls[coroutine.args[0].value.index], function, check, repeated=repeated)
        return
    threaded = f.last_name(coroutine.func) in _THREADS
    exprs = [arg.value for arg in coroutine.args if arg.name != "**"]
    if isinstance(coroutine.func, f.Attr):
        exprs.append(coroutine.func.value)
    seen: set[str] = set()
    for expr in exprs:
        text = _dotted(expr)
        if not text or text in seen or _is_of_loop(text.split(".")[0], where):
            continue
        value = check.project.infer(expr, *where)
        name = ""
        if _is_session(value, check, threaded):
            name = text
        elif isinstance(coroutine.func, f.Attr) and expr is coroutine.func.value:
            attribute = _held(value, coroutine, module_where=where, check=check)
            name = f"{text}.{attribute}" if attribute else ""
        if name:
            seen.add(text)
            yield _Use(
                name,
                repeated and not _is_made_in_loop(function, text.split(".")[0], coroutine),
                coroutine.start,
                coroutine.end,
            )


def _is_session(value: Type, check: Check, threaded: bool) -> bool:
    types = check.project.types
    if types.is_instance(value, *_SCOPED):
        return False
    if is_async_session(types, value) or is_async_connection(types, value):
        return True
    return threaded and (is_sync_session(types, value) or is_sync_connection(types, value))


def _held(value: Type, call: f.Call, *, module_where: Where, check: Check) -> str:
    """The attribute of an object of the project that is a session and that the called method works with."""
    types = check.project.types
    callee = types.infer(call.func, module_where)
    if not isinstance(value, Instance) or not isinstance(value.cls, Class) or not isinstance(callee, FunctionObject):
        return ""
    method = callee.function
    body = method.module.source.slice(method.facts.head_end, method.facts.end)
    itself = method.params[0].name if method.params else "self"
    for base in types.mro(value.cls):
        if not isinstance(base, Class):
            continue
        for attribute in {**types.self_assigns(base), **base.assigns}:
            if re.search(rf"\b{itself}\.{re.escape(attribute)}\.\w+\(", body) and _is_session(
                types.attribute(value, attribute), check, False
            ):
                return attribute
    return ""


def _dotted(expr: f.Expr) -> str:
    """`session`, `self.session`; empty for anything else."""
    match expr:
        case f.Name(id=name):
            return name
        case f.Attr(value=value, attr=attr):
            inner = _dotted(value)
            return f"{inner}.{attr}" if inner else ""
    return ""


def _is_of_loop(name: str, where: Where) -> bool:
    """Whether a name is the variable of a comprehension around: another object every time."""
    blocks = where[0].facts.blocks
    block = where[1]
    while block >= 0 and blocks[block].kind == "comprehension":
        target = blocks[block].target
        if name in re.findall(r"\w+", _target_text(target)):
            return True
        block = blocks[block].parent
    return False


def _target_text(target: f.Expr | None) -> str:
    match target:
        case f.Name(id=name):
            return name
        case f.Display(items=items):
            return " ".join(_target_text(item) for item in items)
        case f.Star(value=value):
            return _target_text(value)
    return ""


def _in_loop(function: Function, block: int) -> bool:
    return any(entry.kind in ("for", "while", "comprehension") for entry in function.module.block_chain(block))


def _is_made_in_loop(function: Function, name: str, call: f.Call) -> bool:
    """Whether the loop that starts the tasks makes a new object under that name each time."""
    module = function.module
    chain = {index for index, entry in enumerate_chain(function, call.block) if entry.kind in ("for", "while")}
    if not chain:
        return False
    loop = min(chain)
    start, end = module.facts.blocks[loop].start, module.facts.blocks[loop].end
    if any(
        start <= e.start < end and name in _target_text(e.target).split()
        for e in module.assigns_in.get(function.index, ())
    ):
        return True
    return any(
        start <= b.start < end and b.kind in ("for", "with") and name in _target_text(b.target).split()
        for b in module.blocks_in.get(function.index, ())
    )


def enumerate_chain(function: Function, block: int) -> Iterator[tuple[int, f.Block]]:
    """The blocks from one outwards to the body of the function, with their indexes."""
    blocks = function.module.facts.blocks
    while block >= 0 and block != function.facts.block:
        yield block, blocks[block]
        block = blocks[block].parent
