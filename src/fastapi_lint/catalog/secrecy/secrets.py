"""What a secret looks like, from `secrets.toml`: token formats, names and texts. Looks at strings, never at code."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from importlib import resources
from itertools import pairwise
from typing import Literal

import msgspec

Kind = Literal["signing", "encryption", "password", "key", "token"]
"""What a secret is good for: signing keys forge sessions and tokens, encryption keys read what is stored, keys and
tokens open a service."""

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_LETTERS = re.compile(r"[A-Za-z]+(?:[-_. :][A-Za-z]+)*\Z")
_CONSTANT_NAME = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\Z")
_TEMPLATE = re.compile(
    r"\{[^}]{0,80}\}|<[^>]{1,80}>|%\([a-z_]{1,40}\)s|%s|\$\{|\$\(|\A\$[A-Za-z_]\w*\Z|\{%|\[\[?[a-z_ ]{2,40}\]|"
    r"\A![A-Za-z_]{1,40} +\S|\A@[\w.]{1,60}\(|\(\?"
)
_KEPT = re.compile(r"(?:^|\.)example\.(?:com|org|net)\Z")
_PATTERN = re.compile(
    r"\\[sdwSDW][+*{]|\[[^\]\s]{0,60}[a-z0-9]-[a-z0-9][^\]\s]{0,60}\][+*{?]|\(\?[:=!<P]", re.IGNORECASE
)
_NOTHING = re.compile(r"x{4,}|X{4,}|\*{3,}|\.{3}|_{4,}|-{4,}|#{3,}|0{8,}|\u2026|\?{3,}")
_SEQUENCE = "abcdefghijklmnopqrstuvwxyz01234567890"
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z", re.IGNORECASE)
_PATH = re.compile(r"(?:~|\.{0,2})/|[A-Za-z]:\\|[\w.-]+(?:/[\w.-]+)+/?\Z|[\w-]+(?:\.[A-Za-z_][\w-]*)+\Z")
_TERM = re.compile(r"[a-z0-9]+")
_CAMEL = re.compile(r"[A-Za-z]+[0-9]{0,3}\Z")
_IDENTIFIER = re.compile(r"[a-z][a-z0-9]*(?:[_-][a-z0-9]+)*\Z")
_RUN = re.compile(r"[A-Za-z0-9]+")
_HASH = re.compile(r"\$(?:2[abxy]?|argon2(?:id|i|d)|scrypt|pbkdf2-sha[0-9]{1,3}|[156y]|apr1)\$[!-~]{20,}\Z")
_HEX = re.compile(r"(?:[0-9a-f]{2})+\Z|(?:[0-9A-F]{2})+\Z")


class Token(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A known token format; the examples still carry the marks that keep them from being tokens."""

    what: str
    pattern: str
    keywords: tuple[str, ...]
    hits: tuple[str, ...]
    misses: tuple[str, ...]

    def find(self, text: str) -> re.Match[str] | None:
        """The first match in a text that is not a published example or a placeholder."""
        if not any(keyword in text for keyword in self.keywords):
            return None
        for match in _compiled(self.pattern).finditer(text):
            if not _is_example(match[0]):
                return match
        return None


