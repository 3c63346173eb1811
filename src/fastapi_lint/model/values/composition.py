"""How a text is put together: its constant pieces, and the parameters whose text gets into it. Judges nothing.

Followed are f-strings, `+`, `%`, `.format`, `join`, augmented assignments, local variables, and lists that are filled
in the same function. What is not known becomes a piece of its own, which says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Union

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Class, Function, Instance, Module, Type
from fastapi_lint.model.types.inference.inference import Inference, Where
from fastapi_lint.model.values.constants import Unfolded, Values

_DEPTH = 12
_MODEL = "pydantic.BaseModel"
_SAME_TEXT = frozenset(
    {
        "strip",
        "lstrip",
        "rstrip",
        "lower",
        "upper",
        "title",
        "capitalize",
        "casefold",
        "dedent",
        "removeprefix",
        "removesuffix",
    }
)
_READS = frozenset({"get", "pop", "getlist", "get_list"})
_HARMLESS = frozenset({
    "int", "float", "bool", "uuid.UUID", "datetime.datetime", "datetime.date", "datetime.time", "datetime.timedelta",
    "decimal.Decimal", "ipaddress.IPv4Address", "ipaddress.IPv6Address", "enum.Enum", "pathlib.Path",
})  # fmt: skip
_TEXTUAL = frozenset({"str", "pydantic.SecretStr", "pydantic.EmailStr"})
_CONTAINERS = frozenset(
    {"list", "set", "tuple", "dict", "frozenset", "typing.Sequence", "typing.Iterable", "typing.Collection"}
)
_PERCENT = re.compile(r"%(?:\(\w+\))?[-#0 +]{0,5}\d{0,9}(?:\.\d{1,9})?[sdifrgx]")
_BRACES = re.compile(r"\{[^{}]*\}")


@dataclass(frozen=True)
class Outside:
    """The text of a function's parameter, or of something in it, becomes part of a text."""

    function: Function = field(repr=False)
    param: f.Param
    shown: str


@dataclass(frozen=True)
class Hidden:
    """A piece that is not known; `is_harmless` when it is at least known to be a number, a date, or the like."""

    is_harmless: bool = False


Piece = Union[str, Outside, Hidden]


