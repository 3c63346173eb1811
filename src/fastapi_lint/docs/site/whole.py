"""The site as a whole: which pages there are, from which documents they come, and how they are found."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Union

from fastapi_lint.catalog.identities import FAMILIES
from fastapi_lint.docs.site.linking import Places, chapters, linked, slug
from fastapi_lint.docs.site.rules import (
    GUIDELINES,
    INDEX,
    PLANNED,
    Shown,
    guidelines_page,
    index_page,
    page_of,
    planned_page,
    rule_page,
)
from fastapi_lint.report.formats.sarif import HOME
from fastapi_lint.rule import RULES_URL, Rule

Navigation = list[dict[str, Union[str, "Navigation"]]]
"""Titles with pages, addresses or further navigation, as MkDocs and Zensical read it."""

README = "README.md"
HOME_PAGE = "index.md"
PICTURE = "assets/console.svg"
FROM_README = {
    "guides/start.md": ("Start", ("Try it", "Install", "Use", "Silence a finding", "Configure")),
    "guides/ci.md": ("Hooks and continuous integration", ("pre-commit", "Continuous integration")),
    "guides/ruff.md": ("Beside other tools", ("Beside Ruff, type checkers and the others", "Coming from Ruff")),
}
"""Guides that are chapters of README.md: page, title, chapters (those that README.md does not have are left out)."""

GUIDES = {
    "adopting": "An old code base",
    "blocking-calls": "Blocking calls",
    "authentication": "Authentication",
    "sessions": "Database sessions",
    "editors": "Editors",
    "writing-rules": "Rules of your own",
    "configuration": "Configuration",
    "troubleshooting": "When something looks wrong",
}
"""Documents below docs/ in the order of the navigation, with their titles there; others follow behind."""

_OPENING = """\
[Start](guides/start.md){{ .md-button .md-button--primary }} [{rules} rules]({index}){{ .md-button }}
[Old code base](guides/adopting.md){{ .md-button }} [CI](guides/ci.md){{ .md-button }}
"""


@dataclass(frozen=True)
class Site:
    """The texts of all pages by their paths, and the navigation through them."""

    pages: Mapping[str, str]
    navigation: Navigation


def site(shown: Collection[Shown], documents: Mapping[str, str]) -> Site:
    """The whole site, of the rules that are built and of the repository's documents (path: text)."""
    rules = {each.rule.code: each.rule for each in shown}
    places = _places(rules, documents)
    pages = {each.page: linked(rule_page(each), each.page, None, _without(places, each.rule.code)) for each in shown}
    pages[INDEX] = linked(index_page(list(rules.values())), INDEX, None, places)
    pages[PLANNED] = linked(planned_page(rules.keys()), PLANNED, None, places)
    pages[GUIDELINES] = guidelines_page(rules)
    for page, text in _from_readme(documents[README], len(rules)).items():
        pages[page] = linked(text, page, README, places)
    for document, page in _whole_documents(documents).items():
        pages[page] = linked(documents[document], page, document, places)
    return Site(pages, _navigation(rules.values(), documents))


def address() -> str:
    """Where the site is published, as the links of reports say it; "" while they lead elsewhere."""
    before, found, _ = RULES_URL.partition("/rules/{rule}")
    return f"{before}/" if found else ""


def _places(rules: Mapping[str, Rule], documents: Mapping[str, str]) -> Places:
    by_code = {code: page_of(code, rule.name) for code, rule in rules.items()}
    pages = {README: HOME_PAGE, "rules.md": INDEX, **_whole_documents(documents)}
    pages["rules.md#coverage-of-the-documented-guidelines"] = GUIDELINES
    pages |= {f"rules.md#{page.removeprefix('rules/').removesuffix('.md')}": page for page in by_code.values()}
    for page, text in _from_readme(documents[README], len(rules)).items():
        for heading in re.findall(r"^###? (.+)$", text, re.MULTILINE):
            pages[f"{README}#{slug(heading)}"] = f"{page}#{slug(heading)}"
    pages["docs/console.svg"] = PICTURE
    pages["benchmarks"] = pages.get("benchmarks/precision.md", HOME_PAGE)
    return Places(pages, by_code)


def _without(places: Places, code: str) -> Places:
    """The places for the page of a rule, which does not lead to itself."""
    return Places(places.pages, {other: page for other, page in places.rules.items() if other != code})


def _from_readme(readme: str, rules: int) -> dict[str, str]:
    """The opening page and the guides that are made of README.md."""
    parts = chapters(readme)
    pages = {}
    for page, (title, names) in FROM_README.items():
        if found := [parts[name] for name in names if name in parts]:
            pages[page] = f"# {title}\n\n" + "".join(found)
    opening = parts[""].rstrip() + "\n\n" + _OPENING.format(rules=rules, index=INDEX) + "\n"
    pages[HOME_PAGE] = opening + parts.get("What it finds that others do not", "")
    return pages


def _whole_documents(documents: Mapping[str, str]) -> dict[str, str]:
    """The page of each document that is shown as it is."""
    pages = {}
    for path in documents:
        folder, _, name = path.rpartition("/")
        if folder == "docs":
            pages[path] = f"guides/{name}"
        elif folder == "benchmarks":
            pages[path] = f"measurements/{name}"
        elif path not in (README, "rules.md"):
            pages[path] = f"project/{name.lower()}"
    return pages


def _navigation(rules: Collection[Rule], documents: Mapping[str, str]) -> Navigation:
    whole = _whole_documents(documents)
    guides: Navigation = [{title: page} for page, (title, _) in FROM_README.items()]
    present = {page.removeprefix("guides/").removesuffix(".md"): page for page in whole.values() if "guides/" in page}
    guides[1:1] = [{title: present[name]} for name, title in GUIDES.items() if name in present]
    guides += [{_title(documents[path]): page} for path, page in whole.items() if _is_other(page)]
    families: Navigation = []
    for digit, (_, title) in FAMILIES.items():
        family = [rule for rule in rules if rule.code[4] == digit]
        inside: Navigation = [{f"{rule.code} {rule.name}": page_of(rule.code, rule.name)} for rule in family]
        families += [{title: inside}] if inside else []
    measurements: Navigation = [
        {_title(documents[path]): page} for path, page in sorted(whole.items()) if page.startswith("measurements/")
    ]
    project: Navigation = [
        {_title(documents[path]): page} for path, page in whole.items() if page.startswith("project/")
    ]
    return [
        {"Start": HOME_PAGE},
        {"Guides": guides},
        {"Rules": [{"All rules": INDEX}, *families, {"Planned and dropped": PLANNED}]},
        {"Guidelines": GUIDELINES},
        {"Measurements": measurements},
        {"Project": [*project, {"Source": HOME}]},
    ]


def _is_other(page: str) -> bool:
    return page.startswith("guides/") and page.removeprefix("guides/").removesuffix(".md") not in GUIDES


def _title(text: str) -> str:
    """The first heading of a document."""
    found = re.search(r"^# (.+)$", text, re.MULTILINE)
    return found[1] if found else ""
