"""Patterns of paths against Starlette's own matching: what is said to be covered is matched, and the index finds it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.routing import compile_path

from fastapi_lint.model.routing.paths import PathIndex, covers, normalised, placeholders, without_placeholders

VALUES = {
    "str": ["me", "7", "7.5", "a.json"],
    "path": ["", "me", "a/b", "7", "x/y/z.json"],
    "int": ["0", "17"],
    "float": ["7", "7.5"],
    "uuid": ["0b2f6a0e-7d3c-4b57-8e0f-3f4f0e3f7a11"],
}


def url(pattern: str, pick: int) -> str:
    """One of the URLs that a pattern matches."""
    for name, kind in placeholders(pattern):
        written = f"{{{name}}}" if f"{{{name}}}" in pattern else f"{{{name}:{kind}}}"
        pattern = pattern.replace(written, VALUES[kind][pick % len(VALUES[kind])], 1)
    return pattern


def patterns() -> st.SearchStrategy[str]:
    pieces = [
        "me",
        "7",
        "raw",
        "",
        "a.json",
        "{N}",
        "{N:int}",
        "{N:float}",
        "{N:uuid}",
        "{N:path}",
        "{N}.json",
        "v{N:int}",
    ]

    def numbered(parts: list[str]) -> str:
        return "".join("/" + part.replace("N", f"p{index}") for index, part in enumerate(parts))

    return st.lists(st.sampled_from(pieces), min_size=1, max_size=4).map(numbered)


@given(patterns(), patterns(), st.integers(0, 9))
def test_what_is_covered_is_matched(one: str, other: str, pick: int) -> None:
    address = url(other, pick)
    assert compile_path(other)[0].match(address)
    if covers(one, other):
        assert compile_path(one)[0].match(address), f"{one} does not match {address}"


@given(st.lists(patterns(), max_size=12), patterns())
def test_the_index_finds_what_covers(known: list[str], path: str) -> None:
    found = sorted(PathIndex((one, one) for one in known).covering(path))
    assert found == sorted(one for one in known if covers(one, path))


@pytest.mark.parametrize(
    ("one", "other", "wanted"),
    [
        ("/users/{id}", "/users/me", True),
        ("/users/{id}", "/users/", False),
        ("/users/{id:int}", "/users/me", False),
        ("/users/{id:float}", "/users/{id:int}", True),
        ("/users/{id:int}", "/users/{id}", False),
        ("/users/{id:int}", "/users/{id:uuid}", False),
        ("/{rest:path}", "/users/{id}/items/", True),
        ("/files/{rest:path}", "/files", False),
        ("/{name}", "/{rest:path}", False),
        ("/{rest:path}/raw", "/{a}/{b:int}/raw", True),
        ("/{name}", "/{slug:slug}", False),
        ("/{one:slug}", "/{other:slug}", True),
        ("/{one:slug}", "/{other:name}", False),
        ("/{rest:path}", "/{slug:slug}", True),
    ],
)
def test_convertors(one: str, other: str, wanted: bool) -> None:
    assert covers(one, other) is wanted


def test_names_of_placeholders_make_no_difference() -> None:
    assert normalised("/a/{b}/{c:int}") == normalised("/a/{x}/{y:int}") != normalised("/a/{x}/{y}")
    assert without_placeholders("/a/{b}/{c-d}") == "/a//{c-d}"


def test_many_patterns_that_are_alike_are_cut_off() -> None:
    index = PathIndex(("/a/{b}", number) for number in range(1000))
    assert len(list(index.covering("/a/b"))) == 50