class Compositions:
    """Answers "which pieces is this text made of"."""

    def __init__(self, types: Inference, values: Values) -> None:
        self.types = types
        self.values = values

    def pieces(self, expr: f.Expr | None, where: Where, depth: int = 0) -> list[Piece]:
        """The pieces in order; alternatives stand one behind the other."""
        if depth > _DEPTH or expr is None:
            return [Hidden()]
        module = where[0]
        match expr:
            case f.Const(value=value):
                return [str(value)]
            case f.Joined(parts=parts):
                return [piece for part in parts for piece in self.pieces(part, where, depth + 1)]
            case f.Binary(op="+", left=left, right=right):
                return self.pieces(left, where, depth + 1) + self.pieces(right, where, depth + 1)
            case f.Binary(op="*", left=left):
                return self.pieces(left, where, depth + 1)
            case f.Binary(op="%", left=left, right=right):
                given = right.items if isinstance(right, f.Display) and right.kind == "tuple" else (right,)
                return self._filled(left, _PERCENT, list(given), where, depth)
            case f.Choice(options=options):
                return [piece for option in options for piece in self.pieces(option, where, depth + 1)]
            case f.Await(value=value):
                return self.pieces(value, where, depth + 1)
            case f.Name(id=name):
                return self._named(name, expr, where, depth)
            case f.Attr() | f.Sub():
                return self._part(expr, where)
            case f.CallRef(index=index):
                return self._called(module.facts.calls[index], expr, where, depth)
        return [Hidden()]

    # ---------------------------------------------------------------- templates

    def _filled(
        self, template: f.Expr, holes: re.Pattern[str], given: list[f.Expr], where: Where, depth: int
    ) -> list[Piece]:
        """A template with its holes filled in order; more holes than values (or none) leave the rest unknown."""
        found: list[Piece] = []
        values = iter(given)
        for piece in self.pieces(template, where, depth + 1):
            if not isinstance(piece, str):
                found.append(piece)
                continue
            position = 0
            for hole in holes.finditer(piece):
                found.append(piece[position : hole.start()])
                value = next(values, None)
                found += self.pieces(value, where, depth + 1) if value is not None else [Hidden()]
                position = hole.end()
            found.append(piece[position:])
        return found

    def _called(self, call: f.Call, expr: f.CallRef, where: Where, depth: int) -> list[Piece]:
        called = f.last_name(call.func)
        args = [arg for arg in call.args if arg.name == ""]
        match call.func:
            case f.Attr(value=receiver, attr="format"):
                positional = [arg.value for arg in args]
                named = {arg.name: arg.value for arg in call.args if arg.name}
                if "**" in named or "*" in named:
                    return [Hidden()]
                template = self.pieces(receiver, where, depth + 1)
                order: list[f.Expr] = []
                for hole in _BRACES.findall("".join(piece for piece in template if isinstance(piece, str))):
                    name = re.split(r"[.!:\[]", hole[1:-1])[0]
                    if name.isdigit() and int(name) < len(positional):
                        order.append(positional[int(name)])
                    elif name:
                        order.append(named.get(name, f.Unknown()))
                    else:
                        order.append(positional.pop(0) if positional else f.Unknown())
                return self._filled(receiver, _BRACES, order, where, depth)
            case f.Attr(value=receiver, attr="join") if len(args) == 1:
                return self._joined(receiver, args[0].value, where, depth)
            case f.Attr(value=receiver, attr=attr) if attr in _SAME_TEXT and called != "dedent":
                return self.pieces(receiver, where, depth + 1)
            case f.Attr(value=receiver, attr=attr) if attr in _READS:
                return self._part(receiver, where)
        if called in ("str", "dedent", "cleandoc", "repr") and len(args) == 1:
            return self.pieces(args[0].value, where, depth + 1)
        return [Hidden(self._is_harmless(self.types.infer(expr, where)))]

    def _joined(self, separator: f.Expr, items: f.Expr, where: Where, depth: int) -> list[Piece]:
        found: list[Piece] = []
        for element, place in self.elements(items, where, depth):
            found += [*self.pieces(element, place, depth + 1), *self.pieces(separator, where, depth + 1)]
        return found or [Hidden()]

    def elements(self, items: f.Expr, where: Where, depth: int) -> Iterator[tuple[f.Expr, Where]]:
        """What a list holds, as far as its function shows; an `Unknown` for what it does not."""
        module = where[0]
        match items:
            case f.Display(items=parts):
                for part in parts:
                    if isinstance(part, f.Star):
                        yield from self.elements(part.value, where, depth + 1)
                    else:
                        yield part, where
                return
            case f.Each(element=element):
                place = next(
                    (
                        (module, index, block.start + 1)
                        for index, block in enumerate(module.facts.blocks)
                        if block.kind == "comprehension" and _element_is(module, index, element, where)
                    ),
                    where,
                )
                yield element, place
                return
            case f.Binary(op="*", left=left) | f.Binary(op="+", left=left, right=f.Unknown()):
                yield from self.elements(left, where, depth + 1)
                return
            case f.Binary(op="+", left=left, right=right):
                yield from self.elements(left, where, depth + 1)
                yield from self.elements(right, where, depth + 1)
                return
            case f.Name(id=name) if depth <= _DEPTH:
                yield from self._collected(name, where, depth)
                return
            case f.Choice(options=options):
                for option in options:
                    yield from self.elements(option, where, depth + 1)
                return
            case f.CallRef(index=index):
                call = module.facts.calls[index]
                if f.last_name(call.func) in ("list", "tuple", "sorted", "set", "reversed") and len(call.args) == 1:
                    yield from self.elements(call.args[0].value, where, depth + 1)
                    return
        yield f.Unknown(), where

    def _collected(self, name: str, where: Where, depth: int) -> Iterator[tuple[f.Expr, Where]]:
        module = where[0]
        function = module.enclosing(where[1])
        bound = [b.entry for b in self.types.find_bindings(name, where)]
        if function is None or any(isinstance(entry, f.Param) for entry in bound):
            yield f.Name(name), where
            return
        known = False
        for entry in module.assigns_in.get(function.index, ()):
            if entry.target == f.Name(name) and entry.value is not None and entry.start < where[2]:
                known = True
                yield from self.elements(entry.value, (module, entry.block, entry.start), depth + 1)
        for call in function.calls:
            match call.func:
                case f.Attr(value=f.Name(id=found), attr="append" | "add") if found == name and len(call.args) == 1:
                    yield call.args[0].value, (module, call.block, call.start)
                case f.Attr(value=f.Name(id=found), attr="extend" | "update") if found == name and len(call.args) == 1:
                    yield from self.elements(call.args[0].value, (module, call.block, call.start), depth + 1)
        if not known:
            yield f.Unknown(), where

    # ---------------------------------------------------------------- names

    def _named(self, name: str, expr: f.Name, where: Where, depth: int) -> list[Piece]:
        module = where[0]
        found = self.types.find_bindings(name, where)
        function = module.enclosing(where[1])
        if function is None or not _is_augmented(name, function):
            try:
                return [str(self.values.constant(expr, where))]
            except Unfolded:
                pass
        if any(isinstance(binding.entry, f.Param) for binding in found):
            param = next(b.entry for b in found if isinstance(b.entry, f.Param))
            owner = module.enclosing(found[0].block)
            if owner is None or not isinstance(param, f.Param):
                return [Hidden()]
            if len(found) > 1 or any(e.target == f.Name(name) for e in module.assigns_in.get(owner.index, ())):
                return [Hidden()]  # changed on the way
            return [self._outside(owner, param, name)]
        if function is None or not found:
            return [Hidden()]
        pieces: list[Piece] = []
        for binding in found:
            entry = binding.entry
            if isinstance(entry, f.Block):
                return self._of_loop(name, entry, module)
            if not isinstance(entry, f.Assign) or entry.value is None or entry.target != f.Name(name):
                return [Hidden()]
            if module.facts.blocks[binding.block].function != function.index:
                return [Hidden()]
        for entry in module.assigns_in.get(function.index, ()):
            if entry.target == f.Name(name) and entry.value is not None and entry.start < where[2]:
                pieces += self.pieces(entry.value, (module, entry.block, entry.start), depth + 1)
        return pieces or [Hidden()]

    def _of_loop(self, name: str, block: f.Block, module: Module) -> list[Piece]:
        """The variable of a `for`: over constants it is one, over a parameter it comes from there."""
        if block.kind not in ("for", "comprehension") or block.test is None:
            return [Hidden()]
        where = (module, block.parent, block.start)
        match block.test:
            case f.Display(items=items) if all(isinstance(item, f.Const) for item in items):
                return [str(item.value) for item in items if isinstance(item, f.Const)]
            case f.Name() | f.Attr():
                for value, place in self.values.definitions(block.test, where):
                    if isinstance(value, f.Display):
                        return [piece for item in value.items for piece in self.pieces(item, place, _DEPTH - 2)]
                if block.target == f.Name(name):
                    return self._part(block.test, where)
        return [
            Hidden(
                self._is_harmless(self.types.infer(f.Name(name), (module, module.facts.blocks.index(block), block.end)))
            )
        ]

    def _outside(self, function: Function, param: f.Param, shown: str) -> Piece:
        if function.name == "<lambda>" or param.kind in ("args", "kwargs"):
            return Hidden()
        if function.cls is not None and function.params and function.params[0] is param:
            return Hidden()
        kind = self.types.parameter(function, param)
        if self._is_harmless(kind) or self._has_choices(function, param):
            return Hidden(True)
        if param.annotation is not None and kind is None and not _is_loose(param.annotation):
            return Hidden()
        if isinstance(kind, Instance) and kind.cls not in _TEXTUAL and kind.cls not in _CONTAINERS:
            return Hidden()
        return Outside(function, param, shown)

    def _part(self, expr: f.Expr, where: Where) -> list[Piece]:
        """An attribute or item: constant, harmless, or something in a parameter."""
        try:
            return [str(self.values.constant(expr, where))]
        except Unfolded:
            pass
        value = self.types.infer(expr, where)
        if self._is_harmless(value):
            return [Hidden(True)]
        root: f.Expr = expr
        while isinstance(root, (f.Attr, f.Sub)):
            if isinstance(root, f.Attr) and root.attr.startswith("__"):
                return [Hidden()]
            root = root.value
        if not isinstance(root, f.Name):
            return [Hidden()]
        found = self.types.find_bindings(root.id, where)
        if len(found) != 1 or not isinstance(found[0].entry, f.Param):
            return [Hidden()]
        owner, param = where[0].enclosing(found[0].block), found[0].entry
        if owner is None or param.kind in ("args", "kwargs") or (owner.cls is not None and owner.params[0] is param):
            return [Hidden()]
        kind = self.types.parameter(owner, param)
        # Of an object it must be known that the attribute is a text: `model.table` and its like are not from outside.
        if self._is_text(value) and isinstance(kind, Instance) and isinstance(kind.cls, Class):
            return [Outside(owner, param, _dotted(expr)) if self.types.is_subclass(kind.cls, _MODEL) else Hidden()]
        if isinstance(kind, Instance) and kind.cls in _CONTAINERS and (value is None or self._is_text(value)):
            return [Outside(owner, param, _dotted(expr))]
        return [Hidden()]

    # ---------------------------------------------------------------- types

    @staticmethod
    def _is_text(value: Type) -> bool:
        return isinstance(value, Instance) and value.cls in _TEXTUAL

    def _is_harmless(self, value: Type) -> bool:
        return self.types.is_instance(value, *_HARMLESS)

    @staticmethod
    def _has_choices(function: Function, param: f.Param) -> bool:
        """Whether only certain texts are let through: `Literal`, or a pattern that FastAPI checks."""
        text = function.module.source.slice(param.start, param.end)
        return any(word in text for word in ("Literal", "pattern=", "regex=", "LiteralString", "Identifier"))


