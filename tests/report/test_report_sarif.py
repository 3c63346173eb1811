"""SARIF: accepted by the reference validator, and its indexes, URIs and masks are right."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest
from report.sample import DATABASE, REPORT, USERS, finding, report

from fastapi_lint import __version__
from fastapi_lint.files.source import Source
from fastapi_lint.finding import Related, Span
from fastapi_lint.report import Report, render
from fastapi_lint.report.line_hash import line_hashes

PROBLEM = re.compile(r": (error|warning) [A-Z]+\d+:")


def log(shown: Report) -> dict[str, Any]:
    run = json.loads(render("sarif", shown))["runs"][0]
    assert isinstance(run, dict)
    return run


RUN = json.loads(render("sarif", REPORT))["runs"][0]


def validator() -> Path:
    """The validator, installed on first use; the test is skipped where that is impossible, but never in CI."""
    directory = Path(os.environ.get("FASTAPI_LINT_SARIF_MULTITOOL") or Path.home() / ".cache" / "fastapi-lint-tests")
    name = "sarif-multitool.cmd" if os.name == "nt" else "sarif-multitool"
    program = directory / "node_modules" / ".bin" / name
    if program.exists():
        return program
    npm = shutil.which("npm")
    problem = "npm is not installed"
    if npm:
        directory.mkdir(parents=True, exist_ok=True)
        command = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(directory), "@microsoft/sarif-multitool"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0 and program.exists():
            return program
        problem = f"npm could not install the SARIF validator: {done.stderr[-500:]}"
    if os.environ.get("CI"):
        pytest.fail(problem)
    pytest.skip(problem)


def problems(program: Path, file: Path, *options: str) -> list[str]:
    command = [str(program), "validate", file.name, *options]
    done = subprocess.run(command, cwd=file.parent, capture_output=True, text=True, check=False)
    assert "1 files scanned" in done.stdout, done.stdout + done.stderr
    return [line for line in done.stdout.splitlines() if PROBLEM.search(line)]


@pytest.mark.slow
def test_reference_validator_finds_no_error_and_no_warning(tmp_path: Path) -> None:
    program = validator()
    odd = finding("a b/ü#?%.py", Span(1, 1, 1, 1), "see `x[0](1)`, {0} and [this](https://example.com)", code="FAPI999")
    logs = {
        "sample": render("sarif", REPORT),
        "empty": render("sarif", Report()),
        "odd": render("sarif", report("a b/ü#?%.py", "x\n", odd)),
    }
    for name, text in logs.items():
        file = tmp_path / f"{name}.sarif"
        file.write_text(text, encoding="utf-8")
        assert problems(program, file) == []
        assert problems(program, file, "--rule-kind", "Ghas") == []
    broken = json.loads(logs["sample"])
    broken["runs"][0]["results"][0]["ruleIndex"] = 99
    file = tmp_path / "broken.sarif"
    file.write_text(json.dumps(broken), encoding="utf-8")
    assert problems(program, file) != []


def test_driver_describes_every_selected_rule() -> None:
    driver = RUN["tool"]["driver"]
    assert (driver["name"], driver["version"]) == ("fastapi-lint", __version__)
    rules = {each["id"]: each for each in driver["rules"]}
    assert list(rules) == ["FAPI101", "FAPI102", "FAPI201", "FAPI301", "FAPI601"]
    blocking = rules["FAPI101"]
    assert blocking["name"] == "BlockingCallInAsync"
    assert blocking["shortDescription"]["text"] == "Async code makes a call that blocks the event loop."
    assert blocking["fullDescription"]["text"] == "While the call waits, no other request of this process is answered."
    assert "## Known limits\nCalls through names" in blocking["help"]["markdown"]
    assert blocking["helpUri"].endswith("#fapi101-blocking-call-in-async")
    levels = {code: rule["defaultConfiguration"]["level"] for code, rule in rules.items()}
    assert (levels["FAPI101"], levels["FAPI201"], levels["FAPI301"]) == ("error", "warning", "note")
    assert rules["FAPI601"]["properties"] == {
        "tags": ["fastapi", "security", "recommended"],
        "precision": "high",
        "problem.severity": "error",
        "security-severity": "8.0",
    }


def test_results_point_at_their_rule_and_file() -> None:
    rules = [each["id"] for each in RUN["tool"]["driver"]["rules"]]
    uris = [each["location"]["uri"] for each in RUN["artifacts"]]
    assert uris == ["app/alt.py", DATABASE, "app/nutzer%20%C3%BCbersicht/users.py"]
    for result in RUN["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        location = result["locations"][0]["physicalLocation"]["artifactLocation"]
        assert uris[location["index"]] == location["uri"]
        assert location["uriBaseId"] == "PROJECTROOT"
    assert RUN["originalUriBaseIds"]["PROJECTROOT"]["uri"] == "file:///work%20space/projekt/"
    assert RUN["columnKind"] == "unicodeCodePoints"


def test_region_and_snippet() -> None:
    region = RUN["results"][1]["locations"][0]["physicalLocation"]["region"]
    snippet = {"text": '"/用户/{user_id}"'}
    assert region == {"startLine": 7, "startColumn": 13, "endLine": 7, "endColumn": 28, "snippet": snippet}
    assert RUN["results"][0]["locations"][0]["physicalLocation"]["region"]["snippet"] == {"text": '"****"'}


def test_snippet_of_a_long_span_is_left_out() -> None:
    run = json.loads(render("sarif", report("a.py", "x\n" * 99, finding("a.py", Span(1, 1, 60, 2)))))["runs"][0]
    assert "snippet" not in run["results"][0]["locations"][0]["physicalLocation"]["region"]


def test_chain_is_a_code_flow_and_related_places_have_ids() -> None:
    by_code = {each["ruleId"]: each for each in RUN["results"]}
    chain = by_code["FAPI102"]
    steps = chain["codeFlows"][0]["threadFlows"][0]["locations"]
    lines = [each["location"]["physicalLocation"]["region"]["startLine"] for each in steps]
    assert lines == [10, 5, 9]
    assert [each["id"] for each in chain["relatedLocations"]] == [1, 2]
    assert chain["relatedLocations"][0]["message"]["text"] == "`load_user` calls `fetch`."
    assert "codeFlows" not in by_code["FAPI201"]
    assert len(by_code["FAPI201"]["relatedLocations"]) == 1


def test_fixes_are_the_edits() -> None:
    fixes = {each["ruleId"]: each["fixes"][0] for each in RUN["results"] if "fixes" in each}
    change = fixes["FAPI201"]["artifactChanges"][0]
    assert change["artifactLocation"]["uri"] == "app/nutzer%20%C3%BCbersicht/users.py"
    assert change["replacements"][0] == {
        "deletedRegion": {"startLine": 1, "startColumn": 1, "endLine": 1, "endColumn": 1},
        "insertedContent": {"text": "from typing import Annotated\n\n"},
    }
    assert fixes["FAPI201"]["description"]["text"] == "declare `session` with `Annotated`."
    assert fixes["FAPI101"]["description"]["text"] == "call it in a thread (unsafe fix)."


def test_suppressed_findings_say_so_and_the_others_too() -> None:
    kinds = [(each["ruleId"], each["suppressions"]) for each in RUN["results"]]
    assert kinds[-1] == ("FAPI101", [{"kind": "inSource"}])
    assert all(kind == [] for _, kind in kinds[:-1])
    assert "suppressions" not in json.dumps(log(report("a.py", "x\n", finding("a.py", Span(1, 1, 1, 2)))))


def test_notices_are_notifications() -> None:
    invocation = RUN["invocations"][0]
    assert invocation["executionSuccessful"] is False
    unreadable, raised = invocation["toolExecutionNotifications"]
    assert unreadable["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "app/alt.py"
    assert "associatedRule" not in unreadable
    assert raised["associatedRule"] == {"id": "FAPI301", "index": 3}
    assert raised["level"] == "error"


def test_fingerprints_survive_moved_lines() -> None:
    def prints(text: str, line: int) -> object:
        run = json.loads(render("sarif", report("a.py", text, finding("a.py", Span(line, 1, line, 5)))))["runs"][0]
        return run["results"][0]["partialFingerprints"]

    assert prints("call()\n", 1) == prints("\n\ncall()\n", 3)
    assert set(RUN["results"][0]["partialFingerprints"]) == {"fastapiLint/v1"}


@pytest.mark.parametrize(
    ("root", "base", "uri", "first"),
    [
        ("/p/backend", "/p/backend", "file:///p/backend/", "a.py"),
        ("/p/backend", "/p", "file:///p/", "backend/a.py"),
        ("/p/backend", "/p/backend/app", "file:///p/backend/", "a.py"),
        ("/p", "/elsewhere", "file:///p/", "a.py"),
        (r"C:\my p\x", r"C:\my p", "file:///C:/my%20p/", "x/a.py"),
        (r"\\server\share", r"\\server\share", "file://server/share/", "a.py"),
        ("", "", "file:///", "a.py"),
    ],
)
def test_base_is_where_people_see_the_paths_from(root: str, base: str, uri: str, first: str) -> None:
    shown = msgspec.structs.replace(finding("a.py", Span(1, 1, 1, 2)))
    run = json.loads(render("sarif", Report(findings=(shown,), root=root, base=base)))["runs"][0]
    assert run["originalUriBaseIds"]["PROJECTROOT"]["uri"] == uri
    assert run["artifacts"][0]["location"]["uri"] == first


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("a b.py", "a%20b.py"),
        ("c:/x.py", "c%3A/x.py"),
        ("a#b?c%.py", "a%23b%3Fc%25.py"),
        ("a\udcff.py", "a%FF.py"),
        ("a\ud800.py", "a%3F.py"),
        ("[x].py", "%5Bx%5D.py"),
    ],
)
def test_uris_are_percent_encoded(path: str, uri: str) -> None:
    run = json.loads(render("sarif", Report(findings=(finding(path, Span(1, 1, 1, 2)),))))["runs"][0]
    assert run["artifacts"][0]["location"]["uri"] == uri


def test_secrets_are_masked_in_related_snippets() -> None:
    related = (Related("a.py", Span(1, 1, 1, 12), "declared here"),)
    shown = report(
        "a.py",
        'KEY = "abc1"\nuse(KEY)\n',
        finding("a.py", Span(1, 7, 1, 13), code="FAPI601"),
        finding("a.py", Span(2, 1, 2, 9), related=related),
    )
    assert "abc1" not in render("sarif", shown)
    assert USERS not in render("sarif", shown)


@pytest.mark.parametrize(
    ("text", "hashes"),
    [
        ("", ["c129715d7a2bc9a3:1"]),
        (" a\nb\n  \t\tc\n d", ["271789c17abda88f:1", "54703d4cd895b18:1", "180aee12dab6264:1", "a23a3dc5e078b07b:1"]),
    ],
)
def test_lines_have_the_hashes_that_github_gives_them(text: str, hashes: list[str]) -> None:
    """The expected numbers are those of GitHub's own tests."""
    for newline in ("\n", "\r\n", "\r"):
        source = Source("a.py", text.replace("\n", newline).encode())
        assert list(line_hashes(source, range(100)).values()) == hashes


def test_equal_lines_are_counted_and_secrets_are_not_hashed() -> None:
    text = "x = 1\n" * 90 + "\U0001d11e = 1\n"
    found = [finding("a.py", Span(line, 1, line, 2)) for line in (1, 2)]
    results = log(report("a.py", text, *found))["results"]
    first, second = (result["partialFingerprints"]["primaryLocationLineHash"] for result in results)
    assert (first.partition(":")[0], first[-2:], second[-2:]) == (second.partition(":")[0], ":1", ":2")
    secret = finding("a.py", Span(1, 5, 1, 10), code="FAPI601")
    for result in log(report("a.py", 'x = "abc"\n', secret, finding("a.py", Span(1, 1, 1, 2))))["results"]:
        assert list(result["partialFingerprints"]) == ["fastapiLint/v1"]


def test_runs_are_told_apart_by_the_place_of_their_project() -> None:
    for root, category, expected in (
        ("/work", "", "fastapi-lint/"),
        ("/work/services/api", "", "fastapi-lint/services/api/"),
        ("/work/services/api", "mine", "mine/"),
    ):
        run = log(Report(root=root, base="/work", category=category))
        assert run["automationDetails"] == {"id": expected}
