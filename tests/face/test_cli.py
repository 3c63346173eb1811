"""The command line: options, streams, exit codes and messages, with a `run` that analyses nothing."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from face.fakes import FakeRun, Outcome, finding, installed
from fastapi_lint import __version__
from fastapi_lint.cli import terminal, watch
from fastapi_lint.cli.main import run_command_line
from fastapi_lint.config.settings import CACHE_DIRECTORY
from fastapi_lint.files.source import Source
from fastapi_lint.finding import Notice, Related, Severity, Span

SOURCES = {"app.py": Source("app.py", b"x = 1\n")}
ONE = Outcome(findings=(finding(fix=True),), sources=SOURCES)
RAISED = Notice("raised", "app.py", "FAPI201", Severity.ERROR)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeRun:
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "app.py").write_text("x = 1\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    return installed(monkeypatch)


@pytest.mark.parametrize(
    "arguments",
    [[], ["check"], ["app.py"], ["check", "app.py"], ["--fix", "app.py"], ["app.py", "--fix"], ["--", "app.py"]],
)
def test_check_is_the_default_command(fake: FakeRun, arguments: list[str]) -> None:
    assert run_command_line(arguments) == 0
    (request,) = fake.requests
    assert request.paths == ((Path("app.py"),) if "app.py" in arguments else (Path(),)), "the current directory"
    assert request.fix is ("--fix" in arguments)


def test_a_path_called_like_a_command(fake: FakeRun) -> None:
    assert run_command_line(["check", "rules"]) == 0
    assert fake.requests[0].paths == (Path("rules"),)


def test_every_option_arrives(fake: FakeRun, tmp_path: Path) -> None:
    (tmp_path / "b.json").write_text("")
    options = ["--unsafe-fixes", "--jobs", "3", "--no-cache", "--baseline", "b.json", "--select", "FAPI3,missing-tags"]
    options += ["--select", "FAPI201", "--ignore", "FAPI301", "--extend-select", "FAPI001", "--output-format", "json"]
    assert run_command_line([*options, "app.py"]) == 0
    (request,) = fake.requests
    assert (request.root, request.jobs, request.cache, request.unsafe_fixes) == (tmp_path, 3, False, True)
    assert request.baseline == Path("b.json")
    settings = request.settings
    assert settings.select == ("FAPI3", "missing-tags", "FAPI201")
    assert (settings.ignore, settings.extend_select, settings.output_format) == (("FAPI301",), ("FAPI001",), "json")


def test_configuration_counts_unless_the_command_line_says_otherwise(fake: FakeRun, tmp_path: Path) -> None:
    text = "fix = true\nunsafe-fixes = true\noutput-format = 'concise'\nbaseline = 'b.json'\npreset = 'strict'\n"
    (tmp_path / "fastapi-lint.toml").write_text(text)
    for arguments in ([], ["--no-fix", "--preset", "recommended"], ["--isolated"], ["--diff"]):
        assert run_command_line(arguments) == 0
    first, second, third, fourth = fake.requests
    assert (first.fix, first.unsafe_fixes, first.settings.output_format) == (True, True, "concise")
    assert (first.settings.baseline, first.settings.select) == ("b.json", ("recommended", "strict"))
    assert (second.fix, second.settings.select) == (False, ("recommended",))
    assert (third.fix, third.settings.baseline, third.settings.file) == (False, None, None)
    assert (fourth.fix, fourth.diff) == (False, True)


@pytest.mark.parametrize(
    ("arguments", "outcome", "code"),
    [
        ([], Outcome(), 0),
        ([], ONE, 1),
        (["--exit-zero"], ONE, 0),
        (["--fail-on", "error"], ONE, 0),
        (["--fail-on", "error"], Outcome((finding(severity=Severity.ERROR),)), 1),
        ([], Outcome((finding(severity=Severity.INFO),)), 0),
        (["--fail-on", "info"], Outcome((finding(severity=Severity.INFO),)), 1),
        (["--max-warnings", "1"], ONE, 0),
        (["--max-warnings", "1"], Outcome((finding(), finding(line=2))), 1),
        (["--max-warnings", "1"], Outcome((finding(severity=Severity.ERROR),)), 1),
        (["--config", "max-warnings = 1", "--config", "fail-on = 'error'"], ONE, 0),
        (["--fix-only"], Outcome((finding(),), fixed={"FAPI201": 2}), 0),
        (["--fix-only", "--exit-non-zero-on-fix"], Outcome((finding(),), fixed={"FAPI201": 2}), 1),
        (["--fix"], Outcome(fixed={"FAPI201": 2}), 0),
        (["--fix", "--exit-non-zero-on-fix"], Outcome(fixed={"FAPI201": 2}), 1),
        (["--diff"], Outcome(diff="--- a\n"), 1),
        (["--diff"], ONE, 0),
        (["--add-noqa"], ONE, 0),
        (["--write-baseline", "b.json"], ONE, 0),
        (["--select", "FAPI201"], Outcome(notices=(RAISED,)), 2),
        ([], Outcome(notices=(RAISED,)), 2),
        ([], Outcome(findings=(finding(),), notices=(RAISED,)), 2),
        (["--exit-zero"], Outcome(findings=(finding(),), notices=(RAISED,)), 2),
        (["--diff"], Outcome(diff="--- a\n", notices=(RAISED,)), 2),
        (["--add-noqa"], Outcome(notices=(RAISED,)), 2),
        (["--fix"], Outcome(fixed={"FAPI201": 2}, notices=(Notice("not fixed", level=Severity.ERROR),)), 2),
        ([], Outcome(notices=(Notice("the cache is not used", level=Severity.INFO),)), 0),
        ([], Outcome(notices=(Notice("the fix of FAPI201 was taken back", code="FAPI201"),)), 0),
    ],
)
def test_exit_codes(fake: FakeRun, arguments: list[str], outcome: Outcome, code: int) -> None:
    fake.outcome = outcome
    assert run_command_line(arguments) == code


def test_findings_to_stdout_the_rest_to_stderr(fake: FakeRun, capfd: pytest.CaptureFixture[str]) -> None:
    bad, odd = Notice("cannot be read", "b.py", level=Severity.ERROR), Notice("is odd", "c.py")
    fake.outcome = Outcome((finding(),), notices=(bad, odd))
    assert run_command_line(["--output-format", "concise"]) == 2
    out, err = capfd.readouterr()
    assert out.startswith("app.py:1:1: FAPI201")
    assert "b.py" not in out
    totals = "Found 1 finding in 1 file (1 file checked): 1 warning. 2 notices.\n"
    assert err == f"error: b.py: cannot be read\nwarning: c.py: is odd\n{totals}"
    assert run_command_line(["--quiet", "--output-format", "concise"]) == 2
    assert capfd.readouterr().err == "error: b.py: cannot be read\n", "an exit code of 2 always says why"


def test_a_rule_that_raised_is_named(fake: FakeRun, capfd: pytest.CaptureFixture[str]) -> None:
    fake.outcome = Outcome((finding(),), notices=(Notice("KeyError: 'x'", "b.py", "FAPI202"),))
    run_command_line([])
    assert "warning: b.py: FAPI202: KeyError: 'x'\n" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--select", "FAPI203"], "--select: unknown rule 'FAPI203'; did you mean FAPI20"),
        (["--select", "FAPI20l"], "--select: unknown rule 'FAPI20l'; did you mean FAPI20"),
        (["--ignore", "missing-tag"], "--ignore: unknown rule 'missing-tag'; did you mean FAPI302 (missing-tags)?"),
        (["--select", "FAPI105"], "FAPI105 dangling-task is planned, not built yet"),
        (["--output-format", "sarf"], "unknown value 'sarf'; did you mean 'sarif'?"),
        (["--preset", "strickt"], "did you mean 'strict'?"),
        (["--selekt", "x"], "--select"),
        (["--fix", "--add-noqa"], "--fix and --add-noqa exclude each other"),
        (["--diff", "--write-baseline", "x"], "exclude each other"),
        (["--statistics", "--output-format", "sarif"], "--statistics has no sarif format"),
        (["-"], "'-' needs --stdin-filename"),
        (["app.py", "--stdin-filename", "x.py"], "checks stdin alone"),
        (["--config", "none.toml"], "none.toml: cannot be read"),
        (["--output-file", "app.py/x"], "cannot be written: "),
        (["--config", "a.toml", "--config", "b.toml"], "--config reads one file, and was given a.toml and b.toml"),
        (["--config", "prevue = true"], "--config 'prevue = true': unknown key 'prevue'; did you mean 'preview'?"),
        (["--config", "max-warnings = -1"], "max-warnings: expected a whole number, 0 or more, found the integer -1"),
        (["--config", "ignore = "], "--config 'ignore = ': not valid TOML"),
        (["--per-file-ignores", "tests"], "'tests' is no path pattern with a code behind it"),
        (["--per-file-ignores", "a.py:FAPI203"], "--per-file-ignores: unknown rule 'FAPI203'; did you mean FAPI20"),
        (["--fixable", "FAPI9"], "--fixable: unknown rule 'FAPI9'"),
        (["--fail-on", "warn"], "unknown value 'warn'; did you mean 'warning'?"),
        (["rule", "missing-tag"], "unknown rule 'missing-tag'; did you mean FAPI302 (missing-tags)?"),
        (["rule", "FAPI701"], "FAPI701 later-one is planned, not built yet"),
        (["new-rule", "FAPI105"], "works at the top of a checkout"),
    ],
)
def test_mistakes(fake: FakeRun, capfd: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    assert run_command_line(arguments) == 2
    out, err = capfd.readouterr()
    assert message in err
    assert out == ""


def test_interruption(fake: FakeRun, capfd: pytest.CaptureFixture[str]) -> None:
    fake.outcome = KeyboardInterrupt()
    assert run_command_line([]) == 2
    assert "interrupted" in capfd.readouterr().err


def test_mistakes_of_our_own_are_no_findings(fake: FakeRun, capfd: pytest.CaptureFixture[str]) -> None:
    fake.outcome = ZeroDivisionError("oops")
    assert run_command_line([]) == 2
    assert "ZeroDivisionError: oops\nerror: this is a mistake of fastapi-lint itself" in capfd.readouterr().err


def test_no_rule_selected(fake: FakeRun, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["--ignore", "all,recommended"]) == 0
    assert "no rule is selected" in capfd.readouterr().err


def test_watch_checks_again_when_something_changes(
    fake: FakeRun, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each pause is a change: of a file, of a folder by a new file, by the cache (which is none); then Ctrl-C."""
    changes: list[Callable[[], object]] = [
        lambda: (tmp_path / "app.py").write_text("changed = 1\n"),
        lambda: (tmp_path / CACHE_DIRECTORY).mkdir(),
        lambda: (tmp_path / "new.py").write_text("x = 1\n"),
        lambda: (tmp_path / "fastapi-lint.toml").write_text("selekt = []\n"),
        lambda: (tmp_path / "fastapi-lint.toml").unlink(),
    ]

    def pause(_: float) -> None:
        if not changes:
            raise KeyboardInterrupt
        changes.pop(0)()

    monkeypatch.setattr(watch, "pause", pause)
    assert run_command_line(["--watch", "--select", "FAPI201"]) == 0
    assert [request.settings.select for request in fake.requests] == [("FAPI201",)] * 4
    err = capfd.readouterr().err
    assert err.count("watching 2 files; Ctrl-C ends this\n") == 5
    assert "unknown key 'selekt'" in err
    for option in (["--add-noqa"], ["--write-baseline", "b.json"], ["--show-files"]):
        assert run_command_line(["--watch", *option]) == 2
        assert f"--watch and {option[0]} exclude each other" in capfd.readouterr().err


