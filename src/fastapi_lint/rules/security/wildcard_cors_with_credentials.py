"""FAPI611: CORS lets every site call the API with the user's cookies."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fastapi_lint.finding import Finding, Related, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model.application import CORS, additions, middleware_in
from fastapi_lint.model.calls import given
from fastapi_lint.model.names import Module
from fastapi_lint.model.types import Where
from fastapi_lint.model.values import Defaults
from fastapi_lint.rule import Check, rule

_MATCH_ALL = re.compile(
    r"\^?(?:\(\?:)?\(?(?:https\?|http|https|\(https\?\)|\(http\|https\)|https\?:\\?/\\?/|https\?://)?(?::\\?/\\?/)?\(?\.[*+]\)?\)?\)?\$?\Z"
)
_OPEN = "every site can call this API with the user's cookies and read the answers"
_OPEN_LATER = "nothing is open as long as no cookie, session or HTTP Basic is read, and everything as soon as one is"
_OPEN_BESIDE = "other hosts of its own domain can call it with the user's cookies, which are `SameSite=Strict`"
_ADVICE = "name the origins of your front ends, or leave `allow_credentials` out"


@rule("FAPI611", severity=Severity.ERROR)
def wildcard_cors_with_credentials(module: Module, check: Check) -> Iterator[Finding]:
    """CORS lets every site send requests with the user's credentials and read the answers.

    Why is this bad?
    With `allow_credentials=True`, Starlette answers a request that carries a cookie with the origin that asked,
    not with `*`. So `allow_origins=["*"]` means that any page a user visits can call the API as that user and
    read what comes back. Name the origins of your front ends; without cookies or other credentials, leave
    `allow_credentials` out.

    It is an error where the application reads what browsers send by themselves: cookies, sessions, HTTP Basic.
    Where it does not, nothing is open yet, and it is a warning: the first cookie will open it. So it is
    where every cookie that is set is `SameSite=Strict`: browsers send these from hosts of the same domain only.

    Known limits
    Origins that depend on a condition (`["*"] if debug else origins`) or are computed are not judged. Variables and
    settings are judged as if nobody set them.

    References
    - [CORS](https://fastapi.tiangolo.com/tutorial/cors/)
    - [Starlette: CORSMiddleware](https://www.starlette.dev/middleware/#corsmiddleware)
    - [MDN: CORS](https://developer.mozilla.org/en-US/docs/Web/HTTP/Guides/CORS)
    """
    if b"CORSMiddleware" not in module.source.data or module.is_test:
        return
    for call in additions(check.project, module, CORS):
        credentials = given(check.project.values, module, call, "allow_credentials")
        if credentials is not None and check.project.values.folded(credentials.value, credentials.where) is True:
            yield from _judged(call, (module, call.block, call.start), check)


def _judged(call: f.Call, where: Where, check: Check) -> Iterator[Finding]:
    values = check.project.values
    origins = given(values, where[0], call, "allow_origins")
    wildcard = _wildcard(origins.value, origins.where, check) if origins is not None else None
    pattern = given(values, where[0], call, "allow_origin_regex")
    if origins is not None and wildcard is not None:
        at, title, related = origins.arg, "`allow_origins` holds `*`", _related(wildcard, where, check)
    elif pattern is not None and _MATCH_ALL.match(values.text(pattern.value, pattern.where) or ""):
        at, title, related = pattern.arg, "`allow_origin_regex` matches every site", ()
    else:
        return
    homes = _homes(call, where[0], check)
    reads = check.project.browsing.reads_credentials(homes)
    is_open = reads and not check.project.browsing.only_strict_cookies(homes)
    yield check.finding(
        at,
        f"{title} while `allow_credentials` is true",
        why=_OPEN if is_open else _OPEN_BESIDE if reads else _OPEN_LATER,
        instead=_ADVICE,
        related=related,
        severity=Severity.ERROR if is_open else Severity.WARNING,
    )


def _homes(call: f.Call, module: Module, check: Check) -> frozenset[Module]:
    """The modules of the application that gets the middleware; of all of them when it is not known which one."""
    for each in middleware_in(check.project, module):
        if each.call is call and each.app is not None:
            return frozenset({module, each.app.module})
    return frozenset({module, *(app.module for app in check.project.routes.apps if not app.module.is_test)})


def _related(place: Where, where: Where, check: Check) -> tuple[Related, ...]:
    module, _, at = place
    if module is where[0] and at == where[2]:
        return ()
    return (check.related((at, at), "the origins come from here", module=module),)


def _wildcard(value: f.Expr, where: Where, check: Check) -> Where | None:
    """Where the `*` among the origins stands; None when there is none, or it is not certain."""
    return next((place for text, place in Defaults(check.project.values).texts(value, where) if text == "*"), None)
