"""FAPI504: async sessions whose objects expire on commit. Looks at how sessions are made, not at their use."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from fastapi_lint.finding import Finding, Fix, Safety, Severity
from fastapi_lint.fixing import edits
from fastapi_lint.fixing.edits.calls import call_node
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function, Instance, Module
from fastapi_lint.model.database import (
    ASYNC_SESSIONS,
    committing_factories,
    committing_sessions,
    is_async_session,
    is_read_after_commit,
)
from fastapi_lint.model.names import Class, ClassObject, External, Type, place_of
from fastapi_lint.rule import Check, rule

_FACTORIES = frozenset({"sqlalchemy.ext.asyncio.async_sessionmaker", "sqlalchemy.orm.sessionmaker"})
_MAKING = frozenset(name.rpartition(".")[2] for name in _FACTORIES)
_SESSIONS = frozenset({"AsyncSession"})
_OPTION = "expire_on_commit"


@rule("FAPI504", severity=Severity.INFO, fix=Safety.UNSAFE)
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
    and so are factories, and sessions of dependencies, where all commits are seen to be those of other ones, and tests.

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
        if what == "session" and not is_read_after_commit(check.project, module, call):
            continue
        if _is_for_reading(module, call, what, check):
            continue
        subject = "sessions of this factory expire their" if what == "factory" else "this session expires its"
        yield check.finding(
            (call.start, call.name_end),
            f"{subject} objects on commit",
            why="reading an attribute afterwards raises MissingGreenlet",
            instead=f"add `{_OPTION}=False`",
            fix=partial(_fix, module, call),
        )


def _is_for_reading(module: Module, call: f.Call, what: str, check: Check) -> bool:
    """Whether all commits are seen to be of other sessions: of a factory, or of one that a dependency gives."""
    function = module.enclosing(call.block)
    if what == "session" and (function is None or function not in check.project.dependencies.used):
        return False  # nobody is seen to have it
    committing = check.project.about(committing_factories if what == "factory" else committing_sessions)
    return bool(committing) and not committing & {None, place_of(module, call)}


def _maybe(module: Module, call: f.Call) -> bool:
    """Whether the words of a call allow it to make a session or a factory of sessions."""
    called = f.last_name(call.func)
    if called in module.words_for(_MAKING):
        return True
    if isinstance(call.func, f.Sub):
        return f.last_name(call.func.value) in module.words_for(_MAKING)
    return called.endswith("Session") or called in module.words_for(_SESSIONS)


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


def _fix(module: Module, call: f.Call) -> Fix | None:
    found, given = call_node(module, call), f"{_OPTION}=False"
    return Fix(f"Add `{given}`", Safety.UNSAFE, edits.with_argument(*found, given)) if found is not None else None
