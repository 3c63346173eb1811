"""The files that a new rule starts from: the rule and its fixture, made from its catalogue row. Registers nothing.

What it writes is not finished on purpose: the tests fail until every `TODO` is gone.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path

from fastapi_lint.catalog.identities import Identity, identities
from fastapi_lint.config.suggestions import hint

_SYNTAX = '''\
"""{name}: see the rule's documentation."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from fastapi_lint.finding import Finding{safety_import}
from fastapi_lint.rule import Check, rule


@rule("{code}"{arguments}, words={{"TODO"}})
def {function}(node: cst.Call, check: Check) -> Iterator[Finding]:
    """TODO: one sentence that says what the code does wrong.

    Why is this bad?
{guideline}
    TODO: what happens to the program, or to its users.
{fix_safety}
    References
    - TODO
    """
    yield check.finding(node, "TODO: what is wrong; why it hurts; what to write instead")
'''

_MODEL = '''\
"""{name}: see the rule's documentation."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding{safety_import}
from fastapi_lint.model import Function
from fastapi_lint.rule import Check, rule


@rule("{code}"{arguments})
def {function}(function: Function, check: Check) -> Iterator[Finding]:
    """TODO: one sentence that says what the code does wrong.

    Why is this bad?
{guideline}
    TODO: what happens to the program, or to its users.
{fix_safety}
    References
    - TODO
    """
    yield check.finding(function, "TODO: what is wrong; why it hurts; what to write instead")
'''

_BAD = """\
from fastapi import FastAPI

app = FastAPI()


@app.get("/items/{{item_id}}")
async def read_item(item_id: int) -> dict[str, int]:  # expect: {code} TODO part of the message
    return {{"item_id": item_id}}
"""

GOOD = """\
from fastapi import FastAPI

app = FastAPI()


@app.get("/items/{item_id}")
async def read_item(item_id: int) -> dict[str, int]:
    return {"item_id": item_id}
"""

_FIX_SAFETY = """
    Fix safety
    TODO: what the fix may change in a program that works.
"""


class UnknownRule(ValueError):
    """No row of the catalogue has this code or name; the message names the nearest."""


def new_rule(code: str, root: Path) -> list[Path]:
    """Write the rule file and the fixture folder of a planned rule below the repository's `root`.

    `code` is the rule's code or name. Returns the files written. Raises `UnknownRule`, and `FileExistsError` (before
    anything is written) when one of the files is there already.
    """
    row = _row(code)
    return write({root / path: content for path, content in rule_files(row).items()})


def write(files: Mapping[Path, str]) -> list[Path]:
    """Write files that are not there yet. Raises `FileExistsError` before anything is written when one is."""
    for path in files:
        if path.exists():
            raise FileExistsError(f"{path} exists already")
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return list(files)


def rule_files(row: Identity) -> dict[str, str]:
    """The new rule's files: path relative to the repository, and content."""
    function = row.name.replace("-", "_")
    arguments = ', preset="strict"' if row.preset == "strict" else ""
    if row.fix != "none":
        arguments += f", fix=Safety.{row.fix.upper()}"
    template = _SYNTAX if row.kind == "syntax" else _MODEL
    rule = template.format(
        code=row.code,
        name=row.name,
        function=function,
        guideline=textwrap.fill(row.guideline, 120, initial_indent=" " * 4, subsequent_indent=" " * 4),
        arguments=arguments,
        safety_import=", Safety" if row.fix != "none" else "",
        fix_safety=_FIX_SAFETY if row.fix == "unsafe" else "",
    )
    fixture = f"fixtures/{row.code}-{row.name}"
    files = {f"src/fastapi_lint/rules/{row.family}/{function}.py": rule}
    return files | {f"{fixture}/bad.py": _BAD.format(code=row.code), f"{fixture}/good.py": GOOD}


def _row(code: str) -> Identity:
    rows = identities()
    wanted = code.strip()
    for row in rows.values():
        if wanted.upper() == row.code or wanted.lower() == row.name:
            return row
    raise UnknownRule(f"no rule is called {code!r}" + hint(wanted, [*rows, *(row.name for row in rows.values())]))
