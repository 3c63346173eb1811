"""Check the links inside of a built site: pages, anchors, pictures, scripts; and that nothing is loaded from elsewhere.

python tests/site_links.py FOLDER        prints what is wrong, and fails when something is
"""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}
"""Elements that make a browser load something, with the attribute that says what."""
NOT_LOADED = {"canonical", "next", "prev", "alternate"}
"""Kinds of `<link>` that only name another page."""


class Page(HTMLParser):
    """What a page has and points to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.anchors |= {value for name in ("id", "name") if (value := values.get(name))}
        if tag == "a" and (target := values.get("href")):
            self.links.append(target)
        elif (target := values.get(LOADED.get(tag, ""))) and values.get("rel") not in NOT_LOADED:
            self.loaded.append(target)


def faults(folder: Path) -> list[str]:
    """What is wrong with the links of the site in a folder, one line each."""
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.html"))}
    found = []
    for path, page in pages.items():
        if path.name == "404.html":  # is shown at any address, so that its links count from the top of the server
            continue
        shown = path.relative_to(folder).as_posix()
        found += [f"{shown}: loads {each}" for each in page.loaded if urlsplit(each).netloc]
        for target in [*page.links, *page.loaded]:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            leads_to = path if not parts.path else (path.parent / unquote(parts.path)).resolve()
            if leads_to.is_dir():
                leads_to /= "index.html"
            if not leads_to.is_file():
                found.append(f"{shown}: {target} leads nowhere")
            elif parts.fragment and leads_to in pages and unquote(parts.fragment) not in pages[leads_to].anchors:
                found.append(f"{shown}: {target} names no place there")
    return found


if __name__ == "__main__":
    folder = Path(sys.argv[1]).resolve()
    wrong = faults(folder)
    sys.stdout.write("".join(f"{line}\n" for line in wrong))
    sys.stdout.write(f"{len(list(folder.rglob('*.html')))} pages, {len(wrong)} faults\n")
    sys.exit(bool(wrong) or not any(folder.rglob("*.html")))
