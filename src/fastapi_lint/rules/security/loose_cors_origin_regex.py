"""FAPI641: a pattern of CORS lets in origins of strangers."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model.application import CORS, additions
from fastapi_lint.model.application.origins import Stranger, stranger
from fastapi_lint.model.names import Module
from fastapi_lint.model.values import Defaults, Unfolded
from fastapi_lint.rule import Check, rule


@rule("FAPI641", severity=Severity.ERROR, words={"allow_origin_regex"})
def loose_cors_origin_regex(module: Module, check: Check) -> Iterator[Finding]:
    """A pattern of origins also matches hosts that anybody can buy, and credentials are allowed.

    Why is this bad?
    `https://.*example\\.com` matches `https://evilexample.com`, and in `https://api.example\\.com` the first dot stands
    for any character: `https://apixexample.com`. Pages of such a host can call the API with the cookies of whoever
    visits them, and read the answers. Starlette compares the whole origin, so neither `^` nor `$` is missing, but each
    dot has to be escaped, and before a host that may have any prefix there has to be one:
    `https://.*\\.example\\.com`.

    Below the hosts of platforms such as `vercel.app` anybody can have a name, too: `https://.*\\.vercel\\.app` matches
    the pages of all their customers.

    The message names an origin that was built from the pattern.

    Known limits
    The pattern is read, never run: groups, alternatives, classes and repetitions are understood; with anything else,
    and where the pattern is computed, the rule is silent. So it is about patterns that match everything (FAPI611),
    about private hosts, and without `allow_credentials=True`.

    References
    - [Starlette: CORSMiddleware](https://www.starlette.dev/middleware/#corsmiddleware)
    - [MDN: CORS](https://developer.mozilla.org/en-US/docs/Web/HTTP/Guides/CORS)
    """
    if module.is_test:
        return
    for call in additions(check.project, module, CORS):
        pattern = f.keyword(call, "allow_origin_regex")
        if pattern is None or not _allows_credentials(call, module, check):
            continue
        text = _text(pattern.value, call, module, check)
        found = stranger(text) if text else None
        if found is not None:
            yield check.finding(
                pattern,
                f"`allow_origin_regex` also matches `{found.origin}`",
                why=f"whoever {'takes' if found.is_shared else 'buys'} that host can call the API with your users'"
                " cookies and read the answers",
                instead=_instead(found),
            )


def _instead(found: Stranger) -> str:
    if found.is_shared:
        return f"name your own hosts below `{found.own}`, or use a domain of your own"
    if found.is_unescaped:
        return "escape the dots of the pattern: `\\.`"
    return f"let the pattern end where `{found.own}` ends, and put `\\.` before it"


def _allows_credentials(call: f.Call, module: Module, check: Check) -> bool:
    given, where = f.keyword(call, "allow_credentials"), (module, call.block, call.start)
    try:
        return given is not None and check.project.values.constant(given.value, where) is True
    except Unfolded:
        return False


def _text(value: f.Expr, call: f.Call, module: Module, check: Check) -> str | None:
    """The pattern as a constant, or as it is when nobody sets the setting it is read from."""
    where = (module, call.block, call.start)
    text = check.project.values.text(value, where)
    if text is not None:
        return text
    found = [text for text, _ in Defaults(check.project.values).texts(value, where)]
    return found[0] if len(found) == 1 else None
