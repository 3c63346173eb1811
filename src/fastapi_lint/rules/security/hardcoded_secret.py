"""FAPI601: a secret stands in the source. Fallbacks of missing settings are FAPI602's, URLs FAPI603's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fastapi_lint.catalog.secrecy import secret_calls, secrets
from fastapi_lint.catalog.secrecy.looks import is_coin, is_secret_text, looks_made
from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model.calls import is_for_tests
from fastapi_lint.model.names import Class, Module
from fastapi_lint.model.secrets import (  # fmt: skip
    AUTHORIZATION,
    Use,
    connects,
    documented_ranges,
    hashed_literals,
    is_only_told,
    keys_given,
    literals_given_back,
    shown,
    surroundings,
    texts_in_use,
    written_beside,
)
from fastapi_lint.model.types import Where
from fastapi_lint.model.values import BoundText, bound_texts, example_texts, literals_between, quoted, unwrapped
from fastapi_lint.rule import Check, rule

_UNREAL = frozenset({"test", "tests", "testing", "mock", "mocked", "fake", "dummy", "example", "sample", "placeholder"})
_INVENTED = re.compile(r"(?i)\btest(?:s|ing|er|user)?(?![a-z])|example\.|\bfoo\b|\bdummy")
"""What a dict or call holds beside a password when both are made up."""
_NOUNS = {"password": "password", "token": "token", "key": "key"}
_HARM = {
    "signing": "whoever reads the source can forge what it signs",
    "encryption": "whoever reads the source can read what it encrypts",
}
_KNOWN = "whoever can read the repository, a fork or an image has it, and history keeps it"
_TRIED = "whoever can read it can try passwords against it, as many and as fast as they like"
_READ = "read it from the environment or a settings class, and replace it where it is in use"
_STOP = "take the default away, so that a missing secret stops the program, and replace it where it is in use"
_SEPARATOR = 7
"""Characters of a text that only parts or begins what it stands in: `"mail-"`."""


@dataclass(frozen=True)
class _Judged:
    """A secret: its place, and the three parts of what is said about it."""

    place: tuple[int, int]
    title: str
    why: str
    instead: str = _READ
    module: Module | None = None
    """Where it stands when that is another module."""
    severity: Severity | None = None
    """Another one than the rule's."""


@rule("FAPI601", severity=Severity.ERROR)
def hardcoded_secret(module: Module, check: Check) -> Iterator[Finding]:
    """A password, key or token stands in the source.

    Why is this bad?
    Whoever can read the repository, a fork, a container image or a stack trace has the secret, and history keeps
    it after the line is gone. It cannot differ between development and production, and it cannot be replaced
    without a release. With a signing key anybody can make valid sessions and tokens; a placeholder such as
    `changeme` as a signing key is known to everybody.

    Known limits
    Passwords for a server on the same machine (`localhost`) are information. Those that are a single ordinary word, and
    keys that do not look made by a machine, are not told from labels and stay silent, unless they are seen to be signed
    with, and so do words that servers ship with (`postgres`) in a script. Regular expressions that find secrets are
    none, nor are addresses on block chains, and placeholders in a dict whose values are only printed or logged. Test
    modules and examples in documentation are not looked at. A literal that is only used when an environment variable is
    missing is reported by `insecure-secret-fallback`.

    References
    - [OAuth2 with password and JWT](https://fastapi.tiangolo.com/tutorial/security/oauth2-jwt/)
    - [Settings and environment variables](https://fastapi.tiangolo.com/advanced/settings/)
    - [OWASP: secrets management](https://cheatsheetseries.owasp.org/cheatsheets/Secrets_Management_Cheat_Sheet.html)
    - [CWE-798: use of hard-coded credentials](https://cwe.mitre.org/data/definitions/798.html)
    """
    if is_for_tests(check.project, module):
        return
    data = module.source.data
    seen: list[tuple[int, int]] = []
    words = module.words_once
    holds_token = secrets.may_hold_token(data, words) and any(secrets.occurrences(data.decode("utf-8", "replace")))
    found = [_known_tokens(module)] if holds_token else []
    if secrets.hints_at_secrets(words) or module in check.project.secrets.uses:
        found += [_bound(module, check), _keys(module, check), _hashed(module, check), _compared(module)]
    found.append(_shown(module, check))
    for each in found:
        for one in each:
            is_here = one.module in (None, module)
            if not is_here or not any(one.place[0] < end and start < one.place[1] for start, end in seen):
                if is_here:
                    seen.append(one.place)
                yield check.finding(
                    one.place,
                    one.title,
                    why=one.why,
                    instead=one.instead,
                    module=one.module or module,
                    severity=one.severity,
                )


