"""Safe fixes keep a program: importable fixture applications give the same OpenAPI document and the same answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import islice
from pathlib import Path

import pytest
from linting import examples, fix

from fastapi_lint.testing.reading import Example

pytest.importorskip("fastapi")

pytestmark = pytest.mark.slow

ASK = """
import fastapi, httpx
import gc, importlib, json, os, signal, sys

def ask(folder, name):
    os.chdir(folder)
    sys.path.insert(0, ".")
    module = importlib.import_module(name)
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
    with open("../answers.json", "w", encoding="utf-8") as file:
        json.dump(answers, file)

gc.freeze()
for line in sys.stdin:
    if not hasattr(os, "fork"):
        ask(*json.loads(line))
    elif child := os.fork():
        print(os.waitpid(child, 0)[1], flush=True)
    else:
        signal.alarm(60)
        os.dup2(2, 1)
        try:
            ask(*json.loads(line))
        except BaseException:
            os._exit(1)
        os._exit(0)
"""
"""Imports what every application does, and has a copy of itself import one that it is told, and ask that. (Where a
process cannot be copied it asks itself, once.) Nothing else may be there already: the application could need it."""


class Asking:
    """A process that asks, as long as it can."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def ask(self, folder: Path, files: Mapping[str, bytes], place: str) -> object:
        """What the application says of itself and answers; None when it cannot be imported."""
        for path, data in files.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        answers = folder.parent / "answers.json"
        answers.unlink(missing_ok=True)
        asked = json.dumps([str(folder), place.removesuffix(".py").replace("/", ".")]) + "\n"
        if not hasattr(os, "fork"):
            subprocess.run([sys.executable, "-c", ASK], input=asked, stderr=subprocess.DEVNULL, text=True, timeout=60)
            return json.loads(answers.read_text("utf-8")) if answers.exists() else None
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-c", ASK],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(asked)
        self._process.stdin.flush()
        status = int(self._process.stdout.readline())
        assert status in (0, 1 << 8), "it takes too long, or ends the process"
        return json.loads(answers.read_text("utf-8")) if status == 0 else None

    def end(self) -> None:
        """Let the process go."""
        if self._process is not None:
            self._process.communicate()


@pytest.fixture(scope="module")
def asking() -> Iterator[Asking]:
    made = Asking()
    yield made
    made.end()


@cache
def fixed_safely(example: Example) -> dict[str, bytes]:
    return fix(example.files(), example.select, unsafe=False)


CHANGED = [
    each
    for pattern in ("bad.py", "more/*.py")
    for each in examples(pattern)
    if each.fixed.exists()  # of the others `test_fixtures` says that no fix changes them, not even an unsafe one
]


@pytest.mark.parametrize("example", CHANGED, ids=str)
def test_safe_fixes_keep_the_document_and_the_answers(example: Example, tmp_path: Path, asking: Asking) -> None:
    before = example.files()
    after = fixed_safely(example)
    if after == before:
        pytest.skip("no safe fix here")
    said = asking.ask(tmp_path / "before", before, example.place)
    if said is None:
        pytest.skip("the application fails at import as it stands")
    assert asking.ask(tmp_path / "after", after, example.place) == said


def test_there_are_applications_to_compare() -> None:
    changed = (each for each in CHANGED if fixed_safely(each) != each.files())
    assert len(list(islice(changed, 8))) == 8
