"""The fixer: edits to text, fixes to rounds, rounds to an end."""

from __future__ import annotations

import codecs
import os
import random
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fastapi_lint.files.source import Source
from fastapi_lint.finding import Edit, Finding, Fix, Notice, Safety, Span
from fastapi_lint.fixing import fixer
from fastapi_lint.fixing.edits import between
from fastapi_lint.fixing.fixer import ROUNDS, Conflict, Unencodable, advance, apply, diff, encode, merge, select


@dataclass(frozen=True)
class One:
    """What `fixer.converge` makes of a project of one file."""

    source: Source
    applied: dict[str, int]
    findings: tuple[Finding, ...]
    notices: tuple[Notice, ...]

    @property
    def text(self) -> str:
        return self.source.text


def converge(
    source: Source,
    check: Callable[[Source], Sequence[Finding]],
    *,
    unsafe: bool,
    tidy: Callable[[Source, Source], Sequence[Edit]] | None = None,
) -> One:
    path = source.path
    fixed = fixer.converge({path: source}, lambda all_: check(all_[path]), check(source), unsafe=unsafe, tidy=tidy)
    return One(fixed.sources[path], fixed.applied, fixed.findings, fixed.notices)


def source_of(text: str) -> Source:
    return Source("app.py", text.encode())


def finding(source: Source, code: str, *edits: Edit | tuple[int, int, str], safety: Safety = Safety.SAFE) -> Finding:
    made = tuple(edit if isinstance(edit, Edit) else between(source, *edit) for edit in edits)
    span = made[0].span if made else Span(1, 1, 1, 1)
    return Finding(code, "name", "message", source.path, span, fix=Fix("Fix it", safety, made))


def merged(source: Source, *findings: Finding) -> tuple[str, list[str]]:
    accepted = merge(source, findings)
    return apply(source, [edit for item in accepted if item.fix for edit in item.fix.edits]), [i.code for i in accepted]


TEXTS = st.text(st.sampled_from("ab é𝄞\t\n\r\x0c\u2028"), max_size=40)


@st.composite
def texts_with_edits(draw: st.DrawFn) -> tuple[str, list[tuple[int, int, str]]]:
    """A text and disjoint edits that do not touch, in order, none of them inside a CRLF."""
    text = draw(TEXTS)
    inside = {match.start() + 1 for match in re.finditer("\r\n", text)}
    cuts = sorted(draw(st.sets(st.sampled_from(sorted({*range(len(text) + 1)} - inside)))))
    content = st.text(st.sampled_from("xy\n"), max_size=3)
    pairs = list(zip(cuts[::2], cuts[1::2], strict=False))
    return text, [(start, start if draw(st.booleans()) else end, draw(content)) for start, end in pairs]


@given(texts_with_edits(), st.randoms(use_true_random=False))
def test_merging_disjoint_edits_equals_applying_them_in_any_order(
    case: tuple[str, list[tuple[int, int, str]]], random: random.Random
) -> None:
    text, edits = case
    source = source_of(text)
    expected = text
    for start, end, content in reversed(edits):
        expected = expected[:start] + content + expected[end:]
    shuffled = [finding(source, f"FAPI{number}", edit) for number, edit in enumerate(edits)]
    random.shuffle(shuffled)
    assert apply(source, [edit for item in shuffled if item.fix for edit in item.fix.edits]) == expected
    assert merged(source, *shuffled)[0] == expected

    # One after the other, each time with the offsets that the earlier ones moved.
    order = list(range(len(edits)))
    random.shuffle(order)
    current, done = text, list[int]()
    for index in order:
        start, end, content = edits[index]
        shift = sum(len(edits[other][2]) - (edits[other][1] - edits[other][0]) for other in done if other < index)
        current = current[: start + shift] + content + current[end + shift :]
        done.append(index)
    assert current == expected


@given(TEXTS)
def test_no_edits_change_nothing(text: str) -> None:
    assert apply(source_of(text), []) == text