class Taker(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What takes a key: where and under which names, what for, and whether an empty or fixed one is right."""

    names: tuple[str, ...]
    position: int
    keywords: tuple[str, ...]
    use: Literal["signs", "encrypts"]
    empty: bool = False
    fixed: bool = False


class Connection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What connects to a server, where it takes the URL, and at which position a password (-1: at none), or what stands
    there instead: of a token only what looks made by a machine is one."""

    names: tuple[str, ...]
    position: int
    keywords: tuple[str, ...]
    password: int = -1
    kind: Literal["password", "token"] = "password"


class _Known(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    examples: tuple[str, ...]
    publishable: tuple[str, ...]
    passwords: frozenset[str]


class _Names(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    signing: tuple[str, ...]
    encryption: tuple[str, ...]
    password: tuple[str, ...]
    key: tuple[str, ...]
    token: tuple[str, ...]
    neutral: frozenset[str]
    blocking: frozenset[str]
    blocking_keys: frozenset[str]


class _Texts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    placeholder: frozenset[str]
    request: frozenset[str]
    absent: frozenset[str]
    label: frozenset[str]
    hosts: frozenset[str]
    users: frozenset[str]


class _Catalogue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    tokens: tuple[Token, ...]
    takers: tuple[Taker, ...]
    connections: tuple[Connection, ...]
    known: _Known
    names: _Names
    texts: _Texts


@cache
def catalogue() -> _Catalogue:
    """The content of `secrets.toml`."""
    data = resources.files("fastapi_lint.catalog").joinpath("secrets.toml").read_bytes()
    return msgspec.toml.decode(data, type=_Catalogue)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def tokens() -> tuple[Token, ...]:
    """Every known token format."""
    return catalogue().tokens


@cache
def keywords() -> re.Pattern[str]:
    """What occurs in every text that holds a token of a known format."""
    return re.compile("|".join(re.escape(word) for token in tokens() for word in token.keywords))


def may_hold_token(data: bytes, words: bytes = b"") -> bool:
    """Whether a file has what occurs in every one that holds a token of a known format.

    `words` are its words (`Worded.words_once`), if somebody has them: what is not there is not looked for in `data`.
    (Forty searches for plain words are several times faster than one for a pattern, if the file is not tiny.)
    """
    if not words:
        return any(word in data for word, _ in _words_of_tokens())
    return any(trace in words and word in data for word, trace in _words_of_tokens())


@cache
def _words_of_tokens() -> tuple[tuple[bytes, bytes], ...]:
    """What occurs in every text with a token, with what of it stands among the words."""
    found = dict.fromkeys(word.encode() for token in tokens() for word in token.keywords)
    return tuple((word, max(re.sub(rb"\W+", b"\n \n", word).split(b" "), key=len)) for word in found)


def token_kind(text: str) -> str | None:
    """The noun for the token of a known format in a text ("an AWS access key id"); None when there is none."""
    return next((token.what for token in tokens() if token.find(text)), None)


def _is_example(text: str) -> bool:
    text = text.rsplit("-----", 1)[-1]  # the head of a private key is dashes
    if _NOTHING.search(text) or any(example in text for example in catalogue().known.examples):
        return True
    return "EXAMPLE" in text.upper() or "_YOUR" in text.upper() or "-YOUR" in text.upper() or _distinct(text[-20:]) <= 4


# -------------------------------------------------------------------- names


def words(name: str) -> list[str]:
    """The lower-case words of an identifier or label: snake, camel and kebab case, digits apart."""
    return [word.lower() for word in _WORD.findall(name)]


@cache
def _endings() -> dict[tuple[str, ...], Kind]:
    names = catalogue().names
    table: dict[tuple[str, ...], Kind] = {}
    kinds: tuple[tuple[Kind, tuple[str, ...]], ...] = (
        ("token", names.token),
        ("key", names.key),
        ("password", names.password),
        ("signing", names.signing),
        ("encryption", names.encryption),
    )
    for kind, endings in kinds:
        table.update({tuple(ending.split()): kind for ending in endings})
    return table


_FORMER = frozenset({"legacy", "former", "old", "previous"})


@lru_cache(maxsize=65536)
def secret_name(name: str) -> Kind | None:
    """What kind of secret a variable, field, key or environment variable of this name holds; None when none.

    The last words decide (`db_password`, but not `password_field`), the longest known ending first.
    """
    found = words(name)
    names = catalogue().names
    while found and (found[-1] in names.neutral or found[-1].isdigit()):
        found.pop()
    last = _ending(found)  # which says with all of its words what is held
    if not found or len(name) > 80 or names.blocking.intersection(found[: len(found) - len(last)]):
        return None
    if "default" in found and _FORMER.intersection(found):
        return None  # what used to be the default is kept to refuse it
    kind = _endings().get(last)
    return kind if kind == "password" or names.blocking_keys.isdisjoint(found) else None


def _ending(found: Sequence[str]) -> tuple[str, ...]:
    for length in (3, 2, 1):
        if tuple(found[-length:]) in _endings():
            return tuple(found[-length:])
    return ()


def ending(name: str) -> tuple[str, ...]:
    """The last words of a name that say that it holds a secret (`session key` of `TAG_SESSION_KEY`); none: empty."""
    return _ending(words(name))


def is_secret_name(name: str) -> bool:
    """Whether something of this name holds a secret."""
    return secret_name(name) is not None


_HINTS = (
    b"token", b"secret", b"passw", b"_pass", b"passphrase", b"passcode", b"pwd", b"pgpass",
    b"dbpass", b"api_key", b"apikey", b"access_key", b"accesskey", b"private_key", b"privatekey", b"auth_key",
    b"authkey", b"jwt", b"bearer", b"credential", b"authorization", b"signing_key", b"signingkey", b"session_key",
    b"sessionkey", b"encrypt", b"hmac_key", b"hmackey", b"fernet",
)  # fmt: skip
_KEY_HINT = re.compile(rb"key(?<=[_a-z]key)\b|\bpass")


def hints_at_secrets(words: bytes) -> bool:
    """Whether a module's words (`Worded.words_once`) hold what those of every module with a secret's name do: a cheap
    test before anything is looked at. (Thirty searches for plain words are far faster than one for a pattern.)"""
    lowered = words.lower()
    return any(hint in lowered for hint in _HINTS) or _KEY_HINT.search(lowered) is not None


# -------------------------------------------------------------------- texts


def is_absent(text: str) -> bool:
    """Whether a text stands for "there is none" ("none", "not-needed")."""
    plain = " ".join(words(text))
    return not plain or plain in catalogue().texts.absent or text.strip().lower() in catalogue().texts.absent


def is_template(text: str) -> bool:
    """Whether a text is to be filled in, by a program or by the reader: braces, angle brackets, shell variables."""
    return _TEMPLATE.search(text) is not None


def is_pattern(text: str) -> bool:
    """Whether a text is a regular expression, which finds secrets and is none."""
    return _PATTERN.search(text) is not None


def is_placeholder(text: str) -> bool:
    """Whether a text stands for a secret without being one: "changeme", "your-key-here", "xxxx", "sk-1234"."""
    if _NOTHING.search(text) or (_distinct(text) <= 3 and not text.isdigit()):
        return True
    if any(example in text for example in catalogue().known.examples) or "EXAMPLE" in text:
        return True
    found = [word for word in words(text) if not word.isdigit()]
    if catalogue().texts.placeholder.intersection(found):
        return not looks_random(text)
    plain = re.sub(r"[^a-z0-9]", "", text.lower())
    for prefix in ("sk", "pk", "key", "token"):
        plain = plain.removeprefix(prefix)
    return len(plain) >= 4 and plain in _SEQUENCE and not text.isdigit()


def is_to_be_replaced(text: str) -> bool:
    """Whether a text asks its reader for the real one: "your-password", "changeme", "xxxx". (A password may well be
    made of words that other placeholders have.)"""
    if _NOTHING.search(text):
        return True
    return bool(catalogue().texts.request.intersection(words(text))) and not looks_random(text)


_NAMESPACED = re.compile(r"[a-z_-]+(?::[a-z_-]+){2,}\Z")


def is_reference(text: str, name: str = "") -> bool:
    """Whether a text is written for people, is filled in later, or names a place where a value is: a URL, a path, a
    dotted name, an environment variable; or it repeats the words of the name that it is bound to."""
    if not text.isascii() or any(c.isspace() for c in text.strip()) or is_template(text) or "://" in text:
        return True
    if _CONSTANT_NAME.match(text) or _PATH.match(text) or _NAMESPACED.match(text):
        return not looks_random(text)
    return repeats(text, name)


def repeats(text: str, name: str) -> bool:
    """Whether a text says nothing but words of the name that it is bound to."""
    found, mine = words(text), words(name)
    return bool(found) and (set(found) <= set(mine) or "".join(found) == "".join(mine))


def names_a_thing(text: str, name: str) -> bool:
    """Whether a text is an identifier that ends as the name does ("widget_session_key" of `TAG_SESSION_KEY`): what the
    name stands for is called so. Not when other words of it say that it is a placeholder ("my_secret_key")."""
    found, last = words(text), list(ending(name))
    if not _IDENTIFIER.match(text) or len(found) <= len(last) or found[-len(last) :] != last:
        return False
    return not catalogue().texts.placeholder.intersection(found[: -len(last)])


def is_label(text: str, name: str = "") -> bool:
    """Whether a text is a reference (see `is_reference`) or the word for a field, a header, a kind, an algorithm."""
    if is_reference(text, name):
        return True
    found = _TERM.findall(text.lower())
    labels = catalogue().texts.label
    if any(term in labels and any(c.isdigit() for c in term) for term in found):
        return not looks_random(text)
    return bool(labels.intersection(words(text))) and not any(c.isdigit() for c in text)


def is_publishable(text: str) -> bool:
    """Whether a text is a key of a known format that is made to be published: it stands in web pages."""
    return text.startswith(catalogue().known.publishable)


def is_known_password(text: str) -> bool:
    """Whether a text is a password that servers ship with or that is guessed first."""
    return text.lower().rstrip("0123456789!@#$") in catalogue().known.passwords


_LOCAL = re.compile(
    r"(?:localhost|127\.\d+\.\d+\.\d+|0\.0\.0\.0|\[?::1\]?|host\.docker\.internal|[A-Za-z0-9_-]+|\{|/[^/].*)\Z"
)
_AUTHORITY = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]{1,30}://(?:[^@/\s]{0,200}@)?(?P<host>[^/:?\s]{0,200})")


def is_local_host(text: str) -> bool:
    """Whether a host, or the host of a URL, is this machine or one of a container network (a name of one word)."""
    found = _AUTHORITY.match(text)
    host = found["host"] if found is not None else text if text.startswith("/") else text.split(":", 1)[0]
    return _LOCAL.match(host or text) is not None


def is_documentation_address(user: str, host: str) -> bool:
    """Whether user and host of a URL are the words that documentation puts there."""
    texts = catalogue().texts
    return host.lower() in texts.hosts or (user.lower() in texts.users and host.lower().split(".")[0] in texts.hosts)


def is_documentation_host(host: str) -> bool:
    """Whether a host is below a domain that is kept for documentation (RFC 2606)."""
    return _KEPT.search(host.lower().split(":", 1)[0]) is not None


def is_documentation_user(user: str) -> bool:
    """Whether a user name is the word for one ("user", "username")."""
    return user.lower() in catalogue().texts.users


def looks_random(text: str) -> bool:
    """Whether a text looks made by a machine: long, diverse, and digits or cases change as no word's do."""
    if len(text) < 16 or any(c.isspace() for c in text) or not text.isascii():
        return False
    if _UUID.match(text):
        return _distinct(text) >= 9
    if _distinct(text) < 9 or entropy(text) < 3.0:
        return False
    run = max(_RUN.findall(text), key=len, default="")
    if len(run) < 10 and sum(1 for c in text if c.isdigit()) < len(text) / 5:
        return False
    if _HEX.match(run) and len(run) >= 16 and not run.isdigit():
        return True
    changes = sum(1 for a, b in pairwise(run) if a.isdigit() != b.isdigit())
    if changes >= 4:
        return True
    # Letters only: in words and camelCase capitals are rare and every other letter or so is a vowel.
    turns = sum(1 for a, b in pairwise(run) if a.isupper() != b.isupper())
    return len(run) >= 16 and changes >= 1 and turns >= len(run) / 3


def looks_chosen(text: str, name: str = "") -> bool:
    """Whether a text may be a key that a person chose: letters and digits, a sign or both cases, and no label."""
    if len(text) < 10 or _distinct(text) < 7 or not text.isascii() or is_placeholder(text) or is_label(text, name):
        return False
    has_digit, has_letter = any(map(str.isdigit, text)), any(map(str.isalpha, text))
    has_sign = any(not c.isalnum() and c not in "-_.:/ " for c in text)
    is_mixed = text.lower() != text and text.upper() != text and not _CAMEL.match(text)
    return has_digit and has_letter and (has_sign or is_mixed)


def looks_like_password(text: str) -> bool:
    """Whether a text may be a password that a person chose: no word alone, but letters with digits or signs."""
    if len(text) < 4 or not text.isascii() or any(c.isspace() for c in text):
        return False
    if _LETTERS.match(text):
        return is_known_password(text)
    return len(text) >= 6 or text.isdigit()


def is_password_hash(text: str) -> bool:
    """Whether a text is what a password was hashed to, in the format of `crypt`: `$2b$12$...`, `$argon2id$v=19$...`."""
    return _HASH.match(text) is not None


def entropy(text: str) -> float:
    """Shannon's entropy of a text in bits per character."""
    counts = Counter(text)
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts.values())


def _distinct(text: str) -> int:
    return len(set(text))


def occurrences(text: str) -> Iterator[tuple[str, int, int]]:
    """Every token of a known format in a text: the noun, and where it starts and ends."""
    for token in tokens():
        if match := token.find(text):
            yield token.what, match.start(), match.end()
