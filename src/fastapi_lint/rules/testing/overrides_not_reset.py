"""FAPI902: dependency overrides that stay for the tests that follow."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function, Instance, Module
from fastapi_lint.model.testing import (
    Override,
    conftests,
    fixture,
    fixture_call,
    fixture_option,
    is_patched,
    overrides,
    resets,
)
from fastapi_lint.rule import Check, rule


@rule("FAPI902", since="0.2.0")
def overrides_not_reset(module: Module, check: Check) -> Iterator[Finding]:
    """A test overrides a dependency, and nothing takes that back.

    Why is this bad?
    The app is one object for the whole run. What a test puts into `dependency_overrides` counts for every test that
    follows, so that these pass or fail by the order in which they run.

    Known limits
    A reset anywhere in the module counts, and one in a fixture of a `conftest.py` above that is `autouse` or that the
    module asks for. Apps that a test or fixture makes itself, overrides of a session-wide fixture, and apps that are
    not known are left alone.

    References
    - [Testing dependencies with overrides](https://fastapi.tiangolo.com/advanced/testing-dependencies/)
    """
    if not module.is_test:
        return
    found = [each for each in overrides(module) if _stays(each, check)]
    if not found or _is_reset(module, check):
        return
    seen: set[Function | None] = set()
    for each in found:
        if each.function not in seen:
            seen.add(each.function)
            yield check.finding(
                each,
                "this override is never taken back",
                why="it counts for every test that follows, so that their result depends on their order",
                instead="call `app.dependency_overrides.clear()` after the `yield` of a fixture",
            )


def _stays(each: Override, check: Check) -> bool:
    """Whether an override is made in an app that outlives the test."""
    function = each.function
    if function is None:
        return each.module.path.rsplit("/", 1)[-1] != "conftest.py" and _outlives(each, check)
    scope = fixture_option(check.project, function, "scope")
    if scope is not None and scope != f.Const("function"):
        return False
    return _outlives(each, check) and not is_patched(each, check.project)


def _outlives(each: Override, check: Check) -> bool:
    app = check.project.infer(each.app, each.module, each.block, each.start)
    function = each.function
    is_known = isinstance(app, Instance) and app.origin is not None
    if not is_known and isinstance(each.app, f.Name) and function is not None:
        if any(param.name == each.app.id for param in function.params):
            made = fixture(check.project, each.module, each.app.id)
            given = check.project.types.yield_type(made) if made is not None and made.is_generator else None
            app = given or (check.project.types.return_type(made) if made is not None else None)
    if not isinstance(app, Instance) or app.origin is None:
        return False
    return app.origin.module.enclosing(app.origin.facts.block) is None


def _is_reset(module: Module, check: Check) -> bool:
    if any(True for _ in resets(module)):
        return True
    asked = {param.name for function in module.functions for param in function.params}
    for above in conftests(check.project, module):
        for function in resets(above):
            if function is None or fixture_call(check.project, function) is None:
                return True  # a hook, or a function that tests may call
            if function.name in asked or fixture_option(check.project, function, "autouse") == f.Const(True):
                return True
    return False