def _known_tokens(module: Module) -> Iterator[_Judged]:
    documented: Sequence[tuple[int, int]] | None = None
    for literal in quoted(module):
        if literal.alone or not secrets.keywords().search(literal.text):
            continue
        for what, _, _ in secrets.occurrences(literal.text):
            if documented is None:
                documented = documented_ranges(module, examples=True)
            if not any(start <= literal.start < end for start, end in documented):
                place, instead = (literal.start, literal.end), "revoke it, and read its successor from the environment"
                yield _Judged(place, f"{what} stands in the source", _KNOWN, instead)
                break


# -------------------------------------------------------------------- texts under a name


def _bound(module: Module, check: Check) -> Iterator[_Judged]:
    for bound in (*bound_texts(module), *texts_in_use(module, check.project), *_examples_in_use(module, check)):
        kind = secrets.secret_name(bound.name)
        uses = check.project.secrets.uses_of(bound)
        key = next((use for use in uses if use.role in ("signs", "encrypts")), None)
        is_denied = secrets.ending(bound.name) and not _is_called_unreal(bound, check)  # `PUBLIC_API_KEY`: not one
        tells = kind is not None or key is not None or is_denied
        given = "" if tells else next((use.by for use in uses if use.role == "given"), "")
        if given and _is_called_unreal(bound, check) and not _is_given_away(bound, given, check):
            continue
        kind = "token" if given.lower() in AUTHORIZATION else kind or secrets.secret_name(given)
        if (kind is None and key is None) or _is_enumeration(bound.cls, check) or secrets.is_pattern(bound.text):
            continue
        if any(_INVENTED.search(text) for text in bound.beside) or secrets.is_publishable(bound.text):
            continue
        made = looks_made(bound.text)
        stands_in = check.project.secrets.stands_in_for(bound) is not None
        if stands_in and not (made and bound.how == "setting"):
            continue  # FAPI602's
        if key is None and secrets.is_known_password(bound.text) and _is_for_a_script(bound, check):
            continue
        if key is None and not made and is_only_told(bound, check.project):
            continue
        if bound.how == "written" and not made and not _matters_when_written(bound, check):
            continue
        judged = (
            _as_key(bound, key)
            if key is not None and (kind in _HARM or not key.takes_fixed or made or _says_secret(bound))
            else None
        )
        if judged is None and kind is not None:
            judged = _as_named(bound, kind, given, check)
        if judged is not None:
            severity = Severity.INFO if kind == "password" and _is_for_this_machine(bound) else None
            yield _Judged(*judged, _STOP if stands_in else _READ, severity=severity)


def _examples_in_use(module: Module, check: Check) -> Iterator[BoundText]:
    """The texts that are called examples, and are keys of the program."""
    for bound in example_texts(module):
        if any(use.role in ("signs", "encrypts") for use in check.project.secrets.uses_of(bound)):
            yield bound


def _is_called_unreal(bound: BoundText, check: Check) -> bool:
    """Whether a name says that it stands for no real secret, in an application: what it is given to says if it does."""
    return not _UNREAL.isdisjoint(secrets.words(bound.name)) and check.project.effects.is_served(bound.module)


def _is_given_away(bound: BoundText, given: str, check: Check) -> bool:
    """Whether a text leaves the program as a credential: something connects with it, or a machine has made it."""
    return given.lower() in AUTHORIZATION or connects(check.project, bound) or looks_made(bound.text)


