"""How the costs of `speed.py` grow with the size of a project: copies of a real one, and apps with more endpoints."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Sequence
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
    counts = sorted({-(-size // lines) for size in asked})
    return _grown(name, "copies", counts, lambda folder, copies: multiplied(root, folder, copies), times)


def endpoints(asked: Sequence[int], times: int) -> Growth:
    """The same over an app with more and more endpoints in a single module."""

    def write(folder: Path, count: int) -> int:
        (folder / "main.py").write_text(_app(["routes"]))
        return _write_routes(folder / "routes.py", range(count))

    return _grown("one module", "endpoints", sorted(asked), write, times or 1)


def routers(asked: Sequence[int], times: int) -> Growth:
    """As `endpoints`, with the endpoints in modules of `_IN_EACH`."""

    def write(folder: Path, count: int) -> int:
        starts = range(0, count, _IN_EACH)
        (folder / "main.py").write_text(_app([f"routes_{start}" for start in starts]))
        return sum(
            _write_routes(folder / f"routes_{start}.py", range(start, min(start + _IN_EACH, count))) for start in starts
        )

    return _grown(f"modules of {_IN_EACH}", "endpoints", sorted(asked), write, times or 1)


def _grown(name: str, of: str, counts: Sequence[int], write: Callable[[Path, int], int], times: int) -> Growth:
    """Measures trees of more and more of something, which `write` puts into a folder; it gives their lines."""
    sources_before = digest()
    found = []
    runs: list[Cost] = []
    for count in counts:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            lines = write(folder, count)
            own, parsed = [], []
            for _ in range(times or repeats(lines)):
                own.append(measured(lint("--no-cache", "-j", "1"), folder))
                parsed.append(measured(PARSERS[LIBCST], folder))
        runs += own
        found.append(Size(count, lines, best(own), best(parsed)))
        say(f"{name}: {count:,} {of}: {found[-1].own.cpu:.2f} s CPU, libcst {found[-1].parsed.cpu:.2f} s")
    return Growth(name, busy(runs), tuple(found), digest(sources_before))


_IN_EACH = 50
"""Endpoints of a module where they stand in many."""


def _app(names: Sequence[str]) -> str:
    """An app that includes the routers of modules."""
    imports = "".join(f"import {name}\n" for name in names)
    included = "".join(f"app.include_router({name}.router)\n" for name in names)
    return f"from fastapi import FastAPI\n\n{imports}\napp = FastAPI()\n{included}"


def _write_routes(path: Path, numbers: range) -> int:
    """Write a module with these endpoints; its lines."""
    text = _ROUTES + "".join(_ENDPOINT.format(number=number) for number in numbers)
    path.write_text(text)
    return text.count("\n")


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
