"""FAPI504: async sessions whose objects expire on commit. Looks at how sessions are made, not at their use."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from fastapi_lint.finding import Finding, Fix, Safety
from fastapi_lint.fixing import edits
from fastapi_lint.fixing.edits.calls import call_node
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function, Instance, Module
from fastapi_lint.model.calls import leaves
from fastapi_lint.model.database import ASYNC_SESSIONS, committing_factories, is_async_session
from fastapi_lint.model.names import (
    Class,
    ClassObject,
    External,
    FunctionObject,
    Type,
    code_of,
    place_of,
    target_names,
    walk,
)
from fastapi_lint.rule import Check, rule

_FACTORIES = frozenset({"sqlalchemy.ext.asyncio.async_sessionmaker", "sqlalchemy.orm.sessionmaker"})
_OPTION = "expire_on_commit"
_DEEPEST = 8
_COMMITS = re.compile(rb"\.commit\(|\.begin\(|\byield\b")


@rule("FAPI504", fix=Safety.UNSAFE)
def expire_on_commit(module: Module, check: Check) -> Iterator[Finding]:
    """An `AsyncSession` is made without `expire_on_commit=False`.

    Why is this bad?
    After a commit all objects of a session are expired: the next access to one of their attributes loads them again.
    With an `AsyncSession` nobody awaits that access, so it raises `MissingGreenlet`, typically when the response is
    made of the object that was just saved. SQLAlchemy's documentation says to switch it off for async sessions.

    Fix safety
    The fix adds `expire_on_commit=False`. It is unsafe because objects then keep the values from before the commit;
    code that counts on seeing what the database or another session made of them needs a `refresh`.

    Known limits
    `expire_on_commit=True` is taken for a decision. A session that a function makes for itself is reported only when it
    leaves the function, or when something of it is named behind a commit; projects that never commit are left alone,
    and so are factories where all commits are seen to be those of other ones, and tests.

    References
    - [SQLAlchemy: preventing implicit I/O](https://docs.sqlalchemy.org/en/20/orm/extensions/asyncio.html#asyncio-orm-avoid-lazyloads)
    """
    if module.is_test or not module.mentions("AsyncSession", "async_sessionmaker"):
        return
    for call in module.facts.calls:
        if not _maybe(module, call) or any(arg.name in (_OPTION, "**") for arg in call.args):
            continue
        callee = check.project.callee(module, call)
        what = _made(module, call, callee, check)
        if not what or not _commits(check):
            continue
        if what == "session" and not _leaves(module, call, check):
            continue
        committing = check.project.about(committing_factories) if what == "factory" else frozenset()
        if what == "factory" and committing and not committing & {None, place_of(module, call)}:
            continue  # sessions for reading
        subject = "sessions of this factory expire their" if what == "factory" else "this session expires its"
        yield check.finding(
            (call.start, call.name_end),
            f"{subject} objects on commit",
            why="reading an attribute afterwards raises MissingGreenlet",
            instead=f"add `{_OPTION}=False`",
            fix=partial(_fix, module, call),
        )


def _maybe(module: Module, call: f.Call) -> bool:
    """Whether the words of a call allow it to make a session or a factory of sessions."""
    called = f.last_name(call.func)
    if called in ("async_sessionmaker", "sessionmaker"):
        return True
    if isinstance(call.func, f.Sub):
        return f.last_name(call.func.value) == "async_sessionmaker"
    return called.endswith("Session")


def _made(module: Module, call: f.Call, callee: Type, check: Check) -> str:
    """Whether a call makes a "factory" of async sessions or a "session"; empty for anything else."""
    match callee:
        case External(name=name) if name in _FACTORIES:
            given = next((arg for arg in call.args if arg.name == "class_"), None)
            if given is None:
                is_async = name.endswith("async_sessionmaker")
            else:
                cls = check.project.infer(given.value, module, call.block, call.start)
                if _decides_itself(cls, check):
                    return ""
                is_async = is_async_session(check.project.types, check.project.types.instantiate(cls))
            return "factory" if is_async and not _is_configured(call, module, check) else ""
        case External(name=name) if name in ASYNC_SESSIONS:
            return "session" if "scoped" not in name else ""
        case ClassObject(cls=cls) if is_async_session(check.project.types, check.project.types.instantiate(callee)):
            has_own = any(
                "__init__" in base.methods for base in check.project.types.mro(cls) if isinstance(base, Class)
            )
            return "" if has_own else "session"
    return ""


def _decides_itself(cls: Type, check: Check) -> bool:
    """Whether a session class of the project sets the option in its own `__init__`."""
    if not isinstance(cls, ClassObject):
        return False
    own = (base.methods.get("__init__") for base in check.project.types.mro(cls.cls) if isinstance(base, Class))
    return any(init is not None and _names_option(init) for init in own)


def _names_option(init: Function) -> bool:
    """Whether a constructor gives or changes the option: as an argument, or as a key of what it was given."""
    given = any(f.keyword(call, _OPTION) for call in init.calls)
    keys = (arg.value for call in init.calls for arg in call.args)
    targets = (entry.target for entry in init.module.assigns_in.get(init.index, ()))
    return given or any(
        part == f.Const(_OPTION) for expr in (*keys, *targets) for part in (expr, *getattr(expr, "items", ()))
    )


def _is_configured(call: f.Call, module: Module, check: Check) -> bool:
    """Whether the factory may get the option later: `factory.configure(expire_on_commit=False)`."""
    for other, index in check.project.modules.calls_by_name.get("configure", ()):
        later = other.facts.calls[index]
        if not any(arg.name in (_OPTION, "**") for arg in later.args) or not isinstance(later.func, f.Attr):
            continue
        made = check.project.infer(later.func.value, other, later.block, later.start)
        origin = made.origin if isinstance(made, Instance) else None
        if origin is None and f.keyword(later, _OPTION) and (made is None or isinstance(made, Instance)):
            return True  # a factory of which it is not known which one it is
        if origin is not None and place_of(origin.module, origin.facts) == place_of(module, call):
            return True
    return False


def _commits(check: Check) -> bool:
    """Whether anything in the project commits."""
    return any(module.mentions(".commit(", ".begin(") for module in check.project.modules if not module.is_test)


def _leaves(module: Module, call: f.Call, check: Check) -> bool:
    """Whether a session that a function makes leaves it, or something of it can be read after its commit."""
    function = module.enclosing(call.block)
    if function is None:
        return True
    name, start, end = _bound(function, call)
    if not name:
        return end < 0 or _COMMITS.search(module.source.utf8, function.facts.head_end, function.facts.end) is not None
    if any(leave.kind in ("return", "yield") and _gives(module, leave, name) for leave in function.exits):
        return True
    committed = _first_commit(function, call, name, check)
    if committed < 0:
        return False
    if any(_adds_parameter(function, each, name) for each in function.calls):
        return True  # whoever has given it may read it
    rest = code_of(function, committed)
    objects = {one for one in _objects(function, name, start, end, check) if not _is_refreshed(one, rest)}
    return any(re.search(rf"(?<![\w.]){re.escape(one)}\b", rest) for one in objects - {name})


def _is_refreshed(name: str, rest: str) -> bool:
    return re.search(rf"\.refresh\(\s*{re.escape(name)}\b", rest) is not None


def _objects(function: Function, session: str, start: int, end: int, check: Check) -> set[str]:
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
                found |= _added(call, function, check) if call.args else set()
            case _ if any(arg.value == f.Name(session) for arg in call.args):  # a helper, which may put them into it
                found |= {arg.value.id for arg in call.args if isinstance(arg.value, f.Name)}
    for _ in range(3):  # a loop may use further up what it makes further down
        for target, value in made:
            if not found.isdisjoint(_names(value, module)):
                found.update(target_names(target))
    return found


def _added(call: f.Call, function: Function, check: Check) -> set[str]:
    """The variables that are put into a session, and objects of classes that are made a part of what is put into it."""
    where = (function.module, call.block, call.start)
    itself = {leaf.id for leaf in leaves(call.args[0].value) if isinstance(leaf, f.Name)}
    inside = _names(call.args[0].value, function.module) - itself
    values = {name: check.project.infer(f.Name(name), *where) for name in inside}
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


def _first_commit(function: Function, made: f.Call, name: str, check: Check) -> int:
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
            case _ if any(arg.value == f.Name(name) for arg in call.args) and _helper_commits(module, call, check):
                committed = call.end
            case _:
                continue
        if call.use == "with":  # it commits at the end of its block
            ends = [b.end for b in module.blocks_in.get(function.index, ()) if _is(b.test, module, call)]
            committed = max(ends, default=committed)
        loops = [block for block in module.block_chain(call.block) if block.kind in ("for", "while")]
        return loops[-1].start if loops else committed
    return -1


def _helper_commits(module: Module, call: f.Call, check: Check) -> bool:
    """Whether what gets the session may commit: it is not known, or it says so."""
    callee = check.project.callee(module, call)
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


def _fix(module: Module, call: f.Call) -> Fix | None:
    found, given = call_node(module, call), f"{_OPTION}=False"
    return Fix(f"Add `{given}`", Safety.UNSAFE, edits.with_argument(*found, given)) if found is not None else None
