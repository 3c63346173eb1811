"""FAPI905: async tests and fixtures that no plugin runs."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function, Module
from fastapi_lint.model.names import walk
from fastapi_lint.model.testing import (
    fixture,
    has_hook,
    has_only_plain_marks,
    is_collected,
    is_test_file,
    runs_coroutines,
)
from fastapi_lint.rule import Check, rule

_BUILT_IN = frozenset({
    "cache", "capfd", "capfdbinary", "caplog", "capsys", "capsysbinary", "doctest_namespace", "monkeypatch", "pytester",
    "pytestconfig", "record_property", "record_testsuite_property", "recwarn", "request", "subtests", "testdir",
    "tmp_path", "tmp_path_factory", "tmpdir", "tmpdir_factory",
})  # fmt: skip
"""Fixtures that pytest brings."""


@rule("FAPI905", severity=Severity.INFO, since="0.2.0")
def unmarked_async_test(module: Module, check: Check) -> Iterator[Finding]:
    """An async test has no marker of a plugin that runs it, or an async fixture is none of `pytest_asyncio`.

    Why is this bad?
    pytest does not run coroutines itself. Up to version 8.3 it skips such a test with a warning, so that it seems to
    pass; since 8.4 the test fails. An async fixture of plain `pytest.fixture` gives the test a coroutine or an async
    generator in strict mode.

    Known limits
    Nothing is reported where the settings of pytest say `asyncio_mode = auto` (or `anyio_mode`), where a `conftest.py`
    above has a hook that changes the collected tests, for `IsolatedAsyncioTestCase`, for tests that are always skipped,
    for functions that a script calls itself, that ask there for what no fixture gives, or that assert nothing, and for
    classes and functions with decorators that are not known. Options on the command line are not seen.

    References
    - [FastAPI: async tests](https://fastapi.tiangolo.com/advanced/async-tests/)
    - [pytest-asyncio: modes](https://pytest-asyncio.readthedocs.io/en/latest/concepts.html#test-discovery-modes)
    """
    if not module.is_test or not any(function.is_async for function in module.functions):
        return
    if runs_coroutines(check.project, module) or _is_marked(module) or has_hook(check.project, module):
        return
    for function in module.functions:
        if not function.is_async or function.parent is not None or not is_collected(check.project, function):
            continue
        if function.cls is None and _is_script(module, function, check):
            continue
        if function.name.startswith("test_") and is_test_file(module):
            if not function.facts.decorators or has_only_plain_marks(check.project, function):
                yield check.finding(
                    function,
                    f"no plugin runs the async test `{function.name}`",
                    why="pytest skips it, or fails it since 8.4",
                    instead="mark it with `@pytest.mark.anyio` or `@pytest.mark.asyncio`",
                )


def _is_script(module: Module, function: Function, check: Check) -> bool:
    """Whether a file that is run as a script calls a function itself, keeps it in a list of what it calls, or would
    have to: no fixture gives it what it asks for, or it shows somebody what it finds and asserts nothing."""
    if not module.facts.has_main_guard:
        return _is_run_at_once(module, function)
    if not _is_for_pytest(module) and not _asserts(function):
        return True
    if not function.facts.decorators and any(
        param.default is None and param.name not in _BUILT_IN and fixture(check.project, module, param.name) is None
        for param in function.params
    ):
        return True
    own = f.Name(function.name)
    return any(call.func == own for call in module.facts.calls) or any(
        entry.value is not None and own in walk(entry.value) for entry in module.facts.assigns
    )


def _is_run_at_once(module: Module, function: Function) -> bool:
    """Whether the file calls a function of it while it is read."""
    return any(
        call.func == f.Name(function.name) and module.enclosing(call.block) is None
        for call in module.calls_named((function.name,))
    )


def _is_for_pytest(module: Module) -> bool:
    return any(entry.module.split(".", 1)[0] in ("pytest", "unittest") for entry in module.facts.imports)


def _asserts(function: Function) -> bool:
    """Whether a function can fail as a test does: by an `assert`, or by a call that asserts or raises."""
    module, facts = function.module, function.facts
    if any(test.kind == "assert" and facts.start <= test.start < facts.end for test in module.facts.tests):
        return True
    return any(f.last_name(call.func).startswith(("assert", "raise_for_status", "fail")) for call in function.calls)


def _is_marked(module: Module) -> bool:
    """Whether `pytestmark` of the module names a plugin, or something that is not known."""
    return any(entry.block == 0 and entry.target == f.Name("pytestmark") for entry in module.facts.assigns)
