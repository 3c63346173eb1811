"""FAPI603: a URL or another text that connects carries a password in the source."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.catalog.secrecy import secrets
from fastapi_lint.catalog.secrecy.credentials import (
    Credentials,
    credentials_in,
    hints_at_credentials,
    is_documented,
    is_word,
)
from fastapi_lint.finding import Finding, Severity
from fastapi_lint.model.calls import is_for_tests
from fastapi_lint.model.names import Module
from fastapi_lint.model.secrets import connecting_ranges, documented_ranges, is_spared_as_test
from fastapi_lint.model.values import Literal, bound_texts, literals
from fastapi_lint.rule import Check, rule

_READ = "read it, or its password, from the environment"
_STOP = "take the default away, or its password, so that a missing one stops the program"


@rule("FAPI603", severity=Severity.ERROR)
def credentials_in_url(module: Module, check: Check) -> Iterator[Finding]:
    """A connection URL carries a password in the source.

    Why is this bad?
    The password is known to everybody with the repository, and history keeps it. URLs are also what ends up in
    logs, error messages and traces. And the program connects with it wherever nobody sets another one. Read the
    URL from the environment, or build it with `URL.create(...)` from settings.

    Known limits
    A password for a server on the developer's own machine or in the same container network (`localhost`, or a
    host name of one word) is reported as information. Passwords that are a placeholder, unless a call connects with
    them, and URLs inside sentences, in documentation and in tests, are not reported. Connection strings of pairs
    (`host=... user=... password=...`, ODBC, ADO) are looked at as well; other texts that hold passwords are not.

    References
    - [Settings and environment variables](https://fastapi.tiangolo.com/advanced/settings/)
    - [SQLAlchemy: database URLs](https://docs.sqlalchemy.org/en/20/core/engines.html#creating-urls-programmatically)
    - [CWE-798: use of hard-coded credentials](https://cwe.mitre.org/data/definitions/798.html)
    """
    if not hints_at_credentials(module.source.data) or is_for_tests(check.project, module):
        return
    documented: tuple[tuple[int, int], ...] | None = None
    for literal in literals(module):
        if literal.alone:
            continue
        found = next(credentials_in(literal.text), None)
        if found is None or not _is_text_itself(found, literal.text):
            continue
        if literal.formatted and "{" in found.password:
            continue
        if "{" in found.user and (not literal.formatted or found.what.startswith("`http")):
            continue  # a template; a token in the place of the user, and a fixed word beside it
        severity = _severity(found, literal, check)
        if severity is None or is_spared_as_test(module, literal.place[0], check.project):
            continue
        documented = documented_ranges(module) if documented is None else documented
        if any(start <= literal.place[0] < end for start, end in documented) and not _connects(literal, check):
            continue  # an example, as it says, and nothing connects with it
        yield check.finding(
            literal.place,
            f"the {found.what} carries the password of {_whose(found)} in the source",
            why="whoever can read the source has it, and so has who reads a log in which the text ends up",
            instead=_STOP if _is_default(literal, check) else _READ,
            severity=severity,
        )


def _whose(found: Credentials) -> str:
    return f"`{found.user}`" if found.user and "{" not in found.user else "`its server`"


def _is_text_itself(found: Credentials, text: str) -> bool:
    """Whether a text is what connects, not a sentence around it."""
    return found.start <= 12 and not (found.what.endswith("URL") and any(map(str.isspace, text.strip())))


def _severity(found: Credentials, literal: Literal, check: Check) -> Severity | None:
    """How much the password matters; None for what only documentation has."""
    if is_documented(found):
        return None
    local = secrets.is_local_host(found.host)
    if is_word(found) and (not local or secrets.is_documentation_user(found.user)):
        # Words are a placeholder, but for what connects: there they are the password.
        if secrets.is_to_be_replaced(found.password) or secrets.is_documentation_user(found.user):
            return None
        if not _connects(literal, check):
            return None
    return Severity.INFO if local else Severity.ERROR


def _connects(literal: Literal, check: Check) -> bool:
    """Whether a call of the module connects with a text."""
    ranges = connecting_ranges(check.module, check.project)
    return any(start <= literal.place[0] < end for start, end in ranges)


def _is_default(literal: Literal, check: Check) -> bool:
    """Whether the text is only taken when a variable, an option or a setting is missing."""
    return any(
        bound.place == literal.place and check.project.secrets.stands_in_for(bound) is not None
        for bound in bound_texts(check.module)
        if bound.text == literal.text
    )
