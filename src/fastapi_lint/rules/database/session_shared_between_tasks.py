"""FAPI510: one session in several concurrent tasks. Finds what is started together; what runs alone is no concern."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function
from fastapi_lint.model.calls import Member, Together, is_made_in_loop, together
from fastapi_lint.model.database import given, is_async_conversation, is_conversation, is_session, taken
from fastapi_lint.model.injection import Depends
from fastapi_lint.model.names import Class, FunctionObject, Instance, Type, dotted, walk
from fastapi_lint.model.types import DEPENDS, Where
from fastapi_lint.rule import Check, rule

_DEEPEST = 3
_THREADS = frozenset({"to_thread", "run_in_threadpool", "run_sync"})
_HANDS = _THREADS | {"start_soon", "start"}
"""What takes the function that runs, and then what it is given."""


@dataclass(frozen=True)
class _Use:
    """A call that uses a session: which one it is (`key` tells it from others), what it is called, and who holds it."""

    key: str
    session: str
    holder: str
    kind: str
    member: Member
    repeated: bool


@rule("FAPI510", severity=Severity.ERROR)
def session_shared_between_tasks(function: Function, check: Check) -> Iterator[Finding]:
    """One session is used by several tasks at the same time.

    Why is this bad?
    A session is one conversation with the database: a second statement cannot start while the first is on its way.
    Tasks that share an `AsyncSession` raise `InvalidRequestError` ("concurrent operations are not permitted") or
    "another operation is in progress", depending on who comes first, which means under load and not in the tests. One
    task may also commit or roll back what the other has half done. The same goes for a connection of asyncpg.

    Give every task its own session from the factory, or run the statements one after the other: on one connection they
    cannot overlap anyway.

    Known limits
    Seen are `asyncio.gather`, `wait`, `as_completed`, task groups and `create_task`, with sessions that are passed to
    the coroutines, whose methods are called, or that the objects hold whose methods are called: also two objects that
    were made with one session, or that got it from one dependency.

    References
    - [SQLAlchemy: AsyncSession with concurrent tasks](https://docs.sqlalchemy.org/en/20/orm/extensions/asyncio.html#using-asyncsession-with-concurrent-tasks)
    """
    for group in together(check.project.types, function):
        by_session: dict[str, list[_Use]] = {}
        for member in group.members:
            for use in _uses(member, function, check):
                by_session.setdefault(use.key, []).append(use)
        for found in by_session.values():
            if len(found) > 1 or found[0].repeated:
                yield _finding(group, found, function, check)


def _finding(group: Together, found: list[_Use], function: Function, check: Check) -> Finding:
    session, last = found[0].session, found[-1].member.call
    handed = dotted(last.args[0].value) if f.last_name(last.func) in _HANDS and last.args else ""
    written = handed or check.project.effects.written(function.module, last)
    many = f"{len(found)} tasks" if len(found) > 1 else f"every `{written}(...)`"
    runs = f"`{f.last_name(group.call.func)}` runs them together" if group.call is not None else "they run together"
    return check.finding(
        (group.call.start, group.call.name_end) if group.call is not None else (last.start, last.end),
        f"{session} is used by {many} at once in `{function.name}`",
        why=f"{runs}, and a {found[0].kind} can do one thing at a time",
        instead=f"open a {found[0].kind} in each of them, or await them one after the other",
        related=[
            check.related(
                (use.member.call.start, use.member.call.end),
                f"`{use.holder}` holds {session}" if use.holder else f"uses {session}",
            )
            for use in found
        ],
    )


def _uses(member: Member, function: Function, check: Check) -> Iterator[_Use]:
    """The sessions that one call uses: its receiver, its arguments, and what its receiver holds."""
    module, types, call = function.module, check.project.types, member.call
    where = (module, call.block, call.start)
    wanted = is_conversation if f.last_name(call.func) in _THREADS else is_async_conversation
    exprs = [value for arg in call.args if arg.name != "**" for value in _values(arg.value, function)]
    if isinstance(call.func, f.Attr):
        exprs.append(call.func.value)
    if isinstance(call.func, f.Attr) and isinstance(call.func.value, f.CallRef):
        yield from _used_by_new(call.func.value, member, function, check)
    seen: set[str] = set()
    for expr in exprs:
        text = dotted(expr)
        if not text or text in seen:
            continue
        root = text.partition(".")[0]
        is_new = is_made_in_loop(function, root, call.block)
        value = types.infer(expr, where)
        found: tuple[str, str] | None = None
        holder = attribute = ""
        if wanted(types, value):
            found = _injected(root, function, check) if text == root else None
            found = (found[0], f"`{text}`") if found is not None else (text, f"`{text}`")
        elif isinstance(call.func, f.Attr) and expr is call.func.value:
            attribute = _used_attribute(value, call, where, check)
            holder = text if attribute else ""
            found = _held(value, attribute, text, function, check) if attribute else None
        if found is not None and not (is_new and member.repeated):
            seen.add(text)
            held = types.attribute(value, attribute) if holder else value
            kind = "session" if is_session(types, held) else "connection"
            yield _Use(found[0], found[1], holder, kind, member, member.repeated)


def _used_by_new(made: f.CallRef, member: Member, function: Function, check: Check) -> Iterator[_Use]:
    """The session that an object is made with whose method is called at once: `Orders(db).count()`."""
    module, types, call = function.module, check.project.types, member.call
    where = (module, call.block, call.start)
    value = types.infer(made, where)
    attribute = _used_attribute(value, call, where, check)
    passed = given(types, value, attribute) if attribute else None
    session = dotted(passed[0]) if passed is not None and passed[1][0].enclosing(passed[1][1]) is function else ""
    if session:
        key, shown = _injected(session, function, check) or (session, f"`{session}`")
        kind = "session" if is_session(types, types.attribute(value, attribute)) else "connection"
        yield _Use(key, shown, f.last_name(module.facts.calls[made.index].func), kind, member, member.repeated)


def _values(expr: f.Expr, function: Function) -> Iterator[f.Expr]:
    """What an argument brings along: itself, or what a lambda or partial would call its function with."""
    module = function.module
    match expr:
        case f.Lambda(index=index):
            for call in module.calls_in.get(index, ()):
                yield from (arg.value for arg in call.args)
        case f.CallRef(index=index) if f.last_name(module.facts.calls[index].func) == "partial":
            yield from (arg.value for arg in module.facts.calls[index].args)
        case _:
            yield expr


def _used_attribute(value: Type, call: f.Call, where: Where, check: Check) -> str:
    """The attribute of an object of the project that is a session and that the called method works with."""
    types = check.project.types
    callee = types.infer(call.func, where)
    if not isinstance(value, Instance) or not isinstance(value.cls, Class) or not isinstance(callee, FunctionObject):
        return ""
    used = set(_worked_with(callee.function, check, _DEEPEST))
    for base in types.mro(value.cls):
        for attribute in {**types.self_assigns(base), **base.assigns} if isinstance(base, Class) else ():
            if attribute in used and is_async_conversation(types, types.attribute(value, attribute)):
                return attribute
    return ""


def _worked_with(method: Function, check: Check, depth: int) -> Iterator[str]:
    """The attributes of its object whose methods a method calls, or that it gives to others; also by way of its own."""
    if not method.params:
        return
    itself = f.Name(method.params[0].name)
    for call in method.calls:
        receiver = call.func.value if isinstance(call.func, f.Attr) else None
        for expr in (receiver, *(arg.value for arg in call.args)):
            yield from (part.attr for part in walk(expr) if isinstance(part, f.Attr) and part.value == itself)
        if receiver == itself and depth > 0:
            callee = check.project.callee(method.module, call)
            if isinstance(callee, FunctionObject) and callee.function is not method:
                yield from _worked_with(callee.function, check, depth - 1)


def _held(value: Type, attribute: str, text: str, function: Function, check: Check) -> tuple[str, str]:
    """Which session an object holds: the one that it was made with or that was injected, else its own."""
    root, _, rest = text.partition(".")
    found = _injected(root, function, check) if not rest else _kept(root, rest, attribute, function, check)
    if found is not None:
        return found
    passed = given(check.project.types, value, attribute)
    if passed is not None and (session := dotted(passed[0])):
        maker = passed[1][0].enclosing(passed[1][1])
        if maker is function:
            return _injected(session, function, check) or (session, f"`{session}`")
        owner = check.project.infer(f.Name(root), function.module, function.facts.block, function.facts.end)
        if rest and maker is not None and isinstance(owner, Instance) and maker.cls is not None:
            if check.project.types.is_subclass(owner.cls, maker.cls):  # made by the object whose attribute it is
                return f"{root}/{maker.qualname}/{session}", f"`{session}`"
    return f"{text}.{attribute}", f"`{text}.{attribute}`"


def _kept(itself: str, attribute: str, inner: str, function: Function, check: Check) -> tuple[str, str] | None:
    """The dependency whose result an attribute of the function's own object is: its constructor was given it, by
    FastAPI or by the one function that makes such objects, or an object that holds it in `inner`."""
    if function.cls is None or not function.params or function.params[0].name != itself:
        return None
    types = check.project.types
    init, name = taken(types, function.cls, attribute)
    if init is not None and (found := _injected(name, init, check)) is not None:
        return found
    makers = check.project.routes.expansion.objects.makers(function.cls)
    passed = given(types, Instance(function.cls, origin=makers[0]), attribute) if len(makers) == 1 else None
    match passed:
        case (expr, (module, block, _) as where) if (maker := module.enclosing(block)) is not None:
            found = _injected(expr.id, maker, check) if isinstance(expr, f.Name) else None
            return found or _made_there(types.infer(expr, where), inner, maker, check)
    return None


def _made_there(value: Type, attribute: str, maker: Function, check: Check) -> tuple[str, str] | None:
    """The session with which a function makes an object that it gives to another one's constructor."""
    passed = given(check.project.types, value, attribute)
    session = dotted(passed[0]) if passed is not None else ""
    if passed is None or not session or passed[1][0].enclosing(passed[1][1]) is not maker:
        return None
    return _injected(session, maker, check) or (f"{maker.qualname}/{session}", f"`{session}`")


def _injected(name: str, function: Function, check: Check) -> tuple[str, str] | None:
    """The dependency from which a parameter has its session: FastAPI calls it once for all that depend on it."""
    dependencies, types = check.project.dependencies, check.project.types
    for parameter in dependencies.parameters(function) if any(p.name == name for p in function.params) else ():
        if parameter.name != name or parameter.marker not in DEPENDS or parameter.marker_call is None:
            continue
        where = (function.module, function.facts.outer, parameter.start)
        own = Depends(types.dependency_of(parameter.fact, where), function.module, parameter.marker_call, False)
        for one in dependencies.closure(own):
            if any(arg.name == "use_cache" for arg in one.call.args):
                return None
            if one.function is not None and is_async_conversation(types, types.dependency_result(one.target)):
                return f"Depends({one.function.module.name}.{one.function.qualname})", f"the session of `{one.name}`"
    return None
