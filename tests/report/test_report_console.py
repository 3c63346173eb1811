"""What the console shows of a source: underlines that fit, lines that are cut, hints and sums."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report.sample import REPORT, finding, report
from rich.cells import cell_len

from fastapi_lint.finding import Edit, Finding, Fix, Related, Safety, Severity, Span
from fastapi_lint.report import Report, render
from fastapi_lint.report.excerpt import visible

ESCAPE = re.compile("\x1b\\[[0-9;]*m")


def excerpt(text: str, span: Span, width: int | None = None, code: str = "FAPI101", **more: object) -> list[str]:
    """The lines between the place of a finding and the blank one that ends it."""
    shown = render("console", report("a.py", text, finding("a.py", span, "message", code, **more)), width=width)
    lines = shown.split("\n\n")[0].splitlines()
    return lines[next(number for number, line in enumerate(lines) if "-->" in line) + 1 :]


def test_smallest_span_is_underlined() -> None:
    assert excerpt("x = call(1)\n", Span(1, 5, 1, 9)) == ["  |", "1 | x = call(1)", "  |     ^^^^"]


def test_tabs_and_wide_characters_are_aligned() -> None:
    assert excerpt("\tf('管理', bad)\n", Span(1, 10, 1, 13)) == [
        "  |",
        "1 |     f('管理', bad)",
        "  |" + " " * 15 + "^^^",
    ]
    assert excerpt("a\tbad\n", Span(1, 3, 1, 6))[1:] == ["1 | a   bad", "  |     ^^^"]
    assert excerpt("'管' + 1\n", Span(1, 1, 1, 4))[2] == "  | ^^^^"


def test_gutter_is_as_wide_as_the_largest_line_number() -> None:
    related = (Related("a.py", Span(120, 1, 120, 2), "there"),)
    lines = excerpt("x\n" * 120, Span(9, 1, 9, 2), related=related)
    assert lines == ["    |", "  9 | x", "    | ^", "   --> a.py:120:1: there", "    |", "120 | x", "    | -"]


def test_span_over_two_lines_shows_both() -> None:
    assert excerpt("f(a,  \n  b)  \n", Span(1, 1, 2, 5)) == ["  |", "1 | f(a,  ", "  | ^^^^", "2 |   b)  ", "  |   ^^"]


def test_span_over_many_lines_shows_first_and_last() -> None:
    assert excerpt("f(\n  a,\n  b,\n)\n", Span(1, 1, 4, 2)) == ["  |", "1 | f(", "  | ^^", "...", "4 | )", "  | ^"]


def test_span_that_ends_at_the_start_of_a_line_ends_on_the_line_before() -> None:
    assert excerpt("f()\nx\n", Span(1, 1, 2, 1)) == ["  |", "1 | f()", "  | ^^^"]


def test_empty_span_and_span_behind_the_line_have_one_mark() -> None:
    assert excerpt("x = 1\n", Span(1, 3, 1, 3))[2] == "  |   ^"
    assert excerpt("x\n", Span(1, 40, 1, 50))[2] == "  |  ^"
    assert excerpt("\n", Span(1, 1, 1, 1)) == ["  |", "1 |", "  | ^"]


def test_long_line_is_cut_around_the_span() -> None:
    text = "x = [" + "1, " * 400 + "bad, " + "2, " * 400 + "]\n"
    column = text.index("bad") + 1
    _, line, under = excerpt(text, Span(1, column, 1, column + 3), width=60)
    assert len(line) <= 60
    assert line.startswith("1 | ...")
    assert line.endswith("...")
    assert line[under.index("^") : under.index("^") + 3] == "bad"
    assert under.count("^") == 3


def test_long_line_keeps_its_start_when_the_span_is_there() -> None:
    _, line, under = excerpt("bad(" + "1, " * 400 + ")\n", Span(1, 1, 1, 4), width=60)
    assert line.startswith("1 | bad(1, 1")
    assert under == "  | ^^^"


def test_span_longer_than_the_terminal_is_underlined_as_far_as_it_is_shown() -> None:
    text = "x = '" + "a" * 5_000_000 + "'\n"
    _, line, under = excerpt(text, Span(1, 5, 1, len(text)), width=60)
    assert len(line) <= 60
    assert len(under) <= 60
    assert under.count("^") > 40


@given(
    st.text(alphabet=st.sampled_from("ab \t管é\u0301\x1b\u202e'\"#🙂"), max_size=80),
    st.integers(0, 90),
    st.integers(0, 90),
    st.integers(20, 70),
)
def test_underline_stands_under_its_text_and_within_the_width(text: str, start: int, length: int, width: int) -> None:
    start = min(start, len(text))
    end = min(start + length, len(text))
    _, line, under = excerpt(f"{text}\n", Span(1, start + 1, 1, end + 1), width=width)
    room = max(width - 4, 20)
    assert cell_len(line) <= room + 4
    assert cell_len(under) <= room + 5  # the mark of an empty span at the end of a line stands behind it
    spanned = visible(text[start:end])
    if "\t" not in text and "..." not in line:
        assert under.count("^") == max(cell_len(spanned), 1)
        assert under.index("^") == 4 + cell_len(visible(text[:start]))


@pytest.mark.parametrize(
    ("text", "span", "shown"),
    [
        ('KEY = "abc" + "d"\n', Span(1, 7, 1, 12), 'KEY = "****" + "d"'),
        ('KEY = f"abc"\n', Span(1, 1, 1, 13), 'KEY = f"****"'),
        ("KEY = 'it\\'s'\n", Span(1, 7, 1, 14), "KEY = '****'"),
        ('URL = "postgres://u:abc@h"\n', Span(1, 21, 1, 24), 'URL = "****"'),
        ('KEY = "abc"  # "note"\n', Span(1, 1, 1, 4), 'KEY = "****"  # "****"'),
        ('os.getenv("K", "abc")\n', Span(1, 1, 1, 22), 'os.getenv("****", "****")'),
        ('KEY = ""\n', Span(1, 7, 1, 9), 'KEY = ""'),
    ],
)
@pytest.mark.parametrize("code", ["FAPI601", "FAPI602", "FAPI603"])
def test_secret_is_masked(code: str, text: str, span: Span, shown: str) -> None:
    assert excerpt(text, span, code=code)[1] == f"1 | {shown}"


def test_secret_over_several_lines_is_masked_on_each() -> None:
    text = 'KEY = """-----BEGIN\nabc\n-----END"""\n'
    lines = excerpt(text, Span(1, 7, 3, 12), code="FAPI601")
    assert lines == ["  |", '1 | KEY = """****', "  |       ^^^^^^^", "...", '3 | ****"""', "  | ^^^^^^^"]


def test_name_of_a_secret_hides_the_literals_of_its_statement() -> None:
    text = 'KEY = (\n    "abc"\n)\n'
    shown = render(
        "console",
        report(
            "a.py",
            text,
            finding("a.py", Span(1, 1, 1, 4), code="FAPI601", noqa_lines=(1, 3)),
            finding("a.py", Span(2, 5, 2, 10), code="FAPI999"),
        ),
    )
    assert '2 |     "****"' in shown
    assert "abc" not in shown


def test_related_place_of_a_secret_is_masked() -> None:
    related = (Related("a.py", Span(2, 1, 2, 14), "used here"),)
    shown = render(
        "console",
        report(
            "a.py",
            'KEY = "abc"\nlogin("hunter")\n',
            finding("a.py", Span(1, 7, 1, 12), code="FAPI601", related=related),
        ),
    )
    assert 'login("****")' in shown


def test_strings_of_other_rules_are_shown() -> None:
    assert excerpt('get("/users")\n', Span(1, 5, 1, 13))[1] == '1 | get("/users")'


@pytest.mark.parametrize(
    ("safety", "hint"),
    [
        (Safety.SAFE, "  = fix: do it"),
        (Safety.UNSAFE, "  = unsafe fix (--unsafe-fixes): do it"),
        (Safety.DISPLAY, "  = suggestion: do it"),
    ],
)
def test_fix_hint(safety: Safety, hint: str) -> None:
    assert excerpt("x\n", Span(1, 1, 1, 2), fix=Fix("do it", safety, ()))[-1] == hint


def test_chain_is_numbered() -> None:
    related = tuple(
        Related("a.py", Span(1, column, 1, 9), name) for column, name in enumerate(("one", "two", "three"), 1)
    )
    lines = excerpt("x\n", Span(1, 1, 1, 2), related=related, chain=True)
    assert [line for line in lines if "-->" in line] == [" --> a.py:1:2: 2. two", " --> a.py:1:3: 3. three"]
    assert lines.count("1 | x") == 2, "steps between the ends are named, not shown"
    (loose,) = excerpt("x\n", Span(1, 1, 1, 2), related=related[:1], chain=True)[3:4]
    assert loose == " --> a.py:1:1: 1. one"


def summary(*fixes: Safety | None) -> str:
    findings = tuple(
        finding("a.py", Span(1, 1, 1, 2), fix=safety and Fix("", safety, ()), severity=Severity.ERROR)
        for safety in fixes
    )
    return render("console", Report(findings=findings, files=2)).splitlines()[-1]


def test_summary_counts_findings_files_and_fixes() -> None:
    found = "Found {} in 1 file (2 files checked): {}."
    assert summary(None) == found.format("1 finding", "1 error")
    assert summary(Safety.DISPLAY, None) == found.format("2 findings", "2 errors")
    assert summary(Safety.SAFE) == found.format("1 finding", "1 error") + " 1 fixable with --fix."
    assert summary(Safety.UNSAFE) == found.format("1 finding", "1 error") + " 1 fixable with --unsafe-fixes."
    assert summary(Safety.SAFE, Safety.UNSAFE) == (
        found.format("2 findings", "2 errors") + " 1 fixable with --fix, 1 more with --unsafe-fixes."
    )


def test_fixed_summary_when_nothing_is_left() -> None:
    assert render("console", Report(files=1, fixed={"FAPI201": 1})) == (
        "Fixed 1 finding:\n  1 x FAPI201\nAll clear: 1 file checked.\n"
    )


def test_colour_changes_nothing_but_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = render("console", REPORT, color=False, width=50)
    assert "\x1b" not in plain
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.setenv(name, "dumb")
        coloured = render("console", REPORT, color=True, width=50)
        assert "\x1b[1;31mFAPI601\x1b[0m" in coloured
        assert ESCAPE.sub("", coloured) == plain


def test_markup_and_emoji_codes_are_text() -> None:
    text = "[bold]x[/bold] :smile: [link=https://example.com]\n"
    shown = render("console", report("[red].py", text, finding("[red].py", Span(1, 1, 1, 2), text.strip())), color=True)
    assert ESCAPE.sub("", shown).startswith(f"warning[FAPI101]: {text} --> [red].py:1:1 (some-rule)\n  |\n1 | {text}")


def test_a_line_that_needs_its_neighbour_has_it() -> None:
    text = "@app.get('/')\ndef read():\n    raise Error(\n        detail=str(e),\n    )\n"
    assert [line for line in excerpt(text, Span(1, 2, 1, 9)) if line[0].isdigit()] == [
        "1 | @app.get('/')",
        "2 | def read():",
    ]
    assert excerpt(text, Span(4, 9, 4, 22)) == [
        "  |",
        "3 |     raise Error(",
        "4 |         detail=str(e),",
        "  |         ^^^^^^^^^^^^^",
    ]
    assert [line for line in excerpt("x = 1\ny = 2\n", Span(2, 1, 2, 2)) if line[0].isdigit()] == ["2 | y = 2"]
    secret = 'login(\n    "hunter",\n    user,\n)\n'
    other = finding("a.py", Span(2, 5, 2, 13), code="FAPI601")
    shown = render("console", report("a.py", secret, other, finding("a.py", Span(3, 5, 3, 9))))
    assert "hunter" not in shown


def test_short_changes_are_shown_and_secret_or_long_ones_are_not() -> None:
    edits = (Edit(Span(1, 1, 1, 1), "import b\n\n"), Edit(Span(2, 5, 2, 6), "2"), Edit(Span(2, 9, 2, 10), "\t4"))
    fix = Fix("do it", Safety.SAFE, edits)
    text = "import a\nx = 1 + 3\n"
    assert excerpt(text, Span(2, 5, 2, 6), fix=fix)[3:] == [
        "  = fix: do it",
        "1 + import b",
        "2 +",
        "2 - x = 1 + 3",
        "2 + x = 2 +     4",
    ]
    long = Fix("do it", Safety.SAFE, (Edit(Span(1, 1, 2, 1), "x\n" * 12),))
    assert excerpt(text, Span(2, 5, 2, 6), fix=long)[-1] == "  = fix: do it"
    password = finding("a.py", Span(1, 5, 1, 14), code="FAPI601")
    moved = finding("a.py", Span(1, 1, 1, 2), fix=Fix("do it", Safety.SAFE, (Edit(Span(1, 1, 1, 2), "y"),)))
    assert "hunter2" not in render("console", report("a.py", 'x = "hunter2"\n', password, moved))


def test_a_change_that_is_cut_shows_what_changes() -> None:
    line = f"@app.get('/{'a' * 40}', response_model=User, status_code=200, tags=['a', 'b', 'c'])"
    start = line.index("response_model")
    fix = Fix("do it", Safety.SAFE, (Edit(Span(1, start + 1, 1, start + 22), ""),))
    *_, before, after = excerpt(f"{line}\n", Span(1, 2, 1, 9), width=60, fix=fix)
    assert before == "1 - ...aaaaaaaaaaaaaaa', response_model=User, status_code..."
    assert after == "1 + ...aaaaaaaaaaaaaaa', status_code=200, tags=['a', 'b',..."
    *_, before, after = excerpt(f"{line}\n", Span(1, 2, 1, 9), width=130, fix=fix)
    assert (before, after[:8]) == (f"1 - {line}", "1 + @app")


def test_an_own_place_is_not_shown_again() -> None:
    steps = (Related("a.py", Span(1, 1, 1, 2), "comes from here"), Related("a.py", Span(2, 1, 2, 4), "arrives"))
    lines = excerpt("x\nf(x)\n", Span(2, 1, 2, 5), related=steps, chain=True)
    assert lines[3:] == [" --> a.py:1:1: 1. comes from here", " --> a.py:2:1: 2. arrives"]


def test_the_first_words_of_the_summary_are_bold_at_any_width() -> None:
    for width in (30, 200):
        coloured = render("console", Report(findings=(finding("a.py", Span(1, 1, 1, 2)),)), color=True, width=width)
        assert "\x1b[1mFound 1 finding\x1b[0m in 1 file" in coloured


def test_words_are_wrapped_and_places_are_whole() -> None:
    path = "a/quite/long/path/to/some/module/of/the/application/main.py"
    said = " ".join(["word"] * 30)
    one = finding(path, Span(1, 1, 1, 2), said, why=said, related=(Related(path, Span(1, 1, 1, 2), said),))
    lines = render("console", report(path, "x\n", one), width=60).splitlines()
    assert [line for line in lines if cell_len(line) > 60] == [f" --> {path}:1:1", f" --> {path}:1:1:"]
    assert [line for line in lines if line.startswith("    word")]
    assert f"warning[FAPI101]: {said}" in render("console", report(path, "x\n", one)), "no terminal, no width"


def test_codes_are_links_at_a_terminal_only() -> None:
    link = f"\x1b]8;;{REPORT.rules[0].url}\x1b\\"
    linked = render("console", REPORT, color=True, width=80, links=True)
    assert link in linked
    assert "\x1b]8;" not in render("console", REPORT, color=True, width=80)
    assert "\x1b" not in render("console", REPORT, width=80, links=True)
    assert linked == render("console", REPORT, color=True, width=80, links=True)


def test_decoration_is_ascii_for_every_console() -> None:
    """A Windows console with an old code page shows all but what is the user's."""
    one = finding("a.py", Span(1, 1, 1, 2), fix=Fix("do it", Safety.SAFE, (Edit(Span(1, 1, 1, 2), "y"),)))
    assert render("console", report("a.py", "x\n" * 60, *[one] * 60), width=60).isascii()


