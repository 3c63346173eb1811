"""The guides below docs/ say what is true: the output of their examples, their configuration, their codes and links."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from linting import ROOT

from fastapi_lint.config.settings import load
from fastapi_lint.config.vocabulary import Vocabulary
from fastapi_lint.docs.site.linking import slug
from fastapi_lint.files.source import Source
from fastapi_lint.report import Report, render
from fastapi_lint.run.story import lint_sources, planned, rules

GUIDES = {path.stem: path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("docs/*.md"))}
_EXAMPLE = re.compile(r"```python\n(# app/.*?)```\n\n```text\n(.*?)```\n", re.DOTALL)
EXAMPLES = [(name, code, said) for name, text in GUIDES.items() for code, said in _EXAMPLE.findall(text)]
_FILE = re.compile(r"^# (app/\w+\.py)$", re.MULTILINE)

every_guide = pytest.mark.parametrize("name", GUIDES)


@pytest.mark.parametrize(("name", "code", "said"), EXAMPLES, ids=[name for name, _, _ in EXAMPLES])
def test_examples_give_the_output_shown(name: str, code: str, said: str) -> None:
    starts = [match.start() for match in _FILE.finditer(code)]
    texts = [code[start:end] for start, end in zip(starts, [*starts[1:], len(code)], strict=True)]
    files = {text.split("\n", 1)[0].removeprefix("# "): text.encode() for text in texts}
    result = lint_sources(files)
    sources = {path: Source(path, data) for path, data in files.items()}
    assert render("concise", Report(findings=result.findings, sources=sources, files=len(files))) == said


@pytest.mark.parametrize("name", ["authentication", "blocking-calls", "sessions"])
def test_guides_have_examples(name: str) -> None:
    assert name in {guide for guide, _, _ in EXAMPLES}


@every_guide
def test_every_code_is_a_rule(name: str) -> None:
    assert set(re.findall(r"FAPI\d{3}", GUIDES[name])) <= {rule.code for rule in rules()}


@every_guide
def test_links_lead_somewhere(name: str) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", GUIDES[name])):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / "docs" / path).resolve() if path else ROOT / "docs" / f"{name}.md"
        assert target.exists(), link
        if anchor and target.suffix == ".md":
            headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {slug(heading) for heading in headings}, link


@pytest.mark.parametrize("name", ["authentication", "blocking-calls"])
def test_configuration_is_accepted(name: str, tmp_path: Path) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", GUIDES[name], re.DOTALL)
    assert blocks
    for number, block in enumerate(blocks):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "pyproject.toml").write_text(block, encoding="utf-8")
        load(folder, known=Vocabulary(rules(), planned()), cwd=folder)
