"""FAPI721: validation errors that JSONResponse cannot write."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from fastapi_lint.finding import Edit, Finding, Fix, Related, Safety, Severity
from fastapi_lint.fixing.edits import importing
from fastapi_lint.fixing.edits.calls import node_at
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function, FunctionObject, Module
from fastapi_lint.model.calls import argument_at
from fastapi_lint.model.types import Where
from fastapi_lint.rule import Check, rule

_ERRORS = (
    "fastapi.exceptions.RequestValidationError", "fastapi.exceptions.WebSocketRequestValidationError",
    "fastapi.exceptions.ValidationException", "pydantic.ValidationError", "pydantic_core.ValidationError",
)  # fmt: skip
_RESPONSE = "fastapi.responses.JSONResponse"
_EXCEPTIONS = frozenset({"fastapi.HTTPException", "starlette.exceptions.HTTPException"})
_DEEPEST = 6
_CONTEXT = f.Const("ctx")
_HANDED = (f.CallRef, f.Mapping, f.Display, f.Name)
"""What a function may be given that holds errors."""


@rule("FAPI721", severity=Severity.ERROR, fix=Safety.SAFE, since="0.2.0")
def unencodable_validation_error(module: Module, check: Check) -> Iterator[Finding]:
    """`errors()` of a validation error goes into a `JSONResponse` as it is, or into the detail of an `HTTPException`.

    Why is this bad?
    Where a validator raised ValueError, the entry holds the exception itself (`ctx`), which is no JSON: the handler
    raises TypeError, and the client gets a 500 in place of the 422.

    Known limits
    `errors(include_context=False)`, loops that take the `ctx` out of each entry or change it, copies of single keys,
    `jsonable_encoder` and responses with an encoder of their own are fine, and so is Pydantic 1 where that is declared:
    its entries hold texts.

    References
    - [Handling errors: use the RequestValidationError body](https://fastapi.tiangolo.com/tutorial/handling-errors/#use-the-requestvalidationerror-body)
    - [JSON compatible encoder](https://fastapi.tiangolo.com/tutorial/encoder/)
    """
    if "errors" not in module.calls_by_name:
        return
    if check.project.versions.for_path(module.path).never_at_least("pydantic", "2", default=False):
        return  # there the entries hold texts only
    for call in module.facts.calls:
        called = check.project.called_name(module, call)
        if called == _RESPONSE:
            content, verb, what = _content(call), "goes", "content"
        elif called in _EXCEPTIONS:
            content, what = argument_at(call, 1, "detail"), "detail"
            verb = "goes by the `detail` of an `HTTPException`"
        else:
            yield from _handed_on(module, call, check)
            continue
        if content is not None and any(_errors(content.value, (module, call.block, call.start), check)):
            yield _finding(module, content, verb, what, [], check)


def _finding(module: Module, arg: f.Arg, verb: str, what: str, related: list[Related], check: Check) -> Finding:
    return check.finding(
        arg,
        f"`errors()` {verb} into a `JSONResponse` without `jsonable_encoder`",
        why="where a validator raised ValueError it raises TypeError, and the client gets a 500",
        instead=f"wrap the {what} in `jsonable_encoder(...)`",
        fix=partial(_fix, module, arg),
        related=related,
    )


def _content(call: f.Call) -> f.Arg | None:
    return f.keyword(call, "content") or next((arg for arg in call.args if arg.name == ""), None)


def _handed_on(module: Module, call: f.Call, check: Check) -> Iterator[Finding]:
    """Errors that are given to a function of the project which puts them into a `JSONResponse` as they are."""
    where = (module, call.block, call.start)
    given = [arg for arg in call.args if type(arg.value) in _HANDED and any(_errors(arg.value, where, check))]
    callee = check.project.callee(module, call) if given else None
    if not isinstance(callee, FunctionObject):
        return
    names = [
        *callee.function.positional,
        *(each.name for each in callee.function.params if each.kind == "keyword-only"),
    ]
    for position, name in enumerate(names):
        arg = argument_at(call, position, name)
        if arg in given and (inner := _answer_with(callee.function, name, check)) is not None:
            related = [check.related(inner, "it is put into the response here", module=callee.function.module)]
            yield _finding(module, arg, f"goes by `{callee.function.name}`", "argument", related, check)


def _answer_with(function: Function, name: str, check: Check) -> f.Arg | None:
    """The content of a response that a function makes of a parameter, which stands in there as it came."""
    assigned = {
        each for entry in function.module.assigns_in.get(function.index, ()) for each in f.target_names(entry.target)
    }
    for call in function.calls if name not in assigned else ():
        content = _content(call) if check.project.called_name(function.module, call) == _RESPONSE else None
        if content is not None and f.Name(name) in _plain(content.value):
            return content
    return None


def _plain(expr: f.Expr | None) -> Iterator[f.Expr]:
    """What stands in a content itself, and is not worked upon by a call."""
    match expr:
        case f.Mapping(items=items):
            for _, value in items:
                yield from _plain(value)
        case f.Display(items=items):
            for value in items:
                yield from _plain(value)
        case f.Name():
            yield expr


def _errors(expr: f.Expr | None, where: Where, check: Check, depth: int = 0) -> Iterator[bool]:
    """True for every list of errors inside of a content."""
    if depth > _DEEPEST:
        return
    module = where[0]
    match expr:
        case f.CallRef(index=index):
            call = module.facts.calls[index]
            if isinstance(call.func, f.Attr) and call.func.attr == "errors" and not f.keyword(call, "include_context"):
                owner = check.project.infer(call.func.value, module, call.block, call.start)
                if check.project.types.is_instance(owner, *_ERRORS):
                    yield True
        case f.Mapping(items=items):
            for _, value in items:
                yield from _errors(value, where, check, depth + 1)
        case f.Display(items=items):
            for value in items:
                yield from _errors(value, where, check, depth + 1)
        case f.Name():
            found = list(check.project.values.definitions(expr, where))
            for value, place in found if len(found) == 1 else ():
                if place[0] is module and not _is_cleaned(expr, where):
                    yield from _errors(value, place, check, depth + 1)


def _is_cleaned(errors: f.Name, where: Where) -> bool:
    """Whether a loop over a list of errors looks after the `ctx` of each: takes it out, or puts another one in."""
    module, block, at = where
    function = module.enclosing(block)
    if function is None:
        return False
    for loop in module.blocks_in.get(function.index, ()):
        if loop.kind != "for" or loop.test != errors or not isinstance(loop.target, f.Name) or loop.start > at:
            continue
        held = f.Sub(loop.target, (_CONTEXT,))
        entries = [entry.target for entry in module.assigns_in.get(function.index, ())]
        entries += [leave.value for leave in function.exits if leave.kind == "del" and leave.value is not None]
        if held in entries:
            return True
        for call in function.calls:
            if isinstance(call.func, f.Attr) and call.func.value == loop.target and call.func.attr in ("pop", "get"):
                if call.args and call.args[0].value == _CONTEXT:
                    return True
    return False


def _fix(module: Module, content: f.Arg) -> Fix | None:
    source = module.excerpt(content.start)
    if source is None or module.facts.errors:
        return None
    given = importing(source, "fastapi.encoders", "jsonable_encoder", at=node_at(source, content.start))
    if given is None:
        return None
    name, imports = given
    prefix = f"{content.name}=".encode() if content.name else b""
    start = content.start + len(prefix)
    text = module.source.utf8[start : content.end].decode()
    if not module.source.utf8[content.start : content.end].startswith(prefix):
        return None
    edit = Edit(module.source.span(start, content.end), f"{name}({text})")
    return Fix("Use jsonable_encoder", Safety.SAFE, (*imports, edit))
