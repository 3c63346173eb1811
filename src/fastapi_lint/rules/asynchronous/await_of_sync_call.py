"""FAPI111: `await` of what cannot be awaited. What a result is, is asked of the model."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from fastapi_lint import catalog
from fastapi_lint.finding import Edit, Finding, Fix, Safety, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Class, ClassObject, Function, Module
from fastapi_lint.model.calls import A_GENERATOR, SYNCHRONOUS, expects, is_certain, never_runs, plain_result
from fastapi_lint.rule import Check, rule

_FAKES = ("unittest.mock", "mock", "pytest_mock")
_PUTTING = frozenset({"monkeypatch", "mocker"})
"""Fixtures of pytest that put other objects in place."""
_AWAIT = re.compile(rb"\bawait[ \t]+\Z")
_NEAR = 60


@rule("FAPI111", severity=Severity.ERROR, fix=Safety.UNSAFE, words={"await"}, since="0.2.0")
def await_of_sync_call(function: Function, check: Check) -> Iterator[Finding]:
    """An `await` stands before a call whose result cannot be awaited.

    Why is this bad?
    A plain `def` gives its result at once. `await` then gets a value or None, and the line raises `TypeError: object
    NoneType can't be used in 'await' expression`, after the call has done its work: the row is written, the mail is
    sent, and the client gets 500.

    Fix safety
    `await` is taken away. The fix is unsafe because the code behind the line has never run. There is none where the
    call waits for a network or a disk: it belongs in a thread, or its asynchronous counterpart in its place; nor where
    an object is made and dropped, which would do nothing without `await` either.

    Known limits
    Known are functions of the project whose result is declared, or plain on every way, and calls of libraries that
    wait by themselves (requests, a synchronous session, `redis.Redis`). Left alone are functions below decorators that
    are not known, overloads, methods that subclasses override, what a handler for TypeError expects, parameters of
    which only the annotation says what they hold, and tests that put mocks in place.

    References
    - [Python: await](https://docs.python.org/3/reference/expressions.html#await-expression)
    - [Concurrency and async / await](https://fastapi.tiangolo.com/async/)
    """
    module = function.module
    if not function.is_async or (module.is_test and _has_fakes(module)):
        return
    blocking: set[int] | None = None
    for call in function.calls:
        what = plain_result(check.project, module, call) if call.awaited else ""
        if not what or never_runs(module, call.block) or expects(module, call.block, "TypeError"):
            continue
        if what == SYNCHRONOUS and not is_certain(check.project, function, call):
            continue
        if blocking is None:
            trails = check.project.effects.chains(function)
            blocking = {trail.first.call.start for trail in trails if trail.first.call is not None}
        effects = check.project.effects
        entry = effects.synchronous(module, call)
        blocks = entry is not None or call.start in blocking
        written = effects.written(module, call)
        made = _dropped(module, call, check)
        has_fix = not blocks and made is None and not what.endswith(A_GENERATOR)
        yield check.finding(
            (call.start, call.name_end),
            f"`{written}(...)` cannot be awaited: {what}",
            why="the line raises TypeError when the call is done" + (", which blocks the event loop" if blocks else ""),
            instead=_instead(entry, what, blocks) if made is None else _of_class(made),
            fix=partial(_fix, module, call, written) if has_fix else None,
        )


def _instead(entry: catalog.Entry | None, what: str, blocks: bool) -> str:
    if entry is not None and entry.instead:
        return f"use {entry.instead}"
    if blocks:
        return "hand it to a thread with `run_in_threadpool`"
    return "go through it in a loop" if what.endswith(A_GENERATOR) else "take the `await` away"


def _dropped(module: Module, call: f.Call, check: Check) -> Class | None:
    """The class of an object that is made and dropped at once: without `await`, the line would do nothing."""
    callee = check.project.callee(module, call) if call.use == "statement" else None
    return callee.cls if isinstance(callee, ClassObject) and "__init__" not in callee.cls.methods else None


def _of_class(cls: Class) -> str:
    """What may be meant by an object that is awaited: one of the coroutines of its class."""
    names = [name for name, method in cls.methods.items() if method.is_async and not name.startswith("_")]
    return f"await one of its methods, as `{cls.name}.{names[0]}(...)`" if names else "call what does the work"


def _has_fakes(module: Module) -> bool:
    """Whether a module of tests puts other objects into the place of what it calls."""
    return any(entry.module.startswith(_FAKES) or entry.name == "mock" for entry in module.facts.imports) or any(
        param.name in _PUTTING for function in module.functions for param in function.params
    )


def _fix(module: Module, call: f.Call, written: str) -> Fix | None:
    """`await` taken away, where it stands on the line of the call and right before it."""
    before = module.text[max(0, call.start - _NEAR) : call.start]
    found = _AWAIT.search(before)
    if found is None or module.facts.errors:
        return None
    place = module.source.span(call.start - len(found[0]), call.start)
    return Fix(f"Call `{written}` without await", Safety.UNSAFE, (Edit(place, ""),))
