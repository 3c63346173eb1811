"""Passwords and tokens that a call shows to another server without a name: by position, as a pair, in a header.

Judges none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, NamedTuple

from fastapi_lint.catalog.secrecy import secret_calls, secrets
from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.bodies.arguments import given
from fastapi_lint.model.names.expressions import called
from fastapi_lint.model.names.symbols import Module
from fastapi_lint.model.values.literals import literals_between
from fastapi_lint.model.values.texts import BoundText, bound_texts

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_CLIENTS = ("httpx.", "httpx2.", "requests.", "aiohttp.", "niquests.")
_PAIRS = ("auth", "basic_auth", "http_auth")
AUTHORIZATION = ("authorization", "proxy-authorization")
"""Headers that say by whom a request is made."""
_SCHEMES = ("bearer ", "token ")
_HINTS = (b"auth", b"Auth", b"AUTH", b"login", b"FTP", b"URL", b"ldap3", b"Credentials")
"""What occurs in every module that shows something: a cheap test before anything is looked at."""


class Shown(NamedTuple):
    """A text that another server is shown: its place, what it is, what shows it."""

    place: tuple[int, int]
    text: str
    kind: Literal["password", "token"]
    by: str


def shown(module: Module, project: Project) -> Iterator[Shown]:
    """What a module shows, as literals."""
    data = module.source.data
    if not any(hint in data for hint in _HINTS):
        return
    for call in module.facts.calls:
        last = called(module, call)
        if last in secret_calls.connection_names():
            for arg, kind in _given_to_connect(module, call, project):
                if _is_text(arg.value):
                    yield from _literal(module, arg, kind, project.called_name(module, call) or "")
        pair = next((arg for arg in call.args if arg.name in _PAIRS), None)
        if pair is not None and isinstance(pair.value, f.Display) and len(pair.value.items) == 2:
            name = project.called_name(module, call) or "" if _is_text(pair.value.items[1]) else ""
            if name.startswith(_CLIENTS):
                yield from _literal(module, pair, "password", last)
            elif secret_calls.connection(name) is not None:
                yield from _literal(module, pair, "password", name)
    for bound in bound_texts(module):
        if bound.name.lower() in AUTHORIZATION and bound.text.lower().startswith(_SCHEMES):
            yield Shown(bound.place, bound.text.split(None, 1)[-1].strip(), "token", bound.name)


def _given_to_connect(
    module: Module, call: f.Call, project: Project
) -> Iterator[tuple[f.Arg, Literal["password", "token"]]]:
    """The argument that what connects takes for a password, or a token, by position."""
    known = secret_calls.connection(project.called_name(module, call) or "")
    if known is None or known.password < 0:
        return
    args = call.args[: known.password + 1]
    if len(args) > known.password and all(arg.name == "" for arg in args):
        yield args[-1], known.kind


class Named(NamedTuple):
    """A value that is given under the name of a secret, while its own name tells nothing: `password=PIN`."""

    name: str
    value: f.Expr
    block: int
    start: int


def given_by_name(module: Module, project: Project) -> Iterator[Named]:
    """What calls and dicts of a module are given under names of passwords, keys and tokens, and what connects as its
    password by position."""
    for call in module.facts.calls:
        if call.args and called(module, call) in secret_calls.connection_names():
            for arg, kind in _given_to_connect(module, call, project):
                yield from (Named(name, value, call.block, arg.start) for name, value in _named(kind, arg.value))
        for arg in call.args:
            if arg.name or isinstance(arg.value, f.Mapping):
                for name, value in _named(arg.name, arg.value):
                    yield Named(name, value, call.block, arg.start)
    for entry in module.facts.assigns:
        if isinstance(entry.value, f.Mapping):
            for name, value in _named("", entry.value):
                yield Named(name, value, entry.block, entry.start)


def _named(name: str, value: f.Expr) -> Iterator[tuple[str, f.Expr]]:
    match value:
        case f.Mapping(items=items):
            for key, item in items:
                if isinstance(key, f.Const) and isinstance(key.value, str):
                    yield from _named(key.value, item)
        case f.Display(items=(_, (f.Name() | f.Attr()) as item)) if name in _PAIRS:
            yield "password", item
        case f.Joined(parts=(f.Const(value=str(scheme)), (f.Name() | f.Attr()) as item)):
            if name.lower() in AUTHORIZATION and scheme.lower() in _SCHEMES and not secrets.is_secret_name(_last(item)):
                yield name, item
        case f.Name() | f.Attr():
            if secrets.secret_name(name) in ("password", "token", "key") and not secrets.is_secret_name(_last(value)):
                yield name, value


def _last(value: f.Name | f.Attr) -> str:
    return value.id if isinstance(value, f.Name) else value.attr


def _is_text(value: f.Expr) -> bool:
    return isinstance(value, f.Const) and isinstance(value.value, str)


def _literal(module: Module, arg: f.Arg, kind: Literal["password", "token"], by: str) -> Iterator[Shown]:
    for literal in literals_between(module, arg.start, arg.end)[-1:]:
        yield Shown(literal.place, literal.text, kind, by)


def connects(project: Project, bound: BoundText) -> bool:
    """Whether a text is the password in a call that connects to a server: then it is one, whatever it reads like."""
    text, module, names = bound.text, bound.module, secret_calls.connection_names()
    if secrets.is_absent(text) or secrets.is_template(text) or secrets.is_to_be_replaced(text):
        return False
    if bound.how == "argument":
        call = bound.call
        return call is not None and called(module, call) in names and _is_known(project, module, call)
    calls = (call for call in module.facts.calls if call.args and called(module, call) in names)
    return bound.how in ("variable", "key") and any(
        _takes(project, bound, call) and _is_known(project, module, call) for call in calls
    )


def _is_known(project: Project, module: Module, call: f.Call) -> bool:
    return secret_calls.connection(project.called_name(module, call) or "") is not None


def _takes(project: Project, bound: BoundText, call: f.Call) -> bool:
    """Whether a call is given a text of its own module as the password: by a variable, or out of a dict (`**login`)."""
    found = given(project.values, bound.module, call, "password")
    if found is None or (isinstance(found.value, f.Const) and found.arg.name != "**"):
        return False
    value, where = found.value, found.where
    if isinstance(value, f.Name):
        definitions = list(project.values.definitions(value, where))
        value, where = definitions[0] if len(definitions) == 1 else (value, where)
    around = bound.binding if bound.binding is not None else call
    is_there = where[0] is bound.module and around.start <= where[2] < around.end
    return is_there and value == f.Const(bound.text) and around.start <= bound.start < around.end
