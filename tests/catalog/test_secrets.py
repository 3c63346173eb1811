"""The catalogue of secrets proves itself: every format finds its hits and none of its misses, in linear time."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator

import pytest

from fastapi_lint.catalog.secrecy.secrets import (
    Token,
    catalogue,
    hints_at_secrets,
    is_absent,
    is_label,
    is_local_host,
    is_placeholder,
    is_secret_name,
    is_template,
    keywords,
    looks_chosen,
    looks_like_password,
    looks_random,
    may_hold_token,
    names_a_thing,
    occurrences,
    secret_name,
    token_kind,
    tokens,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import sre_constants
    import sre_parse

every_token = pytest.mark.parametrize("token", tokens(), ids=lambda token: token.what)


def whole(example: str) -> str:
    """An example without the marks that keep it from being a token in the catalogue's own file."""
    return example.replace("~", "")


@every_token
def test_hits_are_found_and_misses_are_not(token: Token) -> None:
    assert token.hits and token.misses
    for hit in map(whole, token.hits):
        assert token.find(f"x = {hit};"), hit
        assert token_kind(hit) == token.what
        assert [what for what, _, _ in occurrences(hit)] == [token.what]
        assert any(word in hit for word in token.keywords)
        assert may_hold_token(hit.encode())
        assert keywords().search(hit)
    for miss in token.misses:
        assert token.find(miss) is None, miss


@every_token
def test_the_file_itself_holds_no_token(token: Token) -> None:
    for hit in token.hits:
        assert token.find(hit) is None or "~" not in hit


def repeats(parsed: object, depth: int = 0) -> Iterator[tuple[int, int]]:
    """Every repetition of a parsed pattern: how deep it lies in others, and how often it may repeat."""
    for op, argument in parsed:  # type: ignore[attr-defined]
        if op in (sre_constants.MAX_REPEAT, sre_constants.MIN_REPEAT):
            _, most, inner = argument
            yield depth, int(most)
            yield from repeats(inner, depth + (int(most) > 2))
        elif op is sre_constants.SUBPATTERN:
            yield from repeats(argument[-1], depth)
        elif op is sre_constants.BRANCH:
            for branch in argument[1]:
                yield from repeats(branch, depth)


@every_token
def test_no_pattern_is_super_linear(token: Token) -> None:
    found = list(repeats(sre_parse.parse(token.pattern)))
    assert all(most <= 1200 for _, most in found), "every repetition is bounded"
    assert all(depth <= (1 if most <= 2 else 0) for depth, most in found), "none is nested in another"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("SECRET_KEY", "signing"),
        ("jwtSecretKey", "signing"),
        ("fernetKey", "encryption"),
        ("DB_PASSWORD", "password"),
        ("smtp_pass", "password"),
        ("openai_api_key", "key"),
        ("STRIPE_API_KEY_PROD", "key"),
        ("clientSecret", "key"),
        ("aws_secret_access_key", "key"),
        ("access_token", "token"),
        ("password2", "password"),
    ],
)
def test_names_that_hold_secrets(name: str, kind: str) -> None:
    assert secret_name(name) == kind
    assert hints_at_secrets(name.encode())


@pytest.mark.parametrize(
    "name",
    [
        "TOKEN_URL",
        "token_type",
        "password_field",
        "api_key_header",
        "reset_password",
        "hashed_password",
        "has_password",
        "eos_token",
        "next_page_token",
        "test_password",
        "password_min_length",
        "invalid_token",
        "compass",
        "secretary",
        "keyboard",
        "primary_key",
        "cache_key",
        "secret_name",
        "",
    ],
)
def test_names_that_hold_none(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    sorted(
        {e for kind in ("signing", "encryption", "password", "key", "token") for e in getattr(catalogue().names, kind)}
    ),
)
def test_the_hint_matches_every_name(name: str) -> None:
    assert hints_at_secrets(name.replace(" ", "_").encode())
    assert is_secret_name(name.replace(" ", "_"))


@pytest.mark.parametrize(
    "text", ["changeme", "your-api-key", "xxxxxxxx", "sk-1234", "my-secret-key", "****", "test-key", "aaaa"]
)
def test_placeholders(text: str) -> None:
    assert is_placeholder(text)