def test_equal_edits_count_once_and_insertions_at_one_place_keep_their_order() -> None:
    source = source_of("ab")
    edits = [between(source, 1, 2, "B"), between(source, 1, 1, "x"), between(source, 1, 1, "y")]
    assert apply(source, [*edits, *edits]) == "axyB"
    with pytest.raises(Conflict, match=r"app\.py"):
        apply(source, [between(source, 0, 2, ""), edits[1]])


def test_only_what_may_be_applied_is_selected() -> None:
    source = source_of("abc")
    kinds = [finding(source, safety.value, (0, 1, ""), safety=safety) for safety in Safety]
    without = [finding(source, "empty"), Finding("none", "n", "m", "app.py", Span(1, 1, 1, 1))]
    assert [item.code for item in select([*kinds, *without], unsafe=False)] == ["safe"]
    assert [item.code for item in select([*kinds, *without], unsafe=True)] == ["safe", "unsafe"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((0, 2, "x"), (1, 3, "y")),
        ((0, 3, "x"), (1, 2, "y")),
        ((0, 2, "x"), (2, 4, "y")),
        ((1, 1, "x"), (1, 1, "y")),
        ((1, 1, "x"), (1, 2, "y")),
        ((1, 2, "x"), (2, 2, "y")),
        ((1, 2, "x"), (1, 2, "y")),
    ],
)
def test_overlapping_and_touching_fixes_wait(first: tuple[int, int, str], second: tuple[int, int, str]) -> None:
    source = source_of("abcdef")
    one, two = finding(source, "A", first), finding(source, "B", second)
    assert merged(source, one, two) == merged(source, two, one)
    assert merged(source, one, two)[1] == ["A"]


def test_identical_edits_are_shared_by_fixes() -> None:
    source = source_of("abcdef")
    findings = [
        finding(source, code, (0, 0, "import x\n"), (place, place + 1, "X")) for code, place in (("A", 2), ("B", 4))
    ]
    assert merged(source, *findings) == ("import x\nabXdXf", ["A", "B"])
    assert merged(source, finding(source, "A", (2, 3, "")), finding(source, "B", (2, 3, ""))) == ("abdef", ["A", "B"])


def test_a_fix_is_applied_wholly_or_not_at_all() -> None:
    source = source_of("abcdef")
    findings = [finding(source, "A", (2, 3, "x")), finding(source, "B", (0, 1, "y"), (2, 4, "z"))]
    assert merged(source, *findings) == ("ybzef", ["B"])


def test_fixes_that_contradict_themselves_or_change_nothing_are_left_out() -> None:
    source = source_of("abcdef")
    assert merged(source, finding(source, "A", (0, 3, "x"), (2, 4, "y"))) == ("abcdef", [])
    assert merged(source, finding(source, "A", (0, 3, "abc"))) == ("abcdef", [])
    assert merged(source, finding(source, "A", (1, 1, "x"), (1, 2, "y"))) == ("axycdef", ["A"])


def words(table: dict[str, str], *, safety: Safety = Safety.SAFE) -> Callable[[Source], list[Finding]]:
    """A check: each key found in the text as a word is a finding with the key as code, and becomes its value."""

    def check(source: Source) -> list[Finding]:
        return list(found(source))

    def found(source: Source) -> Iterator[Finding]:
        for word, content in table.items():
            for match in re.finditer(rf"\b{word}\b", source.text):
                yield finding(source, word, (match.start(), match.end(), content), safety=safety)

    return check


def test_rounds_go_on_until_nothing_changes() -> None:
    fixed = converge(source_of("a\nx = a\nc\n"), words({"a": "b", "b": "c"}), unsafe=False)
    assert (fixed.text, fixed.applied, fixed.findings, fixed.notices) == ("c\nx = c\nc\n", {"a": 2, "b": 2}, (), ())


