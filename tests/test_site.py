"""The site: a page a rule, links that lead somewhere, what was measured. Builds no HTML (`make site` does)."""

from __future__ import annotations

import posixpath
import re
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from linting import ROOT, all_rules
from site_links import faults
from site_pages import ASSETS, PICTURES, documents, whole

from fastapi_lint.catalog.identities import identities
from fastapi_lint.docs.documentation import Example
from fastapi_lint.docs.site import whole as whole_module
from fastapi_lint.docs.site.linking import Places, chapters, linked, slug
from fastapi_lint.docs.site.precision import Look, Measured, measured
from fastapi_lint.docs.site.rules import GUIDELINES, INDEX, PLANNED, Shown, page_of, rule_page
from fastapi_lint.docs.site.whole import GUIDES, Navigation, Site, address
from fastapi_lint.finding import Finding, Span
from fastapi_lint.rule import Rule

_FENCE = re.compile(r"^( *)(`{3,})[^\n]*\n.*?^\1\2 *$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)|(?:href|src)=\"([^\"]+)\"")


@cache
def site() -> Site:
    return whole(linted=False)


def prose(text: str) -> str:
    """A page without its code."""
    return re.sub(r"`[^`\n]+`", "", _FENCE.sub("", text))


def anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", text), re.MULTILINE)
    return {slug(heading) for heading in headings} | set(re.findall(r"\{ #([\w-]+) \}", text))


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.code)
def test_every_rule_has_a_page_that_says_all(rule: Rule) -> None:
    page = page_of(rule.code, rule.name)
    assert page == f"rules/{rule.code.lower()}-{rule.name}.md", "as the links of reports end"
    text = site().pages[page]
    assert text.startswith(f"# {rule.code} {rule.name}\n")
    headings = re.findall(r"^## (.+)$", _FENCE.sub("", text), re.MULTILINE)
    needed = ["Why is this bad?", "Example", "What to do", "Fix", "Measured precision", "References"]
    assert [heading for heading in headings if heading in needed] == needed
    assert ("Known limits" in headings) == ("Known limits\n" in rule.documentation)
    assert f"<span>since</span> {rule.since}" in text
    assert identities()[rule.code].guideline.split("`")[0] in text
    assert site().pages[INDEX].count(f"]({page.removeprefix('rules/')})") == 1


def test_links_lead_to_pages_and_headings() -> None:
    pages = dict(site().pages)
    files = {f"assets/{path.name}" for path in (*ASSETS.iterdir(), *(ROOT / picture for picture in PICTURES))}
    wrong = []
    for page, text in pages.items():
        for written in (one or other for one, other in _LINK.findall(prose(text))):
            parts = urlsplit(written)
            if parts.scheme or written.startswith("../?"):  # the latter is the index, with filters
                continue
            target = posixpath.normpath(posixpath.join(posixpath.dirname(page), parts.path)) if parts.path else page
            if target not in pages and target not in files:
                wrong.append(f"{page}: {written}")
            elif parts.fragment and parts.fragment not in anchors(pages[target]):
                wrong.append(f"{page}: {written} names no heading")
    assert wrong == []


def test_navigation_leads_to_every_page_once() -> None:
    def leaves(navigation: Navigation) -> list[str]:
        values = [value for entry in navigation for value in entry.values()]
        return [leaf for value in values for leaf in ([value] if isinstance(value, str) else leaves(value))]

    inside = [leaf for leaf in leaves(site().navigation) if "://" not in leaf]
    assert sorted(inside) == sorted(site().pages)


def test_every_document_is_there() -> None:
    guides = [path for path in documents() if path.startswith("docs/")]
    assert {path.replace("docs/", "guides/") for path in guides} <= site().pages.keys()
    assert {"guides/start.md", "guides/ci.md", "guides/ruff.md", GUIDELINES, PLANNED} <= site().pages.keys()
    assert set(GUIDES) - {"editors", "writing-rules"} <= {Path(path).stem for path in guides}


def test_codes_in_text_are_links_and_code_is_left_alone() -> None:
    places = Places({"docs/a.md": "guides/a.md", "README.md#use": "guides/start.md#use"}, {"FAPI101": "rules/x.md"})
    text = "# FAPI101\n\nFAPI101, `FAPI101`, [FAPI101](a.md#b), [use](../README.md#use), [code](../src/x.py)\n\n"
    fence = "```python\n# FAPI101 [a](a.md)\n```\n"
    assert linked(text + fence, "guides/b.md", "docs/b.md", places) == (
        "# FAPI101\n\n[FAPI101](../rules/x.md), `FAPI101`, [FAPI101](a.md#b), [use](start.md#use), "
        "[code](https://github.com/fastapi-lint/fastapi-lint/blob/main/src/x.py)\n\n" + fence
    )


