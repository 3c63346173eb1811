"""What a project says of its own functions and of libraries that the catalogue does not know, about clients' texts."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastapi_lint.config.settings import ConfigurationError, load
from fastapi_lint.run.story import Request, check

FILES = {
    "shop/__init__.py": "",
    "shop/checks.py": """def mustbe(text: str) -> None:
    load(text)


def plain(text: str) -> str:
    return load(text)


def report(name: str) -> None:
    load(name)
""",
    "shop/main.py": """from acme.files import Folder, wipe
from fastapi import FastAPI
from shop.checks import mustbe, plain, report

app = FastAPI()


@app.get("/wiped")
def wiped(name: str) -> None:
    wipe(name)


@app.get("/folder")
def folder(name: str) -> None:
    Folder("x").drop(name)


@app.get("/checked")
def checked(name: str) -> str:
    mustbe(name)
    return open(name).read()


@app.get("/plain")
def cleaned(name: str) -> str:
    return open(plain(name)).read()


@app.get("/report")
def reported(name: str) -> None:
    report(name)


@app.get("/bare")
def bare(name: str) -> str:
    return open(name).read()
""",
}
ENTRIES = """
[[taint]]
kind = "sink"
name = "acme.files.wipe"
takes = ["0"]
danger = "path"

[[taint]]
kind = "sink"
name = "acme.files.Folder"
methods = ["drop"]
takes = ["0"]
danger = "path"

[[taint]]
kind = "sink"
name = "shop.checks.report"
takes = ["0", "name"]
danger = "path"

[[taint]]
kind = "guard"
name = "shop.checks.mustbe"
takes = ["0"]
against = ["path"]
raises = true

[[taint]]
kind = "passing"
name = "shop.checks.plain"
takes = ["0"]
gives = "text"
removes = ["path"]
"""


def found(tmp_path: Path, configuration: str) -> list[int]:
    """The lines of main.py with FAPI619."""
    for name, text in {**FILES, "fastapi-lint.toml": 'select = ["FAPI619"]\n' + configuration}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    outcome = check(Request(tmp_path, (tmp_path,), load(tmp_path, cwd=tmp_path), cache=False))
    assert not outcome.notices
    return [each.span.line for each in outcome.findings if each.path == "shop/main.py"]


def test_entries_add_sinks_and_guards(tmp_path: Path) -> None:
    without, configured = found(tmp_path, ""), found(tmp_path, ENTRIES)
    bare = FILES["shop/main.py"].splitlines().index("def bare(name: str) -> str:") + 2
    assert bare in without and bare in configured
    lines = FILES["shop/main.py"].splitlines()
    wanted = {"    wipe(name)", '    Folder("x").drop(name)', "    report(name)"}
    assert {lines[line - 1] for line in configured} == {*wanted, "    return open(name).read()"}
    assert len(configured) == 4, "`mustbe` and `plain` rule it out"
    assert not wanted & {lines[line - 1] for line in without}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ('{ name = "a.b" }', r"taint\[0\]: the key 'kind' is missing"),
        ('{ kind = "snk", name = "a.b" }', "unknown value 'snk'; did you mean 'sink'"),
        ('{ kind = "sink", name = "a.b", takes = ["0"] }', r"taint\[0\]: .* has no `danger`"),
        ('{ kind = "guard", name = "a.b", takes = ["0"], danger = "path" }', r"taint\[0\]: unknown key 'danger'"),
        ('{ kind = "sink", name = "a.b", takes = ["0"], danger = "pth" }', "unknown value 'pth'; did you mean 'path'"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, entry: str, message: str) -> None:
    (tmp_path / "fastapi-lint.toml").write_text(f"taint = [{entry}]\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=message):
        load(tmp_path, cwd=tmp_path)
