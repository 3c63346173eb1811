"""Safe fixes keep a program: importable fixture applications give the same OpenAPI document and the same answers."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

import pytest
from linting import examples, fix

from fastapi_lint.testing.reading import Example

pytest.importorskip("fastapi")

pytestmark = pytest.mark.slow

ASK = """
import importlib, json, sys
sys.path.insert(0, ".")
module = importlib.import_module(sys.argv[1])
from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient

apps = [value for value in vars(module).values() if isinstance(value, FastAPI)]
if not apps:
    app = FastAPI()
    for value in vars(module).values():
        if isinstance(value, APIRouter):
            app.include_router(value)
    apps = [app]
answers = []
for app in apps:
    document = app.openapi()
    client = TestClient(app, raise_server_exceptions=False)
    asked = {}
    for path, operations in document["paths"].items():
        for method in sorted(operations):
            for query in ({}, {"limit": 1, "q": "a", "name": "b", "skip": 1}):
                answer = client.request(method, path.replace("{", "").replace("}", ""), params=query)
                asked[f"{method} {path} {query}"] = [answer.status_code, answer.text]
    answers.append([document, asked])
print(json.dumps(answers))
"""


def ask(folder: Path, files: Mapping[str, bytes], place: str) -> object:
    """What the application says of itself and answers; None when it cannot be imported."""
    for path, data in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    module = place.removesuffix(".py").replace("/", ".")
    done = subprocess.run([sys.executable, "-c", ASK, module], cwd=folder, capture_output=True, text=True, timeout=60)
    return json.loads(done.stdout) if done.returncode == 0 else None


def fixed_safely(example: Example) -> dict[str, bytes]:
    return fix(example.files(), example.select, unsafe=False)


CHANGED = [
    each
    for pattern in ("bad.py", "more/*.py")
    for each in examples(pattern)
    if each.fixed.exists()  # of the others `test_fixtures` says that no fix changes them, not even an unsafe one
]


@pytest.mark.parametrize("example", CHANGED, ids=str)
def test_safe_fixes_keep_the_document_and_the_answers(example: Example, tmp_path: Path) -> None:
    before = example.files()
    after = fixed_safely(example)
    if after == before:
        pytest.skip("no safe fix here")
    said = ask(tmp_path / "before", before, example.place)
    if said is None:
        pytest.skip("the application fails at import as it stands")
    assert ask(tmp_path / "after", after, example.place) == said


def test_there_are_applications_to_compare() -> None:
    changed = (each for each in CHANGED if fixed_safely(each) != each.files())
    assert len(list(islice(changed, 8))) == 8
