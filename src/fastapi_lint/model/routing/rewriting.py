"""Where routes get another path than the one that is written.

By loops, `for route in router.routes: route.path = route.path + "/"`, and by router classes of the project:
`@router.get("/x")` ends in `self.api_route` and `self.add_api_route`, which a subclass may write over.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.expressions import is_super
from fastapi_lint.model.names.symbols import Class, Function, FunctionObject, Instance, Module, Origin
from fastapi_lint.model.routing.routers import RouterKey, argument
from fastapi_lint.model.types.inference.inference import Inference, Where
from fastapi_lint.model.values.constants import UNKNOWN
from fastapi_lint.model.values.environment import NOWHERE, Bound
from fastapi_lint.model.values.expansion import Expansion

_ON_THE_WAY = ("api_route", "add_api_route")


@dataclass(frozen=True)
class Rewriting:
    """Text put around every path; `once`: under an `if`, which is taken to ask whether it is there already."""

    before: str
    after: str
    once: bool

    def apply(self, path: str) -> str:
        """The path as it is after the loop."""
        before = "" if self.once and self.before and path.startswith(self.before) else self.before
        after = "" if self.once and self.after and path.endswith(self.after) else self.after
        return before + path + after


def rewritings(module: Module) -> Iterator[tuple[f.Expr, Where, Rewriting]]:
    """The router whose routes each such loop runs over, where that is written, and what is done to the paths."""
    for entry in module.facts.assigns:
        match entry.target:
            case f.Attr(value=f.Name(id=name), attr="path") if entry.value is not None:
                pass
            case _:
                continue
        match entry.value:
            case f.Const(value=str(text)) if entry.op == "+=":
                around: tuple[str, str] | None = ("", text)
            case _:
                around = _affixes(entry.value, name)
        loop = next((b for b in module.block_chain(entry.block) if b.kind == "for" and b.target == f.Name(name)), None)
        if around is None or loop is None:
            continue
        match loop.test:
            case f.Attr(value=router, attr="routes"):
                guarded = module.facts.blocks[entry.block].kind == "if"
                yield router, (module, loop.parent, loop.start), Rewriting(*around, guarded)


def _affixes(expr: f.Expr, name: str) -> tuple[str, str] | None:
    """What stands before and after `name.path` in a concatenation of constants."""
    match expr:
        case f.Attr(value=f.Name(id=same), attr="path") if same == name:
            return "", ""
        case f.Joined(parts=parts):
            pieces: list[f.Expr] = list(parts)
        case f.Binary(op="+", left=left, right=right):
            pieces = [left, right]
        case _:
            return None
    before, after, met = "", "", False
    for piece in pieces:
        if isinstance(piece, f.Const) and isinstance(piece.value, str):
            before, after = (before, after + piece.value) if met else (before + piece.value, after)
        elif not met and (inner := _affixes(piece, name)) is not None:
            before, after, met = before + inner[0], inner[1], True
        else:
            return None
    return (before, after) if met else None


def path_on_the_way(
    types: Inference, expansion: Expansion, key: RouterKey, path: str, attr: str, call: f.Call, where: Where
) -> str:
    """The path that FastAPI gets to see when a decorator of this name gets another; UNKNOWN where that is not known."""
    cls = _class_of(types, key)
    if cls is None or UNKNOWN in path:
        return path
    for name in _ON_THE_WAY:
        method = types.member(cls, name, Instance(cls)) if name != attr else None
        if isinstance(method, FunctionObject) and UNKNOWN not in path:
            path = _handed_on(expansion, method.function, name, key, path, call, where)
    return path


def _class_of(types: Inference, key: RouterKey) -> Class | None:
    made = types.call_type(key.module, key.call) if isinstance(key, Origin) else key
    cls = made if isinstance(made, Class) else getattr(made, "cls", None)
    return cls if isinstance(cls, Class) else None


def _handed_on(
    expansion: Expansion, method: Function, name: str, key: RouterKey, path: str, call: f.Call, where: Where
) -> str:
    """What a method hands to the one above it as the path; of several calls the first that is in the schema."""
    if len(method.params) < 2 or method.params[1].kind != "normal":
        is_passed = any(param.kind in ("args", "kwargs") for param in method.params)
        return path if is_passed else UNKNOWN
    module, itself = method.module, method.params[0].name
    bound: dict[str, Bound] = {}
    for param in method.params[2:]:
        given = f.keyword(call, param.name)
        if given is not None:
            bound[param.name] = (given.value, where, NOWHERE)
        elif param.default is not None:
            bound[param.name] = (param.default, (module, method.facts.outer, param.start), NOWHERE)
    bound[method.params[1].name] = (f.Const(path), where, NOWHERE)
    if isinstance(key, Origin):
        made = key.module.facts.calls[key.call]
        bound[itself] = (f.CallRef(key.call), (key.module, made.block, made.start), NOWHERE)
    for expr, place in _above(method, name, f.Name(itself)):
        return expansion.pieces(expr, place, NOWHERE.with_bound(bound))
    return UNKNOWN


def _above(method: Function, name: str, itself: f.Name) -> Iterator[tuple[f.Expr, Where]]:
    """The paths that a method gives to the same method of the base class, or to the next one on the way; those that
    leave the schema out last."""
    module = method.module
    inside = [call for call in module.facts.calls if method.facts.head_end <= call.start < method.facts.end]
    for is_hidden in (False, True):
        for call in inside:
            if not isinstance(call.func, f.Attr) or _is_hidden(call) is not is_hidden:
                continue
            owner, attr = call.func.value, call.func.attr
            is_next = attr in _ON_THE_WAY[_ON_THE_WAY.index(name) + 1 :] and owner == itself
            is_by_class = attr == name and call.args and call.args[0].value == itself
            if is_next or (is_super(module, owner) and attr in _ON_THE_WAY) or is_by_class:
                given = argument(call, 1 if is_by_class else 0, "path")
                yield given.value if given is not None else f.Unknown(), (module, call.block, call.start)


def _is_hidden(call: f.Call) -> bool:
    given = f.keyword(call, "include_in_schema")
    return given is not None and given.value == f.Const(False)