def test_chapters_do_not_begin_in_code() -> None:
    text = "before\n\n## One\n\n```\n## no\n```\n\n## Two\n"
    assert chapters(text) == {"": "before\n\n", "One": "## One\n\n```\n## no\n```\n\n", "Two": "## Two\n"}


PRECISION = """\
# Precision

## All looks together

| rule | preset | judged | true | arguable | false |
|---|---|---:|---:|---:|---:|
| FAPI101 blocking-call-in-async | recommended | 25 | 21 | 3 | 1 |

## First, 2026-01-01

| rule | projects | findings | judged (projects) | false before | left | notes |
|---|---|---|---|---:|---|---|
| FAPI101 blocking-call-in-async, long | 2 + 1 | 9 | older: 21 (19) | 1 | 0 + 2 | one \\| two |

## Second

| rule | judged | true | arguable | false | what |
|---|---:|---:|---:|---:|---|
| FAPI101 | 4 | 3 | 1 | 0 | a header |
| FAPI409, 410 | 6 | 2 | 1 | 3 | a pin |
| 36 others | 71 | 71 | 0 | 0 | |
| all others | 5 | 5 | 0 | 0 | FAPI105 3, 111 2 |

All true: FAPI001 2, 103
12.

| rule | findings by project |
|---|---|
| FAPI104 | skyvern 133 |

## Third

| rule | findings | true | arguable | false | what |
|---|---:|---:|---:|---:|---|
| FAPI419 weak-password-field (strict) | 3 | 2 | 0 | 1 | |
| FAPI641 loose-cors-origin-regex | 0 | | | | mutation |

| rule | what is known |
|---|---|
| FAPI002 unused-suppression | fixtures |
"""


def test_measurements_are_read_from_tables_and_lists() -> None:
    assert measured(PRECISION) == {
        "FAPI001": Measured((Look("Second", 2, 0, 0),)),
        "FAPI002": Measured(known="fixtures"),
        "FAPI101": Measured((Look("First", 21, 1, 2, "one | two", "long"), Look("Second", 4, 0, 1, "a header"))),
        "FAPI103": Measured((Look("Second", 12, 0, 0),)),
        "FAPI105": Measured((Look("Second", 3, 0, 0),)),
        "FAPI111": Measured((Look("Second", 2, 0, 0),)),
        "FAPI409": Measured((Look("Second", 6, 3, 1, "a pin", together=("FAPI410",)),)),
        "FAPI410": Measured((Look("Second", 6, 3, 1, "a pin", together=("FAPI409",)),)),
        "FAPI419": Measured((Look("Third", 3, 1, 0, "", "strict"),)),
    }
    assert measured(PRECISION)["FAPI101"].total == Look("all", 25, 1, 3)
    assert measured(PRECISION)["FAPI409"].total.judged == 0


def test_no_judged_rule_of_the_real_document_is_missed() -> None:
    known = measured(documents()["benchmarks/precision.md"])
    assert known["FAPI102"].total.judged > 80
    assert known["FAPI002"].known
    assert all(look.true >= 0 for each in known.values() for look in each.looks), "a column was taken for another"
    assert known.keys() <= {rule.code for rule in all_rules()}


def test_a_page_says_what_the_linter_says_and_what_was_not_measured() -> None:
    rule = next(rule for rule in all_rules() if rule.code == "FAPI311")
    found = Finding(rule.code, rule.name, "it is returned", "bad.py", Span(1, 1, 1, 2), why="200", instead="raise it")
    example = Example("bad = 1  # expect: FAPI311 returned\n", "good = 1\n", "bad = 2\n")
    text = rule_page(Shown(rule, example, {"app/part.py": "part = 1\n"}, [found], Measured()))
    assert "```python\nbad = 1  # FAPI311\n```\n\nwith `app/part.py`:\n\n```python\npart = 1\n```" in text
    assert "- it is returned; 200; **instead:** raise it.\n" in text
    assert "\n-bad = 1\n+bad = 2\n" in text
    assert "## Measured precision\n\nNot measured.\n" in text


def test_the_site_stands_where_reports_say(monkeypatch: pytest.MonkeyPatch) -> None:
    assert address() == "", "reports lead to rules.md as long as no site is published"
    monkeypatch.setattr(whole_module, "RULES_URL", "https://lint.example/docs/rules/{rule}/")
    assert address() == "https://lint.example/docs/"


def test_links_of_a_built_site_are_checked(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "index.html").write_text(
        '<a href="rules/#here">a</a><a href="rules/#there">b</a><a href="gone/">c</a><a href="https://x.example/">d</a>'
        '<script src="https://cdn.example/x.js"></script><img src="none.png"><link rel="next" href="rules/">'
    )
    (tmp_path / "rules" / "index.html").write_text('<h2 id="here">a</h2><a href="..">up</a>')
    assert faults(tmp_path) == [
        "index.html: loads https://cdn.example/x.js",
        "index.html: rules/#there names no place there",
        "index.html: gone/ leads nowhere",
        "index.html: none.png leads nowhere",
    ]
