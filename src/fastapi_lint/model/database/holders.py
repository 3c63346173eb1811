"""Sessions and connections that serve one task at a time, and the objects that hold one: where it came from.

Reports nothing. What a session is, is in `sessions`.
"""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.index import facts as f
from fastapi_lint.model.database.sessions import (
    is_async_connection,
    is_async_session,
    is_sync_connection,
    is_sync_session,
)
from fastapi_lint.model.names.symbols import Class, Function, FunctionObject, Instance, Type
from fastapi_lint.model.types.inference.inference import Inference, Where
from fastapi_lint.tracking import memoized

_SCOPED = ("sqlalchemy.orm.scoped_session", "sqlalchemy.ext.asyncio.async_scoped_session")
_DRIVERS = ("asyncpg.Connection", "aiomysql.Connection", "aiopg.Connection")
"""Connections of drivers that refuse a second statement while the first is on its way; others wait for their turn."""
_DEEPEST = 2
"""Objects that lie between an object and the session that it holds."""


def is_async_conversation(types: Inference, value: Type) -> bool:
    """Whether a value is an asynchronous session or connection that does one thing at a time."""
    if types.is_instance(value, *_SCOPED):
        return False
    return is_async_session(types, value) or is_async_connection(types, value) or types.is_instance(value, *_DRIVERS)


def is_conversation(types: Inference, value: Type) -> bool:
    """Whether a value is a session or connection of either kind, a scoped one aside."""
    if not isinstance(value, Instance) or types.is_instance(value, *_SCOPED):
        return False
    return is_async_conversation(types, value) or is_sync_session(types, value) or is_sync_connection(types, value)


def is_session(types: Inference, value: Type) -> bool:
    """Whether a value is a session, not a connection."""
    return is_async_session(types, value) or is_sync_session(types, value)


def conversations_in(types: Inference, value: Type) -> Iterator[str]:
    """The attributes of an object of the project that hold a session or connection."""
    if isinstance(value, Instance) and isinstance(value.cls, Class):
        for base in types.mro(value.cls):
            if isinstance(base, Class):
                for attribute in {**types.self_assigns(base), **base.assigns}:
                    if is_conversation(types, types.attribute(value, attribute)):
                        yield attribute


def holds_conversation(types: Inference, value: Type) -> bool:
    """Whether an object of the project holds a session or connection, itself or by way of what it holds."""
    if not isinstance(value, Instance) or not isinstance(value.cls, Class):
        return False
    return types.shared(_Holders).holds(value, _DEEPEST)


class _Holders:
    """Which objects hold a conversation, each asked about once: mostly it is the user, given to every endpoint."""

    def __init__(self, types: Inference) -> None:
        self._types = types

    @memoized
    def holds(self, value: Instance, depth: int) -> bool:
        """Whether an object holds one, looked for through so many others."""
        if any(conversations_in(self._types, value)):
            return True
        if depth == 0 or not isinstance(value.cls, Class):
            return False
        attributes = {
            attribute: None
            for base in self._types.mro(value.cls)
            if isinstance(base, Class)
            for attribute in (*self._types.self_assigns(base), *base.assigns)
        }
        held = (self._types.attribute(value, each) for each in attributes)
        return any(self.holds(each, depth - 1) for each in held if isinstance(each, Instance))


def given(types: Inference, value: Type, attribute: str) -> tuple[f.Expr, Where] | None:
    """What the call that made an object has passed for one of its attributes; None when that is not known.

    That is the argument for the parameter that the constructor assigns, or for the field of a dataclass.
    """
    if not isinstance(value, Instance) or not isinstance(value.cls, Class) or value.origin is None:
        return None
    call, module = value.origin.facts, value.origin.module
    init = types.member(value.cls, "__init__", Instance(value.cls))
    if isinstance(init, FunctionObject):
        name = _assigned_from(types, value.cls, attribute, init.function)
        names = init.function.positional
    else:
        name = attribute
        names = [each for base in reversed(types.mro(value.cls)) if isinstance(base, Class) for each in base.assigns]
    if not name or any(arg.name in ("*", "**") for arg in call.args):
        return None
    where = (module, call.block, call.start)
    if (keyword := f.keyword(call, name)) is not None:
        return keyword.value, where
    positional = [arg.value for arg in call.args if arg.name == ""]
    if name in names and names.index(name) < len(positional):
        return positional[names.index(name)], where
    return None


def taken(types: Inference, cls: Class, attribute: str) -> tuple[Function | None, str]:
    """The constructor of a class, and its parameter that is put into an attribute as it is."""
    init = types.member(cls, "__init__", Instance(cls))
    if not isinstance(init, FunctionObject):
        return None, ""
    return init.function, _assigned_from(types, cls, attribute, init.function)


def _assigned_from(types: Inference, cls: Class, attribute: str, init: Function) -> str:
    """The parameter of a constructor that is put into an attribute as it is; also by way of `super().__init__`."""
    for base in types.mro(cls):
        for entry, function in types.self_assigns(base).get(attribute, ()) if isinstance(base, Class) else ():
            if function is init and isinstance(entry.value, f.Name) and not init.rebinds(entry.value.id):
                return entry.value.id
    return ""
