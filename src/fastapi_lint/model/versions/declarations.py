"""What one file of a project says about versions: manifests, requirements and lock files as plain data. Judges nothing.

Texts in, requirements out; nothing is read from disk. What cannot be read becomes a problem and is left out.
"""

from __future__ import annotations

import configparser
import json
import posixpath
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Union

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Toml = Union[str, int, float, bool, list["Toml"], dict[str, "Toml"]]

_LOCKED = re.compile(r'^\[\[packages?\]\]\r?\nname = "([^"\n]+)"\r?\nversion = "([^"\n]+)"', re.MULTILINE)
_MEMBER = re.compile(r'^source = \{ (?:editable|virtual|directory) = "([^"\n]*)" \}', re.MULTILINE)
_SIDE = re.compile(r"(^|[-_./])(dev|tests?|docs?|lint|ci|examples?|typing|build|mypy|benchmarks?)([-_./]|$)")
_INCLUDE = re.compile(r"(?:-r|--requirement|-c|--constraint)[\s=]+(\S+)")
_CONDA = re.compile(r"([A-Za-z0-9][\w.-]*)\s*([=<>!~][^#\s]*)?")
_BARE = re.compile(r"\d[\w.*+!-]*")


@dataclass(frozen=True)
class Requirements:
    """What a file asks for: (canonical package name, specifier) pairs; "python" is a package here.

    `main` is what the program needs to run, `side` what extras, groups and development files add. `locked` are the
    versions that a lock file fixes, `members` the folders (relative to the file's) of the workspace it locks.
    `includes` are other requirements files, relative to this one. Several specifiers of one package are alternatives.
    """

    main: tuple[tuple[str, SpecifierSet], ...] = ()
    side: tuple[tuple[str, SpecifierSet], ...] = ()
    locked: tuple[tuple[str, Version], ...] = ()
    members: tuple[str, ...] = ()
    includes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass
