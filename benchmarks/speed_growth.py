"""How the costs of `speed.py` grow with the size of a project: copies of a real one, and apps with more endpoints."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from speed_runs import PARSERS, best, busy, digest, lint, measured, repeats, say, sources
from speed_table import LIBCST, Cost, Growth, Size


def multiplied(root: Path, target: Path, copies: int) -> int:
    """Write a project several times, each under names of its own that its imports follow; the lines written."""
    files = {path: (root / path).read_bytes() for path in sources(root)}
    names = {path.partition("/")[0].removesuffix(".py") for path in files}
    top = "|".join(map(re.escape, sorted(names))).encode()
    after_import = re.compile(rb"^([ \t]*(?:from|import)[ \t]+)(" + top + rb")(?=[.\s,;])", re.MULTILINE)
    whole_import = re.compile(rb"^[ \t]*import[ \t]+(" + top + rb")[\w.]*[ \t]*(?:#.*)?$", re.MULTILINE)
    for copy in range(copies):
        end = f"_{copy:04}".encode()
        for path, data in files.items():
            text = after_import.sub(rb"\1\2" + end, data)
            # `import package.module` is used as `package.module` in the text that follows.
            for name in {match[1] for match in whole_import.finditer(data)}:
                text = re.sub(rb"(?<![\w.])(" + re.escape(name) + rb")(?=\.\w)", rb"\1" + end, text)
            first, slash, rest = path.partition("/")
            stem = first.removesuffix(".py")
            new = target / f"{stem}{end.decode()}{first[len(stem) :]}{slash}{rest}"
            new.parent.mkdir(parents=True, exist_ok=True)
            new.write_bytes(text)
    (target / ".git").mkdir()
    return copies * sum(data.count(b"\n") for data in files.values())


def growth(name: str, root: Path, asked: Sequence[int], times: int) -> Growth:
    """Cold runs over more and more copies of one project, and parsing alone of the same files."""
    lines = max(1, sum((root / path).read_bytes().count(b"\n") for path in sources(root)))
    sources_before = digest()
    found = []
    runs: list[Cost] = []
    for copies in sorted({-(-size // lines) for size in asked}):
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            held = multiplied(root, folder, copies)
            own, parsed = [], []
            for _ in range(times or repeats(held)):
                own.append(measured(lint("--no-cache", "-j", "1"), folder))
                parsed.append(measured(PARSERS[LIBCST], folder))
        runs += own
        found.append(Size(copies, held, best(own), best(parsed)))
        say(f"growth: {held:,} lines: {found[-1].own.cpu:.2f} s CPU, libcst {found[-1].parsed.cpu:.2f} s")
    return Growth(name, busy(runs), tuple(found), digest(sources_before))


def endpoints(asked: Sequence[int], times: int) -> Growth:
    """Cold runs over an app with more and more endpoints in a single module, and parsing alone of the same files."""
    sources_before = digest()
    found = []
    runs: list[Cost] = []
    for count in sorted(asked):
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            text = _ROUTES + "".join(_ENDPOINT.format(number=number) for number in range(count))
            (folder / "routes.py").write_text(text)
            (folder / "main.py").write_text(_APP)
            own, parsed = [], []
            for _ in range(times or 1):
                own.append(measured(lint("--no-cache", "-j", "1"), folder))
                parsed.append(measured(PARSERS[LIBCST], folder))
        runs += own
        found.append(Size(count, text.count("\n"), best(own), best(parsed)))
        say(f"{count:,} endpoints in a module: {found[-1].own.cpu:.2f} s CPU, libcst {found[-1].parsed.cpu:.2f} s")
    return Growth("one module", busy(runs), tuple(found), digest(sources_before))


_IN_EACH = 50
"""Endpoints of a module where they stand in many."""


def routers(asked: Sequence[int], times: int) -> Growth:
    """As `endpoints`, with the endpoints in modules of `_IN_EACH`."""
    sources_before = digest()
    found = []
    runs: list[Cost] = []
    for count in sorted(asked):
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            names = [f"routes_{number}" for number in range(-(-count // _IN_EACH))]
            lines = 0
            for number, name in enumerate(names):
                own_numbers = range(number * _IN_EACH, min((number + 1) * _IN_EACH, count))
                text = _ROUTES + "".join(_ENDPOINT.format(number=each) for each in own_numbers)
                lines += text.count("\n")
                (folder / f"{name}.py").write_text(text)
            included = "".join(f"app.include_router({name}.router)\n" for name in names)
            imports = "".join(f"import {name}\n" for name in names)
            (folder / "main.py").write_text(f"from fastapi import FastAPI\n\n{imports}\napp = FastAPI()\n{included}")
            own, parsed = [], []
            for _ in range(times or 1):
                own.append(measured(lint("--no-cache", "-j", "1"), folder))
                parsed.append(measured(PARSERS[LIBCST], folder))
        runs += own
        found.append(Size(count, lines, best(own), best(parsed)))
        say(f"{count:,} endpoints in modules: {found[-1].own.cpu:.2f} s CPU, libcst {found[-1].parsed.cpu:.2f} s")
    return Growth(f"modules of {_IN_EACH}", busy(runs), tuple(found), digest(sources_before))


_APP = "from fastapi import FastAPI\n\nimport routes\n\napp = FastAPI()\napp.include_router(routes.router)\n"
_ROUTES = """\
import requests
from fastapi import APIRouter, Depends, HTTPException

router = APIRouter()


def get_settings():
    return {}
"""
_ENDPOINT = """

@router.get("/items{number}/{{item_id}}")
async def read_{number}(item_id: int, q: str = None, settings=Depends(get_settings)):
    if item_id < 0:
        raise HTTPException(status_code=404, detail="missing")
    found = requests.get("https://example.com/{number}").json()
    try:
        value = int(found["value"])
    except ValueError as error:
        raise HTTPException(status_code=400, detail=str(error))
    return {{"id": item_id, "q": q, "value": value}}
"""
"""An endpoint in which there is something to find: one call that blocks, and signatures that are written as before."""
