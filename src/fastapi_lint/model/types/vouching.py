"""Whether an annotation that decides about a value is borne out by what the value is made of. Judges nothing.

At run time nothing holds an annotation to what it says: a connection that is declared as `psycopg.Connection` may well
come out of an asynchronous pool. Whoever contradicts the code itself (`await db.execute(...)` cannot be awaited) must
look at where the value comes from.
"""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    External,
    Function,
    FunctionObject,
    Instance,
    Module,
    Type,
)
from fastapi_lint.model.types.inference.inference import Inference, Where, is_none
from fastapi_lint.model.types.inference.passing import Unknown

_DEEPEST = 6


class Vouching:
    """Answers about values; there is one for all who ask (`Inference.shared`)."""

    def __init__(self, types: Inference) -> None:
        self._types = types

    def is_made(self, expr: f.Expr | None, where: Where, depth: int = 0) -> bool:
        """Whether the type of an expression is borne out by where its value comes from.

        False for a parameter whose dependency and whose callers give nothing that is seen to be of the class declared,
        and for what such a one gives. What cannot be followed for other reasons counts as what is declared.
        """
        if depth > _DEEPEST:
            return False
        match expr:
            case f.CallRef(index=index):
                return self._is_result_made(where[0], where[0].facts.calls[index], depth)
            case f.Name(id=name):
                entries = [one.entry for one in self._types.find_bindings(name, where)]
                return all(self._is_bound_made(entry, name, where, depth) for entry in entries)
            case f.Attr(value=owner, attr=attr):
                value = self._types.infer(owner, where)
                if isinstance(value, Instance) and isinstance(value.cls, Class):
                    return self._is_kept_made(value.cls, attr, depth)
        return True

    def _is_result_made(self, module: Module, call: f.Call, depth: int) -> bool:
        where = (module, call.block, call.start)
        match self._types.infer(call.func, where):
            case FunctionObject(function=function):
                return self._gives_made(function, depth)
            case ClassObject() | External():
                return True
        # A method of an object: known as well as the object is.
        return not isinstance(call.func, f.Attr) or self.is_made(call.func.value, where, depth + 1)

    def _gives_made(self, function: Function, depth: int, of: Type = None) -> bool:
        """Whether what a function returns or yields is made, and is of a class where that is asked for."""
        kind = "yield" if function.is_generator else "return"
        given = [one for one in function.exits if one.kind == kind and not is_none(one.value)]
        places = [(one.value, (function.module, one.block, one.start)) for one in given]
        return not places or any(self._is_made_as(value, where, of, depth) for value, where in places)

    def _is_bound_made(self, entry: object, name: str, where: Where, depth: int) -> bool:
        module = where[0]
        match entry:
            case f.Param():
                function = module.enclosing(where[1])
                while function is not None and not any(one is entry for one in function.params):
                    function = module.enclosing(function.facts.outer)
                return function is None or self._is_given(function, entry, depth)
            case f.Assign(value=value) if value is not None and entry.target == f.Name(name):
                return self.is_made(value, (module, entry.block, entry.start), depth + 1)
            case f.Block(kind="with") if entry.target == f.Name(name):
                return self.is_made(entry.test, (module, entry.parent, entry.start), depth + 1)
            case f.Assign(value=None, annotation=annotation) if annotation is not None:
                return self._is_as_declared(entry, name, module, depth)
        return True

    def _is_as_declared(self, entry: f.Assign, name: str, module: Module, depth: int) -> bool:
        """Whether what a name is bound to before an annotation that stands alone is of the class that this declares."""
        before = (module, entry.block, entry.start - 1)
        bound = [one.entry for one in self._types.find_bindings(name, before) if one.entry is not entry]
        declared = self._types.annotation(entry.annotation, (module, entry.block, entry.start))
        return not bound or self._is_made_as(f.Name(name), before, declared, depth)

    def _is_given(self, function: Function, param: f.Param, depth: int) -> bool:
        """Whether FastAPI or a caller gives a parameter a value that is made, and of the class that is declared."""
        place = (function.module, function.facts.outer, param.start)
        if param.annotation is None:
            return True  # its type comes from what it is given
        declared = self._types.parameter(function, param)
        match self._types.dependency_of(param, place):
            case FunctionObject(function=dependency):
                return self._gives_made(dependency, depth + 1, declared)
            case ClassObject() | External():
                return True
        return any(
            self._is_made_as(value, where, declared, depth + 1) for value, where in self._passed(function, param)
        )

    def _passed(self, function: Function, param: f.Param) -> Iterator[tuple[f.Expr, Where]]:
        """What the calls of a function that are known give one of its parameters."""
        index = next(i for i, one in enumerate(function.params) if one is param)
        try:
            for call in self._types.passing(function):
                given = self._types.argument(call, function, index)
                if given is not None and not is_none(given):
                    yield given, call.where
        except Unknown:
            return

    def _is_kept_made(self, cls: Class, attr: str, depth: int) -> bool:
        """Whether an attribute of the instances of a class is set to something that is made."""
        found: list[tuple[f.Expr | None, Where]] = []
        for base in self._types.mro(cls):
            if isinstance(base, Class):
                stores = self._types.self_assigns(base).get(attr, ())
                found += [(one.value, (where.module, one.block, one.start)) for one, where in stores]
                if (entry := base.assigns.get(attr)) is not None:
                    found.append((entry.value, (base.module, entry.block, entry.end)))
        values = [(value, where) for value, where in found if value is not None and not is_none(value)]
        return any(self.is_made(value, where, depth + 1) for value, where in values) if found else True

    def _is_made_as(self, value: f.Expr | None, where: Where, of: Type, depth: int) -> bool:
        """Whether a value is made, and of the same class as another one, if that is given."""
        if isinstance(of, Instance):
            known = self._types.infer(value, where)
            if not isinstance(known, Instance) or not self._types.is_subclass(known.cls, of.cls):
                return False
        return self.is_made(value, where, depth + 1)
