"""FAPI639: keys that are made anew in every process."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.model import Module
from fastapi_lint.model.secrets import fleeting_keys
from fastapi_lint.rule import Check, rule


@rule("FAPI639", severity=Severity.INFO, hint=r"token_|urandom|uuid|generate_key")
def ephemeral_signing_key(module: Module, check: Check) -> Iterator[Finding]:
    """A key that signs or encrypts tokens, sessions or cookies is made when the program starts.

    Why is this bad?
    Every worker and every start makes a key of its own. A token that one worker has signed is refused by the next,
    so that people are logged out at random, and all of them with each deployment. What was encrypted cannot be read
    any more.

    Known limits
    Keys that a setting or environment variable can replace are fine, and so are keys of tests, of scripts and of
    one request.

    References
    - [FastAPI: server workers](https://fastapi.tiangolo.com/deployment/server-workers/)
    - [Settings and environment variables](https://fastapi.tiangolo.com/advanced/settings/)
    """
    if module.is_test or not module.mentions(
        "token_", "urandom", "uuid", "generate_key", "key", "KEY", "SECRET", "secret"
    ):
        return
    for key in fleeting_keys(check.project).get(module, ()):
        what = f"`{key.name}`" if key.name else "The key"
        yield check.finding(
            (key.start, key.end),
            f"{what} is made anew by `{key.maker}` in every process",
            why=f"what one worker signs or encrypts with it (`{key.taker}`), the others and the next start refuse",
            instead="read it from a setting or an environment variable",
        )
