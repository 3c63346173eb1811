"""The guide for those who write rules, and what the README says of it, are true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from linting import ROOT

import fastapi_lint.api
import fastapi_lint.testing
from plugins.projects import HEAD, Runs, written

GUIDE = (ROOT / "docs" / "writing-rules.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
APP = """\
from fastapi import Depends, FastAPI
from shop.permissions import permitted

app = FastAPI()


@app.post("/orders", status_code=201)
async def create_order() -> None: ...


@app.post("/invoices", status_code=201, dependencies=[Depends(permitted)])
async def create_invoice() -> None: ...
"""
(OF_README,) = re.findall(r"```python\n(@rule\(.*?)```", README, re.DOTALL)
OF_GUIDE = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)[0]


@pytest.mark.parametrize("text", [HEAD + OF_README, OF_GUIDE], ids=["README.md", "docs/writing-rules.md"])
def test_the_rules_shown_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    files = {"shop/main.py": APP, "shop/permissions.py": "def permitted() -> None: ...\n", "lint_shown.py": text}
    written(tmp_path, {"fastapi-lint.toml": 'plugins = ["lint_shown"]\nselect = ["ACME"]\n', **files})
    monkeypatch.chdir(tmp_path)
    assert Runs(capsys).found() == ["shop/main.py:7:2 ACME001"]


def test_every_name_of_the_public_surface_that_it_uses_is_there() -> None:
    named = set(re.findall(r"\b(?:from fastapi_lint\.(?:api|testing) import )(.*)", GUIDE))
    words = {word for line in named for word in line.split(", ")}
    assert words <= {*fastapi_lint.api.__all__, *fastapi_lint.testing.__all__}
    shown = set(re.findall(r"`project((?:\.\w+)+)", GUIDE))
    documented = fastapi_lint.api.__doc__ or ""
    assert len(shown) >= 9
    assert [each for each in shown if f"project{each}" not in documented] == []


def test_it_says_that_naming_a_plugin_executes_its_code() -> None:
    assert "**Naming a plugin in a configuration executes its code**" in GUIDE
    assert "Naming a plugin executes its code" in README
