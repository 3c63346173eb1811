"""FAPI424: ORJSONResponse and UJSONResponse, where the response model serialises by itself."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from fastapi_lint.finding import Finding, Fix, Safety
from fastapi_lint.fixing.edits import remove_argument
from fastapi_lint.fixing.edits.calls import argument_node
from fastapi_lint.index import facts as f
from fastapi_lint.model import Class, Function, Instance, Module
from fastapi_lint.rule import Check, rule

_CLASSES = ("ORJSONResponse", "UJSONResponse")
_PLACES = frozenset({"response_class", "default_response_class"})
_PLAIN = frozenset({"dict", "list", "tuple", "str", "int", "float", "bool"})


@rule("FAPI424", fix=Safety.UNSAFE, since="0.2.0")
def deprecated_json_response(module: Module, check: Check) -> Iterator[Finding]:
    """`ORJSONResponse` or `UJSONResponse` is used where the response model would serialise.

    Why is this bad?
    Both are deprecated since FastAPI 0.131, and warn when they are made. With a return type or a response model FastAPI
    serialises to JSON with Pydantic, in Rust, which is faster than to make Python objects for another library first.

    Fix safety
    The argument is taken away. Without a return type or a response model the answer then goes through
    `jsonable_encoder` and the standard library.

    Known limits
    Only where the project declares FastAPI 0.131 or newer; the advice was the opposite before. Responses that are made
    by hand are reported where an endpoint returns them and their content is known to be plain data or a model. Classes
    of the project that derive from them are left alone.

    References
    - [FastAPI: custom response classes](https://fastapi.tiangolo.com/advanced/custom-response/)
    - [FastAPI release notes: 0.131](https://fastapi.tiangolo.com/release-notes/)
    """
    if not module.mentions(*_CLASSES) or module.is_test:
        return
    if not check.project.versions.for_path(module.path).always_at_least("fastapi", "0.131", default=False):
        return
    for index, call in enumerate(module.facts.calls):
        for arg in call.args:
            if arg.name in _PLACES and (name := _named(arg.value, module, call, check)):
                yield check.finding(
                    arg,
                    f"`{arg.name}` is `{name}`",
                    why="it is deprecated since FastAPI 0.131, and slower than a response model",
                    instead="drop it, and give the route a return type or a response model",
                    fix=partial(_without, module, call, arg),
                )
        function = module.enclosing(call.block)
        if function is not None and (name := _named(call.func, module, call, check)):
            if _is_answer(index, function, check) and _is_data(call, module, check):
                yield check.finding(
                    call,
                    f"`{function.name}` returns `{name}`",
                    why="it is deprecated since FastAPI 0.131, and nothing validates or documents what is in it",
                    instead="return the value, and declare its type",
                )


def _named(expr: f.Expr, module: Module, call: f.Call, check: Check) -> str | None:
    """Which of the classes an expression names, if it does."""
    name = check.project.name(expr, module, call.block, call.start) or ""
    owner, _, last = name.rpartition(".")
    return last if last in _CLASSES and owner in ("fastapi.responses", "starlette.responses") else None


def _is_answer(index: int, function: Function, check: Check) -> bool:
    """Whether a call is what an endpoint returns."""
    returned = any(each.kind == "return" and each.value == f.CallRef(index) for each in function.exits)
    return returned and bool(check.project.routes.by_handler.get(function))


def _is_data(call: f.Call, module: Module, check: Check) -> bool:
    """Whether the content of a response is known to be something that a response model serialises as well."""
    content = next((arg for arg in call.args if arg.name in ("", "content")), None)
    if content is None or any(arg.name in ("*", "**") for arg in call.args):
        return False
    match content.value:
        case f.Display() | f.Mapping() | f.Each() | f.Joined() | f.Const(value=str()):
            return True
    found = check.project.infer(content.value, module, call.block, call.start)
    return isinstance(found, Instance) and (found.cls in _PLAIN or isinstance(found.cls, Class))


def _without(module: Module, call: f.Call, arg: f.Arg) -> Fix | None:
    nodes = argument_node(module, call, arg)
    return Fix(f"Drop `{arg.name}`", Safety.UNSAFE, (remove_argument(*nodes),)) if nodes is not None else None
