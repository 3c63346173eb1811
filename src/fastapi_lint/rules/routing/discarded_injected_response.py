"""FAPI344: headers and cookies that are set on a response that is not sent."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function, Instance, Route
from fastapi_lint.model.calls import returned_call
from fastapi_lint.model.routing import Answer
from fastapi_lint.rule import Check, rule

_METHODS = frozenset({"set_cookie", "delete_cookie"})


@rule("FAPI344", since="0.2.0")
def discarded_injected_response(route: Route, check: Check) -> Iterator[Finding]:
    """A header, cookie or status is set on the injected response, and another response is returned.

    Why is this bad?
    FastAPI copies what was set on the injected `Response` into the answer that it makes of returned data. A response
    object that the endpoint returns itself is sent as it is, and what was set is lost.

    Known limits
    Only what the endpoint itself sets is followed, on a path that surely ends with another response object. Headers
    that are handed to that object are fine.

    References
    - [Response headers](https://fastapi.tiangolo.com/advanced/response-headers/#use-a-response-parameter)
    - [Response cookies](https://fastapi.tiangolo.com/advanced/response-cookies/#use-a-response-parameter)
    """
    handler = route.handler
    if handler is None:
        return
    for parameter in check.project.dependencies.parameters(handler):
        if parameter.marker or not isinstance(parameter.type, Instance):
            continue
        if parameter.type.cls != "fastapi.Response" or _is_handed_on(handler, parameter.name):
            continue
        answers = [each for each in check.project.answers.of(handler) if each.kind in ("response", "stream")]
        for start, end, block, what in _set(handler, parameter.name):
            returned = next((each for each in answers if _follows(handler, block, start, each, check)), None)
            if returned is not None:
                yield check.finding(
                    (start, end),
                    f"{what} is set on `{parameter.name}`, which is not sent",
                    why="the response object that is returned is sent as it is",
                    instead="set it on the response that is returned",
                    module=handler.module,
                    related=[check.related(returned, "this is sent", module=returned.module)],
                )
                break


def _set(handler: Function, name: str) -> Iterator[tuple[int, int, int, str]]:
    """Where something is set on a response: the place, its block, and what."""
    response = f.Name(name)
    for call in handler.calls:
        if isinstance(call.func, f.Attr) and call.func.value == response and call.func.attr in _METHODS:
            yield call.start, call.end, call.block, "a cookie"
    for entry in handler.module.assigns_in.get(handler.index, ()):
        match entry.target:
            case f.Sub(value=f.Attr(value=value, attr="headers")) if value == response:
                yield entry.start, entry.end, entry.block, "a header"
            case f.Attr(value=value, attr="status_code") if value == response:
                yield entry.start, entry.end, entry.block, "a status"


def _is_handed_on(handler: Function, name: str) -> bool:
    """Whether the response, or its headers, go somewhere else: into the answer, or a function that may use them."""
    response = f.Name(name)
    parts = (response, f.Attr(response, "headers"), f.Attr(response, "raw_headers"))
    for call in handler.calls:
        for arg in call.args:
            value = arg.value
            inner = value.items if isinstance(value, f.Mapping) else ()
            if value in parts or any(key is None and each in parts for key, each in inner):
                return True
    kept = (entry.value for entry in handler.module.assigns_in.get(handler.index, ()))
    return any(value in parts for value in kept) or any(entry.value == response for entry in handler.exits)


def _follows(handler: Function, block: int, start: int, answer: Answer, check: Check) -> bool:
    """Whether a response that is returned comes behind a place, on the way that goes on from it."""
    calls, values = handler.module.facts.calls, check.project.values
    made = [returned_call(values, handler, entry) for entry in handler.exits]
    leaving = any(entry.kind == "return" and entry.start <= answer.start < entry.end for entry in handler.exits)
    leaving = leaving or any(index is not None and calls[index].start == answer.start for index in made)
    return leaving and answer.start > start and block in handler.module.blocks_around(answer.block)
