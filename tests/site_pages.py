"""Write what the site is built from: its pages as Markdown, and the configuration of the generator (`make site`).

python tests/site_pages.py FOLDER
"""

from __future__ import annotations

import ast
import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from linting import FIXTURES, ROOT, all_rules
from rules_document import example

from fastapi_lint.docs.documentation import unmarked
from fastapi_lint.docs.site.precision import Measured, measured
from fastapi_lint.docs.site.rules import Shown
from fastapi_lint.docs.site.whole import Site, address, site
from fastapi_lint.finding import Finding
from fastapi_lint.rule import Rule
from fastapi_lint.run.story import lint_sources
from fastapi_lint.testing.reading import Example

CONFIGURATION = ROOT / "website" / "mkdocs.yml"
ASSETS = ROOT / "website" / "assets"
PICTURES = ("docs/console.svg",)


def documents() -> dict[str, str]:
    """The repository's documents by their paths."""
    found = [*ROOT.glob("*.md"), *sorted(ROOT.glob("docs/*.md")), *sorted(ROOT.glob("benchmarks/*.md"))]
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in found}


def whole(*, linted: bool = True) -> Site:
    """The site of the rules, fixtures and documents that are here; without what the linter says, in a hurry."""
    texts = documents()
    figures = measured(texts["benchmarks/precision.md"])
    return site([_shown(rule, figures, linted=linted) for rule in all_rules()], texts)


def write(folder: Path) -> None:
    """Replace a folder by the pages (`pages/`) and the configuration (`mkdocs.yml`), by which they get to `html/`."""
    built = whole()
    shutil.rmtree(folder, ignore_errors=True)
    for page, text in built.pages.items():
        path = folder / "pages" / page
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    shutil.copytree(ASSETS, folder / "pages" / "assets")
    for picture in PICTURES:
        shutil.copy(ROOT / picture, folder / "pages" / "assets")
    added: dict[str, object] = {"docs_dir": "pages", "site_dir": "html", "nav": built.navigation}
    if published := address():
        added["site_url"] = published
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in added.items()]  # JSON is YAML
    configuration = CONFIGURATION.read_text(encoding="utf-8") + "".join(lines)
    (folder / "mkdocs.yml").write_text(configuration, encoding="utf-8")


def _shown(rule: Rule, figures: Mapping[str, Measured], *, linted: bool) -> Shown:
    folder = FIXTURES / f"{rule.code}-{rule.name}"
    fixture = Example(folder, folder / "bad.py")
    files = fixture.files(unmarked(fixture.path.read_text(encoding="utf-8")).encode())
    modules = {path: files[path].decode() for path in sorted(_imported(fixture.place, files)) if files[path].strip()}
    known = figures.get(rule.code, Measured())
    findings = _findings(rule, fixture.place, files) if linted else []
    return Shown(rule, example(rule.code, rule.name), modules, findings, known)


def _findings(rule: Rule, place: str, files: Mapping[str, bytes]) -> list[Finding]:
    """What the rule says of the example itself."""
    found = lint_sources(files, select=(rule.code,)).findings
    return [finding for finding in found if finding.path == place and finding.code == rule.code]


def _imported(place: str, files: Mapping[str, bytes]) -> set[str]:
    """The files of an example that it imports, and what these import."""
    seen: set[str] = set()
    waiting = [place]
    while waiting:
        path = waiting.pop()
        named = {file for name in _imports(path, files[path]) for file in (f"{name}.py", f"{name}/__init__.py")}
        new = (named & files.keys()) - seen - {place}
        seen |= new
        waiting += sorted(new)
    return seen


def _imports(path: str, data: bytes) -> Iterator[str]:
    """What a file imports, as paths without an ending; nothing of a file that does not parse."""
    try:
        tree = ast.parse(data)
    except (SyntaxError, ValueError):
        return
    here = path.split("/")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.replace(".", "/") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            before = here[: len(here) - node.level + 1] if node.level else []
            module = [*before, *(node.module or "").split(".")] if node.module else before
            yield "/".join(module)
            yield from ("/".join([*module, alias.name]) for alias in node.names)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
