"""FAPI619: texts of clients in paths. What gets where is followed in the model; judged is what stands around it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function, Module
from fastapi_lint.model.taint import (
    ADDRESS,
    BESIDE,
    LEVEL,
    SHORN,
    Arrival,
    Entry,
    Piece,
    Strand,
    Sunk,
    names_an_object,
    trail,
    unpacked,
)
from fastapi_lint.rule import Check, rule

_FILTERS = "3.14"
"""The Python whose `tarfile` keeps members in their folder by itself (PEP 706)."""


@rule("FAPI619", severity=Severity.ERROR, needs_requests=True)
def upload_path_traversal(module: Module, check: Check) -> Iterator[Finding]:
    """A client's file name or string forms a path unchecked.

    Why is this bad?
    `UploadFile.filename` is what the client says, and `../../etc/cron.d/job` is a file name too. The same goes for
    strings of the query, the path, headers, cookies and the body: joined to a folder they lead out of it, so that a
    client reads, overwrites or deletes files that are none of its business. An absolute path even replaces the folder
    it is joined to.

    The members of an archive are such names too: `zipfile` tidies them, `tarfile` writes a file or link wherever it
    says, before Python 3.14 unless it is given `filter="data"`.

    Store uploads under names of your own, or keep only the last component (`Path(file.filename).name`); for paths,
    check that `(folder / path).resolve()` still `is_relative_to(folder)`. A bare `startswith(folder)` lets
    `folder-private` through.

    Known limits
    A string is followed through variables, containers and functions of the project. What is checked on the way counts,
    wherever it is: a comparison, a pattern, a look-up, a function that raises. A path parameter without `:path` cannot
    hold a slash: it is reported, as a warning, where it is a whole component, since `..` leads one folder up; that
    backslashes separate folders on Windows is not taken into account. What is joined for the key of an object in a
    store like S3 alone leads nowhere. Of archives those are known that are read from the upload, or from a file into
    which the same function has written it; whose members are looked at, or picked, is left alone. A project that
    declares no Python is taken to run on the current one.

    References
    - [FastAPI: UploadFile](https://fastapi.tiangolo.com/tutorial/request-files/#uploadfile)
    - [OWASP: path traversal](https://owasp.org/www-community/attacks/Path_Traversal)
    - [PEP 706: filter for tarfile.extractall](https://peps.python.org/pep-0706/)
    - [CWE-22](https://cwe.mitre.org/data/definitions/22.html)
    """
    has_entries = check.project.taint.has_entries
    for function in () if module.is_test else module.functions:
        # What stands in another one is looked at with it.
        if has_entries(function) and not (function.parent is not None and has_entries(function.parent)):
            yield from _archives(function, check)
            yield from _joined(function, check)


def _joined(function: Function, check: Check) -> Iterator[Finding]:
    """Texts of clients that form paths in a function, or in what it runs."""
    seen: set[tuple[int, str]] = set()
    for found in sorted(_found(function, check), key=lambda each: (each.sunk.start, each.sunk.end)):
        entry = found.entry
        key = (entry.start, entry.shown)
        if key in seen or _is_reported_elsewhere(entry, function, check):
            continue
        is_joined = not found.sunk.arrival.called
        if is_joined and (_is_of_object(entry, function) or names_an_object(check.project, found.sunk.arrival)):
            continue
        seen.add(key)
        sunk, arrival = found.sunk, found.sunk.arrival
        how = f"goes into `{arrival.called}`" if arrival.called else "forms a path"
        where = arrival.function.name if arrival.function is not None else "this module"
        is_near = BESIDE in found.strand.safe
        checked = "checked by its beginning" if is_near else "unchecked"
        severity = Severity.WARNING if entry.part or found.is_prefixed or found.is_closed or is_near else None
        yield check.finding(
            (sunk.start, sunk.end),
            f"{entry.what} `{found.strand.shown}` {how} in `{where}` {checked}",
            why=_why(found),
            instead=_instead(entry, found.strand.shown),
            severity=severity,
            related=[check.related(step, step.message, module=step.module) for step in trail(found.strand, arrival)],
            chain=True,
        )


def _archives(function: Function, check: Check) -> Iterator[Finding]:
    """Archives of clients whose members are written wherever they say."""
    seen: set[tuple[Entry, int]] = set()
    for found in (one for each in _with_nested(function) for one in unpacked(check.project.taint, each)):
        versions = check.project.versions.for_path(found.module.path)
        key = (found.entry, found.call.start)
        if key in seen or (not found.is_trusted and versions.reaches("python", _FILTERS)):
            continue
        seen.add(key)
        called = f.last_name(found.call.func)
        until = "" if found.is_trusted else f"before Python {_FILTERS} "
        yield check.finding(
            (found.start, found.end),
            f"{found.entry.what} `{found.strand.shown}` is unpacked by `{called}` without a filter",
            why=f"{until}a member `../../etc/cron.d/job`, or a link, is written wherever it says",
            instead='give it `filter="data"`',
            related=[check.related(step, step.message, module=step.module) for step in found.steps],
            chain=True,
        )


@dataclass(frozen=True)
class _Found:
    """A text of the client in a path. `is_prefixed`: other text stands before it in the same component; `is_closed`: a
    component of the program's own stands behind it. `ending`: what the name ends with, whatever the client sends."""

    entry: Entry
    strand: Strand
    sunk: Sunk
    is_prefixed: bool
    is_closed: bool
    ending: str


def _found(function: Function, check: Check) -> Iterator[_Found]:
    """What of the client's gets into a path when a function runs, those nested in it included."""
    flows = check.project.taint
    for each in _with_nested(function):
        if not flows.leading.leads(each, "path"):
            continue
        for sunk in flows.sunk(each, "path"):
            for number, piece in enumerate(sunk.text):
                if isinstance(piece, Strand) and isinstance(piece.origin, Entry) and not piece.is_safe("path"):
                    if number == 0 and _is_address(piece):
                        continue
                    before = sunk.text[number - 1] if number else None
                    after = sunk.text[number + 1] if number + 1 < len(sunk.text) else None
                    is_prefixed = before is not None and not _ends(before, -1)
                    if _escapes(piece.origin, piece, sunk.arrival, is_prefixed, after):
                        is_closed = after is not None and _ends(after, 0)
                        is_last = isinstance(after, str) and number + 2 == len(sunk.text) and "/" not in after
                        ending = after if isinstance(after, str) and is_last else ""
                        yield _Found(piece.origin, piece, sunk, is_prefixed, is_closed, ending)


def _is_reported_elsewhere(entry: Entry, function: Function, check: Check) -> bool:
    """Whether the function into which a text comes, a dependency for example, makes the path itself."""
    if entry.function is function or entry.function.parent is function:
        return False
    return any(found.entry == entry for found in _found(entry.function, check))


def _is_of_object(entry: Entry, function: Function) -> bool:
    """Whether a text came in when a method's object was made: what the method makes of it, others use."""
    return entry.function.name == "__init__" and entry.function is not function and entry.function.cls is function.cls


def _with_nested(function: Function) -> Iterator[Function]:
    yield function
    for each in function.module.functions_within(function.facts.start, function.facts.end):
        outer: Function | None = each
        while outer is not None and outer is not function:
            outer = outer.parent
        if outer is not None:
            yield each


def _is_address(strand: Strand) -> bool:
    """Whether a path is a whole address, of which a check has told the scheme."""
    return ADDRESS in strand.safe and SHORN not in strand.safe and not strand.part and not strand.resolved


def _escapes(entry: Entry, strand: Strand, arrival: Arrival, is_prefixed: bool, after: Piece | None) -> bool:
    """Whether what stands there can lead out of the folder: of a part without slashes only `..` as a component does."""
    if not entry.part:
        is_level = strand.is_cut or strand.is_safe(LEVEL)  # an ending, or a piece of a name
        return not (is_level and is_prefixed)
    is_alone = not is_prefixed and not strand.is_safe(LEVEL) and (after is None or _ends(after, 0))
    return is_alone and not strand.part and (after is not None or arrival.folders)


def _ends(piece: Piece, index: int) -> bool:
    """Whether a piece is a text with a slash at its start (0) or end (-1)."""
    return isinstance(piece, str) and piece[index : index + 1 or None] in ("/", "\\")


def _why(found: _Found) -> str:
    if BESIDE in found.strand.safe:
        return "a folder beside begins with the same letters: `data-private` with `data`"
    if found.entry.part:
        return "as `..` it leads out of the folder"
    if found.is_prefixed:
        return "with `../` it leads to another folder, on Windows or where the folder before it is made"
    if found.ending:
        return f"with `../` it leads to any file of the server that ends in `{found.ending}`"
    return f"with `../` it leads to {'another folder' if found.is_closed else 'any file of the server'}"


def _instead(entry: Entry, shown: str) -> str:
    if entry.what == "file name":
        return f"use `Path({shown}).name`, or a name of your own"
    if entry.part:
        return "check it, or that the resolved path `is_relative_to()` the folder"
    return "check that the resolved path `is_relative_to()` the folder"