def repeats(path: str, lines: range, code: str = "FAPI101", symbol: str = "f", **more: object) -> list[Finding]:
    return [finding(path, Span(line, 1, line, 2), f"`x{line}` is bad", code, symbol=symbol, **more) for line in lines]


def test_repeats_are_folded() -> None:
    end = Related("b.py", Span(7, 1, 7, 2), "`flock` waits")
    chains = repeats("a.py", range(20, 26), symbol="", chain=True, related=(end,))
    two = repeats("a.py", range(30, 32), symbol="g")
    errors = repeats("z.py", range(1, 4), severity=Severity.ERROR)
    found = (*repeats("a.py", range(1, 8)), *chains, *two, *errors)
    shown = render("console", Report(findings=found, files=1))
    titles = [line for line in shown.splitlines() if "FAPI101" in line]
    assert titles == [
        *(f"error[FAPI101]: `x{line}` is bad" for line in (1, 2, 3)),
        *(f"warning[FAPI101]: `x{line}` is bad" for line in (1, 20, 30, 31)),
    ], "errors first, and each of them; two are not folded"
    assert "  = more: 6 more like this in `f`: lines 2, 3, 4, 5, 6, 7\n" in shown
    assert "  = more: 5 other places get there: a.py:21, a.py:22, a.py:23, a.py:24, ...\n" in shown
    assert "Shown are 7, the others are folded; --full shows each.\n" in shown
    full = render("console", Report(findings=found, files=1), full=True)
    assert sum("FAPI101" in line for line in full.splitlines()) == len(found)
    assert "--full" not in full


