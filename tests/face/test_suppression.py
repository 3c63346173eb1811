"""Suppression comments: read, applied, judged, removed and written."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from face.fakes import PLANNED, RULES, finding
from fastapi_lint.files.source import Source
from fastapi_lint.finding import Finding, Safety
from fastapi_lint.suppressing.comments import closed_lines, comments
from fastapi_lint.suppressing.noqa import add_noqa
from fastapi_lint.suppressing.suppression import Applied, apply, directives, render

KNOWN = (*RULES, *PLANNED)
SELECTED = frozenset(rule.code for rule in RULES)


def source(text: str) -> Source:
    return Source("app.py", text.encode())


def applied(text: str, *findings: Finding, selected: frozenset[str] = SELECTED) -> Applied:
    return apply(findings, source(text), known=KNOWN, selected=selected)


def read(text: str) -> list[tuple[str, int, tuple[str, ...] | None]]:
    return [
        (each.kind, each.line, None if each.entries is None else tuple(entry.text for entry in each.entries))
        for each in directives(source(text))
    ]


@pytest.mark.parametrize(
    ("comment", "kind", "entries"),
    [
        ("# noqa", "noqa", None),
        ("#noqa", "noqa", None),
        ("# NOQA: FAPI201", "noqa", ("FAPI201",)),
        ("# noqa:FAPI201,E501", "noqa", ("FAPI201", "E501")),
        ("# noqa : FAPI201 E501, X1", "noqa", ("FAPI201", "E501", "X1")),
        ("# noqa: FAPI201 because of 3rd parties", "noqa", ("FAPI201",)),
        ("# noqa: because", "noqa", None),
        ("# type: ignore  # noqa: FAPI201", "noqa", ("FAPI201",)),
        ("# fastapi-lint: ignore", "ignore", None),
        ("#fastapi-lint:ignore[FAPI201]", "ignore", ("FAPI201",)),
        ("# fastapi-lint: ignore[FAPI201, missing-tags] legacy", "ignore", ("FAPI201", "missing-tags")),
        ("# fastapi-lint: ignore[]", "ignore", ()),
    ],
)
def test_reading(comment: str, kind: str, entries: tuple[str, ...] | None) -> None:
    assert read(f"x = 1  {comment}\n") == [(kind, 1, entries)]


@pytest.mark.parametrize(
    "text",
    [
        "# noqaish",
        "# no qa",
        "# ruff: noqa",
        "# flake8: noqa",
        "x = 1  # flake8: noqa: E501",
        "# ruff: noqa: because",
        "# fastapi-lint: ignored",
        "# see fastapi-lint",
        's = "# noqa"',
        's = """\n# noqa: FAPI201\n"""',
        "s = r'\\' # noqa'",
        "s = f'{x:#x} # noqa'",
        "s = '\\\n# noqa'",
    ],
)
def test_not_a_suppression(text: str) -> None:
    assert read(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "s = '#'  # noqa",
        's = """#"""  # noqa',
        "s = f'{d[\"#\"]}'  # noqa",
        's = f"{", ".join(x)}"  # noqa',
        "s = 'it\\'s'  # noqa",
        "s = f'{x:#x}'  # noqa",
        "s = '''it's \"'''  # noqa",
        "s = 'not closed\nx = 1  # noqa",
    ],
)
def test_comments_behind_strings(text: str) -> None:
    assert [entry[0] for entry in read(text)] == ["noqa"]


def test_places_with_any_newline() -> None:
    assert read("a\rb  # noqa\r\nc  # noqa: FAPI201\n\n# fastapi-lint: ignore-file") == [
        ("noqa", 2, None),
        ("noqa", 3, ("FAPI201",)),
        ("ignore-file", 5, None),
    ]


@pytest.mark.parametrize(
    "comment",
    [
        "# noqa",
        "# noqa: FAPI201",
        "# noqa: fapi201, E501",
        "# fastapi-lint: ignore",
        "# fastapi-lint: ignore[FAPI201]",
        "# fastapi-lint: ignore[parameter-without-annotated]",
    ],
)
def test_silences(comment: str) -> None:
    found = finding()
    assert applied(f"x = 1  {comment}\n", found) == Applied((), (found,), ())


