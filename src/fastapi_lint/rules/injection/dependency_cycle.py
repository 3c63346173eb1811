"""FAPI208: dependencies that depend on themselves. Walks the Depends graph of the whole project."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.model import Project
from fastapi_lint.model.injection import Circles, definition_of, name_of
from fastapi_lint.rule import Check, rule


@rule("FAPI208", severity=Severity.ERROR)
def dependency_cycle(project: Project, check: Check) -> Iterator[Finding]:
    """Dependencies depend on each other in a circle.

    Why is this bad?
    FastAPI resolves what a dependency depends on when a route is registered, and follows the circle until Python gives
    up with a `RecursionError`: the application does not start. Python itself notices nothing, because annotations that
    are kept as text (`from __future__ import annotations`, quotes) are looked up late.

    Move what both need into a third dependency.

    Known limits
    Dependencies that cannot be resolved end the chain. A default or annotation that is evaluated with the `def` cannot
    mean a function further down in the file; such a name is taken for something older.

    References
    - [Sub-dependencies](https://fastapi.tiangolo.com/tutorial/dependencies/sub-dependencies/)
    """
    for cycle in Circles(check.project).cycles():
        first = cycle[0][0]
        names = [f"`{name_of(node)}`" for node, _ in cycle]
        chain = " -> ".join([*names, names[0]])
        module = definition_of(first).module
        related = [
            check.related(uses, f"{name} depends on {names[(i + 1) % len(names)]}", module=uses.module)
            for i, (name, (_, uses)) in enumerate(zip(names, cycle, strict=True))
        ]
        what = f"{names[0]} depends on itself" if len(cycle) == 1 else f"{names[0]} depends on itself: {chain}"
        yield check.finding(
            definition_of(first),
            what,
            why="FastAPI follows the circle until it fails with RecursionError when a route is registered",
            instead="move what is shared into a dependency of its own",
            module=module,
            related=related,
            chain=True,
        )
