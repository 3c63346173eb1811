"""Light type inference: what an expression is, as far as annotations, constructors and assignments say. Never guesses.

Flow is followed as far as a reader would: within a function the latest binding before the use counts, together with
conditional ones after it; bindings that disagree make the type unknown (None), and unknown silences.
"""

from __future__ import annotations

from functools import partial

from fastapi_lint import catalog
from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    Coroutine,
    External,
    Function,
    FunctionObject,
    Instance,
    Method,
    ModuleObject,
    OneOf,
    Partial,
    TupleOf,
    Type,
)
from fastapi_lint.model.types.inference.containers import Containers
from fastapi_lint.model.types.inference.hints import Hints
from fastapi_lint.model.types.inference.imports import Imports
from fastapi_lint.model.types.inference.injection import Injection
from fastapi_lint.model.types.inference.members import Members
from fastapi_lint.model.types.inference.passing import Passing
from fastapi_lint.model.types.inference.querying import Querying
from fastapi_lint.model.types.inference.questions import DEPENDS, Where, instance_of, is_none, starred
from fastapi_lint.model.types.inference.returns import Returns
from fastapi_lint.model.types.inference.scopes import Scopes
from fastapi_lint.model.types.inference.stores import STATE, Stores

__all__ = ["DEPENDS", "Inference", "Where", "instance_of", "is_none"]

_CONSTANTS = {str: "str", bool: "bool", int: "int", float: "float"}


