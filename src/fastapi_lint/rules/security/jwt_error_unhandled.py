"""FAPI638: a bad token is answered with 500."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding
from fastapi_lint.model.names import Module
from fastapi_lint.model.tokens import package_of, verifying, way_out
from fastapi_lint.rule import Check, rule

_CAUGHT = {"jwt": "jwt.InvalidTokenError", "jose": "jose.JWTError"}


@rule("FAPI638", hint=r"decode|verify", needs_requests=True)
def jwt_error_unhandled(module: Module, check: Check) -> Iterator[Finding]:
    """A token is verified where nobody handles the error that a bad one raises.

    Why is this bad?
    An expired, forged or cut token makes `jwt.decode` raise. When nobody takes the error, the client gets 500 in place
    of 401: it does not log in again, and every expired session looks like a fault of the server in logs and alarms.

    Known limits
    Followed are calls of functions of the project, from routes and dependencies down to the call. Handlers, exception
    handlers of any app and middleware that take the error, a base of it or what is not known, count as handling it,
    unless all that they answer to it is a 500.

    References
    - [PyJWT: exceptions](https://pyjwt.readthedocs.io/en/stable/api.html#exceptions)
    - [OAuth2 with password and JWT](https://fastapi.tiangolo.com/tutorial/security/oauth2-jwt/)
    - [Handling errors](https://fastapi.tiangolo.com/tutorial/handling-errors/)
    """
    if module.is_test:
        return
    for read in verifying(module, check.project):
        way = way_out(read, check.project)
        if way is None:
            continue
        called = module.source.slice(read.call.start, read.call.name_end)
        first = way.functions[0]
        through = f" when `{first.name}` runs" if len(way.functions) > 1 else ""
        yield check.finding(
            read.call,
            f"Nobody handles the error that `{called}` raises for a bad token{through}",
            why="an expired or forged token is answered with 500 in place of 401",
            instead=f"catch `{_CAUGHT[package_of(read, check.project)]}` around it, and raise `HTTPException(401)`",
            related=[
                check.related(function, f"`{function.name}` is on the way", module=function.module)
                for function in way.functions[:-1]
            ],
            chain=len(way.functions) > 1,
        )
