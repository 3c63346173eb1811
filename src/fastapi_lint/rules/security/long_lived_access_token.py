"""FAPI607: access tokens live longer than an hour."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.model.names import Module
from fastapi_lint.model.tokens import OTHERS, contains, handed_out, lifetimes, takes_back
from fastapi_lint.rule import Check, rule

_ACCESS = frozenset({"access", "token", "jwt", "auth", "login", "session", "bearer", "sub"})
_WRITTEN = (
    "timedelta", "minutes", "MINUTES", "hours", "HOURS", "days", "DAYS", "seconds", "SECONDS", "expir", "EXPIR", "_exp",
    "_EXP", "ttl", "TTL", "lifetime", "LIFETIME", "token", "TOKEN", "jwt", "JWT",
)  # fmt: skip
"""Without one of these no lifetime is written in a module: nobody has to ask all others for it."""


@rule("FAPI607", severity=Severity.INFO, options={"max-access-token-minutes": 60}, hint=r"(?i)exp|timedelta|access")
def long_lived_access_token(module: Module, check: Check) -> Iterator[Finding]:
    """An access token lives longer than an hour.

    Why is this bad?
    Nothing takes a signed token back: not a new password, not a logout, not the end of an employment. Who has copied
    one acts as its owner until it expires, so that its lifetime is how long a leak lasts. Let access tokens live for
    minutes, and hand out a refresh token, which is looked up when it is used and can be revoked, for longer sessions.

    Known limits
    The option `max-access-token-minutes` is the longest lifetime that is right, 60 by default.
    The unit has to be certain: in a `timedelta`, in seconds since the epoch, or in the name of a constant or setting
    for access tokens (`ACCESS_TOKEN_EXPIRE_MINUTES`). What is set from outside alone is not known. Tokens whose names
    tell of something else (refresh, reset, invitation, download and so on) may live longer, unless they are handed out
    as `access_token`.
    Programs that read `iat`, `jti` or `sid` of tokens, or the key of a row that was made with the token, may refuse
    those of before, and are left alone, as are those in which a condition looks a token or its digest up
    (`if token in revoked`, `if await redis.exists(f"revoked:{token}")`, a query for its row), compares it with
    the one that is kept for the user, or a claim with what the user's row says now.

    References
    - [RFC 6750: issue short-lived bearer tokens](https://datatracker.ietf.org/doc/html/rfc6750#section-5.3)
    - [OAuth2 with password and JWT](https://fastapi.tiangolo.com/tutorial/security/oauth2-jwt/)
    """
    if module.is_test or not module.mentions(*_WRITTEN):
        return
    longest = check.option("max-access-token-minutes")
    for one in lifetimes(check.project).get(module, ()):
        if one.seconds <= int(longest if isinstance(longest, int) else 60) * 60:
            continue
        granted = one.names & handed_out(check.project) if contains(one.names, OTHERS) else frozenset()
        if contains(one.names - granted, OTHERS) or not (granted or contains(one.names, _ACCESS)):
            continue
        if takes_back(check.project, access=True):
            return
        by = f" by `{one.name}`" if one.name else ""
        yield check.finding(
            (one.start, one.end),
            f"An access token lives {_told(one.seconds)}{by}",
            why="nothing takes it back: who has copied it acts as its owner until it expires",
            instead=f"let it live {longest} minutes at most, and renew it with a refresh token that can be revoked",
        )


def _told(seconds: float) -> str:
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size or unit == "minutes":
            return f"{round(seconds / size, 1):g} {unit}"
    return ""
