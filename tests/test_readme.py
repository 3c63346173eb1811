"""README.md says what is true: its examples' output, its links, its configuration, and the picture of the console."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
from linting import ROOT
from screenshot import PICTURE, svg

from fastapi_lint.config.schema import KEYS
from fastapi_lint.config.settings import Settings, load
from fastapi_lint.config.vocabulary import Vocabulary
from fastapi_lint.docs import reference
from fastapi_lint.files.source import Source
from fastapi_lint.report import Report, render
from fastapi_lint.run.story import lint_sources, planned, rules

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(# app/.*?)```\n\n```text\n(.*?)```\n", TEXT, re.DOTALL)
_FILE = re.compile(r"^# (app/\w+\.py)$", re.MULTILINE)


def test_three_examples_are_found() -> None:
    assert len(EXAMPLES) == 3


@pytest.mark.parametrize(("code", "said"), EXAMPLES, ids=["blocking", "shadowed", "session"])
def test_examples_give_the_output_shown(code: str, said: str) -> None:
    starts = [match.start() for match in _FILE.finditer(code)]
    texts = [code[start:end] for start, end in zip(starts, [*starts[1:], len(code)], strict=True)]
    files = {text.split("\n", 1)[0].removeprefix("# "): text.encode() for text in texts}
    assert len(files) > 1, "one file would show nothing"
    result = lint_sources(files)
    sources = {path: Source(path, data) for path, data in files.items()}
    assert render("concise", Report(findings=result.findings, sources=sources, files=len(files))) == said


def test_links_lead_somewhere() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)", TEXT) if "://" not in link]
    assert "rules.md" in links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_configuration_is_accepted(tmp_path: Path) -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    file = tmp_path / "pyproject.toml"
    file.write_text(block, encoding="utf-8")
    settings = load(file.parent, known=Vocabulary(rules(), planned()), cwd=file.parent)
    assert settings.blocking[0]["name"] == "acme.sdk.Client"
    assert settings.baseline == "baseline.json"


def test_the_reference_of_the_configuration_is_current() -> None:
    said = "run: make rules"
    assert (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8") == reference.reference(), said


def test_every_key_has_an_example_that_is_accepted(tmp_path: Path) -> None:
    assert list(reference.EXAMPLES) == list(KEYS)
    (tmp_path / "lint.toml").write_text("", encoding="utf-8")
    for key, example in reference.EXAMPLES.items():
        (tmp_path / "project").mkdir(exist_ok=True)
        (tmp_path / "project" / "fastapi-lint.toml").write_text(example, encoding="utf-8")
        settings = load(tmp_path / "project", known=Vocabulary(rules(), planned()), cwd=tmp_path)
        if key not in ("extend", "preset", "extend-select"):
            name = key.replace("-", "_")
            assert getattr(settings, name) != getattr(Settings(root=tmp_path), name), key


def test_every_code_is_a_rule() -> None:
    assert set(re.findall(r"FAPI\d{3}", TEXT)) <= {rule.code for rule in rules()}


def test_picture_is_current() -> None:
    """The words of the picture, not how this version of rich draws them; `make screenshot` draws it anew."""
    assert _words(PICTURE.read_text(encoding="utf-8")) == _words(svg())


def _words(picture: str) -> list[str]:
    return [html.unescape(text).replace("\xa0", " ") for text in re.findall(r"<text[^>]*>(.*?)</text>", picture)]
