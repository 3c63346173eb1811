"""Small projects with plugins, and the command line over them. Asserts nothing itself."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from pathlib import Path

import pytest

from fastapi_lint.cli.main import run_command_line

APP = """\
from fastapi import FastAPI

app = FastAPI()


@app.post("/orders", status_code=201)
async def create_order() -> dict[str, int]:
    return {}


@app.get("/orders")
async def list_orders() -> dict[str, int]:
    return {}
"""
HEAD = """\
from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from fastapi_lint.api import Check, Finding, Function, Route, Safety, Severity, rule

"""


def a_rule(
    code: str = "ACME001",
    name: str = "write_without_permission",
    *,
    arguments: str = "",
    subject: str = "Route",
    body: str = 'if "POST" in subject.methods:\n    yield check.finding(subject, "it writes", why="why", instead="no")',
    doc: str = "A route writes.",
) -> str:
    """The text of a rule; what stands in it may be wrong on purpose."""
    lines = textwrap.indent(body, "    ")
    documentation = f'    """{doc}"""\n' if doc else ""
    return (
        f'@rule("{code}"{arguments})\n'
        f"def {name}(subject: {subject}, check: Check) -> Iterator[Finding]:\n{documentation}{lines}\n\n\n"
    )


def written(root: Path, files: Mapping[str, str]) -> Path:
    """The root, with these files."""
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return root


def configured(root: Path, *plugins: str, more: str = "", **files: str) -> Path:
    """A project with an app and a configuration that names plugins; `files` are modules by name."""
    texts = {f"{name.replace('__', '/')}.py": text for name, text in files.items()}
    config = f"plugins = {json.dumps(list(plugins))}\n{more}"
    return written(root, {"main.py": APP, "fastapi-lint.toml": config, **texts})


class Runs:
    """The command line in a project, in this process: `code`, `out` and `err` are those of the last run."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.code = -1
        self.out = self.err = ""

    def __call__(self, *arguments: str) -> list[str]:
        """The lines that a command writes."""
        self._capsys.readouterr()
        self.code = run_command_line(arguments)
        self.out, self.err = self._capsys.readouterr()
        return self.out.splitlines()

    def found(self, *arguments: str) -> list[str]:
        """The places and codes of what is found: `main.py:6:2 ACME001`."""
        lines = self("check", "--output-format", "concise", *arguments)
        return [" ".join(line.replace(": ", " ").split()[:2]) for line in lines]