class Inference(Scopes, Imports, Members, Returns, Querying, Containers, Injection, Passing, Stores, Hints):
    """Answers "what is this expression" for the whole project, each question once."""

    def infer(self, expr: f.Expr | None, where: Where) -> Type:
        """The type of an expression at a place."""
        if type(expr) is f.Name:  # two of three: not through the table of cases
            return self.lookup(expr.id, where)
        module = where[0]
        match expr:
            case f.Attr(value=value, attr=attr):
                owner = self.infer(value, where)
                if isinstance(owner, Instance) and owner.cls == STATE:
                    return self.state_of(owner, attr, module)
                return self.attribute(owner, attr)
            case f.CallRef(index=index):
                return self.call_type(module, index)
            case f.Await(value=value):
                awaited = self.infer(value, where)
                return awaited.result if isinstance(awaited, Coroutine) else None
            case f.Const(value=value):
                return Instance(_CONSTANTS[type(value)]) if value is not None else None
            case f.Joined():
                return Instance("str")
            case f.Raw(kind="bytes"):
                return Instance("bytes")
            case f.Display(kind="tuple", items=items) if len(items) <= 8 and not starred(items):
                return TupleOf(tuple(self.infer(item, where) for item in items))
            case f.Display(kind=kind, items=items):
                return Instance(kind, (self.one_of(self.infer(item, where) for item in items[:20]),))
            case f.Mapping(items=items):
                return self._mapping(items, where)
            case f.Each(kind=kind, element=element, block=block):
                inner = self.infer(element, (module, block, module.facts.blocks[block].start))
                return inner if kind == "dict" else Instance(kind, (inner,))
            case f.Choice(options=options):
                return self.one_of(self.infer(o, where) for o in options if not is_none(o))
            case f.Sub(value=value, items=items):
                return self.subscripted(value, items, where)
            case f.Lambda(index=index):
                return FunctionObject(module.functions[index])
            case f.Unary(op="not") | f.Compare():
                return Instance("bool")
            case f.Binary(op="/", left=left):
                base = self.infer(left, where)
                return base if isinstance(base, Instance) and base.cls in ("pathlib.Path", "anyio.Path") else None
            case f.Binary(op="+" | "%", left=left):
                base = self.infer(left, where)
                return base if isinstance(base, Instance) and base.cls == "str" else None
            case f.Binary(op="|", left=left, right=right):
                found = self._piped(self.infer(left, where), "__or__")
                return found if found is not None else self._piped(self.infer(right, where), "__ror__")
        return None

    def _piped(self, side: Type, operator: str) -> Type:
        """What `|` gives for one of its sides: of libraries that put what runs one after the other together with it."""
        if not isinstance(side, Instance) or not isinstance(side.cls, str):
            return None
        given = catalog.method_returns(side.cls, operator)
        return side if given == "self" else instance_of(given)

    def _mapping(self, items: tuple[tuple[f.Expr | None, f.Expr], ...], where: Where) -> Type:
        """A dict display; entries of a dict that is unpacked in it count like its own."""
        keys, values = [], []
        for key, value in items[:20]:
            if key is not None:
                keys.append(self.infer(key, where))
                values.append(self.infer(value, where))
            elif isinstance(inner := self.infer(value, where), Instance) and len(inner.args) == 2:
                keys.append(inner.args[0])
                values.append(inner.args[1])
            else:
                keys, values = [None], [None]
                break
        return Instance("dict", (self.agree(keys), self.one_of(values)))

    def subscripted(self, value: f.Expr, items: tuple[f.Expr, ...], where: Where) -> Type:
        """What a subscript is: an annotation's, a container's, or an entry of a display that is written elsewhere."""
        owner = self.infer(value, where)
        match owner:
            case ClassObject(cls=cls) if self.is_enumeration(cls):
                return Instance(cls)
            case ClassObject(cls=cls):
                return ClassObject(cls, tuple(self.annotation(item, where) for item in items))
            case External(name="typing.Annotated" | "typing.Optional" | "typing.Union" | "typing.Literal"):
                return None  # an alias of an annotation: `alias` and `annotation` know what it stands for
            case External(name=name):
                return None if name.startswith("typing.") else owner
        found = self.subscript(owner, items, where)
        key = items[0] if len(items) == 1 else f.Display("tuple", items)
        if found is None or (isinstance(found, OneOf) and self._is_fixed(key, where)):
            if isinstance(value, (f.Name, f.Attr)):  # `size = [size[0], 1]`
                return self.guarded(("entry", value, key, where), partial(self._entry, value, key, where)) or found
        return found

    def _is_fixed(self, key: f.Expr, where: Where) -> bool:
        """Whether a key is always the same: a constant, a member of an enumeration, a tuple of these."""
        match key:
            case f.Const():
                return True
            case f.Display(kind="tuple", items=items):
                return all(self._is_fixed(item, where) for item in items)
            case f.Attr(value=owner):
                found = self.infer(owner, where)
                return isinstance(found, ClassObject) and self.is_enumeration(found.cls)
        return False

    def _entry(self, value: f.Expr, key: f.Expr, where: Where) -> Type:
        """What a dict or list display for which a name stands has under a fixed key; under another one, one of its
        callables.

        The display is taken to be all that the dict or list holds.
        """
        display, place = self._displayed(*(self.alias(value, where) or (None, where)))
        if isinstance(display, f.Display) and display.kind in ("list", "tuple") and not starred(display.items):
            if not isinstance(key, f.Const):
                return self.one_of(self.infer(one, place) for one in display.items[:20])
            at = key.value if isinstance(key.value, int) else len(display.items)
            return self.infer(display.items[at], place) if 0 <= at < len(display.items) else None
        if not isinstance(display, f.Mapping) or any(name is None for name, _ in display.items):
            return None
        found = [one for name, one in display.items if name == key]
        if not self._is_fixed(key, where) or (not found and not isinstance(key, f.Const)):
            return self.one_of(self.infer(one, place) for _, one in display.items[:20])
        return self.infer(found[0], place) if len(found) == 1 else None

    def _displayed(self, expr: f.Expr | None, where: Where) -> tuple[f.Expr | None, Where]:
        """A display as it is written, or inside of `dict(...)` and what only wraps it."""
        call = where[0].facts.calls[expr.index] if isinstance(expr, f.CallRef) else None
        name = f.last_name(call.func) if call is not None else ""
        if call is None or name not in ("dict", "MappingProxyType", "OrderedDict"):
            return expr, where
        if name == "dict" and call.args and all(arg.name not in ("", "*", "**") for arg in call.args):
            return f.Mapping(tuple((f.Const(arg.name), arg.value) for arg in call.args)), where
        return (call.args[0].value, where) if len(call.args) == 1 and not call.args[0].name else (expr, where)

    def own_name(self, function: Function) -> str:
        """The dotted name by which the program imports a function or method of its own ("shop.store.Store.load")."""
        return f"{self.modules.import_name(function.module)}.{function.qualname}"

    def full_name(self, value: Type) -> str | None:
        """As `name_of_type`, also of the class of an instance; names of our own begin as their modules are imported."""
        match value:
            case FunctionObject(function=own) | ClassObject(cls=own) | Instance(cls=Class() as own):
                return f"{self.modules.import_name(own.module)}.{own.qualname}"
            case Instance(cls=str() as name):
                return name
        return self.name_of_type(value)

    def name_of_type(self, value: Type) -> str | None:
        """The dotted name of what a value is: canonical for externals, by module and qualname for our own."""
        match value:
            case External(name=name):
                return name
            case ClassObject(cls=cls):
                return f"{cls.module.name}.{cls.qualname}"
            case FunctionObject(function=function):
                return f"{function.module.name}.{function.qualname}"
            case ModuleObject(module=module):
                return module.name
            case Method() as method:
                return method.dotted
            case Partial(callable=inner):
                return self.name_of_type(inner)
            case OneOf(options=options):
                return self.name_of_type(options[0])
        return None