def test_many_findings_end_with_where_to_begin() -> None:
    fix = Fix("do it", Safety.SAFE, ())
    found = [each for number in range(12) for each in repeats(f"{number}.py", range(1, 6), fix=fix)]
    found += repeats("z.py", range(1, 3), code="FAPI601", severity=Severity.ERROR)
    shown = render("console", Report(findings=tuple(found), files=12), width=80)
    assert sum(line.startswith("warning[FAPI101]") for line in shown.splitlines()) == 3
    assert "more: 45 more of FAPI101 in 9 files: --select FAPI101 --full shows them" in shown
    assert (
        shown.partition("What is found most")[2]
        == """\
, of 2 rules (--statistics shows all):
    60  FAPI101 some-rule (60 fixable)
     2  FAPI601 some-rule

Where most is found, of 13 files:
     5  0.py
     5  1.py
     5  10.py
     5  11.py
     5  2.py

Found 62 findings in 13 files (12 files checked): 2 errors, 60 warnings. 60
fixable with --fix.
Shown are 5, the others are folded; --full shows each.
Next:
  fastapi-lint --fix removes 60 of them
  fastapi-lint --select FAPI601 shows 2 of them: begin with the errors
  fastapi-lint --write-baseline baseline.json remembers them all: from then on
      only new ones are reported
"""
    )
