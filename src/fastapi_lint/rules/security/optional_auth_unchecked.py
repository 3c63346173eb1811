"""FAPI627: credentials that may be missing are used as if they were there."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.model import Function
from fastapi_lint.model.tokens import may_be_none, unasked
from fastapi_lint.rule import Check, rule


@rule("FAPI627", severity=Severity.ERROR, hint=r"Depends|Security", needs_requests=True)
def optional_auth_unchecked(function: Function, check: Check) -> Iterator[Finding]:
    """Credentials of a scheme with `auto_error=False` are used without a check for None.

    Why is this bad?
    `auto_error=False` means that a request without credentials is not refused: the dependency gets None. Code that
    reads an attribute of it answers every anonymous request with 500, in place of 401.

    Known limits
    Any condition that mentions the value before it is used, `try` around it, and handing it on to something that is
    not known, count as a check. Functions of the project that get it are looked into. Where a function is only called
    by the project itself, no scheme gives it anything: its callers are looked at.

    References
    - [Security: first steps](https://fastapi.tiangolo.com/tutorial/security/first-steps/)
    - [Security tools reference](https://fastapi.tiangolo.com/reference/security/)
    """
    module = function.module
    if module.is_test:
        return
    for parameter in may_be_none(function, check.project.dependencies, check.project.values):
        use = unasked(function, parameter.name, check.project.types)
        if use is not None and not _is_only_called(function, check):
            yield check.finding(
                (use.start, use.end),
                f"`{use.shown}` is used without a check for None in `{function.name}`",
                why="the scheme has `auto_error=False`: a request without credentials is answered with 500",
                instead=f"answer 401 first when `{parameter.name}` is None, or leave `auto_error` as it is",
                related=[check.related(parameter, "None when there are no credentials")],
            )


def _is_only_called(function: Function, check: Check) -> bool:
    """Whether the project calls a function by itself, and FastAPI does not, as far as it is seen."""
    if function in check.project.routes.by_handler or function in check.project.dependencies.injected:
        return False
    is_special = function.name.startswith("__")
    return not is_special and any(not use.module.is_test for use in check.project.callers.uses(function))