def test_verbose_says_what_was_understood(fake: FakeRun, capfd: pytest.CaptureFixture[str]) -> None:
    fake.outcome = Outcome(understood=("app main:app (main.py:3): 2 routes",))
    assert run_command_line(["-v"]) == 0
    assert fake.requests[0].explain
    assert "app main:app (main.py:3): 2 routes\n" in capfd.readouterr().err


@pytest.mark.parametrize("format", ["console", "concise", "json", "sarif", "github", "gitlab", "junit"])
def test_output_file(fake: FakeRun, capfd: pytest.CaptureFixture[str], tmp_path: Path, format: str) -> None:
    fake.outcome = ONE
    assert run_command_line(["--output-format", format, "--output-file", "out.txt"]) == 1
    assert capfd.readouterr().out == ""
    assert "FAPI201" in (tmp_path / "out.txt").read_text(encoding="utf-8")


def test_what_the_command_line_says_is_on_top(fake: FakeRun, tmp_path: Path) -> None:
    text = "exclude = ['a']\nextend-exclude = ['b']\nunfixable = ['FAPI2']\nignore = ['FAPI302']\n"
    text += "[rules.FAPI301]\nloud = true\n"
    (tmp_path / "fastapi-lint.toml").write_text(text)
    options = ["--exclude", "c,d", "--extend-exclude", "e", "--force-exclude", "--no-respect-gitignore", "--preview"]
    options += [
        "--per-file-ignores",
        "tests/*:FAPI201,FAPI3,x.py:FAPI001",
        "--fixable",
        "FAPI0",
        "--unfixable",
        "FAPI001",
    ]
    options += ["--config", "severity.FAPI201 = 'info'", "--config", "rules.FAPI301.depth = 7", "--select", "ALL"]
    assert run_command_line(options) == 0
    settings = fake.requests[0].settings
    assert (settings.exclude, settings.extend_exclude) == (("c", "d"), ("b", "e"))
    assert (settings.force_exclude, settings.respect_gitignore, settings.preview) == (True, False, True)
    assert settings.per_file_ignores == {"tests/*": ("FAPI201", "FAPI3"), "x.py": ("FAPI001",)}
    assert (settings.fixable, settings.unfixable) == (("FAPI0",), ("FAPI2", "FAPI001"))
    assert (settings.severity, settings.rules) == ({"FAPI201": "info"}, {"FAPI301": {"loud": True, "depth": 7}})
    assert (settings.select, settings.ignore) == (("ALL",), ("FAPI302",))


