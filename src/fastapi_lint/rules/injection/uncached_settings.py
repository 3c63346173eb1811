"""FAPI214: settings that are read again for every request."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from fastapi_lint.finding import Finding, Fix, Safety
from fastapi_lint.fixing.edits import importing, insert_statement_before
from fastapi_lint.fixing.edits.calls import function_node
from fastapi_lint.model import Class, ClassObject, Function, Module
from fastapi_lint.model.calls import passes_through, returned_call
from fastapi_lint.rule import Check, rule


@rule("FAPI214", fix=Safety.UNSAFE, since="0.2.0")
def uncached_settings(module: Module, check: Check) -> Iterator[Finding]:
    """A dependency builds the settings anew for every request.

    Why is this bad?
    Making a `BaseSettings` object reads the environment, the `.env` file and every other source again, a file access
    and a validation in front of each request.

    Fix safety
    `@lru_cache` is put above the function. The fix is unsafe because tests that change the environment between requests
    see the first settings until they call `cache_clear()` or override the dependency.

    Known limits
    Functions that take parameters, or stand below a decorator that does more than to call them, are left alone. For a
    settings class as the dependency itself, and below a decorator, there is no fix.

    References
    - [FastAPI: settings in a dependency](https://fastapi.tiangolo.com/advanced/settings/#settings-in-a-dependency)
    """
    for function in module.functions:
        if check.project.dependencies.used.get(function) and (cls := _built(function, check)) is not None:
            yield check.finding(
                function,
                f"`{function.name}` builds `{cls.name}` for every request",
                why="the environment and the `.env` file are read again each time",
                instead="put `@lru_cache` above it",
                fix=partial(_fix, function),
            )
    yield from _classes(module, check)


def _built(function: Function, check: Check) -> Class | None:
    """The settings class of which a function without parameters returns a new object; None for other functions."""
    if function.params or function.is_generator or not _runs_each_time(function, check):
        return None
    returned = [entry for entry in function.exits if entry.kind == "return"]
    if len(returned) != 1 or len(function.exits) != 1:
        return None
    index = returned_call(check.project.values, function, returned[0])
    if index is None:
        return None
    call = function.module.facts.calls[index]
    called = check.project.callee(function.module, call)
    if isinstance(called, ClassObject) and check.project.schemas.is_settings(called.cls):
        return called.cls
    return None


def _runs_each_time(function: Function, check: Check) -> bool:
    """Whether no decorator stands above a function but such that do nothing but call it, whatever they are called."""
    return all(passes_through(check.project.types, function, each) for each in function.facts.decorators)


def _classes(module: Module, check: Check) -> Iterator[Finding]:
    """Settings classes that stand in `Depends` themselves."""
    if not module.mentions("Depends"):
        return
    for function in module.functions:
        for depends in check.project.dependencies.of_function(function):
            cls = depends.target.cls if isinstance(depends.target, ClassObject) else None
            if cls is not None and check.project.schemas.is_settings(cls) and not _from_request(cls):
                yield check.finding(
                    depends,
                    f"`Depends` builds `{cls.name}` for every request",
                    why="the environment and the `.env` file are read again each time",
                    instead="depend on a function with `@lru_cache` that returns it",
                    module=depends.module,
                )


def _from_request(cls: Class) -> bool:
    """Whether a class has an `__init__` of its own, by which values of the request may come in."""
    return "__init__" in cls.methods


def _fix(function: Function) -> Fix | None:
    found = function_node(function)
    if found is None or function.is_async or function.facts.decorators:
        return None
    source, node = found
    given = importing(source, "functools", "lru_cache", at=node)
    if given is None:
        return None
    name, imports = given
    edits = (*imports, insert_statement_before(source, node, f"@{name}"))
    return Fix("Cache the settings", Safety.UNSAFE, edits)
