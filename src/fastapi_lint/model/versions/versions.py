"""Which versions the project declares for Python and its libraries, and what that says about a feature. Reads no files.

A question is answered by the nearest declaration at or above a module: a lock file before ranges, a program's own
requirements before its extras and groups. Several declarations are alternatives: all of them must agree.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from fastapi_lint.model.versions.declarations import Requirements, compiled_from, folder_of, read


@dataclass(frozen=True)
class Bounds:
    """The interval of versions that a declaration admits; None is open. The lower end is included, or the upper one."""

    lower: Version | None = None
    upper: Version | None = None
    inclusive: bool = False

    def narrowed(self, other: Bounds) -> Bounds:
        """The interval of versions that both admit."""
        lower = max((one for one in (self.lower, other.lower) if one is not None), default=None)
        ends = [one for one in (self, other) if one.upper is not None]
        end = min(ends, key=lambda one: (one.upper or Version("0"), one.inclusive), default=Bounds())
        return Bounds(lower, end.upper, end.inclusive)

    @property
    def specifier(self) -> SpecifierSet:
        """The interval as a specifier."""
        if self.lower is not None and self.lower == self.upper:
            return SpecifierSet(f"=={self.lower}")
        lower = f">={self.lower}" if self.lower is not None else ""
        upper = f"{'<=' if self.inclusive else '<'}{self.upper}" if self.upper is not None else ""
        return SpecifierSet(",".join(filter(None, (lower, upper))))


def bounds(specifier: SpecifierSet) -> Bounds:
    """The interval of a specifier; exclusions (`!=`) leave it as it is."""
    found = Bounds()
    for one in specifier:
        text, wildcard = one.version.removesuffix(".*"), one.version.endswith(".*")
        try:
            version = Version(text)
        except ValueError:  # `===` takes any text
            continue
        match one.operator:
            case "==" | "===" if not wildcard:
                found = found.narrowed(Bounds(version, version, True))
            case "==":
                found = found.narrowed(Bounds(version, _next(version.release)))
            case "~=":
                found = found.narrowed(Bounds(version, _next(version.release[:-1])))
            case ">=" | ">":
                found = found.narrowed(Bounds(version))
            case "<=":
                found = found.narrowed(Bounds(None, version, True))
            case "<":
                found = found.narrowed(Bounds(None, version))
    return found


def _next(release: tuple[int, ...]) -> Version:
    return Version(".".join(map(str, (*release[:-1], release[-1] + 1))))


IMPLIED: tuple[tuple[str, Bounds, str, Bounds], ...] = (
    # FastAPI 0.100.0: "support for Pydantic v2"; 0.99.1 requires pydantic <2.0.0.
    ("fastapi", Bounds(None, Version("0.100.0")), "pydantic", Bounds(None, Version("2"))),
    # FastAPI 0.126.0: "Drop support for Pydantic v1 ... The minimum version of Pydantic installed is now >=2.7.0".
    ("fastapi", Bounds(Version("0.126.0")), "pydantic", Bounds(Version("2.7.0"))),
    # FastAPI 0.135.2: "Increase lower bound to pydantic >=2.9.0".
    ("fastapi", Bounds(Version("0.135.2")), "pydantic", Bounds(Version("2.9.0"))),
    # SQLModel 0.0.14: "Add support for Pydantic v2"; 0.0.12 requires pydantic ^1.9.0. 0.0.31 drops Pydantic v1.
    ("sqlmodel", Bounds(None, Version("0.0.14")), "pydantic", Bounds(None, Version("2"))),
    ("sqlmodel", Bounds(Version("0.0.31")), "pydantic", Bounds(Version("2.7.0"))),
    # As these packages' own metadata requires it, at the release named and at the next.
    ("beanie", Bounds(None, Version("1.21.0")), "pydantic", Bounds(None, Version("2"))),
    ("ormar", Bounds(None, Version("0.20.0")), "pydantic", Bounds(None, Version("2"))),
    ("ormar", Bounds(Version("0.20.0")), "pydantic", Bounds(Version("2.5.3"))),
    ("odmantic", Bounds(Version("1.0.0")), "pydantic", Bounds(Version("2.5.2"))),
    ("fastapi-utils", Bounds(None, Version("0.6.0")), "pydantic", Bounds(None, Version("2"))),
    ("pydantic-schemaorg", Bounds(None, Version("1.0.6"), True), "pydantic", Bounds(None, Version("2"))),
    # SQLModel 0.0.12 requires SQLAlchemy >=2.0.0,<2.1.0; 0.0.11 requires <2.0.0.
    ("sqlmodel", Bounds(Version("0.0.12")), "sqlalchemy", Bounds(Version("2.0.0"))),
    ("sqlmodel", Bounds(None, Version("0.0.12")), "sqlalchemy", Bounds(None, Version("2.0.0"))),
    # Starlette as FastAPI's own pyproject.toml requires it at these tags.
    ("fastapi", Bounds(Version("0.95.2")), "starlette", Bounds(Version("0.27.0"))),
    ("fastapi", Bounds(Version("0.109.2")), "starlette", Bounds(Version("0.36.3"))),
    ("fastapi", Bounds(Version("0.115.3")), "starlette", Bounds(Version("0.40.0"))),
    ("fastapi", Bounds(Version("0.134.0")), "starlette", Bounds(Version("0.46.0"))),
    ("fastapi", Bounds(None, Version("0.128.3")), "starlette", Bounds(None, Version("0.51.0"))),
    ("fastapi", Bounds(None, Version("0.133.0")), "starlette", Bounds(None, Version("1.0.0"))),
)
"""(package, versions of it) imply (package, versions of it); from release notes and published requirements."""


class Versions:
    """The versions declared anywhere in the project; `for_path` gives those that count for one module.

    `declared` maps paths relative to the project root to texts (pyproject.toml, requirements files, uv.lock,
    poetry.lock, pdm.lock, pylock.toml, Pipfile, Pipfile.lock, setup.cfg, environment.yml; others are passed over).
    `overrides` are the target versions of the settings: they count everywhere and before all files. What FastAPI,
    SQLModel and others require of Pydantic, SQLAlchemy and Starlette (`IMPLIED`) narrows what is declared for these,
    or stands in for it.

    Asked of the whole project, every part of it that declares the package must agree.
    """

    def __init__(self, declared: Mapping[str, str], overrides: Mapping[str, str] | None = None) -> None:
        self._texts = dict(declared)
        self._read: dict[str, Requirements | None] = {}
        self._overrides: dict[str, Bounds] = {}
        self._override_problems: list[str] = []
        for name, text in (overrides or {}).items():
            try:
                self._overrides[canonicalize_name(name)] = bounds(SpecifierSet(text))
            except InvalidSpecifier:
                self._override_problems.append(f"target version of {name}: `{text}` is not a version specifier")
        self._folders: dict[str, list[str]] = {}
        sources = {compiled_from(path) for path in self._texts}
        for path in sorted(self._texts.keys() - sources):  # what is made of a source says more than the source
            self._folders.setdefault(folder_of(path), []).append(path)
        self._answers: dict[tuple[str | None, str], tuple[Bounds, ...]] = {}
        self._near: dict[str, Versions] = {}
        self._folder: str | None = None
        self._whole = self
        """What is declared anywhere in the project."""

    def for_path(self, path: str) -> Versions:
        """What counts for a file of the project: the nearest declaration of a package at or above its folder."""
        if path in self._near:
            return self._near[path]
        near = self._near[path] = object.__new__(Versions)
        near.__dict__.update(self.__dict__)
        # What is declared decides, not where a file is: all folders without declarations have one answer.
        near._folder = next((folder for folder in _upwards(posixpath.dirname(path)) if folder in self._folders), "")
        return near

    @property
    def problems(self) -> tuple[str, ...]:
        """What could not be read, as "file: reason"."""
        found = [f"{path}: {problem}" for path in sorted(self._texts) for problem in self._problems(path)]
        return (*self._override_problems, *found)

    def range(self, package: str) -> SpecifierSet | None:
        """The versions that are declared, as one specifier around all alternatives; None when nothing is declared."""
        found = self._alternatives(package)
        if not found:
            return None
        lower = None if any(one.lower is None for one in found) else min(one.lower for one in found if one.lower)
        if any(one.upper is None for one in found):
            return Bounds(lower).specifier
        last = max(found, key=lambda one: (one.upper or Version("0"), one.inclusive))
        return Bounds(lower, last.upper, last.inclusive).specifier

    def always_at_least(self, package: str, version: str, default: bool | None = None) -> bool | None:
        """Whether every declared version is `version` or newer; `default` when none is declared."""
        found = self._alternatives(package)
        if not found:
            return default
        return all(one.lower is not None and one.lower >= Version(version) for one in found)

    def never_at_least(self, package: str, version: str, default: bool | None = None) -> bool | None:
        """Whether every declared version is older than `version`; `default` when none is declared."""
        found = self._alternatives(package)
        if not found:
            return default
        wanted = Version(version)
        return all(
            one.upper is not None and (one.upper < wanted or (one.upper == wanted and not one.inclusive))
            for one in found
        )

    def reaches(self, package: str, version: str) -> bool:
        """Whether every version that the project allows is `version` or newer; one that declares nothing is current.

        Where nothing is declared above a file, what is declared beside it, in another folder, counts.
        """
        found = self.always_at_least(package, version)
        if found is None and self._folder is not None:
            found = self._whole.always_at_least(package, version)
        return found is not False

    def declares(self, package: str) -> bool | None:
        """Whether a package is declared at all, in whatever version; None when nothing is."""
        package = canonicalize_name(package)
        if package in self._overrides:
            return True
        found = None
        for folder in self._folders if self._folder is None else _upwards(self._folder):
            for path in self._folders.get(folder, ()):
                for content in self._with_includes(path, set()):
                    listed = [name for name, _ in (*content.main, *content.side, *content.locked)]
                    if package in listed:
                        return True
                    found = False if listed else found
        return found

    @property
    def python(self) -> tuple[int, int] | None:
        """The oldest Python (major, minor) that is declared; None when there is no lower bound."""
        found = self._alternatives("python")
        lowers = [(one.lower.major, one.lower.minor) for one in found if one.lower is not None]
        return min(lowers) if lowers and len(lowers) == len(found) else None

    # ---------------------------------------------------------------- which declarations count

    def _alternatives(self, package: str) -> tuple[Bounds, ...]:
        package = canonicalize_name(package)
        key = (self._folder, package)
        if key not in self._answers:
            if package in self._overrides:
                self._answers[key] = (self._overrides[package],)
            elif self._folder is None:
                everywhere = (one for folder in self._folders for one in self._in_project_folder(folder, package))
                self._answers[key] = tuple(dict.fromkeys(everywhere))
            else:
                self._answers[key] = tuple(dict.fromkeys(self._narrowed(self._folder, package)))
        return self._answers[key]

    def _in_project_folder(self, folder: str, package: str) -> Iterable[Bounds]:
        """The alternatives of one folder, or nothing when the folder itself says nothing about the package."""
        sources = {package, *(giver for giver, _, given, _ in IMPLIED if given == package)}
        if not any(self._ranges(folder, one) or self._locks(folder, one) for one in sources):
            return ()
        return self._narrowed(folder, package)

    def _narrowed(self, folder: str, package: str) -> Iterator[Bounds]:
        found = self._nearest(folder, package)
        implied = self._implied(folder, package)
        for one in found or ((Bounds(),) if implied != Bounds() else ()):
            both = one.narrowed(implied)
            contradicts = both.lower is not None and both.upper is not None and both.lower > both.upper
            yield one if contradicts else both

    def _implied(self, folder: str, package: str) -> Bounds:
        """What other packages require of this one: a fact counts when all alternatives of its premise do."""
        result = Bounds()
        for giver, when, given, then in IMPLIED:
            if given != package:
                continue
            known = (self._overrides[giver],) if giver in self._overrides else self._nearest(folder, giver)
            if known and all(one.narrowed(when) == one for one in known):
                result = result.narrowed(then)
        return result

    def _nearest(self, folder: str, package: str) -> tuple[Bounds, ...]:
        for near in _upwards(folder):
            if locked := self._locks(near, package):
                return locked
            if ranges := self._ranges(near, package):
                # "any version" says nothing beside others, but it ends the search: this folder has its own say
                bound = tuple(one for one in ranges if one != Bounds())
                return self._workspace_lock(near, package) or bound
        return ()

    def _locks(self, folder: str, package: str) -> tuple[Bounds, ...]:
        """The versions that the lock files of a folder fix; a lock with several (forks) gives alternatives."""
        found = [
            Bounds(version, version, True)
            for path in self._folders.get(folder, ())
            if (content := self._content(path)) is not None
            for name, version in content.locked
            if name == package
        ]
        return tuple(dict.fromkeys(found))

    def _workspace_lock(self, folder: str, package: str) -> tuple[Bounds, ...]:
        """The versions fixed by a lock further up that names this folder as a member of its workspace."""
        for above in _upwards(posixpath.dirname(folder)) if folder else ():
            for path in self._folders.get(above, ()):
                content = self._content(path)
                if content and posixpath.relpath(folder, above or ".") in content.members:
                    return self._locks(above, package)
        return ()

    def _ranges(self, folder: str, package: str) -> tuple[Bounds, ...]:
        """The ranges in the manifests and requirements of a folder; an open one for a package without any version."""
        main: list[Bounds] = []
        side: list[Bounds] = []
        for path in self._folders.get(folder, ()):
            for content in self._with_includes(path, set()):
                main += [bounds(specifier) for name, specifier in content.main if name == package]
                side += [bounds(specifier) for name, specifier in content.side if name == package]
        return tuple(dict.fromkeys(main or side))

    def _with_includes(self, path: str, seen: set[str]) -> Iterator[Requirements]:
        content = self._content(path)
        if content is None or path in seen:
            return
        seen.add(path)
        yield content
        for other in content.includes:
            yield from self._with_includes(other, seen)

    def _content(self, path: str) -> Requirements | None:
        if path not in self._read:
            self._read[path] = read(path, self._texts[path]) if path in self._texts else None
        return self._read[path]

    def _problems(self, path: str) -> tuple[str, ...]:
        content = self._content(path)
        return content.problems if content else ()


def _upwards(folder: str) -> Iterator[str]:
    """A folder and those around it, up to the project root ""."""
    while folder:
        yield folder
        folder = posixpath.dirname(folder)
    yield ""
