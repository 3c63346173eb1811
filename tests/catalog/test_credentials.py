"""Texts that connect: which hold a password, and for whom."""

from __future__ import annotations

import time

import pytest

from fastapi_lint.catalog.secrecy.credentials import credentials_in, hints_at_credentials


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql://shop:T7!vine@db.shop.internal/shop", ("shop", "T7!vine", "db.shop.internal")),
        ("redis://:T7!vine@cache:6379/0", ("", "T7!vine", "cache")),
        ("jdbc:mysql://db.shop/shop?user=app&password=Oak!7", ("app", "Oak!7", "db.shop")),
        ("host=db.shop user=app password='two words' dbname=x", ("app", "two words", "db.shop")),
        ("Driver={ODBC Driver 18};Server=db.shop;Uid=app;Pwd=Oak!7;", ("app", "Oak!7", "db.shop")),
        ("Data Source=db.shop;User ID=app;Password=Oak!7", ("app", "Oak!7", "db.shop")),
    ],
)
def test_passwords_are_found(text: str, expected: tuple[str, str, str]) -> None:
    found = [(each.user, each.password, each.host) for each in credentials_in(text)]
    assert found == [expected]
    assert hints_at_credentials(f'x = "{text}"'.encode())


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://shop@db.shop/shop", "user=app&password=Oak!7", "password=Oak!7",
        "host=db user=app passfile=/run/pgpass", "Server=db;Trusted_Connection=yes", "https://shop.example/login?next=password",
    ],
)  # fmt: skip
def test_there_is_none(text: str) -> None:
    assert list(credentials_in(text)) == []


@pytest.mark.parametrize("text", ["password=" * 20_000, "://a:" * 20_000 + "@", "user = " * 20_000 + "pwd"])
def test_hostile_texts_take_no_time(text: str) -> None:
    start = time.perf_counter()
    list(credentials_in(text))
    assert time.perf_counter() - start < 2
