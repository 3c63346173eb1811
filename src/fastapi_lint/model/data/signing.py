"""Which assignments of a project hold the keys that tokens and sessions are signed with. Judges no text."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Module
from fastapi_lint.model.types.inference.inference import Where
from fastapi_lint.model.values.texts import written_for_tests
from fastapi_lint.tracking.tables import contributions

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_NAMES = ("key", "secret_key", "secret")
_TAKES_KEY = {
    "jwt.encode": 1,
    "jwt.decode": 1,
    "jose.jwt.encode": 1,
    "jose.jwt.decode": 1,
    "cryptography.fernet.Fernet": 0,
    "itsdangerous.URLSafeTimedSerializer": 0,
    "itsdangerous.URLSafeSerializer": 0,
    "itsdangerous.url_safe.URLSafeTimedSerializer": 0,
    "itsdangerous.url_safe.URLSafeSerializer": 0,
    "itsdangerous.TimestampSigner": 0,
    "itsdangerous.Signer": 0,
    "fastapi_users.authentication.JWTStrategy": 0,
    "fastapi_users.authentication.strategy.JWTStrategy": 0,
    "fastapi_users.authentication.strategy.jwt.JWTStrategy": 0,
    "starlette.middleware.sessions.SessionMiddleware": 1,
    "fastapi.middleware.sessions.SessionMiddleware": 1,
}
"""What takes a signing key, and at which position."""
_LAST = frozenset(name.rsplit(".", 1)[-1] for name in _TAKES_KEY)
_ADDING = frozenset({"add_middleware", "Middleware"})
"""What takes a middleware as its first argument, and then what that one takes by name."""
_HINTS = ("jwt", "jose", "Fernet", "itsdangerous", "JWTStrategy", "SessionMiddleware")
_OF_USERS = ("reset_password_token_secret", "verification_token_secret")
_USERS = frozenset({"fastapi_users.BaseUserManager", "fastapi_users.manager.BaseUserManager"})
"""The class of FastAPI Users that signs with two of its attributes."""


def keys_given(module: Module, project: Project) -> Iterator[tuple[f.Call, f.Arg, str]]:
    """The arguments of a module's calls that are signing keys, each with its call and what is called."""
    if not module.mentions(*_HINTS):
        return
    for call in module.facts.calls:
        last = f.last_name(call.func)
        if last in _ADDING and call.args:
            name, position = project.name(call.args[0].value, module, call.block, call.start), -1
        elif last in _LAST:
            name = project.called_name(module, call)
            position = _TAKES_KEY.get(name or "", -1)
        else:
            continue
        for i, arg in enumerate(call.args if name in _TAKES_KEY else ()):
            if arg.name in _NAMES or (arg.name == "" and i == position):
                yield call, arg, name or ""


def signing_keys(project: Project) -> Mapping[Module, Mapping[int, str]]:
    """The variables, class attributes and settings that are given away as signing keys anywhere but in tests.

    By module and start of the assignment; the value is what gets the key ("jwt.encode").
    """
    found: dict[Module, dict[int, str]] = {}
    contributions(project.modules.tables, "signing", lambda module: contribute(project, module, found))
    return found


def contribute(project: Project, module: Module, found: dict[Module, dict[int, str]]) -> Collection[int]:
    """Add what a module gives away as signing keys; whether there is anything."""
    own = [] if written_for_tests(module) else list(_given_by(module, project))
    for home, start, name in own:
        found.setdefault(home, {}).setdefault(start, name)
    return (0,) if own else ()


def _given_by(module: Module, project: Project) -> Iterator[tuple[Module, int, str]]:
    for call, arg, name in keys_given(module, project):
        for home, _, start in _assigned(arg.value, (module, call.block, call.start), project):
            yield home, start, name
    for entry in _of_users(module, project):
        yield module, entry.start, "BaseUserManager"
        for home, _, start in _assigned(entry.value, (module, entry.block, entry.start), project):
            yield home, start, "BaseUserManager"


def _of_users(module: Module, project: Project) -> Iterator[f.Assign]:
    """The attributes with keys of a module's user managers (FastAPI Users)."""
    for cls in module.classes if module.mentions(*_OF_USERS) else ():
        entries = [cls.assigns[name] for name in _OF_USERS if name in cls.assigns]
        if entries and any(base in _USERS for base in project.types.mro(cls)):
            yield from entries


def _assigned(value: f.Expr | None, where: Where, project: Project) -> Iterator[Where]:
    """Where the name or attribute is assigned that a key is read from (a `SecretStr` is opened first)."""
    if isinstance(value, f.CallRef):
        func = where[0].facts.calls[value.index].func
        value = func.value if isinstance(func, f.Attr) and func.attr == "get_secret_value" else value
    if isinstance(value, (f.Name, f.Attr)):
        for _, place in project.values.definitions(value, where):
            yield place
