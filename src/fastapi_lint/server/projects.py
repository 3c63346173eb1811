"""One project that is open: its files, what the editor has of them, and what was found the last time. Works on request.

A session is kept between checks (`run.session`), so that a check after an edit builds upon the one before. Is used by
one thread alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from lsprotocol import types

from fastapi_lint.files.source import Source, Unreadable
from fastapi_lint.finding import Finding, Notice
from fastapi_lint.run import disk, story
from fastapi_lint.run.discovery import Discovered
from fastapi_lint.run.request import Request
from fastapi_lint.server.documents import Document, Documents, Shown, encoded
from fastapi_lint.server.positions import Positions

if TYPE_CHECKING:
    from fastapi_lint.incremental.redaction import Result
    from fastapi_lint.model.names import Module
    from fastapi_lint.model.project import Project
    from fastapi_lint.run.session import Session

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class View:
    """A file of a project as it is asked about: its path there, and the places in its text, as the client counts."""

    kept: Kept
    path: str
    documents: Documents
    shown: Shown

    @property
    def model(self) -> Project:
        """The linked project."""
        return self.kept.session.project

    @property
    def module(self) -> Module:
        """The file in the model."""
        return self.model.modules.by_path[self.path]

    @cached_property
    def positions(self) -> Positions:
        """The places in its text."""
        return self.positions_of(self.path)

    def positions_of(self, path: str) -> Positions:
        """The places in another file of the project."""
        return Positions(self.kept.text(path), self.shown.encoding)

    def uri(self, path: str) -> str:
        """The address of a file of the project."""
        return self.documents.uri(self.kept.root / path)

    def location(self, module: Module, start: int, end: int) -> types.Location:
        """A range of bytes of a module, for the client."""
        return types.Location(self.uri(module.path), self.positions_of(module.path).of_bytes(start, end))


class Kept:
    """A project with its session. `findings` are the last ones by path, and `notices` what the run had to say; `urls`
    are the addresses at which rules are explained, by code."""

    def __init__(self, request: Request, found: Discovered, progress: Progress, before: Kept | None = None) -> None:
        """`progress` is told of each step of a check, and may raise to end it.

        `before` is the state of the same project that this one takes the place of.
        """
        self.request = replace(request, jobs=1, progress=progress)
        self.found = found
        self.findings: Mapping[str, tuple[Finding, ...]] = {}
        self.notices: tuple[Notice, ...] = ()
        self.is_checked = False
        self._changed: set[str] = set()
        self._glanced: str | None = None
        self.urls = {rule.code: rule.url for rule in story.table(request.settings, request.caches).every}
        stamps = disk.stamps([self.request.root / path for path in found.files])  # before they are read
        self.session: Session
        session, self._unread = story.lasting(self.request, found, before.session if before is not None else None)
        self._on_disk = dict(session.sources)
        if before is not None and session.scope == before.session.scope and self.on_disk == before.on_disk:
            self.findings, self.notices = before.findings, before.notices
            session = before.session
            self.is_checked = before.is_checked and not self._take(before)
        self.session = session
        self._stamps = {**disk.stamps(self.files), **stamps}
        self._is_kept = False
        self._result: Result | None = None if before is None else before._result

    def _take(self, before: Kept) -> bool:
        """Have the files that have changed on the disk count in the session of the state before; whether any has."""
        changed = {}
        for path, source in self._on_disk.items():
            old = before._on_disk[path]
            if source.data == old.data:
                self._on_disk[path] = old
            elif before.session.sources[path] is old:  # else an open document counts
                changed[path] = source
        before.session.put(changed)
        return bool(changed)

    @property
    def root(self) -> Path:
        """The folder from which its paths count."""
        return self.request.root

    @property
    def on_disk(self) -> frozenset[str]:
        """The paths of its files."""
        return frozenset(self._on_disk)

    @property
    def files(self) -> list[Path]:
        """All that what is found depends on."""
        own = self.request.settings.file
        return [*(self.root / path for path in (*self._on_disk, *self.session.scope.declared)), *([own] if own else [])]

    @property
    def is_outdated(self) -> bool:
        """Whether something has changed on the disk since it was read."""
        return disk.stamps(self.files) != self._stamps

    def path(self, file: Path) -> str | None:
        """The path of a file of the project, below its root; None for any other."""
        if not file.is_relative_to(self.root):
            return None
        path = file.relative_to(self.root).as_posix()
        return path if path in self._on_disk else None

    def lay(self, documents: Mapping[Path, Document]) -> None:
        """Have the texts of open documents count instead of their files, and the files again of those that are not."""
        changed: dict[str, Source] = {}
        for path, source in self.session.sources.items():
            document = documents.get(self.root / path)
            wanted = self._on_disk[path]
            if document is not None and (data := encoded(document.text)) != wanted.data:
                wanted = source if source.data == data else Source(path, data)
            if wanted is not source and wanted.data != source.data:
                changed[path] = wanted
        if changed:
            self.session.put(changed)
            self.is_checked = False
            self._changed |= changed.keys()
            self._glanced = None

    def is_current(self, path: str) -> bool:
        """Whether what was found in a file is about its text as it counts."""
        return self.is_checked or path == self._glanced

    def glance(self) -> bool:
        """If one file has changed since the last check, find what there is to find in that; whether there was one."""
        if self.is_checked or self._result is None or len(self._changed) != 1:
            return False
        (path,) = self._changed
        found = story.counting(self.request, self.found, self.session.glance(path), self.session.sources)
        self.findings = {**self.findings, path: found}
        self._glanced = path
        return True

    def check(self) -> None:
        """Find what there is to find. Raises what `progress` raises, and `ConfigurationError` for a broken baseline."""
        session = self.session
        result = self._result = session.check()
        findings = story.counting(self.request, self.found, result.findings, session.sources)
        by_path: dict[str, list[Finding]] = {}
        for finding in findings:
            by_path.setdefault(finding.path, []).append(finding)
        self.findings = {path: tuple(found) for path, found in by_path.items()}
        self.notices = (*self.found.notices, *self._unread, *result.notices)
        self.is_checked = True
        self._changed.clear()
        self._glanced = None

    def fixed(self, path: str, findings: Sequence[Finding], *, unsafe: bool = False, whole: bool = False) -> str | None:
        """The text of a file with the fixes of findings, without the imports that these make unused; None for no fix.

        `whole`: until there is nothing more to fix safely, which may take checks. The project stays as it is.
        """
        from fastapi_lint.fixing import fixer

        source = self.source(path)
        step = fixer.advance(source, findings, unsafe=unsafe)
        if whole and len(step.applied) < len(fixer.select(findings, unsafe=unsafe)):
            return self._fixed_in_rounds(path)
        if not step.applied:
            return None
        return fixer.tidied_up(source, step.source, self.session.unused_imports).text

    def _fixed_in_rounds(self, path: str) -> str:
        session = self.session
        before = session.sources

        def asked(findings: Sequence[Finding]) -> Sequence[Finding]:
            counting = story.counting(self.request, self.found, tuple(findings), session.sources)
            return [finding for finding in counting if finding.path == path]

        assert self._result is not None
        session.fix(self._result, unsafe=False, asked=asked)
        text = session.sources[path].text
        session.sources = before
        return text

    def keep(self) -> None:
        """Leave in the cache what the next start can use, once; and forget what no check builds upon."""
        if not self._is_kept:
            self._is_kept = True
            self.session.remember()
        self.session.tidy()

    def source(self, path: str) -> Source:
        """The text that counts of a file."""
        return self.session.sources[path]

    def text(self, path: str) -> str:
        """As `source`, decoded; empty for what cannot be."""
        source = self.session.sources.get(path)
        try:
            return source.text if source is not None else ""
        except Unreadable:
            return ""
