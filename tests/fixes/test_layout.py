"""What a fix leaves of the lines around it, where a fixture cannot show it because its marks are comments."""

from __future__ import annotations

import pytest
from linting import fix

HEAD = "from fastapi import FastAPI\n\napp = FastAPI()\n\n\n"
TAIL = "\nasync def names() -> list[str]:\n    return []\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('@app.get(\n    "/", response_model=list[str]\n)', '@app.get("/")'),
        ('@app.get(\n    "/", response_model=list[str], status_code=200\n)', '@app.get("/", status_code=200)'),
        ('@app.get(\n    "/", response_model=list[str],\n)', '@app.get(\n    "/",\n)'),
        ('@app.get(\n    "/",\n    response_model=list[str],\n)', '@app.get(\n    "/",\n)'),
        ('@app.get(\n    "/", response_model=list[str]  # all\n)', '@app.get(\n    "/"  # all\n)'),
        (
            f'@app.get(\n    "/{"x" * 80}", response_model=list[str]\n)',
            f'@app.get(\n    "/{"x" * 80}"\n)',
        ),
    ],
)
def test_a_decorator_broken_for_an_argument_is_joined_without_it(before: str, after: str) -> None:
    files = {"app.py": f"{HEAD}{before}{TAIL}".encode()}
    assert fix(files, ["FAPI402"], unsafe=False)["app.py"].decode() == f"{HEAD}{after}{TAIL}"
