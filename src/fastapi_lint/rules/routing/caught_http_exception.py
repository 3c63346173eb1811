"""FAPI343: broad handlers that make another answer of an HTTPException."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from fastapi_lint.finding import Edit, Finding, Fix, Safety
from fastapi_lint.fixing.edits import importing, line_start, newline_at, step_of
from fastapi_lint.fixing.edits.calls import node_at
from fastapi_lint.index import facts as f
from fastapi_lint.model import ClassObject, External, Function, FunctionObject, Module
from fastapi_lint.model.application import in_stack
from fastapi_lint.model.calls import BROAD, bound, catches_all, caught, raised_call
from fastapi_lint.model.routing import Answer
from fastapi_lint.model.secrets import writes_log
from fastapi_lint.rule import Check, rule

_LOGGING = ("logging.", "loguru.", "structlog.", "traceback.", "sentry_sdk.", "print", "str", "repr")
_HTTP = ("fastapi.HTTPException", "starlette.exceptions.HTTPException")
_IN_GROUPS = re.compile(rb"except\s*\*")
"""What takes an exception out of a group, and cannot stand beside a plain `except`."""
_MAYBE = frozenset({*_HTTP, "?"})
"""Among the bases of a class of the project, or of what inherits from it: an HTTPException may be one of these."""


@rule("FAPI343", fix=Safety.UNSAFE, since="0.2.0")
def caught_http_exception(module: Module, check: Check) -> Iterator[Finding]:
    """A broad `except` takes an `HTTPException` that is raised in its own `try`.

    Why is this bad?
    HTTPException is an Exception. The 404 that the body raises is caught a few lines further down, and leaves as the
    500 (or the ordinary answer) that is meant for what nobody expected.

    Fix safety
    `except HTTPException: raise` is put in front. The fix is unsafe because the answer changes, which is the repair of
    a bug. There is none where the handler does more than to log and to answer: a rollback, for one, would be left out.

    Known limits
    Handlers that raise what they caught, ask for its class or its status, or answer with the same status are left
    alone. Functions that are called in the body are followed as far as they are known. Nor is a middleware looked at:
    an HTTPException that leaves it is a 500 all the same (`broken-middleware`).

    References
    - [Handling errors](https://fastapi.tiangolo.com/tutorial/handling-errors/)
    """
    if not module.mentions("HTTPException"):
        return
    blocks = module.facts.blocks
    outside = set(in_stack(check.project, module))
    handlers: dict[int, list[int]] = {}
    for index, block in enumerate(blocks):
        if block.kind == "except":
            handlers.setdefault(block.parent, []).append(index)
    for attempt, found in handlers.items():
        broad = next((index for index in found if catches_all(check.project.types, module, blocks[index])), None)
        if broad is None or _IN_GROUPS.match(module.text, blocks[broad].start):
            continue
        if any(_catches_http(module, blocks[index], check) for index in found[: found.index(broad)]):
            continue
        if module.enclosing(attempt) in outside:
            continue
        raised = next(_raised(module, attempt, handlers, check), None)
        if raised is None or not _answers_otherwise(module, blocks[broad], raised, check):
            continue
        status = check.project.answers.code(raised.status)
        only_answers = _only_answers(module, blocks[broad], check)
        shown = f"the {status}" if status is not None else "the HTTPException"
        yield check.finding(
            (blocks[broad].start, _head_end(module, blocks[broad])),
            f"this handler takes {shown} that is raised in its own `try`",
            why="the client gets what is meant for errors that nobody expected",
            instead="write `except HTTPException: raise` in front of it"
            if only_answers
            else "write an `except HTTPException:` in front of it that does what this one does, and raises it again",
            related=[check.related(raised, "it is raised here")],
            fix=partial(_fix, module, blocks[broad]) if only_answers else None,
        )


def _head_end(module: Module, block: f.Block) -> int:
    colon = module.source.utf8.find(b":", block.start, block.end)
    return colon if colon > 0 else block.start + len("except")


def _catches_http(module: Module, block: f.Block, check: Check) -> bool:
    """Whether a handler may take an HTTPException before a broad one does; one that is not known may."""
    for one in caught(check.project.types, module, block):
        if isinstance(one, ClassObject):
            types = check.project.types
            if any(base in _MAYBE for each in (one.cls, *types.heirs(one.cls)) for base in types.mro(each)):
                return True
        elif not isinstance(one, External) or one.name in _HTTP or one.name in BROAD:
            return True
    return False


def _raised(module: Module, attempt: int, handlers: dict[int, list[int]], check: Check) -> Iterator[Answer]:
    """The HTTP errors that the body of a `try` raises and that leave it."""
    blocks = module.facts.blocks
    inside = range(blocks[attempt].start, blocks[attempt].end)
    values = check.project.values
    raising = {raised_call(values, module, entry) for entry in module.facts.exits if entry.start in inside}
    for index, call in module.calls_between(blocks[attempt].start, blocks[attempt].end):
        around = _between(module, call.block, attempt)
        if around is None or any(blocks[block].kind == "try" and handlers.get(block) for block in around):
            continue
        for answer in check.project.answers.makes(module, call):
            if answer.kind == "error" and (not answer.is_direct or index in raising) and not answer.conditions:
                yield answer


def _between(module: Module, block: int, attempt: int) -> list[int] | None:
    """The blocks from a place up to the body of a `try`, without both; None where it does not stand in that body."""
    blocks = module.facts.blocks
    found: list[int] = []
    while block >= 0 and blocks[block].kind not in ("function", "lambda", "class", "module"):
        if blocks[block].parent == attempt:
            return found if blocks[block].kind == "body" else None
        found.append(block)
        block = blocks[block].parent
    return None


def _answers_otherwise(module: Module, handler: f.Block, raised: Answer, check: Check) -> bool:
    """Whether a handler surely makes another answer of what it caught, and never looks at what that is."""
    name = handler.target.id if isinstance(handler.target, f.Name) else None
    inside = [entry for entry in module.facts.exits if handler.start <= entry.start < handler.end]
    if any(entry.kind == "raise" and entry.value in (None, f.Name(name or "")) for entry in inside):
        return False
    calls = [call for call in module.facts.calls if handler.start <= call.start < handler.end]
    for call in calls:
        used = [call.func, *(arg.value for arg in call.args)]
        if f.last_name(call.func) == "isinstance" or any(_asks(value, name) for value in used):
            return False
        if name is not None and any(arg.value == f.Name(name) for arg in call.args):
            callee = check.project.callee(module, call)
            if isinstance(callee, FunctionObject) and _looks_into(callee.function, call, name):
                return False
    made = [answer for call in calls for answer in check.project.answers.makes(module, call)]
    codes = {check.project.answers.code(answer.status) for answer in made if answer.kind == "error"}
    if codes and check.project.answers.code(raised.status) in codes:
        return False
    return any(entry.kind == "return" for entry in inside) or any(
        raised_call(check.project.values, module, entry) is not None for entry in inside
    )


def _looks_into(function: Function, call: f.Call, name: str) -> bool:
    """Whether a function that is given what was caught asks what it is, or gives it back."""
    for param in (param for param, value in bound(function, call) if value == f.Name(name)):
        own = f.Name(param)
        if any(leave.value == own for leave in function.exits):
            return True
        for each in function.calls:
            used = [each.func, *(arg.value for arg in each.args)]
            if any(_asks(value, param) for value in used):
                return True
            if f.last_name(each.func) in ("isinstance", "type") and any(arg.value == own for arg in each.args):
                return True
    return False


def _only_answers(module: Module, handler: f.Block, check: Check) -> bool:
    """Whether a handler does nothing but log and answer, so that nothing is missed when it is passed by."""
    exits = [entry for entry in module.facts.exits if handler.start <= entry.start < handler.end]
    if any(handler.start < entry.start < handler.end for entry in module.facts.assigns):
        return False
    return all(
        any(entry.start <= call.start < entry.end for entry in exits)
        or (check.project.called_name(module, call) or "").startswith(_LOGGING)
        or writes_log(check.project, module, call)
        for _, call in module.calls_between(handler.start, handler.end)
    )


def _asks(value: f.Expr, name: str | None) -> bool:
    """Whether an expression reads the status of what was caught."""
    match value:
        case f.Attr(value=f.Name(id=found), attr="status_code" | "detail" | "headers"):
            return found == name
        case f.Choice(options=options):
            return any(_asks(option, name) for option in options)
    return False


def _fix(module: Module, handler: f.Block) -> Fix | None:
    source = module.excerpt(handler.start)
    if source is None or module.facts.errors:
        return None
    at = node_at(source, handler.start)
    given = importing(source, "fastapi", "HTTPException", at=at, also=("starlette.exceptions",))
    if given is None:
        return None
    name, imports = given
    place = module.source.span(handler.start, handler.start)
    begin = module.source.offset(place.line, place.column)
    indent = module.source.text[line_start(source, begin) : begin]
    if indent.strip():
        return None
    newline = newline_at(source, begin)
    text = f"except {name}:{newline}{indent}{step_of(source)}raise{newline}{indent}"
    return Fix("Let the HTTPException through", Safety.UNSAFE, (*imports, Edit(place, text)))
