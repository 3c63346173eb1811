"""The rules of this package against their fixtures."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastapi_lint.testing import Fixture, fixtures, lint

FOLDER = Path(__file__).parent.parent / "fixtures"


@pytest.mark.parametrize("fixture", fixtures(FOLDER, plugins=["acme_rules"]), ids=str)
def test_fixtures(fixture: Fixture) -> None:
    fixture.check()


def test_public_paths_need_no_permission() -> None:
    from acme_rules.write_without_permission import write_without_permission

    app = "from fastapi import FastAPI\napp = FastAPI()\n@app.post('/login')\ndef login() -> None: ...\n"
    for paths, found in ((("/log*",), 0), (("/other",), 1)):
        options = {"ACME001": {"public-paths": paths}}
        rules = [write_without_permission]
        assert len(lint({"main.py": app}, rules=rules, select=["ACME"], options=options)) == found
