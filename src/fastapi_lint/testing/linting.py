"""Lints and fixes projects that are held in memory, with rules that are at hand. Reads and writes no file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fastapi_lint.finding import Finding
from fastapi_lint.rule import Rule
from fastapi_lint.run.story import lint_sources

RECOMMENDED = ("recommended",)
Options = Mapping[str, Mapping[str, object]]


def linted(
    files: Mapping[str, bytes],
    *,
    rules: Sequence[Rule] = (),
    select: Sequence[str] = RECOMMENDED,
    options: Options | None = None,
    fixing: bool = False,
    unsafe: bool = True,
) -> tuple[list[Finding], dict[str, bytes]]:
    """What is found in files (path in the project: content), fixed before or not, and the files then.

    Raises `AssertionError` when a rule raised, or something else went wrong.
    """
    result = lint_sources(files, select=select, fix=fixing, unsafe=unsafe, options=options, extra=rules)
    if result.notices:
        raise AssertionError("\n".join(f"{notice.path} {notice.message}".strip() for notice in result.notices))
    return list(result.findings), dict(result.files)


def lint(
    files: Mapping[str, str],
    *,
    rules: Sequence[Rule] = (),
    select: Sequence[str] = RECOMMENDED,
    options: Options | None = None,
) -> list[Finding]:
    """The findings in a project: paths relative to its root, and texts.

    `rules` are asked beside those that ship, as far as `select` names them; `options` are by code. Raises
    `AssertionError` when a rule raised.
    """
    return linted(_encoded(files), rules=rules, select=select, options=options)[0]


def fix(
    files: Mapping[str, str],
    *,
    rules: Sequence[Rule] = (),
    select: Sequence[str] = RECOMMENDED,
    options: Options | None = None,
    unsafe: bool = True,
) -> dict[str, str]:
    """The project as `--fix` leaves it, with `unsafe` as `--fix --unsafe-fixes` does; all else as for `lint`."""
    found = linted(_encoded(files), rules=rules, select=select, options=options, fixing=True, unsafe=unsafe)
    return {path: content.decode() for path, content in found[1].items()}


def _encoded(files: Mapping[str, str]) -> dict[str, bytes]:
    return {path: text.encode() for path, text in files.items()}
