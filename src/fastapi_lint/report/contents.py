"""What a report may show: everything that a run found, as data, and paths as the reader sees them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from fastapi_lint.files.source import Source
from fastapi_lint.finding import Endpoints, Finding, Notice

if TYPE_CHECKING:
    from fastapi_lint.rule import Described

_WINDOWS = re.compile(r"[A-Za-z]:[\\/]|\\\\")


@dataclass(frozen=True)
class Report:
    """Everything a reporter may show.

    `findings` are what counts, in the order of `finding.by_place`; `suppressed` are those that a comment silenced (only
    SARIF carries them). `sources` holds the files in which something was found, by path relative to the project root;
    where one is missing, no excerpt is shown. `rules` are the selected rules. `files` is the number of files analysed,
    `fixed` the number of applied fixes by code, `left` that of findings that are not to be shown, `apps` and `routes`
    how many the project has. `root` is the absolute path of the project root, `base` that of the directory people see
    paths relative to (usually the current one; empty: paths as they are). `help` holds Markdown about rules by code,
    and `category` names the run, for code scanning (empty: by the project's place). `endpoints` are those
    that run the function around a finding, by its path and line, where somebody asked for them.
    """

    findings: tuple[Finding, ...] = ()
    suppressed: tuple[Finding, ...] = ()
    notices: tuple[Notice, ...] = ()
    sources: Mapping[str, Source] = field(default_factory=lambda: MappingProxyType({}))
    rules: tuple[Described, ...] = ()
    files: int = 0
    fixed: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    left: int = 0
    apps: int = 0
    routes: int = 0
    root: str = ""
    base: str = ""
    help: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    category: str = ""
    endpoints: Endpoints = field(default_factory=lambda: MappingProxyType({}))

    def shown(self, path: str) -> str:
        """A finding's path as seen from `base`, with forward slashes: what an editor or a terminal can open.

        A place that shares nothing with `base` (another drive, another tree) is shown absolute.
        """
        if not self.base or not self.root:
            return path
        seen_from = _parts(self.base)
        full = [*_parts(self.root), *path.split("/")]
        common = 0
        while common < min(len(seen_from), len(full) - 1) and seen_from[common] == full[common]:
            common += 1
        if common < len(seen_from) and common <= 1:
            return "/".join(full)
        return "/".join([".."] * (len(seen_from) - common) + full[common:])


def _parts(directory: str) -> list[str]:
    """An absolute directory in pieces: the first is empty on POSIX, and a drive on Windows, where back slashes part."""
    if _WINDOWS.match(directory):
        directory = directory.replace("\\", "/")
    return directory.rstrip("/").split("/")