def test_any_line_of_the_head_counts() -> None:
    found = finding(line=2, head=(1, 3))
    for line in (1, 2, 3):
        lines = [f"x{number}  # noqa: FAPI201" if number == line else "x" for number in (1, 2, 3, 4)]
        assert applied("\n".join(lines), found).suppressed == (found,)
        bare = applied("\n".join(line.removesuffix(": FAPI201") for line in lines), found)
        assert bare.suppressed == ((found,) if line < 3 else ()), "its own line, or the first"
    outside = applied("x\nx\nx\nx  # noqa: FAPI201", found)
    assert outside.kept == (found,)
    assert [each.span.line for each in outside.unused] == [4]


def test_whole_file() -> None:
    found = finding(line=3)
    assert applied("# fastapi-lint: ignore-file\nx\nx\n", found).suppressed == (found,)
    assert applied("x\nx\nx\n  # fastapi-lint: ignore-file[FAPI201]\n", found).suppressed == (found,)
    misplaced = applied("x  # fastapi-lint: ignore-file\nx\nx\n", found)
    assert misplaced.kept == (found,)
    assert "must stand on a line of its own" in misplaced.unused[0].message
    assert misplaced.unused[0].fix is None


def test_other_linters_comments_for_a_file() -> None:
    found = finding(line=3)
    for text in ("# ruff: noqa: FAPI201, E501\nx\nx\n", "x\nx\nx\n  # flake8: noqa:FAPI201\n"):
        assert applied(text, found).suppressed == (found,)
    (unused,) = applied("# ruff: noqa: FAPI202, E501\nx\nx\n", found).unused
    assert unused.title == "`# ruff: noqa: FAPI202, E501` silences less than it says"
    assert without("# ruff: noqa: FAPI202, E501\nx\nx\n")[0] == "# ruff: noqa: E501\nx\nx\n"
    assert without("# ruff: noqa: FAPI202\nx\n")[0] == "x\n"


def test_misspelt_words_are_mended() -> None:
    for before, after in (
        ("x  # noqa: FAPI2O1, E501\n", "x  # noqa: FAPI201, E501\n"),
        (
            "x  # fastapi-lint: ignore[parameter-without-anotated]\n",
            "x  # fastapi-lint: ignore[parameter-without-annotated]\n",
        ),
        ("x  # fastapi-lint: ignore[missing-tgs]\n", "x\n"),
    ):
        assert without(before, finding())[0] == after
    (unused,) = applied("x  # noqa: FAPI2O1\n", finding()).unused
    assert (unused.instead, unused.fix and unused.fix.message) == ("write `FAPI201`", "Correct the suppression")
    (unused,) = apply((), source("x  # noqa: FAPI106\n"), known=KNOWN, selected=SELECTED, built={"FAPI201"}).unused
    assert "FAPI105" not in unused.message, "nobody is sent to a rule that there is not yet"


def test_other_codes_do_not_silence() -> None:
    assert applied("x  # noqa: FAPI202, E501\n", finding()).kept == (finding(),)


