"""What is done to an object after it was made: `+=`, `append`, `update`, items and attributes that are set, by its own
methods as well."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.modules import Binding
from fastapi_lint.model.names.symbols import FunctionObject, Module
from fastapi_lint.model.taint.asking import Asks
from fastapi_lint.model.taint.strands import (
    EACH,
    KEYS,
    NOTHING,
    Path,
    Step,
    Value,
    concatenated,
    has_strands,
    mapped,
    union,
)
from fastapi_lint.model.types.inference.inference import Where

_ADDING = frozenset({"append", "add", "appendleft", "insert", "put", "put_nowait"})
_EXTENDING = frozenset({"extend", "update", "extendleft", "write", "writelines"})


@dataclass(frozen=True)
class _Change:
    """One thing that is done to a variable: how, with which value, where; `within`: to this attribute of it."""

    how: str
    key: f.Expr | None
    value: f.Expr
    block: int
    start: int
    end: int
    within: str = ""


class Changes:
    """Answers "what is an object by now", from the facts of one function at a time."""

    def __init__(self) -> None:
        self._tables: dict[tuple[Module, int], dict[str, list[_Change]]] = {}

    def applied(
        self, asks: Asks, name: str, binding: Binding, where: Where, path: Path, base: Value, depth: int
    ) -> Value:
        """A variable's first value with all that is done to it before a place."""
        module = where[0]
        function = module.facts.blocks[binding.block].function
        changes: Sequence[_Change] = self._of(module, function).get(name, ())
        if path and isinstance(path[0], str) and path[0].startswith("."):  # what methods put there
            changes = sorted([*changes, *self._by_methods(module, function, name)], key=lambda change: change.start)
        for change in changes:
            if not binding.start <= change.start < where[2]:
                continue
            place = (module, change.block, change.start)
            value = self._one(asks, change, place, path, base, depth)
            if value is None:
                continue
            if has_strands(value) and not asks.checking and value != base:
                step = Step(module, change.start, change.end, f"it gets into `{name}`")
                value = mapped(value, lambda strand, step=step: strand.behind(step))  # type: ignore[misc]
            base = value
        return base

    def _one(self, asks: Asks, change: _Change, place: Where, path: Path, base: Value, depth: int) -> Value | None:
        """The value after one change; None when it does not touch what is asked for."""
        if change.within:
            if path[:1] != (f".{change.within}",):
                return None
            path = path[1:]
        key = path[0] if path else None

        def added(expr: f.Expr | None, path: Path = ()) -> Value:
            return asks.cleared(asks.value(expr, place, path, depth), place)

        match change.how:
            case "+=" if not path:
                return concatenated((base, added(change.value)))
            case "+=" | "|=" | "extend":
                return union((base, added(change.value, path))) if path or asks.checking else None
            case "append" if path and key != KEYS:
                return union((base, added(change.value, path[1:])))
            case "[]" if path:
                if key == KEYS:
                    return union((base, added(change.key)))
                if key != EACH and (not isinstance(change.key, f.Const) or key != change.key.value):
                    return None
                return union((base, added(change.value, path[1:])))
            case "keyword" if path and isinstance(change.key, f.Const) and key in (EACH, change.key.value):
                return union((base, added(change.value, path[1:])))
            case "." if path and isinstance(change.key, f.Const) and key == f".{change.key.value}":
                return added(change.value, path[1:])  # what was there before is gone
            case "call":
                return self._by_method(asks, change.value, place, path, base, depth)
        return None

    def _by_method(self, asks: Asks, expr: f.Expr, place: Where, path: Path, base: Value, depth: int) -> Value | None:
        """The value after a method of the object has put something into it: `query.where(clause)`."""
        call = place[0].facts.calls[expr.index] if isinstance(expr, f.CallRef) else None
        target, args = asks.callee(call, place) if call is not None else (None, ())
        if call is None or not isinstance(target, FunctionObject) or target.function.cls is None:
            return None
        method = target.function
        found = [base]
        for inner in self._of(method.module, method.index).get(method.params[0].name, ()) if method.params else ():
            value = self._one(asks, inner, (method.module, inner.block, inner.start), path, NOTHING, depth + 1)
            if value is not None and has_strands(value):
                found.append(asks.filled(value, method, call, args, place))
        return union(found) if len(found) > 1 else None

    def _of(self, module: Module, function: int) -> dict[str, list[_Change]]:
        key = (module, function)
        if key not in self._tables:
            table: dict[str, list[_Change]] = {}
            for assign in module.assigns_in.get(function, ()):
                if assign.value is None:
                    continue
                span = (assign.block, assign.start, assign.end)
                match assign.target:
                    case f.Name(id=name) if assign.op in ("+=", "|="):
                        table.setdefault(name, []).append(_Change(assign.op, None, assign.value, *span))
                    case f.Sub(value=f.Name(id=name), items=(item,)) if assign.op == "=":
                        table.setdefault(name, []).append(_Change("[]", item, assign.value, *span))
                    case f.Attr(value=f.Name(id=name), attr=attr) if assign.op == "=":
                        table.setdefault(name, []).append(_Change(".", f.Const(attr), assign.value, *span))
            for call in module.calls_in.get(function, ()):
                match call.func:
                    case f.Attr(value=f.Name(id=name), attr=attr) if attr in _ADDING and call.args:
                        self._note(table, name, "append", call, call.args[-1].value)
                    case f.Attr(value=f.Name(id=name), attr=attr) if attr in _EXTENDING and call.args:
                        for arg in call.args:
                            if arg.name and not arg.name.startswith("*"):
                                span = (call.block, call.start, call.end)
                                change = _Change("keyword", f.Const(arg.name), arg.value, *span)
                                table.setdefault(name, []).append(change)
                            else:
                                self._note(table, name, "extend", call, arg.value)
                    case f.Attr(value=f.Name(id=name), attr="setdefault") if len(call.args) == 2:
                        span = (call.block, call.start, call.end)
                        change = _Change("[]", call.args[0].value, call.args[1].value, *span)
                        table.setdefault(name, []).append(change)
                    case f.Attr(value=f.Attr(value=f.Name(id=name), attr=within), attr=attr) if call.args:
                        if attr in _ADDING:
                            self._note(table, name, "append", call, call.args[-1].value, within)
                        elif attr in _EXTENDING:
                            self._note(table, name, "extend", call, call.args[0].value, within)
            for changes in table.values():
                changes.sort(key=lambda change: change.start)
            self._tables[key] = table
        return self._tables[key]

    @staticmethod
    def _by_methods(module: Module, function: int, name: str) -> Iterator[_Change]:
        """The calls of other methods of a variable, which may put something into its object."""
        for call in module.calls_in.get(function, ()):
            match call.func:
                case f.Attr(value=f.Name(id=owner), attr=attr) if owner == name and call.args:
                    if attr not in _ADDING and attr not in _EXTENDING and (attr != "setdefault" or len(call.args) != 2):
                        itself = f.CallRef(module.call_numbers[call.start, call.end])
                        yield _Change("call", None, itself, call.block, call.start, call.end)

    @staticmethod
    def _note(
        table: dict[str, list[_Change]], name: str, how: str, call: f.Call, value: f.Expr, within: str = ""
    ) -> None:
        table.setdefault(name, []).append(_Change(how, None, value, call.block, call.start, call.end, within))
