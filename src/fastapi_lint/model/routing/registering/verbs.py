"""Which verb of which router a call is of: by its name, another name, a key, `getattr`, or a `partial`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.modules import Binding
from fastapi_lint.model.names.symbols import (
    Class,
    Function,
    FunctionObject,
    Instance,
    Method,
    Module,
    ModuleObject,
    Origin,
    Partial,
    Type,
)
from fastapi_lint.model.routing.circumstances import Circumstances
from fastapi_lint.model.routing.routers import RouterKey
from fastapi_lint.model.types.inference.inference import Inference, Where
from fastapi_lint.model.values.constants import Values
from fastapi_lint.model.values.environment import NOWHERE, Bound, Environment
from fastapi_lint.model.values.expansion import Expansion

HTTP_METHODS = ("get", "post", "put", "patch", "delete", "head", "options", "trace", "query")
VERBS = frozenset({*HTTP_METHODS, "api_route", "route", "websocket", "websocket_route"})
ADDERS = frozenset({"add_api_route", "add_api_websocket_route", "add_route", "add_websocket_route"})
STARLETTES = frozenset({"route", "websocket_route", "add_route", "add_websocket_route"})
"""What registers a route of Starlette, which does not get the prefix of the router itself."""
_ROUTER_CLASSES = ("fastapi.APIRouter", "fastapi.FastAPI")


@dataclass(frozen=True)
class Verb:
    """What registers a route: `attr` of the router that `receiver` stands for.

    `key` is that router where it is known at every place, and `made` the `partial` that gives it more arguments. A verb
    that each round of a loop has another one of has no `attr`: `asked` is then the expression that gives it.
    """

    receiver: f.Expr
    attr: str = ""
    key: RouterKey | None = None
    made: Origin | None = None
    asked: f.Expr | None = None


class Verbs(Circumstances):
    """Answers "which router and which verb is this"."""

    def __init__(self, types: Inference, values: Values, expansion: Expansion) -> None:
        super().__init__(types, values, expansion)
        self._decorations: dict[Module, dict[int, list[Function]]] = {}

    # ---------------------------------------------------------------- routers

    def is_router(self, value: Type) -> bool:
        """Whether a value is an APIRouter or FastAPI object."""
        return self.types.is_instance(value, *_ROUTER_CLASSES)

    def keys(self, expr: f.Expr, where: Where, environment: Environment) -> list[RouterKey]:
        """The routers that an expression can be; empty when that is not known."""
        return [key for value in self.expansion.values(expr, where, environment) if (key := self.key(value))]

    def key(self, value: Type) -> RouterKey | None:
        """What identifies a router; None for another value, and for one of which it is not known where it is made."""
        if not isinstance(value, Instance) or not self.is_router(value):
            return None
        if value.origin is not None:
            return value.origin
        return value.cls if isinstance(value.cls, Class) else None

    # ---------------------------------------------------------------- verbs

    def decorated(self, module: Module) -> dict[int, list[Function]]:
        """The functions below each decorator that is a call, by that call."""
        if module not in self._decorations:
            table: dict[int, list[Function]] = {}
            for function in module.functions:
                for decorator in function.facts.decorators:
                    if isinstance(decorator, f.CallRef):
                        table.setdefault(decorator.index, []).append(function)
            self._decorations[module] = table
        return self._decorations[module]

    def verb(self, module: Module, index: int, call: f.Call) -> f.Expr:
        """What a call calls; of a decorator that is the verb of a router under another name, that verb of the router.

        `read = router.get`, used as `@read("/x")`: the router may be another one in each call of the function around.
        """
        if isinstance(call.func, f.Name) and index in self.decorated(module):
            match self.types.find_bindings(call.func.id, (module, call.block, call.start)):
                case [Binding(entry=f.Assign(target=f.Name(), op="=", value=f.Attr(attr=attr) as verb))]:
                    if attr in VERBS and self.is_router(self.types.infer(verb.value, (module, call.block, call.start))):
                        return verb
        return call.func

    def known_verb(self, module: Module, call: f.Call) -> Verb | None:
        """The verb of a router that a callee is by its type, wherever that comes from: an import, a dict, a `partial`
        with keywords, which the path and the method are not."""
        held, made = self.types.callee(module, call), None
        if isinstance(held, Partial) and held.made is not None:
            made, held = held.made, held.callable
            names = [arg.name for arg in made.facts.args]
            if names.count("") != 1 or {"*", "**", "path"} & {*names}:
                return None
        owner, name = _method_of(held)
        if name not in (HTTP_METHODS if made is not None else VERBS) or owner is None:
            return None
        key = self.key(owner)
        return Verb(call.func, name, key, made) if key is not None else None

    def of_module(self, module: Module, call: f.Call, verb: Verb) -> Verb:
        """A verb, or what it is when its receiver is a module that has one under that name: `verbs.post("/x")`."""
        is_of_module = isinstance(self.types.infer(verb.receiver, (module, call.block, call.start)), ModuleObject)
        return (self.known_verb(module, call) or verb) if is_of_module else verb

    def verb_in(self, func: f.Expr, where: Where, environment: Environment) -> tuple[f.Attr, Where, Environment] | None:
        """The verb, as an attribute of a router, that an expression stands for in one round of a loop, or in one call
        of the function around it."""
        asked = by_name(where[0], func)
        if asked is not None:
            name = self.expansion.pieces(asked[1], where, environment)
            found: Bound = f.Attr(asked[0], name), where, environment
        elif isinstance(func, f.Sub) and len(func.items) == 1:
            entry = self._under(func.value, self.expansion.pieces(func.items[0], where, environment), where)
            if entry is None:
                return None
            found = self.expansion.source(*entry, environment if entry[1] == where else NOWHERE)
        else:
            found = self.expansion.source(func, where, environment)
        verb, place, inner = found
        return (verb, place, inner) if isinstance(verb, f.Attr) and verb.attr in VERBS else None

    def _under(self, expr: f.Expr, key: str, where: Where) -> tuple[f.Expr, Where] | None:
        """What a dict has under a key, as it is written."""
        held = [(expr, where)] if isinstance(expr, f.Mapping) else list(self.values.definitions(expr, where))
        if len(held) != 1 or not isinstance(held[0][0], f.Mapping):
            return None
        found = [value for name, value in held[0][0].items if name is None or name == f.Const(key)]
        return (found[0], held[0][1]) if len(found) == 1 else None


def by_name(module: Module, func: f.Expr) -> tuple[f.Expr, f.Expr] | None:
    """The object and the name that `getattr(router, name)` asks for."""
    call = module.facts.calls[func.index] if isinstance(func, f.CallRef) else None
    if call is None or call.func != f.Name("getattr") or [arg.name for arg in call.args[:2]] != ["", ""]:
        return None
    return call.args[0].value, call.args[1].value


def asked_for(module: Module, func: f.Expr) -> Collection[f.Expr]:
    """The expressions that decide which verb a callee is."""
    asked = by_name(module, func)
    return asked or (func, *(func.items if isinstance(func, f.Sub) else ()))


def _method_of(value: Type) -> tuple[Instance | None, str]:
    match value:
        case Method(name=name, owner=owner):
            return owner, name
        case FunctionObject(function=function, owner=Instance(cls=Class()) as owner):
            return owner, function.name
    return None, ""
