"""Which of several functions or objects is meant by a call: by the code around it, or by whoever calls that."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint import catalog
from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import (
    External,
    Function,
    FunctionObject,
    Method,
    Module,
    OneOf,
    Partial,
    Type,
    without_partials,
)
from fastapi_lint.model.taint.asking import Called
from fastapi_lint.model.taint.entries import Entries
from fastapi_lint.model.types.inference.inference import DEPENDS, Inference, Where
from fastapi_lint.tracking import memoized

HANDING_OVER = (External, Method, Partial, OneOf)
"""What may have something else run."""


class Choosing:
    """Answers "what does this call, with which arguments"."""

    types: Inference
    entries: Entries

    def callee(self, call: f.Call, where: Where) -> Called:
        """What a call calls, with which arguments; that of a hand-off (`to_thread`) is what is handed over."""
        found = self.callees(call, where)
        return found[0] if len(found) == 1 else (None, found[0][1])  # which one is not known

    def callees(self, call: f.Call, where: Where) -> tuple[Called, ...]:
        """As `callee`; of several that the code itself chooses from, each of them."""
        target = self.types.callee(where[0], call)
        return self.handed(call, target, where) if type(target) in HANDING_OVER else ((target, call.args),)

    def handed(self, call: f.Call, target: Type, where: Where) -> tuple[Called, ...]:
        """The same of a call of which it is known what it calls, when that is one of `HANDING_OVER`."""
        chosen: f.Expr = call.func
        kind, args = type(target), call.args
        if kind is External and catalog.handoff(target.name) is None:  # type: ignore[union-attr]
            return ((target, args),)
        if kind is Method and target.name not in catalog.handoff_names():  # type: ignore[union-attr]
            return ((target, args),)
        for _ in range(3):
            target = without_partials(target)
            name = target.name if isinstance(target, External) else target.dotted if isinstance(target, Method) else ""
            handoff = catalog.handoff(name) if name else None
            if handoff is None or handoff.gives != "result" or len(args) <= handoff.argument:
                break
            given = args[handoff.argument]
            if given.name not in ("", handoff.keyword):
                break
            chosen = given.value
            target, args = self.types.infer(chosen, where), args[handoff.argument + 1 :]
        if not isinstance(target, OneOf):
            return ((target, args),)
        if is_up_to_callers(chosen, where, self.types, self.entries):
            return ((None, args),)
        return tuple((option, args) for option in target.options)

    @memoized
    def chosen_in(self, module: Module) -> dict[Function, list[tuple[f.Call, bool]]]:
        """The calls in a module that may run a function under another name, by that; and whether they hand it over."""
        handing = catalog.handoff_names()
        found: dict[Function, list[tuple[f.Call, bool]]] = {}
        for call in module.facts.calls:
            name = f.last_name(call.func)
            if name in handing or isinstance(call.func, (f.Name, f.Sub, f.Choice)):
                for one, _ in self.callees(call, (module, call.block, call.start)):
                    if isinstance(one, FunctionObject) and (name in handing or one.function.name != name):
                        found.setdefault(one.function, []).append((call, name in handing))
        return found


def is_up_to_callers(expr: f.Expr, where: Where, types: Inference, entries: Entries) -> bool:
    """Whether what an expression stands for is handed in: a parameter, or what an object was made with. Each caller
    means one of those that all of them give; what a branch, a table or a dependency chooses is any of them."""
    function = where[0].enclosing(where[1])
    for name in _roots(expr):
        for binding in types.find_bindings(name, where):
            if isinstance(binding.entry, f.Param):
                injected = entries.parameters(function).get(name) if function is not None else None
                if injected is None or injected.marker not in DEPENDS or injected.fact is not binding.entry:
                    return True
            elif isinstance(binding.entry, f.Assign) and _is_another_name(binding.entry, where, types, entries):
                return True
    return False


def _is_another_name(entry: f.Assign, where: Where, types: Inference, entries: Entries) -> bool:
    """Whether a variable is another name of what is handed in."""
    if not isinstance(entry.value, (f.Name, f.Attr, f.Choice)) or entry.start >= where[2]:
        return False
    return is_up_to_callers(entry.value, (where[0], entry.block, entry.start), types, entries)


def _roots(expr: f.Expr) -> Iterator[str]:
    """The names at which an expression begins."""
    match expr:
        case f.Name(id=name):
            yield name
        case f.Attr(value=value) | f.Sub(value=value) | f.Await(value=value):
            yield from _roots(value)
        case f.Choice(options=options):
            for option in options:
                yield from _roots(option)
