"""Which functions pytest collects as tests, and what says who runs them: marks, hooks of plugins. Judges nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Class, Function, Module
from fastapi_lint.model.testing.suites import conftests, fixture_call

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project


_MARKERS = frozenset({"asyncio", "anyio", "trio", "asyncio_cooperative", "tornado", "gen_test"})
_NEVER_RUN = frozenset({"skip"})


def is_collected(project: Project, function: Function) -> bool:
    """Whether pytest collects a function or method, and no base or decorator of its class may run it."""
    cls = function.cls
    if cls is None:
        return True
    if not cls.name.startswith("Test") or cls.facts.decorators or "pytestmark" in cls.assigns:
        return False
    order = project.types.mro(cls)
    return all(isinstance(base, Class) or base == "object" for base in order) and not any(
        isinstance(base, Class) and ("pytestmark" in base.assigns or base.facts.decorators) for base in order
    )


def has_only_plain_marks(project: Project, function: Function) -> bool:
    """Whether the decorators of a test are known marks of pytest, and none of them is a plugin's."""
    for decorator in function.facts.decorators:
        call = function.module.facts.calls[decorator.index] if isinstance(decorator, f.CallRef) else None
        shown = decorator if call is None else call.func
        name = project.name(shown, function.module, function.facts.outer, function.facts.first) or ""
        if (
            not name.startswith("pytest.mark.")
            or name.split(".")[2] in _MARKERS | _NEVER_RUN
            or fixture_call(project, function)
        ):
            return False
    return True


def is_test_file(module: Module) -> bool:
    stem = module.parts[-1]
    return stem.startswith("test_") or stem.endswith("_test")


def has_hook(project: Project, module: Module) -> bool:
    hooks = ("pytest_collection_modifyitems", "pytest_pyfunc_call", "pytest_itemcollected", "anyio_backend")
    return any(
        function.name in hooks for place in (module, *conftests(project, module)) for function in place.functions
    )
