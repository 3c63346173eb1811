"""FAPI313: paths and prefixes that fail at import or never match."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator

from fastapi_lint.finding import Edit, Finding, Fix, Safety, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Module, Project, Route
from fastapi_lint.model.routing import CONVERTORS, argument, placeholders, without_placeholders
from fastapi_lint.model.values import UNKNOWN
from fastapi_lint.rule import Check, rule

_LITERAL = re.compile(r"\A(?:\w+\s*=\s*)?[rR]?([\"'])(?!\1)((?:(?!\1)[^\\\n])*)\1\Z")
_WORD = re.compile(r"[A-Za-z0-9_{]")
_ANGLES = re.compile(r"<(?:\w+:)?[A-Za-z_]\w*>")
_COLON = re.compile(r"(?<=/):([A-Za-z_]\w*)(?=/|\Z)")
_ANYTHING = re.compile(r"{\w+:path}")
_PLURAL = re.compile(r"e?s(?=/|\Z)")


@rule("FAPI313", severity=Severity.ERROR, fix=Safety.UNSAFE)
def malformed_path(project: Project, check: Check) -> Iterator[Finding]:
    """A path or prefix is written in a way that fails at import, or that no request ever matches.

    Why is this bad?
    A prefix must start with a slash and must not end with one: FastAPI refuses it at import. A path without its leading
    slash is glued to the prefix (`/users` and `me` make `/usersme`), and never matches without one. An empty path on a
    router that is included without any prefix is refused as well, and answers 404 on the app. A placeholder that
    is spelled wrongly, `{item-id}`, `{id: int}` or `<int:id>`, is literal text, so that the parameter never arrives.

    Fix safety
    The slash is added or removed. URLs change: what never matched starts to answer.

    Known limits
    Pieces that are not known are taken to be right. A path that goes on with something other than a word (`:cancel`,
    `.json`) after a prefix, or with the plural of its last word (`/node` and `s/all`), is left alone.

    References
    - [FastAPI: bigger applications](https://fastapi.tiangolo.com/tutorial/bigger-applications/)
    - [Starlette: path parameters](https://www.starlette.io/routing/#path-parameters)
    """
    own_convertors = project.modules.convertors
    seen: set[tuple[str, int]] = set()
    for route in project.routes.all:
        key = (route.module.path, route.start)
        if key not in seen and not route.module.is_test and not _is_callback(route):
            seen.add(key)
            yield from _route(route, check, own_convertors)
    for router in project.routes.routers.values():
        given = router.keyword("prefix")
        if given is not None and not router.is_app:
            yield from _prefix(router.module, given, router.prefix, check, seen)
    for inclusion in project.routes.inclusions:
        given = next((arg for arg in inclusion.call.args if arg.name == "prefix"), None)
        if given is not None:
            yield from _prefix(inclusion.module, given, inclusion.prefix, check, seen)


def _is_callback(route: Route) -> bool:
    """Whether the path is an expression of OpenAPI: those of callbacks and webhooks match no request."""
    return "{$" in route.path or (
        isinstance(route.call.func, f.Attr) and getattr(route.call.func.value, "attr", "") == "webhooks"
    )


def _route(route: Route, check: Check, own_convertors: frozenset[str]) -> Iterator[Finding]:
    given = argument(route.call, 0, "path")
    path = route.path
    if given is None:
        return
    module = route.module
    if not path:
        yield from _empty(route, given, check)
        return
    if not path.startswith(("/", UNKNOWN)) and not _ANYTHING.match(path) and _glued(route):
        prefix = _known_prefix(route)
        yield check.finding(
            given,
            f"the path `{path}` of `{route.name}` has no leading slash",
            why=f"it is glued to the prefix: `{prefix}{path}`" if prefix else "no request matches it",
            instead=f"write `/{path}`",
            module=module,
            fix=_edit(module, given, "Add the leading slash", lambda text: "/" + text),
        )
    if "//" in path:
        yield check.finding(
            given,
            f"the path `{path}` of `{route.name}` has two slashes in a row",
            why="no usual URL matches it",
            instead="write one",
            module=module,
        )
    for title, why, instead in _placeholder_problems(route, own_convertors):
        yield check.finding(given, title, why=why, instead=instead, module=module)


def _empty(route: Route, given: f.Arg, check: Check) -> Iterator[Finding]:
    """An empty path is refused where neither the router nor its inclusion has a prefix; an app never gets to it."""
    router = route.router
    if router is None or router.prefix or not isinstance(given.value, f.Const):
        return
    bare = [
        inclusion
        for inclusion in check.project.routes.inclusions
        if inclusion.child == route.key and not inclusion.prefix and not inclusion.module.is_test
    ]
    if router.is_app or bare:
        yield check.finding(
            given,
            f"the path of `{route.name}` is empty, and so is the prefix of its router",
            why="no request matches it" if router.is_app else "FastAPI refuses to include it and fails at import",
            instead='write `"/"`' if router.is_app else 'write `"/"`, or give the router a prefix',
            module=route.module,
            related=[check.related(one, "included here without a prefix", module=one.module) for one in bare[:1]],
        )


def _glued(route: Route) -> bool:
    """Whether the missing slash can only be a mistake: a word follows, or there is nothing before it."""
    router = route.router
    if router is None:
        return False
    prefix = _known_prefix(route)
    if prefix is None:
        return False
    if prefix[-1:].isalpha() and _PLURAL.match(route.path):
        return False  # what stands for one and what stands for many share a router
    return _WORD.match(route.path) is not None or (router.is_app and prefix == "" and not route.path.startswith("*"))


def _known_prefix(route: Route) -> str | None:
    """What stands before the path in its address; None when that is not known."""
    router = route.router
    if router is None:
        return None
    prefixes = {address.path[: len(address.path) - len(route.path)] for address in route.addresses} or {router.prefix}
    prefix = sorted(prefixes, key=len)[0]
    if prefix.endswith("/") or (UNKNOWN in prefix and not route.addresses):
        return None
    return None if prefix.endswith(UNKNOWN) else prefix


def _placeholder_problems(route: Route, own_convertors: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    """What is wrong with placeholders, why that matters, and what to write instead."""
    path, of = route.path, f"in the path of `{route.name}`"
    for parameter, convertor in placeholders(path):
        if convertor not in CONVERTORS and own_convertors.isdisjoint((convertor, "?")):
            known = ", ".join(CONVERTORS)
            yield f"`{{{parameter}:{convertor}}}` {of} names no convertor", "Starlette fails at import", f"use {known}"
    twice = [parameter for parameter, count in Counter(p for p, _ in placeholders(path)).items() if count > 1]
    for parameter in twice:
        yield f"`{{{parameter}}}` stands twice {of}", "Starlette fails at import", "name them apart"
    rest = without_placeholders(path)
    literal = "it is literal text, so the parameter never arrives"
    if UNKNOWN not in rest and ("{" in rest or "}" in rest):
        broken = re.search(r"{[^{}/]*}?|}", rest)
        found = broken.group() if broken else rest
        yield (
            f"`{found}` {of} is no placeholder",
            literal,
            "write `{name}` or `{name:convertor}`, with a Python identifier and without spaces",
        )
    if angle := _ANGLES.search(rest):
        yield f"`{angle.group()}` {of} is no placeholder in FastAPI", literal, "write `{name}`, `{name:int}`"
    parameters = {param.name for param in route.handler.params} if route.handler is not None else set()
    if (colon := _COLON.search(rest)) and colon[1] in parameters:
        yield f"`:{colon[1]}` {of} is no placeholder in FastAPI", literal, f"write `{{{colon[1]}}}`"


def _prefix(module: Module, given: f.Arg, prefix: str, check: Check, seen: set[tuple[str, int]]) -> Iterator[Finding]:
    key = (module.path, given.start)
    if not prefix or key in seen:
        return
    seen.add(key)
    if not prefix.startswith(("/", UNKNOWN)):
        yield check.finding(
            given,
            f"the prefix `{prefix}` has no leading slash",
            why="FastAPI fails at import",
            instead=f"write `{_trimmed(prefix)}`",
            module=module,
            fix=_edit(module, given, "Correct the slashes", _trimmed),
        )
    elif prefix.endswith("/"):
        yield check.finding(
            given,
            f"the prefix `{prefix}` ends with a slash",
            why="FastAPI fails at import, since paths bring their own",
            instead=f"write `{_trimmed(prefix) or chr(34) * 2}`",
            module=module,
            fix=_edit(module, given, "Correct the slashes", _trimmed),
        )


def _trimmed(prefix: str) -> str:
    text = prefix.strip("/")
    return "/" + text if text else ""


def _edit(module: Module, given: f.Arg, message: str, change: Callable[[str], str]) -> Fix | None:
    """The change inside the quotes of a plain literal; None for anything else."""
    if not isinstance(given.value, f.Const):
        return None
    match = _LITERAL.match(module.source.slice(given.start, given.end))
    if match is None or match[2] != given.value.value:
        return None
    start = given.start + len(match.string[: match.start(2)].encode())
    span = module.source.span(start, start + len(match[2].encode()))
    return Fix(message, Safety.UNSAFE, (Edit(span, change(match[2])),))
