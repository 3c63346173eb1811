"""One server for all tests of a process: each opens a folder of its own, and closes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from server.editor import Editor, written

Project = Callable[[Mapping[str, str]], Path]


@pytest.fixture(scope="session")
def running() -> Iterator[Editor]:
    editor = Editor()
    yield editor
    assert editor.close() == 0


@pytest.fixture
def editor(running: Editor) -> Iterator[Editor]:
    yield running
    running.shut_all()
    assert running.log == [], "the server logged an error"


@pytest.fixture
def project(running: Editor, tmp_path: Path) -> Iterator[Project]:
    """Writes files, and opens their folder."""

    def opened(files: Mapping[str, str]) -> Path:
        folder = written(tmp_path, {"pyproject.toml": "[tool.fastapi-lint]\n", **files})
        running.folders(folder)
        return folder

    yield opened
    running.folders(removed=[tmp_path])
