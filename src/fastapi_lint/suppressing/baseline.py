"""Known findings of a legacy code base: remembered by fingerprint, no longer reported, counted when they are gone.

A baseline holds codes, paths and fingerprints; no message and no source text, so nothing secret gets into it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fastapi_lint.config.schema import ConfigurationError
from fastapi_lint.files import writing
from fastapi_lint.files.source import Source
from fastapi_lint.finding import Finding
from fastapi_lint.report.fingerprint import fingerprints

VERSION = 1


class OtherVersion(ConfigurationError):
    """A baseline that another version of the linter wrote."""


@dataclass(frozen=True)
class Known:
    """One remembered finding."""

    path: str
    code: str
    fingerprint: str


@dataclass(frozen=True)
class Compared:
    """Findings that are new, those the baseline knows, and how many of its entries are gone."""

    new: tuple[Finding, ...]
    known: tuple[Finding, ...]
    fixed: int


@dataclass(frozen=True)
class Baseline:
    """A set of known findings; equal ones count as often as they are remembered."""

    entries: tuple[Known, ...]

    def filter(
        self,
        findings: Sequence[Finding],
        sources: Mapping[str, Source],
        *,
        checked: Collection[str] | None = None,
        codes: Collection[str] | None = None,
        place: str = "",
    ) -> Compared:
        """Part findings into new and known ones.

        `place` stands before their paths in the baseline. `checked` are the paths and `codes` the rules that the run
        looked at (None: all): only their entries can be said to be fixed. A file that is gone counts as fixed when
        `checked` is None.
        """
        left = Counter((entry.path, entry.code, entry.fingerprint) for entry in self.entries)
        new: list[Finding] = []
        known: list[Finding] = []
        for finding, fingerprint in zip(findings, fingerprints(findings, sources), strict=True):
            key = (place + finding.path, finding.code, fingerprint)
            if left[key] > 0:
                left[key] -= 1
                known.append(finding)
            else:
                new.append(finding)
        fixed = sum(
            count
            for (path, code, _), count in left.items()
            if (checked is None or _below(path, place) in checked) and (codes is None or code in codes)
        )
        return Compared(tuple(new), tuple(known), fixed)

    def without(self, checked: Collection[str], codes: Collection[str], place: str, root: Path) -> Baseline:
        """The entries that a run says nothing about: of files that it did not check, and of rules that it did not ask.

        Those of files that are not there any more, below the project's `root`, go.
        """
        kept = []
        for entry in self.entries:
            path = _below(entry.path, place)
            if (
                path is None
                or (path not in checked and (root / path).is_file())
                or (path in checked and entry.code not in codes)
            ):
                kept.append(entry)
        return Baseline(tuple(kept))

    def joined(self, other: Baseline) -> Baseline:
        """The entries of both."""
        entries = sorted((*self.entries, *other.entries), key=lambda entry: (entry.path, entry.code, entry.fingerprint))
        return Baseline(tuple(entries))


def _below(path: str, place: str) -> str | None:
    return path[len(place) :] if path.startswith(place) else None


def remember(findings: Sequence[Finding], sources: Mapping[str, Source], place: str = "") -> Baseline:
    """The baseline that knows exactly these findings."""
    known = [
        Known(place + finding.path, finding.code, fingerprint)
        for finding, fingerprint in zip(findings, fingerprints(findings, sources), strict=True)
    ]
    return Baseline(tuple(sorted(known, key=lambda entry: (entry.path, entry.code, entry.fingerprint))))


def dumps(baseline: Baseline) -> str:
    """The baseline as JSON, one finding a line, so that merges and reviews stay small."""
    lines = ",\n".join(
        "    " + json.dumps({"path": entry.path, "code": entry.code, "fingerprint": entry.fingerprint})
        for entry in baseline.entries
    )
    findings = f"[\n{lines}\n  ]" if lines else "[]"
    return f'{{\n  "tool": "fastapi-lint",\n  "version": {VERSION},\n  "findings": {findings}\n}}\n'


def loads(text: str, shown: str) -> Baseline:
    """The baseline in a JSON text; `ConfigurationError`, which begins with `shown`, for anything else."""
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigurationError(f"{shown}:{error.lineno}: not a baseline: {error.msg}") from None
    except RecursionError:
        raise ConfigurationError(f"{shown}: not a baseline: nested too deeply") from None
    if not isinstance(content, dict) or content.get("tool") != "fastapi-lint":
        raise ConfigurationError(f"{shown}: not a baseline of fastapi-lint; write one with --write-baseline")
    if content.get("version") != VERSION:
        found = json.dumps(content.get("version"))
        raise OtherVersion(
            f"{shown}: a baseline of version {found}, expected {VERSION}; write it again with --write-baseline"
        )
    findings = content.get("findings")
    if not isinstance(findings, list):
        raise ConfigurationError(f"{shown}: not a baseline: `findings` is no array")
    entries: list[Known] = []
    for index, item in enumerate(findings):
        values = [item.get(name) for name in ("path", "code", "fingerprint")] if isinstance(item, dict) else [None]
        if not all(isinstance(value, str) for value in values):
            raise ConfigurationError(f"{shown}: findings[{index}]: expected strings for path, code and fingerprint")
        entries.append(Known(*values))
    return Baseline(tuple(entries))


def load(path: Path) -> Baseline:
    """Read a baseline; `ConfigurationError` says what is wrong with the file."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path}: the baseline cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path}: not a baseline: not valid UTF-8") from None
    return loads(text, str(path))


def earlier(path: Path) -> Baseline:
    """What a baseline that is to be written anew holds; nothing where there is none, or one of another version.

    Raises `ConfigurationError` for a file that is something else, which is not to be lost.
    """
    try:
        return load(path) if path.is_file() and path.stat().st_size else Baseline(())
    except OtherVersion:
        return Baseline(())


def write(path: Path, baseline: Baseline) -> None:
    """Write a baseline: whole or not at all. `ConfigurationError` when that is not possible."""
    try:
        writing.put(path, dumps(baseline).encode())
    except OSError as error:
        raise ConfigurationError(f"{path}: the baseline cannot be written: {error.strerror or error}") from None
