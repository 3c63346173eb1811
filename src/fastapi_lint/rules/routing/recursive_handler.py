"""FAPI316: handlers that call themselves where a helper of the same name is meant."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function
from fastapi_lint.rule import Check, rule


@rule("FAPI316", severity=Severity.ERROR, since="0.2.0")
def recursive_handler(function: Function, check: Check) -> Iterator[Finding]:
    """An endpoint calls itself by its own name.

    Why is this bad?
    A handler that has the name of the helper it wants to call takes that name away from it. The call reaches the
    handler again: with arguments that do not fit it, or without an end.

    Known limits
    Calls under a condition, without another callable of that name in the module, are taken for meant recursion.

    References
    - [Python: naming and binding](https://docs.python.org/3/reference/executionmodel.html#naming-and-binding)
    """
    if function.module.is_recovered:
        return  # names in it may be torn
    if function.cls is not None or function.parent is not None or not check.project.routes.by_handler.get(function):
        return
    if any(param.name == function.name for param in function.params):
        return
    calls = [call for call in function.calls if call.func == f.Name(function.name)]
    if not calls or not _is_last(function) or _binds_itself(function, calls[0], check):
        return
    for call in calls:
        shadowed = _shadowed(function)
        if shadowed is not None:
            why = "it takes the name from what stands above, so that it calls itself"
        elif _is_always_reached(function, call):
            why = "it does so on every path, and never ends"
        elif not _fits(function, call):
            why = "the arguments do not fit it, so that the call raises TypeError"
        else:
            continue
        yield check.finding(
            call,
            f"`{function.name}` calls itself",
            why=why,
            instead="give the handler another name than the helper",
            related=[check.related(shadowed, "this is out of reach below")] if shadowed is not None else [],
        )
        return


def _binds_itself(function: Function, call: f.Call, check: Check) -> bool:
    """Whether the body gives its own name another meaning: by an import, an assignment, a function inside it."""
    blocks = function.module.facts.blocks
    found = check.project.types.find_bindings(function.name, (function.module, call.block, call.start))
    return any(blocks[each.block].function == function.index for each in found)


def _is_last(function: Function) -> bool:
    """Whether nothing below gives the name of a function to something else."""
    facts = function.module.facts
    later = [
        entry.start for entry in facts.imports if entry.block == 0 and (entry.alias or entry.name) == function.name
    ]
    later += [
        other.start
        for other in function.module.functions
        if other.name == function.name and other.facts.outer == function.facts.outer
    ]
    later += [entry.start for entry in facts.assigns if entry.block == 0 and entry.target == f.Name(function.name)]
    return function.facts.outer == 0 and all(start <= function.start for start in later)


def _is_always_reached(function: Function, call: f.Call) -> bool:
    """Whether every run of a function makes a call, and runs what it calls."""
    if call.block != function.facts.block or function.is_async is not call.awaited:
        return False
    return not any(entry.kind in ("return", "raise") and entry.end < call.start for entry in function.exits)


def _shadowed(function: Function) -> f.Import | tuple[int, int] | None:
    """What has the handler's name above it: an import, or a function of the module."""
    facts = function.module.facts
    for entry in facts.imports:
        if entry.block == 0 and (entry.alias or entry.name) == function.name and entry.start < function.start:
            return entry
    for other in function.module.functions:
        same = other.name == function.name and other.facts.outer == function.facts.outer
        if same and other.start < function.start and not other.facts.decorators:
            return other.start, other.end
    return None


def _fits(function: Function, call: f.Call) -> bool:
    """Whether the arguments of a call bind to the parameters; unpacked ones may."""
    names = {param.name for param in function.params}
    kinds = {param.kind for param in function.params}
    if any(arg.name in ("*", "**") for arg in call.args):
        return True
    given = [arg for arg in call.args if arg.name == ""]
    if len(given) > len(function.positional) and "args" not in kinds:
        return False
    return "kwargs" in kinds or all(arg.name in names for arg in call.args if arg.name)
