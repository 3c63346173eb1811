"""FAPI347: declared statuses that no answer has."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding
from fastapi_lint.model import Route
from fastapi_lint.model.calls import Endings
from fastapi_lint.rule import Check, rule


@rule("FAPI347", since="0.2.0")
def contradicting_status_code(route: Route, check: Check) -> Iterator[Finding]:
    """An endpoint declares a success status, and each of its answers has another one.

    Why is this bad?
    A response object carries its own status, 200 where none is given. The declared one is ignored, and the OpenAPI
    document promises what no client ever sees.

    Known limits
    Every path has to end with a response object whose status is known. Redirects, errors, and statuses that
    `responses=` lists are left alone; a body beside 204 is FAPI303's.

    References
    - [Return a response directly](https://fastapi.tiangolo.com/advanced/response-directly/)
    - [Additional status codes](https://fastapi.tiangolo.com/advanced/additional-status-codes/)
    """
    declared, handler = route.status_code, route.handler
    if declared is None or not 200 <= declared < 300 or handler is None or route.keyword("responses") is not None:
        return
    if handler.is_generator or check.project.types.shared(Endings).falls_through(handler):
        return
    answers = [each for each in check.project.answers.of(handler) if each.kind != "error"]
    returned = [entry for entry in handler.exits if entry.kind == "return"]
    if not answers or any(each.kind == "value" for each in answers) or len(returned) > len(answers):
        return
    found = []
    for each in answers:
        code = each.default if each.status is None else check.project.answers.code(each.status)
        if code is None:
            return
        found.append((each, code))
    codes = {code for _, code in found}
    successes = {code for code in codes if 200 <= code < 300}
    if declared in codes or not successes or declared == 204 or 204 in codes:
        return
    given = route.keyword("status_code")
    shown = " or ".join(map(str, sorted(successes)))
    yield check.finding(
        given or route,
        f"`{handler.name}` declares {declared} and answers {shown}",
        why="a response object carries its own status, so that the declared one is never sent",
        instead=f"give the response `status_code={declared}`, or declare {shown}",
        related=[
            check.related(each, f"this answers {code}", module=each.module) for each, code in found if code in successes
        ][:3],
    )