@pytest.mark.parametrize("text", ["hunter2", "4f8a1c9e2b7d3065f1a8c4e9b2d70635", "Tr0ub4dor&3", "postgres", "123456"])
def test_what_is_no_placeholder(text: str) -> None:
    assert not is_placeholder(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("X-API-Key", "api_key"),
        ("OPENAI_API_KEY", "api_key"),
        ("access_token", "token"),
        ("bearer", "token"),
        ("/auth/token", "token"),
        ("Enter your password", "password"),
        ("Contrase\u00f1a", "password"),
        ("password", "PASSWORD"),
        ("app.security.secret", "secret"),
        ("secrets/prod/db", "secret"),
        ("{password}", "password"),
        ("https://auth.example.com/token", "token"),
        ("config.pem", "private_key"),
    ],
)
def test_labels(text: str, name: str) -> None:
    assert is_label(text, name)


@pytest.mark.parametrize("text", ["hunter2", "4f8a1c9e2b7d3065f1a8c4e9b2d70635", "S3cr3t!2024", "admin123"])
def test_what_is_no_label(text: str) -> None:
    assert not is_label(text, "password")
    assert looks_like_password(text)


@pytest.mark.parametrize(
    "text",
    [
        "4f8a1c9e2b7d3065f1a8c4e9b2d70635",
        "sup_9f2Kx71LqPz84TbVn3Rw",
        "7195b028-3466-4f8a-91c9-e2b7d3065f1a",
        "wZ4mT8qLr1XcV6nBy3Kd",
    ],
)
def test_random_texts(text: str) -> None:
    assert looks_random(text)


@pytest.mark.parametrize(
    "text",
    [
        "us-east-1-prod-cluster-2",
        "AccessTokenResolverFactory",
        "application/json",
        "gpt-4o-mini-2024-07-18",
        "aaaaaaaaaaaaaaaaaaaa",
        "short1",
    ],
)
def test_ordinary_texts(text: str) -> None:
    assert not looks_random(text)


@pytest.mark.parametrize("text", ["Kelp-42!marble", "Vd7quarryLamp9x"])
def test_keys_that_a_person_chose(text: str) -> None:
    assert looks_chosen(text, "client_secret")


@pytest.mark.parametrize(
    "text", ["partner-api-v2", "ClientSecretV2", "my-client-secret-1!", "client.secret.2024", "short1!"]
)
def test_keys_that_nobody_chose(text: str) -> None:
    assert not looks_chosen(text, "client_secret")


def test_a_text_that_is_called_as_its_name() -> None:
    assert names_a_thing("widget_session_key", "TAG_SESSION_KEY")
    assert not names_a_thing("my_secret_key", "SECRET_KEY") and not names_a_thing("secret_key", "SECRET_KEY")
    assert not names_a_thing("widgets-are-great-42", "SESSION_KEY")


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "db", "redis://cache:6379/0", "/var/run/postgresql", "localhost:5432"]
)
def test_local_hosts(host: str) -> None:
    assert is_local_host(host)


@pytest.mark.parametrize("host", ["db.shop.internal", "10.4.0.12", "postgresql://u:p@db.shop.internal/x"])
def test_hosts_of_a_network(host: str) -> None:
    assert not is_local_host(host)


@pytest.mark.parametrize("text", ["", "none", "NULL", "not-needed", "EMPTY", "n/a"])
def test_absent_values(text: str) -> None:
    assert is_absent(text)


def test_templates() -> None:
    assert is_template("!secret hub_password") and is_template("@Microsoft.KeyVault(SecretUri=x)")
    assert not is_template("!Own0ne-99") and not is_template("@dm1n-2024") and not is_template("$3cret-99")
    assert is_template("${DB_PASSWORD}") and is_template("<password>") and is_template("{{ secret }}")
    assert not is_template("Pa$$w0rd")


def test_every_list_is_lower_case_and_without_doubles() -> None:
    texts, names = catalogue().texts, catalogue().names
    for entries in (
        texts.placeholder,
        texts.absent,
        texts.label,
        texts.hosts,
        texts.users,
        names.blocking,
        names.neutral,
    ):
        assert all(re.fullmatch(r"[a-z0-9./ _-]+", entry) for entry in entries)
