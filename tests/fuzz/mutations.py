"""Hostile projects for the fuzz tests: bytes, and the fixtures with pieces cut, doubled, moved and replaced.

Asserts nothing itself. How many examples a property gets is in FASTAPI_LINT_FUZZ (default: 12, for every run of the
tests); `make fuzz` sets it higher and repeats with new seeds until its time is over.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from functools import cache
from typing import Protocol, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from linting import FIXTURES

T = TypeVar("T")
EXAMPLES = int(os.environ.get("FASTAPI_LINT_FUZZ", "12"))
"""Examples of one property."""

fuzzed = settings(
    max_examples=EXAMPLES,
    deadline=None,  # machines differ; what must end is run under a limit by test_worst_cases
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
    print_blob=True,
)

_TOKEN = re.compile(rb"\w+|\s+|[^\w\s]")
_FILE = re.compile(rb"^# file: ((?:\w+/){0,4}\w+\.pyi?)\n", re.MULTILINE)
_NOISE = (
    b"(", b")", b"[", b"]", b"{", b"}", b":", b",", b"=", b"*", b"**", b"@", b".", b"...", b"->", b":=", b"\\", b"\n",
    b"\r", b"\r\n", b"\t", b" ", b"    ", b"\f", b"\x00", b"\xff", b"\xef\xbb\xbf", b"#", b"'", b'"', b'"""', b"'''",
    b"f'", b"f'{", b"}'", b"t'", b"rb'", b"lambda", b"async", b"await", b"yield", b"yield from", b"return", b"class",
    b"def", b"import", b"from", b"*", b"if", b"else", b"elif", b"try", b"except", b"except*", b"finally", b"with",
    b"match", b"case", b"global", b"nonlocal", b"del", b"type", b"None", b"True", b"0", b"1_0", b"0x", b"1e999",
    b"self", b"Depends()", b"Annotated[", b"Annotated", b"FastAPI", b"app", b"router", b"include_router", b"__all__",
    b"# noqa", b"# noqa: FAPI201", b"# fastapi-lint: ignore[", b"# fastapi-lint: ignore-file", "é".encode(),
    "𝄞".encode(), "\u2028".encode(), b"# -*- coding: latin-1 -*-\n",
)  # fmt: skip


@cache
def modules() -> tuple[bytes, ...]:
    """Every module of the fixtures, small ones first, so that failures shrink to small ones."""
    found = {path.read_bytes() for path in FIXTURES.rglob("*.py")}
    return tuple(sorted(found, key=lambda data: (len(data), data)))


class Chooser(Protocol):
    """Makes choices: `random.Random` does, and Hypothesis through `_Drawn`, which can shrink them."""

    def randint(self, low: int, high: int, /) -> int: ...

    def choice(self, these: Sequence[T], /) -> T: ...


class _Drawn:
    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw

    def randint(self, low: int, high: int, /) -> int:
        return self.draw(st.integers(low, high))

    def choice(self, these: Sequence[T], /) -> T:
        return self.draw(st.sampled_from(these))


def edited(data: bytes, choose: Chooser) -> bytes:
    """The data after a few edits: pieces deleted, doubled, exchanged, replaced; or cut off anywhere."""
    pieces = list(_TOKEN.findall(data))
    for _ in range(choose.randint(0, 6)):
        if not pieces:
            break
        start = choose.randint(0, len(pieces) - 1)
        end = min(len(pieces), start + choose.randint(1, 12))
        match choose.choice(("delete", "double", "replace", "insert", "splice", "move")):
            case "delete":
                del pieces[start:end]
            case "double":
                pieces[start:start] = pieces[start:end]
            case "replace":
                pieces[start:end] = [choose.choice(_NOISE)]
            case "insert":
                pieces.insert(start, choose.choice(_NOISE))
            case "splice":
                other = _TOKEN.findall(choose.choice(modules()))
                at = choose.randint(0, max(len(other) - 1, 0))
                pieces[start:end] = other[at : at + 40]
            case _:
                moved = pieces[start:end]
                del pieces[start:end]
                at = choose.randint(0, len(pieces))
                pieces[at:at] = moved
    text = b"".join(pieces)
    return text[: choose.randint(0, len(text))] if choose.randint(0, 1) and len(text) > 1 else text


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A module of the fixtures after a few edits."""
    return edited(draw(st.sampled_from(modules())), _Drawn(draw))


soup = st.lists(st.sampled_from(_NOISE), max_size=60).map(b" ".join)
"""Words and signs of Python in no order."""

anything = st.one_of(mutated(), soup, st.binary(max_size=400), st.text(max_size=300).map(lambda text: text.encode()))
"""The content of one file, whatever it may be."""

names = st.sampled_from(
    ("main.py", "app/__init__.py", "app/main.py", "app/deps.py", "tests/test_main.py", "app/models.pyi")
)
projects = st.dictionaries(names, anything, min_size=1, max_size=3)
"""Files by path relative to the root of a project."""


def projected(data: bytes) -> dict[str, bytes]:
    """Any bytes as a project: a file begins at each line `# file: NAME.py`; what stands before the first is `main.py`.

    NAME is letters, digits, `_` and `/`; a line with any other name is a comment like others.
    """
    files: dict[str, bytes] = {}
    name, start = "main.py", 0
    for match in _FILE.finditer(data):
        files.setdefault(name, data[start : match.start()])
        name, start = match[1].decode(), match.end()
    files.setdefault(name, data[start:])
    return files


_DECLARING = ("pyproject.toml", "requirements.txt", "uv.lock", "poetry.lock", "Pipfile", "Pipfile.lock", "setup.cfg")
_DECLARED = (
    "[project]", "dependencies = [", '"fastapi>=0.1"', "]", "fastapi==0.115", "-r requirements.txt", "[[package]]",
    'name = "fastapi"', 'version = "1"', "[packages]", 'fastapi = "*"', "{", "}", "\\", "#", "python = '^3'", '"',
    "[tool.poetry.dependencies]", "-e .", "fastapi[all] ~= 0.1 ; python_version > '3'", "=", ",", "[tool.poetry]",
)  # fmt: skip
declarations = st.dictionaries(
    st.sampled_from(_DECLARING),
    st.one_of(
        st.binary(max_size=200),
        st.lists(st.sampled_from(_DECLARED), max_size=15).map(lambda lines: "\n".join(lines).encode()),
    ),
    max_size=2,
)
"""Files that say which versions are used."""