def test_what_may_not_be_applied_remains() -> None:
    check = words({"a": "b"}, safety=Safety.UNSAFE)
    fixed = converge(source_of("a\n"), check, unsafe=False)
    assert (fixed.text, fixed.applied, len(fixed.findings)) == ("a\n", {}, 1)
    assert converge(source_of("a\n"), check, unsafe=True).text == "b\n"


def test_a_fix_that_does_not_parse_is_taken_back_and_named() -> None:
    text = "a; d\nx = a\nc\n"
    fixed = converge(source_of(text), words({"a": "(", "d": "e", "c": "f"}), unsafe=False)
    assert (fixed.text, fixed.applied) == ("a; e\nx = a\nf\n", {"c": 1, "d": 1})
    assert [(notice.code, notice.path) for notice in fixed.notices] == [("a", "app.py")]
    assert "line 1" in fixed.notices[0].message
    assert [item.code for item in fixed.findings] == ["a", "a"]


def test_fixes_that_break_the_file_only_together_are_not_blamed() -> None:
    def check(source: Source) -> list[Finding]:
        if source.text != "x = (a) + (b)\n":
            return []
        return [finding(source, "A", (4, 5, ""), (6, 7, "")), finding(source, "B", (5, 6, ""), (11, 12, "c"))]

    step = advance(source_of("x = (a) + (b)\n"), check(source_of("x = (a) + (b)\n")), unsafe=False)
    assert [item.code for item in step.applied] == ["A"]  # they touch
    source = source_of("f(a, b)\n")
    both = [finding(source, "A", (2, 3, "x for x in y")), finding(source, "B", (6, 6, " if 1 else 2"))]
    alone = lambda text: not ("for" in text and "if" in text)  # noqa: E731
    step = advance(source, both, unsafe=False, parses=alone)
    assert (step.source.text, [item.code for item in step.applied]) == ("f(x for x in y, b)\n", ["A"])
    assert (step.rejected, step.notices) == (frozenset(), ())


def test_python_itself_is_asked_unless_it_refused_before() -> None:
    broken = words({"b": "a"})
    fixed = converge(source_of("def f(a, b): ...\n"), broken, unsafe=False)
    assert (fixed.text, [notice.code for notice in fixed.notices]) == ("def f(a, b): ...\n", ["b"])
    # libcst reads this, Python does not: nobody can say that the fix did it.
    fixed = converge(source_of("def f(a, a): b\n"), broken, unsafe=False)
    assert (fixed.text, fixed.notices) == ("def f(a, a): a\n", ())


def test_a_file_that_does_not_parse_is_left_alone() -> None:
    fixed = converge(source_of("a\n(\n"), words({"a": "b"}), unsafe=False)
    assert (fixed.text, fixed.applied) == ("a\n(\n", {})
    assert [(notice.code, notice.message) for notice in fixed.notices] == [("", "does not parse: nothing was fixed")]


@pytest.mark.parametrize("table", [{"a": "b", "b": "a"}, {"a": "a + a"}])
def test_fixes_that_never_end_are_named(table: dict[str, str]) -> None:
    fixed = converge(source_of("a\n"), words(table), unsafe=False)
    assert sum(fixed.applied.values()) <= 2**ROUNDS
    assert len(fixed.notices) == 1
    assert "a" in fixed.notices[0].message.rpartition(": ")[2]


def test_what_the_fixes_made_unused_is_tidied_up_at_the_end() -> None:
    def tidy(first: Source, last: Source) -> list[Edit]:
        assert first.text == "a\na\nz\n"
        place = last.text.find("z\n")
        return [between(last, place, place + 2, "")] if place >= 0 else []

    def run(text: str, table: dict[str, str]) -> One:
        return converge(source_of(text), words(table), unsafe=False, tidy=tidy)

    assert run("a\na\nz\n", {"a": "b"}).text == "b\nb\n"
    assert run("x\nz\n", {"a": "b"}).text == "x\nz\n"