class _Draft:
    main: list[tuple[str, SpecifierSet]] = field(default_factory=list)
    side: list[tuple[str, SpecifierSet]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def add(self, name: str, specifier: str, *, side: bool = False) -> None:
        """One requirement by name and standard specifier."""
        try:
            found = SpecifierSet(specifier)
        except InvalidSpecifier:
            self.problems.append(f"{name}: `{specifier}` is not a version specifier")
        else:
            (self.side if side else self.main).append((canonicalize_name(name), found))

    def require(self, text: Toml, *, side: bool = False) -> None:
        """One requirement as `name[extra]>=1; marker`; an empty specifier for an URL."""
        try:
            found = Requirement(str(text))
        except InvalidRequirement:
            self.problems.append(f"`{text}` is not a requirement")
        else:
            (self.side if side else self.main).append((canonicalize_name(found.name), found.specifier))

    def poetry(self, name: str, value: Toml, *, side: bool = False) -> None:
        """One entry of a Poetry or Pipfile table: caret, tilde, `||`, a table with `version`, or a list of such."""
        if isinstance(value, list):
            for one in value:
                self.poetry(name, one, side=side)
        elif isinstance(value, dict):
            self.poetry(name, value.get("version", "*"), side=side)
        else:
            for alternative in re.split(r"\|\|?", str(value)):
                self.add(name, standard_specifier(alternative), side=side)

    def done(self, includes: tuple[str, ...] = ()) -> Requirements:
        return Requirements(tuple(self.main), tuple(self.side), includes=includes, problems=tuple(self.problems))


def standard_specifier(text: str) -> str:
    """A Poetry constraint (`^1.2`, `~1.2`, `1.*`, `1.2.3`, `>=1 <2`) as a PEP 440 specifier; others stay."""
    parts = []
    for part in re.sub(r"([<>=!~^])\s+", r"\1", text.strip()).replace(",", " ").split():
        if part == "*":
            continue
        if part[0] == "^" or (part[0] == "~" and part[1:2] != "="):
            try:
                lower = Version(part[1:])
            except InvalidVersion:
                return text
            release = lower.release
            if part[0] == "~":
                index = min(1, len(release) - 1)
            else:
                index = next((i for i, number in enumerate(release) if number), len(release) - 1)
            upper = ".".join(map(str, (*release[:index], release[index] + 1)))
            parts.append(f">={lower},<{upper}")
        elif _BARE.fullmatch(part):
            parts.append(f"=={part}")
        elif part[0] == "=" and part[1:2] not in ("", "="):
            parts.append(f"={part}")
        else:
            parts.append(part)
    return ",".join(parts)


def read(path: str, text: str) -> Requirements | None:
    """What a file declares, judged by its name; None for a file that declares no versions."""
    name = posixpath.basename(path)
    text = text.removeprefix("\N{BOM}")
    try:
        if name in ("uv.lock", "poetry.lock", "pdm.lock") or re.fullmatch(r"pylock(\.[^.]+)?\.toml", name):
            return _lock(text)
        if name == "Pipfile.lock":
            return _pipfile_lock(text)
        if name == "pyproject.toml":
            return _pyproject(tomllib.loads(text))
        if name == "Pipfile":
            return _pipfile(tomllib.loads(text))
        if name == "setup.cfg":
            return _setup_cfg(text)
        if is_requirements(path):
            return _requirements(path, text)
        if re.fullmatch(r"environment[\w.-]*\.ya?ml", name):
            return _environment(text)
    except (tomllib.TOMLDecodeError, json.JSONDecodeError, configparser.Error, RecursionError) as error:
        return Requirements(problems=(str(error).split("\n", 1)[0],))
    return None


def is_requirements(path: str) -> bool:
    """Whether a path names a requirements file: requirements*.txt, *-requirements.txt, requirements/*.txt, or `.in`."""
    folder, name = posixpath.split(path)
    inside = posixpath.basename(folder) in ("requirements", "reqs")
    return name.endswith((".txt", ".in")) and (inside or "requirements" in name)


def compiled_from(path: str) -> str:
    """The file from which pip-compile makes a requirements file of this name; "" for another file."""
    return f"{path.removesuffix('.txt')}.in" if is_requirements(path) and path.endswith(".txt") else ""


def folder_of(path: str) -> str:
    """The folder a file speaks for: its own, or the parent of a `requirements` folder. "" is the project root."""
    folder = posixpath.dirname(path)
    return posixpath.dirname(folder) if posixpath.basename(folder) in ("requirements", "reqs") else folder


# ---------------------------------------------------------------- formats


def _table(value: Toml | None) -> dict[str, Toml]:
    return value if isinstance(value, dict) else {}


def _list(value: Toml | None) -> list[Toml]:
    return value if isinstance(value, list) else []


def _pyproject(data: Mapping[str, Toml]) -> Requirements:
    draft = _Draft()
    project, tool = _table(data.get("project")), _table(data.get("tool"))
    if "requires-python" in project:
        draft.add("python", str(project["requires-python"]))
    for one in _list(project.get("dependencies")):
        draft.require(one)
    uv = _table(tool.get("uv"))
    groups = (*_table(project.get("optional-dependencies")).values(), *_table(data.get("dependency-groups")).values())
    for group in (
        *groups,
        uv.get("dev-dependencies"),
        *_table(_table(tool.get("pdm")).get("dev-dependencies")).values(),
    ):
        for one in _list(group):
            if isinstance(one, str):  # a table includes another group, which is read anyway
                draft.require(one, side=True)
    poetry = _table(tool.get("poetry"))
    for name, value in _table(poetry.get("dependencies")).items():
        draft.poetry(name, value)
    side = [poetry.get("dev-dependencies")]
    side += [_table(group).get("dependencies") for group in _table(poetry.get("group")).values()]
    for table in side:
        for name, value in _table(table).items():
            draft.poetry(name, value, side=True)
    return draft.done()


def _pipfile(data: Mapping[str, Toml]) -> Requirements:
    draft = _Draft()
    for name, value in _table(data.get("packages")).items():
        draft.poetry(name, value)
    for name, value in _table(data.get("dev-packages")).items():
        draft.poetry(name, value, side=True)
    if "python_version" in _table(data.get("requires")):
        draft.add("python", f"=={_table(data['requires'])['python_version']}.*")
    return draft.done()


def _locked(pairs: Iterator[tuple[str, str]]) -> Requirements:
    found, problems = [], []
    for name, version in pairs:
        try:
            found.append((str(canonicalize_name(name)), Version(version)))
        except InvalidVersion:
            problems.append(f"{name}: `{version}` is not a version")
    return Requirements(locked=tuple(found), problems=tuple(problems))


def _lock(text: str) -> Requirements:
    """uv, Poetry, PDM and pylock files: written by programs in one layout, and large, so no TOML parser is needed."""
    found = _locked((match[1], match[2]) for match in _LOCKED.finditer(text))
    members = tuple(posixpath.normpath(match[1]) for match in _MEMBER.finditer(text))
    return Requirements(locked=found.locked, members=members, problems=found.problems)


def _pipfile_lock(text: str) -> Requirements:
    data = json.loads(text)
    sections = [data.get(key) for key in ("default", "develop")] if isinstance(data, dict) else []
    entries = [pair for section in sections if isinstance(section, dict) for pair in section.items()]
    return _locked(
        (name, str(value["version"]).removeprefix("=="))
        for name, value in entries
        if isinstance(value, dict) and "version" in value
    )


def _setup_cfg(text: str) -> Requirements:
    parser = configparser.RawConfigParser(strict=False)
    parser.read_string(text)
    draft = _Draft()
    if parser.has_option("options", "python_requires"):
        draft.add("python", parser.get("options", "python_requires"))
    sections = [("options", "install_requires", False)]
    if parser.has_section("options.extras_require"):
        sections += [("options.extras_require", name, True) for name in parser.options("options.extras_require")]
    for section, option, side in sections:
        text = parser.get(section, option) if parser.has_option(section, option) else ""
        for line in text.splitlines():
            if (line := _uncommented(line)) and not line.startswith("file:"):
                draft.require(line, side=side)
    return draft.done()


def _uncommented(line: str) -> str:
    return re.split(r"(?:^|\s)#", line, maxsplit=1)[0].strip()


def _requirements(path: str, text: str) -> Requirements:
    draft = _Draft()
    side = bool(_SIDE.search(posixpath.basename(path).removesuffix(".txt").removesuffix(".in")))
    includes = []
    for line in re.sub(r"\\\r?\n", " ", text).splitlines():
        line = _uncommented(line)
        if match := _INCLUDE.fullmatch(line):
            includes.append(posixpath.normpath(posixpath.join(posixpath.dirname(path), match[1])))
            continue
        line = re.split(r"\s--?[a-z]", line, maxsplit=1)[0].strip()  # --hash=..., --config-settings ...
        if not line or line.startswith(("-", ".", "/")) or re.match(r"[\w+]+://", line):
            continue  # options, editable and local installs, addresses: they say no version
        draft.require(line, side=side)
    return draft.done(tuple(includes))


def _environment(text: str) -> Requirements:
    """A conda environment, line by line: `- name=1.2` means 1.2.*, and below `- pip:` stand ordinary requirements."""
    draft = _Draft()
    depth, pip = -1, -1
    for raw in text.splitlines():
        line = _uncommented(raw)
        indent = len(raw) - len(raw.lstrip())
        if re.match(r"[A-Za-z]", raw):
            depth, pip = (indent, -1) if line.startswith("dependencies:") else (-1, -1)
            continue
        if depth < 0 or not line.startswith("- "):
            continue
        item = line[2:].strip().strip("\"'")
        if pip >= 0 and indent > pip:
            if not item.startswith("-"):
                draft.require(item)
            continue
        pip = indent if item == "pip:" else -1
        match = _CONDA.match(item.rsplit("::", 1)[-1])
        if match is None or item == "pip:":
            continue
        specifier = match[2] or ""
        if re.match(r"=[^=]", specifier):
            specifier = f"=={specifier[1:].split('=')[0].removesuffix('.*').removesuffix('*').rstrip('.')}.*"
        elif specifier.startswith("=="):
            specifier = "==" + specifier[2:].split("=")[0]
        draft.add(match[1], specifier)
    return draft.done()