def _is_augmented(name: str, function: Function) -> bool:
    """Whether a function adds to a variable (`query += ...`), so that one assignment is not all of it."""
    assigns = function.module.assigns_in.get(function.index, ())
    return any(entry.target == f.Name(name) and entry.op not in ("=", ":=") for entry in assigns)


def _is_loose(annotation: f.Expr) -> bool:
    """`Any`, `object`, or a union that admits a text."""
    match annotation:
        case f.Name(id=name) | f.Attr(attr=name):
            return name in ("Any", "object", "str")
        case f.Binary(op="|", left=left, right=right):
            return any(isinstance(side, f.Name) and side.id == "str" for side in (left, right))
    return False


def _element_is(module: Module, index: int, element: f.Expr, where: Where) -> bool:
    """Whether a comprehension is the one around an expression: the first behind the place whose calls match."""
    block = module.facts.blocks[index]
    return block.start >= where[2] and block.parent == where[1]


def _dotted(expr: f.Expr) -> str:
    match expr:
        case f.Name(id=name):
            return name
        case f.Attr(value=value, attr=attr):
            return f"{_dotted(value)}.{attr}"
        case f.Sub(value=value, items=(f.Const(value=key),)):
            return f"{_dotted(value)}[{key!r}]"
        case f.Sub(value=value):
            return f"{_dotted(value)}[...]"
    return "?"
