"""How long tokens live, through the whole project, and whether it issues any. Judges nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from fastapi_lint.catalog.secrecy.secrets import words
from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.reach.aside import is_for_tests
from fastapi_lint.model.names.expressions import written
from fastapi_lint.model.names.symbols import FunctionObject, Module
from fastapi_lint.model.tokens.lasting.times import Lifetime, Times
from fastapi_lint.model.tokens.payloads import encodings
from fastapi_lint.model.types.inference.inference import Where
from fastapi_lint.tracking.queries import gathered, query

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_ACCESS_TOKEN = "access_token"
_ISSUERS = frozenset({"fastapi_users", "fastapi_jwt_auth", "async_fastapi_jwt_auth", "authx", "fastapi_login"})
"""Packages that sign tokens themselves."""
OTHERS = frozenset({
    "refresh", "resource", "download", "upload", "invite", "invitation", "remember", "verification", "verify", "reset",
    "mcp", "confirm", "confirmation", "activate", "activation", "unsubscribe", "share", "magic", "email", "link",
    "state", "oauth", "csrf", "device", "webhook", "stream", "file", "recovery",
    "activacion", "confirmacion", "recuperacion", "verificacion", "ativacao", "confirmacao", "recuperacao",
    "verificacao",
})  # fmt: skip
"""Words that tell of tokens for something else than access, some of which have to live for days."""


@query
def lifetimes(project: Project) -> Mapping[Module, tuple[Lifetime, ...]]:
    """The lifetimes of tokens that the program issues, by the module in which they are written."""
    found: dict[tuple[Module, int], Lifetime] = {}
    for one in _set_in(project):
        known = found.get((one.module, one.start))
        names = one.names | known.names if known is not None else one.names
        if known is None or known.seconds < one.seconds:
            found[one.module, one.start] = replace(one, names=names)
    table: dict[Module, list[Lifetime]] = {}
    for one in found.values():
        table.setdefault(one.module, []).append(one)
    return {
        module: tuple(_outermost(sorted(each, key=lambda one: (one.start, -one.end)))) for module, each in table.items()
    }


def _outermost(found: Iterable[Lifetime]) -> Iterator[Lifetime]:
    """Each lifetime once: a variable that is named for it, and the value that it is given, are one."""
    last: Lifetime | None = None
    for one in found:
        if last is None or one.start >= last.end or one.seconds != last.seconds:
            last = one
            yield one


@gathered
def _set_in(project: Project, module: Module) -> Iterator[Lifetime]:
    """The lifetimes to which a module leads, wherever they are written."""
    if is_for_tests(project, module):
        return
    times = project.about(Times)
    named = times.by_name(module) if module.mentions("access", "ACCESS") and issues_tokens(project) else ()
    for one in (*times.of_encodings(module), *named, *times.of_libraries(module)):
        if not one.module.is_test:
            yield one


def issues_tokens(project: Project) -> bool:
    """Whether the program itself signs tokens, and not only keeps those of others."""
    return bool(_issuing(project))


@gathered
def _issuing(project: Project, module: Module) -> Iterator[str]:
    """A module that signs tokens, or imports what does."""
    if not module.is_test:
        imported = (entry.module.split(".", 1)[0] for entry in module.facts.imports if not entry.level)
        if not _ISSUERS.isdisjoint(imported) or next(encodings(module, project), None) is not None:
            yield module.path


def handed_out(project: Project) -> frozenset[str]:
    """The names of functions whose results are handed out as access tokens (`{"access_token": make_link(user)}`), which
    they make, whatever they are called."""
    return frozenset(_handing_out(project))


@gathered
def _handing_out(project: Project, module: Module) -> Iterator[str]:
    if module.is_test or not module.mentions(_ACCESS_TOKEN):
        return
    for value, where in _under_access_token(module):
        found = [(value, where), *project.values.definitions(value, where)]
        for each, place in found:
            made = each.value if isinstance(each, f.Await) else each
            if isinstance(made, f.CallRef):
                callee = project.callee(place[0], place[0].facts.calls[made.index])
                if isinstance(callee, FunctionObject):
                    yield callee.function.name


def _under_access_token(module: Module) -> Iterator[tuple[f.Expr, Where]]:
    """What stands under the key, or is given under the keyword, that a client takes an access token by."""
    for call in module.facts.calls:
        if (given := f.keyword(call, _ACCESS_TOKEN)) is not None:
            yield given.value, (module, call.block, call.start)
    for expr, block, at in written(module):
        for key, value in expr.items if isinstance(expr, f.Mapping) else ():
            if key == f.Const(_ACCESS_TOKEN):
                yield value, (module, block, at)


def contains(names: Collection[str], wanted: Collection[str]) -> bool:
    """Whether one of some names has one of the words in it."""
    return any(word in wanted for name in names for word in words(name))