def _says_secret(bound: BoundText) -> bool:
    """Whether a name has "secret" in it, which is not said of what a protocol prescribes."""
    return "secret" in secrets.words(bound.name)


def _is_for_a_script(bound: BoundText, check: Check) -> bool:
    """Whether a word that servers ship with is what a command of its own takes when it is given nothing."""
    if bound.how not in ("default", "argument") or surroundings.runs_a_server(bound.module, check.project):
        return False
    return surroundings.runs_as_script(bound.module, bound.block, check.project)


def _is_for_this_machine(bound: BoundText) -> bool:
    """Whether a password is for a server on the machine where the program runs, as FAPI602 and FAPI603 have it."""
    host = surroundings.host_beside(bound)
    return host is not None and secrets.is_local_host(host)


def _matters_when_written(bound: BoundText, check: Check) -> bool:
    """Whether what is written to the environment is read by an application: a script sets what only it needs."""
    return check.project.effects.serving.is_served(bound.module) and not secrets.is_placeholder(bound.text)


def _as_key(bound: BoundText, use: Use) -> tuple[tuple[int, int], str, str] | None:
    """A text that is given as a key to what signs or encrypts, whatever its name."""
    text = bound.text
    if secrets.is_absent(text) and not (text == "" and use.takes_empty and bound.how == "argument"):
        return None
    if secrets.is_reference(text):
        return None
    why = _HARM["encryption" if use.role == "encrypts" else "signing"]
    if bound.how == "argument":
        return bound.place, *_guessable(f"the key given to `{use.by}`", text, why)
    if secrets.secret_name(bound.name) in _HARM:
        return bound.place, *_guessable(f"`{bound.name}`", text, why)
    return bound.place, f"the key given to `{use.by}` stands in the source", why


def _guessable(what: str, text: str, why: str) -> tuple[str, str]:
    if secrets.is_placeholder(text):
        return f"{what} is a placeholder that anybody can guess", why
    return f"{what} stands in the source", why


def _as_named(
    bound: BoundText, kind: secrets.Kind, given: str, check: Check
) -> tuple[tuple[int, int], str, str] | None:
    """A text that its name, or the one under which it is given, says to be a secret, and that looks like one."""
    text = bound.text
    if given:
        is_one = looks_made(text) if given.lower() in AUTHORIZATION else is_secret_text(kind, text, given)
        return (
            (bound.place, f"`{bound.name}`, which is given as `{given}`, stands in the source", _KNOWN)
            if is_one
            else None
        )
    if kind in _HARM:
        if secrets.is_reference(text, bound.name) or secrets.is_absent(text) or secrets.names_a_thing(text, bound.name):
            return None
        if not secrets.is_placeholder(text) and (len(text) < 6 or secrets.is_label(text, bound.name)):
            return None
        return bound.place, *_guessable(f"`{bound.name}`", text, _HARM[kind])
    if kind == "token" and is_coin(text, bound.beside):
        return None
    if is_secret_text(kind, text, bound.name) or (kind == "password" and connects(check.project, bound)):
        if kind == "password" and secrets.is_password_hash(text):
            return bound.place, f"`{bound.name}` has the hash of a password in the source", _TRIED
        return bound.place, f"`{bound.name}` has its {_NOUNS[kind]} in the source", _KNOWN
    return None


def _is_enumeration(cls: Class | None, check: Check) -> bool:
    if cls is None:
        return False
    bases = [base for base in check.project.types.mro(cls) if isinstance(base, str)]
    return any(base.startswith("enum.") or base.endswith(("Enum", "TypedDict")) for base in bases)


# -------------------------------------------------------------------- texts without a name


