"""Every rule against its own fixture folder: what is found, what stays quiet, and what a fix writes.

bad.py      the findings of all recommended rules and the folder's own are exactly its `# expect:` comments
good.py     silent
fixed.py    bad.py after --fix --unsafe-fixes; without it, nothing may be rewritten
more/*.py   edge cases: exactly their `# expect:` comments, none means silent; NAME.fixed.py is the result of the fix
project/    other modules of the case, linted with each of the files above; their findings are expected with bad.py
"""

from __future__ import annotations

from pathlib import Path

import pytest
from linting import FIXTURES, examples, facts_of, fix, fixture_folders

from fastapi_lint.finding import Finding, Span
from fastapi_lint.testing.checking import check_bad, check_good, check_more, compare
from fastapi_lint.testing.linting import linted
from fastapi_lint.testing.reading import Example, Expectation, expectations, expected_facts

BAD = examples("bad.py")
GOOD = examples("good.py")
MORE = examples("more/*.py")
BY_LINES = {"cut.py", "followed_up.py", "kept_and_threaded.py", "loop_ends.py"}
"""Edge cases of what is read out of the text of a line up to its end."""
FACTS = [
    example
    for example in [*BAD, *GOOD, *MORE]
    if any(expected_facts(content) for path, content in example.files().items() if path.endswith(".py"))
]


def test_the_marks_of_a_line_are_read() -> None:
    content = (
        b"import x  # noqa: FAPI201  # expect: FAPI002 it is `unused` # expect: FAPI001\r\ndef f():  # fact: blocks\r"
    )
    assert expectations(content) == [Expectation(1, "FAPI002", "it is `unused`"), Expectation(1, "FAPI001", "")]
    assert expected_facts(content) == [(2, "blocks")]


def test_each_finding_meets_one_expectation() -> None:
    spans = [Span(line, 1, line, 5) for line in (1, 1, 2)]
    found = [Finding("FAPI101", "blocking-call-in-async", "`sleep` blocks", "bad.py", span) for span in spans]
    both = b"a  # expect: FAPI101 sleep # expect: FAPI101 blocks\nb  # expect: FAPI101 `sleep`\n"
    assert compare(found, "bad.py", both) == []
    assert compare(found, "bad.py", b"a  # expect: FAPI101 sleep\nb\nc  # expect: FAPI101\n") == [
        "missed alarm: bad.py:3: FAPI101 ......",
        "false alarm: bad.py:1: FAPI101 `sleep` blocks",
        "false alarm: bad.py:2: FAPI101 `sleep` blocks",
    ]


def test_an_example_may_name_its_place(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_bytes(b"# A test module.\n# file: tests/test_items.py\nimport x\n")
    (tmp_path / "good.py").write_bytes(b"import x\n# file: tests/test_items.py\n")
    assert Example(tmp_path, tmp_path / "bad.py").place == "tests/test_items.py"
    assert Example(tmp_path, tmp_path / "good.py").place == "good.py"


def test_there_are_fixtures() -> None:
    assert fixture_folders(), f"no FAPI*-* folder in {FIXTURES}"


@pytest.mark.parametrize("example", BAD, ids=str)
def test_bad_is_reported_exactly_and_fixed(example: Example) -> None:
    check_bad(example)


@pytest.mark.parametrize("example", GOOD, ids=str)
def test_good_is_silent(example: Example) -> None:
    check_good(example)


@pytest.mark.parametrize("example", MORE, ids=str)
def test_edge_cases_are_reported_exactly_and_fixed(example: Example) -> None:
    check_more(example)


@pytest.mark.parametrize("example", [each for each in (*BAD, *MORE) if each.fixed.exists()], ids=str)
def test_safe_fixes_alone_are_stable(example: Example) -> None:
    before = example.files()
    once = fix(before, example.select, unsafe=False)
    assert once == before or fix(once, example.select, unsafe=False) == once


@pytest.mark.parametrize("example", FACTS, ids=str)
def test_facts_hold_where_they_are_declared(example: Example) -> None:
    files = example.files()
    known = set(facts_of(files))
    wanted = {(path, *fact) for path, content in files.items() for fact in expected_facts(content)}
    assert wanted <= known, f"not inferred: {sorted(wanted - known)}"


def test_every_fixed_file_belongs_to_an_example() -> None:
    kept = {example.fixed for example in [*BAD, *MORE]}
    stray = [path for folder in fixture_folders() for path in folder.rglob("*fixed.py") if path not in kept]
    assert not stray


@pytest.mark.parametrize("example", [each for each in MORE if each.path.name in BY_LINES], ids=str)
def test_lines_may_end_in_crlf(example: Example) -> None:
    files = {path: content.replace(b"\n", b"\r\n") for path, content in example.files().items()}
    assert compare(linted(files, select=example.select)[0], example.place, example.content) == []


@pytest.mark.parametrize("code", ["FAPI308", "FAPI314", "FAPI701"])
def test_fixes_write_the_ends_of_lines_that_a_file_has(code: str) -> None:
    for example in [each for each in [*BAD, *MORE] if each.code == code and each.wanted is not None]:
        files = {path: content.replace(b"\n", b"\r\n") for path, content in example.files().items()}
        after = linted(files, select=example.select, fixing=True)[1]
        assert after[example.place] == (example.wanted or b"").replace(b"\n", b"\r\n"), str(example)
