"""What is shown of what the mouse rests on: a path operation, a dependency, a call that blocks. Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lsprotocol import types

from fastapi_lint.finding import counted
from fastapi_lint.model import pointing
from fastapi_lint.model.names import Class, Function
from fastapi_lint.model.pointing import Blocking
from fastapi_lint.model.routing.routes import Address, Route
from fastapi_lint.server.projects import View

_MOST = 12
"""Lines of one kind that are shown; of more, how many there are."""


def hover(view: View, position: types.Position) -> types.Hover | None:
    """What there is to say of what stands at a position."""
    offset = view.positions.byte_offset(position)
    lines = list(_said(view, offset))
    if not lines:
        return None
    return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, "\n".join(lines)))


def _said(view: View, offset: int) -> Iterator[str]:
    project, module = view.model, view.module
    blocking = pointing.blocking_at(project, module, offset)
    if blocking is not None:
        yield from _blocking(view, blocking)
        return
    dependency = pointing.dependency_at(project, module, offset)
    if dependency is not None:
        yield from _dependency(view, dependency)
        return
    for route in pointing.routes_at(project, module, offset):
        yield from _route(view, route)


def _route(view: View, route: Route) -> Iterator[str]:
    addresses = route.addresses
    if not addresses:
        yield f"**{verbs(route)} {_code(route.path)}**"
        yield "\nno app is known that includes this route"
    shown = list(dict.fromkeys((address.app.variable, label(address)) for address in addresses))
    for app, line in shown[:_MOST]:
        yield f"**{line}**{f' (app `{app}`)' if len({each for each, _ in shown}) > 1 else ''}  "
    if len(shown) > _MOST:
        yield f"and {len(shown) - _MOST} more  "
    for address in addresses[:1]:
        dependencies, is_complete = pointing.dependencies_of(view.model, address)
        names = list(dict.fromkeys(f"`{each.name}`" for each in dependencies))
        unknown = "" if is_complete else " (not all are known)"
        yield f"\nDependencies: {', '.join(names) or 'none'}{unknown}  "
        yield f"Authentication: {authentication(view, address)}  "
    if route.handler is not None:
        yield from _handler(view, route.handler)


def _handler(view: View, handler: Function) -> Iterator[str]:
    if not handler.is_async:
        yield "Runs in a thread of FastAPI's pool: what blocks there holds up no other request"
        return
    found = list(pointing.blocking_in(view.model, handler))
    if not found:
        yield "Blocks the event loop: nothing that is known"
        return
    yield "Blocks the event loop:"
    for each in found[:_MOST]:
        last = each.steps[-1]
        way = "" if len(each.steps) == 1 else f", by {' → '.join(f'`{step.shown}`' for step in each.steps[:-1])}"
        yield f"- {_place(view, last.module.path, last.module.source.line_of(last.start), last.shown)}{way}"


def _blocking(view: View, blocking: Blocking) -> Iterator[str]:
    first, last = blocking.steps[0], blocking.steps[-1]
    yield f"**{_code(last.shown)}** {blocking.entry.why}"
    if first is not last:
        yield "\nThe chain:"
        for number, step in enumerate(blocking.steps, 1):
            line = step.module.source.line_of(step.start)
            yield f"{number}. {_place(view, step.module.path, line, step.shown)}"


def _dependency(view: View, dependency: Function | Class) -> Iterator[str]:
    addresses = pointing.users_of(view.model, dependency)
    lines = list(dict.fromkeys(map(label, addresses)))
    kind = "class" if isinstance(dependency, Class) else "function"
    yield f"**`{dependency.qualname}`** is a dependency ({kind})"
    if not lines:
        yield "\nNo route of a known app uses it"
        return
    yield f"\nUsed by {counted(len(lines), 'route')}:"
    for line in lines[:_MOST]:
        yield f"- {line}"
    if len(lines) > _MOST:
        yield f"- and {len(lines) - _MOST} more"


def label(address: Address) -> str:
    """An address in one line: `GET /users/{user_id}`."""
    path = address.path or "/"
    return f"{verbs(address.route) if isinstance(address.route, Route) else 'MOUNT'} {_code(path)}"


def verbs(route: Route) -> str:
    """The methods that a route answers."""
    return ", ".join(route.methods) or route.kind.upper()


def authentication(view: View, address: Address) -> str:
    """Who is asked for credentials, in words."""
    demanding, optional = pointing.authentication_of(view.model, address)
    names = [*(f"`{name}`" for name in demanding), *(f"`{name}` (optional)" for name in optional)]
    return ", ".join(names) or "none that is known"


def _place(view: View, path: str, line: int, words: str) -> str:
    return f"[{_code(words)}]({view.uri(path)}#L{line}) {path}:{line}"


def _code(text: str) -> str:
    return f"`{text}`" if "`" not in text else text


def plain(texts: Sequence[str]) -> str:
    """Words of Markdown without its marks, for places that show text alone."""
    return ", ".join(texts).replace("`", "")