def without(text: str, *findings: Finding) -> tuple[str, list[str]]:
    """The text after the fixes of all unused suppressions, and their messages."""
    unused = applied(text, *findings).unused
    place = source(text)
    for each in sorted(unused, key=lambda each: each.span, reverse=True):
        assert each.code == "FAPI002"
        if each.fix is None:
            continue
        assert each.fix.safety is Safety.SAFE
        for edit in each.fix.edits:
            start = place.offset(edit.span.line, edit.span.column)
            end = place.offset(edit.span.end_line, edit.span.end_column)
            text = text[:start] + edit.content + text[end:]
    return text, [each.message for each in unused]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("y\nx = 1  # noqa: FAPI201\n", "y\nx = 1\n"),
        ("y\nx = 1  # noqa: FAPI201, E501\n", "y\nx = 1  # noqa: E501\n"),
        ("y\nx = 1  # noqa: E501, FAPI201, X1 why\n", "y\nx = 1  # noqa: E501, X1 why\n"),
        ("y\nx = 1  # noqa: FAPI201 - since 2020\n", "y\nx = 1  # since 2020\n"),
        ("y\nx = 1  # type: ignore  # noqa: FAPI201\n", "y\nx = 1  # type: ignore\n"),
        ("y\nx = 1  # noqa: FAPI201  # type: ignore\n", "y\nx = 1  # type: ignore\n"),
        ("y\n  # noqa: FAPI201\r\nx\n", "y\nx\n"),
        ("y\n# noqa: FAPI201", "y\n"),
        ("y\nx  # fastapi-lint: ignore[FAPI201, FAPI202]\n", "y\nx\n"),
        ("# fastapi-lint: ignore-file[FAPI201]\nx\n", "x\n"),
        ("y\nx = 'ü'  # fastapi-lint: ignore[] ja\n", "y\nx = 'ü'  # ja\n"),
    ],
)
def test_removing_what_is_unused(before: str, after: str) -> None:
    fixed, messages = without(before)
    assert fixed == after
    assert len(messages) == 1
    assert without(after) == (after, [])


def test_removing_only_what_is_unused() -> None:
    text = "x = 1  # fastapi-lint: ignore[missing-status-code, parameter-without-annotated]\n"
    assert without(text, finding())[0] == "x = 1  # fastapi-lint: ignore[parameter-without-annotated]\n"
    assert without("x = 1  # noqa: FAPI201\n", finding()) == ("x = 1  # noqa: FAPI201\n", [])


@pytest.mark.parametrize(
    "comment",
    [
        "# noqa",
        "# fastapi-lint: ignore",
        "# noqa: E501, ASYNC1",
        "# noqa: FAPI105",
        "# noqa: FAPI302",
        "# fastapi-lint: ignore[missing-tags]",
        "# noqa: FAPI002",
        "# noqa: FAPI201, FAPI002",
    ],
)
def test_spared(comment: str) -> None:
    assert applied(f"x  {comment}\n", selected=SELECTED - {"FAPI302"}).unused == ()


def test_unused_can_be_silenced_for_a_file() -> None:
    text = "# fastapi-lint: ignore-file[FAPI002]\nx  # noqa: FAPI201\n"
    assert applied(text).unused == ()
    assert [each.code for each in applied(text).suppressed] == ["FAPI002"]


def test_unused_is_not_judged_when_not_selected_or_not_parsed() -> None:
    assert applied("x  # noqa: FAPI201\n", selected=frozenset({"FAPI201"})).unused == ()
    assert applied("x  # noqa: FAPI202\ny(\n", finding("FAPI001", 2)).unused == ()


def test_unknown_words_name_the_nearest() -> None:
    (unused,) = applied("x  # noqa: FAPI2O1, FAPI299\n").unused
    assert "`FAPI2O1` is no rule (did you mean `FAPI201`?)" in unused.message
    assert "`FAPI299` is no rule (did you mean `FAPI20" in unused.message
    (unused,) = applied("x  # fastapi-lint: ignore[parameter-without-anotated]\n").unused
    assert "did you mean `parameter-without-annotated`?" in unused.message
    (unused,) = applied("x  # fastapi-lint: ignore[E501]\n").unused
    assert "`E501` is no rule" in unused.message
    (unused,) = applied("x  # fastapi-lint: ignore[FAPI201\n").unused
    assert "no closing `]`" in unused.message


def test_unreadable_source_keeps_its_findings() -> None:
    broken = Source("app.py", b"\xff  # noqa\n")
    assert apply([finding()], broken, known=KNOWN, selected=SELECTED) == Applied((finding(),), (), ())


