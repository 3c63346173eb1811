"""Links between the repository's documents, made links between pages of the site. Changes no other word."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass

from fastapi_lint.report.formats.sarif import HOME

_PARTS = re.compile(
    r"(?P<fence>^(?P<indent> *)(?P<ticks>`{3,})[^\n]*\n.*?^(?P=indent)(?P=ticks) *$)"
    r"|(?P<comment><!--.*?-->)"
    r"|(?P<code>(?P<run>`+)(?!`).+?(?<!`)(?P=run)(?!`))"
    r"|(?P<heading>^#+ [^\n]*$)"
    r"|(?P<link>\[(?P<text>(?:[^\[\]]|\[[^\]]*\])*)\]\((?P<target>[^)\s]+)\))"
    r"|(?P<rule>\bFAPI\d{3}\b)",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Places:
    """Where what the repository's documents say stands on the site.

    `pages` maps a file of the repository, or a heading of it (`README.md#use`), to a page (with an anchor, where it is
    another one); `rules` maps a code to the page of the rule.
    """

    pages: Mapping[str, str]
    rules: Mapping[str, str]

    def of(self, target: str, page: str, document: str) -> str:
        """What a link of a document says where its text stands on a page; what is no page leads to the source."""
        if "://" in target or target.startswith("mailto:"):
            return target
        path, _, anchor = target.partition("#")
        path = posixpath.normpath(posixpath.join(posixpath.dirname(document), path)) if path else document
        exact = self.pages.get(f"{path}#{anchor}") if anchor else None
        if exact is not None:
            return relative(exact, page)
        if path in self.pages:
            return relative(self.pages[path], page) + (f"#{anchor}" if anchor else "")
        return f"{HOME}/blob/main/{path}" + (f"#{anchor}" if anchor else "")


def relative(target: str, page: str) -> str:
    """The way from one page of the site to another, as a link in Markdown has it."""
    path, _, anchor = target.partition("#")
    way = posixpath.relpath(path, posixpath.dirname(page) or ".")
    return f"{way}#{anchor}" if anchor else way


def linked(text: str, page: str, document: str | None, places: Places) -> str:
    """The text of a document as it stands on a page: links lead to pages, and codes of rules are links to theirs.

    A text that is of no document was written for its page, so that its links are right.
    """

    def changed(part: re.Match[str]) -> str:
        if part["link"] is not None and document is not None:
            return f"[{part['text']}]({places.of(part['target'], page, document)})"
        if part["rule"] is not None and part["rule"] in places.rules:
            return f"[{part['rule']}]({relative(places.rules[part['rule']], page)})"
        return "" if part["comment"] is not None else part[0]

    return _PARTS.sub(changed, text)


def slug(heading: str) -> str:
    """The anchor of a heading, as GitHub and the site make it."""
    kept = re.sub(r"[^\w\s-]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower())
    return re.sub(r"[\s]+", "-", kept.strip())


def chapters(text: str) -> dict[str, str]:
    """The parts of a document by their headings of the second level, each with its own; "" is what stands before."""
    found = {"": ""}
    title = ""
    fence = ""
    for line in text.splitlines(keepends=True):
        if mark := re.match(r" *(`{3,})", line):
            fence = "" if fence and mark[1].startswith(fence) else fence or mark[1]
        elif not fence and line.startswith("## "):
            title = line[3:].strip()
        found[title] = found.get(title, "") + line
    return found
