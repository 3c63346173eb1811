"""FAPI610: imports of libraries for tokens and passwords that nobody maintains, or hardly."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.catalog.secrecy import tokens
from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Module
from fastapi_lint.rule import Check, rule


@rule("FAPI610", severity=Severity.INFO, words={"jose", "passlib"})
def unmaintained_auth_library(module: Module, check: Check) -> Iterator[Finding]:
    """Tokens or passwords rest on a library that nobody maintains, or hardly.

    Why is this bad?
    Faults in code that checks tokens and passwords are found every year, and somebody has to mend them in time.
    python-jose had no release from 2021 to 2025: two attacks that were known in 2024 were mended by 3.4.0 the year
    after. passlib has had none since 2020 and does not know current versions of bcrypt. FastAPI's own documentation
    has moved on to PyJWT and pwdlib. pwdlib reads the hashes that passlib has written.

    Known limits
    One finding for a module. Packages that are declared and not imported, and imports in a `try` together with one of
    the maintained library, are left alone.

    References
    - [OAuth2 with password and JWT](https://fastapi.tiangolo.com/tutorial/security/oauth2-jwt/)
    - [PyJWT](https://pyjwt.readthedocs.io/en/stable/)
    - [pwdlib](https://frankie567.github.io/pwdlib/)
    """
    if module.is_test:
        return
    found: dict[str, f.Import] = {}
    for entry in module.facts.imports:
        top = entry.module.split(".", 1)[0]
        known = tokens.unmaintained().get(top)
        if known is None or entry.level or top in found or check.project.modules.find(top, module) is not None:
            continue
        if not _is_paired(module, entry, known):
            found[top] = entry
    if not found:
        return
    libraries = [tokens.unmaintained()[top] for top in found]
    yield check.finding(
        next(iter(found.values())),
        f"{' and '.join(f'`{one.package}` is {one.care}' for one in libraries)} maintained",
        why=", ".join(one.why for one in libraries),
        instead=f"use {', and '.join(one.instead for one in libraries)}",
    )


def _is_paired(module: Module, entry: f.Import, known: tokens.Unmaintained) -> bool:
    """Whether an import stands in a `try` together with one of the maintained library."""
    tries = _tries(module, entry.block)
    return bool(tries) and any(
        other.module.split(".", 1)[0] in known.maintained and tries & _tries(module, other.block)
        for other in module.facts.imports
    )


def _tries(module: Module, block: int) -> set[int]:
    blocks = module.facts.blocks
    found = set()
    while block >= 0:
        if blocks[block].kind == "try":
            found.add(block)
        block = blocks[block].parent
    return found
