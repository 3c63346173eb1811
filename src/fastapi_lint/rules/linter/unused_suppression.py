"""FAPI002: suppression comments that silence nothing."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Safety
from fastapi_lint.model import Project
from fastapi_lint.rule import Check, rule


@rule("FAPI002", fix=Safety.SAFE)
def unused_suppression(project: Project, check: Check) -> Iterator[Finding]:
    """A suppression comment silences nothing.

    Why is this bad?
    A comment such as `# noqa: FAPI201` that outlived its finding hides the next one on that line, and tells readers of
    a problem that is not there. A code or name that no rule has never silenced anything.

    The fix removes the code, or the whole comment when nothing else is in it; a misspelt word that is most like what
    is reported there is corrected instead. Codes of other tools stay, and so does a bare `# noqa`, since other tools
    may need it. Codes of rules that are not selected in this run are not judged.

    Ruff takes comments with our codes away as unknown (RUF100, RUF102), unless `external = ["FAPI"]` stands in
    `[tool.ruff.lint]`.

    References
    - [Silence a finding](https://github.com/fastapi-lint/fastapi-lint#silence-a-finding)
    """
    # Made where suppressions are applied, after all other rules: only then is known what a comment silenced.
    yield from ()
