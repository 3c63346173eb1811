"""Path patterns mean what git says they mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastapi_lint.files.globs import Globs, seen_from


@pytest.mark.parametrize(
    ("patterns", "path", "expected"),
    [
        (["build"], "build/x.py", True),
        (["build"], "src/build/x.py", True),
        (["build/"], "build", False),
        (["/build"], "src/build/x.py", False),
        (["src/build"], "src/build/x.py", True),
        (["src/build"], "a/src/build/x.py", False),
        (["**/migrations/*.py"], "a/b/migrations/x.py", True),
        (["**/migrations/*.py"], "migrations/x.py", True),
        (["tests/**"], "tests/a/b.py", True),
        (["tests/**"], "tests", False),
        (["a/**/b"], "a/b", True),
        (["a/**/b"], "a/x/y/b", True),
        (["a/*/b"], "a/x/y/b", False),
        (["*_pb2.py"], "gen/thing_pb2.py", True),
        (["test_?.py"], "test_ab.py", False),
        (["[a-c]x.py", "!bx.py"], "ax.py", True),
        (["[a-c]x.py", "!bx.py"], "bx.py", False),
        (["[!a-c]x.py"], "ax.py", False),
        (["[^a-c]x.py"], "dx.py", True),
        (["# note", ""], "# note", False),
        (["\\#x"], "#x", True),
        (["\\!x"], "!x", True),
        (["x   "], "x", True),
        (["x\\ "], "x ", True),
        (["x["], "x[", True),
        (["[z-a]"], "z", False),
        (["[]]x"], "]x", True),
        (["*"], "any/thing.py", True),
        (["*a*b*c"], "xxaxxbxxc", True),
        (["*a*b*c"], "xxaxxbxxcd", False),
        (["*ab"], "aab", True),
    ],
)
def test_meaning(patterns: list[str], path: str, expected: bool) -> None:
    assert Globs(patterns).matches(path) is expected


_names = st.text("ab.", min_size=1, max_size=4).filter(lambda name: set(name) != {"."})
_pieces = st.one_of(_names, st.sampled_from(["*", "**", "*a", "a*b", "?", "[ab]", "*.a*"]))


@given(st.lists(_pieces, min_size=1, max_size=4), st.booleans(), st.lists(_names, min_size=1, max_size=4))
def test_agrees_with_pathspec(pieces: list[str], slash: bool, names: list[str]) -> None:
    pathspec = pytest.importorskip("pathspec")
    pattern = ("/" if slash else "") + "/".join(pieces)
    path = "/".join(names)
    oracle = pathspec.GitIgnoreSpec.from_lines([pattern])
    assert Globs([pattern]).matches(path) == oracle.match_file(path)


@given(st.lists(st.text(), max_size=5), st.lists(st.text(min_size=1), min_size=1, max_size=4))
def test_any_text_in_no_exception_out(lines: list[str], names: list[str]) -> None:
    assert Globs(lines).verdict(names, False) in (True, False, None)


def test_many_stars_do_not_explode() -> None:
    assert Globs(["*a" * 40 + "b"]).matches("a" * 250) is False
    assert Globs(["/".join(["**", "a"] * 30)]).matches("/".join("a" * 200) + "/b") is True
    assert Globs(["/".join(["**", "a"] * 30 + ["b", "c"])]).matches("/".join("a" * 200)) is False


@pytest.mark.parametrize(
    ("pattern", "below", "expected"),
    [
        ("gen", True, "gen"),
        ("gen/", True, "gen/"),
        ("services/a/tests/*", True, "/tests/*"),
        ("services/*/tests/", True, "/tests/"),
        ("!services/a/x.py", True, "!/x.py"),
        ("services/b/x.py", True, None),
        ("services/*", True, "**"),
        ("/services/a", True, "**"),
        ("services/**", True, "**"),
        ("**/x/y.py", True, "**/x/y.py"),
        ("tests/*", False, "/services/a/tests/*"),
        ("*.py", False, "*.py"),
        ("!/x.py", False, "!/services/a/x.py"),
    ],
)
def test_patterns_seen_from_elsewhere(pattern: str, below: bool, expected: str | None) -> None:
    assert seen_from(pattern, ("services", "a"), below=below) == expected
