"""FAPI103: coroutines that nobody awaits."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from fastapi_lint.finding import Finding, Fix, Safety, Severity
from fastapi_lint.fixing.edits import awaited
from fastapi_lint.fixing.edits.calls import call_node
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function, Module
from fastapi_lint.model.calls import never_runs
from fastapi_lint.model.names import Binding
from fastapi_lint.rule import Check, rule

_OF_COROUTINES = frozenset({"send", "throw", "close"})


@rule("FAPI103", severity=Severity.ERROR, fix=Safety.UNSAFE)
def unawaited_coroutine(function: Function, check: Check) -> Iterator[Finding]:
    """A coroutine is made and never awaited, or used as if it were the result.

    Why is this bad?
    Calling an `async def` function runs none of its body: it makes a coroutine object, and the body runs when that is
    awaited. A bare `session.commit()` on an `AsyncSession` commits nothing; `session.execute(query).scalars()` raises
    AttributeError, because a coroutine has no such attribute. Python only says "coroutine was never awaited" when the
    object is thrown away, in a log that nobody reads.

    Fix safety
    `await` is put before the call. The fix is unsafe because the code behind it has never run there before, and because
    other tasks can now run in between.

    Known limits
    Known are the project's own coroutine functions and those of common libraries (asyncio, SQLAlchemy, httpx, aiohttp,
    redis, FastAPI's `Request`, `UploadFile`, `WebSocket`) on objects whose class can be inferred. Coroutines that are
    handed on (as an argument, in a list, returned, assigned) are left alone. In a plain `def` there is no fix.

    References
    - [Concurrency and async / await](https://fastapi.tiangolo.com/async/)
    - [Developing with asyncio: detect never-awaited coroutines](https://docs.python.org/3/library/asyncio-dev.html#detect-never-awaited-coroutines)
    """
    module, effects = function.module, check.project.effects
    asynchronous = effects.execution.is_asynchronous
    made = [call for call in function.calls if not call.awaited and effects.makes_coroutine(module, call)]
    reported = set()
    for call in made:
        if _expected_to_fail(function, call):
            continue
        if call.use == "statement":
            wrong = "its coroutine is thrown away, and nothing runs"
        elif call.use in ("iter", "with") and not asynchronous(module, call):
            wrong = "a coroutine cannot be iterated over" if call.use == "iter" else "a coroutine is no context manager"
        else:
            continue
        reported.add(call.start)
        yield _finding(function, check, call, wrong)
    for call, wrong in _used(function, check) if made else ():
        if call.start in reported or call not in made:
            continue
        reported.add(call.start)
        yield _finding(function, check, call, wrong)


def _expected_to_fail(function: Function, call: f.Call) -> bool:
    """Whether a call stands in a `with pytest.raises(...)`, made for the error, or below `if False`."""
    if never_runs(function.module, call.block):
        return True
    calls = function.module.facts.calls
    for block in function.module.block_chain(call.block):
        if block.kind == "with" and isinstance(block.test, f.CallRef):
            func = calls[block.test.index].func
            if isinstance(func, f.Attr) and func.attr in ("raises", "warns", "assertRaises", "assertWarns"):
                return True
    return False


def _used(function: Function, check: Check) -> Iterator[tuple[f.Call, str]]:
    """Calls whose result is used at once (or through a variable that holds nothing else) as only a value can be."""
    module = function.module
    calls = module.facts.calls
    types = check.project.types
    for expr, start, _, block in check.project.effects.execution.expressions(function):
        for value, wrong in _operands(expr):
            if isinstance(value, f.Name) and wrong:
                value = _only_value(types.find_bindings(value.id, (module, block, start))) or value
            if isinstance(value, f.CallRef):
                yield calls[value.index], wrong
    for each in module.blocks_in.get(function.index, ()):
        if each.kind in ("if", "while") and isinstance(each.test, f.CallRef):
            yield calls[each.test.index], "a coroutine is always true"


def _only_value(found: list[Binding]) -> f.Expr | None:
    """What a variable that is bound once, by a plain assignment, holds."""
    match found:
        case [Binding(entry=f.Assign(target=f.Name(), annotation=None, op="=", value=value))]:
            return value
    return None


def _operands(expr: f.Expr | None) -> Iterator[tuple[f.Expr, str]]:
    """The parts of an expression that are used as values, and what is wrong when one is a coroutine."""
    match expr:
        case f.Attr(value=value, attr=attr):
            if attr not in _OF_COROUTINES and not attr.startswith(("cr_", "__")):
                yield value, f"a coroutine has no attribute `{attr}`"
            yield from _operands(value)
        case f.Sub(value=value, items=items):
            yield value, "a coroutine cannot be subscripted"
            for each in (value, *items):
                yield from _operands(each)
        case f.Binary(left=left, right=right):
            for each in (left, right):
                if isinstance(each, f.CallRef):
                    yield each, "a coroutine is no operand"
                yield from _operands(each)
        case f.Display(items=items) | f.Choice(options=items) | f.Joined(parts=items):
            for each in items:
                yield from _operands(each)
        case f.Mapping(items=pairs):
            for _, each in pairs:
                yield from _operands(each)
        case f.Star(value=value) | f.Await(value=value):
            yield from _operands(value)


def _finding(function: Function, check: Check, call: f.Call, wrong: str) -> Finding:
    module = function.module
    written = check.project.effects.written(module, call)
    if function.is_async:
        message = f"`{written}(...)` is not awaited in `{function.name}`: {wrong}; write `await {written}(...)`"
    else:
        message = (
            f"`{written}(...)` makes a coroutine that plain `{function.name}` cannot await: {wrong}; "
            f"make `{function.name}` an `async def`"
        )
    fix = partial(_fix, module, call, written) if function.is_async else None
    return check.finding((call.start, call.name_end), message, fix=fix)


def _fix(module: Module, call: f.Call, written: str) -> Fix | None:
    found = call_node(module, call)
    edits = awaited(*found) if found is not None else None
    return Fix(f"Await `{written}(...)`", Safety.UNSAFE, edits) if edits else None
