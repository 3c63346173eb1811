"""FAPI719: attributes of a state that are read, and that nobody sets."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function, Module
from fastapi_lint.model.application import is_served, is_state, opened_states, states_of
from fastapi_lint.model.calls import expects, never_runs, swallows
from fastapi_lint.model.names import attributes_of, chain, where_read
from fastapi_lint.rule import Check, rule

_ASKING = frozenset({"hasattr", "getattr"})


@rule("FAPI719", severity=Severity.ERROR, words={"state"}, since="0.2.0")
def unset_state_attribute(function: Function, check: Check) -> Iterator[Finding]:
    """An attribute of a state is read that nothing in the project sets.

    Why is this bad?
    `request.state` and `app.state` are empty until somebody puts something there. A name that is misspelt, or whose
    middleware is gone, raises `AttributeError: 'State' object has no attribute ...`, and the request ends in 500. No
    type checker sees it.

    Known limits
    Silent are reads with `getattr`, below `hasattr` or an `except AttributeError`; names that are set anywhere, in
    tests as well, on whatever state; all of it, when names are computed, a state goes to code that is not known, or a
    lifespan yields what is no literal; the state of requests, when middleware or dependencies of other packages may
    fill it; the state of an app, when it is handed to another package, or the project neither fills a state nor starts
    the app; and projects without an app.

    References
    - [Starlette: storing state on the app and the request](https://www.starlette.io/applications/#storing-state-on-the-app-instance)
    - [Starlette: lifespan state](https://www.starlette.io/lifespan/#lifespan-state)
    """
    module = function.module
    if not is_served(check.project, module) or not any(not app.module.is_test for app in check.project.routes.apps):
        return
    known, states = states_of(check.project), dict[f.Expr, bool]()
    reported = set(known.names)
    for part, block, at in () if known.is_open else _read(function):
        owner = part.value
        if part.attr in reported or part.attr.startswith("__"):
            continue
        if owner not in states or (isinstance(owner, f.Name) and function.rebinds(owner.id)):
            states[owner] = is_state(check.project, owner, module, block, at)
        if not states[owner]:
            continue
        opened = opened_states(check.project)
        if "all" in opened:
            return
        is_of_app = _is_of_app(owner)
        if ("apps" in opened or not known.is_filled) if is_of_app else "requests" in opened:
            continue
        if _is_asked(function, part) or _is_expected(module, block):
            continue
        reported.add(part.attr)
        written = chain(part)
        yield check.finding(
            where_read(module, at, part),
            f"`{written}` is read, and nothing ever sets it",
            why="it raises AttributeError, and the request ends in 500",
            instead=f"set it in the lifespan, as `app.state.{part.attr}`"
            if is_of_app
            else "set it in a middleware or a dependency that runs before",
        )


def _read(function: Function) -> Iterator[tuple[f.Attr, int, int]]:
    """The attributes that a function's own body reads, with block and place."""
    removed = {leave.start for leave in function.exits if leave.kind == "del"}
    entries = function.module.assigns_in.get(function.index, ())
    assigned: dict[int, list[f.Expr]] = {}
    for entry in entries:
        if entry.op in ("=", ":=", "type"):
            assigned.setdefault(entry.start, []).append(entry.target)
    for part, block, at in attributes_of(function):
        if at not in removed and not any(part is target for target in assigned.get(at, ())):
            yield part, block, at


def _is_of_app(state: f.Expr) -> bool:
    """Whether a state is, in the words of the code, that of the app."""
    return isinstance(state, f.Attr) and f.last_name(state.value) in ("app", "application")


def _is_asked(function: Function, part: f.Attr) -> bool:
    """Whether the function asks for the attribute by `hasattr` or `getattr`, whenever that is."""
    return any(
        f.last_name(call.func) in _ASKING and len(call.args) >= 2 and call.args[1].value == f.Const(part.attr)
        for call in function.calls
    )


def _is_expected(module: Module, block: int) -> bool:
    return expects(module, block, "AttributeError") or swallows(module, block) or never_runs(module, block)
