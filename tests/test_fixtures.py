"""Every rule against its own fixture folder: what is found, what stays quiet, and what a fix writes.

bad.py      the findings of all recommended rules and the folder's own are exactly its `# expect:` comments
good.py     silent
fixed.py    bad.py after --fix --unsafe-fixes; without it, nothing may be rewritten
more/*.py   edge cases: exactly their `# expect:` comments, none means silent; NAME.fixed.py is the result of the fix
project/    other modules of the case, linted with each of the files above; their findings are expected with bad.py
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from linting import (
    FIXTURES,
    Example,
    Expectation,
    after_fixing,
    examples,
    expectations,
    expected_facts,
    facts_of,
    fix,
    fixture_folders,
    lint,
)

from fastapi_lint.finding import Finding, Span

BAD = examples("bad.py")
GOOD = examples("good.py")
MORE = examples("more/*.py")
FACTS = [
    example
    for example in [*BAD, *GOOD, *MORE]
    if any(expected_facts(content) for path, content in example.files().items() if path.endswith(".py"))
]
BLESS = os.environ.get("FASTAPI_LINT_BLESS") == "1"


def compare(findings: Sequence[Finding], path: str, content: bytes) -> list[str]:
    """What is wrong with the findings in one file, a line each: missed alarms, false alarms."""
    left = [finding for finding in findings if finding.path == path]
    wrong = []
    for wanted in expectations(content):
        if met := next((finding for finding in left if wanted.met_by(finding)), None):
            left.remove(met)
        else:
            wrong.append(f"missed alarm: {path}:{wanted.line}: {wanted.code} ...{wanted.part}...")
    wrong += [f"false alarm: {path}:{each.span.line}: {each.code} {each.message}" for each in left]
    return wrong


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
    assert Example("FAPI901", tmp_path / "bad.py").place == "tests/test_items.py"
    assert Example("FAPI901", tmp_path / "good.py").place == "good.py"


def test_there_are_fixtures() -> None:
    assert fixture_folders(), f"no FAPI*-* folder in {FIXTURES}"


@pytest.mark.parametrize("example", BAD, ids=str)
def test_bad_is_reported_exactly_and_fixed(example: Example) -> None:
    assert any(wanted.code == example.code for content in example.files().values() for wanted in expectations(content))
    files = example.files()
    findings = lint(files, example.select)
    wrong = [line for path, content in files.items() for line in compare(findings, path, content)]
    assert not wrong, "\n".join(wrong)
    lacking = [each.title for each in findings if each.code == example.code and not (each.why and each.instead)]
    assert not lacking, "a message says what is wrong, why, and what to do instead"
    left = fixed(example, findings)
    assert not [each for each in left if each.code == example.code], "the fix leaves findings of its own rule"


@pytest.mark.parametrize("example", GOOD, ids=str)
def test_good_is_silent(example: Example) -> None:
    assert not expectations(example.path.read_bytes()), "good.py expects nothing"
    assert not compare(lint(example.files(), example.select), example.place, b"")


@pytest.mark.parametrize("example", MORE, ids=str)
def test_edge_cases_are_reported_exactly_and_fixed(example: Example) -> None:
    findings = lint(example.files(), example.select)
    wrong = compare(findings, example.place, example.path.read_bytes())
    assert not wrong, "\n".join(wrong)
    fixed(example, findings)


def fixed(example: Example, findings: Sequence[Finding]) -> list[Finding]:
    """What is left in an example after its fixes, which must write what the folder holds."""
    if not (BLESS or example.fixed.exists() or any(each.fix for each in findings)):
        return []  # nothing can be written
    before = example.files()
    after = fix(before, example.select)
    place = example.place
    assert after.keys() == before.keys()
    if BLESS:
        if after[place] != before[place]:
            example.fixed.write_bytes(after[place])
        else:
            example.fixed.unlink(missing_ok=True)
    if not example.fixed.exists():
        assert after[place] == before[place], f"it was rewritten, and there is no {example.fixed.name}"
        return []
    wanted = example.fixed.read_bytes()
    assert wanted != before[place], f"{example.fixed.name} is no different"
    assert after[place].decode() == wanted.decode()

    again, left = after_fixing(after, example.select)
    assert again == after, "fixing again changes it again"
    assert not [each for each in left if each.path == place and each.code == "FAPI001"], "the result does not parse"
    return [each for each in left if each.path == place]


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