def test_fixes_alone_are_reported_by_fix_only(fake: FakeRun, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    fake.outcome = Outcome((finding(),), fixed={"FAPI201": 2})
    run_command_line(["--fix-only"])
    out = capfd.readouterr().out
    assert out.startswith("Fixed 2 findings:\n  2 x FAPI201")
    assert "app.py:1" not in out
    fake.outcome = ONE
    assert run_command_line(["--fix-only"]) == 0
    assert capfd.readouterr().out == ""
    assert run_command_line(["--output-format", "concise", "--output-file", "new/folder/out.txt"]) == 1
    assert "FAPI201" in (tmp_path / "new" / "folder" / "out.txt").read_text()


def test_statistics(fake: FakeRun, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    end = Related("db.py", Span(7, 1, 7, 2), "`flock` waits")
    found = (finding(fix=True), finding(line=2), finding("FAPI302", end=end), finding("FAPI302", line=5, end=end))
    fake.outcome = Outcome(found)
    run_command_line(["--statistics"])
    assert (
        capfd.readouterr().out
        == """\
     2  FAPI201  parameter-without-annotated  fixes: 1 safe
     2  FAPI302  missing-tags

Lines that several findings or endpoints come down to:
     2  FAPI302  db.py:7: `flock` waits (reached by 1 function)

Found 4 findings in 1 file (1 file checked): 4 warnings. 1 fixable with --fix.
"""
    )
    monkeypatch.setenv("FORCE_COLOR", "1")
    run_command_line(["--statistics"])
    assert "\x1b[1;33mFAPI201\x1b[0m" in capfd.readouterr().out
    run_command_line(["--statistics", "--output-format", "json"])
    first, second = json.loads(capfd.readouterr().out)
    counts = {"count": 2, "fixable": 1, "safe": 1, "unsafe": 0, "causes": []}
    assert first == {"code": "FAPI201", "name": "parameter-without-annotated", "severity": "warning", **counts}
    cause = {"filename": "db.py", "row": 7, "message": "`flock` waits", "count": 2, "functions": 1, "endpoints": None}
    assert second["causes"] == [cause]
    own = Related(
        "app.py", Span(9, 1, 9, 2), "`open` gets it"
    )  # the last step of a path from the client is the finding
    fake.outcome = Outcome(tuple(finding("FAPI302", line=9, end=own) for _ in range(2)))
    run_command_line(["--statistics", "--output-format", "json"])
    assert json.loads(capfd.readouterr().out)[0]["causes"][0]["message"] == "`x` is wrong; it hurts; write y"


def test_diff(fake: FakeRun, capfd: pytest.CaptureFixture[str]) -> None:
    fake.outcome = Outcome(diff="--- app.py\n+++ app.py\n", fixed={"FAPI201": 1})
    run_command_line(["--diff"])
    assert capfd.readouterr() == ("--- app.py\n+++ app.py\n", "would fix 1 finding\n")


def test_colour(fake: FakeRun, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    fake.outcome = ONE
    run_command_line([])
    assert "\x1b" not in capfd.readouterr().out
    monkeypatch.setenv("FORCE_COLOR", "1")
    run_command_line([])
    assert "\x1b" in capfd.readouterr().out
    monkeypatch.setenv("NO_COLOR", "1")
    run_command_line([])
    assert "\x1b" not in capfd.readouterr().out


class Stdin:
    """Standard input that holds these bytes."""

    def __init__(self, data: bytes) -> None:
        self.buffer = io.BytesIO(data)


def test_stdin(
    fake: FakeRun, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "pkg").mkdir()
    monkeypatch.chdir(tmp_path / "pkg")
    monkeypatch.setattr(sys, "stdin", Stdin(b"x = 1\r\n"))
    fake.outcome = Outcome((finding(path="pkg/new.py"),))
    assert run_command_line(["-", "--stdin-filename", "new.py", "--output-format", "concise"]) == 1
    assert fake.requests[0].stdin == (str(tmp_path / "pkg" / "new.py"), b"x = 1\r\n")
    assert fake.requests[0].paths == ()
    assert capfd.readouterr().out.startswith("new.py:1:1: FAPI201")


def test_fixed_stdin_goes_to_stdout(
    fake: FakeRun, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(b"# coding: latin-1\r\nx = '\xfc'\r\n"))
    fake.outcome = Outcome((finding(),), stdin_output="# coding: latin-1\r\ny = '\xfc'\r\n")
    assert run_command_line(["--fix", "--stdin-filename", "app.py", "--output-format", "concise"]) == 1
    out, err = capfdbinary.readouterr()
    assert out == b"# coding: latin-1\r\ny = '\xfc'\r\n"
    assert err.startswith(b"app.py:1:1: FAPI201")


def test_unfixed_stdin_comes_back_as_it_was(
    fake: FakeRun, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(b"\xff\r"))
    assert run_command_line(["--fix", "--stdin-filename", "app.py", "--quiet"]) == 0
    assert capfdbinary.readouterr() == (b"\xff\r", b"")


def test_messages_cannot_be_disguised(capfd: pytest.CaptureFixture[str]) -> None:
    terminal.say_notices([Notice("odd\nx", "a\x1b[2Jb\r.py"), Notice("odd", "a\nerror: b\u202e.py")])
    first, second = capfd.readouterr().err.splitlines()
    assert first == "warning: a\\x1b[2Jb\\r.py: odd\\nx"
    assert second == "warning: a\\nerror: b\\u202e.py: odd"


def test_a_diff_cannot_be_disguised_at_a_terminal_and_is_exact_elsewhere(
    fake: FakeRun, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.outcome = Outcome(diff="--- a\n+\tx = '\x1b[2J\u202e\x0c é'\r\n", fixed={"FAPI201": 1})
    run_command_line(["--diff"])
    assert capfd.readouterr().out == fake.outcome.diff
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    run_command_line(["--diff"])
    assert capfd.readouterr().out == "--- a\n+\tx = '\\x1b[2J\\u202e\\x0c é'\n"


def test_rules(fake: FakeRun, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["rules", "--output-format", "json"]) == 0
    rules = json.loads(capfd.readouterr().out)
    assert list(rules[0]) == ["code", "name", "preset", "kind", "fix", "severity", "summary", "since"]
    assert rules[1]["fix"] == "safe"
    assert rules[0]["fix"] == "none"
    assert run_command_line(["rules"]) == 0
    assert [line.split()[:2] for line in capfd.readouterr().out.splitlines()[:2]] == [
        ["code", "name"],
        ["FAPI001", "syntax-error"],
    ]
    assert run_command_line(["rules", "--output-format", "markdown"]) == 0
    assert capfd.readouterr().out.startswith("| code | name |")


def test_planned_rules(fake: FakeRun, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["rules", "--planned"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert [line.split() for line in lines[:2]] == [
        ["code", "name", "preset", "guideline"],
        ["FAPI105", "dangling-task", "recommended", "Nothing", "hurts."],
    ]
    assert run_command_line(["rules", "--planned", "--output-format", "json"]) == 0
    assert [row["code"] for row in json.loads(capfd.readouterr().out)] == ["FAPI105", "FAPI701", "FAPI702"]


def test_sarif_has_help_with_examples_of_what_was_found(fake: FakeRun, capfd: pytest.CaptureFixture[str]) -> None:
    fake.outcome = ONE
    assert run_command_line(["--output-format", "sarif", "--sarif-category", "lint/api"]) == 1
    (log,) = json.loads(capfd.readouterr().out)["runs"]
    assert log["automationDetails"] == {"id": "lint/api/"}
    help = {rule["id"]: rule["help"]["markdown"] for rule in log["tool"]["driver"]["rules"]}
    assert "## Why is this bad?\n\nIt *hurts*.\n" in help["FAPI201"]
    assert "## Example\n\n```python\n" in help["FAPI201"]
    assert "## Example" not in help["FAPI202"]
    assert "## Options\n\n- `methods`" in help["FAPI301"]


def test_rule(fake: FakeRun, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for word in ("FAPI201", "fapi201", "parameter-without-annotated"):
        assert run_command_line(["rule", word]) == 0
        out = capfd.readouterr().out
        assert out.startswith("# FAPI201 parameter-without-annotated\n")
        assert "## Example\n\n```python\n" in out
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert run_command_line(["rule", "FAPI201"]) == 0
    assert "\x1b[" in capfd.readouterr().out


def a_route(path: str, **more: object) -> dict[str, object]:
    """A row as `model.listing` makes it."""
    return {
        "project": "",
        "app": "app.main:app",
        "methods": ["GET", "HEAD"],
        "path": path,
        "kind": "http",
        "name": "read",
        "handler": "app.read|item",
        "file": "app.py",
        "line": 3,
        "status_code": 200,
        "tags": [],
        "authenticated_by": ["oauth2"],
        "optional_authentication": [],
        "response_model": None,
        "conditional": False,
        "findings": [],
        **more,
    }


def test_routes(fake: FakeRun, capfd: pytest.CaptureFixture[str]) -> None:
    maybe = a_route("/maybe", authenticated_by=[], optional_authentication=["who"], findings=["FAPI101", "FAPI301"])
    admin = a_route("/admin", app="app.admin:app", methods=["POST"], tags=["staff"], conditional=True)
    mount = a_route("/static", kind="mount", methods=[], authenticated_by=[], handler="", name="static")
    fake.known_routes = [a_route("/items/{id}"), maybe, admin, mount]
    assert run_command_line(["routes", "--output-format", "json"]) == 0
    assert json.loads(capfd.readouterr().out) == fake.known_routes
    assert run_command_line(["routes"]) == 0
    out, err = capfd.readouterr()
    assert (
        out
        == """\
methods   path         auth            findings         if    app            handler        place     status  response
GET,HEAD  /items/{id}  oauth2                                 app.main:app   app.read|item  app.py:3  200
GET,HEAD  /maybe       who (optional)  FAPI101,FAPI301        app.main:app   app.read|item  app.py:3  200
POST      /admin       oauth2                           some  app.admin:app  app.read|item  app.py:3  200
mount     /static                                             app.main:app   static         app.py:3  200
"""
    )
    assert err == "4 routes in 2 apps; 1 without a dependency that demands authentication\n"
    for options, paths in {
        ("--unauthenticated",): ["/maybe"],
        ("--app", "app.admin"): ["/admin"],
        ("--app", "app.*:app", "--method", "post"): ["/admin"],
        ("--tag", "staff", "--tag", "other"): ["/admin"],
        ("--app", "app", "--method", "HEAD"): ["/items/{id}", "/maybe"],
    }.items():
        assert run_command_line(["routes", "--output-format", "json", *options]) == 0
        assert [row["path"] for row in json.loads(capfd.readouterr().out)] == paths
    assert run_command_line(["routes", "--output-format", "markdown"]) == 0
    text = capfd.readouterr().out
    assert "| app.read\\|item |" in text
    assert "| who (optional) | FAPI101,FAPI301 |  |" in text
    assert run_command_line(["routes", "--output-format", "csv"]) == 0
    assert '"GET,HEAD",/maybe,who (optional),"FAPI101,FAPI301",,app.main:app,' in capfd.readouterr().out
    fake.known_routes.append(a_route("/", project="services/b"))  # of another project, which names its app like ours
    assert run_command_line(["routes"]) == 0
    assert capfd.readouterr().err.startswith("5 routes in 3 apps;")


@pytest.mark.parametrize("width", [30, 60, 100, 300])
def test_a_route_is_one_line_at_any_width(fake: FakeRun, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    fake.known_routes = [a_route("/a/rather/long/path/{id}" * 2), a_route("/b", optional_authentication=["x" * 40])]
    written = io.StringIO()
    monkeypatch.setattr(terminal, "width", lambda _: width)
    monkeypatch.setattr(terminal, "write", lambda text, encoding=None: written.write(text))
    assert run_command_line(["routes"]) == 0
    lines = written.getvalue().splitlines()
    assert len(lines) == 3
    assert max(map(len, lines)) <= width
    assert all(line.split()[1].startswith("/") for line in lines[1:])
    assert ("response" in lines[0]) == (width == 300)
    assert "oauth2" in lines[1], "the path is cut, not what is behind it"


def test_config(fake: FakeRun, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "fastapi-lint.toml").write_text("[per-file-ignores]\n'tests/*' = ['FAPI201']\n")
    assert run_command_line(["config"]) == 0
    out = capfd.readouterr().out
    assert f"# root: {tmp_path}\n# file: {tmp_path / 'fastapi-lint.toml'}\n" in out
    assert '[per-file-ignores]\n"tests/*" = ["FAPI201"]\n' in out
    assert run_command_line(["config", "--schema"]) == 0
    assert json.loads(capfd.readouterr().out)["title"] == "fastapi-lint"


def test_clean(fake: FakeRun, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / CACHE_DIRECTORY).mkdir()
    (tmp_path / CACHE_DIRECTORY / "x").write_text("")
    assert run_command_line(["clean"]) == 0
    assert not (tmp_path / CACHE_DIRECTORY).exists()
    assert run_command_line(["clean"]) == 0
    assert "no cache at" in capfd.readouterr().err
    (tmp_path / "kept").mkdir()
    (tmp_path / CACHE_DIRECTORY).symlink_to(tmp_path / "kept", target_is_directory=True)
    assert run_command_line(["clean"]) == 0
    assert (tmp_path / "kept").is_dir()


def test_new_rule(fake: FakeRun, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "src" / "fastapi_lint" / "rules").mkdir(parents=True)
    assert run_command_line(["new-rule", "dangling-task"]) == 0
    written = capfd.readouterr().out.splitlines()
    assert "src/fastapi_lint/rules/asynchronous/dangling_task.py" in written
    assert all((tmp_path / file).is_file() for file in written)
    assert run_command_line(["new-rule", "dangling-task"]) == 2
    assert "exists already" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("words", "expected"),
    [("ru", "plain,rules"), ("--sel", "plain,--select"), ("check --out", "plain,--output-format")],
)
def test_shell_completion(
    fake: FakeRun, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: str, expected: str
) -> None:
    line = f"fastapi-lint {words}"
    monkeypatch.setenv("_FASTAPI_LINT_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(line.split()) - 1))
    with pytest.raises(SystemExit):
        run_command_line([])
    assert expected in capfd.readouterr().out.splitlines()


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )


def test_version_imports_nothing_heavy() -> None:
    code = (
        "import sys, gc, __future__; before = set(sys.modules); sys.argv = ['fastapi-lint', '--version'];"
        "from fastapi_lint.__main__ import main; assert main() == 0;"
        "print(sorted(name for name in set(sys.modules) - before))"
    )
    done = python("-c", code)
    assert done.stdout == f"fastapi-lint {__version__}\n['fastapi_lint', 'fastapi_lint.__main__']\n"


def test_help_names_every_command() -> None:
    done = python("-m", "fastapi_lint", "--help")
    assert done.returncode == 0
    for command in ("check", "routes", "rule", "rules", "config", "clean", "new-rule"):
        assert f"\n  {command} " in done.stdout


def test_a_reader_that_goes_away(fake: FakeRun) -> None:
    code = "from fastapi_lint.cli import terminal\nfor _ in range(50): terminal.write('x' * 100_000)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_closed_streams(fake: FakeRun, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """As `fastapi-lint >&- 2>&-` has them."""
    fake.outcome = ONE
    for arguments, code in (([], 1), (["--diff"], 0), (["rules"], 0), (["--stdin-filename", "x.py"], 1)):
        for name in ("stdin", "stdout", "stderr"):
            monkeypatch.setattr(sys, name, None)
        assert run_command_line(arguments) == code
        monkeypatch.undo()
        fake = installed(monkeypatch)
        fake.outcome = ONE
    assert "Traceback" not in "".join(capfd.readouterr())


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_scripts_of_the_readme(
    fake: FakeRun, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, shell: str
) -> None:
    readme = (Path(__file__).resolve().parent.parent.parent / "README.md").read_text(encoding="utf-8")
    assert f"_FASTAPI_LINT_COMPLETE={shell}_source fastapi-lint" in readme
    monkeypatch.setenv("_FASTAPI_LINT_COMPLETE", f"{shell}_source")
    with pytest.raises(SystemExit):
        run_command_line([])
    script = capfd.readouterr().out
    assert f"_FASTAPI_LINT_COMPLETE={shell}_complete" in script
    if shutil.which(shell):
        done = subprocess.run([shell, "-n"], input=script, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("format", ["console", "concise", "json", "sarif", "github", "gitlab", "junit"])
def test_on_windows_newlines_are_not_translated_and_every_character_comes_out(
    fake: FakeRun, monkeypatch: pytest.MonkeyPatch, format: str
) -> None:
    """A stream as Windows has it: CRLF for every newline, and a code page that lacks most characters."""
    path = "my \u00e4pp/\u03c0 \U0001d11e.py"
    fake.outcome = Outcome((finding(path=path),), sources={path: Source(path, b"x = 1\n")})
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="cp1252", newline="\r\n"))
    assert run_command_line(["--output-format", format]) == 1
    written = raw.getvalue()
    assert b"\r" not in written
    text = written.decode("cp1252" if format in ("console", "concise") else "utf-8")
    expected = {
        "console": "my \u00e4pp/\\u03c0 \\U0001d11e.py:1:1",
        "concise": "my \u00e4pp/\\u03c0 \\U0001d11e.py:1:1",
        "sarif": "my%20%C3%A4pp/%CF%80%20%F0%9D%84%9E.py",
        "github": f"file={path},",
    }
    shown = json.loads(text)[0] if format in ("json", "gitlab") else {}
    found = shown.get("filename") or shown.get("location", {}).get("path") or text
    assert expected.get(format, path) in found
