"""FAPI603: a URL in the source carries a password."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fastapi_lint.catalog import secrets
from fastapi_lint.finding import Finding, Severity
from fastapi_lint.model.names import Module
from fastapi_lint.model.values import (
    DOCUMENTED,
    Quoted,
    is_named_for_tests,
    quoted,
    quoted_at,
    target_name,
    written_for_tests,
)
from fastapi_lint.rule import Check, rule

_URL = re.compile(
    rb"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]{1,30})://(?P<user>[^\s:/@\"'{}<>$\[\]()|\\]{0,64}):"
    rb"(?P<password>[^\s/@\"'{}<>$\[\]()|\\]{1,128})@(?P<host>[A-Za-z0-9.\-_]{1,100}|\{)"
)
_BEHIND = re.compile(rb"://[^\s/@\"'{}<>$\[\]()|\\]{2,193}@")
"""What a URL with a password has behind its scheme; a pattern that begins with a word is slow to search for."""
_SCHEME = re.compile(rb"[A-Za-z][A-Za-z0-9+.\-]{1,30}\Z")
_LOCAL = re.compile(r"(?:localhost|127\.\d+\.\d+\.\d+|0\.0\.0\.0|host\.docker\.internal|[A-Za-z0-9_-]+)\Z")
_WORDS_FOR_PASSWORD = frozenset({
    "password", "passwd", "pass", "pwd", "passw", "pw", "secret", "token", "key", "p", "your_password", "yourpassword",
    "user_password", "db_password", "apikey", "api_key", "userpass", "userpassword", "mypassword", "my_password",
    "access_token",
})  # fmt: skip


@rule("FAPI603", severity=Severity.ERROR)
def credentials_in_url(module: Module, check: Check) -> Iterator[Finding]:
    """A connection URL carries a password in the source.

    Why is this bad?
        The password is known to everybody with the repository, and history keeps it. URLs are also what ends up in
        logs, error messages and traces. And the program connects with it wherever nobody sets another one. Read the
        URL from the environment, or build it with `URL.create(...)` from settings.

    Known limits
        A password for a server on the developer's own machine or in the same container network (`localhost`, or a
        host name of one word) is reported as information. Passwords that are a placeholder, and URLs inside
        sentences, in documentation and in tests, are not reported.

    References
        - https://fastapi.tiangolo.com/advanced/settings/
        - https://docs.sqlalchemy.org/en/20/core/engines.html#creating-urls-programmatically
        - https://cwe.mitre.org/data/definitions/798.html
    """
    data = module.source.data
    if b"://" not in data or b"@" not in data or written_for_tests(module):
        return
    documented: list[tuple[int, int]] | None = None
    for match in _urls(module.text):
        literal = quoted_at(module, match.start())
        if literal is None or literal.alone or not _is_value(literal, match):
            continue
        if is_named_for_tests(module.symbol_at(literal.start)):
            continue
        if documented is None:
            documented = _documented(module)
        if any(start <= literal.start < end for start, end in documented):
            continue
        scheme, user, password, host = (
            match[name].decode("utf-8", "replace") for name in ("scheme", "user", "password", "host")
        )
        if literal.formatted and ("{" in user or "{" in password):
            continue
        severity = _severity(user, password, host)
        if severity is None:
            continue
        message = (
            f"the `{scheme}` URL carries the password of `{user or 'its server'}` in the source; "
            "read the URL, or its password, from the environment"
        )
        yield check.finding((literal.start, literal.end), message, severity=severity)


def _urls(data: bytes) -> Iterator[re.Match[bytes]]:
    for found in _BEHIND.finditer(data):
        scheme = _SCHEME.search(data, max(0, found.start() - 31), found.start())
        if scheme is not None and (url := _URL.match(data, scheme.start())) is not None:
            yield url


def _is_value(literal: Quoted, match: re.Match[bytes]) -> bool:
    """Whether the literal is the URL itself, not a sentence around it."""
    return match.start() - literal.body_start <= 12 and not any(c.isspace() for c in literal.text.strip())


def _severity(user: str, password: str, host: str) -> Severity | None:
    """How much the password matters; None for what only documentation has."""
    local = _LOCAL.match(host) is not None or host == "{"
    plain = password.lower()
    if secrets.is_template(password) or set(plain) <= set("*x.") or secrets.is_documentation_address(user, host):
        return None
    if secrets.is_documentation_user(user) and (plain in _WORDS_FOR_PASSWORD or secrets.is_placeholder(password)):
        return None
    if not local and (plain in _WORDS_FOR_PASSWORD or secrets.is_placeholder(password)):
        return None
    if ".example" in host or host.startswith("example"):
        return None
    return Severity.INFO if local else Severity.ERROR


def _documented(module: Module) -> list[tuple[int, int]]:
    """Byte ranges that hold documentation."""
    ranges = [(arg.start, arg.end) for call in module.facts.calls for arg in call.args if arg.name in DOCUMENTED]
    for entry in module.facts.assigns:
        name = target_name(entry.target).lower()
        if any(word in name for word in ("example", "schema_extra", "model_config", "placeholder", "pattern", "regex")):
            ranges.append((entry.start, entry.end))
    for literal in quoted(module):
        if literal.text in ("example", "examples", "placeholder", "description"):
            ranges.append((literal.end, literal.end + 300))
    return ranges
