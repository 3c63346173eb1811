"""FAPI905: async tests and fixtures that no plugin runs."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding
from fastapi_lint.index import facts as f
from fastapi_lint.model import Class, Function, Module
from fastapi_lint.model.names import walk
from fastapi_lint.model.testing import conftests, fixture, fixture_call, runs_coroutines
from fastapi_lint.rule import Check, rule

_MARKERS = frozenset({"asyncio", "anyio", "trio", "asyncio_cooperative", "tornado", "gen_test"})
_NEVER_RUN = frozenset({"skip"})
_BUILT_IN = frozenset({
    "cache", "capfd", "capfdbinary", "caplog", "capsys", "capsysbinary", "doctest_namespace", "monkeypatch", "pytester",
    "pytestconfig", "record_property", "record_testsuite_property", "recwarn", "request", "subtests", "testdir",
    "tmp_path", "tmp_path_factory", "tmpdir", "tmpdir_factory",
})  # fmt: skip
"""Fixtures that pytest brings."""


@rule("FAPI905", since="0.2.0")
def unmarked_async_test(module: Module, check: Check) -> Iterator[Finding]:
    """An async test has no marker of a plugin that runs it, or an async fixture is none of `pytest_asyncio`.

    Why is this bad?
    pytest does not run coroutines itself. Up to version 8.3 it skips such a test with a warning, so that it seems to
    pass; since 8.4 the test fails. An async fixture of plain `pytest.fixture` gives the test a coroutine or an async
    generator in strict mode.

    Known limits
    Nothing is reported where the settings of pytest say `asyncio_mode = auto` (or `anyio_mode`), where a `conftest.py`
    above has a hook that changes the collected tests, for `IsolatedAsyncioTestCase`, for tests that are always skipped,
    for functions that a script calls itself, or that ask there for what no fixture gives, and for classes and functions
    with decorators that are not known. Options on the command line are not seen.

    References
    - [FastAPI: async tests](https://fastapi.tiangolo.com/advanced/async-tests/)
    - [pytest-asyncio: modes](https://pytest-asyncio.readthedocs.io/en/latest/concepts.html#test-discovery-modes)
    """
    if not module.is_test or not any(function.is_async for function in module.functions):
        return
    if runs_coroutines(check.project, module) or _is_marked(module) or _has_hook(module, check):
        return
    for function in module.functions:
        if not function.is_async or function.parent is not None or not _is_collected(function, check):
            continue
        if function.cls is None and _is_script(module, function, check):
            continue
        if function.name.startswith("test_") and _is_test_file(module):
            if not function.facts.decorators or _has_only_plain_marks(function, check):
                yield check.finding(
                    function,
                    f"no plugin runs the async test `{function.name}`",
                    why="pytest skips it, or fails it since 8.4",
                    instead="mark it with `@pytest.mark.anyio` or `@pytest.mark.asyncio`",
                )


def _is_script(module: Module, function: Function, check: Check) -> bool:
    """Whether a file that is run as a script calls a function itself, keeps it in a list of what it calls, or would
    have to: no fixture gives it what it asks for."""
    if not module.facts.has_main_guard:
        return False
    if not function.facts.decorators and any(
        param.default is None and param.name not in _BUILT_IN and fixture(check.project, module, param.name) is None
        for param in function.params
    ):
        return True
    own = f.Name(function.name)
    return any(call.func == own for call in module.facts.calls) or any(
        entry.value is not None and own in walk(entry.value) for entry in module.facts.assigns
    )


def _is_test_file(module: Module) -> bool:
    stem = module.parts[-1]
    return stem.startswith("test_") or stem.endswith("_test")


def _is_marked(module: Module) -> bool:
    """Whether `pytestmark` of the module names a plugin, or something that is not known."""
    return any(entry.block == 0 and entry.target == f.Name("pytestmark") for entry in module.facts.assigns)


def _has_hook(module: Module, check: Check) -> bool:
    hooks = ("pytest_collection_modifyitems", "pytest_pyfunc_call", "pytest_itemcollected", "anyio_backend")
    return any(
        function.name in hooks for place in (module, *conftests(check.project, module)) for function in place.functions
    )


def _is_collected(function: Function, check: Check) -> bool:
    """Whether pytest collects a function or method, and no base or decorator of its class may run it."""
    cls = function.cls
    if cls is None:
        return True
    if not cls.name.startswith("Test") or cls.facts.decorators or "pytestmark" in cls.assigns:
        return False
    order = check.project.types.mro(cls)
    return all(isinstance(base, Class) or base == "object" for base in order) and not any(
        isinstance(base, Class) and ("pytestmark" in base.assigns or base.facts.decorators) for base in order
    )


def _has_only_plain_marks(function: Function, check: Check) -> bool:
    """Whether the decorators of a test are known marks of pytest, and none of them is a plugin's."""
    for decorator in function.facts.decorators:
        call = function.module.facts.calls[decorator.index] if isinstance(decorator, f.CallRef) else None
        shown = decorator if call is None else call.func
        name = check.project.name(shown, function.module, function.facts.outer, function.facts.first) or ""
        if (
            not name.startswith("pytest.mark.")
            or name.split(".")[2] in _MARKERS | _NEVER_RUN
            or fixture_call(check.project, function)
        ):
            return False
    return True
