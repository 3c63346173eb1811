"""FAPI601: a secret stands in the source. Fallbacks of missing settings are FAPI602's, URLs FAPI603's."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fastapi_lint.catalog import secrets
from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model.data import keys_given
from fastapi_lint.model.names import Class, Module
from fastapi_lint.model.values import (
    DOCUMENTED,
    BoundText,
    bound_texts,
    quoted,
    quoted_at,
    quoted_between,
    target_name,
    written_for_tests,
)
from fastapi_lint.rule import Check, rule

_OPERATOR = re.compile(rb"==|!=")
_NAME_BEFORE = re.compile(rb"(?<![\w.\"'])(?:\w{1,40}\.){0,4}([A-Za-z_]\w{1,60})\Z")
_NAME_AFTER = re.compile(rb"(?:\w{1,40}\.){0,4}([A-Za-z_]\w{1,60})\b(?!\s{0,2}[.(\[])")
_LONGEST_NAME = 240
_QUOTES = (b'"', b"'")
_INVENTED = re.compile(r"(?i)\btest|example\.|\bfoo\b|\bdummy")
"""What a dict or call holds beside a password when both are made up."""
_SESSIONS = frozenset(
    {"starlette.middleware.sessions.SessionMiddleware", "fastapi.middleware.sessions.SessionMiddleware"}
)

_REMEDY = "read it from the environment or a settings class, and replace it where it is in use"
_FORGE = "whoever reads the source can forge what it signs"


@rule("FAPI601", severity=Severity.ERROR)
def hardcoded_secret(module: Module, check: Check) -> Iterator[Finding]:
    """A password, key or token stands in the source.

    Why is this bad?
        Whoever can read the repository, a fork, a container image or a stack trace has the secret, and history keeps
        it after the line is gone. It cannot differ between development and production, and it cannot be replaced
        without a release. With a signing key anybody can make valid sessions and tokens; a placeholder such as
        `changeme` as a signing key is known to everybody.

    Known limits
        Passwords that are a single ordinary word, and keys that do not look made by a machine, are not told from
        labels and stay silent, unless they are seen to be signed with. Test modules and examples in documentation are
        not looked at. A literal that is only used when an environment variable is missing is reported by
        `insecure-secret-fallback`.

    References
        - https://fastapi.tiangolo.com/tutorial/security/oauth2-jwt/
        - https://fastapi.tiangolo.com/advanced/settings/
        - https://cheatsheetseries.owasp.org/cheatsheets/Secrets_Management_Cheat_Sheet.html
        - https://cwe.mitre.org/data/definitions/798.html
    """
    if written_for_tests(module):
        return
    data = module.source.data
    seen: set[tuple[int, int]] = set()
    holds_token = secrets.may_hold_token(data) and any(secrets.occurrences(data.decode("utf-8", "replace")))
    found = [_known_tokens(module)] if holds_token else []
    if secrets.hints_at_secrets(data):
        found += [_named(module, check), _keys(module, check), _compared(module)]
    found.append(_kept_keys(module, check))
    for each in found:
        for place, message in each:
            if not any(place[0] < end and start < place[1] for start, end in seen):
                seen.add(place)
                yield check.finding(place, message)


_Judged = Iterator[tuple[tuple[int, int], str]]


def _known_tokens(module: Module) -> _Judged:
    documented: list[tuple[int, int]] | None = None
    for literal in quoted(module):
        if literal.alone or not secrets.keywords().search(literal.text):
            continue
        for what, _, _ in secrets.occurrences(literal.text):
            if documented is None:
                documented = _documented(module)
            if not any(start <= literal.start < end for start, end in documented):
                place = (literal.start, literal.end)
                yield place, f"{what} stands in the source: revoke it, and read its successor from the environment"
                break


def _documented(module: Module) -> list[tuple[int, int]]:
    """Byte ranges that hold documentation: examples, descriptions, configuration of schemas."""
    ranges = [(arg.start, arg.end) for call in module.facts.calls for arg in call.args if arg.name in DOCUMENTED]
    for entry in module.facts.assigns:
        name = target_name(entry.target).lower()
        if "example" in name or "schema_extra" in name or name == "model_config" or "placeholder" in name:
            ranges.append((entry.start, entry.end))
    for literal in quoted(module):
        if literal.text in ("example", "examples"):
            ranges.append((literal.end, literal.end + 2000))
    return ranges


def _named(module: Module, check: Check) -> _Judged:
    for bound in bound_texts(module):
        kind = secrets.secret_name(bound.name)
        if kind is None or bound.how == "fallback" or _is_enumeration(bound.cls, check):
            continue
        if any(_INVENTED.search(text) for text in bound.beside):
            continue
        text = bound.text
        if bound.how == "setting" and is_settings(bound.cls, check) and not _looks_made(text):
            continue
        if kind == "signing":
            if _is_session_key(bound, check):
                known = secrets.is_placeholder(text) or not _looks_made(text)
                yield bound.place, _signing(bound, known)
            elif not secrets.is_reference(text, bound.name) and not secrets.is_absent(text):
                if secrets.is_placeholder(text):
                    yield bound.place, _signing(bound, True)
                elif len(text) >= 6 and not secrets.is_label(text, bound.name):
                    yield bound.place, _signing(bound, False)
        elif is_secret_text(kind, text, bound.name):
            noun = "password" if kind == "password" else "token" if kind == "token" else "key"
            yield bound.place, f"`{bound.name}` has its {noun} in the source, for everybody who can read it; {_REMEDY}"


def _signing(bound: BoundText, guessable: bool) -> str:
    if guessable:
        problem = f"`{bound.name}` is a placeholder that anybody can guess: {_FORGE}"
        return f"{problem}; {_REMEDY}, and let the program stop when it is missing"
    return f"`{bound.name}` stands in the source: {_FORGE}; {_REMEDY}"


def is_secret_text(kind: secrets.Kind, text: str, name: str) -> bool:
    """Whether a text bound to the name of a password, key or token is one."""
    if secrets.is_absent(text) or secrets.is_placeholder(text) or secrets.is_template(text):
        return False
    if kind == "password":
        if secrets.is_known_password(text):
            return text.lower() != name.lower()
        return not secrets.is_label(text, name) and secrets.looks_like_password(text)
    return _looks_made(text) and not secrets.is_reference(text, name)


def _looks_made(text: str) -> bool:
    return secrets.looks_random(text) or secrets.token_kind(text) is not None


def is_settings(cls: Class | None, check: Check) -> bool:
    """Whether a class reads its fields from the environment."""
    if cls is None:
        return False
    return any(isinstance(base, str) and base.endswith(".BaseSettings") for base in check.project.types.mro(cls))


def _is_enumeration(cls: Class | None, check: Check) -> bool:
    if cls is None:
        return False
    bases = [base for base in check.project.types.mro(cls) if isinstance(base, str)]
    return any(base.startswith("enum.") or base.endswith(("Enum", "TypedDict")) for base in bases)


def _is_session_key(bound: BoundText, check: Check) -> bool:
    """Whether this is the `secret_key` of SessionMiddleware."""
    if bound.how != "argument" or bound.name != "secret_key" or bound.call is None:
        return False
    call = bound.call
    if check.project.called_name(bound.module, call) in _SESSIONS:
        return True
    first = call.args[0].value
    return check.project.name(first, bound.module, call.block, call.start) in _SESSIONS


def _keys(module: Module, check: Check) -> _Judged:
    """Keys given to what signs, as literals, whatever their names."""
    for _, arg, name in keys_given(module, check.project):
        value = arg.value
        if isinstance(value, f.Raw) or (isinstance(value, f.Const) and isinstance(value.value, str)):
            literals = quoted_between(module, arg.start, arg.end)
            if literals and literals[0].text and not literals[0].formatted:
                yield (literals[0].start, literals[-1].end), _given(name)


def _kept_keys(module: Module, check: Check) -> _Judged:
    """Keys that a variable or class attribute holds, whatever its name, and that are given to what signs anywhere."""
    used = check.project.signing_keys.get(module, {})
    for entry in module.facts.assigns if used else ():
        if entry.start not in used or not isinstance(entry.value, f.Const) or not isinstance(entry.value.value, str):
            continue
        index, text = module.facts.blocks[entry.block].cls, entry.value.value
        if not text or secrets.is_reference(text) or secrets.is_absent(text):
            continue
        if is_settings(module.classes[index] if index >= 0 else None, check):
            continue  # FAPI602's
        literals = quoted_between(module, entry.start, entry.end)
        if literals:
            yield (literals[0].start, literals[-1].end), _given(used[entry.start])


def _given(name: str) -> str:
    return f"the key given to `{name}` stands in the source: {_FORGE}; {_REMEDY}"


def _compared(module: Module) -> _Judged:
    data = module.text
    for match in _OPERATOR.finditer(data):
        left = len(data[max(0, match.start() - 2) : match.start()].rstrip()) + max(0, match.start() - 2)
        behind = data[match.end() : match.end() + 3]
        right = match.end() + len(behind) - len(behind.lstrip())
        if data[right : right + 1] in _QUOTES:
            found, place = _NAME_BEFORE.search(data, max(0, left - _LONGEST_NAME), left), right
        elif data[left - 1 : left] in _QUOTES:
            found, place = _NAME_AFTER.match(data, right), left - 1
        else:
            continue
        name = found[1].decode("ascii", "replace") if found is not None else ""
        kind = secrets.secret_name(name)
        if kind is None:
            continue
        literal = quoted_at(module, place)
        if literal is None or literal.formatted or literal.alone or place not in (literal.start, literal.end - 1):
            continue
        judged: secrets.Kind = "password" if kind == "password" else "token"
        if is_secret_text(judged, literal.text, name):
            message = f"`{name}` is compared with a secret in the source, for everybody who can read it; {_REMEDY}"
            yield (literal.start, literal.end), message
