"""Which arguments are keys that tokens, sessions and texts are signed or encrypted with. Judges no text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from fastapi_lint.catalog.secrecy import secret_calls, secrets
from fastapi_lint.catalog.secrecy.secrets import Taker
from fastapi_lint.index import facts as f
from fastapi_lint.model.names.expressions import called
from fastapi_lint.model.names.symbols import FunctionObject, Module
from fastapi_lint.model.values.literals import Literal, literals_between

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_ADDING = frozenset({"add_middleware", "Middleware"})
"""What takes a middleware as its first argument, and then what that one takes by name."""
_OF_USERS = ("reset_password_token_secret", "verification_token_secret")
_USERS = frozenset({"fastapi_users.BaseUserManager", "fastapi_users.manager.BaseUserManager"})
"""The class of FastAPI Users that signs with two of its attributes."""
USERS = "BaseUserManager"


class Given(NamedTuple):
    """A key that a call is given; `taker` says what for."""

    call: f.Call
    arg: f.Arg
    taker: Taker
    name: str


def keys_given(module: Module, project: Project) -> Iterator[Given]:
    """The arguments of a module's calls that are keys."""
    if not module.mentions(*secret_calls.taker_hints()):
        return
    for call in module.facts.calls:
        last = called(module, call)
        if last in _ADDING and call.args:
            name, position = project.name(call.args[0].value, module, call.block, call.start), -1
        elif last in secret_calls.taker_names():
            name, position = project.called_name(module, call), None
        else:
            continue
        taker = secret_calls.taker(name or "")
        if taker is None or name is None:
            continue
        at = taker.position if position is None else position
        for i, arg in enumerate(call.args):
            if arg.name in taker.keywords or (arg.name == "" and i == at):
                yield Given(call, arg, taker, name)


def keys_of_users(module: Module, project: Project) -> Iterator[f.Assign]:
    """The attributes with keys of a module's user managers (FastAPI Users)."""
    for cls in module.classes if module.mentions(*_OF_USERS) else ():
        entries = [cls.assigns[name] for name in _OF_USERS if name in cls.assigns]
        if entries and any(base in _USERS for base in project.types.mro(cls)):
            yield from entries


def literals_given_back(project: Project, module: Module, value: f.CallRef) -> Iterator[tuple[Literal, Module]]:
    """The text that a function of the project gives, which gives nothing else: with the module in which it stands."""
    callee = project.callee(module, module.facts.calls[value.index])
    if not isinstance(callee, FunctionObject) or callee.function.module.is_test:
        return
    home = callee.function.module
    returned = [leave for leave in callee.function.exits if leave.kind == "return"]
    for leave in returned if len(returned) == 1 else ():
        for literal in literals_between(home, leave.start, leave.end):
            if leave.value == f.Const(literal.text) and literal.text and not secrets.is_absent(literal.text):
                yield literal, home
