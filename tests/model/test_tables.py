"""Tables that are collected from the modules: each is found under the name that it is declared with."""

from __future__ import annotations

import re
from pathlib import Path

from model.projects import project

from fastapi_lint.tracking.tables import collection

SOURCES = Path(__file__).resolve().parent.parent.parent / "src" / "fastapi_lint"


def test_every_table_is_where_its_name_says() -> None:
    of = project(app="from fastapi import FastAPI\napp = FastAPI()\n")
    texts = (path.read_text(encoding="utf-8") for path in SOURCES.rglob("*.py"))
    names = {name for text in texts for name in re.findall(r"@collected\(\s*\"([\w.]+)\"", text)}
    assert len(names) > 40
    for name in sorted(names):
        collection(of, name)