def _keys(module: Module, check: Check) -> Iterator[_Judged]:
    """Keys given to what signs or encrypts by position, as literals."""
    for given in keys_given(module, check.project):
        value = unwrapped(module, given.arg.value)
        why = _HARM["encryption" if given.taker.use == "encrypts" else "signing"]
        if isinstance(value, f.CallRef) and not given.taker.fixed:
            for literal, home in literals_given_back(check.project, module, value):
                title, _ = _guessable(f"the key given to `{given.name}`", literal.text, why)
                yield _Judged(literal.place, title, why, module=home)
        is_literal = isinstance(value, f.Raw) or (isinstance(value, f.Const) and isinstance(value.value, str))
        if given.taker.fixed:
            continue
        if not is_literal:
            at = (module, given.call.block, given.call.start)
            for text, home, place in _put_together(value, given.arg, at, check):
                yield _Judged(place, *_guessable(f"the key given to `{given.name}`", text, why), module=home)
            continue
        for literal in literals_between(module, given.arg.start, given.arg.end)[:1]:
            if literal.text:
                yield _Judged(literal.place, *_guessable(f"the key given to `{given.name}`", literal.text, why))


def _put_together(
    value: f.Expr, arg: f.Arg, where: Where, check: Check
) -> Iterator[tuple[str, Module, tuple[int, int]]]:
    """The texts that are put together for a key, where it is given or where its name gets it, with module and place."""
    values = check.project.values
    if _is_put_together(value):
        found = [(value, where, (arg.start, arg.end))]
    elif isinstance(value, (f.Name, f.Attr)):
        found = [
            (inner, place, (entry.start, entry.end))
            for inner, place in values.definitions(value, where)
            if _is_put_together(inner)
            for entry in place[0].facts.assigns
            if entry.start == place[2] and entry.value is inner
        ]
    else:
        return
    for inner, place, around in found:
        if text := values.text(inner, place):
            yield text, place[0], around


def _is_put_together(value: f.Expr) -> bool:
    """Whether a value is put together of names and a text that is more than a separator: `PREFIX + "..."`."""
    match value:
        case f.Binary(op="+", left=left, right=right):
            parts: tuple[f.Expr, ...] = (left, right)
        case f.Joined(parts=parts):
            pass
        case _:
            return False
    is_simple = all(isinstance(part, (f.Const, f.Name, f.Binary)) for part in parts)
    return is_simple and any(
        len(part.value) > _SEPARATOR
        if isinstance(part, f.Const) and isinstance(part.value, str)
        else _is_put_together(part)
        for part in parts
    )


def _shown(module: Module, check: Check) -> Iterator[_Judged]:
    """Passwords and tokens that are shown to another server, as literals without a name."""
    for one in shown(module, check.project):
        text = one.text
        if secrets.is_absent(text) or secrets.is_template(text) or secrets.is_to_be_replaced(text):
            continue
        is_certain = secret_calls.connection(one.by) is not None
        if _INVENTED.search(text) or secrets.is_label(text, "") or (secrets.is_placeholder(text) and not is_certain):
            continue
        if one.kind == "password" or looks_made(text):
            yield _Judged(one.place, f"the {one.kind} given to `{one.by}` stands in the source", _KNOWN)


def _hashed(module: Module, check: Check) -> Iterator[_Judged]:
    """Passwords that an application hashes for an account, as literals by position: those of scripts are examples."""
    if not check.project.effects.serving.is_served(module):
        return
    for call, arg in hashed_literals(check.project, module, _is_password):
        if not surroundings.runs_as_script(module, call.block, check.project):
            title = f"the password that `{f.last_name(call.func)}` hashes stands in the source"
            yield _Judged((arg.start, arg.end), title, _KNOWN)


def _is_password(text: str) -> bool:
    return is_secret_text("password", text, "password") and _INVENTED.search(text) is None


def _compared(module: Module) -> Iterator[_Judged]:
    """Texts that a name of a password, key or token is compared with."""
    for name, literal in written_beside(module, lambda name: secrets.secret_name(name) is not None):
        kind = secrets.secret_name(name)
        if is_secret_text("password" if kind == "password" else "token", literal.text, name):
            yield _Judged((literal.start, literal.end), f"`{name}` is compared with a secret in the source", _KNOWN)