@given(st.lists(st.sampled_from(["a", "b", "c", "x = a", "f(a, b)", "# a", "'b'"])))
def test_fixing_what_is_fixed_changes_nothing(lines: list[str]) -> None:
    check = words({"a": "b2", "b": "c2", "c": "(d)", "b2": "b", "c2": "e"})
    once = converge(source_of("\n".join(lines)), check, unsafe=False)
    twice = converge(once.source, check, unsafe=False)
    assert (twice.text, twice.applied) == (once.text, {})


@example("", [(1, 1, "\U00031350")])  # a name of a later Unicode than Python's: libcst parses it, and then refuses it
@given(st.text(), st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9), st.text(max_size=3)), max_size=4))
def test_any_text_and_edits_in_no_exception_out(text: str, places: list[tuple[int, int, str]]) -> None:
    text = text.replace("\0", "")
    edits = [Edit(Span(line, column, line, column), content) for line, column, content in places]
    source = source_of(text)
    findings = [finding(source, "A", edit) for edit in edits]
    step = advance(source, findings, unsafe=False)
    assert (step.source is source) == (not step.applied)


@pytest.mark.parametrize(
    "data",
    [
        "x = 'é'\r\ny\n".encode(),
        codecs.BOM_UTF8 + "x = 'é'\n".encode(),
        "# coding: latin-1\nx = 'é'\n".encode("latin-1"),
    ],
)
def test_encoding_bom_and_newlines_are_kept(data: bytes) -> None:
    source = Source("app.py", data)
    assert encode(source, source.text) == data
    fixed = converge(source, words({"x": "y"}), unsafe=False)
    assert encode(source, fixed.text) == data.replace(b"x", b"y")


def test_text_that_the_encoding_cannot_hold_is_refused() -> None:
    source = Source("app.py", b"# coding: latin-1\nx\n")
    with pytest.raises(Unencodable, match=r"app\.py: iso-8859-1 cannot hold '\\u20ac' \(line 2\)"):
        encode(source, "# coding: latin-1\n€\n")
    with pytest.raises(Unencodable, match="encoding declaration"):
        encode(source, "\n\n# coding: latin-1\n")
    with pytest.raises(Unencodable, match="unknown encoding"):
        encode(source, "# coding: nonsense\n")
    fixed = converge(source, words({"x": "'€'"}), unsafe=False)
    assert (fixed.text, [notice.code for notice in fixed.notices]) == (source.text, ["x"])


def test_diff_names_both_sides_and_missing_newlines() -> None:
    assert diff("a/b.py", "x\n", "x\n") == ""
    assert diff("a/b.py", "x\ny", "x\nz\n") == (
        "--- a/a/b.py\n+++ b/a/b.py\n@@ -1,2 +1,2 @@\n x\n-y\n\\ No newline at end of file\n+z\n"
    )
    assert diff("/a b.py", "x\r\n", "") == "--- a/a b.py\t\n+++ b/a b.py\t\n@@ -1 +0,0 @@\n-x\r\n"


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git to read the diff")
@pytest.mark.parametrize("seed", range(12))
def test_git_reads_the_diff(seed: int, tmp_path: Path) -> None:
    choose = random.Random(seed)
    lines = ["a\n", "b\n", "c\r\n", "d\x0c\n", "e\u2028\n", "é\r\n", "\n", "f\rg\n"]
    before, after = (
        "".join(choose.choices(lines, k=12)) + choose.choice(["", "end", "end\r"]) + end for end in ("", "!")
    )
    path = tmp_path / "a b.py"
    path.write_bytes(before.encode())
    patch = diff("a b.py", before, after)
    command = ["git", "apply", "--whitespace=nowarn", "-"]
    alone = {**os.environ, "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)}
    subprocess.run(command, input=patch.encode(), cwd=tmp_path, check=True, env=alone)
    assert path.read_bytes() == after.encode()
