"""Passwords in texts that say how to connect: URLs, and pairs as libpq, ODBC and ADO have them. Looks at text only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from fastapi_lint.catalog.secrecy import secrets

_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]{1,30})://(?P<user>\{[\w.]{1,60}\}|[^\s:/@\"'{}<>$\[\]()|\\]{0,64}):"
    r"(?P<password>[^\s/@\"'{}<>$\[\]()|\\]{1,128})@(?P<host>[A-Za-z0-9.\-_]{1,100}|\{)"
)
_BEHIND = re.compile(r"://(?:\{[\w.]{1,60}\}:)?[^\s/@\"'{}<>$\[\]()|\\]{2,193}@")
"""What a URL with a password has behind its scheme; a pattern that begins with a word is slow to search for."""
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]{1,30}\Z")
_ADDRESS = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.:\-]{1,40})://(?:(?P<user>[^\s:/@?]{1,64})@)?(?P<host>[A-Za-z0-9.\-_]{1,100})"
)
_PAIR = re.compile(
    r"(?<![A-Za-z])(?P<key>password|passwd|pwd|host|hostaddr|hostname|server|data source|address|addr|user|username|"
    r"uid|user id|dbname|database|initial catalog|driver|port|sslmode)\s{0,3}=\s{0,3}"
    r"(?:'(?P<quoted>[^']{0,200})'|\{(?P<braced>[^}]{0,200})\}|(?P<plain>[^;&\s'\"{}]{1,200}))",
    re.IGNORECASE,
)
_PASSWORDS = ("password", "passwd", "pwd")
_USERS = ("user", "username", "uid", "user id")
_HOSTS = ("host", "hostaddr", "hostname", "server", "data source", "address", "addr")
_PLACES = (*_HOSTS, "dbname", "database", "initial catalog", "driver")
_WORDS = frozenset({
    "password", "passwd", "pass", "pwd", "passw", "pw", "secret", "token", "key", "p", "your_password", "yourpassword",
    "user_password", "db_password", "apikey", "api_key", "userpass", "userpassword", "mypassword", "my_password",
    "access_token",
})  # fmt: skip
"""Passwords that are the word for one."""


class Credentials(NamedTuple):
    """A password with what stands beside it, and where the text about it starts."""

    what: str
    user: str
    password: str
    host: str
    start: int


def hints_at_credentials(data: bytes) -> bool:
    """Whether a file has what occurs in every one with a text that holds a password."""
    if b"://" in data and b"@" in data:
        return True
    return any(word in data for word in (b"assword", b"ASSWORD", b"asswd", b"wd=", b"WD=")) and b"=" in data


def credentials_in(text: str) -> Iterator[Credentials]:
    """The passwords in a text, with which it connects."""
    found = False
    for behind in _BEHIND.finditer(text) if "@" in text else ():
        scheme = _SCHEME.search(text, max(0, behind.start() - 31), behind.start())
        if scheme is not None and (url := _URL.match(text, scheme.start())) is not None:
            found = True
            yield Credentials(f"`{url['scheme']}` URL", url["user"], url["password"], url["host"], url.start())
    if not found and "=" in text and ("wd" in text.lower() or "assw" in text.lower()):
        yield from _pairs(text)


def _pairs(text: str) -> Iterator[Credentials]:
    pairs: dict[str, str] = {}
    first: re.Match[str] | None = None
    for match in _PAIR.finditer(text):
        first = first or match
        key, braced = match["key"].lower(), match["braced"]
        if braced is not None:  # to be filled in, or the name of an ODBC driver
            pairs.setdefault(key, f"{{{braced}}}")
        else:
            pairs.setdefault(key, match["plain"] if match["quoted"] is None else match["quoted"])
    password = next((pairs[key] for key in _PASSWORDS if key in pairs), "")
    if not password or first is None:
        return
    user = next((pairs[key] for key in _USERS if key in pairs), "")
    address = _ADDRESS.search(text, 0, first.start())
    if address is not None and text[first.start() - 1 : first.start()] in ("?", "&", ";"):
        what, host, start = f"`{address['scheme']}` URL", address["host"], address.start()
        yield Credentials(what, user or address["user"] or "", password, host, start)
    elif user and any(key in pairs for key in _PLACES):
        host = next((pairs[key] for key in _HOSTS if key in pairs), "localhost")
        yield Credentials("connection string", user, password, host, first.start())


def is_documented(found: Credentials) -> bool:
    """Whether these are the words that documentation has, or a template."""
    password = found.password.lower()
    if secrets.is_template(found.password) or set(password) <= set("*x."):
        return True
    if secrets.is_documentation_address(found.user, found.host):
        return True
    labels = found.host.lower().split(".")
    return "example" in labels[:-1] or labels == ["example"]  # not `db.shop.example`, which may stand for a host


def is_word(found: Credentials) -> bool:
    """Whether the password is the word for one, or a placeholder."""
    return found.password.lower() in _WORDS or secrets.is_placeholder(found.password)
