"""Hiding secrets: in literals, and where they can be nothing else; never in names, never in prose."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastapi_lint.files.secrecy import SHORTEST, Secrets


@pytest.mark.parametrize(
    ("secret", "text", "shown"),
    [
        ("password", "`verify_password` computes a password hash", "`verify_password` computes a password hash"),
        ("password", 'the default `"password"` of `password`', 'the default `"****"` of `password`'),
        ("super-secret", "the user's 'super-secret' isn't super-secret", "the user's '****' isn't super-secret"),
        ("admin123", "`admin123` is assigned 'admin123'", "`admin123` is assigned '****'"),
        ("password", "'a password' and 'passwords'", "'a password' and 'passwords'"),
        ("hunter2hunter", "a message with hunter2hunter in it", "a message with **** in it"),
        ("Oak!tree", 'f"postgres://app:Oak!tree@db"', 'f"postgres://app:****@db"'),
        ("1234", "1234 rows, or '1234'", "1234 rows, or '****'"),
        ("abc", "'abc'", "'abc'"),
    ],
)
def test_what_is_hidden(secret: str, text: str, shown: str) -> None:
    assert Secrets([secret]).hidden(text, "****") == shown
    assert Secrets([secret]).are_in(text) == (text != shown)


def test_the_longest_one_is_hidden_whole() -> None:
    assert Secrets(["k3y-4", "k3y-4-and-more"]).hidden("k3y-4-and-more", "*") == "*"


@given(st.lists(st.text("ab1-\"' ", min_size=SHORTEST, max_size=8), max_size=4), st.text("ab1-\"' ", max_size=40))
def test_a_literal_of_a_secret_is_never_shown(secrets: list[str], text: str) -> None:
    shown = Secrets(secrets).hidden(text, "*")
    assert not any(f"{quote}{secret}{quote}" in shown for secret in secrets for quote in "\"'" if quote not in secret)
