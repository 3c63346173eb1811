"""FAPI720: handlers for an exception that invalid requests do not raise."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding
from fastapi_lint.model import External, Function, Project
from fastapi_lint.rule import Check, rule
from fastapi_lint.tracking.queries import query

_PYDANTIC = ("pydantic.ValidationError", "pydantic_core.ValidationError")
_REQUEST = ("fastapi.exceptions.RequestValidationError", "fastapi.RequestValidationError")


@rule("FAPI720", since="0.2.0")
def validation_handler_never_called(function: Function, check: Check) -> Iterator[Finding]:
    """A handler is registered for Pydantic's `ValidationError`, and none for `RequestValidationError`.

    Why is this bad?
    An invalid request raises FastAPI's RequestValidationError, which is no subclass of Pydantic's. The handler never
    sees one. What it does see are faults of the server's own code, a model that is filled wrongly, and it answers these
    as if the client had made them.

    Known limits
    Handlers that answer 500, and projects with a handler whose exception is not known, are left alone.

    References
    - [Handling errors: override request validation exceptions](https://fastapi.tiangolo.com/tutorial/handling-errors/#override-request-validation-exceptions)
    - [RequestValidationError vs ValidationError](https://fastapi.tiangolo.com/tutorial/handling-errors/#requestvalidationerror-vs-validationerror)
    """
    handled = check.project.failures.handlers.get(function, ())
    if not any(isinstance(one, External) and one.name in _PYDANTIC for one in handled):
        return
    if _handles_requests(check.project) or _answers_500(function, check):
        return
    yield check.finding(
        function,
        f"invalid requests never reach `{function.name}`",
        why="they raise `RequestValidationError`; what arrives here are faults of the server, answered as the client's",
        instead="register it for `fastapi.exceptions.RequestValidationError`",
    )


@query
def _handles_requests(project: Project) -> bool:
    """Whether a handler takes the validation errors of requests, or one that is not known may."""
    for handled in project.failures.handlers.values():
        for one in handled:
            if one is None or (isinstance(one, External) and one.name in _REQUEST):
                return True
    return False


def _answers_500(function: Function, check: Check) -> bool:
    answers = check.project.answers.of(function)
    return bool(answers) and all(check.project.answers.code(answer.status) == 500 for answer in answers)
