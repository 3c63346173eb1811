"""The habits that every rule keeps: identity, documentation, fixture, rules.md. Judges no finding."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from linting import FIXTURES, ROOT, all_rules, fixture_folders, rule_modules
from rules_document import document

from fastapi_lint.catalog.identities import FAMILIES, identities
from fastapi_lint.docs.documentation import HEADINGS, sections
from fastapi_lint.finding import Safety
from fastapi_lint.rule import RULES_URL, Rule
from fastapi_lint.run.registry import known

BAD_AND_GOOD_LINES = 60

every_rule = pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: f"{rule.code}-{rule.name}")


def test_codes_and_names_are_unique() -> None:
    codes = Counter(rule.code for rule in all_rules())
    names = Counter(rule.name for rule in all_rules())
    assert all_rules()
    assert [each for each, count in (codes + names).items() if count > 1] == []


def test_one_rule_per_module_and_the_module_bears_its_name() -> None:
    wanted = sorted(
        f"fastapi_lint.rules.{FAMILIES[rule.code[4]][0]}.{rule.name.replace('-', '_')}" for rule in all_rules()
    )
    assert rule_modules() == wanted


@every_rule
def test_identity_is_that_of_the_catalogue(rule: Rule) -> None:
    row = identities()[rule.code]
    assert (rule.name, rule.preset) == (row.name, row.preset)
    if rule.fix is Safety.SAFE:
        assert row.fix == "safe", "a fix may be more careful than the catalogue says, never less"
    if row.fix == "none":
        assert rule.fix is None


def test_the_catalogue_is_sorted_and_names_complete_the_sentence() -> None:
    rows = list(identities().values())
    assert [row.code for row in rows] == sorted({row.code for row in rows})
    assert len({row.name for row in rows}) == len(rows)
    assert [row.name for row in rows if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", row.name)] == []
    assert [row.code for row in rows if not row.guideline.endswith(".")] == []


@every_rule
def test_documentation_is_complete_and_in_order(rule: Rule) -> None:
    parts = sections(rule.documentation)
    headings = [heading for heading in parts if heading]
    assert headings == [heading for heading in HEADINGS if heading in parts], "the order of sections is fixed"
    assert all(parts.values()), "no section is empty"
    assert {"Why is this bad?", "References"} <= parts.keys()
    assert ("Fix safety" in parts) == (rule.fix is Safety.UNSAFE), "an unsafe fix is explained, and only an unsafe one"
    links = parts["References"].splitlines()
    assert all(re.fullmatch(r"- \[[^\]]+\]\(https://\S+\)", link) for link in links), "references are titles with links"
    written = inspect.cleandoc(rule.documentation).splitlines()
    for below in (written[written.index(heading) + 1] for heading in headings):
        assert below == below.strip(), "what is below a heading has its margin, and begins in the next line"
    assert "TODO" not in rule.documentation


@every_rule
def test_summary_is_one_sentence(rule: Rule) -> None:
    assert rule.summary.endswith(".")
    assert rule.summary[0].isupper() or rule.summary[0] == "`"
    assert len(rule.summary) <= 120
    assert sections(rule.documentation)[""].split("\n\n")[0] == rule.summary, "a blank line follows the summary"


@every_rule
def test_every_rule_has_short_examples(rule: Rule) -> None:
    folder = FIXTURES / f"{rule.code}-{rule.name}"
    for name in ("bad.py", "good.py"):
        text = (folder / name).read_bytes()
        assert 0 < len(text.splitlines()) <= BAD_AND_GOOD_LINES, f"{name} is an example; edge cases go to more/"
    if rule.fix is None:
        assert not (folder / "fixed.py").exists()
    else:
        assert any(folder.rglob("*fixed.py")), "a rule with a fix shows what it writes"


def test_every_fixture_folder_belongs_to_a_rule() -> None:
    assert {folder.name for folder in fixture_folders()} <= {f"{rule.code}-{rule.name}" for rule in all_rules()}


@every_rule
def test_since_is_a_version(rule: Rule) -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", rule.since)


def test_rules_md_is_current() -> None:
    assert (ROOT / "rules.md").read_text(encoding="utf-8") == document(), "run: make rules"


def test_every_url_leads_to_a_heading_of_rules_md(tmp_path: Path) -> None:
    text = (ROOT / "rules.md").read_text(encoding="utf-8")
    anchors = {line[4:].strip().lower().replace(" ", "-") for line in text.splitlines() if line.startswith("### ")}
    slugs = {rule.code: f"{rule.code.lower()}-{rule.name}" for rule in all_rules()}
    assert set(slugs.values()) <= anchors
    assert [rule.code for rule in all_rules() if rule.url != RULES_URL.format(rule=slugs[rule.code])] == []
    assert {row.code: row.url for row in known(tmp_path).built} == {rule.code: rule.url for rule in all_rules()}


def test_the_linter_is_clean_on_itself() -> None:
    command = [sys.executable, "-m", "fastapi_lint", "check", "--preset", "strict", "--no-cache", "src", "tests"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
