"""FAPI226: generators that are made for FastAPI, or for a context manager, and are run by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fastapi_lint.catalog.resources import closable
from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import ClassObject, External, Function, FunctionObject, Instance, Module
from fastapi_lint.model.application import stays_plain, uses
from fastapi_lint.model.database import is_conversation
from fastapi_lint.model.names import evaluated, walk
from fastapi_lint.rule import Check, rule

_CONTEXT = frozenset({"contextlib.contextmanager", "contextlib.asynccontextmanager"})
_ASKED = frozenset({"next", "anext"})
_STEPS = frozenset({"__next__", "__anext__", "send", "asend"})
_SYNC_STEPS = frozenset({"next", "__next__"})
_PASSED_ON = "is left by `yield`"
_BREAK = re.compile(rb"^[ \t]*break\b", re.MULTILINE)


@rule("FAPI226", since="0.2.0")
def hand_driven_dependency(function: Function, check: Check) -> Iterator[Finding]:
    """A generator that opens and closes something is run by hand, and its end comes at the wrong time.

    Why is this bad?
    `db = next(get_db())` keeps the value and throws the generator away: Python closes it at once, so its `finally` runs
    before the first use, and what that use opens again is never closed. Of an async generator `next` gets nothing: the
    line raises TypeError. An `async for` over such a generator that is left by `return` or `break` leaves it suspended:
    its `finally` runs when it is collected, some time after the code that follows, and not at all when the loop is
    gone. One that yields what it gets is left in this way by every exception of the code that uses it, of which the
    inner generator never hears: it does not roll back.

    Make a context manager of it: `with contextmanager(get_db)() as db:`, `async with asynccontextmanager(f)() as x:`.

    Known limits
    Known are generators of the project that something depends on, or that yield a session, connection or client.
    Generators that are kept and closed, sessions of SQLAlchemy that the function closes itself (they open again when
    they are used), loops that run to the end, scripts and tests are left alone; of dependencies that do so,
    `dependency-without-cleanup` tells.

    References
    - [Python: contextlib.asynccontextmanager](https://docs.python.org/3/library/contextlib.html#contextlib.asynccontextmanager)
    - [PEP 533: deterministic cleanup for iterators](https://peps.python.org/pep-0533/)
    """
    module = function.module
    if module.is_test or module.facts.has_main_guard or not check.project.effects.is_served(module):
        return
    if function in check.project.dependencies.injected:
        return
    yield from _stepped(function, check)
    yield from _looped(function, check)


def _stepped(function: Function, check: Check) -> Iterator[Finding]:
    """Calls of `next` and `anext` on a generator that nobody closes."""
    module = function.module
    entered = {block.test for block in module.blocks_in.get(function.index, ()) if block.kind == "with"}
    likely = _STEPS | module.words_for(_ASKED)
    for call in function.calls_named(likely):
        given: f.Expr | None = None
        itself = f.CallRef(module.call_numbers[call.start, call.end])
        if itself in entered or f.Await(itself) in entered:
            continue  # what it gave is closed at the end of the block
        callee = check.project.callee(module, call)
        if isinstance(callee, External) and callee.name in _ASKED and call.args:
            given = call.args[0].value
        elif isinstance(call.func, f.Attr) and call.func.attr in _STEPS:
            given = call.func.value
        generator = _driven(given, function, call, check) if given is not None else None
        if generator is None or _is_closed_by_hand(generator, itself, function, check):
            continue
        title = f"`{generator.name}` is run by hand, and nothing closes the generator"
        why = "it closes what it gave as soon as it is thrown away, before or while that is used"
        severity = None
        if generator.is_async and f.last_name(call.func) in _SYNC_STEPS:
            title = f"`{f.last_name(call.func)}` is called for `{generator.name}`, an async generator"
            why = "that is no iterator: the line raises TypeError"
            severity = Severity.ERROR
        yield check.finding(
            call,
            title,
            why=why,
            severity=severity,
            instead=_instead(generator, function, check),
            related=[check.related(generator, f"`{generator.name}`", module=generator.module)],
        )


def _is_closed_by_hand(generator: Function, step: f.CallRef, function: Function, check: Check) -> bool:
    """Whether the function closes the session that it takes: one that was closed before opens again when it is used."""
    given = check.project.types.yield_type(generator)
    if generator.is_async or not check.project.types.is_instance(given, "sqlalchemy.orm.Session"):
        return False
    held = [entry.target for entry in function.module.assigns_in.get(function.index, ()) if entry.value == step]
    return any(call.func == f.Attr(name, "close") for name in held for call in function.calls)


def _driven(given: f.Expr, function: Function, call: f.Call, check: Check) -> Function | None:
    """The generator function of a generator that is stepped and that nobody closes, made there or in a variable."""
    module = function.module
    if isinstance(given, f.CallRef):
        return _opening(module, module.facts.calls[given.index], check)
    if not isinstance(given, f.Name):
        return None
    found = check.project.types.find_bindings(given.id, (module, call.block, call.start))
    entry = found[0].entry if len(found) == 1 else None
    if not isinstance(entry, f.Assign) or not isinstance(entry.value, f.CallRef) or entry.target != given:
        return None
    if module.enclosing(found[0].block) is not function:
        return None
    others = [each for each in uses(function, given.id) if each is not call]
    others += [call for expr, _, _ in evaluated(function) for part in walk(expr) if _is_part_of(part, given)]
    returned = any(given in walk(leave.value) for leave in function.exits)
    kept = any(given in walk(other.value) for other in module.assigns_in.get(function.index, ()) if other is not entry)
    if others or returned or kept:
        return None
    return _opening(module, module.facts.calls[entry.value.index], check)


def _is_part_of(part: f.Expr, owner: f.Name) -> bool:
    """Whether an expression is the closing method of a variable, called or handed on."""
    return isinstance(part, f.Attr) and part.value == owner and part.attr in ("close", "aclose", "throw", "athrow")


def _looped(function: Function, check: Check) -> Iterator[Finding]:
    """Loops over a generator that are left early, or whose variable is used behind them."""
    module = function.module
    for block in module.blocks_in.get(function.index, ()):
        if block.kind != "for" or not isinstance(block.test, f.CallRef):
            continue
        generator = _opening(module, module.facts.calls[block.test.index], check)
        if generator is None:
            continue
        how = _left(function, block) if block.is_async else _leaks(function, block, check)
        if not how:
            continue
        head = module.facts.calls[block.test.index]
        why = (
            "its `finally` runs when it is collected, some time after the code that follows"
            if block.is_async
            else "it is closed when the loop is left, and what is used then opens again for good"
        )
        title = f"the loop over `{generator.name}` {how}"
        if how == _PASSED_ON:
            title = f"an exception where `{function.name}` yields does not reach `{generator.name}`"
        yield check.finding(
            (head.start, head.end),
            title,
            why=why,
            instead=_instead(generator, function, check),
            related=[check.related(generator, f"`{generator.name}`", module=generator.module)],
        )


def _left(function: Function, block: f.Block) -> str:
    """How an `async for` is left before its end; empty when it is not."""
    for leave in function.exits:
        if block.start <= leave.start < block.end and leave.kind in ("return", "yield"):
            return f"is left by `{leave.kind}`"
    module = function.module
    loops = [each for each in module.blocks_in.get(function.index, ()) if each.kind in ("for", "while")]
    for found in _BREAK.finditer(module.text, block.start, block.end):
        if max((each.start for each in loops if each.start < found.start() < each.end), default=-1) == block.start:
            return "is left by `break`"
    return ""


def _leaks(function: Function, block: f.Block, check: Check) -> str:
    """How the variable of a plain `for` gets out of it; empty when it is used inside only."""
    module = function.module
    if not isinstance(block.target, f.Name):
        return ""
    name = block.target
    for leave in function.exits:
        if (
            block.start <= leave.start < block.end
            and leave.kind == "return"
            and _holds(leave.value, name, module, check)
        ):
            return f"gives `{name.id}` back"
    for entry in module.assigns_in.get(function.index, ()):
        if block.start <= entry.start < block.end and _holds(entry.value, name, module, check):
            if isinstance(entry.target, (f.Attr, f.Sub)):
                return f"keeps `{name.id}`"
            if isinstance(entry.target, f.Name) and any(uses(function, entry.target.id, since=block.end)):
                return f"keeps `{name.id}`"
    if any(uses(function, name.id, since=block.end)) and not function.rebinds(name.id):
        again = [each for each in module.blocks_in.get(function.index, ()) if each.target == name and each is not block]
        return "" if again else f"leaves `{name.id}` to the code behind it"
    return ""


def _holds(expr: f.Expr | None, name: f.Name, module: Module, check: Check) -> bool:
    """Whether a value is a variable, has it in a display, or is an object that is made with it."""
    match expr:
        case f.Name():
            return expr == name
        case f.Display(items=items):
            return any(_holds(item, name, module, check) for item in items)
        case f.CallRef(index=index):
            call = module.facts.calls[index]
            made = check.project.callee(module, call)
            return isinstance(made, ClassObject) and any(arg.value == name for arg in call.args)
    return False


def _opening(module: Module, call: f.Call, check: Check) -> Function | None:
    """The generator function of the project that a call calls, if it gives something that it closes."""
    callee = check.project.callee(module, call)
    generator = callee.function if isinstance(callee, FunctionObject) else None
    if (
        generator is None
        or not generator.is_generator
        or _CONTEXT.intersection(check.project.types.decorators(generator))
    ):
        return None
    if generator in check.project.dependencies.injected:
        return generator
    given = check.project.types.yield_type(generator)
    if is_conversation(check.project.types, given):
        return generator
    is_client = isinstance(given, Instance) and any(
        check.project.types.is_subclass(given.cls, one) for one in closable()
    )
    return generator if is_client else None


def _instead(generator: Function, function: Function, check: Check) -> str:
    if not generator.is_async:
        return f"use `with contextmanager({generator.name})() as ...`, or inject it with `Depends`"
    entered = f"use `async with asynccontextmanager({generator.name})() as ...`"
    if function.is_async:
        return f"{entered}, or `aclosing` around the generator"
    if stays_plain(check.project, function):
        return f"{entered} in an `async def` that `{function.name}` runs with `asyncio.run(...)`"
    return f"make `{function.name}` an `async def`, and {entered}, or `aclosing` around the generator"