_codes = st.lists(st.from_regex(r"[A-Z]{1,4}[0-9]{1,4}", fullmatch=True), min_size=1, max_size=4)
_names = st.lists(st.from_regex(r"[a-z]{1,8}(-[a-z]{1,8}){0,3}", fullmatch=True), max_size=4)
_kinds = st.one_of(
    st.tuples(st.just("noqa"), st.none() | _codes),
    st.tuples(st.sampled_from(["ignore", "ignore-file"]), st.none() | _codes | _names),
)
_reasons = st.sampled_from(["", "because", "- see below", "(legacy)"])


@given(_kinds, _reasons)
def test_rendering_and_reading_come_round(written: tuple[str, Sequence[str] | None], reason: str) -> None:
    kind, entries = written
    comment = render(kind, entries, reason)
    assert read(f"x\n{comment}\n") == [(kind, 2, None if entries is None else tuple(entries))]


@given(st.text(alphabet="#'\"\\\n\r noqa:FAPI201[]fastp-lie{}", max_size=200))
def test_any_text_in_no_exception_out(text: str) -> None:
    place = source(text)
    apply([], place, known=KNOWN, selected=SELECTED)
    previous = 0
    for start, end in comments(place.text):
        assert previous <= start < end
        assert place.text[start] == "#"
        assert "\n" not in place.text[start:end]
        previous = end


@pytest.mark.parametrize(
    ("text", "closed"),
    [
        ("x = 1\ny = 2\n", set()),
        ('x = """\na\n"""\ny\n', {1, 2}),
        ("x = 1 + \\\n 2\n", {1}),
        ("x = 'a\\\nb'\n", {1}),
        ("x  # ends \\\ny\n", set()),
        ("x = 1 + \\\r\n 2\n", {1}),
        ("x = '''a\n", {1}),
    ],
)
def test_closed_lines(text: str, closed: set[int]) -> None:
    assert closed_lines(text, source(text).line_starts) == closed


@pytest.mark.parametrize(
    ("text", "findings", "expected"),
    [
        ("x = 1\n", [finding()], "x = 1  # noqa: FAPI201\n"),
        ("x = 1\r\ny\r\n", [finding(), finding("FAPI202")], "x = 1  # noqa: FAPI201, FAPI202\r\ny\r\n"),
        ("x = 1  # noqa: E501 why\n", [finding()], "x = 1  # noqa: E501, FAPI201 why\n"),
        ("x = 1  # type: ignore\n", [finding()], "x = 1  # type: ignore  # noqa: FAPI201\n"),
        ("f(\n  1,\n)\n", [finding(line=2, head=(1, 3))], "f(\n  1,\n)  # noqa: FAPI201\n"),
        ("if x: y = '''\n'''\n", [finding(head=(1, 1))], "if x: y = '''\n'''\n"),
        ("f(\n  '''\n''')", [finding(head=(1, 2))], "f(  # noqa: FAPI201\n  '''\n''')"),
        ("x(\n", [finding("FAPI001")], "x(\n"),
    ],
)
def test_add_noqa(text: str, findings: list[Finding], expected: str) -> None:
    assert add_noqa(source(text), findings) == expected


_statements = st.sampled_from(
    [
        "x = 1",
        "f(\n    1,\n)",
        's = """a\n# no\n"""',
        "y = 1 + \\\n    2",
        "z = 3  # note",
        "w = 4  # noqa: E501",
        "t = '#'",
    ]
)


@given(st.lists(_statements, min_size=1, max_size=6), st.data())
def test_added_comments_silence(statements: list[str], data: st.DataObject) -> None:
    line, findings = 1, []
    for statement in statements:
        last = line + statement.count("\n")
        code = data.draw(st.sampled_from(["FAPI201", "FAPI202", ""]))
        if code:
            findings.append(finding(code, line, head=(line, last)))
        line = last + 1
    text = "\n".join(statements) + "\n"
    written = add_noqa(source(text), findings)
    assert applied(written, *findings) == Applied((), tuple(findings), ())
    assert add_noqa(source(written), []) == written
    compile(written, "written", "exec")
