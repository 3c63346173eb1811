"""Whether a text is a secret, by what it looks like and by the name that it has. Knows no code."""

from __future__ import annotations

from fastapi_lint.catalog.secrecy import secrets
from fastapi_lint.catalog.secrecy.addresses import is_address


def is_secret_text(kind: secrets.Kind, text: str, name: str) -> bool:
    """Whether a text bound to the name of a password, key or token is one."""
    if secrets.is_absent(text) or secrets.is_placeholder(text) or secrets.is_template(text):
        return False
    if kind == "password":
        if secrets.is_known_password(text):
            return text.lower() != name.lower()
        return not secrets.is_label(text, name) and secrets.looks_like_password(text)
    if is_address(text):
        return False
    return (looks_made(text) and not secrets.is_reference(text, name)) or secrets.looks_chosen(text, name)


def is_coin(text: str, beside: tuple[str, ...]) -> bool:
    """Whether a text under the name of a token is what a coin is called: the dict around it tells its address, or says
    the text once more."""
    return not looks_made(text) and (beside.count(text) > 1 or any(map(is_address, beside)))


def looks_made(text: str) -> bool:
    """Whether a machine has made a text: it is random, or a token of a known kind."""
    return secrets.looks_random(text) or secrets.token_kind(text) is not None
