"""How long the lines of a file may be, as its project tells its formatter: Ruff, Black. Guesses nothing."""

from __future__ import annotations

import posixpath
import re
import sys
from collections.abc import Mapping

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_SAYS = re.compile(r"^\s*line-length\s*=", re.MULTILINE)
_DEFAULT = 88
"""What both take when they are configured and say nothing."""


class LineLengths:
    """Answers for paths, by the nearest declaration at or above their folder."""

    def __init__(self, declared: Mapping[str, str]) -> None:
        """`declared` maps paths relative to the project root to texts."""
        self._by_folder: dict[str, int | None] = {}
        for path, text in sorted(declared.items()):
            folder, name = posixpath.split(path)
            if name in ("ruff.toml", ".ruff.toml") or (name == "pyproject.toml" and "[tool." in text):
                if (found := _declared(name, text)) is not None:
                    self._by_folder[folder] = found

    def of(self, path: str) -> int | None:
        """The length that is declared for a file; None when none is."""
        folder = posixpath.dirname(path)
        while folder not in self._by_folder:
            if not folder:
                self._by_folder[folder] = None
                break
            folder = posixpath.dirname(folder)
        return self._by_folder[folder]


def _declared(name: str, text: str) -> int | None:
    if _SAYS.search(text) is None and not re.search(r"^\[tool\.(?:black|ruff\.format)\]", text, re.MULTILINE):
        return None
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None
    if name != "pyproject.toml":
        tools = [content]
    else:
        tools = [
            content["tool"][tool] for tool in ("ruff", "black") if isinstance(content.get("tool", {}).get(tool), dict)
        ]
    lengths = [tool["line-length"] for tool in tools if isinstance(tool.get("line-length"), int)]
    return lengths[0] if lengths else _DEFAULT if tools else None
