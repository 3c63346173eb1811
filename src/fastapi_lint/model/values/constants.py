"""Constant folding: the text or number an expression has at run time, as far as the source says.

Names and attributes are followed through assignments, imports, class attributes and settings defaults.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Union

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.modules import Binding
from fastapi_lint.model.names.symbols import Class, ClassObject, External, Instance, Module, ModuleObject
from fastapi_lint.model.types.inference.inference import Inference, Where, is_none
from fastapi_lint.tracking import recording
from fastapi_lint.tracking.acyclic import Acyclic
from fastapi_lint.tracking.memory import Memos

Constant = Union[str, int, float, bool, None]
UNKNOWN = "\N{HORIZONTAL ELLIPSIS}"
"""Stands in folded text for a piece that is not known."""


_LONGEST = 10_000
"""Characters of folded text: a name that doubles another, sixty times over, must not be written out."""


class Unfolded(Exception):
    """The value is not known."""


class Values:
    """Answers "which constant is this expression"."""

    def __init__(self, types: Inference) -> None:
        self.types = types
        self._active: set[Where] = set()
        # By the place of a definition, which has one right side.
        self._folded: Memos[Where, Constant] = Memos()
        self._pieced: Acyclic[Where, str] = Acyclic(UNKNOWN)

    def constant(self, expr: f.Expr | None, where: Where) -> Constant:
        """The constant an expression folds to; raises `Unfolded` when it is not one."""
        match expr:
            case f.Const(value=value):
                return value
            case f.Joined(parts=parts):
                return _short("".join(str(self.constant(part, where)) for part in parts))
            case f.Binary(op="+", left=left, right=right):
                a, b = self.constant(left, where), self.constant(right, where)
                if isinstance(a, str) and isinstance(b, str):
                    return _short(a + b)
                if isinstance(a, (int, float)) and isinstance(b, (int, float)):
                    return a + b
            case f.Binary(op="*", left=left, right=right):
                a, b = self.constant(left, where), self.constant(right, where)
                if isinstance(a, (int, float)) and isinstance(b, (int, float)):
                    return a * b
            case f.Name() | f.Attr():
                found = list(self.definitions(expr, where))
                if len(found) == 1:
                    return self._guarded(*found[0])
            case f.CallRef(index=index):
                return self._called(where[0], index)
        raise Unfolded

    def folded(self, expr: f.Expr | None, where: Where) -> Constant:
        """The constant an expression folds to; None when it is not one."""
        try:
            return self.constant(expr, where)
        except Unfolded:
            return None

    def _guarded(self, expr: f.Expr, where: Where) -> Constant:
        memo = self._folded[where]
        if memo is not None:
            recording.depend_on(memo[1])
            return memo[0]
        if where in self._active or len(self._active) > 30:
            recording.depend_on(None)
            raise Unfolded
        self._active.add(where)
        try:
            memo = recording.tracked(lambda: self.constant(expr, where))
        finally:
            self._active.discard(where)
        self._folded.keep(where, memo)
        return memo[0]

    def _called(self, module: Module, index: int) -> Constant:
        """Field(default=...) of a settings class, str(x), HTTPStatus members aside."""
        call = module.facts.calls[index]
        where = (module, call.block, call.start)
        name = self.types.name_of_type(self.types.callee(module, call))
        if name in ("pydantic.Field", "sqlmodel.Field"):
            for argument in call.args:
                if argument.name == "default" or (argument.name == "" and argument is call.args[0]):
                    return self.constant(argument.value, where)
        if name == "str" and len(call.args) == 1:
            return str(self.constant(call.args[0].value, where))
        raise Unfolded

    def text(self, expr: f.Expr | None, where: Where) -> str | None:
        """The string an expression folds to, or None."""
        value = self.folded(expr, where)
        return value if isinstance(value, str) else None

    def number(self, expr: f.Expr | None, where: Where) -> int | float | None:
        """The number an expression folds to (bools aside), or None."""
        value = self.folded(expr, where)
        return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None

    def pieces(self, expr: f.Expr | None, where: Where) -> str:
        """Folded text in which every unknown piece is `UNKNOWN`; for paths and prefixes that are known in part."""
        match expr:
            case None:
                return ""
            case f.Joined(parts=parts):
                return "".join(self.pieces(part, where) for part in parts)
            case f.Binary(op="+", left=left, right=right):
                return self.pieces(left, where) + self.pieces(right, where)
            case f.Name() | f.Attr():
                found = list(self.definitions(expr, where))
                if len(found) == 1:
                    return self._pieced.ask(found[0][1], lambda: _short_pieces(self.pieces(*found[0])))
        try:
            value = self.constant(expr, where)
        except Unfolded:
            return UNKNOWN
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return str(value)
        return value if isinstance(value, str) else UNKNOWN

    def definitions(self, expr: f.Expr, where: Where) -> Iterator[tuple[f.Expr, Where]]:
        """The right sides that a name or attribute can stand for, in any module; nothing when one is not known."""
        if isinstance(expr, f.Name):
            module = where[0]
            found = self.types.find_bindings(expr.id, where)
            if found and self._grows(module, expr.id, found[0]):
                return
            yield from self._values(module, expr.id, found)
            if not found and (starred := self.types.export_alias(module, expr.id)):
                yield starred
        elif isinstance(expr, f.Attr):
            if expr.attr == "value" and isinstance(expr.value, f.Attr):
                yield from self._of_member(expr.value, where)
            owner = self.types.infer(expr.value, where)
            match owner:
                case ModuleObject(module=module):
                    found = self.types.bindings(module).get((-1, -1), {}).get(expr.attr, [])
                    if found:
                        yield from self._values(module, expr.attr, found)
                    elif answer := self.types.export_alias(module, expr.attr):
                        yield answer
                case ClassObject(cls=cls) | Instance(cls=Class() as cls):
                    yield from self.members(cls, expr.attr)

    def _of_member(self, member: f.Attr, where: Where) -> Iterator[tuple[f.Expr, Where]]:
        """What a member of an enumeration was made with: `Paths.API.value`."""
        owner = self.types.infer(member.value, where)
        entry = owner.cls.assigns.get(member.attr) if isinstance(owner, ClassObject) else None
        if isinstance(owner, ClassObject) and entry is not None and entry.value is not None:
            if any(
                isinstance(base, str) and base.startswith(("enum.", "StrEnum")) for base in self.types.mro(owner.cls)
            ):
                yield entry.value, (owner.cls.module, entry.block, entry.start)

    def _grows(self, module: Module, name: str, binding: Binding) -> bool:
        """Whether a name is augmented (`+=`) in the scope that binds it: its first value is then not its value."""
        holder = module.facts.blocks[binding.block]
        every = self.types.bindings(module).get((holder.function, holder.cls), {}).get(name, ())
        return any(isinstance(b.entry, f.Assign) and b.entry.op not in ("=", ":=", "type") for b in every)

    def _values(self, module: Module, name: str, found: list[Binding]) -> Iterator[tuple[f.Expr, Where]]:
        useful = [b for b in found if not (isinstance(b.entry, f.Assign) and is_none(b.entry.value))]
        if len(useful) != 1:
            return
        entry = useful[0].entry
        if (
            isinstance(entry, f.Assign)
            and isinstance(entry.target, f.Name)
            and entry.value is not None
            and entry.op in ("=", ":=")
        ):
            yield entry.value, (module, entry.block, entry.start)
        elif isinstance(entry, f.Import):
            answer = self.types.alias_of(module, name, useful)
            if answer is not None:
                yield answer
        elif isinstance(entry, f.Param) and entry.default is not None:
            return

    def members(self, cls: Class, attr: str) -> Iterator[tuple[f.Expr, Where]]:
        """What an attribute of a class, or of an object of it, is assigned from."""
        for base in self.types.mro(cls):
            if not isinstance(base, Class):
                continue
            if (entry := base.assigns.get(attr)) is not None:
                if entry.value is not None:
                    yield entry.value, (base.module, entry.block, entry.start)
                return
            if found := self.types.self_assigns(base).get(attr):
                if len(found) == 1 and found[0][0].value is not None:
                    assign, function = found[0]
                    yield assign.value, (function.module, assign.block, assign.start)  # type: ignore[misc]
                return

    def status(self, expr: f.Expr | None, where: Where) -> int | None:
        """An HTTP status: a number, `status.HTTP_201_CREATED`, `HTTPStatus.CREATED`; None when not known."""
        if isinstance(expr, f.Attr) and expr.attr == "value":
            expr = expr.value
        name = None
        if isinstance(expr, (f.Attr, f.Name)):
            value = self.types.infer(expr, where)
            name = value.name if isinstance(value, External) else None
        if name:
            last = name.rsplit(".", 1)[-1]
            if last.startswith("HTTP_") and last[5:8].isdigit():
                return int(last[5:8])
            if name.startswith("http.HTTPStatus."):
                from http import HTTPStatus

                member = HTTPStatus.__members__.get(last)
                return int(member) if member is not None else None
        number = self.number(expr, where)
        return int(number) if number is not None else None


def _short_pieces(text: str) -> str:
    return text if len(text) <= _LONGEST else UNKNOWN


def _short(text: str) -> str:
    if len(text) > _LONGEST:
        raise Unfolded
    return text
