"""What stands in `**options`: in those that a call unpacks, and in those that a function collects. Knows no ways."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.bodies.arguments import unpacked
from fastapi_lint.model.calls.ways.constants import ENTRIES, UNKNOWN, Constants, Value, entries
from fastapi_lint.model.names.symbols import Function

_CHANGES = frozenset({"update", "setdefault", "clear", "popitem", "__setitem__"})


def collecting(function: Function) -> str:
    """The parameter in which a function collects keywords, if it changes nothing in it but by taking some out."""
    name = next((param.name for param in function.params if param.kind == "kwargs"), "")
    if not name:
        return ""
    itself, module = f.Name(name), function.module
    for entry in module.assigns_in.get(function.index, ()):
        if entry.target == itself or (isinstance(entry.target, f.Sub) and entry.target.value == itself):
            return ""
    if any(leave.kind == "del" for leave in function.exits):
        return ""
    for call in function.calls:
        if isinstance(call.func, f.Attr) and call.func.value == itself and call.func.attr in _CHANGES:
            return ""
        if any(arg.name != "**" and arg.value == itself for arg in call.args):
            return ""  # who knows what is done with it there
    return name


def _taken_out(function: Function, name: str) -> frozenset[str] | None:
    """The keys that a function takes out of what it has collected; None where it is not known which."""
    found = set()
    for call in function.calls:
        if call.func == f.Attr(f.Name(name), "pop"):
            key = call.args[0].value if call.args else None
            if not isinstance(key, f.Const) or not isinstance(key.value, str):
                return None
            found.add(key.value)
    return frozenset(found)


class Keywords:
    """Answers what one call gives by keywords that it unpacks; `known` are the constants of the caller's parameters."""

    def __init__(self, constants: Constants, call: f.Call, caller: Function | None, known: Mapping[str, Value]) -> None:
        self.constants = constants
        self.call = call
        self.caller = caller
        self.known = known

    def unpacked_for(self, names: Collection[str], defaults: Mapping[str, Value]) -> Iterator[tuple[str, Value]]:
        """What stands behind the stars for parameters that a call does not name, where it is not their default."""
        kinds = {arg.name for arg in self.call.args}
        for name in names if kinds & {"*", "**"} else ():
            unpacked = (arg.value for arg in self.call.args if arg.name == "**")
            given = [value for expr in unpacked for value in self._entry(expr, name)]
            if "*" not in kinds and not given:
                continue
            value = UNKNOWN if "*" in kinds else given[0]
            default = defaults.get(name, UNKNOWN)
            if value != default or type(value) is not type(default):
                yield name, value

    def collected_by(self, function: Function, passed: Mapping[str, Value]) -> Iterator[tuple[str, Value]]:
        """What a function that collects keywords finds there; `passed` is what the call gives by name."""
        names = {param.name for param in function.params if param.kind in ("normal", "keyword-only")}
        found = {name: value for name, value in passed.items() if name.isidentifier() and name not in names}
        for arg in self.call.args:
            if arg.name == "**":
                content = self._content(arg.value)
                if content is None:
                    yield collecting(function), UNKNOWN
                    return
                found.update((name, value) for name, value in content if name not in names)
        if found:
            yield collecting(function), (ENTRIES, *sorted(found.items(), key=lambda each: each[0]))

    def _entry(self, expr: f.Expr, name: str) -> Iterator[Value]:
        content = self._own(expr)
        if content is not None:
            yield from (value for key, value in content if key == name)
        elif self.caller is None or self._is_own(expr):
            yield UNKNOWN
        else:
            where = (self.caller.module, self.call.block, self.call.start)
            found = unpacked(self.constants.values, expr, where, name)
            if found is not None:
                yield UNKNOWN if isinstance(found[0], f.Unknown) else self.constants.of(*found)

    def _content(self, expr: f.Expr) -> list[tuple[str, Value]] | None:
        """All that is unpacked; None where that is not known."""
        if (content := self._own(expr)) is not None:
            return content
        if not isinstance(expr, f.Mapping) or self.caller is None:
            return None
        where = (self.caller.module, self.call.block, self.call.start)
        found = []
        for key, value in expr.items:
            if not isinstance(key, f.Const) or not isinstance(key.value, str):
                return None
            found.append((key.value, self.constants.of(value, where)))
        return found

    def _is_own(self, expr: f.Expr) -> bool:
        """Whether the caller hands on what it has collected."""
        return self.caller is not None and any(
            param.kind == "kwargs" and expr == f.Name(param.name) for param in self.caller.params
        )

    def _own(self, expr: f.Expr) -> list[tuple[str, Value]] | None:
        """What the caller has collected and hands on, as far as it is known."""
        if self.caller is None or self.caller.is_async or not isinstance(expr, f.Name):
            return None
        if collecting(self.caller) != expr.id or (gone := _taken_out(self.caller, expr.id)) is None:
            return None
        content = entries(self.known.get(expr.id, UNKNOWN))
        return None if content is None else [(name, each) for name, each in content if name not in gone]
