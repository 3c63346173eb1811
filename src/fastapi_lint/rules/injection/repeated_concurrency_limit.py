"""FAPI228: a concurrency limit that every `Depends` object has for itself."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function
from fastapi_lint.model.injection import Depends
from fastapi_lint.rule import Check, rule

_LIMIT = "max_concurrency"


@rule("FAPI228", severity=Severity.INFO, since="0.2.0")
def repeated_concurrency_limit(function: Function, check: Check) -> Iterator[Finding]:
    """A dependency is limited in several `Depends(..., max_concurrency=...)`, each of which counts for itself.

    Why is this bad?
    The limit belongs to the `Depends` object. Written out in two places, there are two limits, and twice as many calls
    run at once as the number says.

    Known limits
    Two different numbers are taken for two limits that are meant, and so is a number that is not known.

    References
    - [FastAPI release notes: 0.163](https://fastapi.tiangolo.com/release-notes/)
    """
    uses = check.project.dependencies.used.get(function, ())
    by_number: dict[int, dict[tuple[str, int], Depends]] = {}
    for use in uses:
        given = f.keyword(use.call, _LIMIT)
        if given is not None and isinstance(given.value, f.Const) and isinstance(given.value.value, int):
            if not use.module.is_test:
                by_number.setdefault(given.value.value, {})[use.module.path, use.start] = use
    for number, found in by_number.items():
        first, *others = (found[place] for place in sorted(found))
        if others:
            yield check.finding(
                first,
                f"`{function.name}` is limited to {number} in {len(found)} places, each for itself",
                why=f"every `Depends` object has a limit of its own: up to {number * len(found)} run at once",
                instead="write the `Depends` once, in an `Annotated` alias, and use that",
                module=first.module,
                related=[check.related(other, "limited here as well", module=other.module) for other in others],
            )
