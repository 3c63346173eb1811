"""The folders that are open, and the projects in them with their configurations. Is used by one thread alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fastapi_lint.config.schema import ConfigurationError
from fastapi_lint.config.settings import Settings, common_start, load, nested
from fastapi_lint.run import story
from fastapi_lint.run.request import Request
from fastapi_lint.server.documents import Document, Documents
from fastapi_lint.server.projects import Kept, Progress


@dataclass(frozen=True)
class Options:
    """What the command line says: a configuration to read instead of searching one, and where caches are."""

    config: Path | None = None
    cache: bool = True
    caches: Path | None = None


class Folder:
    """A folder that is open, or a file outside of all of them: the projects that the linter sees there."""

    def __init__(self, start: Path, options: Options) -> None:
        """`start` is what is reported on; what is around it is read too, as on the command line."""
        self.start = start
        self.kept: dict[Path, Kept] = {}
        self.is_current = False
        self.problem = ""
        self._options = options

    def refresh(self, progress: Progress) -> None:
        """Read configuration and files again.

        What cannot be read is the `problem`, and what was there before counts on.
        """
        try:
            kept = {}
            for part, found in story.projects(self._request()):
                kept[part.root] = Kept(part, found, progress, self.kept.get(part.root))
            self.kept, self.problem = kept, ""
        except ConfigurationError as error:
            self.problem = str(error)
        self.is_current = True

    def _request(self) -> Request:
        config = self._options.config
        folder = common_start([self.start], self.start.parent)
        known = story.vocabulary(folder, self._options.caches)
        settings = load(folder, config=config, known=known, cwd=folder)

        def own(directory: Path, around: Settings) -> Settings | None:
            return nested(directory, around, known=known)

        return Request(
            root=settings.root,
            paths=(self.start,),
            settings=settings,
            cache=self._options.cache,
            caches=self._options.caches,
            own=own if config is None else None,
        )


class Workspace:
    """All that is open. `progress` is told of each step of a check, and may raise to end it."""

    def __init__(self, documents: Documents, options: Options, progress: Progress) -> None:
        self.documents = documents
        self._options = options
        self._progress = progress
        self._folders: dict[Path, Folder] = {}
        self._loose: dict[Path, Folder] = {}
        self._laid: dict[Path, Document] = {}

    @property
    def folders(self) -> Iterator[Folder]:
        """The folders, and what stands for files outside of them."""
        yield from self._folders.values()
        yield from self._loose.values()

    @property
    def kept(self) -> Iterator[Kept]:
        """Every project that is open, each once."""
        seen: set[Path] = set()
        for folder in self.folders:
            for root, kept in folder.kept.items():
                if root not in seen or folder.start not in self._folders:
                    seen.add(root)
                    yield kept

    def open(self, folders: Sequence[Path]) -> None:
        """Which folders are open from now on; one inside another is a part of that."""
        outer = [path for path in folders if not any(path != other and path.is_relative_to(other) for other in folders)]
        known = self._folders
        self._folders = {path: known.get(path) or Folder(path, self._options) for path in outer}

    def outdate(self) -> None:
        """Something has changed on the disk: all is read again before the next check."""
        for folder in self.folders:
            folder.is_current = False

    def refresh(self) -> None:
        """Read what is not current, and take in the texts of open documents."""
        documents = self._laid = self.documents.all()
        outside = [path for path in documents if not any(path.is_relative_to(each) for each in self._folders)]
        self._loose = {
            path: self._loose.get(path) or Folder(path, self._options) for path in outside if path.suffix == ".py"
        }
        for folder in self.folders:
            if not folder.is_current:
                folder.refresh(self._progress)
        for kept in self.kept:
            kept.lay(documents)

    @property
    def is_current(self) -> bool:
        """Whether open documents are as they were taken in."""
        return self.documents.all() == self._laid

    def find(self, file: Path) -> tuple[Kept, str] | None:
        """The project that a file belongs to, and its path there."""
        found = [(kept, path) for kept in self.kept if (path := kept.path(file)) is not None]
        return max(found, key=lambda pair: len(pair[0].root.parts), default=None)

    def glance(self) -> bool:
        """Look at the one file of a project that has changed, where that is all; whether there was such a file.

        Not beside a configuration that cannot be read: of that is told with all that is found.
        """
        has_problem = any(folder.problem for folder in self.folders)
        return not has_problem and any([kept.glance() for kept in self.kept])  # noqa: C419 - each is looked at

    def check(self) -> None:
        """Check what is not checked as it is now. A configuration that turns out to be wrong is a problem, too."""
        for folder in self.folders:
            for kept in folder.kept.values():
                if not kept.is_checked:
                    try:
                        kept.check()
                    except ConfigurationError as error:
                        kept.is_checked = True
                        folder.problem = str(error)

    def forget(self) -> None:
        """Forget all that is known of projects: the next check begins afresh."""
        for folder in self.folders:
            folder.kept = {}
            folder.is_current = False
