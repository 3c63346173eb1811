"""Every format against its golden file, and what holds for all of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from report.sample import DATABASE, FINDINGS, REPORT, USERS, finding, report

from fastapi_lint import __version__
from fastapi_lint.finding import Edit, Finding, Fix, Notice, Related, Safety, Severity, Span
from fastapi_lint.report import FORMATS, Report, render

GOLDEN = Path(__file__).parent / "golden"
SUFFIX = {"json": "json", "json-lines": "jsonl", "sarif": "sarif", "gitlab": "json", "rdjson": "json", "junit": "xml"}
SPOOF = "a\x1b[2K\rb\x08\x9b1m\u202ec\u2066d\u2028\x00e"


def bless_or_read(name: str, text: str) -> str:
    """The golden text; with BLESS=1 in the environment it is written first."""
    path = GOLDEN / name
    if os.environ.get("BLESS") == "1":
        path.write_bytes(text.encode())
    return path.read_bytes().decode()


@pytest.mark.parametrize("format", FORMATS)
def test_golden(format: str) -> None:
    text = render(format, REPORT, color=False, width=120).replace(__version__, "VERSION")
    assert text == bless_or_read(f"{format}.{SUFFIX.get(format, 'txt')}", text)


@pytest.mark.parametrize("width", [60, 200])
def test_golden_console_at_other_widths(width: int) -> None:
    text = render("console", REPORT, width=width)
    assert text == bless_or_read(f"console-{width}.txt", text)


def test_golden_console_in_colour() -> None:
    text = render("console", REPORT, color=True, width=120)
    assert text == bless_or_read("console-colour.txt", text)


@pytest.mark.parametrize("format", FORMATS)
def test_lines_end_with_a_newline_and_nothing_else(format: str) -> None:
    text = render(format, REPORT)
    assert text.endswith("\n")
    assert "\r" not in text


@pytest.mark.parametrize("format", FORMATS)
def test_nothing_found(format: str) -> None:
    text = render(format, Report(files=3))
    expected = {
        "console": "All clear: 3 files checked.\n",
        "json": "[]\n",
        "gitlab": "[]\n",
        **dict.fromkeys(("concise", "grouped", "github", "json-lines", "azure", "pylint"), ""),
    }
    if format in expected:
        assert text == expected[format]
    elif format == "junit":
        suites = ElementTree.fromstring(text)
        assert (suites.get("tests"), suites.get("failures")) == ("1", "0")
    elif format == "rdjson":
        assert json.loads(text)["diagnostics"] == []
    else:
        assert json.loads(text)["runs"][0]["results"] == []


def test_unknown_format_is_refused() -> None:
    with pytest.raises(ValueError, match=r"unknown output format 'jsn': choose one of console, concise"):
        render("jsn", REPORT)


@pytest.mark.parametrize("format", FORMATS)
def test_secret_is_in_no_format(format: str) -> None:
    assert "sk-live" not in render(format, REPORT, color=True)


@pytest.mark.parametrize("format", FORMATS)
def test_secret_stays_hidden_where_other_rules_show_its_line_or_rewrite_it(format: str) -> None:
    text = 'def f(token="s3cret-value", session=Depends(get)): ...\n'
    secret = finding("a.py", Span(1, 13, 1, 27), code="FAPI601")
    fix = Fix("rewrite", Safety.SAFE, (Edit(Span(1, 7, 1, 49), 'token="s3cret-value", session: S'),))
    other = finding("a.py", Span(1, 7, 1, 49), fix=fix, related=(Related("a.py", Span(1, 7, 1, 27), "here"),))
    for shown in (report("a.py", text, other, secret), report("a.py", text, other, suppressed=(secret,))):
        assert "s3cret" not in render(format, shown)


@pytest.mark.parametrize("format", FORMATS)
def test_control_characters_never_reach_the_terminal(format: str) -> None:
    path = f"{SPOOF}.py"
    spoof = finding(path, Span(1, 1, 1, 4), SPOOF, name=SPOOF, related=(Related(path, Span(1, 1, 1, 4), SPOOF),))
    shown = report(path, f"x = 1 # {SPOOF.replace(chr(0), '')}\n", spoof)
    text = render(format, shown)
    assert {character for character in text if not character.isprintable()} <= {"\n"}
    if format in ("console", "concise"):
        assert (
            rf"a\x1b[2K\x0db\x08\x9b1m\u202ec\u2066d\u2028\x00e.py:1:1{': FAPI101' if format == 'concise' else ' ('}"
            in text
        )


@pytest.mark.parametrize("format", FORMATS)
def test_file_name_that_is_not_utf8_can_be_written(format: str) -> None:
    text = render(format, report("a\udcff.py", "x = 1\n", finding("a\udcff.py", Span(1, 1, 1, 2), "\ud800")))
    assert text.encode()


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("data", [b"x = '\xff'\n", b"x = 1\0\n", b"", b"# coding: nonsense\n"])
def test_place_in_a_file_that_cannot_be_shown(format: str, data: bytes) -> None:
    from fastapi_lint.files.source import Source

    broken = finding("a.py", Span(7, 3, 7, 3), "source contains a NUL byte", code="FAPI001")
    text = render(format, Report(findings=(broken,), sources={"a.py": Source("a.py", data)}, files=1))
    assert "source contains a NUL byte" in text
    assert "a.py" in text


@pytest.mark.parametrize(
    ("root", "base", "path", "shown"),
    [
        ("", "", "app/a.py", "app/a.py"),
        ("/p", "/p", "app/a.py", "app/a.py"),
        ("/p/", "/p/app", "app/a.py", "a.py"),
        ("/p", "/p/app/api", "app/a.py", "../a.py"),
        ("/p/backend", "/p", "app/a.py", "backend/app/a.py"),
        ("/p/backend", "/p/front end", "app/a.py", "../backend/app/a.py"),
        ("/tmp/x", "/home/me", "a.py", "/tmp/x/a.py"),
        ("/", "/", "a.py", "a.py"),
        (r"C:\p\backend", r"C:\p", "app/a.py", "backend/app/a.py"),
        (r"D:\p", r"C:\p", "app/a.py", "D:/p/app/a.py"),
        (r"\\server\share\p", r"\\server\share\p", "app/a.py", "app/a.py"),
        ("/p", "/p/app", "app", "../app"),
    ],
)
def test_paths_are_shown_as_seen_from_the_current_directory(root: str, base: str, path: str, shown: str) -> None:
    assert Report(root=root, base=base).shown(path) == shown


@pytest.mark.parametrize("format", sorted(set(FORMATS) - {"console"}))
def test_only_the_console_imports_rich(format: str) -> None:
    code = (
        "import sys; from fastapi_lint.report import Report, render;"
        f"render({format!r}, Report()); loaded = {{'rich', 'libcst', 'tree_sitter'}} & set(sys.modules);"
        "assert not loaded, loaded"
    )
    subprocess.run(
        [sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )


def test_concise_marks_safe_fixes_only() -> None:
    lines = render("concise", REPORT).splitlines()
    assert [line.split(" FAPI")[1][:7] for line in lines if "[*]" in line] == ["201 [*]"]
    assert lines[0].startswith(f"{USERS}:4:11: FAPI601 `API_KEY`")


def test_json_has_the_keys_of_ruff_and_related() -> None:
    document = json.loads(render("json", REPORT))
    assert [each["code"] for each in document] == [each.code for each in FINDINGS]
    annotated = document[2]
    assert annotated["filename"] == USERS
    assert annotated["location"] == {"row": 8, "column": 30}
    assert annotated["end_location"] == {"row": 8, "column": 58}
    assert annotated["noqa_row"] == 8
    assert annotated["fix"]["applicability"] == "safe"
    assert annotated["fix"]["edits"][0] == {
        "content": "from typing import Annotated\n\n",
        "location": {"row": 1, "column": 1},
        "end_location": {"row": 1, "column": 1},
    }
    assert annotated["related"][0]["filename"] == DATABASE
    assert annotated["url"].endswith("#fapi201-parameter-without-annotated")
    assert document[0]["fix"] is None


def test_github_escapes_what_the_runner_reads() -> None:
    odd = finding("a,b:c%.py", Span(1, 1, 3, 2), "50%: a,\r\nb\x1b", severity=Severity.INFO)
    assert render("github", report("a,b:c%.py", "x\n", odd)) == (
        "::notice title=FAPI101 (some-rule),file=a%2Cb%3Ac%25.py,line=1,endLine=3::50%25: a,%0D%0Ab\\x1b\n"
    )


def test_gitlab_severities_and_unique_fingerprints() -> None:
    twins = tuple(
        finding("a.py", Span(line, 1, line, 2), severity=severity)
        for line, severity in enumerate((Severity.ERROR, Severity.WARNING, Severity.INFO), 1)
    )
    document = json.loads(render("gitlab", report("a.py", "x\nx\nx\n", *twins)))
    assert [each["severity"] for each in document] == ["critical", "major", "info"]
    assert len({each["fingerprint"] for each in document}) == 3


def test_junit_groups_by_file_and_is_valid_xml() -> None:
    odd = '<&"]]>\x0b\ufffe\ud800\t\n'
    findings = (finding("a.py", Span(1, 1, 1, 2), odd), *FINDINGS[:2])
    notices = (Notice(odd, path="b.py"),)
    suites = ElementTree.fromstring(render("junit", Report(findings=findings, notices=notices, files=2)).encode())
    assert [(each.get("name"), each.get("failures")) for each in suites] == [
        ("a.py", "1"),
        (USERS, "2"),
        ("fastapi-lint notices", "0"),
    ]
    expected = '<&"]]>\\x0b\\ufffe\\ud800\t\n'
    assert next(suites.iter("failure")).get("message") == expected
    assert [each.text for each in suites.iter("system-err")] == [f"b.py: {expected}"]
    bad = Notice("cannot be read: Permission denied", path="c.py", level=Severity.ERROR)
    suites = ElementTree.fromstring(render("junit", Report(notices=(bad,), files=1)).encode())
    assert (suites.get("tests"), suites.get("failures"), suites.get("errors")) == ("1", "0", "1")
    (case,) = suites.iter("testcase")
    assert (case.get("file"), case[0].tag, case[0].get("message")) == ("c.py", "error", bad.message)


def test_many_findings_share_one_look_at_their_file() -> None:
    text = "".join(f"call_{number}()\n" for number in range(2000))
    findings = tuple(finding("a.py", Span(line, 1, line, 5)) for line in range(1, 2001))
    console = render("console", report("a.py", text, *findings), full=True)
    assert console.count("^^^^\n") == 2000
    assert "Found 2000 findings in 1 file (1 file checked): 2000 warnings." in console


def test_findings_need_no_rule_and_no_source() -> None:
    alone: tuple[Finding, ...] = (finding("a.py", Span(1, 1, 1, 2)),)
    assert render("console", Report(findings=alone, files=1)) == (
        "warning[FAPI101]: message\n --> a.py:1:1 (some-rule)\n\n"
        "Found 1 finding in 1 file (1 file checked): 1 warning.\n"
    )
