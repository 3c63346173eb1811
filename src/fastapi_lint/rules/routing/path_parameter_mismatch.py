"""FAPI308: placeholders that nobody takes, and Path() parameters that no placeholder provides."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import zip_longest
from keyword import iskeyword

from fastapi_lint.finding import Edit, Finding, Fix, Safety
from fastapi_lint.fixing.edits import newline_at
from fastapi_lint.fixing.edits.bindings import mentions
from fastapi_lint.fixing.edits.calls import function_node
from fastapi_lint.model import Class, Function, Instance, Project, Route
from fastapi_lint.model.injection import path_name, received, taken_by
from fastapi_lint.model.routing import Address, argument, means_every_value, placeholders
from fastapi_lint.model.values import UNKNOWN
from fastapi_lint.rule import Check, rule

_PLAIN = frozenset({"str", "int", "float", "uuid.UUID"})
_SHORTEST = 4
_TYPES = {"str": "str", "path": "str", "int": "int", "float": "float"}


@rule("FAPI308", fix=Safety.UNSAFE)
def path_parameter_mismatch(route: Route, check: Check) -> Iterator[Finding]:
    """A path has a placeholder that nobody takes, or a Path() parameter has no placeholder.

    Why is this bad?
    A placeholder that neither the handler nor a dependency takes is matched and thrown away: every value gives the same
    answer, often because the parameter was renamed and FastAPI now reads it from the query string. A `Path()` parameter
    without a placeholder is always missing, so that every request is answered with 422.

    Fix safety
    A parameter is added to the handler, with the type of the placeholder's convertor. It is then part of the OpenAPI
    document. There is none where a parameter of nearly the same name is read from the query: a person has to say which
    of the two names is right; nor where code calls the handler, or where its body uses the name for something else.

    Known limits
    Silent when a dependency in front of the route cannot be resolved, when an annotation or default is made at run time
    and may hide a marker, when the path is read off the request, here or by whom it is handed to, when another path of
    the handler lacks the placeholder, and when all that the handler does is to raise or to redirect. A dependency that
    cannot be resolved is taken to be harmless when the handler reads a parameter of nearly the same name from the query
    (`{id}` and `sandbox_id`).

    References
    - [FastAPI: path parameters](https://fastapi.tiangolo.com/tutorial/path-params/)
    """
    handler = route.handler
    if handler is None or route.module.is_test or "{$" in route.path:
        return
    addresses = route.addresses or check.project.routes.unserved(route)
    yield from _untaken(route, handler, addresses, check)
    if route.addresses:
        yield from _unprovided(route, handler, addresses, check)


def _untaken(route: Route, handler: Function, addresses: tuple[Address, ...], check: Check) -> Iterator[Finding]:
    project = check.project
    if UNKNOWN in route.path or means_every_value(handler, project.answers):
        return
    reported: set[str] = set()
    everywhere = [{name for name, _ in placeholders(address.path)} for address in addresses]
    others = [
        {name for name, _ in placeholders(path)}
        for other in project.routes.by_handler.get(handler, ())
        if other is not route
        for path in [address.path for address in other.addresses] or [other.path]
    ]
    own = dict(placeholders(route.path))
    for address in addresses or (None,):
        wanted = placeholders(address.path if address is not None else route.path)
        if all(name in reported for name, _ in wanted):
            continue
        taken = received(route, address, project.dependencies)
        for name, convertor in wanted:
            if taken is None and (name not in own or not _is_misnamed(handler, name, address, project)):
                continue
            if name in (taken or ()) or name in reported or convertor == "path" or name.startswith("_"):
                continue  # a catch-all answers every path alike on purpose
            if not all(name in names for names in others):
                continue  # the handler has another path without it, and would need it there
            reported.add(name)
            fix = None
            is_called = project.callers.uses(handler) or project.callers.is_held(handler)
            is_meant = not _near(handler, name, address, project)  # else it would stay missing, and no longer be seen
            if handler.module is route.module and is_meant and (name not in own or taken is not None):
                if name in own or all(name in names for names in everywhere):
                    fix = _fix(handler, name, convertor) if not is_called else None
            at = argument(route.call, 0, "path") if name in own else None
            yield check.finding(
                at if at is not None else route,
                f"`{{{name}}}` in the path of `{handler.name}` is taken by nobody"
                if name in own or address is None
                else f"`{{{name}}}` in `{address.path}`, from a prefix above `{handler.name}`, is taken by nobody",
                why="neither the handler nor a dependency reads it, so that every value gets the same answer",
                instead=_advice(handler, name, address, project),
                fix=fix,
            )


def _near(handler: Function, name: str, address: Address | None, project: Project) -> list[str]:
    """The parameters that are read from the query and whose names are nearly that of a placeholder.

    One holds the other, is written in another case, or with one slip of the pen.
    """
    provided = {one for one, _ in placeholders(address.path)} if address is not None else {name}
    plain = [
        parameter.name
        for parameter in project.dependencies.parameters(handler)
        if not parameter.marker and parameter.fact.default is None and parameter.name not in provided
    ]
    return [one for one in plain if _are_alike(one.replace("_", "").lower(), name.replace("_", "").lower())]


def _are_alike(one: str, other: str) -> bool:
    """Whether one name holds the other, is its plural, or differs by a letter too many, too few, another one, or two
    swapped."""
    if one in other or other in one or _stem(one) == _stem(other):
        return True
    if abs(len(one) - len(other)) > 1 or min(len(one), len(other)) < _SHORTEST:
        return False
    same = next(index for index, pair in enumerate(zip_longest(one, other)) if pair[0] != pair[1])
    left, right = one[same:], other[same:]
    return (
        left[1:] == right[1:]
        or left[1:] == right
        or left == right[1:]
        or (left[:2] == right[1::-1] and left[2:] == right[2:])
    )


def _stem(name: str) -> str:
    """What a word and its plural have in common: `company` and `companies`, `shelf` and `shelves`."""
    plural = re.fullmatch(r"(\w{2,}?)(?:(ies)|(ves)|e?s)", name)
    if plural is None:
        return re.sub(r"fe?$", "v", name)
    return plural[1] + ("y" if plural[2] else "v" if plural[3] else "")


def _is_misnamed(handler: Function, name: str, address: Address | None, project: Project) -> bool:
    """Whether it is plain without a look at the dependencies that a placeholder was to be another parameter.

    The names share whole words, the parameter is a plain value, and the handler takes nothing that may hold more.
    """
    own = taken_by(handler, project.dependencies)
    if own is None or name in own or handler.cls is not None:
        return False
    near = _near(handler, name, address, project)
    words = set(name.split("_"))
    return any(
        parameter.name in near
        and len(near) == 1
        and (words <= set(parameter.name.split("_")) or words >= set(parameter.name.split("_")))
        and isinstance(parameter.type, Instance)
        and parameter.type.cls in _PLAIN
        for parameter in project.dependencies.parameters(handler)
    )


def _advice(handler: Function, name: str, address: Address | None, project: Project) -> str:
    """What to write: the parameter, or the name of the one that was probably meant."""
    near = _near(handler, name, address, project)
    if len(near) == 1:
        return f"rename it or the parameter `{near[0]}`, which is read from the query now"
    if iskeyword(name):
        return f'add a parameter with `Path(alias="{name}")`, or drop the placeholder'
    return f"add a parameter `{name}`, or drop the placeholder"


def _unprovided(route: Route, handler: Function, addresses: tuple[Address, ...], check: Check) -> Iterator[Finding]:
    if route.kind != "http" or any(UNKNOWN in address.path for address in addresses):
        return
    provided = [{name for name, _ in placeholders(address.path)} for address in addresses]
    for parameter in check.project.dependencies.parameters(handler):
        if parameter.marker != "fastapi.Path":
            continue
        if isinstance(parameter.type, Instance) and isinstance(parameter.type.cls, Class):
            continue  # a model, whose fields are the parameters
        name = path_name(parameter)
        if name is None or any(name in names for names in provided):
            continue
        yield check.finding(
            parameter,
            f"`{parameter.name}` of `{handler.name}` has no placeholder in `{addresses[0].path}`",
            why=f"it is a path parameter, and without `{{{name}}}` every request is answered with 422",
            instead="add the placeholder, or make it a `Query()`",
            module=handler.module,
        )


def _is_taken(handler: Function, name: str) -> bool:
    """Whether the name can be no parameter, or means something else in the body: a module, a variable."""
    if iskeyword(name) or name.encode() not in handler.module.text[handler.facts.head_end : handler.facts.end]:
        return iskeyword(name)
    found = function_node(handler, body=True)
    return found is None or bool(mentions(found[1].body, name))


def _fix(handler: Function, name: str, convertor: str) -> Fix | None:
    """Add the parameter in front of all others (behind `self`)."""
    source = handler.module.source
    if convertor not in _TYPES or handler.name == "<lambda>" or _is_taken(handler, name):
        return None
    new = f"{name}: {_TYPES[convertor]}"
    params = handler.params[1:] if handler.cls is not None else handler.params
    if params:
        if params[0].kind == "positional-only":
            return None
        if params[0].kind in ("args", "kwargs") or (handler.cls is not None and not handler.params):
            return None
        first = params[0]
        before = source.slice(handler.end, first.start).rstrip()
        if before.endswith("*"):
            return None
        text = source.slice(handler.start, first.start)
        line = text.rsplit("\n", 1)[-1] if "\n" in text else ""
        newline = newline_at(source, 0)
        glue = f"{new},{newline}{line}" if "\n" in text and not line.strip() else f"{new}, "
        span = source.span(first.start, first.start)
        return Fix(f"Add the parameter `{name}`", Safety.UNSAFE, (Edit(span, glue),))
    if handler.cls is not None or source.slice(handler.end, handler.end + 2) != "()":
        return None
    span = source.span(handler.end + 1, handler.end + 1)
    return Fix(f"Add the parameter `{name}`", Safety.UNSAFE, (Edit(span, new),))
