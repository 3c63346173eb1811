"""What a variable holds: a secret by what made it, or a word that is one only by its name. Judges nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi_lint.catalog.secrecy import secrets, tokens
from fastapi_lint.index import facts as f
from fastapi_lint.model.types.inference.inference import Where
from fastapi_lint.model.values.readers import environment_read, is_environment

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_FORMS = frozenset({"str", "text", "string"})
_VAGUE = frozenset({"token", "tokens", "secret", "key", "credential", "credentials", "bearer", "pwd"})
"""Words that mean something else as often: a word of a text, an entry of a dict, the working directory."""
_QUALIFYING = frozenset({
    "access", "refresh", "auth", "api", "bearer", "session", "user", "admin", "bot", "oauth", "oauth2", "service",
    "client", "github", "gitlab", "slack", "telegram", "hf", "huggingface", "app", "personal", "signing", "encryption",
    "encrypt", "webhook", "jwt", "consumer", "private", "account", "master", "shared", "aws", "id", "reset", "verify",
})  # fmt: skip
"""Words before `token`, `secret` or `key` that say what it opens."""


def holds_secret(project: Project, expr: f.Name, where: Where) -> bool:
    """Whether a variable, whatever it is called, holds a token that is signed, or a secret of the environment."""
    found = list(project.values.definitions(expr, where))
    if len(found) != 1:
        return False
    value, (module, _, _) = found[0]
    value = value.value if isinstance(value, f.Await) else value
    if isinstance(value, f.CallRef):
        call = module.facts.calls[value.index]
        if tokens.encoder(project.called_name(module, call) or "") is not None:
            return True
        read = environment_read(module, call) or ""
    else:
        read = _key(value) if isinstance(value, f.Sub) and is_environment(value.value) else ""
    return is_named_secret(read) and not is_vague(read)


def _key(expr: f.Sub) -> str:
    return str(expr.items[0].value) if isinstance(expr.items[0], f.Const) else ""


def is_named_secret(name: str) -> bool:
    """Whether a name is that of a secret, and not of what tells which one it is: an id, the access key of S3."""
    found = secrets.words(name)
    names_an_account = found[-2:] == ["access", "key"] and "secret" not in found
    return secrets.secret_name(name) is not None and found[-1:] != ["id"] and not names_an_account


def is_vague(name: str) -> bool:
    """Whether a name may be that of a word of a text, of a whole object, or of an entry (`session_key`)."""
    found = secrets.words(name)
    if len(found) > 1 and found[-1] in _FORMS:  # `token_text`: as likely what a model reads and writes
        found = found[:-1]
    qualifying = _QUALIFYING - {"session"} if found[-1:] == ["key"] else _QUALIFYING
    return bool(found) and found[-1] in _VAGUE and qualifying.isdisjoint(found[:-1])


def spelled(expr: f.Expr) -> str:
    """What messages call a value: the name, as far as there is one."""
    match expr:
        case f.Name(id=name):
            return name
        case f.Attr(value=value, attr=attr):
            owner = spelled(value)
            return f"{owner}.{attr}" if owner else attr
        case f.Sub(items=(f.Const(value=key),)):
            return str(key)
    return ""
