"""FAPI225: streams that use what their dependency has already taken back."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.model import Route
from fastapi_lint.model.application import lent, used_in
from fastapi_lint.model.calls import shown
from fastapi_lint.model.routing import streams
from fastapi_lint.rule import Check, rule

_FROM, _UNTIL, _SCOPES = "0.106", "0.118", "0.121"


@rule("FAPI225", severity=Severity.ERROR, since="0.2.0")
def response_outlives_dependency(route: Route, check: Check) -> Iterator[Finding]:
    """A stream uses what its dependency has already closed.

    Why is this bad?
    The generator of a streaming response runs when the endpoint is over. With FastAPI 0.106 to 0.117 the code behind
    the `yield` of a dependency runs before it, and so it does with `scope="function"` today: the stream reads from a
    closed session, file or client. Some raise in the middle of the answer, which has begun with 200; a closed session
    opens a new transaction that nobody ends.

    Open the resource in the generator itself, or read what it sends before it begins.

    Known limits
    Without a declared version of FastAPI that is always from 0.106 to 0.117, only dependencies with the scope of the
    function count. Generators that use plain values, which were read before, are left alone.

    References
    - [FastAPI: dependencies with yield and StreamingResponse](https://fastapi.tiangolo.com/advanced/advanced-dependencies/#dependencies-with-yield-and-streamingresponse-technical-details)
    """
    handler = route.handler
    if handler is None or route.module.is_test or check.project.routes.by_handler[handler][0] is not route:
        return
    versions = check.project.versions.for_path(handler.module.path)
    closes_first = bool(
        versions.always_at_least("fastapi", _FROM, default=False)
        and versions.never_at_least("fastapi", _UNTIL, default=False)
    )
    taken = [
        each
        for each in lent(check.project, handler)
        if closes_first or (each.is_early and versions.reaches("fastapi", _SCOPES))
    ]
    if not taken:
        return
    for stream in streams(check.project.answers, check.project.types, handler):
        for each in taken:
            call = used_in(check.project, stream, each, handler)
            if call is None:
                continue
            is_here = stream.generator.module is handler.module
            at = (call.start, call.name_end) if is_here else (stream.start, stream.end)
            shows = shown(stream.generator.module, call.func)
            yield check.finding(
                at,
                f"`{shows}` runs when `{each.lender.name}` has closed `{each.name}`",
                why="the stream is sent when the code behind the `yield` of the dependency has run",
                instead="open it in the generator itself, or read everything before",
                module=handler.module,
                related=[check.related(each.parameter, f"`{each.name}` comes from here", module=handler.module)],
            )
            break
