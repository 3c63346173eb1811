"""What the body of an answer is made of: the values in it, each where it is written.

Goes back from what leaves: through displays and models, variables and what is put into them, parameters of functions
that make an answer, and functions of the project that give a value back. What cannot be followed is given as it is.
Judges nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Class, ClassObject, Function, FunctionObject
from fastapi_lint.model.types.inference.inference import Inference, Where
from fastapi_lint.model.values.environment import NOWHERE, Bound, Environment

_DEEPEST = 10
_MOST_HOPS = 3
"""Functions through which a value is given back."""
_MOST_STEPS = 600
_DUMPING = frozenset({"model_dump", "dict", "copy", "items", "values"})
_KEEPING = frozenset({"dict", "list", "tuple", "sorted", "reversed", "fastapi.encoders.jsonable_encoder"})
_STORED = ("sqlalchemy.", "tortoise.", "beanie.", "odmantic.", "mongoengine.", "ormar.", "peewee.", "django.")
"""Packages whose classes are kept in a database."""
Part = tuple[f.Expr, Where]
Key = str | int | None
"""The entry or item of a value that is asked for; None: all of it."""


class Contents:
    """Answers "what is in this", one question after the other."""

    def __init__(self, types: Inference) -> None:
        self._types = types
        self._left = 0

    def parts(self, bound: Bound) -> tuple[Part, ...]:
        """The values in the content of an answer."""
        self._left = _MOST_STEPS
        return tuple(self._walk(*bound, None, 0, 0))

    def _walk(
        self, expr: f.Expr, where: Where, environment: Environment, key: Key, depth: int, hops: int
    ) -> Iterator[Part]:
        self._left -= 1
        if depth > _DEEPEST or self._left < 0:
            return
        inner: list[tuple[f.Expr, Key]] = []
        match expr:
            case f.Name(id=name) if name in environment:
                yield from self._walk(*environment[name], key, depth + 1, hops)
            case f.Name():
                yield from self._named(expr, where, key, depth, hops)
            case f.Display(items=items):
                inner = [(item, None) for number, item in enumerate(items) if key is None or key == number]
            case f.Mapping(items=pairs):
                inner = [(value, key if of is None else None) for of, value in pairs if _is_asked(of, key)]
            case f.Choice(options=options):
                inner = [(option, key) for option in options]
            case f.Await(value=value) | f.Star(value=value):
                inner = [(value, key)]
            case f.Sub(value=value, items=(f.Const(value=str() | int() as of),)) if key is None:
                inner = [(value, of)]
            case f.Each(element=element, block=block):
                place = (where[0], block, where[0].facts.blocks[block].end)
                yield from self._walk(element, place, environment, None, depth + 1, hops)
            case f.CallRef(index=index):
                yield from self._called(expr, where[0].facts.calls[index], where, environment, key, depth, hops)
            case _ if key is None:
                yield expr, where
        for part, asked in inner:
            yield from self._walk(part, where, environment, asked, depth + 1, hops)

    def _named(self, expr: f.Name, where: Where, key: Key, depth: int, hops: int) -> Iterator[Part]:
        module, block, at = where
        is_known = False
        for binding in self._types.find_bindings(expr.id, where):
            entry = binding.entry
            if (
                not isinstance(entry, f.Assign)
                or entry.value is None
                or module.facts.blocks[binding.block].function < 0
            ):
                continue
            place = (module, binding.block, binding.start)
            if entry.target == expr:
                is_known = True
                yield from self._walk(entry.value, place, NOWHERE, key, depth + 1, hops)
            elif isinstance(entry.target, f.Display) and expr in entry.target.items and key is None:
                is_known = True
                of = entry.target.items.index(expr)
                yield from self._walk(entry.value, place, NOWHERE, of, depth + 1, hops)
        for entry in module.assigns_in.get(module.facts.blocks[block].function, ()):
            if isinstance(entry.target, f.Sub) and entry.target.value == expr and entry.start < at and entry.value:
                if key is None or entry.target.items == (f.Const(key),):
                    yield from self._walk(
                        entry.value, (module, entry.block, entry.start), NOWHERE, None, depth + 1, hops
                    )
        if not is_known and key is None:
            yield expr, where

    def _called(
        self, expr: f.CallRef, call: f.Call, where: Where, environment: Environment, key: Key, depth: int, hops: int
    ) -> Iterator[Part]:
        module = where[0]
        callee = self._types.callee(module, call)
        match callee:
            case ClassObject(cls=cls):
                for arg in call.args if self._is_shown(cls) else ():
                    if key is None or arg.name in ("**", key):
                        of = key if arg.name == "**" else None
                        yield from self._walk(arg.value, where, environment, of, depth + 1, hops)
            case FunctionObject(function=function) if hops < _MOST_HOPS:
                yield from self._given_back(function, key, depth + 1, hops + 1)
            case _ if self._types.name_of_type(callee) in _KEEPING and call.args and call.args[0].name == "":
                yield from self._walk(call.args[0].value, where, environment, key, depth + 1, hops)
            case _ if isinstance(call.func, f.Attr) and call.func.attr in _DUMPING:
                yield from self._walk(call.func.value, where, environment, key, depth + 1, hops)
            case _ if key is None:
                yield expr, where

    def _is_shown(self, cls: Class) -> bool:
        """Whether what a class is made with is what leaves; a row of a table is sent as the database has it."""
        order = self._types.mro(cls)
        if "?" in order or any(isinstance(base, str) and base.startswith(_STORED) for base in order):
            return False
        return not any(
            keyword.name == "table" for base in order if isinstance(base, Class) for keyword in base.facts.keywords
        )

    def _given_back(self, function: Function, key: Key, depth: int, hops: int) -> Iterator[Part]:
        """What a function of the project gives back that is no generator."""
        if function.is_generator or function.name == "<lambda>" or function.module.is_test:
            return
        for leave in function.exits:
            if leave.kind == "return" and leave.value is not None:
                where = (function.module, leave.block, leave.start)
                yield from self._walk(leave.value, where, NOWHERE, key, depth, hops)


def _is_asked(of: f.Expr | None, key: Key) -> bool:
    return key is None or of is None or of == f.Const(key)
